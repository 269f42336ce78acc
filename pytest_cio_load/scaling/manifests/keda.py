"""A KEDA ScaledObject in YAML → `scaling.hpa.keda`, and every mistake in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_cio_load.scaling.hpa.keda import ONLY_RESOURCES, ScaledObject
from pytest_cio_load.scaling.hpa.spec import MAX_REPLICAS, Behavior
from pytest_cio_load.scaling.hpa.triggers import ResourceTrigger, Trigger
from pytest_cio_load.scaling.manifests import limits
from pytest_cio_load.scaling.manifests.autoscalers import TOP, Autoscaler, name_of, read_behavior, required
from pytest_cio_load.scaling.manifests.nodes import At
from pytest_cio_load.scaling.manifests.triggers import read_trigger
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
_TIMES = {"pollingInterval": "polling_interval", "cooldownPeriod": "cooldown_period", "initialCooldownPeriod": "initial_cooldown_period"}
_LONGEST = 2**31 - 1

Fields = Mapping[str, At]


def read_scaled_object(document: At) -> Autoscaler:
    """The ScaledObject in *document*; what is wrong goes to the document's mistakes.

    One that has none of the triggers that a replay knows has no `scaler`, and no mistake either.
    """
    before = len(document.mistakes)
    top = document.fields(TOP)
    places: dict[str, Place] = {}
    spec = required(document, top, "spec")
    if spec is None:
        return Autoscaler(None, ("", ""), document.place)
    fields = spec.fields(_SPEC)
    said: dict[str, Any] = {}
    for name, attribute in _TIMES.items():
        if name in fields:
            said[attribute] = fields[name].whole(1 if name == "pollingInterval" else 0, _LONGEST, "seconds", "try 30")
    at = required(spec, fields, "triggers")
    triggers, others = _triggers(at, places) if at else ((), ())
    asked = _asked(at, places) if at else {}
    said |= _replicas(spec, fields, places, triggers, others)
    if "advanced" in fields:
        said["behavior"], formula = _advanced(fields["advanced"], places)
        others = (*others, *formula)
    target = _target(spec, fields)
    scaled = None
    if len(document.mistakes) == before and triggers:
        scaled = ScaledObject(triggers, name=name_of(top), others=others, **said)
    return Autoscaler(scaled, target, document.place, places, asked)


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


def _target(spec: At, fields: Fields) -> tuple[str, str]:
    at = required(spec, fields, "scaleTargetRef")
    if at is None:
        return "", ""
    said = at.fields(("apiVersion", "kind", "name", "envSourceContainerName"))
    name = required(at, said, "name")
    kind = said["kind"].text() if "kind" in said else "Deployment"
    return kind or "", (name.text() or "") if name else ""


def _replicas(
    spec: At, fields: Fields, places: dict[str, Place], triggers: tuple[Trigger, ...], others: tuple[str, ...]
) -> dict[str, int | None]:
    """Fewest, most and idle pods; what is wrong with them is no less a mistake where one of the others is wrong too."""
    for name, fact in (("minReplicaCount", "min_replicas"), ("maxReplicaCount", "max_replicas"), ("idleReplicaCount", "idle_replicas")):
        if name in fields:
            places[fact] = fields[name].place
    most = limits.most_replicas(fields["maxReplicaCount"]) if "maxReplicaCount" in fields else MOST
    low, fewest = fields.get("minReplicaCount"), 0
    if low is not None:
        value = low.whole(0, MAX_REPLICAS, "a number of pods of at least 0")
        if value is not None and most is not None and value > most:
            low.wrong(f"at most maxReplicaCount, {most}", f"try maxReplicaCount: {value}")
        fewest = value or 0
    if fewest == 0 and triggers and not others and all(isinstance(trigger, ResourceTrigger) for trigger in triggers):
        (low or spec).wrong(f"minReplicaCount: {ONLY_RESOURCES}", "try minReplicaCount: 1", got="0" if low else "no minReplicaCount")
    return {"min_replica_count": fewest, "max_replica_count": most, "idle_replica_count": _idle(fields, fewest)}


def _idle(fields: Fields, fewest: int) -> int | None:
    if "idleReplicaCount" not in fields:
        return None
    at = fields["idleReplicaCount"]
    idle = at.whole(0, _LONGEST, "a number of pods of at least 0", "try 0")
    if idle == 0 and fewest == 0 and "minReplicaCount" in fields:
        # KEDA takes it, and it changes nothing.
        return None
    if idle is not None and idle >= fewest:
        at.wrong(f"less than minReplicaCount, {fewest}", "try 0" if fewest else f"try minReplicaCount: {idle + 1}")
    return idle


def _advanced(advanced: At, places: dict[str, Place]) -> tuple[Behavior | None, tuple[str, ...]]:
    """`behavior`, and what a replay cannot do: a formula over triggers."""
    fields = advanced.fields(("horizontalPodAutoscalerConfig", "restoreToOriginalReplicaCount", "scalingModifiers"))
    modifiers = fields["scalingModifiers"].fields() if "scalingModifiers" in fields else {}
    formula = ("scalingModifiers",) if "formula" in modifiers else ()
    if "horizontalPodAutoscalerConfig" not in fields:
        return None, formula
    said = fields["horizontalPodAutoscalerConfig"].fields(("name", "behavior"))
    return (read_behavior(said["behavior"], places) if "behavior" in said else None), formula


def _triggers(at: At, places: dict[str, Place]) -> tuple[tuple[Trigger, ...], tuple[str, ...]]:
    """Those that a replay knows, and the types of the others."""
    items = at.items()
    if not items:
        at.wrong("at least one trigger", "try type: prometheus")
    triggers: list[Trigger] = []
    others: list[str] = []
    lines: dict[str, int] = {}
    for index, item in enumerate(items):
        trigger = read_trigger(item)
        if isinstance(trigger, str):
            others.append(f"type: {trigger}")
        elif trigger is not None:
            name = trigger.name or f"s{index}-{trigger.kind}"
            if name in lines:
                item.wrong("a name for each trigger", f"the first one is at line {lines[name]}", got=f"{name} a second time")
            lines.setdefault(name, item.place.line)
            places.setdefault(f"metric {trigger.metric(name).name}", item.place)
            # KEDA counts all triggers, also those that are not replayed.
            triggers.append(trigger if index == len(triggers) else replace(trigger, name=name))
    return tuple(triggers), tuple(others)
