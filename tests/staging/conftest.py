"""The stage on which staging and production are played: real host names, real TLS, real processes, and nothing leaves this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

import pytest_cio_load
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.safety import allowlist
from pytest_cio_load.safety.allowlist import Entry

HOME = str(Path(pytest_cio_load.__file__).parents[1])
PATIENCE = 120.0

STAGING, PRODUCTION, OTHER, EUROPE = "staging", "production", "other", "europe"
WORKSPACES: dict[str, dict[str, Any]] = {
    STAGING: {"environment_id": 1001, "name": "Staging", "region": "us"},
    PRODUCTION: {"environment_id": 1, "name": "Production", "region": "us"},
    OTHER: {"environment_id": 2002, "name": "Sandbox", "region": "us"},
    EUROPE: {"environment_id": 3003, "name": "Staging Europe", "region": "eu"},
}
"""Four workspaces of one account: who may be reached, who never may, and two that are easily mistaken for the first."""

PYTEST = (
    *("-m", "pytest", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"),
    *("--disable-plugin-autoload", "-p", "cio_load", "-p", "asyncio", "-p", "xdist", "--cio-cleanup-wait=500ms"),
)
"""Without whatever else this machine has installed for pytest, which would cost each of many processes most of a second."""

PRIVATE = "nobody-may-read-this"
"""The value of an attribute, which the suites on the stage send; whole it stands in none of them."""

# Loaded by every Python that the stage starts, before anything else: what looks a name up by itself, past the proxy, is written down
# and not answered, so that not even a test that fails can reach a real server. And a disk can be played that is full.
_FIRST = '''
import os, socket, sys

if "STAGE_LARGEST_FILE" in os.environ:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["STAGE_LARGEST_FILE"]),) * 2)

def refusing(event, found):
    def look(host, *arguments, **keywords):
        name = host.decode() if isinstance(host, bytes) else host
        if name and not name.startswith("127.") and name not in ("localhost", "::1"):
            sys.audit(event, host, *(arguments or (None,)), 0, 0, 0)  # who watches look-ups is to see them here too
            with open(os.environ["STAGE_LOOKUPS"], "a", encoding="utf-8") as file:
                file.write(f"{name}\\n")
            raise socket.gaierror(socket.EAI_NONAME, "no names are looked up on the stage")
        return found(host, *arguments, **keywords)
    return look

for name, event in (("getaddrinfo", "getaddrinfo"), ("gethostbyname", "gethostbyname"), ("gethostbyname_ex", "gethostbyname")):
    setattr(socket, name, refusing(f"socket.{event}", getattr(socket, name)))
'''


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a process that was run on the stage.

    Attributes:
        code: its exit code.
        text: everything it printed.
        written: everything it wrote below its folder, by the path of the file.
        writes: operations that would change a workspace and arrived at the fake, by workspace; none where there were none.
        reads: operations that would not, in the same way.
        tunnels: what was asked of the proxy.
        lookups: names looked up past the proxy.
    """

    code: int
    text: str
    written: dict[str, str]
    writes: dict[str, int]
    reads: dict[str, int]
    tunnels: list[tuple[str, bool]]
    lookups: list[str]

    @property
    def is_untouched(self) -> bool:
        """Whether no workspace was written to."""
        return not self.writes

    @property
    def words(self) -> str:
        """What it printed in one line, without the marks of a traceback."""
        return " ".join(line.removeprefix("E ").strip() for line in self.text.splitlines())

    def assert_refused(self, *says: str) -> None:
        """Not green, nothing written anywhere, no secret shown, and everything said that must be."""
        assert self.code != 0, self.text
        assert " passed" not in self.words
        assert self.is_untouched
        assert self.secrets() == []
        assert [word for word in says if word not in self.words] == [], self.text

    def secrets(self, *more: str) -> list[str]:
        """Where a key of any workspace, an attribute's value or one of *more* stands in what was printed and written, a line each."""
        looked_for = {key: f"{name} of {whose}" for whose in WORKSPACES for name, key in Stage.credentials(whose).items()}
        looked_for |= {text: repr(text) for text in (PRIVATE, *more)}
        texts = {"what it printed": self.text, **self.written}
        return [f"{name} in {where}" for where, text in texts.items() for key, name in looked_for.items() if key in text]


