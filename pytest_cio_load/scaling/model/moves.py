"""What can be changed in a policy, and into what: one field of the manifest at a time, each with a handful of values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Generic, TypeVar

from pytest_cio_load.scaling.hpa.keda import ScaledObject
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


Scaler = TypeVar("Scaler", Hpa, ScaledObject)

BEHAVIOR = {Hpa: "spec.behavior", ScaledObject: "spec.advanced.horizontalPodAutoscalerConfig.behavior"}
"""Where `behavior` stands in a manifest."""


@dataclass(frozen=True, slots=True)
class Field(Generic[Scaler]):
    """One field of the manifest.

    Attributes:
        path: its place there: ``spec.minReplicas``.
        get: its value in an autoscaler.
        put: an autoscaler with another value; raises ValueError for one that no manifest may have.
        values: that are tried.
        show: a value as text.
    """

    path: str
    get: Callable[[Scaler], Any]
    put: Callable[[Scaler, Any], Scaler]
    values: tuple[Any, ...]
    show: Callable[[Any], str] = str


@dataclass(frozen=True, slots=True)
class Sizes:
    """What makes sense for this traffic and this pipeline.

    Attributes:
        fewest: pods that may be the minimum.
        most: pods that may be the maximum.
        depths: jobs that may wait for each pod.
    """

    fewest: tuple[int, ...]
    most: tuple[int, ...]
    depths: tuple[int, ...]


def sizes_for(low: int, high: int, traffic: Traffic, pipeline: Pipeline, *, fewest: int) -> Sizes:
    """Beside *low* and *high*, which are there, what the mean and the peak keep busy.

    Pods past what the workspaces take are none of them, and never fewer than *fewest*.
    """
    rate = pipeline.pod_rate
    useful = useful_pods(pipeline, fewest)
    mean = math.ceil(round(traffic.total / traffic.seconds / rate, 9))
    peak = math.ceil(round(min(traffic.peak, pipeline.capacity) / rate, 9))
    return Sizes(
        _counts((fewest, low, mean, mean + 1, (mean + peak + 1) // 2, peak), fewest, useful),
        _counts((high, mean + 1, peak, peak + 1, math.ceil(peak * 1.5), useful), max(1, fewest), useful),
        tuple(sorted({max(1, round(rate * delay)) for delay in _DELAYS})),
    )


def fields_for(hpa: Hpa, traffic: Traffic, pipeline: Pipeline, *, fewest: int, meanings: Mapping[str, str]) -> tuple[Field[Hpa], ...]:
    """The fields that may be changed in *hpa*, with the values that make sense for this traffic and this pipeline; see `sizes_for`."""
    sizes = sizes_for(hpa.min_replicas, hpa.max_replicas, traffic, pipeline, fewest=fewest)
    return (
        Field("spec.metrics", lambda it: it.metrics, _put_metrics, _metrics(hpa, sizes.depths, meanings), show_metrics),
        Field("spec.maxReplicas", lambda it: it.max_replicas, lambda it, most: replace(it, max_replicas=most), sizes.most),
        Field("spec.minReplicas", lambda it: it.min_replicas, lambda it, low: replace(it, min_replicas=low), sizes.fewest),
        *paces(hpa),
    )


def paces(scaler: Scaler) -> tuple[Field[Scaler], ...]:
    """The fields of `behavior`."""
    return (
        _window(scaler, "scale_up", _UP_WINDOWS),
        _policies(scaler, "scale_up", _UP_POLICIES),
        _window(scaler, "scale_down", _DOWN_WINDOWS),
        _policies(scaler, "scale_down", _DOWN_POLICIES),
    )


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


def _metrics(hpa: Hpa, depths: Sequence[int], meanings: Mapping[str, str]) -> tuple[tuple[Metric, ...], ...]:
    """The depth of the queue as one number, at several targets: of the metric that is there, or of one that takes the others' place."""
    mine = next((one for one in hpa.metrics if _whole_depth(one, meanings)), None) or ExternalMetric(
        DEPTH, Target(TargetKind.AVERAGE_VALUE, Fraction(1))
    )
    return tuple((replace(mine, target=Target(TargetKind.AVERAGE_VALUE, Fraction(depth))),) for depth in depths)


def _whole_depth(metric: Metric, meanings: Mapping[str, str]) -> bool:
    return isinstance(metric, ExternalMetric | ObjectMetric) and meaning_of(metric, meanings) is Meaning.DEPTH


def _put_metrics(hpa: Hpa, metrics: tuple[Metric, ...]) -> Hpa:
    return replace(hpa, metrics=metrics)


def _rules(scaler: Hpa | ScaledObject, way: str) -> ScalingRules:
    rules: ScalingRules = getattr(scaler.behavior or Behavior(), way)
    return rules


def _put_rules(scaler: Scaler, way: str, rules: ScalingRules) -> Scaler:
    behavior = scaler.behavior or Behavior()
    return replace(scaler, behavior=replace(behavior, scale_up=rules) if way == "scale_up" else replace(behavior, scale_down=rules))


def _path(scaler: Hpa | ScaledObject, way: str, name: str) -> str:
    return f"{BEHAVIOR[type(scaler)]}.{'scaleUp' if way == 'scale_up' else 'scaleDown'}.{name}"


def _window(scaler: Scaler, way: str, values: tuple[int, ...]) -> Field[Scaler]:
    def get(it: Scaler) -> int:
        seconds = _rules(it, way).stabilization
        return 300 if seconds is None else seconds

    def put(it: Scaler, seconds: int) -> Scaler:
        return _put_rules(it, way, replace(_rules(it, way), stabilization=seconds))

    return Field(_path(scaler, way, "stabilizationWindowSeconds"), get, put, values)


def _policies(scaler: Scaler, way: str, values: tuple[tuple[Policy, ...], ...]) -> Field[Scaler]:
    def get(it: Scaler) -> tuple[Policy, ...]:
        return _rules(it, way).policies

    def put(it: Scaler, policies: tuple[Policy, ...]) -> Scaler:
        return _put_rules(it, way, replace(_rules(it, way), policies=policies))

    def show(policies: tuple[Policy, ...]) -> str:
        return " or ".join(map(str, policies))

    return Field(_path(scaler, way, "policies"), get, put, values, show)
