"""Worked by hand: what one metric asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import pytest

from pytest_cio_load.scaling.hpa.pods import Flags, Observed, Phase, PodState, Sample
from pytest_cio_load.scaling.hpa.recommend import Proposal, Rule, Tolerance, recommend
from pytest_cio_load.scaling.hpa.spec import ExternalMetric, ObjectMetric, PodsMetric, ResourceMetric, Target, TargetKind

NOW = 1000.0
TENTH = Tolerance(0.1, 0.1)
UTILIZATION, AVERAGE, VALUE = TargetKind.UTILIZATION, TargetKind.AVERAGE_VALUE, TargetKind.VALUE

CPU70 = ResourceMetric("cpu", Target(UTILIZATION, Fraction(70)))
CPU150 = ResourceMetric("cpu", Target(UTILIZATION, Fraction(150)))
CPU_RAW = ResourceMetric("cpu", Target(AVERAGE, Fraction(1, 2)))
MEMORY = ResourceMetric("memory", Target(UTILIZATION, Fraction(50)))
JOBS = PodsMetric("jobs", Target(AVERAGE, Fraction(100)))
PER_POD = ExternalMetric("depth", Target(AVERAGE, Fraction(500)))
TOTAL = ExternalMetric("depth", Target(VALUE, Fraction(1000)))
OBJECT = ObjectMetric("depth", Target(VALUE, Fraction(1000)), "Service/queue")
OBJECT_PER_POD = ObjectMetric("depth", Target(AVERAGE, Fraction(500)), "Service/queue")


def fleet(count: int, **fields: Any) -> list[PodState]:
    """*count* pods named p0, p1, …, each requesting 1 core and 1 GiB."""
    return [PodState(f"p{index}", **{"requests": {"cpu": 1, "memory": 2**30}, **fields}) for index in range(count)]


def each(*values: Any) -> dict[str, Any]:
    """Readings of p0, p1, …; None is none."""
    return {f"p{index}": value for index, value in enumerate(values) if value is not None}


def but(pods: Sequence[PodState], index: int, **fields: Any) -> list[PodState]:
    """The same pods, one of them changed."""
    return [replace(pod, **fields) if at == index else pod for at, pod in enumerate(pods)]


def late(count: int) -> list[PodState]:
    """*count* pods, the last of them pending."""
    return but(fleet(count), count - 1, phase=Phase.PENDING)


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Attributes:
        work: the calculation by hand.
        metric, reading, pods, replicas: what goes in.
        expected: how many replicas are asked for; None for an invalid metric.
        rule: how it comes to that.
        tolerance: of the autoscaler.
    """

    work: str
    metric: Any
    reading: Any
    pods: list[PodState]
    replicas: int
    expected: int | None
    rule: Rule
    tolerance: Tolerance = TENTH


READY, HELD, TOTALS, WEIGHED, TURNED, INVALID, ZERO = (
    Rule.READY,
    Rule.TOLERANCE,
    Rule.TOTAL,
    Rule.REBALANCED,
    Rule.TURNED,
    Rule.INVALID,
    Rule.FROM_ZERO,
)
STARTING = {"started": NOW - 60, "ready_changed": NOW - 50}

