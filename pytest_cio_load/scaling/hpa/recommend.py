"""One metric → how many replicas it asks for, as the controller's replica calculator counts.

Numbers are thousandths, sums are whole, ratios are floats: so does the controller, and so its roundings are met.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_cio_load.scaling.hpa.metric import ExternalMetric, Metric, ObjectMetric, ResourceMetric, TargetKind
from pytest_cio_load.scaling.hpa.pods import Sample, group
from pytest_cio_load.scaling.hpa.quantities import Number, thousandths
from pytest_cio_load.scaling.hpa.spec import MAX_REPLICAS
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cio_load.scaling.hpa.pods import Grouped, Observed

Reading = Number | Mapping[str, Number | Sample]
"""One number for an Object or External metric; a number for each pod, by its name, for a Resource or Pods metric."""


class Rule(StrEnum):
    """How a metric came to its number."""

    TOLERANCE = "tolerance"
    READY = "ready pods"
    TOTAL = "total"
    FROM_ZERO = "from zero"
    REBALANCED = "rebalanced"
    TURNED = "turned"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far from 1 a ratio may be without a change.

    Attributes:
        down: below 1.
        up: above 1.
    """

    down: float
    up: float

    def holds(self, ratio: float) -> bool:
        """Whether *ratio* is near enough to 1; both ends are."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one metric asks for.

    Attributes:
        metric: which one.
        replicas: how many it asks for; None when it is invalid.
        rule: how it came to that.
        usage: what was measured: percent for Utilization, else thousandths: the mean of the pods that count, or the total.
        ratio: of usage to target.
        counted: by how many pods the ratio was multiplied.
        problem: why it is invalid, else "".
    """

    metric: Metric
    replicas: int | None
    rule: Rule
    usage: int = 0
    ratio: float = 0.0
    counted: int = 0
    problem: str = ""

    def __str__(self) -> str:
        """One line: ``external/depth: 1500 in all, target 500 a pod → 3``."""
        if self.rule is Rule.INVALID:
            return f"{self.metric.key}: {self.problem}"
        target = self.metric.target
        percent = target.kind is TargetKind.UTILIZATION
        used = f"{self.usage} %" if percent else f"{self.usage / 1000:g}"
        wanted = f"{int(target.value)} %" if percent else f"{float(target.value):g}"
        how = {
            Rule.TOLERANCE: f"ratio {self.ratio:.4g} is within tolerance",
            Rule.READY: f"ratio {self.ratio:.4g} × {self.counted} ready",
            Rule.TOTAL: f"{used} ÷ {wanted}",
            Rule.FROM_ZERO: f"ratio {self.ratio:.4g}, from zero",
            Rule.REBALANCED: f"ratio {self.ratio:.4g} × {self.counted} with missing and unready pods",
            Rule.TURNED: f"ratio {self.ratio:.4g}, but missing and unready pods undo it",
        }[self.rule]
        return f"{self.metric.key}: {used}, target {wanted}; {how} → {self.replicas}"


def recommend(metric: Metric, reading: Reading | None, observed: Observed, tolerance: Tolerance) -> Proposal:
    """What *metric* asks for.

    Args:
        metric: what is measured, and its target.
        reading: see `Reading`; None when it could not be read.
        observed: the target at this sync.
        tolerance: of this autoscaler.

    Raises:
        ValueError: the reading is of another shape than the metric's, or no finite number.
    """
    if reading is None:
        return _invalid(metric, "no reading")
    if isinstance(metric, ExternalMetric | ObjectMetric):
        if isinstance(reading, Mapping):
            raise ValueError(f"reading of {metric.key}: got {show_value(reading)}; expected one number; try the sum over the pods")
        usage = thousandths(reading)
        if metric.target.kind is TargetKind.AVERAGE_VALUE:
            return _average(metric, usage, observed, tolerance)
        return _value(metric, usage, observed, tolerance)
    if not isinstance(reading, Mapping):
        raise ValueError(f"reading of {metric.key}: got {show_value(reading)}; expected a number for each pod; try {{name: number}}")
    return _per_pod(metric, reading, observed, tolerance)


def _average(metric: Metric, usage: int, observed: Observed, tolerance: Tolerance) -> Proposal:
    """AverageValue of a total: total ÷ target; the ratio, and what stays within tolerance, go by the pods that there are."""
    replicas = observed.status_replicas
    target = metric.target.thousandths
    ratio = usage / (float(target) * replicas) if replicas else math.copysign(math.inf, usage)
    if tolerance.holds(ratio):
        return Proposal(metric, replicas, Rule.TOLERANCE, usage, ratio, replicas)
    return Proposal(metric, _replicas(usage / target), Rule.TOTAL, usage, ratio, replicas)


