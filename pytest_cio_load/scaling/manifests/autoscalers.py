"""A HorizontalPodAutoscaler in YAML → `scaling.hpa.spec`, and every mistake in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.spec import (
    Behavior,
    ExternalMetric,
    Hpa,
    Metric,
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
from pytest_cio_load.scaling.manifests import limits
from pytest_cio_load.scaling.manifests.nodes import At
from pytest_cio_load.scaling.planner.facts import Place

TOP = ("apiVersion", "kind", "metadata", "spec", "status")
"""Fields of every manifest read here."""

_SPEC = ("scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior")
_SOURCES = {
    "Resource": ("resource", ("name", "target")),
    "ContainerResource": ("containerResource", ("name", "container", "target")),
    "Pods": ("pods", ("metric", "target")),
    "Object": ("object", ("describedObject", "metric", "target")),
    "External": ("external", ("metric", "target")),
}
_TARGETS = {TargetKind.UTILIZATION: "averageUtilization", TargetKind.AVERAGE_VALUE: "averageValue", TargetKind.VALUE: "value"}
_ALLOWED = {
    "Resource": (TargetKind.UTILIZATION, TargetKind.AVERAGE_VALUE),
    "ContainerResource": (TargetKind.UTILIZATION, TargetKind.AVERAGE_VALUE),
    "Pods": (TargetKind.AVERAGE_VALUE,),
    "Object": (TargetKind.VALUE, TargetKind.AVERAGE_VALUE),
    "External": (TargetKind.AVERAGE_VALUE, TargetKind.VALUE),
}
_RULES = ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance")


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """One autoscaler as it was read.

    Attributes:
        scaler: what it says; None when a mistake is in the way, and for a ScaledObject without a trigger that a replay knows.
        target: kind and name of what it scales.
        asked: what KEDA asks, by the names of `planner.facts.Facts`: queries of Prometheus, lists of Redis.
        places: where its parts stand, by the names of `planner.facts.Facts`.
        place: where it begins.
    """

    scaler: Hpa | ScaledObject | None
    target: tuple[str, str]
    place: Place
    places: Mapping[str, Place] = field(default_factory=dict)
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def hpa(self) -> Hpa | None:
        """The HorizontalPodAutoscaler; of a ScaledObject the one that KEDA makes."""
        return self.scaler.hpa if isinstance(self.scaler, ScaledObject) else self.scaler


def read_autoscaler(document: At) -> Autoscaler:
    """The autoscaler in *document*, whose kind is HorizontalPodAutoscaler; what is wrong goes to the document's mistakes."""
    before = len(document.mistakes)
    top = document.fields(TOP)
    places: dict[str, Place] = {}
    if "apiVersion" in top and top["apiVersion"].scalar() != "autoscaling/v2":
        top["apiVersion"].wrong("autoscaling/v2, which has the fields of every other version and more", "try apiVersion: autoscaling/v2")
        return Autoscaler(None, ("", ""), document.place)
    spec = required(document, top, "spec")
    fields = spec.fields(_SPEC) if spec else {}
    metrics = _metrics(fields["metrics"], places) if "metrics" in fields else ()
    fewest, most = _replicas(spec, fields, metrics, places) if spec else (None, None)
    behavior = read_behavior(fields["behavior"], places) if "behavior" in fields else None
    target = _target(spec, fields) if spec else ("", "")
    hpa = None
    if len(document.mistakes) == before and most is not None:
        hpa = Hpa(most, 1 if fewest is None else fewest, metrics, behavior, name_of(top))
    return Autoscaler(hpa, target, document.place, places)


def required(at: At, fields: Mapping[str, At], name: str, nearest: str = "") -> At | None:
    """The field of that name; None, and a mistake, when it is missing."""
    if name not in fields:
        at.wrong(f"{name} in it", nearest, got=f"no {name}")
    return fields.get(name)


def name_of(top: Mapping[str, At]) -> str:
    """`metadata.name`, or ""."""
    if "metadata" not in top:
        return ""
    name = top["metadata"].fields().get("name")
    return str(name.scalar()) if name else ""


def _replicas(
    spec: At, fields: Mapping[str, At], metrics: tuple[Metric, ...], places: dict[str, Place]
) -> tuple[int | None, int | None]:
    """Fewest and most pods; None for what is not said or wrong."""
    at = required(spec, fields, "maxReplicas", "try maxReplicas: 2")
    most = limits.most_replicas(at) if at else None
    if at:
        places["max_replicas"] = at.place
    if "minReplicas" not in fields:
        return None, most
    places["min_replicas"] = fields["minReplicas"].place
    outside = any(isinstance(metric, ObjectMetric | ExternalMetric) for metric in metrics)
    return limits.fewest_replicas(fields["minReplicas"], most, outside=outside), most


def _target(spec: At, fields: Mapping[str, At]) -> tuple[str, str]:
    at = required(spec, fields, "scaleTargetRef")
    if at is None:
        return "", ""
    said = at.fields(("apiVersion", "kind", "name"))
    kind, name = required(at, said, "kind", "try kind: Deployment"), required(at, said, "name")
    return (kind.text() or "" if kind else ""), (name.text() or "" if name else "")


def _metrics(at: At, places: dict[str, Place]) -> tuple[Metric, ...]:
    found = []
    for item in at.items():
        metric = _metric(item)
        if metric is not None:
            places.setdefault(f"metric {metric.name}", item.place)
            found.append(metric)
    return tuple(found)


