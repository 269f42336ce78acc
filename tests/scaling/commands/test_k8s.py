"""``cio-load k8s worker``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Run = Callable[..., int]
Caught = pytest.CaptureFixture[str]
NOT_LIVE = "cio-load k8s: without --live the worker refuses to send to Customer.io, and ends at once\n"


def printed(text: str) -> dict[str, Any]:
    """The manifests in a stream, by kind."""
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def test_printed(run: Run, capsys: Caught) -> None:
    """A stream for kubectl, without what only kustomize reads."""
    assert run("k8s", "worker", "--image", "w:1", "--live") == 0
    out, err = capsys.readouterr()
    kinds = ["Deployment", "HorizontalPodAutoscaler", "PrometheusRule", "PodDisruptionBudget", "Service", "ServiceMonitor"]
    assert list(printed(out)) == kinds
    assert err == ""


def test_without_live(run: Run, capsys: Caught) -> None:
    """It is said what the worker will do."""
    assert run("k8s", "worker", "--image", "w:1") == 0
    assert capsys.readouterr().err == NOT_LIVE


def test_as_planned(run: Run, capsys: Caught) -> None:
    """With a volume, the plan's numbers are those of the manifests."""
    assert run("k8s", "worker", "--image", "w:1", "--daily", "5M", "--live") == 0
    made = printed(capsys.readouterr().out)
    spec = made["HorizontalPodAutoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 4)
    assert spec["metrics"][0]["external"]["target"] == {"type": "AverageValue", "averageValue": "75000"}
    (container,) = made["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"] == "450m"
    assert container["args"][container["args"].index("--batch") + 1] == "50"


@pytest.mark.parametrize(
    ("arguments", "replicas"),
    [
        ("", (2, 2)),
        ("--min 3", (3, 3)),
        ("--max 5", (2, 5)),
        ("--max 1", (1, 1)),
        ("--min 3 --max 7", (3, 7)),
        ("--daily 5M --min 9", (9, 9)),
    ],
)
def test_replicas(run: Run, capsys: Caught, arguments: str, replicas: tuple[int, int]) -> None:
    """As asked for, then as planned, then two."""
    assert run("k8s", "worker", "--image", "w:1", *arguments.split()) == 0
    spec = printed(capsys.readouterr().out)["HorizontalPodAutoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == replicas


def test_every_argument(run: Run, capsys: Caught) -> None:
    """Counts."""
    given = (
        "--name crm --namespace mail --queue-url-secret a:b --credentials-secret c --queue q --shards 4 --scaler keda "
        "--prometheus http://p:1 --min 1 --max 3 --depth-per-pod 70 --timeout 20s --cpu 1 --memory 1Gi --region eu --live "
        "--limit 50 --concurrency 30 --batch 5"
    )
    assert run("k8s", "worker", "--image", "w:1", *given.split()) == 0
    made = printed(capsys.readouterr().out)
    assert {each["metadata"]["name"] for each in made.values()} == {"crm"}
    assert {each["metadata"]["namespace"] for each in made.values()} == {"mail"}
    scaled = made["ScaledObject"]["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 3)
    assert scaled["triggers"][0]["metadata"]["serverAddress"] == "http://p:1"
    assert scaled["triggers"][0]["metadata"]["threshold"] == "70"
    pod = made["Deployment"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 50
    (container,) = pod["containers"]
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "a", "key": "b"}
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    assert " ".join(container["args"]).startswith("--queue q --shards 4 --concurrency 30 --batch 5 --rate 50/s --region eu --grace 35s")


def test_written(run: Run, tmp_path: Path, capsys: Caught) -> None:
    """As files for kustomize, whose paths are printed."""
    assert run("k8s", "worker", "--image", "w:1", "--live", "--out", tmp_path / "k8s") == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "k8s" / name) for name in NAMES]
    assert yaml.safe_load((tmp_path / "k8s" / "kustomization.yaml").read_text(encoding="utf-8"))["resources"] == NAMES[:-1]


def test_pods_that_come_and_go(run: Run, capsys: Caught) -> None:
    """Are said to whoever asks for a minimum that the peak is too much for."""
    given = ("k8s", "worker", "--image", "w:1", "--live", "--daily", "6.48M", "--batch", "1")
    for more, warned in (((), True), (("--min", "3"), True), (("--min", "4"), False), (("--max", "3"), False)):
        assert run(*given, *more) == 0
        assert ("pods come and go" in capsys.readouterr().err) is warned
    run(*given)
    said = "cio-load k8s: min 2: a peak keeps ⌈300/s / 83.33/s⌉ = 4 pods busy, and in one longer than 5m pods come and go, for the depth"
    assert said in capsys.readouterr().err


NAMES = [
    "deployment.yaml",
    "hpa.yaml",
    "prometheusrule.yaml",
    "poddisruptionbudget.yaml",
    "service.yaml",
    "servicemonitor.yaml",
    "kustomization.yaml",
]
"""Files of a worker."""


def test_what_contradicts_itself(run: Run, capsys: Caught) -> None:
    """Is said to whoever asked for it, beside the manifests."""
    assert run("k8s", "worker", "--image", "w:1", "--scaler", "classic", "--live") == 0
    err = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[2] for line in err] == ["pods-metric-of-a-shared-depth", "cpu-of-waiting-workers"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--image w:1 --min 5 --max 2", "cio-load k8s: min: got 5 with a max of 2; expected at most the max; try --max 5"),
        (
            "--image w:1 --queue-url-secret redis://:hunter2@h:1",
            "cio-load k8s: secret: got what is no reference to one; expected NAME or NAME:KEY",
        ),
        ("--image w:1 --queue cio:events", "cio-load k8s: queue: got 'cio:events'; expected a name without a colon"),
    ],
)
def test_mistakes(run: Run, capsys: Caught, arguments: str, message: str) -> None:
    """One line, and no manifest; nothing of a secret is shown."""
    assert run("k8s", "worker", *arguments.split()) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert (out, "hunter2" in err) == ("", False)


def test_edited_files(run: Run, tmp_path: Path, capsys: Caught) -> None:
    """Are kept, unless they are to be overwritten."""
    (tmp_path / "hpa.yaml").write_text("mine", encoding="utf-8")
    arguments = ("k8s", "worker", "--image", "w:1", "--live", "--out", tmp_path)
    assert run(*arguments) == 2
    assert "try --force" in capsys.readouterr().err
    assert run(*arguments, "--force") == 0
