"""One clause by itself: whether it holds, whether it ends the run, and how late is on time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from pytest_cio_load.contract.contract import Contract, build
from pytest_cio_load.contract.threshold import Threshold, parse
from pytest_cio_load.contract.verdict import State, breaks_now, find, lag_tolerance
from pytest_cio_load.metrics.kinds import BUILTIN, Kind, Metric
from pytest_cio_load.metrics.measured import Counter, Gauge, Rate, Trend
from pytest_cio_load.metrics.summary import Summary, Warmup


def trend(*ms: float) -> Trend:
    """A trend of these."""
    made = Trend()
    for value in ms:
        made.add(value)
    return made


def rate(true: int, of: int) -> Rate:
    """So many true ones."""
    made = Rate()
    for index in range(of):
        made.add(index < true)
    return made


def counter(total: float) -> Counter:
    """One sample of so much."""
    made = Counter()
    made.add(total)
    return made


def promised(**keywords: Any) -> Contract:
    """80/s for 60 s, and what is promised about it."""
    return build({"rate": 80, "duration": 60} | keywords)


def holding(metrics: dict[str, Any]) -> Summary:
    """A run of a minute that measured these."""
    how: dict[str, Any] = {"kinds": BUILTIN, "planned": 1, "seen": 1, "waited": 0, "elapsed": 60.0, "measured": 60.0}
    return Summary(metrics=metrics, end="complete", reason="", failures=(), warmup=Warmup(0, ()), **how)


@pytest.mark.parametrize(
    ("text", "iterations", "ms", "state", "value"),
    [
        ("p(95)<500", 100, 50, State.OK, 50),
        ("p(95)<500", 20, 50, State.OK, 50),
        ("p(95)<500", 20, 500, State.BROKEN, 500),
        ("p(95)<=500", 20, 500, State.OK, 500),
        ("p(95)<500", 19, 50, State.TOO_FEW, 50),
        ("p(95)<500", 19, 900, State.TOO_FEW, 900),
        ("p(99.9)<500", 999, 50, State.TOO_FEW, 50),
        ("p(99.9)<500", 1_000, 50, State.OK, 50),
        ("p(50)<500", 2, 50, State.OK, 50),
        ("p(50)<500", 1, 50, State.TOO_FEW, 50),
        ("p(100)<500", 1, 50, State.OK, 50),
        ("p(0)>1", 1, 50, State.OK, 50),
        ("max<500", 1, 900, State.BROKEN, 900),
        ("avg<500", 1, 50, State.OK, 50),
        ("count>=3", 2, 50, State.BROKEN, 2),
        ("p(95)<500", 0, 50, State.NO_SAMPLES, None),
        ("max>=0", 0, 50, State.NO_SAMPLES, None),
        ("count>=0", 0, 50, State.NO_SAMPLES, None),
    ],
)
def test_a_clause_is_ok_broken_or_not_to_be_judged(text: str, iterations: int, ms: float, state: State, value: float | None) -> None:
    """A percentile needs as many samples as make it more than another name for the maximum; nothing is judged without a sample."""
    found = find(parse(text, "response", BUILTIN["response"]), holding({"response": trend(*[ms] * iterations)}))
    assert (found.state, found.value, found.samples) == (state, value, iterations)


def test_a_clause_that_ended_the_run_is_broken_whatever_it_reads_now() -> None:
    """A late recovery does not undo what was seen."""
    found = find(parse("p(95)<500", "response", BUILTIN["response"]), holding({"response": trend(*[50] * 20)}), aborted=True)
    assert (found.state, found.aborted, found.value) == (State.BROKEN, True, 50)


@pytest.mark.parametrize(
    ("metric", "text", "metrics", "shown"),
    [
        ("response", "p(95)<500", {"response": trend(*[50] * 20)}, "50.0 ms"),
        ("errors", "rate<1%", {"errors": rate(1, 400)}, "0.25%"),
        ("errors", "count<50", {"errors": rate(17, 400)}, "17"),
        ("iterations", "rate>70", {"iterations": counter(4_800)}, "80/s"),
        ("delivery", "lost==0", {}, "–"),
    ],
)
def test_a_finding_shows_its_value_in_the_clauses_own_unit(metric: str, text: str, metrics: dict[str, Any], shown: str) -> None:
    """And a dash without one."""
    assert find(parse(text, metric, BUILTIN[metric]), holding(metrics)).shown == shown


def test_fractions_of_percentiles_are_exact() -> None:
    """p(99.9) of a thousand is the 999th, not the maximum."""
    run = holding({"response": trend(*[1.0] * 999, 1_000.0)})
    found = find(parse("p(99.9)<2", "response", BUILTIN["response"]), run)
    assert (found.threshold.percentile, found.value, found.state) == (Fraction(999, 10), 1.0, State.OK)


@pytest.mark.parametrize(
    ("keywords", "tolerance"),
    [
        ({}, 50),
        ({"p95": 500}, 50),
        ({"p95": 1_000}, 100),
        ({"p95": 2_000, "p99": 400}, 40),
        ({"p95": 100}, 20),
        ({"p50": 1}, 20),
        ({"thresholds": {"response": "avg<=3s"}}, 300),
        ({"thresholds": {"response": "p(95)>1"}}, 50),
        ({"thresholds": {"response": "count<10"}}, 50),
        ({"thresholds": {"service": "p(95)<100"}}, 50),
        ({"thresholds": {"identify": "p(95)<100"}}, 50),
        ({"max": "10s", "thresholds": {"service": "p(95)<100"}}, 1_000),
    ],
)
def test_the_tolerance_is_a_tenth_of_the_tightest_bound_on_response_time(keywords: dict[str, Any], tolerance: float) -> None:
    """At least 20 ms; 50 ms where nothing bounds it from above. Lag is no part of other metrics."""
    assert lag_tolerance(promised(**keywords)) == tolerance


def clause(text: str, metric: str = "response", *, delay: float = 0.0, abort: bool = True) -> Threshold:
    """A clause that may end the run."""
    kinds = BUILTIN | {"backlog": Metric(Kind.GAUGE)}
    return replace(parse(text, metric, kinds[metric]), abort_on_fail=abort, delay_abort=delay)


def gauge(value: float) -> Gauge:
    """A gauge with this value."""
    made = Gauge()
    made.set(value)
    return made


@pytest.mark.parametrize(
    ("threshold", "metric", "elapsed", "breaks"),
    [
        (clause("p(95)<500"), trend(*[900] * 20), 1.0, True),
        (clause("p(95)<500"), trend(*[50] * 20), 1.0, False),
        (clause("p(95)<500", abort=False), trend(*[900] * 20), 1.0, False),
        (clause("p(95)<500"), trend(*[900] * 19), 1.0, False),
        (clause("max<500"), trend(900), 1.0, True),
        (clause("p(95)<500"), None, 1.0, False),
        (clause("p(95)<500"), Trend(), 1.0, False),
        (clause("p(95)<500", delay=10.0), trend(*[900] * 20), 9.999, False),
        (clause("p(95)<500", delay=10.0), trend(*[900] * 20), 10.0, True),
        (clause("count<50", "errors"), rate(50, 60), 1.0, True),
        (clause("count<50", "errors"), rate(49, 60), 1.0, False),
        (clause("count==0", "errors"), rate(0, 60), 1.0, False),
        (clause("count==0", "errors"), rate(1, 60), 1.0, True),
        (clause("count==5", "errors"), rate(4, 60), 1.0, False),
        (clause("count==5", "errors"), rate(5, 60), 1.0, False),
        (clause("count==5", "errors"), rate(6, 60), 1.0, True),
        (clause("count>100", "calls"), counter(7), 1.0, False),
        (clause("count>=100", "calls"), counter(7), 1.0, False),
        (clause("count>100"), trend(1, 2, 3), 1.0, False),
        (clause("rate<1%", "errors"), rate(1, 50), 1.0, True),
        (clause("rate>70", "iterations"), counter(100), 10.0, True),
        (clause("rate>70", "iterations"), counter(800), 10.0, False),
        (clause("value<10", "backlog"), gauge(11), 1.0, True),
        (clause("value<10", "backlog"), gauge(9), 1.0, False),
    ],
)
def test_a_clause_ends_the_run_only_when_it_can_no_longer_be_kept(threshold: Threshold, metric: Any, elapsed: float, breaks: bool) -> None:
    """Not before its delay, not on too few samples, and not for a count that may still be reached."""
    assert breaks_now(threshold, metric, elapsed) is breaks
