"""What KEDA measures for a ScaledObject, and the External metric that it makes of it.

A reading is what KEDA found in the source; None is a source that did not answer. The metric is what the autoscaler then reads; whether a
trigger is *active* decides between no replica and one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_cio_load.scaling.hpa.metric import Target, TargetKind, impossible, whole
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


@dataclass(frozen=True, slots=True)
class PrometheusTrigger:
    """`type: prometheus`: the result of a query.

    Attributes:
        threshold: the target.
        activation: `activationThreshold`: active above it.
        average: `metricType: AverageValue`, else Value.
        ignore_null_values: a query without a result, read as NaN, is 0 and not a failure.
        name: under which its readings are filed; "" for KEDA's own, ``s0-prometheus``.
    """

    threshold: Number
    activation: Number = 0
    average: bool = True
    ignore_null_values: bool = True
    name: str = ""
    kind: ClassVar[str] = "prometheus"

    def __post_init__(self) -> None:
        if quantity(self.threshold) <= 0:
            raise impossible("threshold", self.threshold, "a number above 0", "try 1")

    @property
    def target(self) -> Target:
        """What the autoscaler holds the metric against; cut to thousandths."""
        return Target(TargetKind.AVERAGE_VALUE if self.average else TargetKind.VALUE, quantity(self.threshold))

    def measure(self, reading: TriggerReading) -> Measured:
        """From the query's result, cut to thousandths. Raises ValueError for what is no number."""
        if reading is None:
            return FAILED
        value = _one(self.kind, reading)
        if isinstance(value, float) and not math.isfinite(value):
            return Measured(0, self.activation < 0) if self.ignore_null_values else FAILED
        return Measured(math.trunc(round(value * 1000, 6)) / 1000 if isinstance(value, float) else value, value > self.activation)


@dataclass(frozen=True, slots=True)
class RedisTrigger:
    """`type: redis`: the length of one list.

    Attributes:
        list_length: `listLength`, the target for each replica.
        activation: `activationListLength`: active above it.
        average: `metricType: AverageValue`, else Value.
        name: under which its readings are filed; "" for KEDA's own, ``s0-redis``.
    """

    list_length: int = 5
    activation: int = 0
    average: bool = True
    name: str = ""
    kind: ClassVar[str] = "redis"

    def __post_init__(self) -> None:
        whole("listLength", self.list_length, 1, _LARGEST)

    @property
    def target(self) -> Target:
        """What the autoscaler holds the metric against."""
        return Target(TargetKind.AVERAGE_VALUE if self.average else TargetKind.VALUE, quantity(self.list_length))

    def measure(self, reading: TriggerReading) -> Measured:
        """From the length of the list. Raises ValueError for what is no number."""
        if reading is None:
            return FAILED
        value = _one(self.kind, reading)
        return Measured(value, value > self.activation)


@dataclass(frozen=True, slots=True)
class KafkaTrigger:
    """`type: kafka`: the lag of a consumer group, partition by partition.

    Attributes:
        lag_threshold: `lagThreshold`, the target for each replica.
        activation: `activationLagThreshold`: active above it; here the lag counts in full.
        allow_idle_consumers: more replicas than partitions are allowed.
        limit_to_partitions_with_lag: no more replicas than partitions that have any lag.
        average: `metricType: AverageValue`, else Value.
        name: under which its readings are filed; "" for KEDA's own, ``s0-kafka``.
    """

    lag_threshold: int = 10
    activation: int = 0
    allow_idle_consumers: bool = False
    limit_to_partitions_with_lag: bool = False
    average: bool = True
    name: str = ""
    kind: ClassVar[str] = "kafka"

    def __post_init__(self) -> None:
        whole("lagThreshold", self.lag_threshold, 1, _LARGEST)
        if self.allow_idle_consumers and self.limit_to_partitions_with_lag:
            expected = "one of allowIdleConsumers and limitToPartitionsWithLag"
            raise impossible("kafka trigger", "both", expected, "try allowIdleConsumers: false")

    @property
    def target(self) -> Target:
        """What the autoscaler holds the metric against."""
        return Target(TargetKind.AVERAGE_VALUE if self.average else TargetKind.VALUE, quantity(self.lag_threshold))

    def measure(self, reading: TriggerReading) -> Measured:
        """From the lag of every partition: the sum, at most `lagThreshold` for each partition. Raises ValueError for one number."""
        if reading is None:
            return FAILED
        if not isinstance(reading, Sequence) or isinstance(reading, str):
            raise impossible("reading of a kafka trigger", show_value(reading), "the lag of each partition", "try [lag, lag, …]")
        lag = sum(reading)
        active = lag > self.activation
        if not self.allow_idle_consumers:
            most = sum(1 for one in reading if one > 0) if self.limit_to_partitions_with_lag else len(reading)
            if lag // self.lag_threshold > most:
                lag = most * self.lag_threshold
        return Measured(lag, active)


Trigger = PrometheusTrigger | RedisTrigger | KafkaTrigger


def _one(kind: str, reading: object) -> Number:
    """One number. Raises ValueError for anything else."""
    if isinstance(reading, int | float) and not isinstance(reading, bool):
        return reading
    raise impossible(f"reading of a {kind} trigger", show_value(reading), "one number", "try None when the source did not answer")
