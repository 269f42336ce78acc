"""The manifests of a worker."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.scaling.manifests.documents import as_yaml, stream, worker_documents, write
from pytest_cio_load.scaling.manifests.reading import Manifests
from pytest_cio_load.scaling.manifests.seen import facts_seen
from pytest_cio_load.scaling.manifests.worker import Scaler, SecretKey, WorkerSpec
from pytest_cio_load.scaling.planner.warnings import contradictions

Worker = Callable[..., WorkerSpec]
COMMON = ["poddisruptionbudget.yaml", "service.yaml", "servicemonitor.yaml", "kustomization.yaml"]
FILES = {
    Scaler.EXTERNAL: ["deployment.yaml", "hpa.yaml", "prometheusrule.yaml", *COMMON],
    Scaler.CLASSIC: ["deployment.yaml", "hpa.yaml", *COMMON],
    Scaler.KEDA: ["deployment.yaml", "scaledobject.yaml", *COMMON],
}


def container(spec: WorkerSpec) -> dict[str, Any]:
    """The only one of its pods."""
    (only,) = worker_documents(spec)["deployment.yaml"]["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize("scaler", list(Scaler))
def test_the_files(worker: Worker, scaler: Scaler) -> None:
    """One autoscaler, never two; the kustomization names every other file."""
    made = worker_documents(worker(scaler=scaler))
    assert list(made) == FILES[scaler]
    assert made["kustomization.yaml"]["resources"] == FILES[scaler][:-1]


@pytest.mark.parametrize("scaler", list(Scaler))
def test_they_read_back(worker: Worker, scaler: Scaler) -> None:
    """As what they were, without an unknown field, an anchor or a mistake."""
    spec = worker(scaler=scaler)
    files = as_yaml(spec)
    assert {name: yaml.safe_load(text) for name, text in files.items()} == worker_documents(spec)
    assert not any(letter in text for text in files.values() for letter in ("&id", "*id"))
    read = Manifests()
    read.read(stream(files), "all.yaml")
    assert [mistake.describe() for mistake in read.mistakes] == []
    assert read.autoscalers[0].hpa is not None
    assert read.autoscalers[0].target == ("Deployment", "cio-worker")


@pytest.mark.parametrize("scaler", [Scaler.EXTERNAL, Scaler.KEDA])
@settings(max_examples=20, deadline=None)
@given(batch=st.integers(1, 1_000), timeout=st.floats(0.1, 300), fewest=st.integers(2, 4), depth=st.integers(1, 10**6))
def test_they_contradict_nothing(scaler: Scaler, batch: int, timeout: float, fewest: int, depth: int) -> None:
    """However they are made, as long as no more pods are asked for than are of use."""
    key = SecretKey("s", "k")
    most = max(fewest, math.ceil(100 * batch / 1_500))
    spec = WorkerSpec("w", "i", key, key, key, fewest, most, depth, batch=batch, timeout=timeout, scaler=scaler)
    read = Manifests()
    read.read(stream(as_yaml(spec)), "all.yaml")
    (facts,) = facts_seen(read, {"rtt": 1.0, "timeout": timeout})
    codes = {found.code for found in contradictions(facts)}
    assert not codes - ({"pods-past-the-limit"} if most > 10 else set())


def test_the_classic_form(worker: Worker) -> None:
    """Has its contradiction, and whoever asked for it is told."""
    read = Manifests()
    read.read(stream(as_yaml(worker(scaler=Scaler.CLASSIC))), "all.yaml")
    (facts,) = facts_seen(read)
    assert {found.code for found in contradictions(facts)} == {"pods-metric-of-a-shared-depth", "cpu-of-waiting-workers"}


@pytest.mark.parametrize(("timeout", "grace", "termination"), [(10.0, 25, 40), (0.5, 15, 30), (59.9, 74, 89)])
def test_the_time_to_end(worker: Worker, timeout: float, grace: int, termination: int) -> None:
    """A pod has longer than its worker, and the worker longer than a job's handler."""
    spec = worker(timeout=timeout)
    assert termination > grace > timeout
    assert worker_documents(spec)["deployment.yaml"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == termination
    said = container(spec)["args"]
    assert said[said.index("--grace") + 1] == {25: "25s", 15: "15s", 74: "1m14s"}[grace]


def test_its_arguments(worker: Worker) -> None:
    """Are those of cio-load worker."""
    said = container(worker(queue="q", shards=3, concurrency=4, batch=50, rate=80.0, region="eu", live=True, port=9000))["args"]
    assert (
        " ".join(said) == "--queue q --shards 3 --concurrency 4 --batch 50 --rate 80/s --region eu --grace 25s --listen 0.0.0.0:9000 --live"
    )


def test_its_arguments_are_taken(worker: Worker) -> None:
    """By the command itself."""
    from pytest_cio_load.pipeline.commands.worker import command

    with command.make_context("worker", container(worker(batch=50, live=True))["args"]) as said:
        values = [said.params[name] for name in ("batch", "grace", "rate", "listen")]
    assert tuple(values) == (50, 25.0, 100.0, "0.0.0.0:9464")


def test_nobody_real_unless_told(worker: Worker) -> None:
    """Real workspaces are meant only where somebody said so."""
    assert "--live" not in container(worker())["args"]


def test_secrets(worker: Worker) -> None:
    """Are referred to, and only so."""
    env = container(worker())["env"]
    assert {each["name"]: each["valueFrom"]["secretKeyRef"] for each in env} == {
        "CIO_QUEUE_URL": {"name": "cio-queue", "key": "url"},
        "CIO_SITE_ID": {"name": "cio-credentials", "key": "site-id"},
        "CIO_TRACK_API_KEY": {"name": "cio-credentials", "key": "track-api-key"},
    }
    assert not any("value" in each for each in env)


@pytest.mark.parametrize(("probe", "path"), [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")])
def test_probes(worker: Worker, probe: str, path: str) -> None:
    """Hit what the worker serves."""
    assert container(worker())[probe]["httpGet"] == {"path": path, "port": "metrics"}


@pytest.mark.parametrize(("file", "field"), [("hpa.yaml", "external"), ("scaledobject.yaml", "triggers")])
def test_the_depth_is_counted_once(worker: Worker, file: str, field: str) -> None:
    """Every pod exports the depth of the one queue: per state the largest counts, never the sum of what pods say."""
    spec = worker(scaler=Scaler.KEDA if field == "triggers" else Scaler.EXTERNAL)
    made = worker_documents(spec)
    if field == "triggers":
        query = made[file]["spec"]["triggers"][0]["metadata"]["query"]
        assert query == 'sum(max by (state) (cio_queue_depth{queue="cio-events",state=~"waiting|prioritized"}))'
    else:
        (rule,) = made["prometheusrule.yaml"]["spec"]["groups"][0]["rules"]
        assert rule["record"] == made[file]["spec"]["metrics"][0]["external"]["metric"]["name"]
        assert "max by (namespace, queue, state) (cio_queue_depth{" in rule["expr"]


def test_the_states_are_those_exported() -> None:
    """Of the metric that the worker exports."""
    from pytest_cio_load.pipeline.engines.engine import State

    assert {"waiting", "prioritized"} <= {state.value for state in State}


@pytest.mark.parametrize("file", FILES[Scaler.EXTERNAL])
def test_a_namespace(worker: Worker, file: str) -> None:
    """Is in every manifest, or in none."""
    there, none = worker_documents(worker(namespace="crm"))[file], worker_documents(worker())[file]
    assert there.get("namespace", there.get("metadata", {}).get("namespace")) == "crm"
    assert "namespace" not in none
    assert "namespace" not in none.get("metadata", {})


def test_selectors_fit(worker: Worker) -> None:
    """Deployment, budget, service and monitor mean the same pods."""
    made = worker_documents(worker())
    labels = made["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    selectors = [made[f"{name}.yaml"]["spec"]["selector"] for name in ("deployment", "poddisruptionbudget", "servicemonitor")]
    assert all(selector["matchLabels"].items() <= labels.items() for selector in selectors)
    assert made["service.yaml"]["spec"]["selector"].items() <= labels.items()


def test_written(worker: Worker, tmp_path: Path) -> None:
    """Into a folder that is made; the same text again changes nothing."""
    files = as_yaml(worker())
    paths = write(files, tmp_path / "a" / "b")
    assert [path.name for path in paths] == list(files)
    assert write(files, tmp_path / "a" / "b") == paths


def test_edited_files_are_kept(worker: Worker, tmp_path: Path) -> None:
    """Unless they are to be overwritten; none is written when one is in the way."""
    (tmp_path / "hpa.yaml").write_text("mine", encoding="utf-8")
    files = as_yaml(worker())
    with pytest.raises(ValueError, match=r"out: got .*hpa.yaml, which has other text in it; expected none, .*; try --force"):
        write(files, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["hpa.yaml"]
    write(files, tmp_path, force=True)
    assert (tmp_path / "hpa.yaml").read_text(encoding="utf-8") == files["hpa.yaml"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "Cio Worker"}, "name: got 'Cio Worker'; expected up to 52 of a-z, 0-9 and -, no - at either end; try cio-worker"),
        ({"name": ""}, "name: got ''; expected up to 52 of a-z, 0-9 and -, no - at either end; try cio-worker"),
        ({"namespace": "-x"}, "namespace: got '-x'; expected up to 52"),
        ({"image": "a b"}, "image: got 'a b'; expected a reference such as registry/worker:1.2; try example.com/cio-worker:1.0"),
        ({"queue": "cio:events"}, "queue: got 'cio:events'; expected a name without a colon"),
        ({"queue": 'a"}'}, "expected up to 63 letters, digits, '-', '_' and '.', as the value of a label; try 'cio-events'"),
        ({"min_replicas": 5}, "min: got 5 with a max of 2; expected at most the max; try --max 5"),
        ({"min_replicas": 0}, "min_replicas: got 0; expected a whole number from 1 to 2147483647; try 1"),
        ({"batch": 1001}, "batch: got 1001; expected a whole number from 1 to 1000; try 1000"),
        ({"port": 70_000}, "port: got 70000; expected a whole number from 1 to 65535; try 65535"),
        ({"rate": 0}, "rate: got 0; expected more than 0; try 100"),
        ({"timeout": 0}, "timeout: got 0; expected more than 0; try 10"),
        ({"cpu": "0"}, "cpu: got 0; expected a quantity above 0; try 250m"),
        ({"memory": "much"}, "quantity: got 'much'; expected a quantity"),
    ],
)
def test_mistakes(worker: Worker, wrong: dict[str, Any], message: str) -> None:
    """What Kubernetes or the worker would refuse is refused here."""
    with pytest.raises(ValueError) as caught:
        worker(**wrong)
    assert message in str(caught.value)


@pytest.mark.parametrize(("text", "name", "key"), [("cio-queue", "cio-queue", "url"), ("a:b.c", "a", "b.c"), (" a ", "a", "url")])
def test_a_reference(text: str, name: str, key: str) -> None:
    """A name, and a key or the usual one."""
    assert SecretKey.read(text, "url") == SecretKey(name, key)


@pytest.mark.parametrize("text", ["redis://:hunter2@host:6379", "", "a:b:c", "A_B"])
def test_no_reference(text: str) -> None:
    """Nothing of it is shown, for it may be the secret."""
    with pytest.raises(ValueError) as caught:
        SecretKey.read(text, "url")
    assert str(caught.value) == "secret: got what is no reference to one; expected NAME or NAME:KEY of a Secret; try cio-queue:url"


def test_no_pyyaml(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra."""
    monkeypatch.setattr("pytest_cio_load.pipeline.opening.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"run: pip install 'pytest-cio-load\[k8s\]'"):
        as_yaml(worker())
