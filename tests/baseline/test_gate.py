"""Whether a figure is worse than its baseline, beyond what is let pass and beyond noise."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.baseline.comparison import Comparison
from pytest_cio_load.baseline.figures import clustering_of
from pytest_cio_load.baseline.gate import Change, compare, joined, state_of
from pytest_cio_load.baseline.grammar import Gate, read_gates
from pytest_cio_load.baseline.intervals import Estimate
from pytest_cio_load.baseline.noise import Noise, Spread
from pytest_cio_load.contract.marker import Problems
from pytest_cio_load.errors import DocumentError
from pytest_cio_load.metrics.kinds import BUILTIN, Kind, Metric


def gates(text: str) -> tuple[Gate, ...]:
    """Those of a text."""
    problems = Problems()
    read = read_gates(text, "it", problems, {**BUILTIN, "size": Metric(Kind.TREND), "paced": Metric(Kind.TREND, "ms")})
    problems.raise_all()
    return read


def one(was: Any, now: Any, text: str = "p95:10%", **how: Any) -> Comparison:
    """The comparison of one gate."""
    (found,) = compare(was, now, gates(text), **how)
    return found


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (Change(0.15, 0.11, 0.19), "worse"),
        (Change(0.15, 0.01, 0.29), "worse"),
        (Change(0.15, -0.01, 0.31), "cannot tell"),
        (Change(0.15, -math.inf, math.inf), "cannot tell"),
        (Change(0.10, 0.06, 0.14), "same"),
        (Change(0.10 + 1e-12, 0.06, 0.14), "same"),
        (Change(0.0, -0.05, 0.05), "same"),
        (Change(0.0, -0.12, 0.12), "cannot tell"),
        (Change(0.0, -math.inf, math.inf), "cannot tell"),
        (Change(-0.05, -0.2, 0.09), "same"),
        (Change(-0.15, -0.2, -0.1), "better"),
        (Change(-0.15, -0.29, 0.01), "same"),
        (Change(-0.15, -0.45, 0.15), "cannot tell"),
        (Change(-0.15, -math.inf, math.inf), "cannot tell"),
    ],
)
def test_the_rule(change: Change, state: str) -> None:
    """Of a tolerance of 0.1."""
    assert state_of(change, 0.1) == state


@pytest.mark.parametrize(
    ("change", "tolerance", "state"),
    [
        (Change(0.15, 0.149, 0.151), 0.1, "worse"),
        (Change(0.1, 0.0995, 0.1005), 0.1, "same"),
        (Change(-0.15, -0.151, -0.149), 0.1, "better"),
        (Change(0.001, 0.0005, 0.0015), 0.0, "worse"),
        (Change(0.0, -0.0005, 0.0005), 0.0, "same"),
    ],
)
def test_the_rule_without_noise(change: Change, tolerance: float, state: str) -> None:
    """What counts then is only that the change is beyond the tolerance, wherever in its bucket it is."""
    assert state_of(change, tolerance, exact=True) == state


@given(st.floats(-2, 2), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5))
def test_slower_is_never_better(worse: float, down: float, up: float, tolerance: float) -> None:
    """Nor is faster worse, whatever the interval."""
    for exact in (False, True):
        state = state_of(Change(worse, worse - down, worse + up), tolerance, exact=exact)
        assert not (worse >= 0 and state == "better")
        assert not (worse <= 0 and state == "worse")


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 1))
def test_what_is_worse_stays_so_when_it_gets_slower(worse: float, down: float, up: float, tolerance: float, more: float) -> None:
    """With the same interval around it."""
    if state_of(Change(worse, worse - down, worse + up), tolerance) == "worse":
        slower = worse + more
        assert state_of(Change(slower, slower - down, slower + up), tolerance) == "worse"


def test_a_slowdown_is_worse(documents: Any) -> None:
    """With the change, its interval, and what it rests on."""
    found = one(documents.lognormal(1), documents.lognormal(2, factor=1.3))
    assert found.state == "worse"
    assert found.change == pytest.approx(0.3, abs=0.06)
    low, high = found.interval
    assert low is not None
    assert high is not None
    assert low < 0.3 < high
    assert found.why.startswith("noise is ±")
    assert (found.label, found.tolerance, found.unit) == ("response p(95)", "10%", "ms")


def test_the_other_way_round_it_is_better(documents: Any) -> None:
    """By the same rule."""
    assert one(documents.lognormal(2, factor=1.3), documents.lognormal(1)).state == "better"


def test_a_run_beside_itself_is_the_same(documents: Any) -> None:
    """The same histogram gives the same figures and no change at all."""
    doc = documents.lognormal(1)
    for found in compare(doc, doc, gates("p50:10%,p95:10%,mean:10%,rate:1%")):
        assert (found.state, found.change, found.was) == ("same", 0.0, found.now)


@pytest.mark.parametrize("metric", ["p50:10%", "p95:10%", "mean:10%"])
def test_false_alarms_and_what_is_found(documents: Any, metric: str) -> None:
    """1,600 samples: of 20 pairs of the same code none is worse, of 20 with +15 % at least 18 are."""
    quiet, loud = Counter[str](), Counter[str]()
    for seed in range(20):
        was = documents.lognormal(3 * seed)
        quiet[one(was, documents.lognormal(3 * seed + 1), metric).state] += 1
        loud[one(was, documents.lognormal(3 * seed + 2, factor=1.15), metric).state] += 1
    assert quiet["worse"] == 0
    assert loud["worse"] >= 18


def test_bursts_are_no_regression(documents: Any) -> None:
    """Runs of the same code whose slow seconds differ: the ratio alone goes off, the gate says that it cannot tell."""
    rng = Random(4)

    def run() -> Any:
        values = [20 * rng.lognormvariate(0, 0.2) for _ in range(1600)]
        for _ in range(rng.randrange(5)):
            begin = rng.randrange(1550)
            values[begin : begin + 50] = [value + rng.expovariate(1 / 15) for value in values[begin : begin + 50]]
        return documents.of(values)

    found = [one(run(), run()) for _ in range(20)]
    assert sum(each.change > 0.1 for each in found if each.change is not None) >= 4
    assert sum(each.state == "worse" for each in found) <= 1
    told = next(each for each in found if each.state == "cannot tell")
    assert "samples come in clusters" in told.why


def test_a_quiet_baseline_does_not_vouch_for_a_loud_run(documents: Any) -> None:
    """It shows no clusters because it happened to have none; the run does, and they count for both."""
    was, rng = documents.lognormal(1), Random(2)
    values = [20 * rng.lognormvariate(0, 0.2) + (rng.expovariate(1 / 15) if 300 <= at % 800 < 350 else 0.0) for at in range(1600)]
    now = documents.of(values)
    assert one(was, now).state == "cannot tell"
    alone = clustering_of(was, was, gates("p95:10%")[0], 0.95)
    assert alone is not None
    assert alone < 3
    for pair in ((was, now), (now, was)):
        both = clustering_of(*pair, gates("p95:10%")[0], 0.95)
        assert both is not None
        assert both > 5


STRETCHES = ((200, 320), (900, 1100))


def test_what_the_machine_was_late_by_is_left_out(documents: Any) -> None:
    """A slowdown is found though a fifth of a run was disturbed, and the same code stays the same."""
    for factor, state in ((1.15, "worse"), (1.0, "same"), (0.8, "better")):
        quiet, now = documents.lognormal(1), documents.disturbed(2, factor=factor, stretches=STRETCHES)
        loud = documents.disturbed(1, stretches=STRETCHES)
        assert one(loud, documents.lognormal(2, factor=factor)).state == state
        found = one(loud, now)
        assert found.state == state
        assert found.change == pytest.approx(factor - 1, abs=0.06)
        assert found.why.endswith("; left out is when the load generator was late itself, 21% of the baseline and 21% of the run")
        assert one(quiet, now).state == {"same": "cannot tell"}.get(state, state if factor > 1 else "cannot tell")


def test_what_is_worse_only_when_the_generator_is_late_cannot_be_told(documents: Any) -> None:
    """It may be the machine, and it may be code that keeps the generator waiting."""
    found = one(documents.lognormal(1), documents.disturbed(2, stretches=[(0, 800)]))
    assert found.state == "cannot tell"
    assert found.why.startswith("it is worse (+")
    assert found.why.endswith(
        "only while the load generator was late itself, 0% of the baseline and 50% of the run: measure again on a quieter machine"
    )


def test_a_run_that_was_late_throughout_cannot_be_compared(documents: Any) -> None:
    """There is nothing left to compare."""
    found = one(documents.lognormal(1), documents.disturbed(2, stretches=[(0, 1600)]))
    why = "the load generator was late itself, 0% of the baseline and 100% of the run: measure again on a quieter machine"
    assert (found.state, found.why) == ("cannot tell", why)


def test_the_mean_and_a_time_leave_it_out_too(documents: Any) -> None:
    """By the same parts of the runs."""
    was = documents.disturbed(1, stretches=[(0, 100)])
    for text in ("mean:10%", "p50:+2ms", "p95:+3ms"):
        assert one(was, documents.disturbed(2, factor=1.2, stretches=STRETCHES), text).state == "worse"


def test_a_call_may_be_moved_as_the_response_was(documents: Any) -> None:
    """Its samples have no intervals, so what lateness did to the response widens its interval."""
    own = {name: [value + at % 5 for at in range(1600)] for name, value in (("was", 10.0), ("now", 13.0))}
    quiet = [documents.lognormal(seed, own={"size": own[name]}) for seed, name in ((1, "was"), (2, "now"))]
    assert one(*quiet, "size.p95:10%").state == "worse"
    why = "the load generator was late itself, and may have moved this as it moved the response time: measure on a quieter machine"
    for stretches in (STRETCHES, [(0, 1600)]):
        loud = documents.disturbed(2, stretches=stretches, own={"size": own["now"]})
        found = one(quiet[0], loud, "size.p95:10%")
        assert (found.state, found.why) == ("cannot tell", why)
    slightly = one(quiet[0], documents.disturbed(2, stretches=[(0, 40)], own={"size": own["now"]}), "size.p95:10%")
    assert slightly.state == "worse"
    assert "as late iterations moved the response time" in slightly.why


def test_the_interval_covers_the_change(documents: Any) -> None:
    """In about 95 % of pairs."""
    hit = 0
    for seed in range(100):
        low, high = one(documents.lognormal(seed, samples=400), documents.lognormal(seed + 500, samples=400, factor=1.2)).interval
        hit += low is not None and high is not None and low <= 0.2 <= high
    assert hit >= 91


@pytest.mark.parametrize(
    ("samples", "text", "why"),
    [
        (60, "p95:10%", "too few samples for an interval: it takes about 150 samples in both runs, there are 60"),
        (20, "mean:10%", "too few samples for an interval: it takes about 60 samples in both runs, there are 20"),
    ],
)
def test_too_few_samples_cannot_tell(documents: Any, samples: int, text: str, why: str) -> None:
    """And it is said how many would."""
    docs = [documents.of([20.0 + at % 7 for at in range(samples)], timeline=False) for _ in range(2)]
    found = one(*docs, text)
    assert (found.state, found.why) == ("cannot tell", why)
    assert found.plain()["low"] is None


def test_a_wide_interval_cannot_tell(documents: Any) -> None:
    """A change as large as the tolerance could hide in it."""
    found = one(documents.lognormal(1, sigma=1.0, samples=400), documents.lognormal(2, sigma=1.0, samples=400), "p95:5%")
    assert found.state == "cannot tell"
    assert "the tolerance is 5%" in found.why
    assert "it takes about " in found.why


def test_a_tolerance_as_a_time(documents: Any) -> None:
    """Held against the difference; change and interval are shares all the same."""
    was, now = documents.lognormal(1), documents.lognormal(2, factor=1.5)
    assert one(was, now, "p95:+30ms").state == "same"
    found = one(was, now, "p95:+5ms")
    assert (found.state, found.tolerance) == ("worse", "+5ms")
    assert found.change == pytest.approx(0.5, abs=0.07)
    assert " ms" in found.why


def test_the_noise_floor_widens_the_interval(documents: Any) -> None:
    """What is worse for a pair alone cannot be told where runs of the same code differ as much."""
    was, now = documents.lognormal(1), documents.lognormal(2, factor=1.2)
    noise = Noise("tests/test_it.py::test_identify", 10, (Spread("response", "95", 28.0, 0.1, 2.8),))
    assert one(was, now).state == "worse"
    found = one(was, now, noise=noise)
    assert found.state == "cannot tell"
    assert found.why == (
        "runs of the same code differ by ±38% here, the tolerance is 10%: raise it, or measure on a quieter machine"
    )
    quiet = Noise("tests/test_it.py::test_identify", 10, (Spread("response", "95", 28.0, 0.02, 0.6),))
    told = one(was, now, noise=quiet)
    assert told.state == "worse"
    assert told.why == "noise is ±6.6%, as runs of the same code differ here"


def test_fewer_per_second_is_worse(documents: Any) -> None:
    """A rate's change is told as it is: down."""
    was = documents.lognormal(1)
    now = {**was, "rate": {"achieved": was["rate"]["achieved"] * 0.9, "seconds": was["rate"]["seconds"]}}
    found = one(was, now, "rate:1%")
    assert (found.state, found.unit, found.label) == ("worse", "/s", "iterations rate")
    assert found.change == pytest.approx(-0.1)
    assert found.interval[0] < found.change < found.interval[1]  # type: ignore[operator]
    assert one(now, was, "rate:1%").state == "better"


