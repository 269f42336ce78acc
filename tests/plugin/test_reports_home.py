"""What a run leaves behind: reports, files, live progress, and the plan; across processes too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cio_load.metrics.measured import Trend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SUITE = """
    import pytest

    pytestmark = pytest.mark.cio_load(rate=20, duration=2, max=500)

    async def test_kept(cio, cio_load):
        await cio.track(cio_load.user.id, "opened")

    @pytest.mark.cio_load(max=10)
    async def test_broken(cio, cio_load):
        await cio.track(cio_load.user.id, "opened")

    @pytest.mark.cio_load(p999=500)
    async def test_cannot_tell(cio, cio_load):
        await cio.track(cio_load.user.id, "opened")
"""


def test_the_plan(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """--collect-only tells every contract with its iterations, and what they cannot support; it makes no load."""
    pytester.makepyfile(SUITE.replace('"opened")', '"opened"); open("iterated", "w")'))
    result = run("--collect-only")
    result.stdout.fnmatch_lines(
        [
            "cio-load: 120 iterations planned in 3 contracts",
            "  *::test_kept: 40 iterations, 20/s for 2s; response max<500ms, errors count==0 (default)*",
            "  *::test_cannot_tell: p(99.9)<500 needs 1,000 samples, 40 are planned: it will be inconclusive",
        ]
    )
    assert not (pytester.path / "iterated").exists()


def test_junit(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Properties per test, and the headline as the failure's message."""
    pytester.makepyfile(SUITE)
    run("--junitxml=junit.xml", "-W", "error")
    cases = {case.get("name"): case for case in ElementTree.parse(pytester.path / "junit.xml").iter("testcase")}
    said = {prop.get("name"): prop.get("value") for prop in cases["test_broken"].iter("property")}
    assert said["cio_load.verdict"] == "broken"
    assert said["cio_load.planned"] == "40"
    assert said["cio_load.p95_ms"] == "40.0"
    failure = cases["test_broken"].find("failure")
    assert failure is not None
    assert failure.get("message") == "contract broken: response max was 40.0 ms, promised max<10"
    assert cases["test_kept"].find("failure") is None


def test_json(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Every run whole, and histograms that decode to what was measured."""
    pytester.makepyfile(SUITE)
    documents = runs()
    assert {name: document["verdict"] for name, document in documents.items()} == {
        "test_kept": "kept",
        "test_broken": "broken",
        "test_cannot_tell": "inconclusive",
    }
    histogram = Trend.decode(documents["test_kept"]["metrics"]["response"]["histogram"])
    assert histogram.samples == 40


def test_json_of_a_session_without_runs(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """An empty list, in a folder that is made: whoever reads it need not guess."""
    pytester.makepyfile("def test_plain(): pass")
    run("--cio-json=new/runs.json")
    assert json.loads((pytester.path / "new" / "runs.json").read_text())["runs"] == []


def test_across_processes(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], run: Callable[..., pytest.RunResult]) -> None:
    """pytest-xdist: documents, failure texts and summary lines come home from the workers."""
    pytester.makepyfile(SUITE)
    here, there = runs(), runs("-n", "2", apart=True)
    for documents in (here, there):
        for document in documents.values():
            document.pop("machine")
    assert there == here
    result = run("-n", "2", apart=True)
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["contract broken: response max was 40.0 ms, promised max<10", "  ✗ response  max<10*"])
    result.stdout.fnmatch_lines(["broken *::test_broken *40 iterations*"])
    result.stdout.fnmatch_lines(["FAILED *::test_broken - contract broken: *"])


def test_wall_clock_loads_take_turns(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Two workers never drive two wall-clock loads at once: what their iterations write is never interleaved."""
    pytester.makepyfile("""
        import time
        import pytest

        @pytest.mark.parametrize("number", range(4))
        @pytest.mark.cio_load(rate=20, duration=1, max="10s", thresholds={"on_time": "rate>=0%"})
        def test_alone(number):
            with open("iterations", "a") as file:
                file.write(f"{number}\\n")
            time.sleep(0.001)
    """)
    run("-n", "2", apart=True).assert_outcomes(passed=4)
    written = (pytester.path / "iterations").read_text().split()
    assert len(written) == 80
    changes = sum(before != after for before, after in pairwise(written))
    assert changes == 3


def test_last_failed(pytester: pytest.Pytester) -> None:
    """--lf runs just what was not kept."""
    pytester.makepyfile(SUITE)
    pytester.runpytest_inprocess("-o", "asyncio_default_fixture_loop_scope=function")
    result = pytester.runpytest_inprocess("--lf", "-o", "asyncio_default_fixture_loop_scope=function")
    result.assert_outcomes(failed=1, errors=1)


def test_stop_at_the_first(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """-x stops at a broken contract."""
    pytester.makepyfile(SUITE)
    run("-x").assert_outcomes(passed=1, failed=1)


def test_selection(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """-m cio_load selects the marked tests."""
    pytester.makepyfile(SUITE + "\n    def helper(): pass\n")
    pytester.makepyfile(test_plain="def test_plain(): pass")
    run("-m", "cio_load", "-k", "kept").assert_outcomes(passed=1, deselected=3)


@pytest.mark.parametrize("reporting", ["-rA", "-q"])
def test_the_section_of_a_kept_test(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], reporting: str) -> None:
    """-rA shows everything measured; -q stays quiet about the plan, not about the verdict."""
    pytester.makepyfile(SUITE)
    result = run(reporting, "-k", "kept")
    if reporting == "-rA":
        lines = ["contract kept: 5 of 5 promises", "*samples       avg       med     p(95)*", "  response *40 *40.0 ms*"]
        result.stdout.fnmatch_lines(lines)
    else:
        result.stdout.no_fnmatch_line("cio-load: *planned*")
    result.stdout.fnmatch_lines(["kept *::test_kept *"])


def test_the_header(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """One line says what marked tests will do."""
    pytester.makepyfile("def test_plain(): pass")
    result = run("--cio-workspace-limit=50/s", "--cio-load-mode=once")
    result.stdout.fnmatch_lines(["cio-load: mode=once, target=mock, workspace_limit=50/s"])


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
    import time

    for _ in range(6000):
        if file.exists():
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    raise AssertionError(f"{file} did not appear")
