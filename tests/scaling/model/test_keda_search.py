"""The cheapest ScaledObject that keeps its promises."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.spec import Target, TargetKind
from pytest_cio_load.scaling.hpa.triggers import (
    Entries,
    KafkaTrigger,
    PrometheusTrigger,
    RedisStreamsTrigger,
    RedisTrigger,
    ResourceTrigger,
    Trigger,
)
from pytest_cio_load.scaling.model.keda_moves import QUERY, keda_fields_for
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.promises import broken, read_promises
from pytest_cio_load.scaling.model.replay import replay
from pytest_cio_load.scaling.model.search import Tuned, tune
from pytest_cio_load.scaling.model.traffic import read_traffic

PEAK = "5m:0,5m:400,20m:0"
ROOMY = Pipeline(workspaces=5)
LIST = RedisTrigger(100, source="bull:q:wait")
CPU = ResourceTrigger("cpu", Target(TargetKind.UTILIZATION, Fraction(70)))
BEHAVIOR = "spec.advanced.horizontalPodAutoscalerConfig.behavior"

Fields = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def found() -> Tuned:
    """One that never sleeps, has more pods than are of use, and cools down for long; none has to run always."""
    scaled = ScaledObject((LIST,), 2, 20, cooldown_period=1_800, name="w")
    return tune(scaled, PEAK, read_promises("max_depth<40000,drain_time<10m"), ROOMY, fewest=0, tries=150)


@pytest.fixture
def fields() -> Fields:
    """The values that are tried, by path."""

    def make(scaled: ScaledObject, fewest: int = 0, **meanings: str) -> dict[str, Any]:
        return {field.path: field.values for field in keda_fields_for(scaled, read_traffic(PEAK), ROOMY, fewest=fewest, meanings=meanings)}

    return make


def test_it_keeps_what_was_promised(found: Tuned) -> None:
    """And replaying it again says the same."""
    assert found.kept
    assert isinstance(found.scaler, ScaledObject)
    again = replay(found.scaler, PEAK, ROOMY)
    assert not broken(found.promises, again)
    assert again == found.run


def test_it_sleeps_where_that_is_cheaper(found: Tuned) -> None:
    """Twenty-five minutes of thirty have nothing to do."""
    assert isinstance(found.scaler, ScaledObject)
    assert found.scaler.min_replica_count == 0
    assert found.scaler.cooldown_period < 1_800
    assert found.run.pod_hours < found.before.pod_hours / 2


def test_the_changes_are_fields_of_a_scaled_object(found: Tuned) -> None:
    """By their places in it, each with what happens without it."""
    paths = {change.path for change in found.changes}
    assert {"spec.minReplicaCount", "spec.cooldownPeriod"} <= paths
    assert all(path.startswith((BEHAVIOR, "spec.")) and "minReplicas" not in path for path in paths)
    assert all(change.why.startswith(("without it ", "the others need it")) for change in found.changes)


def test_the_fields(fields: Fields) -> None:
    """What KEDA has; pods as for every autoscaler."""
    values = fields(ScaledObject((LIST,), name="w"))
    assert list(values) == [
        "spec.triggers",
        "spec.maxReplicaCount",
        "spec.minReplicaCount",
        "spec.pollingInterval",
        "spec.cooldownPeriod",
        f"{BEHAVIOR}.scaleUp.stabilizationWindowSeconds",
        f"{BEHAVIOR}.scaleUp.policies",
        f"{BEHAVIOR}.scaleDown.stabilizationWindowSeconds",
        f"{BEHAVIOR}.scaleDown.policies",
    ]
    assert values["spec.minReplicaCount"] == (0, 1, 2, 3, 5)
    assert values["spec.maxReplicaCount"] == (2, 5, 6)
    assert [trigger.list_length for (trigger,) in values["spec.triggers"]] == [417, 833, 1_667, 2_500, 5_000, 10_000, 25_000]


def test_without_sleep(fields: Fields) -> None:
    """Neither how often it is polled nor how long it cools down matters."""
    assert not {"spec.pollingInterval", "spec.cooldownPeriod"} & set(fields(ScaledObject((LIST,), 2), fewest=2))


def test_idle_pods(fields: Fields) -> None:
    """May be done without."""
    assert fields(ScaledObject((LIST,), 2, idle_replica_count=0))["spec.idleReplicaCount"] == (0, None)


@pytest.mark.parametrize(
    ("triggers", "kept"),
    [
        ((CPU, LIST), RedisTrigger(417, source="bull:q:wait", name="s1-redis")),
        ((RedisStreamsTrigger(5),), RedisStreamsTrigger(417)),
        ((RedisStreamsTrigger(5, Entries.PENDING),), PrometheusTrigger(417, source=QUERY, name="depth")),
        ((KafkaTrigger(5, average=False),), KafkaTrigger(417)),
        ((PrometheusTrigger(5, 3, source="kafka_lag"),), PrometheusTrigger(417, 3, source="kafka_lag")),
        ((PrometheusTrigger(5, source="sum(cio_queue_depth)"),), PrometheusTrigger(417, source=QUERY, name="depth")),
        ((PrometheusTrigger(5, source="max(queue_age)"),), PrometheusTrigger(417, source=QUERY, name="depth")),
        ((CPU,), PrometheusTrigger(417, source=QUERY, name="depth")),
    ],
)
def test_the_trigger_of_the_depth_is_kept(fields: Fields, triggers: tuple[Trigger, ...], kept: Trigger) -> None:
    """Only its target changes, and its name stays; one that does not tell how many wait gives way."""
    assert fields(ScaledObject(triggers, 1))["spec.triggers"][0] == (kept,)


def test_what_was_said_of_a_trigger_stays_true() -> None:
    """Also where the trigger is the only one left, and would go by another name."""
    scaled = ScaledObject((CPU, PrometheusTrigger(5, source="mine")), 1, 9)
    found = tune(scaled, PEAK, read_promises("max_depth<90000"), ROOMY, meanings={"s1-prometheus": "depth"}, tries=30)
    assert found.tried > 1


@pytest.mark.parametrize(("low", "idle", "fewest"), [(0, None, 2), (3, 0, 1)])
def test_as_many_as_always_have_to_run(low: int, idle: int | None, fewest: int) -> None:
    """Run, however many there are now."""
    found = tune(ScaledObject((LIST,), low, idle_replica_count=idle), "5m:1", read_promises("flaps==0"), ROOMY, fewest=fewest, tries=40)
    assert isinstance(found.scaler, ScaledObject)
    assert found.scaler.least >= fewest


def test_what_cannot_be_replayed_never_sleeps() -> None:
    """And so it is not proposed."""
    found = tune(ScaledObject((LIST,), others=("type: cron",)), PEAK, read_promises("max_depth<90000"), ROOMY, tries=30)
    assert isinstance(found.scaler, ScaledObject)
    assert found.scaler.min_replica_count >= 1
    assert found.run.warnings[0].code == "not-replayed"


def test_fewer_than_none() -> None:
    """Makes no sense."""
    with pytest.raises(ValueError, match="fewest: got -1; expected at least 0 pods; try 2"):
        tune(ScaledObject((LIST,)), PEAK, read_promises("flaps==0"), ROOMY, fewest=-1)