def test_poisson_arrivals_have_a_noise_of_their_own(documents: Any) -> None:
    """Their number is left to chance."""
    was = documents.lognormal(1, promised={"arrivals": "poisson"})
    now = {**was, "rate": {"achieved": was["rate"]["achieved"] * 0.98, "seconds": was["rate"]["seconds"]}}
    assert one(was, now, "rate:1%").state == "cannot tell"


def virtual(documents: Any, ms: float, **how: Any) -> Any:
    """A run in virtual time."""
    return documents.of([ms] * 40, clock="virtual", **how)


@pytest.mark.parametrize(("now", "text", "state"), [(57.0, "p95:10%", "worse"), (54.0, "p95:10%", "same"), (40.0, "p95:10%", "better")])
def test_virtual_runs_of_one_seed_are_exact(documents: Any, now: float, text: str, state: str) -> None:
    """Forty samples are enough, and noise counts for nothing."""
    noise = Noise("t", 10, (Spread("response", "95", 28.0, 0.5, 2.8),))
    found = one(virtual(documents, 50.0), virtual(documents, now), text, noise=noise)
    assert (found.state, found.why) == (state, "virtual time and one seed: exact")


@pytest.mark.parametrize("text", ["p95:0%", "mean:0%", "p95:+0ms", "rate:0%"])
def test_any_change_can_be_forbidden_in_virtual_time(documents: Any, text: str) -> None:
    """A tolerance of nothing at all."""
    was = virtual(documents, 50.0)
    assert one(was, was, text).state == "same"
    slower = virtual(documents, 50.2)
    assert one(was, slower, text).state == ("same" if text.startswith("rate") else "worse")


