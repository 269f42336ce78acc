"""A KEDA ScaledObject in YAML → its value."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.spec import Behavior, ExternalMetric, Hpa, ResourceMetric, ScalingRules, Target, TargetKind
from pytest_cio_load.scaling.hpa.triggers import (
    Entries,
    KafkaTrigger,
    PrometheusTrigger,
    RedisStreamsTrigger,
    RedisTrigger,
    ResourceTrigger,
)
from pytest_cio_load.scaling.manifests.nodes import ManifestError
from pytest_cio_load.scaling.manifests.reading import Manifests, read_scaler
from pytest_cio_load.scaling.manifests.seen import facts_seen
from pytest_cio_load.scaling.planner.warnings import contradictions

Read = Callable[..., Manifests]


def scaled(triggers: str, more: str = "") -> str:
    """A ScaledObject whose triggers are in line 5, and what else it says in line 6."""
    head = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nspec: {\n  scaleTargetRef: {name: w},\n"
    return f"{head}  triggers: [{triggers}],\n  {more}\n}}\n"


PROMETHEUS = "{type: prometheus, metadata: {serverAddress: 'http://p', query: 'sum(q)', threshold: '500'}}"
CPU = "{type: cpu, metricType: Utilization, metadata: {value: '70'}}"


def redis(more: str, kind: str = "redis") -> str:
    """A trigger of a list."""
    return f"{{type: {kind}, metadata: {{listName: l, {more}}}}}"


def stream(more: str, kind: str = "redis-streams") -> str:
    """A trigger of a stream."""
    return f"{{type: {kind}, metadata: {{stream: s, {more}}}}}"


def kafka(more: str, kind: str = "kafka") -> str:
    """A trigger of a topic."""
    return f"{{type: {kind}, metadata: {{topic: t, {more}}}}}"


def percent(value: int) -> Target:
    """Of the request."""
    return Target(TargetKind.UTILIZATION, Fraction(value))


@pytest.mark.parametrize(
    ("text", "trigger"),
    [
        (PROMETHEUS, PrometheusTrigger(500, source="sum(q)")),
        (
            PROMETHEUS.replace("'500'", "'0.5', activationThreshold: '-1.5', ignoreNullValues: 'false'"),
            PrometheusTrigger(0.5, -1.5, False, source="sum(q)"),
        ),
        (
            PROMETHEUS.replace("type:", "metricType: Value, name: n, type:"),
            PrometheusTrigger(500, average=False, name="n", source="sum(q)"),
        ),
        (PROMETHEUS.replace("type:", "useCachedMetrics: true, type:"), PrometheusTrigger(500, cached=True, source="sum(q)")),
        (redis(""), RedisTrigger(source="l")),
        (redis("listLength: '7', activationListLength: '3'", "redis-sentinel"), RedisTrigger(7, 3, source="l")),
        (stream("consumerGroup: g, lagCount: '7', activationLagCount: '2'"), RedisStreamsTrigger(7, Entries.LAG, 2, source="s")),
        (stream("consumerGroup: g, pendingEntriesCount: '8'"), RedisStreamsTrigger(8, Entries.PENDING, source="s")),
        (stream("consumerGroup: g", "redis-cluster-streams"), RedisStreamsTrigger(5, Entries.PENDING, source="s")),
        (stream("streamLength: '9', lagCount: '1'"), RedisStreamsTrigger(9, Entries.LENGTH, source="s")),
        (kafka(""), KafkaTrigger(source="t")),
        (kafka("lagThreshold: '7', activationLagThreshold: '3'", "apache-kafka"), KafkaTrigger(7, 3, source="t")),
        (kafka("allowIdleConsumers: 'true'"), KafkaTrigger(allow_idle_consumers=True, source="t")),
        (kafka("limitToPartitionsWithLag: 'T'"), KafkaTrigger(limit_to_partitions_with_lag=True, source="t")),
        (kafka("ensureEvenDistributionOfPartitions: '1'"), KafkaTrigger(even_distribution=True, source="t")),
        (CPU, ResourceTrigger("cpu", percent(70))),
        ("{type: cpu, metadata: {type: Utilization, value: '70', containerName: c}}", ResourceTrigger("cpu", percent(70), "c")),
        (
            "{type: memory, metricType: AverageValue, name: n, metadata: {value: 1Mi}}",
            ResourceTrigger("memory", Target(TargetKind.AVERAGE_VALUE, Fraction(2**20)), name="n"),
        ),
    ],
)
def test_triggers(read: Read, text: str, trigger: object) -> None:
    """Each with KEDA's own defaults."""
    found = read(scaled(text, "minReplicaCount: 1"))
    assert [mistake.describe() for mistake in found.mistakes] == []
    assert found.autoscalers[0].scaler == ScaledObject((trigger,), 1)  # type: ignore[arg-type]
    assert found.autoscalers[0].target == ("Deployment", "w")


def test_what_is_left_out(read: Read) -> None:
    """Is as KEDA has it: 0 to 100 pods, asked every 30 s, cooled down after 300."""
    scaler = ScaledObject((PrometheusTrigger(500, source="sum(q)"),), 0, 100, None, 30, 300, 0)
    assert read(scaled(PROMETHEUS)).autoscalers[0].scaler == scaler


