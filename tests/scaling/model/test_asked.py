"""What KEDA finds when it asks, and what its triggers mean."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.metric import Target, TargetKind
from pytest_cio_load.scaling.hpa.pods import PodState, Sample
from pytest_cio_load.scaling.hpa.triggers import (
    Entries,
    KafkaTrigger,
    PrometheusTrigger,
    RedisStreamsTrigger,
    RedisTrigger,
    ResourceTrigger,
    Trigger,
)
from pytest_cio_load.scaling.model.asked import Asked, metrics_of, trigger_meaning
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.run import Samples
from pytest_cio_load.scaling.model.seen import MEMORY_USED, Meaning

PODS = [PodState("old"), PodState("new", ready_changed=45.0), PodState("starting", ready=False)]
PIPELINE = Pipeline(scrape=15, adapter=5, cpu_per_job=0.0125)
DEPTH = 'sum(max by (state) (cio_queue_depth{queue="q",state=~"waiting|prioritized"}))'


def asks(query: str) -> PrometheusTrigger:
    """One with that query."""
    return PrometheusTrigger(10, source=query)


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
    ("trigger", "reading"),
    [
        (PrometheusTrigger(10), 44),
        (asks(DEPTH), 44),
        (asks("max(cio_queue_oldest_age_seconds)"), 22),
        (asks("max(queue_age_ms)"), 22_000),
        (asks("sum(rate(jobs_processed_total[1m]))"), 30),
        (asks("sum(cio_queue_depth)"), 132),
        (RedisTrigger(10, source="bull:q:wait"), 59),
        (RedisTrigger(10, source="mails"), 59),
        (RedisStreamsTrigger(10), 59),
        (RedisStreamsTrigger(10, entries=Entries.LENGTH), 59),
        (RedisStreamsTrigger(10, entries=Entries.PENDING), 4),
        (KafkaTrigger(10), [8, 8, 8, 7, 7, 7, 7, 7]),
        (ResourceTrigger("cpu", Target(TargetKind.UTILIZATION, Fraction(70))), {"old": Sample(0.125, 40, 15)}),
        (ResourceTrigger("memory", Target(TargetKind.UTILIZATION, Fraction(70))), {"old": MEMORY_USED}),
    ],
)
def test_what_keda_finds_at_60_s(samples: Samples, trigger: Trigger, reading: object) -> None:
    """Prometheus knows what it scraped 15 s ago, from each of three pods where it sums them; a queue itself is up to date.

    Kafka's lag is spread over its partitions. Pending are those under way: 30/s, each for 120 ms. What pods use goes through the adapter.
    """
    scaled = ScaledObject((trigger,), min_replica_count=1)
    (name,) = scaled.names
    assert Asked(scaled, PIPELINE, samples, {}).readings(60, PODS) == {name: reading}


@pytest.mark.parametrize("trigger", [asks(DEPTH), asks("sum(cio_queue_depth)"), RedisTrigger(10)])
def test_before_the_beginning_there_was_nothing(samples: Samples, trigger: Trigger) -> None:
    """What is read in the first seconds is older than the run."""
    scaled = ScaledObject((trigger,))
    assert Asked(scaled, PIPELINE, samples, {}).readings(0, PODS) == {scaled.names[0]: 0}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (DEPTH, ("cio_queue_depth",)),
        ("a_total", ("a_total",)),
        ("sum(rate(jobs_done_total[5m] offset 1h)) / 2e3", ("jobs_done_total",)),
        ('x{y="max(z)"} and on(q) u', ("x", "u")),
        ("sum without (pod) (depth) or vector(0) > bool 1", ("depth",)),
        ("queue:depth:sum", ("queue:depth:sum",)),
        ("histogram_quantile(0.95, sum by (le) (rate(job_latency_bucket[5m])))", ("job_latency_bucket",)),
        ("a + a # b", ("a",)),
        ("", ()),
    ],
)
def test_the_metrics_of_a_query(query: str, names: tuple[str, ...]) -> None:
    """Neither functions, nor labels and their values, nor words of the language."""
    assert metrics_of(query) == names


@given(st.text())
def test_any_query(query: str) -> None:
    """Has some or none."""
    assert len(set(metrics_of(query))) == len(metrics_of(query))


@pytest.mark.parametrize(
    ("trigger", "said", "meaning"),
    [
        (asks(DEPTH), {}, Meaning.DEPTH),
        (asks("kafka_consumergroup_lag"), {}, Meaning.DEPTH),
        (asks("histogram_quantile(0.95, sum by (le) (rate(job_latency_bucket[5m])))"), {}, Meaning.AGE),
        (asks(DEPTH), {"s0-prometheus": "age"}, Meaning.AGE),
        (asks("sum(mine)"), {"mine": "served"}, Meaning.SERVED),
        (asks("sum(mine)"), {"sum(mine)": "depth"}, Meaning.DEPTH),
        (RedisTrigger(5, source="mails"), {}, Meaning.DEPTH),
        (RedisTrigger(5, source="mails"), {"mails": "age"}, Meaning.AGE),
        (KafkaTrigger(5, source="latency"), {}, Meaning.DEPTH),
    ],
)
def test_meanings(trigger: PrometheusTrigger | RedisTrigger | KafkaTrigger, said: dict[str, str], meaning: Meaning) -> None:
    """As said, by the trigger's name or what it asks for; else by its query; what a list or a lag is, is known."""
    assert trigger_meaning(f"s0-{trigger.kind}", trigger, said) is meaning


@pytest.mark.parametrize(
    ("query", "said", "message"),
    [
        ("sum(mine)", {}, "trigger s0-prometheus: got a query that says nothing here, 'sum(mine)'; expected one that tells of the queue"),
        ("cio_queue_depth / cio_queue_rate", {}, "say what it means: s0-prometheus=depth"),
        ("deriv(cio_queue_depth[5m])", {}, "got a query that says nothing here"),
        ("vector(1)", {}, "got a query that says nothing here"),
        ("sum(mine)", {"mine": "deep"}, "meaning of metric mine: got 'deep'; expected one of depth, age, served; did you mean depth?"),
    ],
)
def test_what_says_nothing(query: str, said: dict[str, str], message: str) -> None:
    """Is asked for."""
    with pytest.raises(ValueError) as caught:
        trigger_meaning("s0-prometheus", asks(query), said)
    assert message in str(caught.value)