def test_virtual_runs_of_two_seeds_are_not_exact(documents: Any) -> None:
    """Chance is between them."""
    found = one(virtual(documents, 50.0, seed=1), virtual(documents, 57.0, seed=2))
    assert found.state == "cannot tell"


def test_what_is_not_there_cannot_be_compared(documents: Any) -> None:
    """In one of the runs, or in both."""
    plain, sized = documents.lognormal(1), documents.lognormal(2, own={"size": [1.0, 2.0]})
    for was, now, where in ((plain, plain, "either run"), (plain, sized, "the baseline"), (sized, plain, "the run")):
        found = one(was, now, "size.p95:10%")
        assert (found.state, found.change, found.why) == ("cannot tell", None, f"there is no sample of size in {where}")
    assert one(sized, plain, "size.p95:10%").was == 2.0


def test_other_trends_are_compared_too(documents: Any) -> None:
    """With the run's own clusters."""
    was = documents.lognormal(1, own={"size": [10.0 + at % 5 for at in range(1600)]})
    now = documents.lognormal(2, own={"size": [20.0 + at % 5 for at in range(1600)]})
    found = one(was, now, "size.p95:10%")
    assert (found.state, found.unit) == ("worse", "")


def test_an_inconclusive_run_says_nothing(documents: Any) -> None:
    """Its figures are shown all the same."""
    doc = documents.lognormal(1)
    found = one(doc, {**doc, "verdict": "inconclusive"})
    assert (found.state, found.why) == ("cannot tell", "the run itself is inconclusive")
    assert found.was == found.now


