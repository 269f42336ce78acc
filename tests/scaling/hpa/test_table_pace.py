"""Worked by hand: what an autoscaler does over several syncs."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest

from pytest_cio_load.scaling.hpa.behave import Limit
from pytest_cio_load.scaling.hpa.controller import Controller
from pytest_cio_load.scaling.hpa.decide import Cause
from pytest_cio_load.scaling.hpa.pods import PodState
from pytest_cio_load.scaling.hpa.spec import Behavior, ExternalMetric, Hpa, Policy, PolicyKind, ScalingRules, Select, Target, TargetKind

ONE_EACH = ExternalMetric("depth", Target(TargetKind.AVERAGE_VALUE, Fraction(1)))
"""The metric asks for as many replicas as it says; within tolerance only when that is what there is, below 10."""
OTHER = ExternalMetric("other", Target(TargetKind.AVERAGE_VALUE, Fraction(1)))


def pods(value: int, period: int = 60) -> Policy:
    """A policy in pods."""
    return Policy(PolicyKind.PODS, value, period)


def percent(value: int, period: int = 60) -> Policy:
    """A policy in percent."""
    return Policy(PolicyKind.PERCENT, value, period)


def up(*policies: Policy, window: int = 0, select: Select = Select.MAX, down_window: int = 0) -> Behavior:
    """Rules for scaling up; scaling down is free, after *down_window*."""
    return Behavior(
        ScalingRules.up(policies=policies or None, stabilization=window, select_policy=select), ScalingRules.down(stabilization=down_window)
    )


def down(*policies: Policy, window: int = 0, select: Select = Select.MAX) -> Behavior:
    """Rules for scaling down; scaling up is as free as by default."""
    return Behavior(ScalingRules.up(), ScalingRules.down(policies=policies or None, stabilization=window, select_policy=select))


FREE_UP = pods(1000, 1)


@dataclass(frozen=True)
class Story:
    """One line of the table.

    Attributes:
        work: the calculation by hand.
        behavior: of the autoscaler.
        start: replicas at first; all of them exist at once.
        asked: time → what the metric asks for.
        expected: the replicas after each sync.
        limit: what cut the last one.
        low, high: min and max.
        metrics: of the autoscaler.
    """

    work: str
    behavior: Behavior | None
    start: int
    asked: dict[float, Any]
    expected: list[int]
    limit: Limit = Limit.NONE
    low: int = 1
    high: int = 100
    metrics: tuple[ExternalMetric, ...] = field(default=(ONE_EACH,))


UP, DOWN, MANY, FEW, FREE = Limit.SCALE_UP, Limit.SCALE_DOWN, Limit.TOO_MANY, Limit.TOO_FEW, Limit.NONE

STORIES = [
    # Without `behavior`.
    Story("max(2 × 1, 4) = 4", None, 1, {0: 50}, [4], UP),
    Story("max(2 × 3, 4) = 6", None, 3, {0: 50}, [6], UP),
    Story("twice each sync: 4, 8, 16", None, 2, {0: 50, 15: 50, 30: 50}, [4, 8, 16], UP),
    Story("max 6 < 2 × 4", None, 4, {0: 50}, [6], MANY, high=6),
    Story("max 8 = 2 × 4 is named as the max", None, 4, {0: 50}, [8], MANY, high=8),
    Story("8 is exactly what is allowed: not limited", None, 4, {0: 8}, [8]),
    Story("first recommendation is the current 9, and holds: exactly 300 s later too", None, 9, {0: 3, 299: 3, 300: 3}, [9, 9, 9]),
    Story("…and no longer than that: 300.5 > 300", None, 9, {0: 3, 300.5: 3}, [9, 3]),
    Story("min 5 > 3", None, 9, {0: 3, 301: 3}, [9, 5], FEW, low=5),
    Story("8 asked at 15 holds until 315, not 0 s later", None, 2, {0: 2, 15: 4, 30: 2, 315: 2, 330: 2}, [2, 4, 4, 4, 2]),
    # Stabilisation with `behavior`.
    Story("no windows: at once", up(FREE_UP), 2, {0: 9, 15: 3}, [9, 3]),
    Story("window up 60: the first 2 holds to 59 s, not to 60", up(FREE_UP, window=60), 2, {0: 9, 59: 9, 60: 9}, [2, 2, 9]),
    Story(
        "the lowest of the window counts: 5 at 30 holds to 89",
        up(FREE_UP, window=60),
        2,
        {0: 9, 30: 5, 60: 9, 89: 9, 90: 9},
        [2, 2, 5, 5, 9],
    ),
    Story("window down 60: the first 9 holds to 59 s", down(window=60), 9, {0: 3, 59: 3, 60: 3}, [9, 9, 3]),
    Story("the highest of the window counts: 6 at 30 holds to 89", down(window=60), 9, {0: 3, 30: 6, 60: 3, 89: 3, 90: 3}, [9, 9, 6, 6, 3]),
    Story(
        "no window given downwards: the controller's 300",
        Behavior(ScalingRules.up(), ScalingRules.down()),
        9,
        {0: 3, 299: 3, 300: 3},
        [9, 9, 3],
    ),
    Story(
        "both windows: between lowest 2 and highest 9 the current 5 stays; at 91 all are 4",
        Behavior(ScalingRules.up(policies=[FREE_UP], stabilization=60), ScalingRules.down(stabilization=60)),
        5,
        {0: 9, 30: 2, 59: 4, 91: 4},
        [5, 5, 5, 4],
    ),
    Story("what was asked counts, not what was allowed: 50 holds the 6", up(pods(4), down_window=60), 2, {0: 50, 15: 3}, [6, 6]),
    # Policies upwards.
    Story("default: max(2 + 4, 2 × 2) = 6", up(), 2, {0: 50}, [6], UP),
    Story("default: max(9 + 4, 9 × 2) = 18", up(), 9, {0: 50}, [18], UP),
    Story("default: 15 s later the period is over: 6 + 4, 6 × 2 → 12", up(), 2, {0: 50, 15: 50}, [6, 12], UP),
    Story("default: 14 s later: 6 − 4 + 4 = 6", up(), 2, {0: 50, 14: 50}, [6, 6], UP),
    Story("4 per 60: 6 − 4 + 4 = 6 to 59 s, at 60 it is over: 10", up(pods(4)), 2, {0: 50, 59: 50, 60: 50}, [6, 6, 10], UP),
    Story("3 of 4 used: 5 − 3 + 4 = 6", up(pods(4)), 2, {0: 5, 15: 50}, [5, 6], UP),
    Story("asked for what is allowed exactly: not limited", up(pods(4)), 2, {0: 6}, [6]),
    Story("max 5 < 2 + 4", up(pods(4)), 2, {0: 50}, [5], MANY, high=5),
    Story("max 6 = 2 + 4 is named as the max", up(pods(4)), 2, {0: 50}, [6], MANY, high=6),
    Story("50 % of 3: 4.5 is rounded up", up(percent(50)), 3, {0: 50}, [5], UP),
    Story("10 % of 1: 1.1 is rounded up, so it never sticks", up(percent(10)), 1, {0: 50}, [2], UP),
    Story("100 × 1.1 is a little over 110 in floats: 111", up(percent(10)), 100, {0: 500}, [111], UP, high=1000),
    Story("10 × 1.1 is 11", up(percent(10)), 10, {0: 50}, [11], UP),
    Story("100 % in 60 s from 2, though it is 4 now: 4 − 2 = 2 → 4", up(percent(100)), 2, {0: 50, 30: 50}, [4, 4], UP),
    Story("Max: max(2 + 4, 2 × 1.5) = 6", up(pods(4), percent(50)), 2, {0: 50}, [6], UP),
    Story("Min: min(2 + 4, 2 × 1.5) = 3", up(pods(4), percent(50), select=Select.MIN), 2, {0: 50}, [3], UP),
    Story("Disabled: stays", up(pods(4), select=Select.DISABLED), 2, {0: 50}, [2], UP),
    Story("Disabled upwards only: goes down", up(pods(4), select=Select.DISABLED), 9, {0: 3}, [3]),
    Story(
        "Min of two periods, 60 s later: 6 + 4 = 10, 6 − 4 + 6 = 8",
        up(pods(4), pods(6, 600), select=Select.MIN),
        2,
        {0: 50, 60: 50},
        [6, 8],
        UP,
    ),
    Story("2 taken away count as there: 4 − 0 + 2 + 1 = 7, and not 5", up(pods(1)), 6, {0: 4, 15: 50}, [4, 7], UP),
    # Policies downwards.
    Story("default: all at once", down(), 50, {0: 3}, [3]),
    Story("default: to min", down(), 50, {0: 0}, [2], FEW, low=2),
    Story("2 per 60: 10 − 2 = 8; 8 + 2 − 2 = 8 to 59 s; at 60: 6", down(pods(2)), 10, {0: 1, 59: 1, 60: 1}, [8, 8, 6], DOWN),
    Story("asked for what is allowed exactly: not limited", down(pods(2)), 10, {0: 8}, [8]),
    Story("min 9 > 10 − 2", down(pods(2)), 10, {0: 1}, [9], FEW, low=9),
    Story("min 8 = 10 − 2 is named as the min", down(pods(2)), 10, {0: 1}, [8], FEW, low=8),
    Story("10 % of 9 off: 8.1 is cut to 8", down(percent(10)), 9, {0: 1}, [8], DOWN),
    Story("50 % of 3 off: 1.5 is cut to 1", down(percent(50)), 3, {0: 0}, [1], FEW),
    Story("90 % of 10 off: 0.9999… is cut to 0", down(percent(90)), 10, {0: 0}, [0], low=0),
    Story("200 % off: −10, so the min holds", down(percent(200)), 10, {0: 0}, [1], FEW),
    Story("Max: min(10 − 2, 10 × 0.5) = 5", down(pods(2), percent(50)), 10, {0: 1}, [5], DOWN),
    Story("Min: max(10 − 2, 10 × 0.5) = 8", down(pods(2), percent(50), select=Select.MIN), 10, {0: 1}, [8], DOWN),
    Story("Disabled: stays", down(select=Select.DISABLED), 10, {0: 1}, [10], DOWN),
    Story("Disabled downwards only: goes up", down(select=Select.DISABLED), 2, {0: 5}, [5]),
    Story("4 added 15 s ago do not count as there: 6 − 4 − 2 = 0, so 1", down(pods(2)), 2, {0: 6, 15: 0}, [6, 1], FEW),
    # What the list of changes forgets.
    Story(
        "up 4 at 0, up 4 at 20 takes its place (older than 15): down from 10 − 4 − 3 = 3, not −1",
        Behavior(ScalingRules.up(policies=[pods(4, 15)]), ScalingRules.down(policies=[pods(3, 120)], stabilization=0)),
        2,
        {0: 50, 20: 50, 30: 1},
        [6, 10, 3],
        DOWN,
    ),
    Story(
        "the same 5 s apart: both are kept: 10 − 8 − 3 = −1, so the min",
        Behavior(ScalingRules.up(policies=[pods(8, 15)]), ScalingRules.down(policies=[pods(3, 120)], stabilization=0)),
        2,
        {0: 6, 5: 10, 30: 0},
        [6, 10, 1],
        FEW,
    ),
    Story(
        "up 4 at 0 and at 15, where the first is not older than 15: both are kept: 10 − 8 − 3 = −1, so the min",
        Behavior(ScalingRules.up(policies=[pods(4, 15)]), ScalingRules.down(policies=[pods(3, 120)], stabilization=0)),
        2,
        {0: 50, 15: 50, 16: 0},
        [6, 10, 1],
        FEW,
    ),
    Story(
        "the longest period keeps: at 40 still 4 added in 60 s: 6 − 4 + 4 = 6",
        up(pods(4), pods(2, 15), select=Select.MIN),
        2,
        {0: 50, 20: 50, 40: 50},
        [4, 6, 6],
        UP,
    ),
    Story(
        "…and downwards: at 40 still 4 taken away in 60 s: 6 + 4 − 4 = 6",
        down(pods(4), pods(2, 15), select=Select.MIN),
        10,
        {0: 1, 20: 1, 40: 1},
        [8, 6, 6],
        DOWN,
    ),
    # Out of bounds, and zero.
    Story("above max: to max at once, whatever the metric", down(pods(1)), 30, {0: None}, [20], high=20),
    Story("below min: to min at once, whatever the metric", up(pods(1)), 2, {0: None}, [5], low=5),
    Story("…and that counts in the period: 5 − 3 + 4 = 6", up(pods(4)), 2, {0: None, 15: 50}, [5, 6], UP, low=5),
    Story("…even when it was too much: 5 − 3 + 1 = 3 < 5: stays", up(pods(1)), 2, {0: None, 15: 50}, [5, 5], UP, low=5),
    Story("0 with min 1: switched off, whatever the metric", up(), 0, {0: 50}, [0]),
    Story("to zero with min 0", down(), 3, {0: 0}, [0], low=0),
    Story("from zero with min 0: 0 + 4", up(), 0, {0: 50}, [4], UP, low=0),
    Story("from zero by percent alone: 0 × 2 = 0, stuck", up(percent(100)), 0, {0: 50}, [0], UP, low=0),
    # Several metrics.
    Story("the larger: max(3, 5)", up(), 2, {0: (3, 5)}, [5], metrics=(ONE_EACH, OTHER)),
    Story("one invalid, the other up: goes", up(), 2, {0: (None, 5)}, [5], metrics=(ONE_EACH, OTHER)),
    Story("one invalid, the other down: stays", down(), 5, {0: (2, None)}, [5], metrics=(ONE_EACH, OTHER)),
    Story("one invalid, the other the same: a valid recommendation", down(), 5, {0: (5, None)}, [5], metrics=(ONE_EACH, OTHER)),
    Story("all invalid: stays", up(), 5, {0: (None, None)}, [5], metrics=(ONE_EACH, OTHER)),
    Story("an invalid sync leaves no recommendation: at 60 the 9 of 0 is too old", down(window=60), 9, {0: 3, 30: None, 60: 3}, [9, 9, 3]),
    Story("min(first, …): below zero after zero wins, and min holds", down(), 5, {0: (0, -3)}, [1], FEW, metrics=(ONE_EACH, OTHER)),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.work)
def test_by_hand(story: Story) -> None:
    """The counts, and what cut the last of them, are those of the calculation."""
    controller = Controller(Hpa(story.high, story.low, story.metrics, story.behavior), replicas=story.start)
    counts, last = [], None
    for now, asked in story.asked.items():
        values = asked if isinstance(asked, tuple) else (asked,)
        readings = {metric.key: value for metric, value in zip(story.metrics, values, strict=True)}
        last = controller.sync(now, [PodState(f"p{index}") for index in range(controller.replicas)], readings)
        counts.append(last.desired)
    assert last is not None
    assert (counts, last.limit) == (story.expected, story.limit)


@pytest.mark.parametrize(
    ("start", "low", "high", "asked", "cause"),
    [
        (30, 1, 20, 5, Cause.ABOVE_MAX),
        (2, 5, 20, 5, Cause.BELOW_MIN),
        (0, 1, 20, 5, Cause.DISABLED),
        (5, 1, 20, None, Cause.INVALID),
        (5, 1, 20, 5, Cause.METRICS),
        (20, 5, 20, 20, Cause.METRICS),
        (5, 5, 20, 5, Cause.METRICS),
        (0, 0, 20, 5, Cause.METRICS),
    ],
)
def test_what_decides(start: int, low: int, high: int, asked: int | None, cause: Cause) -> None:
    """The metrics, or what comes before them."""
    controller = Controller(Hpa(high, low, (ONE_EACH,)), replicas=start)
    assert controller.sync(0, [PodState(f"p{index}") for index in range(start)], {ONE_EACH.key: asked}).cause is cause


@pytest.mark.parametrize(
    ("behavior", "start", "asked", "policy"),
    [
        (up(pods(4), percent(50)), 4, 50, pods(4)),
        (up(pods(4), percent(50)), 10, 50, percent(50)),
        (up(pods(4), percent(50), select=Select.MIN), 4, 50, percent(50)),
        (up(pods(4), percent(100)), 4, 50, pods(4)),
        (up(percent(100), pods(4)), 4, 50, percent(100)),
        (up(pods(4), select=Select.DISABLED), 4, 50, None),
        (up(pods(4)), 99, 150, None),
        (up(pods(4)), 4, 5, None),
        (down(pods(2), percent(50)), 10, 1, percent(50)),
        (down(pods(2), percent(50), select=Select.MIN), 10, 1, pods(2)),
        (down(pods(5), percent(50)), 10, 1, pods(5)),
        (down(percent(50), pods(5)), 10, 1, percent(50)),
        (down(), 10, 0, None),
        (down(pods(2)), 10, 9, None),
        (None, 4, 50, None),
    ],
)
def test_the_policy_that_cuts_is_named(behavior: Behavior | None, start: int, asked: int, policy: Policy | None) -> None:
    """The first of those that say the same; none when it was not a policy."""
    controller = Controller(Hpa(100, 1, (ONE_EACH,), behavior), replicas=start)
    assert controller.sync(0, [PodState(f"p{index}") for index in range(start)], {ONE_EACH.key: asked}).policy == policy


@pytest.mark.parametrize(("asked", "winner"), [((5, 5), 0), ((5, None), 0), ((None, 5), 1), ((4, 5), 1), ((5, 4), 0)])
def test_which_metric_wins(asked: tuple[int | None, int | None], winner: int) -> None:
    """The first of equals; a single valid one when it does not scale down."""
    controller = Controller(Hpa(20, 1, (ONE_EACH, OTHER)), replicas=5)
    readings = {ONE_EACH.key: asked[0], OTHER.key: asked[1]}
    decision = controller.sync(0, [PodState(f"p{index}") for index in range(5)], readings)
    assert (decision.cause, decision.winner) == (Cause.METRICS, decision.proposals[winner])
