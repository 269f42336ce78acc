"""A promise on an autoscaler: the marker cio_scale and the fixture of the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HPA = """
    from pytest_cio_load.scaling.hpa.spec import ExternalMetric, Hpa, Target, TargetKind

    HPA = Hpa(10, 2, (ExternalMetric("cio_queue_depth", Target(TargetKind.AVERAGE_VALUE, 500)),))
"""


def suite(pytester: pytest.Pytester, marker: str, body: str = "pass", arguments: str = "") -> None:
    """A suite of one test with that marker."""
    pytester.makepyfile(f"""
        import pytest
        {HPA.replace(chr(10), chr(10) + "    ")}
        @pytest.mark.cio_scale({marker})
        def test_it({arguments}):
            {body}
    """)


def test_a_promise_that_is_kept(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """The traffic stays within the budget."""
    suite(pytester, "hpa=HPA, traffic=[('10m', 50)], limit='100/s', max_depth=1000, flaps=0")
    run("-rA").assert_outcomes(passed=1)


def test_a_promise_that_is_not(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """More than the workspace takes: the failure names the promise, and shows replicas and depth."""
    suite(pytester, "hpa=HPA, traffic=[('10m', 300)], limit='100/s', max_depth=1000")
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["contract broken: max_depth*", "*waiting*", "*pods*"])
    assert "Traceback" not in result.stdout.str()


def test_the_body_comes_first(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """A body that fails is what the report is about."""
    suite(pytester, "hpa=HPA, traffic=[('10m', 300)], limit='100/s', max_depth=1000", body="assert 1 == 2")
    result = run()
    result.assert_outcomes(failed=1)
    assert "assert 1 == 2" in result.stdout.str()
    assert "contract broken" not in result.stdout.str()


def test_markers_are_merged(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """The class says the traffic, the test its own promise; the closest wins."""
    pytester.makepyfile(f"""
        import pytest
        {HPA.replace(chr(10), chr(10) + "    ")}
        @pytest.mark.cio_scale(hpa=HPA, traffic=[("10m", 300)], limit="100/s", max_depth=10)
        class TestScale:
            def test_broken(self): pass

            @pytest.mark.cio_scale(limit="1000/s", max_depth=100_000)
            def test_kept(self): pass
    """)
    run().assert_outcomes(passed=1, failed=1)


def test_the_fixture(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """A body may replay as often as it likes, and ask anything of what came of it."""
    body = "assert cio_scale.replay(HPA, traffic='10m:50,5m:400,30m:50', limit='100/s').max_depth > 10_000"
    pytester.makepyfile(f"""
        {HPA.replace(chr(10), chr(10) + "    ")}
        def test_it(cio_scale):
            {body}
    """)
    run().assert_outcomes(passed=1)


REFUSED = {
    "hpa=HPA, trafic=[('10m', 50)], max_depth=5": "cio_scale(trafic)=[('10m', 50)]: expected a keyword of cio_scale; did you mean traffic?",
    "hpa=HPA, traffic=[('10m', -50)], max_depth=5": "cio_scale(traffic)=",
    "hpa=HPA, traffic=[('10m', 50)]": "expected at least one promise",
    "HPA, traffic=[('10m', 50)], max_depth=5": "expected keyword arguments only; write cio_scale(hpa=…, traffic=…, max_depth=…)",
    "hpa='nowhere.yaml', traffic=[('10m', 50)], max_depth=5": "cio_scale(hpa)='nowhere.yaml': expected",
}


@pytest.mark.parametrize("marker", REFUSED)
def test_refused_at_collection(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], marker: str) -> None:
    """Every mistake is a collection error with the test's name."""
    suite(pytester, marker)
    result = run()
    result.assert_outcomes(errors=1)
    assert REFUSED[marker] in result.stdout.str()
    assert "test_it: bad contract" in result.stdout.str()