def test_from_nothing_to_something(documents: Any) -> None:
    """There is no share of 0, but it is worse all the same."""
    was, now = documents.of([0.0] * 400), documents.of([5.0] * 400)
    found = one(was, now)
    assert (found.state, found.change) == ("worse", None)
    assert one(was, was).state == "same"
    assert one(was, now, "p95:+1ms").state == "worse"


def test_a_damaged_histogram_is_an_error(documents: Any) -> None:
    """And not a comparison."""
    doc = documents.lognormal(1)
    broken = {**doc, "metrics": {**doc["metrics"], "response": {**doc["metrics"]["response"], "histogram": "AAAA"}}}
    with pytest.raises(DocumentError, match="response: got no histogram"):
        one(broken, doc)


def test_a_run_without_a_timeline_says_so(documents: Any) -> None:
    """Its samples can only be taken for independent."""
    found = one(documents.lognormal(1, timeline=False), documents.lognormal(2, timeline=False))
    assert found.why.endswith("if samples are independent: there is no timeline to see it by")


def test_a_comparison_as_plain_values(documents: Any) -> None:
    """What reports are made of."""
    doc = documents.lognormal(1)
    assert one(doc, doc).plain().keys() == {
        *("metric", "aggregation", "was", "now", "change", "low", "high", "tolerance", "state", "why", "unit"),
    }


