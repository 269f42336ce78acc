"""What the autoscaler sees of the pipeline, and how late."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pytest_cio_load.scaling.hpa.metric import ExternalMetric, Metric, ObjectMetric, PodsMetric, ResourceMetric, Target, TargetKind
from pytest_cio_load.scaling.hpa.pods import PodState, Sample
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.run import Samples
from pytest_cio_load.scaling.model.seen import MEMORY_USED, Meaning, Seen, meaning_of, requests_of

ONE = Target(TargetKind.AVERAGE_VALUE, Fraction(1))
PERCENT = Target(TargetKind.UTILIZATION, Fraction(70))

PODS = [PodState("old"), PodState("new", ready_changed=45.0), PodState("starting", ready=False)]
PIPELINE = Pipeline(scrape=15, adapter=5, cpu_per_job=0.0125)


@pytest.fixture
def samples() -> Samples:
    """A minute: the depth is the number of the second, half of that old; 30 served each second by three pods."""
    made = Samples()
    for second in range(60):
        made.depth.append(second)
        made.age.append(second / 2)
        made.served.append(30)
        made.ready.append(3)
    return made


@pytest.mark.parametrize(
    ("metric", "reading"),
    [
        (ExternalMetric("cio_queue_depth", ONE), 39),
        (ObjectMetric("cio_queue_depth", ONE), 39),
        (ExternalMetric("cio_queue_age", ONE), 19.5),
        (ExternalMetric("cio_queue_age_ms", ONE), 19_500),
        (ExternalMetric("jobs_per_second", ONE), 30),
        (PodsMetric("cio_queue_depth", ONE), {"old": 39}),
        (PodsMetric("jobs_per_second", ONE), {"old": 10}),
        (ResourceMetric("cpu", PERCENT), {"old": Sample(0.125, 40, 15)}),
        (ResourceMetric("memory", PERCENT), {"old": MEMORY_USED}),
    ],
)
def test_readings_at_60_s(samples: Samples, metric: Metric, reading: object) -> None:
    """They are those of the second that ended at 40 s; a pod that was not ready then has none."""
    assert Seen([metric], PIPELINE, samples, {}).readings(60, PODS) == {metric.key: reading}


@pytest.mark.parametrize("metric", [ExternalMetric("cio_queue_depth", ONE), ExternalMetric("jobs_per_second", ONE)])
def test_before_the_beginning_there_was_nothing(samples: Samples, metric: Metric) -> None:
    """What is read in the first seconds is older than the run."""
    assert Seen([metric], PIPELINE, samples, {}).readings(20, PODS) == {metric.key: 0}


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("cio_queue_depth", Meaning.DEPTH),
        ("cio_queue_backlog", Meaning.DEPTH),
        ("bull:cio-events:wait", Meaning.DEPTH),
        ("prometheus", Meaning.DEPTH),
        ("s0-redis", Meaning.DEPTH),
        ("kafka_consumergroup_lag", Meaning.DEPTH),
        ("cio_queue_oldest_age_seconds", Meaning.AGE),
        ("queue_latency", Meaning.AGE),
        ("jobs_processed_total", Meaning.SERVED),
        ("worker_throughput", Meaning.SERVED),
    ],
)
def test_what_names_say(name: str, meaning: Meaning) -> None:
    """As people and tools name them."""
    assert meaning_of(ExternalMetric(name, ONE), {}) is meaning


def test_what_somebody_says_wins() -> None:
    """Over what the name suggests."""
    assert meaning_of(ExternalMetric("cio_queue_depth", ONE), {"cio_queue_depth": "age"}) is Meaning.AGE


def test_what_a_pod_requests() -> None:
    """Of one container as of the pod: there is only one."""
    metrics = [ResourceMetric("cpu", PERCENT, "worker"), ResourceMetric("memory", PERCENT), ExternalMetric("depth", ONE)]
    assert requests_of(metrics, Pipeline(cpu_request=0.5)) == {"cpu": 0.5, "memory": 256 * 2**20, "cpu@worker": 0.5}
