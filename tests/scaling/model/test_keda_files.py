"""A ScaledObject's file replayed: what KEDA does beside the autoscaler that it makes, each expectation worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_cio_load.scaling.hpa.keda import Move, ScaledObject
from pytest_cio_load.scaling.manifests.documents import worker_documents
from pytest_cio_load.scaling.manifests.worker import Scaler, SecretKey, WorkerSpec
from pytest_cio_load.scaling.model.keda_moves import QUERY
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.replay import replay
from pytest_cio_load.scaling.model.run import Run
from pytest_cio_load.targets.scale import ScaleUnderTest, scale_problems

pytest.importorskip("yaml", reason="reading YAML needs pip install 'pytest-cio-load[k8s]'")
from pytest_cio_load.scaling.manifests.reading import read_scaler

ROOMY = Pipeline(workspaces=100, per_pod=10.0, start=10, grace=0, scrape=0, adapter=0)
"""Pods that do 10/s, with nothing else in the way, whose figures are seen at once."""

LIST = "{type: redis, metadata: {listName: 'bull:q:wait', listLength: '100'%s}}"
MORNING = "2m:0,3m:30,15m:0"
"""Nothing, three minutes of 30/s, nothing."""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a ScaledObject with these triggers and whatever else it says."""

    def make(triggers: str = LIST % "", more: str = "maxReplicaCount: 5, cooldownPeriod: 60") -> Path:
        path = tmp_path / "so.yaml"
        head = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: w}\nspec: {\n  scaleTargetRef: {name: w},\n"
        path.write_text(f"{head}  triggers: [{triggers}],\n  {more}\n}}\n", encoding="utf-8")
        return path

    return make


def both(path: Path, traffic: str = MORNING, pipeline: Pipeline = ROOMY) -> tuple[Run, Run]:
    """The run of a file, and that of the autoscaler that KEDA makes of it alone."""
    scaler = read_scaler(path)
    assert isinstance(scaler, ScaledObject)
    meanings = dict.fromkeys(scaler.names, "depth")
    return replay(scaler, traffic, pipeline), replay(scaler.hpa, traffic, pipeline, meanings=meanings)


def moves(run: Run) -> list[tuple[float, int, int]]:
    """When KEDA itself changed the count, from what and to what."""
    return [(poll.at, poll.current, poll.desired) for poll in run.polls if poll.rescaled]


def test_it_sleeps_and_is_woken(write: Write) -> None:
    """0 pods until jobs are there at the poll at 150 s: 30 a second from 120 s on; and again 60 s after the last active poll."""
    run, plain = both(write())
    assert set(run.samples.wanted[:150]) == {0}
    assert set(plain.samples.wanted[:120]) == {1}
    # At the same second the autoscaler finds 900 jobs, of which one pod takes 100.
    assert [(change.current, change.desired) for change in run.changes[:2]] == [(0, 1), (1, 4)]
    woken, slept = moves(run)
    assert woken == (150, 0, 1)
    last = max(poll.at for poll in run.polls if poll.move in (Move.ACTIVE, Move.ACTIVATED))
    # At exactly 60 s the cooldown is not over yet; the next poll is 30 s later.
    assert slept == (last + 90, slept[1], 0)
    assert run.samples.wanted[-1] == 0
    assert min(plain.samples.wanted) == 1
    assert run.pod_hours < plain.pod_hours
    assert run.max_depth > plain.max_depth


def test_how_often_it_is_polled(write: Write) -> None:
    """Is how soon it wakes up: every 5 s, at 125 s."""
    run, _ = both(write(more="maxReplicaCount: 5, pollingInterval: 5"))
    assert moves(run)[0] == (125, 0, 1)


@pytest.mark.parametrize(("cooldown", "sleeps"), [(0, True), (300, True), (1_800, False)])
def test_how_long_it_cools_down(write: Write, cooldown: int, sleeps: bool) -> None:
    """Is how long it stays: not to the end of the run, or past it."""
    run, _ = both(write(more=f"maxReplicaCount: 5, cooldownPeriod: {cooldown}"))
    assert (run.samples.wanted[-1] == 0) is sleeps
    if sleeps:
        last = max(poll.at for poll in run.polls if poll.move in (Move.ACTIVE, Move.ACTIVATED))
        assert moves(run)[-1][0] == last + cooldown + 30


def test_what_it_takes_to_be_active(write: Write) -> None:
    """More than 2,000 jobs: 30 a second from 120 s on are 1,800 at 180 s, and 2,700 at the poll at 210 s."""
    run, plain = both(write(LIST % ", activationListLength: '2000'"))
    assert moves(run)[0] == (210, 0, 1)
    assert plain.changes[0].at < 180


def test_too_little_to_be_active_for(write: Write) -> None:
    """Waits for ever, where the autoscaler alone has a pod for it."""
    run, plain = both(write(LIST % ", activationListLength: '2000'"), "5m:5")
    assert (run.max_pods, run.left) == (0, 1_500)
    assert (plain.max_pods, plain.left) == (1, 0)


def test_idle_pods(write: Write) -> None:
    """None while there is nothing to do, and three at once when there is something."""
    run, plain = both(write(more="minReplicaCount: 3, idleReplicaCount: 0, maxReplicaCount: 5, cooldownPeriod: 60"))
    assert moves(run)[0] == (150, 0, 3)
    assert moves(run)[-1][2] == 0
    assert set(run.samples.wanted) <= {0, 3, 4, 5}
    assert min(plain.samples.wanted) == 3


def test_a_minimum(write: Write) -> None:
    """Is KEDA's too, and then it has no say: both runs are the same but for how late they see the list, which here is not late."""
    run, plain = both(write(more="minReplicaCount: 1, maxReplicaCount: 5"))
    assert moves(run) == []
    assert run.samples.wanted == plain.samples.wanted


def test_the_first_cooldown(write: Write) -> None:
    """Counts from the beginning, where pods run that nothing has been there for."""
    path = write(more="maxReplicaCount: 5, initialCooldownPeriod: 100, advanced: {horizontalPodAutoscalerConfig: {behavior: {}}}")
    run = replay(read_scaler(path), "5m:0", ROOMY, replicas=2)
    assert moves(run)[-1] == (120, moves(run)[-1][1], 0)


def test_a_query_of_the_depth(write: Write) -> None:
    """As the planner's own manifest has it; seen one scrape late, at the poll after the first jobs were scraped."""
    trigger = f"{{type: prometheus, metadata: {{serverAddress: 'http://p', query: '{QUERY}', threshold: '100'}}}}"
    run = replay(read_scaler(write(trigger)), MORNING, Pipeline(workspaces=100, per_pod=10.0, scrape=40))
    assert moves(run)[0] == (180, 0, 1)


def test_pending_entries_wake_nobody(write: Write) -> None:
    """No consumer has been given any while there is none; the lag of the group does."""
    pending = "{type: redis-streams, metadata: {stream: s, consumerGroup: g, pendingEntriesCount: '5'}}"
    lag = pending.replace("pendingEntriesCount", "lagCount")
    assert replay(read_scaler(write(pending)), MORNING, ROOMY).max_pods == 0
    assert replay(read_scaler(write(lag)), MORNING, ROOMY).max_pods == 5


def test_kafka_and_its_partitions(write: Write) -> None:
    """No more pods than partitions, which the autoscaler alone knows nothing of."""
    path = write("{type: kafka, metadata: {topic: t, lagThreshold: '10'}}", "maxReplicaCount: 20")
    run, plain = both(path, "10m:100,10m:0", Pipeline(workspaces=100, per_pod=10.0, partitions=4))
    assert (run.max_pods, plain.max_pods) == (4, 20)


def test_cpu_and_memory(write: Write) -> None:
    """Are read by the autoscaler: pods that compute all the time are too few."""
    path = write("{type: cpu, metricType: Utilization, metadata: {value: '50'}}", "minReplicaCount: 1, maxReplicaCount: 5")
    busy = Pipeline(workspaces=100, per_pod=10.0, cpu_request=0.25, cpu_per_job=0.025)
    run, plain = both(path, "20m:10", busy)
    assert run.max_pods == 2
    assert run.samples.wanted == plain.samples.wanted


def test_what_cannot_be_replayed(write: Write) -> None:
    """Is said, and the autoscaler of the others is replayed, which never sleeps."""
    run = replay(read_scaler(write(f"{LIST % ''}, {{type: cron, metadata: {{}}}}")), MORNING, ROOMY)
    assert run.warnings[0].code == "not-replayed"
    assert run.warnings[0].arithmetic.startswith(
        "type: cron cannot be replayed: this is what the HorizontalPodAutoscaler that KEDA makes of"
    )
    assert min(run.samples.wanted) == 1
    assert moves(run) == []


def test_the_warnings_of_a_scaled_object(write: Write) -> None:
    """What it asks is looked at as well."""
    found = {warning.code for warning in replay(read_scaler(write()), MORNING, ROOMY).warnings}
    assert "list-without-some-jobs" in found


def test_in_a_test(write: Write) -> None:
    """By its path, as any autoscaler."""
    path = write()
    run = ScaleUnderTest(path.parent).replay(path.name, traffic=MORNING, workspaces=100, per_pod=10)
    assert run.samples.wanted[0] == 0
    assert scale_problems({"hpa": path.name, "traffic": MORNING, "flaps": 0}, root=path.parent) == []


def test_a_query_that_says_nothing_in_a_test(write: Write) -> None:
    """Is a problem of the marker, until somebody says what it means."""
    path = write("{type: prometheus, metadata: {serverAddress: 'http://p', query: 'sum(mine)', threshold: '100'}}")
    said = {"hpa": path, "traffic": MORNING, "flaps": 0}
    (problem,) = scale_problems(said)
    assert "say what it means: s0-prometheus=depth" in problem.describe()
    assert scale_problems({**said, "meanings": {"mine": "depth"}}) == []


@pytest.mark.parametrize("low", [2, 3])
def test_the_planners_own_manifest(tmp_path: Path, low: int) -> None:
    """Is replayed as what it is."""
    import yaml

    key = SecretKey("s", "k")
    spec = WorkerSpec("w", "i", key, key, key, low, 5, scaler=Scaler.KEDA)
    (tmp_path / "so.yaml").write_text(yaml.safe_dump(worker_documents(spec)["scaledobject.yaml"]), encoding="utf-8")
    scaler = read_scaler(tmp_path / "so.yaml")
    assert isinstance(scaler, ScaledObject)
    assert (scaler.min_replica_count, scaler.polling_interval, scaler.triggers[0].target.value) == (low, 15, 1_000)
    assert replay(scaler, "10m:50").max_depth == 0