CASES = [
    # Resource, Utilization: whole percent, then ratio × ready pods, rounded up.
    Case("140 % / 70 % = 2; 2 × 2 = 4", CPU70, each(1.4, 1.4), fleet(2), 2, 4, READY),
    Case("35 / 70 = 0.5; 0.5 × 4 = 2", CPU70, each(0.35, 0.35, 0.35, 0.35), fleet(4), 4, 2, READY),
    Case("90 / 70 = 1.2857; × 3 = 3.857 → 4", CPU70, each(0.9, 0.9, 0.9), fleet(3), 3, 4, READY),
    Case("77 / 70 = 1.1, the end of tolerance → stays", CPU70, each(0.77), fleet(1), 1, 1, HELD),
    Case("78 / 70 = 1.1143 → 1.1143 × 1 → 2", CPU70, each(0.78), fleet(1), 1, 2, READY),
    Case("77.9 % is cut to 77 → 1.1, stays", CPU70, each(0.779), fleet(1), 1, 1, HELD),
    Case("63 / 70 = 0.9, the end of tolerance → stays", CPU70, each(0.63, 0.63), fleet(2), 2, 2, HELD),
    Case("62 / 70 = 0.8857; × 10 = 8.857 → 9", CPU70, each(*[0.62] * 10), fleet(10), 10, 9, READY),
    Case("62.9 % is cut to 62: 0.8857 × 10 → 9", CPU70, each(*[0.629] * 10), fleet(10), 10, 9, READY),
    Case("Σ use ÷ Σ request: (0.2 + 1.2) / 2 = 70 % → 1, stays", CPU70, each(0.2, 1.2), fleet(2), 2, 2, HELD),
    Case("0 / 70 = 0 × 3 = 0", CPU70, each(0, 0, 0), fleet(3), 3, 0, READY),
    Case("within tolerance the target's replicas count, not the pods: 5", CPU70, each(0.7, 0.7), fleet(2), 5, 5, HELD),
    Case("memory 75 % / 50 % = 1.5 × 2 = 3", MEMORY, each(0.75 * 2**30, 0.75 * 2**30), fleet(2), 2, 3, READY),
    Case("a pod without a request makes it invalid", CPU70, each(1, 1), but(fleet(2), 1, requests={}), 2, None, INVALID),
    Case("no pods: invalid", CPU70, {}, [], 2, None, INVALID),
    Case("no readings at all: invalid", CPU70, {}, fleet(2), 2, None, INVALID),
    Case("readings of others only: nothing requested, invalid", CPU70, {"other": 1}, fleet(2), 2, None, INVALID),
    # Tolerance of each direction.
    Case("105 / 70 = 1.5 ≤ 1 + 0.5 → stays", CPU70, each(1.05, 1.05), fleet(2), 2, 2, HELD, Tolerance(0.1, 0.5)),
    Case("71 / 70 = 1.0143 > 1 + 0: × 2 → 3", CPU70, each(0.71, 0.71), fleet(2), 2, 3, READY, Tolerance(0.1, 0.0)),
    Case("70 / 70 = 1 exactly, with no tolerance at all → stays", CPU70, each(0.7, 0.7), fleet(2), 2, 2, HELD, Tolerance(0.0, 0.0)),
    Case("35 / 70 = 0.5 ≥ 1 − 0.5 → stays", CPU70, each(0.35, 0.35), fleet(2), 2, 2, HELD, Tolerance(0.5, 0.1)),
    Case("69 / 70 = 0.9857 < 1 − 0: × 2 = 1.97 → 2", CPU70, each(0.69, 0.69), fleet(2), 2, 2, READY, Tolerance(0.0, 0.1)),
    # Missing pods.
    Case("0.35 → 0.5; missing as 100 %: 170 / 300 = 56 % → 0.8 × 3 = 2.4 → 3", CPU70, each(0.35, 0.35, None), fleet(3), 3, 3, WEIGHED),
    Case("5 × 10 % + 1 × 100 % = 150 / 600 = 25 % → 0.357 × 6 = 2.14 → 3", CPU70, each(*[0.1] * 5), fleet(6), 6, 3, WEIGHED),
    Case("60 / 70 = 0.857; missing as 100 %: 160 / 200 = 80 % → 1.14 turns → stays", CPU70, each(0.6), fleet(2), 2, 2, TURNED),
    Case("0.4 → 0.571; 40 + 100 = 140 / 200 = 70 % → 1, stays", CPU70, each(0.4), fleet(2), 2, 2, HELD),
    Case("0.25 → 0.357; 25 + 100 = 125 / 200 is cut to 62 % → 0.886 × 2 = 1.77 → 2", CPU70, each(0.25), fleet(2), 2, 2, WEIGHED),
    Case("26 + 100 = 126 / 200 = 63 % → 0.9, stays", CPU70, each(0.26), fleet(2), 2, 2, HELD),
    Case("420 / 400 = 105 → 1.5 × 4 = 6 < 10: wrong side", CPU70, each(1.4, 1.4, 1.4), fleet(4), 10, 10, TURNED),
    Case("target 150: missing as 150 %, not 100: 30 + 150 = 180 / 200 = 90 → 0.6 × 2 → 2", CPU150, each(0.3), fleet(2), 2, 2, WEIGHED),
    Case("as before with 4: (3 × 30 + 150) / 400 = 60 % → 0.4 × 4 → 2", CPU150, each(0.3, 0.3, 0.3), fleet(4), 4, 2, WEIGHED),
    Case("200 / 70 = 2.857; missing as 0: 400 / 300 = 133 → 1.9 × 3 = 5.7 → 6", CPU70, each(2, 2), fleet(3), 3, 6, WEIGHED),
    Case("140 / 70 = 2; missing as 0: 140 / 200 = 70 → 1, stays", CPU70, each(1.4), fleet(2), 2, 2, HELD),
    Case("130 / 70 = 1.857; missing as 0: 130 / 300 = 43 → 0.614 turns → stays", CPU70, each(1.3), fleet(3), 3, 3, TURNED),
    Case("70 / 70 = 1: missing pods weigh nothing → stays", CPU70, each(0.7, None, None), fleet(3), 3, 3, HELD),
    Case("2 pods of 4 exist: 1.2857 × 2 → 3 < 4", CPU70, each(0.9, 0.9), fleet(2), 4, 3, READY),
    Case("1 more missing: 3 × 200 / 400 = 150 → 2.14 × 4 = 8.57 → 9 < 10: wrong side", CPU70, each(2, 2, 2), fleet(4), 10, 10, TURNED),
    Case("more pods than replicas: 0.571 × 4 with missing as 100 → 3 > 2, wrong side", CPU70, each(0.1, 0.1, 0.4), fleet(4), 2, 2, TURNED),
    # Unready pods.
    Case("pending as 0: 2 × 140 / 300 = 93 → 1.3286 × 3 = 3.99 → 4", CPU70, each(1.4, 1.4), late(3), 3, 4, WEIGHED),
    Case("scaling down, pending counts not at all: 0.5 × 2 = 1", CPU70, each(0.35, 0.35), late(3), 3, 1, READY),
    Case("ratio 1: pending counts not at all → stays", CPU70, each(0.7), late(2), 2, 2, HELD),
    Case("only pending pods: invalid", CPU70, {}, fleet(2, phase=Phase.PENDING), 2, None, INVALID),
    Case("its reading is dropped, and 0: 140 / 200 = 70 → 1", CPU70, each(1.4, 5), but(fleet(2), 1, ready=False, **STARTING), 2, 2, HELD),
    Case("missing and unready as 0: 300 / 300 = 100 → 1.43 × 3 → 5", CPU70, each(3), late(3), 3, 5, WEIGHED),
    # Failed and deleted pods are as if not there.
    Case("failed: 2 × 1 = 2", CPU70, each(1.4, 0), but(fleet(2), 1, phase=Phase.FAILED), 2, 2, READY),
    Case("being deleted: 2 × 1 = 2", CPU70, each(1.4, 0), but(fleet(2), 1, deleting=True), 2, 2, READY),
    Case("yet its request must be there", CPU70, each(1.4, 0), but(fleet(2), 1, deleting=True, requests={}), 2, None, INVALID),
    # CPU of pods that are starting: period 300 s, delay 30 s.
    Case("ready, in the period, plain number: counts: 2 × 2 = 4", CPU70, each(1.4, 1.4), fleet(2, **STARTING), 2, 4, READY),
    Case("no Ready condition: unready → 140 / 200 → 1", CPU70, each(1.4, 9), but(fleet(2), 1, ready=None), 2, 2, HELD),
    Case("no start time: unready → 140 / 200 → 1", CPU70, each(1.4, 9), but(fleet(2), 1, started=None), 2, 2, HELD),
    Case(
        "its window of 30 s began before it was ready 29 s earlier: unready → 140 / 200 → 1",
        CPU70,
        each(1.4, Sample(9, NOW, 30)),
        but(fleet(2), 1, started=NOW - 60, ready_changed=NOW - 29),
        2,
        2,
        HELD,
    ),
    Case(
        "window of 30 s, ready for 30 s exactly: counts: 210 / 2 = 105 % → 1.5 × 2 = 3",
        CPU70,
        each(1.4, Sample(0.7, NOW, 30)),
        but(fleet(2), 1, started=NOW - 60, ready_changed=NOW - 30),
        2,
        3,
        READY,
    ),
    Case(
        "started exactly 300 s ago: the period is over, the window matters no more: 1.5 × 2 = 3",
        CPU70,
        each(1.4, Sample(0.7, NOW, 30)),
        but(fleet(2), 1, started=NOW - 300, ready_changed=NOW - 1),
        2,
        3,
        READY,
    ),
    Case(
        "not ready, and last changed 29 s after its start: never was: unready → 140 / 200 → 1",
        CPU70,
        each(1.4, 9),
        but(fleet(2), 1, ready=False, started=NOW - 400, ready_changed=NOW - 371),
        2,
        2,
        HELD,
    ),
    Case(
        "not ready, but changed 30 s after its start: was ready once, so it counts: 1.5 × 2 = 3",
        CPU70,
        each(1.4, 0.7),
        but(fleet(2), 1, ready=False, started=NOW - 400, ready_changed=NOW - 370),
        2,
        3,
        READY,
    ),
    Case("memory knows no starting: 75 / 50 × 2 = 3", MEMORY, each(*[0.75 * 2**30] * 2), fleet(2, ready=False, **STARTING), 2, 3, READY),
    # Resource, AverageValue.
    Case("mean 1 core / 0.5 = 2 × 2 = 4", CPU_RAW, each(1, 1), fleet(2), 2, 4, READY),
    Case("needs no request: 2 × 2 = 4", CPU_RAW, each(1, 1), fleet(2, requests={}), 2, 4, READY),
    Case("CPU again, so starting pods are dropped: 1 + 0 → 0.5 / 0.5 = 1", CPU_RAW, each(1, 9), but(fleet(2), 1, ready=None), 2, 2, HELD),
    # Pods.
    Case("mean 150 / 100 = 1.5 × 2 = 3", JOBS, each(100, 200), fleet(2), 2, 3, READY),
    Case("110 / 100 = 1.1 → stays", JOBS, each(110, 110), fleet(2), 2, 2, HELD),
    Case("110.001 / 100 > 1.1: × 2 = 2.2 → 3", JOBS, each(110.001, 110.001), fleet(2), 2, 3, READY),
    Case("Σ 220.001 in thousandths ÷ 2 is cut to 110.000 → 1.1, stays", JOBS, each(110, 110.001), fleet(2), 2, 2, HELD),
    Case("a shared depth of 1,100 seen by each of 2: 11 × 2 = 22", JOBS, each(1100, 1100), fleet(2), 2, 22, READY),
    Case("50 → 0.5; missing as the target: (50 + 100) / 2 = 75 → 0.75 × 2 = 1.5 → 2", JOBS, each(50), fleet(2), 2, 2, WEIGHED),
    Case("3 × 10 + 100 = 130 / 4 = 32.5 → 0.325 × 4 = 1.3 → 2", JOBS, each(10, 10, 10), fleet(4), 4, 2, WEIGHED),
    Case("300 → 3; missing as 0: 300 / 2 = 150 → 1.5 × 2 = 3", JOBS, each(300), fleet(2), 2, 3, WEIGHED),
    Case("missing as 0: 220.001 / 2 is cut to 110 → stays", JOBS, each(220.001), fleet(2), 2, 2, HELD),
    Case("pending as 0: 220.001 / 2 is cut to 110 → stays", JOBS, each(220.001), late(2), 2, 2, HELD),
    Case("ratio 1: the missing one weighs nothing → stays", JOBS, each(100), fleet(2), 2, 2, HELD),
    Case("not ready counts all the same: 2 × 2 = 4", JOBS, each(200, 200), fleet(2, ready=False), 2, 4, READY),
    Case("pending as 0: 400 / 3 = 133.333 → 1.33 × 3 = 3.99 → 4", JOBS, each(200, 200), late(3), 3, 4, WEIGHED),
    Case("a pod that is gone counts in the mean: (100 + 300) / 2 = 200 → 2 × 1 = 2", JOBS, each(100, 300), fleet(1), 1, 2, READY),
    # External and Object, AverageValue: total ÷ target.
    Case("1,501 / 1,000 = 1.501; 1,501 / 500 = 3.002 → 4", PER_POD, 1501, fleet(2), 2, 4, TOTALS),
    Case("1,500 / 500 = 3 exactly", PER_POD, 1500, fleet(2), 2, 3, TOTALS),
    Case("1,100 / (500 × 2) = 1.1 → stays", PER_POD, 1100, fleet(2), 2, 2, HELD),
    Case("1,100.001 → 2.2 → 3", PER_POD, 1100.001, fleet(2), 2, 3, TOTALS),
    Case("900 / 1,000 = 0.9 → stays", PER_POD, 900, fleet(2), 2, 2, HELD),
    Case("899 / 500 = 1.798 → 2: outside tolerance, the same count", PER_POD, 899, fleet(2), 2, 2, TOTALS),
    Case("540 / 2,500 = 0.216; 540 / 500 → 2", PER_POD, 540, fleet(5), 5, 2, TOTALS),
    Case("0 / 500 = 0", PER_POD, 0, fleet(2), 2, 0, TOTALS),
    Case("no pods: ÷ 0 is outside any tolerance; 1 / 500 → 1", PER_POD, 1, [], 0, 1, TOTALS),
    Case("no pods and nothing to do: 0", PER_POD, 0, [], 0, 0, TOTALS),
    Case("readiness does not matter: 1,500 / 500 = 3", PER_POD, 1500, fleet(2, ready=False), 2, 3, TOTALS),
    Case("tolerance keeps the pods that exist, 3, not the 5 wanted", PER_POD, 1500, fleet(3), 5, 3, HELD),
    Case("a pending pod is one of them: 1,500 / (500 × 3) = 1 → 3", PER_POD, 1500, late(3), 2, 3, HELD),
    Case("a pod being deleted is none of them: 1,000 / (500 × 2) = 1 → 2", PER_POD, 1000, but(fleet(3), 2, deleting=True), 3, 2, HELD),
    Case("2 · 10¹² / 500 is more than 32 bits hold", PER_POD, 2 * 10**12, fleet(2), 2, 2**31 - 1, TOTALS),
    Case("−997 / 500 = −1.994 → −1", PER_POD, -997, fleet(2), 2, -1, TOTALS),
    Case("no reading: invalid", PER_POD, None, fleet(2), 2, None, INVALID),
    Case("Object likewise: 1,501 / 500 → 4", OBJECT_PER_POD, 1501, fleet(2), 2, 4, TOTALS),
    # External and Object, Value: ratio × ready pods.
    Case("3,000 / 1,000 = 3 × 2 = 6", TOTAL, 3000, fleet(2), 2, 6, READY),
    Case("1,100 / 1,000 = 1.1 → stays", TOTAL, 1100, fleet(2), 2, 2, HELD),
    Case("1 of 2 ready: 3 × 1 = 3", TOTAL, 3000, but(fleet(2), 1, ready=False), 2, 3, READY),
    Case("none ready: 3 × 0 = 0, though there is much to do", TOTAL, 3000, fleet(2, ready=False), 2, 0, READY),
    Case("a ready pod that is being deleted counts: 3 × 2 = 6", TOTAL, 3000, but(fleet(2), 1, deleting=True), 2, 6, READY),
    Case("no pods while 2 are wanted: invalid", TOTAL, 3000, [], 2, None, INVALID),
    Case("no pods within tolerance: not looked at → 2", TOTAL, 1000, [], 2, 2, HELD),
    Case("from zero: 4,200 / 1,000 = 4.2 → 5", TOTAL, 4200, [], 0, 5, ZERO),
    Case("from zero without tolerance: 1 / 1,000 → 1", TOTAL, 1, [], 0, 1, ZERO),
    Case("from zero with nothing to do: 0", TOTAL, 0, [], 0, 0, ZERO),
    Case("Object likewise: 3 × 2 = 6", OBJECT, 3000, fleet(2), 2, 6, READY),
]


