"""One trigger of a ScaledObject in YAML → `scaling.hpa.triggers`, and every mistake in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from pytest_cio_load.scaling.hpa.metric import Target, TargetKind
from pytest_cio_load.scaling.hpa.triggers import (
    Entries,
    KafkaTrigger,
    PrometheusTrigger,
    RedisStreamsTrigger,
    RedisTrigger,
    ResourceTrigger,
    Trigger,
)
from pytest_cio_load.scaling.manifests import limits
from pytest_cio_load.scaling.manifests.autoscalers import required
from pytest_cio_load.scaling.manifests.nodes import At

_FIELDS = ("type", "name", "metadata", "metricType", "authenticationRef", "useCachedMetrics")
_ONE_POD = "it is what one pod is meant for"
_A_COUNT = "a whole number in quotes, of at least 1"
_AN_ACTIVATION = "a whole number in quotes"

Fields = Mapping[str, At]


def read_trigger(at: At) -> Trigger | str | None:
    """The trigger; its type, when it is none that a replay knows; None, and mistakes, when it cannot be what is meant."""
    before = len(at.mistakes)
    fields = at.fields(_FIELDS)
    named, metadata = required(at, fields, "type", "try type: prometheus"), required(at, fields, "metadata")
    kind = named.text() if named else None
    if named is None or kind is None or metadata is None:
        return None
    said = metadata.fields()
    for each in said.values():
        _quoted(each)
    if kind not in KNOWN:
        if kind.lower() in KNOWN:
            named.wrong("a type of KEDA's, which are in small letters", f"did you mean {kind.lower()}?")
        # KEDA has dozens of other scalers; what they are told is not ours to check.
        return None if len(at.mistakes) > before else kind
    trigger = (_resource if kind in _RESOURCES else _external)(kind, fields, metadata, said)
    return None if len(at.mistakes) > before else trigger


def _quoted(at: At) -> None:
    """Metadata is text, and the API server refuses everything else."""
    value = at.scalar()
    if value is not None and not isinstance(value, str):
        at.wrong("text, as everything in metadata", f"put it into quotes: '{str(value).lower()[:20]}'")


def _external(kind: str, fields: Fields, metadata: At, said: Fields) -> Trigger | None:
    before = len(metadata.mistakes)
    word = fields["metricType"].one_of(("AverageValue", "Value")) if "metricType" in fields else "AverageValue"
    name = fields["name"].text() if "name" in fields else ""
    cached = fields["useCachedMetrics"].scalar() if "useCachedMetrics" in fields else False
    if not isinstance(cached, bool):
        fields["useCachedMetrics"].wrong("true or false", "try true")
    make, known = _READERS[kind](metadata, said)
    if len(metadata.mistakes) > before:
        return None
    made: Trigger = make(**known, average=word == "AverageValue", name=name, cached=cached is True)
    return made


Read = tuple[Callable[..., Trigger], dict[str, Any]]
"""What makes a trigger, and what it is made from; None for what is wrong."""


def _prometheus(metadata: At, said: Fields) -> Read:
    required(metadata, said, "serverAddress", "it is the URL of Prometheus")
    threshold = required(metadata, said, "threshold", f"{_ONE_POD} with type: prometheus")
    known = {
        "source": _text(metadata, said, "query"),
        "threshold": limits.decimal(threshold, "a number above 0, in quotes", above=0) if threshold else None,
    }
    if "activationThreshold" in said:
        known["activation"] = limits.decimal(said["activationThreshold"], "a number in quotes")
    return PrometheusTrigger, known | _flags(said, ignoreNullValues="ignore_null_values")


def _redis(metadata: At, said: Fields) -> Read:
    known = {"source": _text(metadata, said, "listName")}
    return RedisTrigger, known | _counts(said, listLength="list_length", activationListLength="activation")


def _streams(metadata: At, said: Fields) -> Read:
    """As KEDA: with a group its lag where that is asked for, else its pending entries; without one all entries."""
    entries = Entries.LENGTH
    if "consumerGroup" in said:
        entries = Entries.LAG if "lagCount" in said else Entries.PENDING
    known = {"source": _text(metadata, said, "stream"), "entries": entries}
    return RedisStreamsTrigger, known | _counts(said, **{entries.value: "count"}, activationLagCount="activation")


def _kafka(metadata: At, said: Fields) -> Read:
    known: dict[str, Any] = {"source": str(said["topic"].scalar()) if "topic" in said else ""}
    if "activationLagThreshold" in said:
        known["activation"] = limits.count(said["activationLagThreshold"], 0, "a whole number in quotes, of at least 0")
    known |= _counts(said, lagThreshold="lag_threshold")
    known |= _flags(
        said,
        allowIdleConsumers="allow_idle_consumers",
        limitToPartitionsWithLag="limit_to_partitions_with_lag",
        ensureEvenDistributionOfPartitions="even_distribution",
    )
    if known.get("limit_to_partitions_with_lag"):
        limited = said["limitToPartitionsWithLag"]
        if known.get("allow_idle_consumers"):
            limited.wrong("one of allowIdleConsumers and limitToPartitionsWithLag", "leave one out", got="both")
        if not known["source"]:
            limited.wrong("a topic beside limitToPartitionsWithLag", "name the topic", got="no topic")
    return KafkaTrigger, known


def _resource(kind: str, fields: Fields, metadata: At, said: Fields) -> Trigger | None:
    """cpu and memory: the autoscaler itself looks after them."""
    named = fields.get("metricType", said.get("type"))
    if named is None:
        metadata.wrong("metricType beside it, with Utilization or AverageValue", "try metricType: Utilization", got="no metricType")
    word = named.one_of((TargetKind.UTILIZATION, TargetKind.AVERAGE_VALUE)) if named else None
    if "useCachedMetrics" in fields and fields["useCachedMetrics"].scalar() is not False:
        fields["useCachedMetrics"].wrong(f"none with type: {kind}, which KEDA does not read", "leave it out")
    value = required(metadata, said, "value", f"{_ONE_POD} with type: {kind}")
    name = fields["name"].text() if "name" in fields else ""
    if value is None or word is None or name is None:
        return None
    if word == TargetKind.UTILIZATION:
        percent = limits.count(value, 1, "whole percent above 0, in quotes, such as '70'")
        target = Fraction(percent) if percent else None
    else:
        target = limits.quantity(value)
    container = str(said["containerName"].scalar()) if "containerName" in said else ""
    return ResourceTrigger(kind, Target(TargetKind(word), target), container, name) if target else None


def _text(metadata: At, said: Fields, field: str) -> str | None:
    at = required(metadata, said, field)
    return at.text() if at else None


def _counts(said: Fields, **names: str) -> dict[str, Any]:
    """Whole numbers by what they are called in a trigger; those that are not said are left to its defaults."""
    return {
        name: limits.count(said[field], -(2**63), _AN_ACTIVATION) if name == "activation" else limits.count(said[field], 1, _A_COUNT)
        for field, name in names.items()
        if field in said
    }


def _flags(said: Fields, **names: str) -> dict[str, Any]:
    return {name: limits.flag(said[field]) for field, name in names.items() if field in said}


_RESOURCES = ("cpu", "memory")
_READERS: Mapping[str, Callable[[At, Fields], Read]] = {
    "prometheus": _prometheus,
    **dict.fromkeys(("redis", "redis-cluster", "redis-sentinel"), _redis),
    **dict.fromkeys(("redis-streams", "redis-cluster-streams", "redis-sentinel-streams"), _streams),
    **dict.fromkeys(("kafka", "apache-kafka"), _kafka),
}
KNOWN = (*_READERS, *_RESOURCES)
"""Types of triggers that a replay knows."""
