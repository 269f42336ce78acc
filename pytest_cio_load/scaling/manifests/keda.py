"""A KEDA ScaledObject in YAML → the autoscaler that KEDA makes of it, and every mistake in it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from pytest_cio_load.scaling.hpa.spec import Behavior, ExternalMetric, Hpa, Metric, ResourceMetric, Target, TargetKind
from pytest_cio_load.scaling.manifests import limits
from pytest_cio_load.scaling.manifests.autoscalers import TOP, Autoscaler, name_of, read_behavior, replicas, required
from pytest_cio_load.scaling.manifests.nodes import At
from pytest_cio_load.scaling.planner.facts import Place

MOST = 100
"""Pods at most, when a ScaledObject does not say."""

_SPEC = (
    "scaleTargetRef",
    "pollingInterval",
    "cooldownPeriod",
    "initialCooldownPeriod",
    "idleReplicaCount",
    "minReplicaCount",
    "maxReplicaCount",
    "fallback",
    "advanced",
    "triggers",
)
_TRIGGER = ("type", "name", "metadata", "metricType", "authenticationRef", "useCachedMetrics")
_THRESHOLDS = {
    "prometheus": "threshold",
    "redis": "listLength",
    "redis-streams": "lagCount",
    "kafka": "lagThreshold",
    "cpu": "value",
    "memory": "value",
}
_DEFAULTS = {"redis": "5", "redis-streams": "5", "kafka": "10"}
_LONGEST = 2**31 - 1


def read_scaled_object(document: At) -> Autoscaler:
    """The autoscaler of the ScaledObject in *document*; what is wrong goes to the document's mistakes."""
    before = len(document.mistakes)
    top = document.fields(TOP)
    places: dict[str, Place] = {}
    spec = required(document, top, "spec")
    if spec is None:
        return Autoscaler(None, ("", ""), document.place)
    fields = spec.fields(_SPEC)
    for name in ("pollingInterval", "cooldownPeriod", "initialCooldownPeriod"):
        if name in fields:
            fields[name].whole(0 if name != "pollingInterval" else 1, _LONGEST, "seconds", "try 30")
    triggers = required(spec, fields, "triggers")
    metrics = _triggers(triggers, places) if triggers else ()
    asked = _asked(triggers, places) if triggers else {}
    fewest, said = replicas(spec, fields, metrics, places, ("minReplicaCount", "maxReplicaCount"))
    most = MOST if said is None else said
    _idle(fields, fewest or 0)
    behavior = _behavior(fields["advanced"], places) if "advanced" in fields else None
    target = _target(spec, fields)
    hpa = None
    if len(document.mistakes) == before and metrics:
        # KEDA itself scales from 0 to 1; the autoscaler that it makes never goes below 1.
        hpa = Hpa(most, max(1, fewest or 0), metrics, behavior, name_of(top))
    return Autoscaler(hpa, target, document.place, places, asked)


def _asked(triggers: At, places: dict[str, Place]) -> dict[str, tuple[str, ...]]:
    """Queries of Prometheus and lists of Redis, as far as they are said; what is wrong with triggers is told elsewhere."""
    found: dict[str, tuple[str, ...]] = {}
    for item in At(triggers.node, triggers.file, triggers.path, []).items():
        fields = item.fields()
        said = fields["metadata"].fields() if "metadata" in fields else {}
        for name, fact in (("query", "queries"), ("listName", "lists")):
            if name in said:
                found[fact] = (*found.get(fact, ()), str(said[name].scalar()))
                places.setdefault(fact, said[name].place)
    return found


def _target(spec: At, fields: Mapping[str, At]) -> tuple[str, str]:
    at = required(spec, fields, "scaleTargetRef")
    if at is None:
        return "", ""
    said = at.fields(("apiVersion", "kind", "name", "envSourceContainerName"))
    name = required(at, said, "name")
    kind = said["kind"].text() if "kind" in said else "Deployment"
    return kind or "", (name.text() or "") if name else ""


def _idle(fields: Mapping[str, At], fewest: int) -> None:
    if "idleReplicaCount" not in fields:
        return
    idle = fields["idleReplicaCount"].whole(0, _LONGEST, "a number of pods of at least 0", "try 0")
    if idle is not None and idle >= max(1, fewest):
        fields["idleReplicaCount"].wrong(f"less than minReplicaCount, {fewest}", "try 0")


def _behavior(advanced: At, places: dict[str, Place]) -> Behavior | None:
    fields = advanced.fields(("horizontalPodAutoscalerConfig", "restoreToOriginalReplicaCount", "scalingModifiers"))
    if "horizontalPodAutoscalerConfig" not in fields:
        return None
    said = fields["horizontalPodAutoscalerConfig"].fields(("name", "behavior"))
    return read_behavior(said["behavior"], places) if "behavior" in said else None


def _triggers(at: At, places: dict[str, Place]) -> tuple[Metric, ...]:
    items = at.items()
    if not items:
        at.wrong("at least one trigger", "try type: prometheus")
    metrics = []
    for item in items:
        metric = _trigger(item)
        if metric is not None:
            places.setdefault(f"metric {metric.name}", item.place)
            metrics.append(metric)
    return tuple(metrics)


def _trigger(at: At) -> Metric | None:
    fields = at.fields(_TRIGGER)
    named, metadata = required(at, fields, "type", "try type: prometheus"), required(at, fields, "metadata")
    kind = named.text() if named else None
    word = fields["metricType"].one_of(tuple(TargetKind)) if "metricType" in fields else None
    if kind is None or metadata is None:
        return None
    said = metadata.fields()
    key = _THRESHOLDS.get(kind)
    if key is None:
        # KEDA has dozens of other scalers; what they are told is not ours to check.
        return None
    default = _DEFAULTS.get(kind)
    at_threshold = said.get(key) if default else required(metadata, said, key, f"it is what one pod is meant for with type: {kind}")
    if at_threshold is None and not default:
        return None
    number = limits.quantity(at_threshold) if at_threshold else Fraction(default or "1")
    if number is None:
        return None
    if kind in ("cpu", "memory"):
        chosen = TargetKind(word) if word else TargetKind.UTILIZATION
        if chosen is TargetKind.VALUE or (chosen is TargetKind.UTILIZATION and number.denominator != 1):
            named = fields.get("metricType", at)
            named.wrong("metricType: Utilization with whole percent, or AverageValue", "try metricType: Utilization")
            return None
        return ResourceMetric(kind, Target(chosen, number))
    return ExternalMetric(_name(said, kind), Target(TargetKind.VALUE if word == "Value" else TargetKind.AVERAGE_VALUE, number))


def _name(said: Mapping[str, At], kind: str) -> str:
    """What the trigger looks at: the list, the stream or the topic; a query has no name of its own."""
    for name in ("metricName", "listName", "stream", "topic"):
        if name in said:
            return str(said[name].scalar())
    return kind