def ask(case: Case) -> Proposal:
    """What the metric asks for."""
    return recommend(case.metric, case.reading, Observed(NOW, case.replicas, case.pods, Flags()), case.tolerance)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.work)
def test_by_hand(case: Case) -> None:
    """The count and the rule are those of the calculation."""
    proposal = ask(case)
    assert (proposal.replicas, proposal.rule) == (case.expected, case.rule)


@pytest.mark.parametrize(
    ("metric", "reading", "pods", "usage", "ratio", "counted"),
    [
        (CPU70, each(1.4, 1.401), fleet(2), 140, 2.0, 2),
        (JOBS, each(150, 150.001), fleet(2), 150_000, 1.5, 2),
        (JOBS, each(-150, -150.001), fleet(2), -150_000, -1.5, 2),
        (JOBS, each(300), late(2), 300_000, 1.5, 2),
        (PER_POD, 1500, fleet(2), 1_500_000, 1.5, 2),
        (TOTAL, 3000, but(fleet(2), 1, ready=False), 3_000_000, 3.0, 1),
        (PER_POD, None, fleet(2), 0, 0.0, 0),
    ],
)
def test_what_was_measured(metric: Any, reading: Any, pods: list[PodState], usage: int, ratio: float, counted: int) -> None:
    """Whole percent or thousandths, cut towards zero; the ratio that counted, and by how many pods."""
    proposal = recommend(metric, reading, Observed(NOW, len(pods), pods, Flags()), TENTH)
    assert (proposal.usage, proposal.ratio, proposal.counted) == (usage, ratio, counted)
