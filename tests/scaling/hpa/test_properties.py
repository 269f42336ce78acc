"""What holds for every autoscaler, whatever it is asked."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.scaling.hpa.behave import Pace, Recommendation, Window
from pytest_cio_load.scaling.hpa.controller import Controller
from pytest_cio_load.scaling.hpa.pods import Flags, Observed, Phase, PodState
from pytest_cio_load.scaling.hpa.recommend import Tolerance, recommend
from pytest_cio_load.scaling.hpa.spec import (
    Behavior,
    ExternalMetric,
    Hpa,
    PodsMetric,
    Policy,
    PolicyKind,
    ScalingRules,
    Select,
    Target,
    TargetKind,
)

TEN = Target(TargetKind.AVERAGE_VALUE, Fraction(10))
PER_POD = ExternalMetric("depth", TEN)
TOTAL = ExternalMetric("total", Target(TargetKind.VALUE, Fraction(100)))
JOBS = PodsMetric("jobs", TEN)


def policies(period: st.SearchStrategy[int]) -> st.SearchStrategy[list[Policy]]:
    """One to three policies."""
    one = st.one_of(
        st.builds(Policy, st.just(PolicyKind.PODS), st.integers(1, 10), period),
        st.builds(Policy, st.just(PolicyKind.PERCENT), st.integers(1, 150), period),
    )
    return st.lists(one, min_size=1, max_size=3)


def behaviors(period: st.SearchStrategy[int], *, disabled: bool = True) -> st.SearchStrategy[Behavior]:
    """Rules for both directions."""
    window = st.sampled_from([0, 15, 40, 120])
    select = st.sampled_from(list(Select) if disabled else [Select.MAX, Select.MIN])
    rules = {"stabilization": window, "select_policy": select, "policies": policies(period)}
    return st.builds(Behavior, st.builds(ScalingRules.up, **rules), st.builds(ScalingRules.down, **rules))


def fleet(count: int) -> list[PodState]:
    """*count* ready pods."""
    return [PodState(f"p{index}") for index in range(count)]


PHASES = st.builds(
    PodState,
    st.text("abc", min_size=1, max_size=2),
    st.sampled_from(list(Phase)),
    st.sampled_from([True, False, None]),
    deleting=st.booleans(),
)
STEPS = st.lists(
    st.tuples(st.sampled_from([0, 1, 7.5, 15, 15, 15, 60]), st.one_of(st.none(), st.integers(-50, 2000)), st.integers(0, 90)),
    min_size=1,
    max_size=40,
)


@given(
    st.one_of(st.none(), behaviors(st.integers(1, 90))),
    st.integers(0, 12),
    st.integers(1, 30),
    st.integers(0, 40),
    STEPS,
    st.lists(PHASES, max_size=8),
)
def test_always_within_min_and_max(
    behavior: Behavior | None, low: int, more: int, start: int, steps: list[tuple[float, int | None, int]], odd: list[PodState]
) -> None:
    """After every sync, but for a target that was set to zero."""
    controller = Controller(Hpa(low + more, low, (PER_POD, TOTAL, JOBS), behavior), replicas=start)
    now = 0.0
    for gap, depth, jobs in steps:
        now += gap
        pods = fleet(controller.replicas) + odd
        decision = controller.sync(now, pods, {PER_POD.key: depth, TOTAL.key: jobs, JOBS.key: {pod.name: jobs for pod in pods[:3]}})
        assert low <= decision.desired <= low + more or (start == 0 < low)
        assert controller.replicas == decision.desired
        assert decision.reason


def reach(rules: ScalingRules, base: int, *, up: bool) -> float:
    """How far the policies let it go from *base*, in exact numbers and one more for the controller's floats."""
    steps: list[float] = [
        policy.value if policy.kind is PolicyKind.PODS else math.ceil(Fraction(base * policy.value, 100)) + 1 for policy in rules.policies
    ]
    step = {Select.MAX: max(steps), Select.MIN: min(steps), Select.DISABLED: 0}[rules.select_policy]
    return base + step if up else base - step


@given(st.integers(1, 90).flatmap(lambda period: st.tuples(st.just(period), behaviors(st.just(period)))), st.integers(1, 60), STEPS)
def test_never_faster_than_the_policies(ruled: tuple[int, Behavior], start: int, steps: list[tuple[float, int | None, int]]) -> None:
    """From what there was one period earlier, by the counts alone."""
    period, behavior = ruled
    controller = Controller(Hpa(60, 1, (PER_POD,), behavior), replicas=start)
    now, story = 0.0, [(-math.inf, start)]
    for gap, depth, _ in steps:
        now += gap
        decision = controller.sync(now, fleet(controller.replicas), {PER_POD.key: depth})
        base = next(count for at, count in reversed(story) if at <= now - period)
        if decision.desired > decision.current:
            assert decision.desired <= reach(behavior.scale_up, base, up=True)
        elif decision.desired < decision.current:
            assert decision.desired >= reach(behavior.scale_down, base, up=False)
        story.append((now, decision.desired))


