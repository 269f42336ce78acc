"""One sync after the other, and what each says of itself."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import pytest

from pytest_cio_load.scaling.hpa.controller import SYNC_PERIOD, Controller
from pytest_cio_load.scaling.hpa.decision import Decision
from pytest_cio_load.scaling.hpa.keda import Keda, ScaledObject
from pytest_cio_load.scaling.hpa.pods import Flags, PodState
from pytest_cio_load.scaling.hpa.spec import (
    Behavior,
    ExternalMetric,
    Hpa,
    ObjectMetric,
    PodsMetric,
    Policy,
    PolicyKind,
    ResourceMetric,
    ScalingRules,
    Select,
    Target,
    TargetKind,
)
from pytest_cio_load.scaling.hpa.triggers import PrometheusTrigger

EACH = Target(TargetKind.AVERAGE_VALUE, Fraction(500))
DEPTH = ExternalMetric("depth", EACH)
CPU = ResourceMetric("cpu", Target(TargetKind.UTILIZATION, Fraction(70)))
PLAIN = Hpa(20, 2, (DEPTH,))
SEED = Behavior(
    ScalingRules.up(stabilization=60, policies=[Policy(PolicyKind.PODS, 4, 60)]),
    ScalingRules.down(stabilization=300, policies=[Policy(PolicyKind.PODS, 2, 120)]),
)


def fleet(count: int) -> list[PodState]:
    """*count* ready pods."""
    return [PodState(f"p{index}", requests={"cpu": 1}) for index in range(count)]


def story(controller: Controller, until: float, reading: Any) -> list[tuple[float, int]]:
    """Every change of the count until a time, when *reading* is what all see; it is called with the time and the pods."""
    changes = []
    for step in range(int(until / SYNC_PERIOD) + 1):
        now = step * SYNC_PERIOD
        pods = fleet(controller.replicas)
        decision = controller.sync(now, pods, reading(now, pods))
        if decision.rescaled:
            changes.append((now, decision.desired))
    return changes


def test_from_2_to_20_at_4_a_minute() -> None:
    """Seen at 30 s, so the window opens at 75 s; then 4 every 60 s."""
    controller = Controller(Hpa(20, 2, (DEPTH,), SEED))
    changes = story(controller, 600, lambda now, pods: {DEPTH.key: 1000 if now < 30 else 50_000})
    assert changes == [(75, 6), (135, 10), (195, 14), (255, 18), (315, 20)]


def test_from_20_to_2_at_2_in_2_minutes() -> None:
    """After the window of 300 s, 9 steps of 120 s."""
    controller = Controller(Hpa(20, 2, (DEPTH,), SEED), replicas=20)
    changes = story(controller, 1800, lambda now, pods: {DEPTH.key: 0})
    assert changes == [(300 + 120 * step, 18 - 2 * step) for step in range(9)]


def test_a_shared_depth_as_a_metric_of_each_pod_runs_away() -> None:
    """A constant 1,100 that every pod reports: 2, 5, 11, 20; as an External metric it is within tolerance of 2."""
    jobs = PodsMetric("depth", EACH)
    free = Behavior(ScalingRules.up(policies=[Policy(PolicyKind.PODS, 100, 15)]))
    shared = story(Controller(Hpa(20, 2, (jobs,), free)), 60, lambda now, pods: {jobs.key: dict.fromkeys([pod.name for pod in pods], 1100)})
    assert [count for _, count in shared] == [5, 11, 20]
    assert story(Controller(Hpa(20, 2, (DEPTH,), free)), 60, lambda now, pods: {DEPTH.key: 1100}) == []


def test_the_history_does_not_hear_of_others() -> None:
    """Somebody scales to 3; a policy still counts only what the autoscaler did."""
    controller = Controller(Hpa(20, 2, (DEPTH,), Behavior(ScalingRules.up(policies=[Policy(PolicyKind.PODS, 4, 60)]))))
    controller.sync(0, fleet(2), {DEPTH.key: 50_000})
    controller.scale(3)
    # 3 − 4 added + 4 = 3.
    assert controller.sync(15, fleet(3), {DEPTH.key: 50_000}).desired == 3


def test_two_controllers_share_nothing() -> None:
    """The same autoscaler twice, asked alike, decides alike."""
    hpa = Hpa(20, 2, (DEPTH,), SEED)
    first, second = (story(Controller(hpa), 900, lambda now, pods: {DEPTH.key: now * 20}) for _ in range(2))
    assert first == second


def test_flags() -> None:
    """The controller's own tolerance and window."""
    controller = Controller(PLAIN, replicas=4, flags=Flags(tolerance=0.5, downscale_stabilization=30))
    # 1,000 ÷ 2,000 = 0.5 is within; 999 ÷ 500 → 2, once the first 4 is older than 30 s.
    asked = {0: 1000, 15: 999, 30: 999, 45: 999, 60: 999}
    assert [controller.sync(now, fleet(4), {DEPTH.key: depth}).desired for now, depth in asked.items()] == [4, 4, 4, 2, 2]