class Stage:
    """A served account, the way to it by Customer.io's own names, and a place where processes are run with both.

    Args:
        folder: for what belongs to the stage itself.
        workspaces: of the account, by name; settings of `FakeWorkspace` but for the credentials.
    """

    def __init__(self, folder: Path, workspaces: dict[str, dict[str, Any]]) -> None:
        self._names = tuple(workspaces)
        self._folder, self._lookups = folder, folder / "lookups.txt"
        (folder / "sitecustomize.py").write_text(_FIRST, encoding="utf-8")
        self.fake = ServedFake([{"latency": "2ms", **_keys(name), **settings} for name, settings in workspaces.items()])
        self.proxy, (_, self.ca_file) = self.fake.serve_proxy(), self.fake.serve_https()

    @staticmethod
    def credentials(whose: str) -> dict[str, str]:
        """The three of a workspace, as the environment holds them; made up, and found again by a search for any of them."""
        names = {"CIO_LOAD_SITE_ID": "5173", "CIO_LOAD_API_KEY": "4b1d", "CIO_LOAD_APP_KEY": "a99c"}
        return {name: f"{start}{whose.encode().hex()}{start[::-1]}" for name, start in names.items()}

    def workspace(self, name: str) -> Any:
        """One workspace of the account, to be asked and to have faults arranged."""
        return self.fake.workspaces[self._names.index(name)]

    def clear(self) -> None:
        """Forget whatever was done on it."""
        self.fake.reset()
        self._lookups.unlink(missing_ok=True)

    def environment(self, said: dict[str, str | None] | None = None, *, whose: str = STAGING) -> dict[str, str]:
        """Of a process on the stage: led to the fake, opted in and with the credentials of a workspace, but for what is *said*."""
        kept = {name: value for name, value in os.environ.items() if not _is_in_the_way(name)}
        places = {"PYTHONPATH": os.pathsep.join((str(self._folder), HOME)), "STAGE_LOOKUPS": str(self._lookups)}
        leads = {"HTTPS_PROXY": self.proxy, "HTTP_PROXY": self.proxy, "NO_PROXY": "127.0.0.1,localhost"}
        trusts = {"SSL_CERT_FILE": self.ca_file, "REQUESTS_CA_BUNDLE": self.ca_file}
        stated = {**kept, **places, **leads, **trusts, "CIO_LOAD_LIVE": "1", **self.credentials(whose), **(said or {})}
        return {name: value for name, value in stated.items() if value is not None}

    def start(self, folder: Path, *arguments: str, **said: str | None) -> subprocess.Popen[str]:
        """Start Python with these arguments, for what is to be killed; its output goes to ``printed.txt`` in *folder*."""
        with (folder / "printed.txt").open("w", encoding="utf-8") as printed:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": printed, "stderr": subprocess.STDOUT}
            return subprocess.Popen([sys.executable, *arguments], cwd=folder, env=self.environment(said), text=True, **streams)

    def play(self, folder: Path, *arguments: str, **said: str | None) -> Played:
        """Run Python with these arguments in *folder*, to its end.

        Args:
            folder: where it runs and writes.
            arguments: of the interpreter, such as ``-m pytest``.
            said: changes to the environment; None takes a name away. ``STAGE_LARGEST_FILE`` is the most bytes that a file may get.
        """
        how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": PATIENCE}
        ended = subprocess.run([sys.executable, *arguments], cwd=folder, env=self.environment(said), check=False, **how)
        return self.played(folder, ended.returncode, ended.stdout + ended.stderr)

    def played(self, folder: Path, code: int, text: str) -> Played:
        """What can be told after a process that ran in *folder*."""
        reports = {name: self.workspace(name).delivery() for name in self._names}
        reads = {name: self.workspace(name).received() - reports[name].received for name in self._names}
        return Played(
            code,
            text,
            _written(folder),
            {name: report.received for name, report in reports.items() if report.received},
            {name: number for name, number in reads.items() if number},
            self.fake.tunnels,
            self._lookups.read_text(encoding="utf-8").split() if self._lookups.exists() else [],
        )

    def pytest(self, pytester: pytest.Pytester, *options: str, target: str | None = STAGING, **said: Any) -> Played:
        """Run the suite in *pytester*'s folder in a process of its own, at this target, or at the default one."""
        return self.play(pytester.path, *PYTEST, *([] if target is None else [f"--cio-target={target}"]), *options, **said)

    def start_pytest(self, folder: Path) -> subprocess.Popen[str]:
        """As `pytest`, without waiting for its end."""
        return self.start(folder, *PYTEST, f"--cio-target={STAGING}")

    def command(self, folder: Path, *arguments: str, **said: Any) -> Played:
        """Run ``cio-load``; a cleanup looks twice in quick succession."""
        arguments = (*arguments, "--wait=500ms") if arguments[0] == "cleanup" else arguments
        return self.play(folder, "-c", "from pytest_cio_load.cli import main; raise SystemExit(main())", *arguments, **said)

    def settle(self, whose: str, person: str) -> None:
        """Somebody real lives in a workspace."""
        known = self.credentials(whose)
        basic = httpx.BasicAuth(known["CIO_LOAD_SITE_ID"], known["CIO_LOAD_API_KEY"])
        with httpx.Client(auth=basic, trust_env=False) as client:
            assert client.put(f"{self.fake.url}/api/v1/customers/{person}", json={"plan": "pro"}).status_code == 200

    def allow(self, folder: Path, *listed: str | Entry) -> Path:
        """Write the allow-list of the suite in *folder*: workspaces by name, as they are, or entries that say otherwise."""
        path = folder / ".cio-load" / "allow.json"
        allowlist.write(path, [each if isinstance(each, Entry) else self.entry(each) for each in listed])
        return path

    def entry(self, whose: str, **otherwise: Any) -> Entry:
        """How a workspace is allowed, but for what is said otherwise."""
        settings = WORKSPACES[whose]
        site_id = self.credentials(whose)["CIO_LOAD_SITE_ID"]
        entry = Entry(allowlist.hash_of(site_id), settings["environment_id"], settings["region"], None, date(2026, 11, 24))
        return replace(entry, **otherwise)


def _keys(whose: str) -> dict[str, str]:
    return {name.removeprefix("CIO_LOAD_").lower(): key for name, key in Stage.credentials(whose).items()}


def _is_in_the_way(name: str) -> bool:
    """What the machine or the run around this one has set, and would be taken for the stage's."""
    return name.startswith(("CIO_", "CUSTOMERIO_", "PYTEST_")) or name.lower().endswith("_proxy") or name == "PYTHONPATH"


def _written(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): path.read_bytes().decode("utf-8", "replace") for path in paths}


@pytest.fixture(scope="session")
def whole_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage of this process, as it was left."""
    stage = Stage(tmp_path_factory.mktemp("stage"), WORKSPACES)
    with stage.fake:
        yield stage


@pytest.fixture
def stage(whole_stage: Stage) -> Stage:
    """The stage, cleared."""
    whole_stage.clear()
    return whole_stage


@pytest.fixture
def slow_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage on which what was accepted is applied a second later, as Customer.io does it."""
    stage = Stage(tmp_path_factory.mktemp("slow-stage"), {name: {**each, "processing_lag": "1s"} for name, each in WORKSPACES.items()})
    with stage.fake:
        yield stage
