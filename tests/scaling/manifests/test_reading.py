"""A HorizontalPodAutoscaler in YAML → values, and every mistake with its file and line."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from pytest_cio_load.scaling.hpa.spec import (
    Behavior,
    ExternalMetric,
    Hpa,
    ObjectMetric,
    PodsMetric,
    Policy,
    PolicyKind,
    ResourceMetric,
    ScalingRules,
    Select,
    Target,
    TargetKind,
)
from pytest_cio_load.scaling.manifests.nodes import ManifestError
from pytest_cio_load.scaling.manifests.reading import Manifests, read_files, read_scaler

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


def one(read: Manifests) -> Hpa:
    """The only autoscaler that was read, without a mistake."""
    assert [mistake.describe() for mistake in read.mistakes] == []
    (autoscaler,) = read.autoscalers
    assert autoscaler.hpa is not None
    return autoscaler.hpa


def test_the_seed(read: Read, seed: str) -> None:
    """Everything it says."""
    assert one(read(seed)) == Hpa(
        20,
        2,
        (
            ResourceMetric("cpu", Target(TargetKind.UTILIZATION, Fraction(70))),
            PodsMetric("cio_queue_depth", Target(TargetKind.AVERAGE_VALUE, Fraction(500))),
        ),
        Behavior(
            ScalingRules.up(stabilization=60, policies=[Policy(PolicyKind.PODS, 4, 60)]),
            ScalingRules.down(stabilization=300, policies=[Policy(PolicyKind.PODS, 2, 120)]),
        ),
        "cio-worker-hpa",
    )


def test_where_it_stands(read: Read, seed: str) -> None:
    """Every part knows its line."""
    places = read(seed).autoscalers[0].places
    assert {name: place.line for name, place in places.items()} == {
        "min_replicas": 10,
        "max_replicas": 11,
        "metric cpu": 13,
        "metric cio_queue_depth": 19,
        "scale_up": 27,
        "scale_down": 33,
    }


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        (
            "{type: External, external: {metric: {name: q, selector: {matchLabels: {b: 2, a: x}}}, target: {type: Value, value: 1k}}}",
            ExternalMetric("q", Target(TargetKind.VALUE, Fraction(1000)), "a=x,b=2"),
        ),
        (
            "{type: External, external: {metric: {name: q, selector: {matchExpressions: [{key: s, operator: In, values: [a, b]}]}},"
            " target: {type: AverageValue, averageValue: 500m}}}",
            ExternalMetric("q", Target(TargetKind.AVERAGE_VALUE, Fraction(1, 2)), "s In (a,b)"),
        ),
        (
            "{type: Object, object: {describedObject: {kind: Service, name: s}, metric: {name: q}, target: {type: Value, value: 7}}}",
            ObjectMetric("q", Target(TargetKind.VALUE, Fraction(7)), "Service/s"),
        ),
        (
            "{type: ContainerResource, containerResource: {name: memory, container: c, target: {type: AverageValue, averageValue: 2Mi}}}",
            ResourceMetric("memory", Target(TargetKind.AVERAGE_VALUE, Fraction(2 * 2**20)), "c"),
        ),
    ],
)
def test_every_kind_of_metric(read: Read, text: str, metric: object) -> None:
    """With quantities as exact numbers and selectors as text."""
    assert one(read(hpa(text))).metrics == (metric,)


def test_what_is_left_out(read: Read) -> None:
    """Has the API server's defaults."""
    found = one(read(hpa(replicas="maxReplicas: 5")))
    assert (found.min_replicas, found.behavior) == (1, None)
    assert found.metrics == (ResourceMetric("cpu", Target(TargetKind.UTILIZATION, Fraction(80))),)


def test_half_a_behavior(read: Read) -> None:
    """The other direction has its defaults."""
    found = one(read(hpa(behavior="{scaleDown: {selectPolicy: Disabled, tolerance: 50m}}")))
    assert found.behavior == Behavior(ScalingRules.up(), ScalingRules.down(select_policy=Select.DISABLED, tolerance=Fraction(1, 20)))


def test_several_documents(read: Read, seed: str) -> None:
    """All of them are read, and each knows its lines."""
    found = read(f"---\n{seed}---\n---\n{seed}")
    assert [autoscaler.place.line for autoscaler in found.autoscalers] == [2, 42]


def test_a_list_of_manifests(read: Read) -> None:
    """As kubectl prints them."""
    found = read("kind: List\napiVersion: v1\nitems:\n  - kind: Service\n  - kind: Secret\n")
    assert [kind for kind, _ in found.others] == ["Service", "Secret"]


def test_a_list_in_itself(read: Read) -> None:
    """Comes to an end."""
    found = read("kind: List\nitems: &a\n  - kind: List\n    items: *a\n")
    assert [kind for kind, _ in found.others] == ["List"]


def test_anchors(read: Read, seed: str) -> None:
    """What is used twice is read twice."""
    text = seed.replace("scaleUp:\n", "scaleUp: &both\n").split("    scaleDown:")[0] + "    scaleDown: *both\n"
    behavior = one(read(text)).behavior
    assert behavior is not None
    assert behavior.scale_down.policies == behavior.scale_up.policies


def test_one_autoscaler_of_a_file(tmp_path: Path, seed: str) -> None:
    """Other kinds beside it are passed over."""
    path = tmp_path / "hpa.yaml"
    path.write_text(f"kind: Service\n---\n{seed}", encoding="utf-8")
    assert read_scaler(path).max_replicas == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "kind: Service\n",
            "hpa.yaml:1: got no autoscaler, but Service; expected one HorizontalPodAutoscaler or ScaledObject; name the file",
        ),
        (f"{hpa()}---\n{hpa()}", "hpa.yaml:10: got a second autoscaler; expected one, such as that at line 1; part the file"),
        (hpa(replicas="maxReplicas: 0"), "hpa.yaml:5: spec.maxReplicas: got 0"),
    ],
)
def test_no_one_autoscaler(tmp_path: Path, text: str, message: str) -> None:
    """None, two, or one that is wrong."""
    path = tmp_path / "hpa.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        read_scaler(path)
    assert message in str(caught.value)
    assert caught.value.mistakes


def test_no_text(tmp_path: Path) -> None:
    """A file that is no text is said to be none."""
    path = tmp_path / "hpa.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="got a file that is no text; expected a manifest in UTF-8; check the path"):
        read_files([path])


def test_no_pyyaml(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra."""
    monkeypatch.setattr("pytest_cio_load.pipeline.opening.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"run: pip install 'pytest-cio-load\[k8s\]'"):
        read("kind: Service\n")