def test_flags_are_overruled_direction_by_direction() -> None:
    """By the tolerances of `behavior`."""
    rules = Behavior(ScalingRules.up(tolerance=Fraction(1)), ScalingRules.down(tolerance=Fraction(0), stabilization=0))
    controller = Controller(Hpa(20, 1, (DEPTH,), rules), replicas=2)
    # 2,000 ÷ 1,000 = 2 is within + 1; 999 is below 1 − 0 and asks for 2; 500 asks for 1.
    assert [controller.sync(now, fleet(2), {DEPTH.key: depth}).desired for now, depth in {0: 2000, 1: 999, 2: 500}.items()] == [2, 2, 1]


def hold(depth: float | None, hpa: Hpa = PLAIN, replicas: int = 2, count: int | None = None, **more: Any) -> Decision:
    """The first sync of an autoscaler."""
    return Controller(hpa, replicas=replicas).sync(0, fleet(replicas if count is None else count), {DEPTH.key: depth, **more})


FREE = Behavior(ScalingRules.up(), ScalingRules.down(stabilization=0))
OFF = Behavior(ScalingRules.up(select_policy=Select.DISABLED), ScalingRules.down(select_policy=Select.DISABLED, stabilization=0))
VALUE = ObjectMetric("depth", Target(TargetKind.VALUE, Fraction(1000)))
JOBS = PodsMetric("jobs", EACH)


