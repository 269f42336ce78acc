"""What a run leaves behind: reports, files, live progress, and the plan; across processes too."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cio_load.metrics.measured import Trend

if TYPE_CHECKING:
    from collections.abc import Callable

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


def test_json_that_cannot_be_written(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """It is said, the summary is printed all the same, and the session does not pass."""
    pytester.makepyfile(SUITE)
    result = run("--cio-json=.", "-k", "kept")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = ["--cio-json='.': got Is a directory, expected a file that can be written, such as 'runs.json'", "kept *::test_kept *"]
    result.stdout.fnmatch_lines(told)
    assert run("--cio-json=.", "-k", "broken").ret == pytest.ExitCode.TESTS_FAILED


def test_colours_across_processes(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """A failure that comes from a worker looks as it does without one."""
    pytester.makepyfile(SUITE)
    here, there = (run("--color=yes", "-k", "broken", *more, apart=True).stdout.str() for more in ((), ("-n", "2")))
    for coloured in ("\x1b[31m\x1b[1mcontract broken: response max was 40.0 ms, promised max<10", "\x1b[32m  ✓ "):
        assert coloured in here
        assert coloured in there


def test_an_iteration_has_no_output_of_ours(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """What bodies print and log is the author's, and shown with the failure as ever."""
    pytester.makepyfile("""
        import logging
        import pytest

        @pytest.mark.cio_load(rate=2, duration=1, max=10)
        async def test_it(cio, cio_load):
            print("printed", cio_load.index)
            logging.getLogger("theirs").warning("logged %d", cio_load.index)
            await cio.track(cio_load.user.id, "opened")
    """)
    lines = ["*Captured stdout call*", "printed 0", "printed 1", "*Captured log call*", "WARNING *logged 0", "WARNING *logged 1"]
    run().stdout.fnmatch_lines(lines)
