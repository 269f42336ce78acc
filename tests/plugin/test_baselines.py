"""Baselines in a session: saved, compared, and a test that is worse fails by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

QUIET = ("-o", "asyncio_default_fixture_loop_scope=function")
SUITE = """
import pytest

@pytest.mark.cio_load(rate=20, duration=10{more})
async def test_identify(cio, cio_load):
    await cio.identify(cio_load.user.id)
"""


def _saved(pytester: pytest.Pytester, more: str = "", name: str = "") -> None:
    pytester.makepyfile(test_it=SUITE.format(more=more))
    pytester.runpytest(*QUIET, f"--cio-save={name}" if name else "--cio-save").assert_outcomes(passed=1)


@pytest.mark.parametrize(("asked", "more"), [("--cio-compare-fail=p95:10%", ""), ("-q", ', regress={"p95": "10%"}')])
def test_a_regression_fails_its_own_test(pytester: pytest.Pytester, asked: str, more: str) -> None:
    """By the command line or by the marker: ``--lf`` and JUnit know, and the reports show both."""
    _saved(pytester, more)
    slower = (*QUIET, asked, "--cio-latency=46ms")
    result = pytester.runpytest(*slower, "--junitxml=junit.xml", "--cio-json=runs.json")
    result.assert_outcomes(failed=1)
    told = " ".join(result.stdout.str().split())
    assert "contract broken: response p(95) was 46.0 ms, 15.0% more than its baseline's 40.0 ms; 10% was let pass" in told
    assert "15.0% more than its baseline" in Path("junit.xml").read_text(encoding="utf-8")
    (run,) = json.loads(Path("runs.json").read_text(encoding="utf-8"))["runs"]
    assert (run["verdict"], run["comparisons"][0]["state"]) == ("broken", "worse")
    assert run["comparisons"][0]["baseline"]["metrics"].keys() == {"response", "service"}
    pytester.runpytest(*slower, "--lf").assert_outcomes(failed=1)


@pytest.mark.parametrize("latency", ["40ms", "43ms", "20ms"])
def test_what_is_let_pass_passes(pytester: pytest.Pytester, latency: str) -> None:
    """The same, a little worse, and better."""
    _saved(pytester)
    pytester.runpytest(*QUIET, "--cio-compare-fail=p95:10%", f"--cio-latency={latency}").assert_outcomes(passed=1)


def test_comparing_alone_fails_nothing(pytester: pytest.Pytester) -> None:
    """It shows."""
    _saved(pytester)
    result = pytester.runpytest(*QUIET, "--cio-compare", "--cio-latency=80ms")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*worse: response p(95) 40.0 ms → 80.0 ms (+100.0%), 10% let pass: *"])


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("", ", arrivals='poisson'", "*not compared: *got one measured under another load (arrivals: even then, poisson now)*"),
        ("other", "", "*not compared: *got none for this test; expected one to compare with; save one with --cio-save*"),
        ("baselin", "", "*not compared: *got none for this test*did you mean baselin?*"),
    ],
)
def test_a_baseline_that_does_not_fit(pytester: pytest.Pytester, name: str, more: str, says: str) -> None:
    """Is told, and the run's own verdict stands."""
    _saved(pytester, name=name)
    pytester.makepyfile(test_it=SUITE.format(more=more))
    result = pytester.runpytest(*QUIET, "--cio-compare-fail=p95:10%")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([says])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"baseline": 2}', b'{"baseline": 1, "document": {}}', b"\xff\xfe"])
def test_a_damaged_baseline(pytester: pytest.Pytester, content: bytes) -> None:
    """Is told, and the run's own verdict stands."""
    _saved(pytester)
    (file,) = Path(".cio-load").rglob("*.json")
    file.write_bytes(content)
    result = pytester.runpytest(*QUIET, "--cio-compare-fail=p95:10%")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*not compared: *expected*"])


def test_only_what_kept_its_contract_is_saved(pytester: pytest.Pytester) -> None:
    """A broken run is no measure for others."""
    pytester.makepyfile(test_it=SUITE.format(more=", p95=5"))
    result = pytester.runpytest(*QUIET, "--cio-save")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*not saved: the run: got one that is broken; expected one that kept its contract*"])
    assert not Path(".cio-load").exists()


def test_a_folder_that_takes_no_file(pytester: pytest.Pytester) -> None:
    """Is told, and the run's own verdict stands."""
    Path(".cio-load").write_text("in the way", encoding="utf-8")
    pytester.makepyfile(test_it=SUITE.format(more=""))
    result = pytester.runpytest(*QUIET, "--cio-save", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*not saved: *expected a file that can be written*"])


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("--cio-compare-fail=p95", "*expected a gate such as 'p95:10%'*"),
        ("--cio-compare-fail=max:10%", "*max is one sample*"),
        ("--cio-compare-fail=p95:ten", "*expected a tolerance such as '10%' or '+5ms'*"),
    ],
)
def test_a_gate_that_makes_no_sense(pytester: pytest.Pytester, asked: str, says: str) -> None:
    """Is a usage error, before anything runs."""
    result = pytester.runpytest(*QUIET, asked)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


def test_regress_that_makes_no_sense(pytester: pytest.Pytester) -> None:
    """Is found at collection."""
    pytester.makepyfile(test_it=SUITE.format(more=', regress={"p95": 10}'))
    result = pytester.runpytest(*QUIET)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*regress?'p95'?=10: expected a tolerance such as '10%' or '+5ms'; did you mean '10%'?"])


def test_two_sessions_at_once(pytester: pytest.Pytester) -> None:
    """Each saves a whole file; the last one stays."""
    pytester.makepyfile(**{f"test_{n}": SUITE.format(more="") for n in range(4)})
    pytester.runpytest_subprocess(*QUIET, "-n", "2", "--cio-save").assert_outcomes(passed=4)
    files = list(Path(".cio-load").rglob("*"))
    assert sum(path.suffix == ".json" for path in files) == 4
    assert not [path for path in files if path.name.startswith(".")]
