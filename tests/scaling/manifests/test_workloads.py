"""What can be seen of a worker in its Deployment, its ConfigMaps and its monitor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.manifests.hints import meaning_of
from pytest_cio_load.scaling.manifests.reading import Manifests
from pytest_cio_load.scaling.manifests.seen import facts_seen
from pytest_cio_load.scaling.planner.facts import Facts
from pytest_cio_load.scaling.planner.warnings import contradictions

Read = Callable[..., Manifests]


def deployment(container: str, *, name: str = "cio-event-worker", pod: str = "") -> str:
    """A Deployment with one container, in line 7, written as flow YAML."""
    lines = [
        "apiVersion: apps/v1",
        "kind: Deployment",
        f"metadata: {{name: {name}}}",
        "spec:",
        "  template:",
        f"    spec: {{{pod}",
        f"      containers: [{{{container}}}]}}",
    ]
    return "\n".join(lines) + "\n"


def facts(read: Manifests, **told: Any) -> Facts:
    """Of the only worker there is."""
    assert [mistake.describe() for mistake in read.mistakes] == []
    (found,) = facts_seen(read, told)
    return found


SEED = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
spec:
  scaleTargetRef: {kind: Deployment, name: cio-event-worker}
  maxReplicas: 20
  metrics:
    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}
    - {type: Pods, pods: {metric: {name: cio_queue_depth}, target: {type: AverageValue, averageValue: 500}}}
  behavior: {scaleUp: {stabilizationWindowSeconds: 60, policies: [{type: Pods, value: 4, periodSeconds: 60}]}}
"""
"""An autoscaler with many a contradiction."""

ARGUMENTS = "command: [cio-load, worker], args: [%s]"


@pytest.mark.parametrize(
    ("container", "known"),
    [
        (
            ARGUMENTS % "",
            {"concurrency": 10, "batch": 1, "shards": 8, "grace": 25.0, "timeout": 10.0, "pauses": True, "shared_limiter": True},
        ),
        (
            ARGUMENTS % "--concurrency, '20', --batch=50, --shards, '1', --workers, '4'",
            {"concurrency": 20, "batch": 50, "shards": 1, "processes": 4},
        ),
        (ARGUMENTS % "--batch, --queue, other, --rate, 80/s", {"batch": 1000, "queue": "other", "limit": 80.0}),
        (ARGUMENTS % "--grace, 1m, --attempts, '7', --backoff, '3'", {"grace": 60.0, "attempts": 7, "backoff": 3.0}),
        (ARGUMENTS % "--queue-url, 'kafka://k:9092'", {"shared_limiter": False}),
        (ARGUMENTS % "--queue-url, 'kafka://k:9092', --limiter-url, 'redis://r:6379'", {"shared_limiter": True}),
        ("command: [sh, -c, 'exec /usr/bin/cio-load worker --batch 20']", {"batch": 20, "concurrency": 10}),
        ('command: [sh, -c, "it\'s cio-load worker"]', {"concurrency": None}),
        ("command: [node, worker.js]", {"concurrency": None, "shared_limiter": None}),
        (ARGUMENTS % "--concurrency, many", {"concurrency": 10}),
        ("resources: {requests: {cpu: 250m}}", {"cpu_request": 0.25}),
        ("resources: {requests: {cpu: lots}}", {"cpu_request": None}),
        ("env: [{name: CIO_CONCURRENCY, value: '12'}]", {"concurrency": 12}),
        ("env: [{name: LIMITER_RESERVOIR, value: '80'}]", {"reservoir": 80.0, "shared_limiter": False}),
        (
            "env: [{name: LIMITER_RESERVOIR, value: '80'}, {name: LIMITER_DATASTORE, value: redis}]",
            {"reservoir": 80.0, "shared_limiter": True},
        ),
    ],
)
def test_a_container(read: Read, container: str, known: dict[str, object]) -> None:
    """Its arguments, its environment, what it requests; our worker's defaults where it is our worker."""
    found = facts(read(deployment(container)))
    assert {name: getattr(found, name) for name in known} == known


