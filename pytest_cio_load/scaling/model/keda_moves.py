"""What can be changed in a ScaledObject, and into what; the rest is as in `moves`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.triggers import (
    Entries,
    KafkaTrigger,
    PrometheusTrigger,
    RedisStreamsTrigger,
    RedisTrigger,
    ResourceTrigger,
    Trigger,
)
from pytest_cio_load.scaling.manifests.scalers import DEPTH
from pytest_cio_load.scaling.model.asked import trigger_meaning
from pytest_cio_load.scaling.model.moves import Field, paces, sizes_for
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.seen import Meaning
from pytest_cio_load.scaling.model.traffic import Traffic
from pytest_cio_load.scaling.planner.autoscaling import summed_over_pods
from pytest_cio_load.units import show_number

QUERY = f'sum(max by (state) ({DEPTH}{{state=~"waiting|prioritized"}}))'
"""What takes the place of triggers that cannot work; with the queue's name in it, it is what the planner's manifests ask."""

_POLLS, _COOLDOWNS = (5, 10, 15, 30, 60), (60, 120, 300, 600, 1_800)


def keda_fields_for(
    scaled: ScaledObject, traffic: Traffic, pipeline: Pipeline, *, fewest: int, meanings: Mapping[str, str]
) -> tuple[Field[ScaledObject], ...]:
    """The fields that may be changed in *scaled*, with the values that make sense for this traffic and this pipeline.

    How often it is polled and how long it cools down are among them where it may sleep: with fewer than *fewest* pods it may not.
    """
    sizes = sizes_for(scaled.min_replica_count, scaled.max_replica_count, traffic, pipeline, fewest=fewest)
    triggers = _triggers(scaled, sizes.depths, meanings)
    fields: list[Field[ScaledObject]] = [
        Field("spec.triggers", lambda it: it.triggers, lambda it, new: replace(it, triggers=new), triggers, show_triggers),
        Field("spec.maxReplicaCount", lambda it: it.max_replica_count, lambda it, most: replace(it, max_replica_count=most), sizes.most),
        Field("spec.minReplicaCount", lambda it: it.min_replica_count, lambda it, low: replace(it, min_replica_count=low), sizes.fewest),
    ]
    if scaled.idle_replica_count is not None:
        idle = (scaled.idle_replica_count, None)
        fields.append(
            Field("spec.idleReplicaCount", lambda it: it.idle_replica_count, lambda it, new: replace(it, idle_replica_count=new), idle)
        )
    if not scaled.others and (fewest == 0 or scaled.idle_replica_count is not None):
        fields += [
            Field("spec.pollingInterval", lambda it: it.polling_interval, lambda it, new: replace(it, polling_interval=new), _POLLS),
            Field("spec.cooldownPeriod", lambda it: it.cooldown_period, lambda it, new: replace(it, cooldown_period=new), _COOLDOWNS),
        ]
    return (*fields, *paces(scaled))


def show_triggers(triggers: Sequence[Trigger]) -> str:
    """``prometheus, AverageValue 5000``; several apart by `` and ``."""
    return " and ".join(
        f"{trigger.kind}, {trigger.target.kind} {show_number(float(trigger.target.value))}"
        + (f" of {trigger.source}" if not isinstance(trigger, ResourceTrigger) and trigger.source else "")
        for trigger in triggers
    )


def _triggers(scaled: ScaledObject, depths: Sequence[int], meanings: Mapping[str, str]) -> tuple[tuple[Trigger, ...], ...]:
    """The depth of the queue, at several targets: of the trigger that is there, or of one that takes the others' place."""
    mine: Trigger = PrometheusTrigger(1, source=QUERY, name="depth")
    for index, (name, trigger) in enumerate(zip(scaled.names, scaled.triggers, strict=True)):
        if _whole_depth(name, trigger, meanings):
            # Alone it would be the first one, and go by another name.
            mine = replace(trigger, name=name) if index else trigger
            break
    return tuple((_aimed(mine, depth),) for depth in depths)


def _whole_depth(name: str, trigger: Trigger, meanings: Mapping[str, str]) -> bool:
    """Whether it tells how many jobs wait, once each."""
    if isinstance(trigger, ResourceTrigger) or (isinstance(trigger, RedisStreamsTrigger) and trigger.entries is Entries.PENDING):
        return False
    return trigger_meaning(name, trigger, meanings) is Meaning.DEPTH and not summed_over_pods(trigger.source)


def _aimed(trigger: Trigger, depth: int) -> Trigger:
    """The same with another target, for each replica."""
    if isinstance(trigger, RedisTrigger):
        return replace(trigger, list_length=depth, average=True)
    if isinstance(trigger, RedisStreamsTrigger):
        return replace(trigger, count=depth, average=True)
    if isinstance(trigger, KafkaTrigger):
        return replace(trigger, lag_threshold=depth, average=True)
    if isinstance(trigger, PrometheusTrigger):
        return replace(trigger, threshold=depth, average=True)
    return trigger