def _metric(at: At) -> Metric | None:
    fields = at.fields(("type", *(name for name, _ in _SOURCES.values())))
    named = required(at, fields, "type", f"try type: {_guess(fields)}")
    kind = named.one_of(_SOURCES) if named else None
    if kind is None:
        return None
    name, known = _SOURCES[kind]
    for other in fields:
        if other not in ("type", name):
            fields[other].wrong(f"only {name} with type: {kind}", f"try type: {_guess({other: at})}", got=other)
    source = required(at, fields, name, f"it says what to measure with type: {kind}")
    if source is None:
        return None
    said = source.fields(known)
    aim = required(source, said, "target", f"try target: {{type: {_ALLOWED[kind][0]}, {_TARGETS[_ALLOWED[kind][0]]}: 70}}")
    target = _aim(aim, kind) if aim else None
    measured, selector = _measured(source, said, kind)
    if target is None or not measured:
        return None
    if kind == "Pods":
        return PodsMetric(measured, target, selector)
    if kind == "External":
        return ExternalMetric(measured, target, selector)
    if kind == "Object":
        return ObjectMetric(measured, target, _described(source, said), selector)
    container = required(source, said, "container") if kind == "ContainerResource" else None
    return ResourceMetric(measured, target, (container.text() or "") if container else "")


def _guess(fields: Mapping[str, At]) -> str:
    return next((kind for kind, (name, _) in _SOURCES.items() if name in fields), "External")


def _measured(source: At, said: Mapping[str, At], kind: str) -> tuple[str, str]:
    """Name and selector."""
    if kind in ("Resource", "ContainerResource"):
        name = required(source, said, "name", "try name: cpu")
        return ((name.one_of(("cpu", "memory")) or "") if name else ""), ""
    at = required(source, said, "metric")
    if at is None:
        return "", ""
    fields = at.fields(("name", "selector"))
    name = required(at, fields, "name")
    return ((name.text() or "") if name else ""), (_selector(fields["selector"]) if "selector" in fields else "")


def _selector(at: At) -> str:
    fields = at.fields(("matchLabels", "matchExpressions"))
    labels = fields["matchLabels"].fields() if "matchLabels" in fields else {}
    parts = [f"{name}={value.scalar()}" for name, value in sorted(labels.items())]
    for item in fields["matchExpressions"].items() if "matchExpressions" in fields else []:
        said = item.fields(("key", "operator", "values"))
        values = ",".join(str(value.scalar()) for value in said["values"].items()) if "values" in said else ""
        words = [str(said[name].scalar()) for name in ("key", "operator") if name in said]
        parts.append(" ".join([*words, f"({values})"] if values else words))
    return ",".join(parts)


def _described(source: At, said: Mapping[str, At]) -> str:
    at = required(source, said, "describedObject")
    fields = at.fields(("apiVersion", "kind", "name")) if at else {}
    return "/".join(str(fields[name].scalar()) for name in ("kind", "name") if name in fields)


def _aim(at: At, kind: str) -> Target | None:
    fields = at.fields(("type", *_TARGETS.values()))
    allowed = _ALLOWED[kind]
    named = required(at, fields, "type", f"try type: {allowed[0]}")
    word = named.one_of(allowed) if named else None
    if word is None:
        return None
    chosen = TargetKind(word)
    for other in _TARGETS.values():
        if other in fields and other != _TARGETS[chosen]:
            fields[other].wrong(f"only {_TARGETS[chosen]} with type: {chosen}", "leave it out", got=other)
    value = required(at, fields, _TARGETS[chosen], f"it goes with type: {chosen}")
    if value is None:
        return None
    number = limits.percent(value) if chosen is TargetKind.UTILIZATION else limits.quantity(value)
    return None if number is None else Target(chosen, number)


def read_behavior(at: At, places: dict[str, Place]) -> Behavior:
    """`behavior`, with defaults for what it leaves out."""
    fields = at.fields(("scaleUp", "scaleDown"))
    rules = {}
    for name, key, make in (("scaleUp", "scale_up", ScalingRules.up), ("scaleDown", "scale_down", ScalingRules.down)):
        said: dict[str, object] = {}
        if name in fields:
            places[key] = fields[name].place
            said = _rules(fields[name])
        rules[key] = make(**said)  # type: ignore[arg-type]
    return Behavior(**rules)


def _rules(at: At) -> dict[str, object]:
    fields = at.fields(_RULES)
    said: dict[str, object] = {}
    if "stabilizationWindowSeconds" in fields:
        said["stabilization"] = limits.window(fields["stabilizationWindowSeconds"])
    if "selectPolicy" in fields:
        word = fields["selectPolicy"].one_of(tuple(Select))
        said["select_policy"] = Select(word) if word else None
    if "tolerance" in fields:
        said["tolerance"] = limits.quantity(fields["tolerance"], "a part of 1 such as 0.1 or 100m", zero=True)
    if "policies" in fields:
        items = fields["policies"].items()
        if not items:
            fields["policies"].wrong("at least one policy", "leave policies out for the defaults, or set selectPolicy: Disabled")
        said["policies"] = [policy for item in items if (policy := _policy(item))] or None
    return said


def _policy(at: At) -> Policy | None:
    fields = at.fields(("type", "value", "periodSeconds"))
    kind, value, period = (required(at, fields, name) for name in ("type", "value", "periodSeconds"))
    word = kind.one_of(tuple(PolicyKind)) if kind else None
    amount, seconds = (limits.step(value) if value else None), (limits.period(period) if period else None)
    return Policy(PolicyKind(word), amount, seconds) if word and amount and seconds else None
