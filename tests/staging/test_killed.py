"""A run that is killed leaves people behind that only its ledger knows of; ``cio-load cleanup`` finds every one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    Stage = Any

SCRIPT = Path(__file__).parents[2] / "examples" / "kill_and_clean.py"
PATIENCE = 120.0
LOAD = """
    import pytest

    @pytest.mark.cio_load(rate=80, duration=60)
    async def test_identify(cio, cio_load):
        await cio.identify(cio_load.user.id, plan="-".join(("nobody", "may", "read", "this")))
"""


def wait_until(process: subprocess.Popen[str], condition: Callable[[], bool], folder: Path) -> None:
    """Wait for what a process is to bring about. Fails when it ends before."""
    patience = time.monotonic() + PATIENCE
    while not condition():
        printed = (folder / "printed.txt").read_text(encoding="utf-8")
        assert process.poll() is None, printed
        assert time.monotonic() < patience, printed
        time.sleep(0.01)


def killed(stage: Stage, pytester: pytest.Pytester, how: signal.Signals, *, people: int) -> int:
    """A run ended by a signal once so many people are there: its exit code."""
    pytester.makepyfile(LOAD)
    stage.allow(pytester.path, "staging")
    process = stage.start_pytest(pytester.path)
    try:
        wait_until(process, lambda: stage.workspace("staging").received("identify") >= people, pytester.path)
        process.send_signal(how)
        return int(process.wait(PATIENCE))
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_a_random_moment(seed: int, tmp_path: Path) -> None:
    """As the example does it ten times: people were there, nobody is left, and the command says so."""
    arguments = [sys.executable, str(SCRIPT), "--times", "1", "--within", "3", "--seed", str(seed)]
    ended = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=2 * PATIENCE)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 of 1 clean" in ended.stdout


def test_real_people_stay(stage: Stage, pytester: pytest.Pytester) -> None:
    """Whoever is not in the ledger is not touched; nor is any other workspace, and no key is shown or written."""
    stage.settle("staging", "ada-lovelace")
    stage.settle("production", "ada-lovelace")
    assert killed(stage, pytester, signal.SIGKILL, people=40) == -signal.SIGKILL
    assert len(stage.workspace("staging").people) >= 40
    cleaned = stage.command(pytester.path, "cleanup")
    assert cleaned.code == 0, cleaned.text
    for whose in ("staging", "production"):
        assert stage.workspace(whose).people == {"ada-lovelace": {"id": "ada-lovelace", "plan": "pro"}}
    assert set(cleaned.writes) == {"staging", "production"}
    assert cleaned.writes["production"] == 1
    assert stage.workspace("staging").received("suppress") == 0
    assert cleaned.secrets() == []
    again = stage.command(pytester.path, "cleanup")
    assert again.code == 0, again.text
    assert again.writes == cleaned.writes


WRONG: dict[str, tuple[dict[str, str | None], str]] = {
    "no opt-in": ({"CIO_LOAD_LIVE": None}, "rule 'opt-in'"),
    "no API key": ({"CIO_LOAD_API_KEY": None}, "rule 'credentials'"),
    "an App key that is none": ({"CIO_LOAD_APP_KEY": "not-an-app-key"}, "rule 'app key'"),
    "a workspace that is not allowed": ({"whose": "production"}, "rule 'allow-list'"),
    "another that is": ({"whose": "other"}, "got another site id; expected that of workspace 1001"),
}


def test_cleaning_up_is_guarded_too(stage: Stage, pytester: pytest.Pytester) -> None:
    """Deleting is a write: with anything wrong, nothing is deleted, and the ledger stays for another try."""
    killed(stage, pytester, signal.SIGKILL, people=20)
    stage.allow(pytester.path, "staging", "other")
    staging = stage.workspace("staging")
    there, writes = dict(staging.people), stage.played(pytester.path, 0, "").writes
    for name, (said, says) in WRONG.items():
        known = {**stage.credentials(said["whose"])} if "whose" in said else said
        refused = stage.command(pytester.path, "cleanup", **known)
        assert (name, refused.code) == (name, 2), refused.text
        assert says in refused.words
        assert (name, refused.writes, staging.people) == (name, writes, there)
        assert refused.secrets() == []
    cleaned = stage.command(pytester.path, "cleanup")
    assert cleaned.code == 0, cleaned.text
    assert staging.people == {}


def test_killed_while_it_cleans_up(stage: Stage, pytester: pytest.Pytester) -> None:
    """The next one takes up where it was left."""
    killed(stage, pytester, signal.SIGKILL, people=100)
    staging = stage.workspace("staging")
    process = stage.start(pytester.path, "-c", "from pytest_cio_load.cli import main; raise SystemExit(main())", "cleanup")
    try:
        wait_until(process, lambda: staging.received("delete") > 0, pytester.path)
    finally:
        process.kill()
        process.wait()
    cleaned = stage.command(pytester.path, "cleanup")
    assert cleaned.code == 0, cleaned.text
    assert staging.people == {}


@pytest.mark.skipif(os.name == "nt", reason="sends signals as POSIX does")
def test_ctrl_c(stage: Stage, pytester: pytest.Pytester) -> None:
    """Ends the load, and the run still cleans up by itself; nothing is left to do."""
    assert killed(stage, pytester, signal.SIGINT, people=40) == pytest.ExitCode.INTERRUPTED
    assert stage.workspace("staging").people == {}
    cleaned = stage.command(pytester.path, "cleanup")
    assert cleaned.code == 0, cleaned.text
    assert cleaned.secrets() == []
