"""A queue on Kafka whose brokers do not answer, go, or come back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines.engine import Dead, Delivery, Done, Parcel, State
from pytest_cio_load.pipeline.engines.kafka.consumer import KafkaConsumer
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

pytestmark = pytest.mark.asyncio

Cluster = Any
Jobs = Callable[..., list[Parcel]]
Take = Callable[[KafkaConsumer, int], Awaitable[list[Delivery]]]
Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_nobody_answers(jobs: Jobs) -> None:
    """Storing, joining and looking fail in time, with the address and without a secret."""
    security = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "u", "sasl.password": "hunter2"}
    engine = KafkaEngine("127.0.0.1:9", "q", connect_timeout=1.0, security=security)
    for attempt in (engine.put(jobs("a-0")), engine.consumer("w").start(), engine.depth()):
        with pytest.raises(QueueUnavailable, match=r"^Kafka at 127\.0\.0\.1:9: got .* while .*; expected an answer; start") as caught:
            await attempt
        assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(engine)
    assert "hunter2" not in repr(engine.link)
    assert engine.link.hide("bad password hunter2") == "bad password …"
    await engine.aclose()


async def opened(cluster: Cluster, **settings: Any) -> tuple[KafkaEngine, KafkaConsumer]:
    """A queue and a worker's hold on it."""
    name = cluster.queue()
    settings = {"session_timeout": 60.0, "connect_timeout": 2.0, **settings}
    engine = KafkaEngine(cluster.bootstrap, name, group=name, **settings)
    consumer = engine.consumer("w")
    await consumer.start()
    return engine, consumer


async def is_told(consumer: KafkaConsumer) -> bool:
    """Whether taking says that the queue cannot be reached."""
    try:
        await consumer.take(1, 0.2)
    except QueueUnavailable as error:
        return "while waiting for jobs" in str(error)
    return False


async def test_brokers_that_go(own_cluster: Cluster, take: Take, until: Until, jobs: Jobs) -> None:
    """In mid-run: taking and storing say so, and leaving ends all the same."""
    engine, consumer = await opened(own_cluster)
    await engine.put(jobs("a-0"))
    (job,) = await take(consumer, 1)
    own_cluster.down()
    with pytest.raises(QueueUnavailable, match=r"1 of 1 not written"):
        await engine.put(jobs("a-1"))
    with pytest.raises(QueueUnavailable, match="moving jobs to another topic"):
        await consumer.settle([Dead(job, "bad", 1)])
    await until(lambda: is_told(consumer))
    await consumer.close()
    await engine.aclose()


async def test_brokers_that_come_back(own_cluster: Cluster, take: Take, until: Until, jobs: Jobs) -> None:
    """Storing, taking and settling go on where they were; the same settlement may be given again."""
    engine, consumer = await opened(own_cluster)
    await engine.put(jobs("a-0", "b-0", "c-0"))
    bad, fine, _ = await take(consumer, 3)
    own_cluster.down()
    settlements = [Dead(bad, "bad", 1), Done(fine, 0.1)]
    with pytest.raises(QueueUnavailable):
        await consumer.settle(settlements)
    await until(lambda: is_told(consumer))
    own_cluster.up()

    async def settles() -> bool:
        try:
            await consumer.settle(settlements)
        except QueueUnavailable:
            return False
        return True

    await until(settles)
    await engine.put(jobs("d-0"))
    (later,) = await take(consumer, 1)
    assert later.id == "d-0"
    assert [letter.id for letter in await engine.dead_letters()] == [bad.id]
    assert (await engine.totals()).done == 1
    await consumer.close()
    await engine.aclose()


async def test_what_may_be_somebody_elses_is_not_sent(own_cluster: Cluster, take: Take, until: Until, jobs: Jobs) -> None:
    """No word of the group for most of a session: nothing is held, nothing put aside, nothing given out; later it is, in order."""
    engine, consumer = await opened(own_cluster, session_timeout=3.0)
    await engine.put(jobs("a-0", "a-1", "b-0"))
    taken = await take(consumer, 3)
    assert all(consumer.holds(each) for each in taken)
    own_cluster.down()
    first = next(each for each in taken if each.id == "a-0")
    await until(lambda: not consumer.holds(first))
    own_cluster.up()
    again = await take(consumer, 2)
    assert [each.id for each in again] == ["a-0", "a-1"]
    behind = next(each for each in taken if each.id == "a-1")
    assert not consumer.holds(behind), "it went back with the one before it"
    assert all(consumer.holds(each) for each in again)
    await consumer.settle([Done(each, 0.1) for each in again])
    await consumer.close()
    await engine.aclose()


async def test_a_producer_that_may_write_no_more(own_cluster: Cluster, jobs: Jobs) -> None:
    """A fatal error ends it: what was to be written is not, and says why; the next one begins anew."""
    engine, consumer = await opened(own_cluster)
    own_cluster.refuse(22, 31)
    with pytest.raises(QueueUnavailable, match="1 of 1 not written"):
        await engine.put(jobs("a-0"))
    await engine.put(jobs("a-1"))
    assert (await engine.depth())[State.WAITING] == 1
    await consumer.close()
    await engine.aclose()