@given(st.one_of(st.none(), behaviors(st.integers(1, 60), disabled=False)), st.integers(1, 10), st.integers(1, 20), st.integers(0, 400))
@settings(max_examples=60)
def test_constant_load_settles(behavior: Behavior | None, low: int, start: int, depth: int) -> None:
    """At a count that it keeps: what the load asks for, or near enough to it."""
    controller = Controller(Hpa(20, low, (PER_POD,), behavior), replicas=start)
    for step in range(160):
        controller.sync(step * 15.0, fleet(controller.replicas), {PER_POD.key: depth})
    settled = controller.replicas
    for step in range(160, 180):
        assert not controller.sync(step * 15.0, fleet(settled), {PER_POD.key: depth}).rescaled
    near = 0.9 <= depth / (10 * settled) <= 1.1
    assert near or settled == min(max(math.ceil(depth / 10), low), 20)


TIMES = st.lists(st.tuples(st.sampled_from([0, 1, 5, 15]), st.integers(0, 9)), min_size=1, max_size=60)


@given(TIMES, st.sampled_from([0, 1, 15, 30, 31]), st.booleans(), st.booleans())
def test_a_window_forgets_nothing_that_matters(steps: list[tuple[int, int]], seconds: int, highest: bool, inclusive: bool) -> None:
    """The extreme is that of all recommendations in the window, the newest of equals."""
    window, now = Window(seconds, highest=highest, inclusive=inclusive), 0
    whole: list[Recommendation] = []
    for gap, replicas in steps:
        now += gap
        inside = [made for made in whole if made.at > now - seconds or (inclusive and made.at == now - seconds)]
        best = (max if highest else min)((made.replicas for made in inside), default=None)
        newest = next((made for made in reversed(inside) if made.replicas == best), None)
        assert window.extreme(now) == newest
        window.add(Recommendation(now, replicas))
        whole.append(Recommendation(now, replicas))


@given(TIMES, st.sampled_from([0, 15, 30]), st.sampled_from([0, 15, 45]), st.integers(0, 9))
def test_stabilised_as_with_the_controllers_list(steps: list[tuple[int, int]], up: int, down: int, current: int) -> None:
    """Which replaces one recommendation that is too old for both windows, and otherwise grows."""
    pace, kept, now = Pace(Behavior(ScalingRules.up(stabilization=up), ScalingRules.down(stabilization=down)), 300), [], 0
    for gap, asked in steps:
        now += gap
        lowest = min([asked, *(count for at, count in kept if at > now - up)])
        highest = max([asked, *(count for at, count in kept if at > now - down)])
        expected = current
        if expected < lowest:
            expected = lowest
        if expected > highest:
            expected = highest
        assert pace.stabilize(now, current, asked)[0] == expected
        pace.remember(now, asked)
        old = [index for index, (at, _) in enumerate(kept) if at < now - up and at < now - down]
        if old:
            kept[old[-1]] = (now, asked)
        else:
            kept.append((now, asked))
        current = expected


@given(st.sampled_from([PER_POD, TOTAL]), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 20))
def test_more_to_do_never_asks_for_fewer(metric: ExternalMetric, less: int, more: int, count: int) -> None:
    """Of a total, when the pods are the same."""
    less, more = sorted((less, more))
    observed = Observed(0.0, count, fleet(count), Flags())
    few, many = (recommend(metric, usage, observed, Tolerance(0.0, 0.0)).replicas for usage in (less, more))
    assert few is not None
    assert many is not None
    assert few <= many


@given(st.lists(st.integers(0, 300), min_size=1, max_size=8), st.integers(0, 4), st.integers(0, 4))
def test_lacking_readings_never_speed_a_change(values: list[int], missing: int, pending: int) -> None:
    """Pods without a reading, missing or pending, never take it further than it would go without them."""
    seen = fleet(len(values))
    lost = [PodState(f"m{index}") for index in range(missing)] + [PodState(f"q{index}", Phase.PENDING) for index in range(pending)]
    reading = {pod.name: value for pod, value in zip(seen, values, strict=True)}
    everyone = len(seen) + len(lost)
    tolerance = Tolerance(0.1, 0.1)
    proposal = recommend(JOBS, reading, Observed(0.0, everyone, seen + lost, Flags()), tolerance)
    mean = Fraction(sum(values), len(values))
    assert proposal.replicas is not None
    if mean > 10:
        assert proposal.replicas <= max(everyone, math.ceil(mean / 10 * everyone))
    else:
        assert proposal.replicas <= everyone
