"""What KEDA makes of what it measures."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

from pytest_cio_load.scaling.hpa.spec import Target, TargetKind
from pytest_cio_load.scaling.hpa.triggers import (
    Entries,
    ExternalTrigger,
    KafkaTrigger,
    Measured,
    PrometheusTrigger,
    RedisStreamsTrigger,
    RedisTrigger,
    ResourceTrigger,
)

DEPTH = PrometheusTrigger(500, name="depth")
CPU = ResourceTrigger("cpu", Target(TargetKind.UTILIZATION, Fraction(50)), name="cpu")


@pytest.mark.parametrize(
    ("trigger", "reading", "value", "active"),
    [
        (DEPTH, 1200, 1200, True),
        (DEPTH, 0, 0, False),
        (DEPTH, 0.001, 0.001, True),
        (DEPTH, 2.0009, 2.0, True),
        (DEPTH, None, None, False),
        (DEPTH, math.nan, 0, False),
        (DEPTH, math.inf, 0, False),
        (PrometheusTrigger(500, ignore_null_values=False), math.nan, None, False),
        (PrometheusTrigger(500, activation=50), 50, 50, False),
        (PrometheusTrigger(500, activation=50), 50.1, 50.1, True),
        (PrometheusTrigger(500, activation=-1), math.nan, 0, True),
        (RedisTrigger(5), 12, 12, True),
        (RedisTrigger(5, activation=12), 12, 12, False),
        (RedisTrigger(5), None, None, False),
        (RedisStreamsTrigger(5), 12, 12, True),
        (RedisStreamsTrigger(5, Entries.LENGTH, activation=12), 12, 12, False),
        (RedisStreamsTrigger(5), None, None, False),
        (KafkaTrigger(10), [3, 4, 0], 7, True),
        (KafkaTrigger(10), [], 0, False),
        (KafkaTrigger(10), None, None, False),
        (KafkaTrigger(10), [0, 0], 0, False),
        (KafkaTrigger(10), [25, 0, 0], 25, True),
        (KafkaTrigger(10), [29, 0], 29, True),
        (KafkaTrigger(10), [30, 0], 20, True),
        (KafkaTrigger(10, allow_idle_consumers=True), [30, 0], 30, True),
        (KafkaTrigger(10, limit_to_partitions_with_lag=True), [30, 0], 10, True),
        (KafkaTrigger(10, even_distribution=True), [25, 0, 0, 0, 0, 0], 30, True),
        (KafkaTrigger(10, even_distribution=True), [35, 0, 0, 0, 0, 0], 60, True),
        (KafkaTrigger(10, even_distribution=True), [99, 0, 0, 0], 40, True),
        (KafkaTrigger(10, even_distribution=True), [0, 0], 10, False),
        (KafkaTrigger(10, even_distribution=True, allow_idle_consumers=True), [99, 0, 0, 0], 40, True),
        (KafkaTrigger(10, even_distribution=True, limit_to_partitions_with_lag=True), [35, 1, 0, 0, 0, 0], 20, True),
        (KafkaTrigger(10, activation=25), [30, 0], 20, True),
        (KafkaTrigger(10, activation=30), [30, 0], 20, False),
    ],
)
def test_measured(trigger: ExternalTrigger, reading: Any, value: float | None, active: bool) -> None:
    """What the autoscaler reads, and whether there is something to do; 30 ÷ 10 = 3 is over 2 partitions, 29 ÷ 10 is cut to 2.

    Evenly: 6 partitions are shared by 1, 2, 3 or 6 replicas, and no fewer than 1.
    """
    assert trigger.measure(reading) == Measured(value, active)


@pytest.mark.parametrize(
    ("trigger", "target"),
    [
        (DEPTH, Target(TargetKind.AVERAGE_VALUE, Fraction(500))),
        (PrometheusTrigger(0.5, average=False), Target(TargetKind.VALUE, Fraction(1, 2))),
        (RedisTrigger(), Target(TargetKind.AVERAGE_VALUE, Fraction(5))),
        (RedisTrigger(7, average=False), Target(TargetKind.VALUE, Fraction(7))),
        (KafkaTrigger(), Target(TargetKind.AVERAGE_VALUE, Fraction(10))),
        (KafkaTrigger(7, average=False), Target(TargetKind.VALUE, Fraction(7))),
        (RedisStreamsTrigger(7), Target(TargetKind.AVERAGE_VALUE, Fraction(7))),
    ],
)
def test_the_target_of_a_trigger(trigger: ExternalTrigger, target: Target) -> None:
    """AverageValue unless Value was asked for."""
    assert trigger.target == target


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RedisStreamsTrigger(0, Entries.PENDING), "pendingEntriesCount: got 0; expected a whole number from 1"),
        (lambda: RedisStreamsTrigger(1, "lag"), "entries: got lag; expected lagCount or pendingEntriesCount or streamLength"),
        (lambda: ResourceTrigger("gpu", CPU.target), "resource trigger: got 'gpu'; expected cpu or memory; try cpu"),
        (lambda: ResourceTrigger("cpu", Target(TargetKind.VALUE, Fraction(1))), "target type of Resource metric cpu: got Value; expected"),
    ],
)
def test_triggers_that_cannot_be(make: Any, message: str) -> None:
    """Each says why."""
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)
