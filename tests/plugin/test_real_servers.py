"""A server on loopback as the target: reached, cleaned up, and told apart from one that is not there."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Server(ThreadingHTTPServer):
    """Says yes to everything after *pause* seconds, and remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Yes)
        self.seen: list[tuple[str, str]] = []
        self.pause = 0.0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def paths(self, method: str) -> list[str]:
        """The paths asked for with *method*, sorted."""
        return sorted(path for asked, path in self.seen if asked == method)


class _Yes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two, the second waits for the first one's acknowledgement

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        assert isinstance(self.server, Server)
        self.server.seen.append((self.command, self.path))
        time.sleep(self.server.pause)
        self.send_response(200)
        self.send_header("content-length", "3")
        self.end_headers()
        self.wfile.write(b"{}\n")

    do_POST = do_DELETE = do_PUT

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server in this process, on a port of its own."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


SUITE = """
    import pytest

    pytestmark = pytest.mark.cio_load(rate=20, duration=1, max="10s")

    async def test_async(cio, cio_load):
        await cio.identify(cio_load.user.id, email=cio_load.user.email)

    def test_sync(cio_sync, cio_load):
        cio_sync.identify(cio_load.user.id, email=cio_load.user.email)
"""


@pytest.mark.parametrize("how", ["option", "ini", "fixture", "marker"])
def test_a_server_is_named(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], server: Server, how: str) -> None:
    """On the command line, in the ini file, by a fixture or by the marker; every made-up person is deleted from it again."""
    named = SUITE if how != "marker" else SUITE.replace('max="10s"', f'max="10s", target="{server.url}"')
    pytester.makepyfile(named)
    if how == "ini":
        pytester.makeini(f"[pytest]\ncio_target = {server.url}\n")
    if how == "fixture":
        pytester.makeconftest(f"import pytest\n\n@pytest.fixture\ndef cio_target():\n    return {server.url!r}\n")
    documents = runs(*(["--cio-target", server.url] if how == "option" else []))
    seen = {(document["verdict"], document["clock"], document["target"]) for document in documents.values()}
    assert seen == {("kept", "wall", server.url)}
    assert {document["cleanup"]["deleted"] for document in documents.values()} == {20}
    assert server.paths("DELETE") == server.paths("PUT")
    assert len(set(server.paths("PUT"))) == 40


def test_two_runs_never_share_a_person(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], server: Server) -> None:
    """A server keeps people from one run to the next."""
    pytester.makepyfile(SUITE)
    for _ in range(2):
        run("--cio-target", server.url, "-k", "async").assert_outcomes(passed=1)
    assert len(set(server.paths("PUT"))) == 40


def test_people_are_deleted_after_a_broken_contract(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], server: Server
) -> None:
    """Whatever the body did: also those who were sent by iterations that failed."""
    pytester.makepyfile(SUITE.replace("email=cio_load.user.email)", "email=cio_load.user.email)\n        assert cio_load.index % 2"))
    run("--cio-target", server.url).assert_outcomes(failed=2)
    assert server.paths("DELETE") == server.paths("PUT")


def test_nobody_is_there(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Every iteration fails with what failed; the people that could not be deleted are said, and no credential is."""
    pytester.makepyfile(SUITE.replace("10s", "60s"))  # what is refused is tried again for ten seconds
    result = run("--cio-target=http://127.0.0.1:1", "-k", "async")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["contract broken: errors count was 20, promised count==0"])
    result.stdout.fnmatch_lines(["  20 × Unreachable at test_nobody_is_there.py:*"])
    assert "20 of 20 made-up people could not be deleted" in result.stdout.str()
    assert "cio-load-api-key" not in result.stdout.str()


def test_a_request_that_takes_too_long(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], server: Server) -> None:
    """``timeout`` of the workspace marker comes before the option, and ends a request, not the run."""
    server.pause = 1.0
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_workspace(timeout="50ms")
        @pytest.mark.cio_load(rate=2, duration=1, errors=2, max="1h")
        async def test_it(cio, cio_load):
            await cio.track("ada", "opened")
    """)
    document = runs("--cio-target", server.url, "--cio-timeout=1h")["test_it"]
    assert document["iterations"]["errors"] == 2
    assert document["failures"][0]["kind"] == "Unreachable"
    assert document["metrics"]["attempts"]["min"] > 1


REFUSED = {
    "https://track.customer.io": "target='https://track.customer.io': expected a server on loopback; load goes to this machine, or past",
    "http://127.example.com": "target='http://127.example.com': expected a server on loopback",
    "production": "target='production': expected 'mock', 'fake', 'staging', or the URL of a server on loopback",
    "": "target='': expected 'mock', 'fake', 'staging', or the URL of a server on loopback",
}


@pytest.mark.parametrize("target", REFUSED)
def test_a_fixture_cannot_name_another_machine(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], target: str) -> None:
    """What a fixture names is known only when it runs; it is refused then, in marked tests and in others."""
    pytester.makepyfile(f"""
        import pytest

        @pytest.fixture
        def cio_target():
            return {target!r}

        @pytest.mark.cio_load(rate=20, duration=1)
        async def test_marked(cio):
            open("iterated", "w")

        def test_unmarked(cio_sync):
            open("iterated", "w")
    """)
    result = run()
    result.assert_outcomes(errors=2)
    # Counted in the reports only: where CI is set, pytest's summary repeats messages uncut.
    assert result.stdout.str().count(f"\nE               pytest_cio_load.errors.ContractError: {REFUSED[target]}") == 2
    assert not (pytester.path / "iterated").exists()


REFUSED_THEN = {
    "virtual time": (", clock='virtual'", "cio", "clock='virtual': expected the mock as target: a server answers in real time"),
    "the fake": ("", "cio, cio_fake", "cio_fake: expected the mock or the fake as target, not 'http://127.0.0.1:1'; ask the server"),
}


@pytest.mark.parametrize("case", REFUSED_THEN)
def test_what_a_server_cannot_do(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], case: str) -> None:
    """Skip time, or be looked into."""
    marker, fixtures, told = REFUSED_THEN[case]
    pytester.makepyfile(f"""
        import pytest

        @pytest.fixture
        def cio_target():
            return "http://127.0.0.1:1"

        @pytest.mark.cio_load(rate=20, duration=1{marker})
        async def test_it({fixtures}):
            pass
    """)
    result = run()
    result.assert_outcomes(errors=1)
    assert told in result.stdout.str()


@pytest.mark.parametrize("how", ["default", "marker", "option"])
def test_the_region_decides_the_host(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], how: str) -> None:
    """The mock stands where the account's region is."""
    host = "track.customer.io" if how == "default" else "track-eu.customer.io"
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.cio_workspace({'region="eu"' if how == "marker" else ""})
        @pytest.mark.cio_load(rate=20, duration=1, max=500)
        async def test_it(cio, cio_fake, cio_load):
            assert cio.workspace.base_url == "https://{host}"
            await cio.track(cio_load.user.id, "opened")
    """)
    run(*(["--cio-region=eu"] if how == "option" else [])).assert_outcomes(passed=1)