@pytest.mark.parametrize(
    ("variable", "text", "fact", "value"),
    [
        ("MAX_CONCURRENT", "15", "max_concurrent", 15),
        ("BOTTLENECK_MAX_CONCURRENT", "15", "max_concurrent", 15),
        ("WORKER_CONCURRENCY", "10", "concurrency", 10),
        ("RESERVOIR_REFRESH_INTERVAL", "1000", "refill", 1.0),
        ("RESERVOIR_REFRESH_AMOUNT", "80", "reservoir", 80.0),
        ("CIO_RATE_LIMIT", "80/s", "pace", 80.0),
        ("LIMITER_MODE", "local", "shared_limiter", False),
        ("CIO_QUEUE_NAME", "cio:events", "queue", "cio:events"),
        ("JOB_ATTEMPTS", "5", "attempts", 5),
        ("BACKOFF_DELAY", "2000", "backoff", 2.0),
        ("BACKOFF", "2s", "backoff", 2.0),
        ("LOCK_DURATION", "30000", "lock", 30.0),
        ("STALLED_INTERVAL_MS", "30000", "stalled", 30.0),
        ("JOB_TIMEOUT_MS", "15000", "timeout", 15.0),
        ("SHUTDOWN_GRACE", "5s", "grace", 5.0),
        ("BATCH_SIZE", "50", "batch", 50),
        ("QUEUE_SHARDS", "4", "shards", 4),
    ],
)
def test_a_variable(variable: str, text: str, fact: str, value: object) -> None:
    """Means something by its name, whatever its prefix; bare times are milliseconds."""
    hint = meaning_of(variable)
    assert hint is not None
    assert (hint.fact, hint.read(text)) == (fact, value)


@pytest.mark.parametrize("variable", ["CIO_QUEUE_URL", "CIO_TRACK_API_KEY", "NODE_ENV", "PORT"])
def test_a_variable_of_no_meaning(variable: str) -> None:
    """Is passed over."""
    assert meaning_of(variable) is None


def test_a_scope_that_is_none() -> None:
    """Is no fact."""
    hint = meaning_of("LIMITER_SCOPE")
    assert hint is not None
    with pytest.raises(ValueError, match="scope: got 'here'; expected local or redis; try redis"):
        hint.read("here")


def test_a_variable_that_cannot_be_read(read: Read) -> None:
    """Is no fact and no mistake, and nothing of it is shown."""
    found = read(deployment("env: [{name: JOB_ATTEMPTS, value: secret}, {name: RESERVOIR, value: true}, {name: BACKOFF, value: 1 day}]"))
    assert (facts(found).attempts, facts(found).reservoir, facts(found).backoff) == (None, None, None)


@pytest.mark.parametrize(("variable", "text"), [("CONCURRENCY", "0"), ("BATCH_SIZE", "-1"), ("RATE_LIMIT", "nan"), ("RESERVOIR", "0")])
def test_a_number_that_cannot_be(read: Read, variable: str, text: str) -> None:
    """Is no fact."""
    hint = meaning_of(variable)
    assert hint is not None
    with pytest.raises(ValueError, match=r"got .*expected"):
        hint.read(text)
    assert getattr(facts(read(deployment(f"env: [{{name: {variable}, value: '{text}'}}]"))), hint.fact) is None


NAMES = ["CONCURRENCY", "MAX_CONCURRENT", "RESERVOIR", "REFRESH_INTERVAL", "LIMITER_MODE", "RATE_LIMIT", "BATCH_SIZE", "QUEUE", "ATTEMPTS"]
NAMES += ["BACKOFF", "LOCK_DURATION", "STALLED_INTERVAL", "JOB_TIMEOUT", "SHUTDOWN_GRACE", "SHARDS"]
VALUES = st.sampled_from(["0", "1", "-1", "80", "80/s", "1e9", "999999999", "local", "redis", "0.5", "2s", "nan", "inf", "a:b", ""])


@given(st.dictionaries(st.sampled_from(NAMES), VALUES), st.sampled_from(["0", "1", "250m", "-1", "1e99", "true"]))
def test_whatever_the_variables_hold(variables: dict[str, str], cpu: str) -> None:
    """The rules can be asked."""
    env = ", ".join(f"{{name: {name}, value: '{value}'}}" for name, value in variables.items())
    read = Manifests()
    read.read(f"{SEED}---\n{deployment(f'env: [{env}], resources: {{requests: {{cpu: {cpu}}}}}')}", "x.yaml")
    for found in facts_seen(read, {"arrival": 300.0, "daily": 5e6}):
        assert all(warning.arithmetic and warning.remedy for warning in contradictions(found))


def test_a_config_map(read: Read) -> None:
    """Of the worker that names it, and no other; what the worker says itself wins."""
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata:\n  JOB_ATTEMPTS: '%s'\n  CONCURRENCY: '3'\n"
    worker = deployment("envFrom: [{configMapRef: {name: mine}}], env: [{name: CONCURRENCY, value: '9'}]")
    found = facts(read(worker, config % ("others", 1) + "---\n" + config % ("mine", 5)))
    assert (found.attempts, found.concurrency) == (5, 9)
    assert str(found.places["attempts"]) == "b.yaml:12"