def test_everything_that_it_says(read: Read) -> None:
    """Is in the value, and has its place."""
    more = (
        "minReplicaCount: 2, maxReplicaCount: 4, idleReplicaCount: 0, pollingInterval: 15, cooldownPeriod: 60, initialCooldownPeriod: 9, "
        "advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleUp: {stabilizationWindowSeconds: 5}}}}"
    )
    autoscaler = read(scaled(PROMETHEUS, more)).autoscalers[0]
    behavior = Behavior(ScalingRules.up(stabilization=5))
    assert autoscaler.scaler == ScaledObject((PrometheusTrigger(500, source="sum(q)"),), 2, 4, 0, 15, 60, 9, behavior)
    assert {name: place.line for name, place in autoscaler.places.items()} == {
        "metric s0-prometheus": 5,
        "queries": 5,
        "min_replicas": 6,
        "max_replicas": 6,
        "idle_replicas": 6,
        "scale_up": 6,
    }


def test_the_autoscaler_that_keda_makes(read: Read) -> None:
    """A metric for each trigger, and never fewer than one: from 0 to 1 KEDA scales itself."""
    hpa = read(scaled(f"{PROMETHEUS}, {CPU}", "minReplicaCount: 0, maxReplicaCount: 4")).autoscalers[0].hpa
    metrics = (ExternalMetric("s0-prometheus", Target(TargetKind.AVERAGE_VALUE, Fraction(500))), ResourceMetric("cpu", percent(70)))
    assert hpa == Hpa(4, 1, metrics)


def test_no_idle_pods_of_no_pods(read: Read) -> None:
    """KEDA takes an idleReplicaCount of 0 beside a minReplicaCount of 0, where it changes nothing."""
    found = read(scaled(PROMETHEUS, "minReplicaCount: 0, idleReplicaCount: 0"))
    assert not found.mistakes
    assert found.autoscalers[0].scaler == ScaledObject((PrometheusTrigger(500, source="sum(q)"),))


def test_somebody_elses_trigger(read: Read) -> None:
    """Is not ours to check, and is remembered; those after it keep KEDA's own names."""
    found = read(scaled(f"{{type: cron, metadata: {{start: x}}}}, {PROMETHEUS}, {CPU}"))
    assert not found.mistakes
    scaler = found.autoscalers[0].scaler
    assert isinstance(scaler, ScaledObject)
    assert scaler.names == ("s1-prometheus", "s2-cpu")
    assert scaler.others == ("type: cron",)


def test_a_formula(read: Read) -> None:
    """Over triggers is remembered too."""
    scaler = read(scaled(PROMETHEUS, "advanced: {scalingModifiers: {formula: 'a + 1', target: '5'}}")).autoscalers[0].scaler
    assert isinstance(scaler, ScaledObject)
    assert scaler.others == ("scalingModifiers",)


def test_only_somebody_elses_triggers(read: Read, tmp_path: Path) -> None:
    """Are no mistake in a manifest, but there is nothing that could be replayed."""
    text = scaled("{type: cron, metadata: {start: x}}")
    assert read(text).autoscalers[0].scaler is None
    assert not read(text).mistakes
    (tmp_path / "so.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError, match=r"so\.yaml:1: spec\.triggers: got none that can be replayed; expected one of prometheus"):
        read_scaler(tmp_path / "so.yaml")


def test_a_file(tmp_path: Path) -> None:
    """Has its ScaledObject, name and all."""
    (tmp_path / "so.yaml").write_text(scaled(PROMETHEUS).replace("spec:", "metadata: {name: worker}\nspec:"), encoding="utf-8")
    scaler = read_scaler(tmp_path / "so.yaml")
    assert isinstance(scaler, ScaledObject)
    assert (scaler.name, scaler.hpa.name) == ("worker", "keda-hpa-worker")


@pytest.mark.parametrize(
    ("trigger", "code"),
    [
        (PROMETHEUS.replace("sum(q)", "sum(cio_queue_depth)"), "depth-summed-over-pods"),
        ("{type: redis, metadata: {listName: 'bull:q:wait', listLength: '7'}}", "list-without-some-jobs"),
    ],
)
def test_what_it_asks(read: Read, trigger: str, code: str) -> None:
    """Is looked at too, and known by its line."""
    (facts,) = facts_seen(read(scaled(trigger, "minReplicaCount: 1, maxReplicaCount: 2")))
    assert {found.code: str(found.where) for found in contradictions(facts)} == {code: "a.yaml:5"}


def test_nobody_who_wakes_it(read: Read) -> None:
    """Where only sleeping workers would export what is asked for; not beside a trigger of another kind."""
    own = PROMETHEUS.replace("sum(q)", "max(cio_queue_depth)")
    for triggers, more, codes in (
        (own, "maxReplicaCount: 2", ["asleep-for-good"]),
        (own, "maxReplicaCount: 2, minReplicaCount: 1, idleReplicaCount: 0", ["asleep-for-good"]),
        (f"{own}, {redis('')}", "maxReplicaCount: 2", []),
        (own, "maxReplicaCount: 2, minReplicaCount: 1", []),
    ):
        (facts,) = facts_seen(read(scaled(triggers, more)))
        assert [found.code for found in contradictions(facts)] == codes