def _value(metric: Metric, usage: int, observed: Observed, tolerance: Tolerance) -> Proposal:
    """Value: ratio × ready pods; with no replicas the ratio alone, without tolerance."""
    ratio = usage / metric.target.thousandths
    if observed.replicas == 0:
        return Proposal(metric, _replicas(ratio), Rule.FROM_ZERO, usage, ratio, 1)
    if tolerance.holds(ratio):
        return Proposal(metric, observed.replicas, Rule.TOLERANCE, usage, ratio)
    if not observed.pods:
        return _invalid(metric, "the selector finds no pods")
    ready = observed.ready_pods
    return Proposal(metric, _replicas(ratio * ready), Rule.READY, usage, ratio, ready)


def _per_pod(metric: Metric, reading: Mapping[str, Number | Sample], observed: Observed, tolerance: Tolerance) -> Proposal:
    """A metric of each pod: Resource and Pods."""
    if not observed.pods:
        return _invalid(metric, "the selector finds no pods")
    grouped = group(observed, reading, cpu=isinstance(metric, ResourceMetric) and metric.name == "cpu")
    values = {name: thousandths(one.value if isinstance(one, Sample) else one) for name, one in reading.items()}
    for name in (*grouped.ignored, *grouped.unready):
        values.pop(name, None)
    if not values:
        return _invalid(metric, "no readings of pods that count")
    target = metric.target.thousandths
    if metric.target.kind is not TargetKind.UTILIZATION:
        return _weigh(metric, values, grouped, observed.replicas, tolerance, lambda found: _mean(found, target), lambda name: target)
    percent = target // 1000
    resource = metric.key.partition("/")[2]
    asked = {pod.name: pod.requests.get(resource) for pod in observed.pods}
    lacking = next((name for name, request in asked.items() if request is None), None)
    if lacking is not None:
        return _invalid(metric, f"pod {lacking} requests no {resource}")
    requests = {name: thousandths(request) for name, request in asked.items() if request is not None}
    if sum(requests[name] for name in values if name in requests) == 0:
        return _invalid(metric, "the readings are of no pod that requests any")
    full = max(100, percent)
    return _weigh(
        metric,
        values,
        grouped,
        observed.replicas,
        tolerance,
        lambda found: _utilization(found, requests, percent),
        lambda name: requests[name] * full // 100,
    )


def _weigh(
    metric: Metric,
    values: dict[str, int],
    grouped: Grouped,
    current: int,
    tolerance: Tolerance,
    measure: Callable[[Mapping[str, int]], tuple[float, int]],
    busy: Callable[[str], int],
) -> Proposal:
    """Ratio × pods, where pods without a reading weigh against the change.

    Missing pods count as *busy* when it would scale down and as idle when it would scale up; unready ones as idle when it would scale up,
    else not at all. When that leaves the ratio within tolerance, or turns the direction, nothing changes.
    """
    ratio, usage = measure(values)
    idle = grouped.unready if ratio > 1.0 else ()
    if not idle and not grouped.missing:
        if tolerance.holds(ratio):
            return Proposal(metric, current, Rule.TOLERANCE, usage, ratio, grouped.ready)
        return Proposal(metric, _replicas(ratio * grouped.ready), Rule.READY, usage, ratio, grouped.ready)
    if ratio != 1.0:
        values.update((name, busy(name) if ratio < 1.0 else 0) for name in grouped.missing)
    values.update((name, 0) for name in idle)
    weighed, _ = measure(values)
    if tolerance.holds(weighed):
        return Proposal(metric, current, Rule.TOLERANCE, usage, weighed, len(values))
    replicas = _replicas(weighed * len(values))
    turned = (weighed > 1.0) if ratio < 1.0 else (ratio > 1.0 > weighed)
    wrong_side = replicas > current if weighed < 1.0 else weighed > 1.0 and replicas < current
    if turned or wrong_side:
        return Proposal(metric, current, Rule.TURNED, usage, weighed, len(values))
    return Proposal(metric, replicas, Rule.REBALANCED, usage, weighed, len(values))


def _mean(values: Mapping[str, int], target: int) -> tuple[float, int]:
    """Ratio and mean of all values, cut to whole thousandths."""
    mean = _cut(sum(values.values()), len(values))
    return mean / target, mean


def _utilization(values: Mapping[str, int], requests: Mapping[str, int], target: int) -> tuple[float, int]:
    """Ratio and utilisation in percent of what the same pods request, cut to whole percent."""
    known = [name for name in values if name in requests]
    percent = _cut(sum(values[name] for name in known) * 100, sum(requests[name] for name in known))
    return percent / target, percent


def _cut(dividend: int, divisor: int) -> int:
    """The whole quotient, cut towards zero."""
    return dividend // divisor if dividend >= 0 else -(-dividend // divisor)


def _replicas(asked: float) -> int:
    """Rounded up, within what 32 bits hold."""
    return max(-MAX_REPLICAS, math.ceil(min(asked, MAX_REPLICAS)))


def _invalid(metric: Metric, problem: str) -> Proposal:
    return Proposal(metric, None, Rule.INVALID, problem=problem)
