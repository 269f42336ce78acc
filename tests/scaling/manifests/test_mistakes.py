"""Everything that can be wrong in a HorizontalPodAutoscaler in YAML."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.manifests.reading import Manifests

Read = Callable[..., Manifests]


def hpa(metrics: str = "", behavior: str = "", *, replicas: str = "minReplicas: 1, maxReplicas: 5") -> str:
    """An autoscaler whose metrics and behavior are written as flow YAML, in lines 6 and 7; replicas are in line 5."""
    lines = [
        "apiVersion: autoscaling/v2",
        "kind: HorizontalPodAutoscaler",
        "spec: {",
        "  scaleTargetRef: {kind: Deployment, name: w},",
        f"  {replicas},",
        f"  metrics: [{metrics}]," if metrics else "",
        f"  behavior: {behavior}," if behavior else "",
        "}",
    ]
    return "\n".join(lines) + "\n"


WORDS = [
    "scaleTargetRef", "kind", "name", "minReplicas", "maxReplicas", "metrics", "behavior", "scaleUp", "policies", "type", "value",
    "periodSeconds", "external", "pods", "resource", "metric", "target", "averageValue", "averageUtilization", "selectPolicy",
]  # fmt: skip
"""Names that a spec may have in it."""

CPU = "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}"
MISTAKES = [
    (hpa(replicas="minReplicas: 6, maxReplicas: 5"), "5: spec.minReplicas: got 6; expected at most maxReplicas, 5; try maxReplicas: 6"),
    (hpa(replicas="maxReplicas: 0"), "5: spec.maxReplicas: got 0; expected a number of pods of at least 1; try 1"),
    (hpa(replicas="maxReplicas: '5'"), "5: spec.maxReplicas: got '5'; expected a number of pods of at least 1; leave the quotes out: 5"),
    (hpa(replicas="maxReplicas: 2.5"), "5: spec.maxReplicas: got 2.5; expected a number of pods of at least 1"),
    (hpa(replicas="maxReplicas: true"), "5: spec.maxReplicas: got True; expected a number of pods of at least 1"),
    (hpa(replicas="minReplicas: 1"), "3: spec: got no maxReplicas; expected maxReplicas in it; try maxReplicas: 2"),
    (hpa(replicas="minReplicas: -1, maxReplicas: 5"), "5: spec.minReplicas: got -1; expected a number of pods of at least 0; try 0"),
    (
        hpa(replicas="minReplicas: 0, maxReplicas: 5"),
        "5: spec.minReplicas: got 0; expected at least 1 without an Object or External metric",
    ),
    (
        hpa(replicas="maxReplica: 5, maxReplicas: 5"),
        "5: spec.maxReplica: got an unknown one, 'maxReplica'; expected a field of spec; did you",
    ),
    (
        hpa(replicas="maxReplicas: 5, maxReplicas: 6"),
        "5: spec.maxReplicas: got maxReplicas a second time; expected each field once; the first",
    ),
    (hpa("{resource: {name: cpu}}"), "6: spec.metrics[0]: got no type; expected type in it; try type: Resource"),
    (
        hpa("{type: pods}"),
        "6: spec.metrics[0].type: got 'pods'; expected Resource or ContainerResource or Pods or Object or External; did you mean",
    ),
    (hpa("{type: Pods}"), "6: spec.metrics[0]: got no pods; expected pods in it; it says what to measure with type: Pods"),
    (
        hpa("{type: Pods, resource: {}, pods: {}}"),
        "6: spec.metrics[0].resource: got resource; expected only pods with type: Pods; try type: Res",
    ),
    (
        hpa("{type: Pods, pods: {metric: {name: q}}}"),
        "6: spec.metrics[0].pods: got no target; expected target in it; try target: {type: Av",
    ),
    (
        hpa("{type: Pods, pods: {metric: {}, target: {type: AverageValue, averageValue: 1}}}"),
        "6: spec.metrics[0].pods.metric: got no name; exp",
    ),
    (
        hpa("{type: Pods, pods: {metric: {name: q}, target: {type: Value, value: 5}}}"),
        "6: spec.metrics[0].pods.target.type: got 'Value'; expected AverageValue; try AverageValue",
    ),
    (
        hpa("{type: External, external: {metric: {name: q}, target: {type: AverageValue, value: 5}}}"),
        "6: spec.metrics[0].external.target.value: got value; expected only averageValue with type: AverageValue; leave it out",
    ),
    (
        hpa("{type: External, external: {metric: {name: q}, target: {type: AverageValue, averageValue: 0}}}"),
        "6: spec.metrics[0].external.target.averageValue: got 0; expected a quantity above 0 such as 500 or 500m",
    ),
    (
        hpa("{type: External, external: {metric: {name: q}, target: {type: AverageValue, averageValue: 5 jobs}}}"),
        "averageValue: got '5 jobs'; expected a quantity above 0 such as 500 or 500m",
    ),
    (
        hpa("{type: External, external: {metric: {name: q}, target: {type: AverageValue, averageValue: -3}}}"),
        "averageValue: got -3; expected a quantity above 0 such as 500 or 500m; try 3",
    ),
    (
        hpa("{type: External, external: {metric: {name: q}, target: {type: AverageValue, averageValue: [5]}}}"),
        "averageValue: got a list; expected a quantity above 0",
    ),
    (
        hpa("{type: External, external: {metric: {name: q}, target: {type: AverageValue, averageValue: 1e400}}}"),
        "averageValue: got '1e400'; expected a quantity below 2^63",
    ),
    (hpa(CPU.replace("70", "0")), "averageUtilization: got 0; expected whole percent above 0 such as 70; try 1"),
    (hpa(CPU.replace("70", "70%")), "averageUtilization: got '70%'; expected whole percent above 0 such as 70"),
    (hpa(CPU.replace("cpu", "gpu")), "6: spec.metrics[0].resource.name: got 'gpu'; expected cpu or memory; did you mean cpu?"),
    (
        hpa(behavior="{scaleUp: {stabilizationWindowSeconds: 3601}}"),
        "stabilizationWindowSeconds: got 3601; expected seconds from 0 to 3600; try 3600",
    ),
    (hpa(behavior="{scaleUp: {selectPolicy: max}}"), "selectPolicy: got 'max'; expected Max or Min or Disabled; did you mean Max?"),
    (
        hpa(behavior="{scaleUp: {policies: []}}"),
        "policies: got an empty list; expected at least one policy; leave policies out for the defaults",
    ),
    (hpa(behavior="{scaleUp: {policies: 4}}"), "7: spec.behavior.scaleUp.policies: got 4; expected a list"),
    (
        hpa(behavior="{scaleUp: {policies: [{type: Pods, value: 4, periodSeconds: 1801}]}}"),
        "7: spec.behavior.scaleUp.policies[0].periodSeconds: got 1801; expected seconds from 1 to 1800; try 1800",
    ),
    (
        hpa(behavior="{scaleUp: {policies: [{type: Pods, value: 0, periodSeconds: 60}]}}"),
        "value: got 0; expected pods or percent of at least 1; try 1",
    ),
    (hpa(behavior="{scaleUp: {policies: [{type: Pods, value: 4}]}}"), "policies[0]: got no periodSeconds; expected periodSeconds in it"),
    (hpa(behavior="{scaleUp: {tolerance: -1}}"), "tolerance: got -1; expected a part of 1 such as 0.1 or 100m; try 1"),
    (
        hpa(behavior="{scaleup: {}}"),
        "7: spec.behavior.scaleup: got an unknown one, 'scaleup'; expected a field of spec.behavior; did you mean scaleUp?",
    ),
    (hpa().replace("autoscaling/v2", "autoscaling/v1"), "1: apiVersion: got 'autoscaling/v1'; expected autoscaling/v2, which has"),
    (
        hpa().replace("name: w", "nam: w"),
        "4: spec.scaleTargetRef.nam: got an unknown one, 'nam'; expected a field of spec.scaleTargetRef; did you mean name",
    ),
    (hpa().replace("kind: HorizontalPodAutoscaler\n", ""), "1: got no kind; expected kind in it; try kind: HorizontalPodAutoscaler"),
    (hpa().replace("HorizontalPodAutoscaler", "horizontalPodAutoscaler"), "2: kind: got 'horizontalPodAutoscaler'; expected a kind of Kub"),
    ("kind: HorizontalPodAutoscaler\napiVersion: autoscaling/v2\n", "1: got no spec; expected spec in it"),
    ("- 1\n- 2\n", "1: got a list; expected a mapping of fields"),
    ("", "1: got an empty file; expected a manifest; look at what was meant to be in it"),
    ("a: [1\nb: 2\n", "2: got what is no YAML ("),
    (
        "a:\n\tb: 1\n",
        "2: got what is no YAML (found character '\\t' that cannot start any token); expected a manifest in YAML; indent by spaces",
    ),
    ("a: {{ .Values.x }}\nb: }\n", "expected a manifest in YAML"),
    (
        'name: x\n{{ include "y" . }}\n',
        "3: got what is no YAML (could not find expected ':'); expected a manifest in YAML; render the template first: helm template",
    ),
    ("a: \x00\n", "1: got what is no YAML (special characters are not allowed)"),
    ("[" * 3000, "1: got values nested more than 100 deep; expected a manifest; write it flatter"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake(read: Read, text: str, message: str) -> None:
    """One message for it, with file and line, what was got, what was expected, and the nearest fix."""
    found = read(text)
    lines = [mistake.describe() for mistake in found.mistakes]
    assert any(message in line for line in lines), lines
    assert all(line.startswith("a.yaml:") for line in lines)
    assert not any(autoscaler.hpa for autoscaler in found.autoscalers)


def test_every_mistake_is_told(read: Read) -> None:
    """Not only the first."""
    text = hpa("{type: Pods}", "{scaleUp: {stabilizationWindowSeconds: 9999}}", replicas="minReplicas: 9, maxReplicas: 2")
    assert [mistake.where.line for mistake in read(text).mistakes] == [6, 5, 7]


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    """Is read, or is a mistake; nothing else."""
    Manifests().read(text, "x.yaml")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["Pods", "cpu", "External", "500m", ""]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
        max_leaves=20,
    )
)
def test_any_spec(spec: object) -> None:
    """Whatever is in it, there are mistakes or there is an autoscaler."""
    import yaml

    read = Manifests()
    read.read(yaml.safe_dump({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": spec}), "x.yaml")
    assert read.mistakes or read.autoscalers[0].hpa
