"""Everything that can be wrong in a KEDA ScaledObject in YAML."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.manifests.reading import Manifests

Read = Callable[..., Manifests]


def scaled(triggers: str, more: str = "") -> str:
    """A ScaledObject whose triggers are in line 5, and what else it says in line 6."""
    head = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nspec: {\n  scaleTargetRef: {name: w},\n"
    return f"{head}  triggers: [{triggers}],\n  {more}\n}}\n"


PROMETHEUS = "{type: prometheus, metadata: {serverAddress: 'http://p', query: 'sum(q)', threshold: '500'}}"
CPU = "{type: cpu, metricType: Utilization, metadata: {value: '70'}}"


def redis(more: str) -> str:
    """A trigger of a list."""
    return f"{{type: redis, metadata: {{listName: l, {more}}}}}"


def kafka(more: str) -> str:
    """A trigger of a topic."""
    return f"{{type: kafka, metadata: {{topic: t, {more}}}}}"


MISTAKES = [
    (scaled(""), "5: spec.triggers: got an empty list; expected at least one trigger; try type: prometheus"),
    (scaled("{type: prometheus, metadata: {}}"), "5: spec.triggers[0].metadata: got no threshold; expected threshold in it; it is what on"),
    (scaled("{type: prometheus, metadata: {}}"), "5: spec.triggers[0].metadata: got no query; expected query in it"),
    (scaled("{type: prometheus, metadata: {}}"), "5: spec.triggers[0].metadata: got no serverAddress; expected serverAddress in it; it is"),
    (scaled("{type: prometheus}"), "5: spec.triggers[0]: got no metadata; expected metadata in it"),
    (scaled("{metadata: {}}"), "5: spec.triggers[0]: got no type; expected type in it; try type: prometheus"),
    (scaled("{type: Kafka, metadata: {}}"), "5: spec.triggers[0].type: got 'Kafka'; expected a type of KEDA's, which are in small letters"),
    (scaled(PROMETHEUS.replace("500", "many")), "metadata.threshold: got 'many'; expected a number above 0, in quotes"),
    (scaled(PROMETHEUS.replace("500", "500m")), "metadata.threshold: got '500m'; expected a number above 0, in quotes"),
    (scaled(PROMETHEUS.replace("500", "0")), "metadata.threshold: got '0'; expected a number above 0, in quotes"),
    (scaled(PROMETHEUS.replace("'500'", "500")), "threshold: got 500; expected text, as everything in metadata; put it into quotes: '500'"),
    (scaled(PROMETHEUS.replace("'500'", "'5', activationThreshold: x")), "activationThreshold: got 'x'; expected a number in quotes"),
    (scaled(PROMETHEUS.replace("'500'", "'5', ignoreNullValues: no thanks")), "got 'no thanks'; expected 'true' or 'false'"),
    (scaled(PROMETHEUS.replace("type:", "metricType: Utilization, type:")), "5: spec.triggers[0].metricType: got 'Utilization'; expected"),
    (scaled(PROMETHEUS.replace("type:", "useCachedMetrics: 'yes', type:")), "useCachedMetrics: got 'yes'; expected true or false; try tru"),
    (scaled(PROMETHEUS.replace("type:", "nam: x, type:")), "5: spec.triggers[0].nam: got an unknown one, 'nam'; expected a field of spec."),
    (scaled(redis("listLength: '0'")), "listLength: got '0'; expected a whole number in quotes, of at least 1; try '1'"),
    (scaled(redis("activationListLength: '1.5'")), "activationListLength: got '1.5'; expected a whole number in quotes"),
    (scaled("{type: redis, metadata: {listLength: '5'}}"), "5: spec.triggers[0].metadata: got no listName; expected listName in it"),
    (scaled("{type: redis-streams, metadata: {}}"), "5: spec.triggers[0].metadata: got no stream; expected stream in it"),
    (scaled(kafka("allowIdleConsumers: true")), "allowIdleConsumers: got True; expected text, as everything in metadata; put it into quot"),
    (scaled(kafka("activationLagThreshold: '-1'")), "activationLagThreshold: got '-1'; expected a whole number in quotes, of at least 0;"),
    (
        scaled(kafka("allowIdleConsumers: 'true', limitToPartitionsWithLag: 'true'")),
        "limitToPartitionsWithLag: got both; expected one of allowIdleConsumers and limitToPartitionsWithLag; leave one out",
    ),
    (
        scaled("{type: kafka, metadata: {limitToPartitionsWithLag: 'true'}}"),
        "limitToPartitionsWithLag: got no topic; expected a topic beside limitToPartitionsWithLag; name the topic",
    ),
    (scaled(CPU.replace("Utilization", "Value")), "5: spec.triggers[0].metricType: got 'Value'; expected Utilization or AverageValue"),
    (scaled("{type: cpu, metadata: {value: '70'}}"), "5: spec.triggers[0].metadata: got no metricType; expected metricType beside it, wit"),
    (scaled(CPU.replace("70", "0.5")), "metadata.value: got '0.5'; expected whole percent above 0, in quotes, such as '70'"),
    (scaled(CPU.replace("type: cpu", "type: cpu, useCachedMetrics: true")), "useCachedMetrics: got True; expected none with type: cpu, wh"),
    (scaled(CPU), "3: spec: got no minReplicaCount; expected minReplicaCount: at least 1 with cpu and memory triggers alone"),
    (scaled(CPU, "minReplicaCount: 0"), "6: spec.minReplicaCount: got 0; expected minReplicaCount: at least 1 with cpu and memory trigger"),
    (
        scaled(f"{PROMETHEUS.replace('type:', 'name: n, type:')}, {redis('').replace('type:', 'name: n, type:')}"),
        "5: spec.triggers[1]: got n a second time; expected a name for each trigger; the first one is at line 5",
    ),
    (scaled(PROMETHEUS, "minReplicaCount: 5, maxReplicaCount: 2"), "6: spec.minReplicaCount: got 5; expected at most maxReplicaCount, 2;"),
    (scaled(PROMETHEUS, "minReplicaCount: 101"), "6: spec.minReplicaCount: got 101; expected at most maxReplicaCount, 100; try maxReplica"),
    (scaled(PROMETHEUS, "minReplicaCount: -1"), "6: spec.minReplicaCount: got -1; expected a number of pods of at least 0; try 0"),
    (scaled(PROMETHEUS, "maxReplicaCount: 0"), "6: spec.maxReplicaCount: got 0; expected a number of pods of at least 1; try 1"),
    (
        scaled(PROMETHEUS, "minReplicas: 5"),
        "6: spec.minReplicas: got an unknown one, 'minReplicas'; expected a field of spec; did you mean minReplicaC",
    ),
    (scaled(PROMETHEUS, "pollingInterval: 0"), "6: spec.pollingInterval: got 0; expected seconds; try 30"),
    (scaled(PROMETHEUS, "cooldownPeriod: -1"), "6: spec.cooldownPeriod: got -1; expected seconds; try 30"),
    (
        scaled(PROMETHEUS, "minReplicaCount: 2, idleReplicaCount: 2"),
        "6: spec.idleReplicaCount: got 2; expected less than minReplicaCount, 2; try 0",
    ),
    (scaled(PROMETHEUS, "idleReplicaCount: 0"), "6: spec.idleReplicaCount: got 0; expected less than minReplicaCount, 0; try minReplicaCo"),
    (scaled(PROMETHEUS).replace("scaleTargetRef: {name: w},", ""), "3: spec: got no scaleTargetRef; expected scaleTargetRef in it"),
    ("kind: ScaledObject\n", "1: got no spec; expected spec in it"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_mistakes(read: Read, text: str, message: str) -> None:
    """One message each, with file and line."""
    found = read(text)
    lines = [mistake.describe() for mistake in found.mistakes]
    assert any(message in line for line in lines), lines
    assert all(line.startswith("a.yaml:") for line in lines)
    assert found.autoscalers[0].scaler is None


WORDS = [
    "scaleTargetRef", "name", "triggers", "type", "metadata", "minReplicaCount", "maxReplicaCount", "idleReplicaCount", "metricType",
    "query", "threshold", "listName", "listLength", "value", "topic", "stream", "consumerGroup", "lagCount", "serverAddress",
    "pollingInterval",
]  # fmt: skip
"""Names that a spec may have in it."""

LEAVES = ["prometheus", "redis", "kafka", "cpu", "cron", "Utilization", "AverageValue", "5", "0", "-1", "1e3", "true", "x", ""]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(LEAVES),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
        max_leaves=20,
    ),
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(LEAVES), "metadata": st.dictionaries(st.sampled_from(WORDS), st.sampled_from(LEAVES))},
            optional={"name": st.sampled_from(["a", "s1-redis"]), "metricType": st.sampled_from(LEAVES)},
        ),
        max_size=3,
    ),
)
def test_any_spec(spec: object, triggers: list[object]) -> None:
    """Whatever is in it, there are mistakes or there is an autoscaler, but for one with nobody's triggers."""
    import yaml

    told = {"scaleTargetRef": {"name": "w"}} | (spec if isinstance(spec, dict) else {}) | ({"triggers": triggers} if triggers else {})
    read = Manifests()
    read.read(yaml.safe_dump({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "spec": told}), "x.yaml")
    kinds = {each["type"] for each in triggers if isinstance(each, dict)}
    assert read.mistakes or read.autoscalers[0].scaler or not kinds & {"prometheus", "redis", "kafka", "cpu"}
