"""A KEDA ScaledObject in YAML → the autoscaler that KEDA makes of it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from pytest_cio_load.scaling.hpa.spec import ExternalMetric, Hpa, ResourceMetric, Target, TargetKind
from pytest_cio_load.scaling.manifests.reading import Manifests
from pytest_cio_load.scaling.manifests.seen import facts_seen
from pytest_cio_load.scaling.planner.warnings import contradictions

Read = Callable[..., Manifests]


def scaled(triggers: str, more: str = "") -> str:
    """A ScaledObject whose triggers are in line 5, and what else it says in line 6."""
    head = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nspec: {\n  scaleTargetRef: {name: w},\n"
    return f"{head}  triggers: [{triggers}],\n  {more}\n}}\n"


PROMETHEUS = "{type: prometheus, metadata: {serverAddress: 'http://p', query: 'sum(q)', threshold: '500'}}"


def average(value: int) -> Target:
    """An average of so many."""
    return Target(TargetKind.AVERAGE_VALUE, Fraction(value))


@pytest.mark.parametrize(
    ("trigger", "metric"),
    [
        (PROMETHEUS, ExternalMetric("prometheus", average(500))),
        ("{type: redis, metadata: {listName: 'bull:q:wait', listLength: '7'}}", ExternalMetric("bull:q:wait", average(7))),
        ("{type: redis, metadata: {listName: l}}", ExternalMetric("l", average(5))),
        ("{type: kafka, metadata: {topic: t}}", ExternalMetric("t", average(10))),
        ("{type: kafka, metricType: Value, metadata: {topic: t}}", ExternalMetric("t", Target(TargetKind.VALUE, Fraction(10)))),
        ("{type: cpu, metadata: {value: '70'}}", ResourceMetric("cpu", Target(TargetKind.UTILIZATION, Fraction(70)))),
        (
            "{type: memory, metricType: AverageValue, metadata: {value: 1Mi}}",
            ResourceMetric("memory", average(2**20)),
        ),
    ],
)
def test_triggers(read: Read, trigger: str, metric: object) -> None:
    """Each becomes the metric that KEDA hands on."""
    found = read(scaled(trigger))
    assert [mistake.describe() for mistake in found.mistakes] == []
    assert found.autoscalers[0].hpa == Hpa(100, 1, (metric,))  # type: ignore[arg-type]
    assert found.autoscalers[0].target == ("Deployment", "w")


def test_replicas_and_behavior(read: Read) -> None:
    """As many as it says, but never less than 1: from 0 to 1 KEDA scales itself."""
    more = (
        "minReplicaCount: 0, maxReplicaCount: 4, pollingInterval: 15, cooldownPeriod: 0, "
        "advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleUp: {stabilizationWindowSeconds: 5}}}}"
    )
    hpa = read(scaled(PROMETHEUS, more)).autoscalers[0].hpa
    assert hpa is not None
    assert (hpa.min_replicas, hpa.max_replicas) == (1, 4)
    assert hpa.behavior is not None
    assert hpa.behavior.scale_up.stabilization == 5


def test_somebody_elses_trigger(read: Read) -> None:
    """Is not ours to check; beside one of ours it is passed over."""
    found = read(scaled(f"{{type: cron, metadata: {{start: x}}}}, {PROMETHEUS}"))
    assert not found.mistakes
    assert found.autoscalers[0].hpa is not None
    assert len(found.autoscalers[0].hpa.metrics) == 1


@pytest.mark.parametrize(
    ("trigger", "code"),
    [
        (PROMETHEUS.replace("sum(q)", "sum(cio_queue_depth)"), "depth-summed-over-pods"),
        ("{type: redis, metadata: {listName: 'bull:q:wait', listLength: '7'}}", "list-without-some-jobs"),
    ],
)
def test_what_it_asks(read: Read, trigger: str, code: str) -> None:
    """Is looked at too, and known by its line."""
    (facts,) = facts_seen(read(scaled(trigger, "maxReplicaCount: 2")))
    assert {found.code: str(found.where) for found in contradictions(facts)} == {code: "a.yaml:5"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (scaled(""), "5: spec.triggers: got an empty list; expected at least one trigger; try type: prometheus"),
        (
            scaled("{type: prometheus, metadata: {}}"),
            "5: spec.triggers[0].metadata: got no threshold; expected threshold in it; it is what one pod",
        ),
        (scaled("{type: prometheus}"), "5: spec.triggers[0]: got no metadata; expected metadata in it"),
        (scaled("{metadata: {}}"), "5: spec.triggers[0]: got no type; expected type in it; try type: prometheus"),
        (scaled(PROMETHEUS.replace("500", "many")), "metadata.threshold: got 'many'; expected a quantity above 0"),
        (
            scaled("{type: cpu, metricType: Value, metadata: {value: '70'}}"),
            "metricType: got 'Value'; expected metricType: Utilization with whole",
        ),
        (
            scaled("{type: cpu, metadata: {value: '0.5'}}"),
            "5: spec.triggers[0]: got a mapping; expected metricType: Utilization with whole percent",
        ),
        (scaled(PROMETHEUS, "minReplicaCount: 5, maxReplicaCount: 2"), "6: spec.minReplicaCount: got 5; expected at most maxReplicas, 2"),
        (
            scaled(PROMETHEUS, "minReplicas: 5"),
            "6: spec.minReplicas: got an unknown one, 'minReplicas'; expected a field of spec; did you mean minReplicaC",
        ),
        (scaled(PROMETHEUS, "pollingInterval: 0"), "6: spec.pollingInterval: got 0; expected seconds; try 30"),
        (
            scaled(PROMETHEUS, "minReplicaCount: 2, idleReplicaCount: 2"),
            "6: spec.idleReplicaCount: got 2; expected less than minReplicaCount, 2; try 0",
        ),
        (scaled(PROMETHEUS).replace("scaleTargetRef: {name: w},", ""), "3: spec: got no scaleTargetRef; expected scaleTargetRef in it"),
        ("kind: ScaledObject\n", "1: got no spec; expected spec in it"),
    ],
)
def test_mistakes(read: Read, text: str, message: str) -> None:
    """One message each, with file and line."""
    lines = [mistake.describe() for mistake in read(text).mistakes]
    assert any(message in line for line in lines), lines
