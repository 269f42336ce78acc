"""Promises on a run, from text and from keywords."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from pytest_cio_load.scaling.hpa.spec import Hpa
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.promises import Promise, broken, promise_of, read_promises
from pytest_cio_load.scaling.model.replay import replay
from pytest_cio_load.scaling.model.run import Run
from pytest_cio_load.units import UnitError

Make = Callable[..., Hpa]


@pytest.fixture
def run(external: Make) -> Run:
    """600 jobs at most, a minute to drain, one pod, a thirtieth of an hour."""
    return replay(external(high=1), "1m:20", Pipeline(per_pod=10.0))


@pytest.mark.parametrize(
    ("text", "promises"),
    [
        ("max_depth<20000", [("max_depth", "<", 20_000)]),
        ("max_depth<20k,drain_time<10m", [("max_depth", "<", 20_000), ("drain_time", "<", 600)]),
        (" flaps == 0 , pod_hours <= 1.5 ", [("flaps", "==", 0), ("pod_hours", "<=", 1.5)]),
        ("throughput>=100/s", [("throughput", ">=", 100)]),
        ("latency<500ms", [("latency", "<", 0.5)]),
        ("drain_time<600", [("drain_time", "<", 600)]),
        ("max_age>0s", [("max_age", ">", 0)]),
        ("max_pods<=20", [("max_pods", "<=", 20)]),
    ],
)
def test_what_is_read(text: str, promises: list[tuple[str, str, float]]) -> None:
    """Figures, comparisons, and bounds with their units."""
    assert [(promise.figure, promise.how, promise.bound) for promise in read_promises(text)] == promises


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "promise: got ''; expected a figure, a comparison and a bound; try max_depth<20000,drain_time<10m"),
        ("max_depth", "promise: got 'max_depth'; expected a figure, a comparison and a bound"),
        ("max_depth<5,", "promise: got ''; expected"),
        ("max_dept<5", "promise: got 'max_dept'; expected a figure of a run; did you mean max_depth?"),
        ("cost<5", "expected a figure of a run; the figures are max_depth, drain_time, max_age"),
        ("drain_time<soon", "promise: in drain_time<soon: got 'soon', expected a duration"),
        ("max_depth<few", "promise: in max_depth<few: got 'few', expected a number above 0"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    """With the figures there are."""
    with pytest.raises(ValueError) as caught:
        read_promises(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("figure", "value", "text"),
    [
        ("max_depth", 20_000, "max_depth<=20000"),
        ("max_depth", "<20k", "max_depth<20000"),
        ("drain_time", "10m", "drain_time<=10m"),
        ("drain_time", 90, "drain_time<=1m30s"),
        ("flaps", 0, "flaps<=0"),
        ("throughput", ">=100", "throughput>=100"),
        ("pod_hours", 1.5, "pod_hours<=1.5"),
    ],
)
def test_what_a_keyword_states(figure: str, value: object, text: str) -> None:
    """Without a comparison it is the most there may be."""
    assert str(promise_of(figure, value)) == text


@pytest.mark.parametrize(
    ("figure", "value"), [("max_depth", None), ("max_depth", -1), ("flaps", True), ("drain_time", "soon"), ("flaps", [])]
)
def test_a_bound_that_is_none(figure: str, value: object) -> None:
    """As the readers of units say it."""
    with pytest.raises(UnitError, match="expected"):
        promise_of(figure, value)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("max_depth<=600,drain_time<=1m,flaps==0", []),
        ("max_depth<600", ["max_depth<600: got 600"]),
        ("drain_time<30s,max_pods<1", ["drain_time<30s: got 1m", "max_pods<1: got 1"]),
        ("throughput>50", ["throughput>50: got 10"]),
    ],
)
def test_held_against_a_run(run: Run, text: str, lines: list[str]) -> None:
    """What is broken is told with what came instead."""
    assert broken(read_promises(text), run) == lines


def test_a_drain_that_never_ends(external: Make) -> None:
    """Breaks every bound on it, and is said in words."""
    run = replay(external(high=1), "1m:20", Pipeline(per_pod=10.0), after=0)
    assert broken(read_promises("drain_time<10h"), run) == ["drain_time<10h: got no end"]
    assert math.isinf(Promise("drain_time", "<", 36_000).excess(run))


@pytest.mark.parametrize(("text", "excess"), [("max_depth<=600", 0), ("max_depth<=300", 1), ("throughput>=20", 0.5), ("flaps<=0", 0)])
def test_by_how_much(run: Run, text: str, excess: float) -> None:
    """In times of the bound."""
    (promise,) = read_promises(text)
    assert promise.excess(run) == pytest.approx(excess, abs=1e-6)
