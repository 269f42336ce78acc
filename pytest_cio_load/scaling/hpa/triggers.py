"""What KEDA measures for a ScaledObject, and the metric that it makes of it.

A reading is what KEDA found in the source; None is a source that did not answer. The metric is what the autoscaler then reads; whether a
trigger is *active* decides between no replica and one. A cpu or memory trigger is only handed on: the autoscaler reads it by itself, and it
wakes nobody up.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pytest_cio_load.scaling.hpa.metric import ExternalMetric, ResourceMetric, Target, TargetKind, impossible, member, whole
from pytest_cio_load.scaling.hpa.quantities import Number, quantity
from pytest_cio_load.units import show_value

TriggerReading = Number | Sequence[int] | None
"""What KEDA found: one number, or the lag of each partition; None when the source did not answer."""

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one trigger.

    Attributes:
        value: of the metric; None when the source did not answer.
        active: whether there is something to do.
    """

    value: Number | None
    active: bool


FAILED = Measured(None, False)
"""The source did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class External(ABC):
    """What all triggers have in common whose source KEDA asks.

    Attributes:
        average: `metricType: AverageValue`, else Value.
        name: under which its readings are filed; "" for KEDA's own, ``s0-prometheus``.
        source: what is asked for: a query, the name of a list, a stream or a topic; "" where nobody knows.
        cached: `useCachedMetrics`: the autoscaler reads what the last poll found, and nobody is asked for it.
    """

    average: bool = True
    name: str = ""
    source: str = ""
    cached: bool = False

    @property
    @abstractmethod
    def aim(self) -> Number:
        """The number that the metric is held against."""

    @property
    def target(self) -> Target:
        """What the autoscaler holds the metric against; cut to thousandths."""
        return Target(TargetKind.AVERAGE_VALUE if self.average else TargetKind.VALUE, quantity(self.aim))

    def metric(self, name: str) -> ExternalMetric:
        """What the autoscaler is told to read, under *name*."""
        return ExternalMetric(name, self.target)


@dataclass(frozen=True, slots=True)
class PrometheusTrigger(External):
    """`type: prometheus`: the result of a query.

    Attributes:
        threshold: the target.
        activation: `activationThreshold`: active above it.
        ignore_null_values: a query without a result, read as NaN, is 0 and not a failure.
    """

    threshold: Number
    activation: Number = 0
    ignore_null_values: bool = True
    kind: ClassVar[str] = "prometheus"

    def __post_init__(self) -> None:
        if quantity(self.threshold) <= 0:
            raise impossible("threshold", self.threshold, "a number above 0", "try 1")

    @property
    def aim(self) -> Number:
        """The threshold."""
        return self.threshold

    def measure(self, reading: TriggerReading) -> Measured:
        """From the query's result, cut to thousandths. Raises ValueError for what is no number."""
        if reading is None:
            return FAILED
        value = _one(self.kind, reading)
        if isinstance(value, float) and not math.isfinite(value):
            return Measured(0, self.activation < 0) if self.ignore_null_values else FAILED
        return Measured(math.trunc(round(value * 1000, 6)) / 1000 if isinstance(value, float) else value, value > self.activation)


@dataclass(frozen=True, slots=True)
class RedisTrigger(External):
    """`type: redis`: the length of one list.

    Attributes:
        list_length: `listLength`, the target for each replica.
        activation: `activationListLength`: active above it.
    """

    list_length: int = 5
    activation: int = 0
    kind: ClassVar[str] = "redis"

    def __post_init__(self) -> None:
        whole("listLength", self.list_length, 1, _LARGEST)

    @property
    def aim(self) -> Number:
        """The length for each replica."""
        return self.list_length

    def measure(self, reading: TriggerReading) -> Measured:
        """From the length of the list. Raises ValueError for what is no number."""
        return _counted(self.kind, reading, self.activation)


class Entries(StrEnum):
    """Which entries of a stream count, by the field that holds their target."""

    LAG = "lagCount"
    """Those that no consumer of the group has been given yet."""
    PENDING = "pendingEntriesCount"
    """Those that consumers of the group have been given and have not acknowledged: with no consumer there are none."""
    LENGTH = "streamLength"
    """All that are in it."""