@pytest.mark.parametrize(
    ("sync", "reason", "conditions"),
    [
        (
            partial(hold, 1000),
            "2 → 2: external/depth: 1000, target 500; ratio 1 is within tolerance → 2",
            ("ReadyForNewScale", "ValidMetricFound", "DesiredWithinRange"),
        ),
        (
            partial(hold, 1501),
            "2 → 4: external/depth: 1501, target 500; 1501 ÷ 500 → 4",
            ("SucceededRescale", "ValidMetricFound", "DesiredWithinRange"),
        ),
        (
            partial(hold, 9000),
            "2 → 4: external/depth: 9000, target 500; 9000 ÷ 500 → 18; at most 4 now (without `behavior`: twice as many, or 4)",
            ("SucceededRescale", "ValidMetricFound", "ScaleUpLimit"),
        ),
        (
            partial(hold, 9000, Hpa(20, 2, (DEPTH,), FREE)),
            "2 → 6: external/depth: 9000, target 500; 9000 ÷ 500 → 18; at most 6 now (scaleUp: 4 Pods per 15 s)",
            ("SucceededRescale", "ValidMetricFound", "ScaleUpLimit"),
        ),
        (
            partial(hold, 9000, Hpa(20, 2, (DEPTH,), OFF)),
            "2 → 2: external/depth: 9000, target 500; 9000 ÷ 500 → 18; at most 2 now (scaleUp: Disabled)",
            ("ReadyForNewScale", "ValidMetricFound", "ScaleUpLimit"),
        ),
        (
            partial(hold, 0, Hpa(20, 2, (DEPTH,), OFF), 5),
            "5 → 5: external/depth: 0, target 500; 0 ÷ 500 → 0; at least 5 now (scaleDown: Disabled)",
            ("ReadyForNewScale", "ValidMetricFound", "ScaleDownLimit"),
        ),
        (
            partial(hold, 9000, Hpa(3, 2, (DEPTH,))),
            "2 → 3: external/depth: 9000, target 500; 9000 ÷ 500 → 18; at most maxReplicas 3",
            ("SucceededRescale", "ValidMetricFound", "TooManyReplicas"),
        ),
        (
            partial(hold, 0, Hpa(9, 2, (DEPTH,), FREE), 5),
            "5 → 2: external/depth: 0, target 500; 0 ÷ 500 → 0; at least minReplicas 2",
            ("SucceededRescale", "ValidMetricFound", "TooFewReplicas"),
        ),
        (
            partial(hold, 1500, PLAIN, 9),
            "9 → 9: external/depth: 1500, target 500; 1500 ÷ 500 → 3; "
            "stabilised at 9: 9 was the highest recommendation in the window (0 s ago)",
            ("ScaleDownStabilized", "ValidMetricFound", "DesiredWithinRange"),
        ),
        (
            partial(hold, 3000, Hpa(20, 2, (DEPTH,), SEED)),
            "2 → 2: external/depth: 3000, target 500; 3000 ÷ 500 → 6; "
            "stabilised at 2: 2 was the lowest recommendation in the window (0 s ago)",
            ("ScaleUpStabilized", "ValidMetricFound", "DesiredWithinRange"),
        ),
        (
            partial(hold, None),
            "2 → 2: external/depth: no reading (invalid); no metric is valid, so nothing changes",
            (None, "FailedGetExternalMetric", None),
        ),
        (
            partial(hold, 0, Hpa(9, 2, (DEPTH, CPU)), 4, **{CPU.key: None}),
            "4 → 4: resource/cpu: no reading (invalid); external/depth: 0, target 500; 0 ÷ 500 → 0; "
            "with an invalid metric it may not scale down",
            (None, "FailedGetResourceMetric", None),
        ),
        (
            partial(hold, 2500, Hpa(9, 2, (DEPTH, CPU)), 4, **{CPU.key: None}),
            "4 → 5: resource/cpu: no reading (invalid); external/depth: 2500, target 500; 2500 ÷ 500 → 5",
            ("SucceededRescale", "ValidMetricFound", "DesiredWithinRange"),
        ),
        (partial(hold, 5, PLAIN, 30), "30 → 20: more than maxReplicas 20", ("SucceededRescale", None, None)),
        (partial(hold, 5, PLAIN, 1), "1 → 2: fewer than minReplicas 2", ("SucceededRescale", None, None)),
        (
            partial(hold, 5, PLAIN, 0),
            "0 → 0: somebody set the target to 0 replicas, which switches the autoscaler off",
            ("SucceededGetScale", "ScalingDisabled", None),
        ),
        (
            partial(hold, None, Hpa(9, 2, (CPU,)), 2, **{CPU.key: {"p0": 1.05, "p1": 1.05}}),
            "2 → 3: resource/cpu: 105 %, target 70 %; ratio 1.5 × 2 ready → 3",
            ("SucceededRescale", "ValidMetricFound", "DesiredWithinRange"),
        ),
        (
            partial(hold, None, Hpa(9, 2, (JOBS,)), 2, **{JOBS.key: {"p0": 1500}}),
            "2 → 3: pods/jobs: 1500, target 500; ratio 1.5 × 2 with missing and unready pods → 3",
            ("SucceededRescale", "ValidMetricFound", "DesiredWithinRange"),
        ),
        (
            partial(hold, None, Hpa(9, 2, (JOBS,)), 2, **{JOBS.key: {"p0": 600}}),
            "2 → 2: pods/jobs: 600, target 500; ratio 0.6, but missing and unready pods undo it → 2",
            ("ReadyForNewScale", "ValidMetricFound", "DesiredWithinRange"),
        ),
        (
            partial(hold, None, Hpa(9, 0, (VALUE,)), 0, **{VALUE.key: 2500}),
            "0 → 3: object/depth: 2500, target 1000; ratio 2.5, from zero → 3",
            ("SucceededRescale", "ValidMetricFound", "DesiredWithinRange"),
        ),
        (
            partial(hold, None, Hpa(9, 2, (VALUE,)), 2, 0, **{VALUE.key: 2500}),
            "2 → 2: object/depth: the selector finds no pods (invalid); no metric is valid, so nothing changes",
            (None, "FailedGetObjectMetric", None),
        ),
        (
            partial(hold, None, Hpa(9, 2, (JOBS,)), 2, **{JOBS.key: {}}),
            "2 → 2: pods/jobs: no readings of pods that count (invalid); no metric is valid, so nothing changes",
            (None, "FailedGetPodsMetric", None),
        ),
        (
            partial(hold, None, Hpa(9, 2, (ResourceMetric("memory", CPU.target),)), 2, **{"resource/memory": {"p0": 5}}),
            "2 → 2: resource/memory: pod p0 requests no memory (invalid); no metric is valid, so nothing changes",
            (None, "FailedGetResourceMetric", None),
        ),
        (
            partial(hold, None, Hpa(9, 2, (CPU,)), 2, **{CPU.key: {"gone": 5}}),
            "2 → 2: resource/cpu: the readings are of no pod that requests any (invalid); no metric is valid, so nothing changes",
            (None, "FailedGetResourceMetric", None),
        ),
    ],
)
def test_why(sync: Callable[[], Decision], reason: str, conditions: tuple[str | None, str | None, str | None]) -> None:
    """In words, and as the conditions of the object."""
    decision = sync()
    assert decision.reason == reason
    able, active, limited = conditions
    found = decision.conditions
    assert (found.get("ScalingActive"), found.get("ScalingLimited")) == (active, limited)
    assert found["AbleToScale"] == (able or "SucceededGetScale")


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        ({}, "metrics: got []; expected a reading of external/depth; try None when it could not be read"),
        ({"depth": 5}, "metrics: got ['depth']; expected a reading of external/depth; try None when it could not be read"),
        ({DEPTH.key: {"p0": 5}}, "reading of external/depth: got {'p0': 5}; expected one number; try the sum over the pods"),
        ({DEPTH.key: float("nan")}, "reading: got nan; expected a finite number; try None for a metric that could not be read"),
    ],
)
def test_readings_that_are_refused(readings: Any, message: str) -> None:
    """With what was got, what would do, and the nearest fix."""
    with pytest.raises(ValueError) as caught:
        Controller(PLAIN).sync(0, fleet(2), readings)
    assert str(caught.value) == message