def test_a_key_of_a_config_map(read: Read) -> None:
    """Counts as naming it."""
    worker = deployment("env: [{name: X, valueFrom: {configMapKeyRef: {name: mine, key: JOB_ATTEMPTS}}}]")
    assert facts(read(worker, "kind: ConfigMap\nmetadata: {name: mine}\ndata: {JOB_ATTEMPTS: '4'}\n")).attempts == 4


@pytest.mark.parametrize(("pod", "seconds", "line"), [("terminationGracePeriodSeconds: 75,", 75.0, 6), ("", 30.0, 6)])
def test_the_time_to_end(read: Read, pod: str, seconds: float, line: int) -> None:
    """As the pod says, or 30 s."""
    found = facts(read(deployment("name: w", pod=pod)))
    assert (found.termination, found.places["termination"].line) == (seconds, line)


def test_replicas_without_an_autoscaler(read: Read) -> None:
    """Are the fewest and the most."""
    found = facts(read(deployment("name: w").replace("spec:\n  template", "spec:\n  replicas: 3\n  template")))
    assert (found.min_replicas, found.max_replicas) == (3, 3)


def test_an_autoscaler_and_its_worker(read: Read, seed: str) -> None:
    """Are looked at together, by the name of what is scaled; another worker by itself."""
    found = list(facts_seen(read(seed, deployment(ARGUMENTS % ""), deployment(ARGUMENTS % "", name="other"))))
    assert [(each.max_replicas, each.concurrency) for each in found] == [(20, 10), (None, 10)]


def test_what_somebody_states(read: Read) -> None:
    """Wins over what manifests say."""
    found = facts(read(deployment(ARGUMENTS % "--rate, 80/s")), limit=300.0, arrival=None)
    assert (found.limit, found.arrival) == (300.0, None)


@pytest.mark.parametrize(("kind", "name"), [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")])
def test_a_monitor(read: Read, kind: str, name: str) -> None:
    """Says how often the figures are looked at: the shortest counts."""
    found = read(deployment("name: w"), f"kind: {kind}\nspec:\n  {name}:\n    - interval: 1m\n    - interval: 15s\n    - port: x\n")
    assert facts(found).scrape == 15.0


def test_a_monitor_that_is_wrong(read: Read) -> None:
    """Is a mistake, with its line."""
    (mistake,) = read("kind: ServiceMonitor\nspec:\n  endpoints:\n    - interval: often\n").mistakes
    assert mistake.describe() == "a.yaml:4: spec.endpoints[0].interval: got 'often'; expected a duration above 0 such as 15s"


def test_the_seed_as_it_would_be_run(read: Read, seed: str) -> None:
    """Every contradiction of the design that this product came from, each with the line it stands in."""
    worker = deployment("envFrom: [{configMapRef: {name: cio}}]", pod="terminationGracePeriodSeconds: 10,")
    variables = {
        "CIO_QUEUE": "cio:events",
        "CONCURRENCY": 10,
        "MAX_CONCURRENT": 15,
        "RESERVOIR": 80,
        "RESERVOIR_REFRESH_INTERVAL": 1000,
        "ATTEMPTS": 5,
        "BACKOFF_DELAY": 2000,
        "JOB_TIMEOUT": 15000,
        "SHARDS": 1,
    }
    config = "kind: ConfigMap\nmetadata: {name: cio}\ndata:\n" + "".join(f"  {name}: '{value}'\n" for name, value in variables.items())
    (found,) = facts_seen(read(seed, worker, config), {"daily": 5_000_000.0, "peak": 5.0, "arrival": 300.0})
    assert {warning.code: str(warning.where) for warning in contradictions(found)} == {
        "pods-past-the-limit": "a.yaml:11",
        "limiter-per-process": "c.yaml:7",
        "double-burst": "c.yaml:7",
        "volume-past-a-workspace": "None",
        "pods-metric-of-a-shared-depth": "a.yaml:19",
        "cpu-of-waiting-workers": "a.yaml:13",
        "concurrency-out-of-reach": "c.yaml:6",
        "retries-shorter-than-an-outage": "c.yaml:9",
        "late-reaction": "a.yaml:27",
        "colon-in-the-queue-name": "c.yaml:4",
        "killed-before-its-time": "b.yaml:6",
        "order-not-kept": "c.yaml:12",
        "remedies-in-sum": "a.yaml:11",
    }