@dataclass(frozen=True, slots=True)
class RedisStreamsTrigger(External):
    """`type: redis-streams`: entries of one stream.

    Attributes:
        count: the target for each replica.
        entries: which entries are counted.
        activation: `activationLagCount`: active above it, whichever entries are counted.
    """

    count: int = 5
    entries: Entries = Entries.LAG
    activation: int = 0
    kind: ClassVar[str] = "redis-streams"

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", member(Entries, "entries", self.entries))
        whole(self.entries.value, self.count, 1, _LARGEST)

    @property
    def aim(self) -> Number:
        """The count for each replica."""
        return self.count

    def measure(self, reading: TriggerReading) -> Measured:
        """From the number of entries. Raises ValueError for what is no number."""
        return _counted(self.kind, reading, self.activation)


@dataclass(frozen=True, slots=True)
class KafkaTrigger(External):
    """`type: kafka`: the lag of a consumer group, partition by partition.

    Attributes:
        lag_threshold: `lagThreshold`, the target for each replica.
        activation: `activationLagThreshold`: active above it; here the lag counts in full.
        allow_idle_consumers: more replicas than partitions are allowed.
        limit_to_partitions_with_lag: no more replicas than partitions that have any lag.
        even_distribution: `ensureEvenDistributionOfPartitions`: only as many replicas as share the partitions evenly.
    """

    lag_threshold: int = 10
    activation: int = 0
    allow_idle_consumers: bool = False
    limit_to_partitions_with_lag: bool = False
    even_distribution: bool = False
    kind: ClassVar[str] = "kafka"

    def __post_init__(self) -> None:
        whole("lagThreshold", self.lag_threshold, 1, _LARGEST)
        if self.allow_idle_consumers and self.limit_to_partitions_with_lag:
            expected = "one of allowIdleConsumers and limitToPartitionsWithLag"
            raise impossible("kafka trigger", "both", expected, "try allowIdleConsumers: false")

    @property
    def aim(self) -> Number:
        """The lag for each replica."""
        return self.lag_threshold

    def measure(self, reading: TriggerReading) -> Measured:
        """From the lag of every partition: the sum, at most `lagThreshold` for each partition. Raises ValueError for one number."""
        if reading is None:
            return FAILED
        if not isinstance(reading, Sequence) or isinstance(reading, str):
            raise impossible("reading of a kafka trigger", show_value(reading), "the lag of each partition", "try [lag, lag, …]")
        lag, parts = sum(reading), len(reading)
        active = lag > self.activation
        if self.even_distribution:
            evenly = (count for count in range(1, parts + 1) if parts % count == 0 and count * self.lag_threshold >= lag)
            lag = next(evenly, parts) * self.lag_threshold
        if not self.allow_idle_consumers or self.even_distribution:
            most = sum(1 for one in reading if one > 0) if self.limit_to_partitions_with_lag else parts
            if lag // self.lag_threshold > most:
                lag = most * self.lag_threshold
        return Measured(lag, active)


@dataclass(frozen=True, slots=True)
class ResourceTrigger:
    """`type: cpu` or `type: memory`: what pods use. It is never what wakes a target up, for there are no pods then.

    Attributes:
        kind: "cpu" or "memory".
        target: Utilization or AverageValue.
        container: the only container of a pod that counts; "" for all of them.
        name: under which its readings are filed; "" for ``s0-cpu``.
    """

    kind: str
    target: Target
    container: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("cpu", "memory"):
            raise impossible("resource trigger", show_value(self.kind), "cpu or memory", "try cpu")
        self.metric("")

    def metric(self, name: str) -> ResourceMetric:
        """What the autoscaler is told to read; it has no other name than the resource's."""
        return ResourceMetric(self.kind, self.target, self.container)


ExternalTrigger = PrometheusTrigger | RedisTrigger | RedisStreamsTrigger | KafkaTrigger
"""Those whose source KEDA asks."""

Trigger = ExternalTrigger | ResourceTrigger


def _counted(kind: str, reading: TriggerReading, activation: int) -> Measured:
    """From a number of things that wait. Raises ValueError for what is no number."""
    if reading is None:
        return FAILED
    value = _one(kind, reading)
    return Measured(value, value > activation)


def _one(kind: str, reading: object) -> Number:
    """One number. Raises ValueError for anything else."""
    if isinstance(reading, int | float) and not isinstance(reading, bool):
        return reading
    raise impossible(f"reading of a {kind} trigger", show_value(reading), "one number", "try None when the source did not answer")
