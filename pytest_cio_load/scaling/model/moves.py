"""What can be changed in a policy, and into what: one field of the manifest at a time, each with a handful of values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from pytest_cio_load.scaling.hpa.metric import ExternalMetric, Metric, ObjectMetric, Target, TargetKind
from pytest_cio_load.scaling.hpa.spec import Behavior, Hpa, Policy, PolicyKind, ScalingRules
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.seen import Meaning, meaning_of
from pytest_cio_load.scaling.model.traffic import Traffic
from pytest_cio_load.units import show_number

DEPTH = "cio_queue_backlog"
"""The External metric that takes the place of metrics that cannot work; the one that the planner's manifests make."""

_UP_WINDOWS, _DOWN_WINDOWS = (0, 15, 30, 60, 120), (60, 120, 300, 600)
_UP_POLICIES = (
    (Policy(PolicyKind.PERCENT, 100, 15), Policy(PolicyKind.PODS, 4, 15)),
    (Policy(PolicyKind.PERCENT, 50, 30),),
    (Policy(PolicyKind.PODS, 1, 30),),
)
_DOWN_POLICIES = (
    (Policy(PolicyKind.PERCENT, 100, 15),),
    (Policy(PolicyKind.PERCENT, 50, 60),),
    (Policy(PolicyKind.PODS, 1, 60),),
)
_DELAYS = (5, 10, 20, 30, 60, 120, 300)
"""Seconds of a pod's own work that may wait for each pod."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the manifest.

    Attributes:
        path: its place there: ``spec.minReplicas``.
        get: its value in an autoscaler.
        put: an autoscaler with another value; raises ValueError for one that no manifest may have.
        values: that are tried.
        show: a value as text.
    """

    path: str
    get: Callable[[Hpa], Any]
    put: Callable[[Hpa, Any], Hpa]
    values: tuple[Any, ...]
    show: Callable[[Any], str] = str


def fields_for(hpa: Hpa, traffic: Traffic, pipeline: Pipeline, *, fewest: int, meanings: Mapping[str, str]) -> tuple[Field, ...]:
    """The fields that may be changed in *hpa*, with the values that make sense for this traffic and this pipeline.

    Pods past what the workspaces take are none of them, and never fewer than *fewest*.
    """
    rate = pipeline.pod_rate
    useful = max(fewest, math.ceil(round(pipeline.capacity / rate, 9)))
    mean = math.ceil(round(traffic.total / traffic.seconds / rate, 9))
    peak = math.ceil(round(min(traffic.peak, pipeline.capacity) / rate, 9))
    lows = _counts((fewest, hpa.min_replicas, mean, mean + 1, (mean + peak + 1) // 2, peak), fewest, useful)
    highs = _counts((hpa.max_replicas, mean + 1, peak, peak + 1, math.ceil(peak * 1.5), useful), fewest, useful)
    return (
        Field("spec.metrics", lambda it: it.metrics, _put_metrics, _metrics(hpa, rate, meanings), show_metrics),
        Field("spec.maxReplicas", lambda it: it.max_replicas, lambda it, most: replace(it, max_replicas=most), highs),
        Field("spec.minReplicas", lambda it: it.min_replicas, lambda it, low: replace(it, min_replicas=low), lows),
        _window("scale_up", _UP_WINDOWS),
        _policies("scale_up", _UP_POLICIES),
        _window("scale_down", _DOWN_WINDOWS),
        _policies("scale_down", _DOWN_POLICIES),
    )


def steady(hpa: Hpa, pods: int) -> Hpa:
    """As *hpa*, with so many pods all the time."""
    return replace(hpa, min_replicas=pods, max_replicas=pods)


def useful_pods(pipeline: Pipeline, fewest: int) -> int:
    """Pods from which on the workspaces are what holds everybody up; at least *fewest*."""
    return max(fewest, math.ceil(round(pipeline.capacity / pipeline.pod_rate, 9)))


def show_metrics(metrics: Sequence[Metric]) -> str:
    """``External cio_queue_backlog, AverageValue 4980``; several apart by `` and ``."""
    return " and ".join(
        f"{metric.kind} {metric.name}, {metric.target.kind} {show_number(float(metric.target.value))}"
        + (" %" if metric.target.kind is TargetKind.UTILIZATION else "")
        for metric in metrics
    )


def _counts(numbers: Iterable[int], low: int, high: int) -> tuple[int, ...]:
    return tuple(sorted({min(max(number, low), high) for number in numbers}))


def _metrics(hpa: Hpa, rate: float, meanings: Mapping[str, str]) -> tuple[tuple[Metric, ...], ...]:
    """The depth of the queue as one number, at several targets: of the metric that is there, or of one that takes the others' place."""
    mine = next((one for one in hpa.metrics if _whole_depth(one, meanings)), None) or ExternalMetric(
        DEPTH, Target(TargetKind.AVERAGE_VALUE, Fraction(1))
    )
    targets = sorted({max(1, round(rate * delay)) for delay in _DELAYS})
    return tuple((replace(mine, target=Target(TargetKind.AVERAGE_VALUE, Fraction(target))),) for target in targets)


def _whole_depth(metric: Metric, meanings: Mapping[str, str]) -> bool:
    return isinstance(metric, ExternalMetric | ObjectMetric) and meaning_of(metric, meanings) is Meaning.DEPTH


def _put_metrics(hpa: Hpa, metrics: tuple[Metric, ...]) -> Hpa:
    return replace(hpa, metrics=metrics)


def _rules(hpa: Hpa, way: str) -> ScalingRules:
    rules: ScalingRules = getattr(hpa.behavior or Behavior(), way)
    return rules


def _put_rules(hpa: Hpa, way: str, rules: ScalingRules) -> Hpa:
    behavior = hpa.behavior or Behavior()
    return replace(hpa, behavior=replace(behavior, scale_up=rules) if way == "scale_up" else replace(behavior, scale_down=rules))


def _path(way: str, name: str) -> str:
    return f"spec.behavior.{'scaleUp' if way == 'scale_up' else 'scaleDown'}.{name}"


def _window(way: str, values: tuple[int, ...]) -> Field:
    def get(hpa: Hpa) -> int:
        seconds = _rules(hpa, way).stabilization
        return 300 if seconds is None else seconds

    def put(hpa: Hpa, seconds: int) -> Hpa:
        return _put_rules(hpa, way, replace(_rules(hpa, way), stabilization=seconds))

    return Field(_path(way, "stabilizationWindowSeconds"), get, put, values)


def _policies(way: str, values: tuple[tuple[Policy, ...], ...]) -> Field:
    def put(hpa: Hpa, policies: tuple[Policy, ...]) -> Hpa:
        return _put_rules(hpa, way, replace(_rules(hpa, way), policies=policies))

    def show(policies: tuple[Policy, ...]) -> str:
        return " or ".join(map(str, policies))

    return Field(_path(way, "policies"), lambda hpa: _rules(hpa, way).policies, put, values, show)