def test_one_number_for_all_pods_is_refused() -> None:
    """A metric of each pod has a number for each."""
    with pytest.raises(ValueError) as caught:
        Controller(Hpa(9, 2, (JOBS,))).sync(0, fleet(2), {JOBS.key: 5})
    assert str(caught.value) == "reading of pods/jobs: got 5; expected a number for each pod; try {name: number}"


def test_a_clock_that_runs_back_is_refused() -> None:
    """Histories have an order; the same time twice is none."""
    controller = Controller(PLAIN)
    controller.sync(15, fleet(2), {DEPTH.key: 5})
    controller.sync(15, fleet(2), {DEPTH.key: 5})
    with pytest.raises(ValueError) as caught:
        controller.sync(14.5, fleet(2), {DEPTH.key: 5})
    assert str(caught.value) == "sync: got 14.5 s; expected at least 15 s, the time of the last one; try a steady clock"


def test_fewer_than_no_replicas_are_refused() -> None:
    """From the start and from others."""
    with pytest.raises(ValueError) as caught:
        Controller(PLAIN, replicas=-1)
    assert str(caught.value) == "replicas: got -1; expected at least 0; try 0"


def test_a_trigger_without_a_reading_is_refused() -> None:
    """None is one."""
    with pytest.raises(ValueError) as caught:
        Keda(ScaledObject((PrometheusTrigger(5),))).poll(0, {"depth": 5})
    assert str(caught.value) == "readings: got ['depth']; expected one of s0-prometheus; try None when its source does not answer"
