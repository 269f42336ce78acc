"""What is seen while a run lasts, and when it is ended with Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WALL = """
    import asyncio
    import pytest

    @pytest.mark.cio_load(rate=20, duration=1, max="10s")
    async def test_it():
        await asyncio.sleep(0.001)
"""


def test_progress_in_ci(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain line now and then, past pytest's capture."""
    monkeypatch.setenv("CI", "1")
    pytester.makeconftest("from pytest_cio_load.reports import live\n\nlive.PLAIN_EVERY = 100_000")
    pytester.makepyfile(WALL)
    run(apart=True).stdout.fnmatch_lines(["test_it  ? s of 1 s  * of 20  p(95) * ms  0 errors  0 dropped"])


def test_no_progress_where_nobody_looks(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a terminal nor CI: nothing."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest("from pytest_cio_load.reports import live\n\nlive.PLAIN_EVERY = 100_000")
    pytester.makepyfile(WALL)
    run(apart=True).stdout.no_fnmatch_line("*s of 1 s*")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_on_a_terminal(pytester: pytest.Pytester) -> None:
    """A bar that is there while the run lasts, and leaves nothing behind."""
    import pty

    pytester.makepyfile(WALL)
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    environment.pop("CI", None)
    controller, terminal = pty.openpty()
    quiet = ["-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *quiet], cwd=pytester.path, env=environment, stdout=terminal, stderr=terminal, close_fds=True
    )
    os.close(terminal)
    written = b""
    while True:
        try:
            chunk = os.read(controller, 65536)
        except OSError:
            break
        if not chunk:
            break
        written += chunk
    os.close(controller)
    assert process.wait() == 0
    text = written.decode()
    assert "s of 1 s" in text
    assert "━" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


CUT = """
    import asyncio
    import time
    import pytest

    @pytest.fixture
    def torn_down():
        yield
        print("torn down")

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    @pytest.mark.cio_load(rate=50, duration="10m", p95="10s")
    async def test_async(torn_down, cio_load):
        if cio_load.index == 20:
            open("running", "w").close()
        await asyncio.sleep(0.01)

    @pytest.mark.cio_load(rate=50, duration="10m", p95="10s")
    def test_sync(torn_down, cio_load):
        if cio_load.index == 20:
            open("running", "w").close()
        time.sleep(0.01)

    @pytest.mark.anyio
    @pytest.mark.cio_load(rate=50, duration="10m", p95="10s")
    async def test_anyio(torn_down, cio_load, anyio_backend):
        if cio_load.index == 20:
            open("running", "w").close()
        await asyncio.sleep(0.01)

    @pytest.mark.cio_load(rate=50, duration="10000h", p95="10s")
    async def test_virtual(torn_down, cio, cio_load):
        if cio_load.index == 20:
            open("running", "w").close()
        await cio.track("ada", "opened")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
@pytest.mark.parametrize("name", ["test_async", "test_sync", "test_anyio", "test_virtual"])
def test_ctrl_c(pytester: pytest.Pytester, name: str) -> None:
    """In mid-run: fixtures are torn down, the findings so far are printed, and the verdict is inconclusive."""
    pytester.makepyfile(CUT)
    quiet = ["-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function", "-s"]
    command = [sys.executable, "-m", "pytest", *quiet, "-k", name, "--cio-json=runs.json"]
    process = subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        _wait_for(pytester.path / "running", process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "torn down" in output
    assert "inconclusive: the run was cut short: Ctrl-C" in output
    (document,) = json.loads((pytester.path / "runs.json").read_text())["runs"]
    assert document["verdict"] == "inconclusive"
    assert document["iterations"]["measured"] >= 20


def _wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(6000):
        if file.exists():
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    raise AssertionError(f"{file} did not appear")