@given(st.floats(1, 100), st.floats(1, 100), st.floats(0.5, 1), st.floats(1, 2))
def test_a_rate_is_the_mirror_of_a_time(was: float, now: float, low: float, high: float) -> None:
    """What makes one worse makes the other better."""
    before, after = (Estimate(value, value * low, value * high) for value in (was, now))
    time, rate = joined(before, after), joined(before, after, fewer_is_worse=True)
    assert rate.worse == pytest.approx(-time.worse)
    assert (rate.low, rate.high) == (pytest.approx(-time.high), pytest.approx(-time.low))


def test_the_change_of_scaled_histograms_is_the_scale(documents: Any) -> None:
    """The whole distribution moved: so did every quantile, and slower is never better."""
    rng = Random(9)
    values = [20 * rng.lognormvariate(0, 0.3) for _ in range(800)]
    was, order = documents.of(values), ["better", "same", "worse"]
    seen = [one(was, documents.of([value * scale for value in values]), "p90:10%") for scale in (0.7, 0.95, 1.0, 1.05, 1.4, 2.0)]
    assert [each.state for each in seen] == sorted((each.state for each in seen), key=order.index)
    assert [each.change for each in seen] == pytest.approx([-0.3, -0.05, 0.0, 0.05, 0.4, 1.0], abs=0.002)


def test_a_gate_of_a_fraction_of_a_percent(documents: Any) -> None:
    """Percentiles keep their decimals."""
    assert one(documents.lognormal(1), documents.lognormal(1), "p99.9:10%").aggregation == "p(99.9)"
    assert gates("p99.9:10%")[0].percentile == Fraction("99.9")
