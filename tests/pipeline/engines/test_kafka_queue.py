"""A queue on Kafka, against librdkafka's own cluster on real sockets."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from uuid import uuid4

import pytest
import pytest_asyncio
from confluent_kafka import Producer

from pytest_cio_load.errors import InvalidOperation, QueueMismatch, QueueUnavailable
from pytest_cio_load.pipeline.engines.engine import Again, Back, Dead, Delivery, Done, Parcel, State
from pytest_cio_load.pipeline.engines.kafka.consumer import KafkaConsumer
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

pytestmark = pytest.mark.asyncio

PATIENCE = 60.0


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """A cluster; it ends with the handle."""
    cluster = Producer({"bootstrap.servers": "none:1", "test.mock.num.brokers": 1, "log_level": 0})
    yield ",".join(f"{each.host}:{each.port}" for each in cluster.list_topics(timeout=30).brokers.values())
    cluster.flush(0)


def topics(brokers: str) -> str:
    """A queue's topics, made by asking for them, which is all that this cluster can do; the queue's name."""
    name = f"q{uuid4().hex[:12]}"
    asking = Producer({"bootstrap.servers": brokers, "log_level": 0})
    for topic in (name, f"{name}.retry", f"{name}.dead"):
        asking.list_topics(topic, timeout=30)
    return name


@pytest_asyncio.fixture
async def engine(brokers: str) -> AsyncIterator[KafkaEngine]:
    """An engine with a queue, and a group, of its own."""
    name = topics(brokers)
    made = KafkaEngine(brokers, name, group=name, session_timeout=3.0, connect_timeout=30.0)
    yield made
    await made.aclose()


@pytest_asyncio.fixture
async def consumer(engine: KafkaEngine) -> AsyncIterator[KafkaConsumer]:
    """A worker's hold."""
    made = engine.consumer("w")
    await made.start()
    yield made
    await made.close()


async def take(consumer: KafkaConsumer, many: int) -> list[Delivery]:
    """That many jobs."""
    found: list[Delivery] = []
    ends = time.monotonic() + PATIENCE
    while len(found) < many:
        assert time.monotonic() < ends, f"got {len(found)} of {many}"
        found += await consumer.take(many - len(found), 1.0)
    return found


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it."""
    ends = time.monotonic() + PATIENCE
    while not await reached():
        assert time.monotonic() < ends, "it did not come to pass"
        await asyncio.sleep(0.05)


def jobs(*ids: str, delay: float = 0.0, data: str = "{}") -> list[Parcel]:
    """Jobs; an id says whose it is."""
    return [Parcel(id, "track", data, id.partition("-")[0], delay, enqueued_at=time.time()) for id in ids]


async def test_what_was_put_is_taken(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """With all that its producer said, and in order per person."""
    await engine.put(jobs(*(f"p{person}-{number}" for number in range(20) for person in range(9)), data='{"é": "\\ud83d"}'))
    taken = await take(consumer, 180)
    assert {(each.name, each.data, each.attempts, each.kills, each.limit) for each in taken} == {("track", '{"é": "\\ud83d"}', 0, 0, None)}
    assert all(abs(each.enqueued_at - time.time()) < 600 for each in taken)
    for person in range(9):
        assert [each.id for each in taken if each.id.startswith(f"p{person}-")] == [f"p{person}-{number}" for number in range(20)]


async def test_what_is_settled_is_not_taken_again(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """Also when what came before it is not: the next worker gets only that."""
    await engine.put(jobs(*(f"a-{number}" for number in range(9))))
    taken = await take(consumer, 9)
    await consumer.settle([Done(each, 0.25) for each in taken if each.id not in ("a-2", "a-5")])
    await consumer.close()
    following = engine.consumer("next")
    await following.start()
    assert [each.id for each in await take(following, 2)] == ["a-2", "a-5"]
    assert await following.take(9, 0.3) == []
    await following.close()
    totals = await engine.totals()
    assert (totals.enqueued, totals.done, totals.latency) == (9, 7, {250000: 7})


async def test_depth_and_age(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """Waiting, delayed, under way, dead: each job in one of them, for its owner and for somebody who only looks."""
    await engine.put([Parcel("a-0", "track", "{}", "a", enqueued_at=time.time() - 500), *jobs("b-0", "c-0", "d-0")])
    await engine.put(jobs("e-0", delay=3600.0))
    assert 499 < await engine.age() < 900
    outside = KafkaEngine(engine.link.bootstrap, engine.name, group=engine.group)
    waits = {State.WAITING: 4, State.DELAYED: 1, State.ACTIVE: 0, State.COMPLETED: 0, State.FAILED: 0, State.PRIORITIZED: 0}
    assert await outside.depth() == await engine.depth() == waits
    taken = await take(consumer, 4)
    assert await engine.depth() == {**waits, State.WAITING: 0, State.ACTIVE: 4}
    await consumer.settle([Done(taken[0], 0.1), Dead(taken[1], "bad", 1)])
    assert await engine.depth() == {**waits, State.WAITING: 0, State.ACTIVE: 2, State.COMPLETED: 1, State.FAILED: 1}

    async def seen() -> bool:
        return (await outside.depth())[State.WAITING] == 2

    await until(seen)
    await consumer.settle([Done(each, 0.1) for each in taken[2:]])
    assert await engine.age() == 0.0
    await outside.aclose()


async def test_a_parked_job_keeps_its_place(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """It comes back with its tries counted, then what was taken after it, then what was stored later; others go on."""
    await engine.put(jobs("a-0", "a-1", "b-0"))
    taken = {each.id: each for each in await take(consumer, 3)}
    await consumer.settle([Again(taken["a-0"], 0.2, "503"), Again(taken["a-1"], 0.0, "")])
    await engine.put(jobs("a-2", "b-1"))
    assert [each.id for each in await take(consumer, 1)] == ["b-1"]
    order = []
    for _ in range(3):
        (each,) = await take(consumer, 1)
        order.append((each.id, each.attempts))
        assert await consumer.take(9, 0.1) == []
        await consumer.settle([Done(each, 0.1)])
    assert order == [("a-0", 1), ("a-1", 0), ("a-2", 0)]
    assert (await engine.totals()).retried == 1


async def test_parked_jobs_outlive_their_worker(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """Who is parked is read before anything else is taken, and tries are remembered."""
    await engine.put(jobs("a-0", "a-1"))
    first, second = await take(consumer, 2)
    await consumer.note_failure(first, 1, "503")
    await consumer.settle([Again(first, 0.0, "503"), Again(second, 0.0, "")])
    await consumer.close()
    await engine.put(jobs("a-2"))
    following = engine.consumer("next")
    await following.start()
    order = []
    for _ in range(3):
        (each,) = await take(following, 1)
        order.append((each.id, each.attempts))
        await following.settle([Done(each, 0.1)])
    assert order == [("a-0", 2), ("a-1", 0), ("a-2", 0)]
    await following.close()


async def test_a_job_that_was_not_tried_goes_back(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """In order, and nothing counts."""
    await engine.put(jobs("a-0", "a-1", "a-2"))
    taken = await take(consumer, 2)
    await consumer.settle([Back(each) for each in reversed(taken)])
    assert [(each.id, each.attempts, each.kills) for each in await take(consumer, 3)] == [("a-0", 0, 0), ("a-1", 0, 0), ("a-2", 0, 0)]


async def test_a_delayed_job_waits(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """It is taken when it is due, and keeps nobody else waiting."""
    began = time.time()
    await engine.put([*jobs("a-1", delay=6.0), *jobs("b-0")])
    for id in ("b-0", "a-1"):
        (each,) = await take(consumer, 1)
        assert each.id == id
        await consumer.settle([Done(each, 0.1)])
    assert time.time() - began >= 6.0


async def test_dead_letters(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """They are listed oldest first, without a person's data in sight; one is replayed, one discarded, each once."""
    await engine.put(jobs("a-0", "b-0", "c-0", data='{"email": "x@example.com"}'))
    taken = sorted(await take(consumer, 3), key=lambda each: each.id)
    for each in taken:
        await consumer.settle([Dead(each, f"400 for {each.id}", 2)])
    letters = await engine.dead_letters()
    assert [(each.id, each.name, each.reason, each.attempts) for each in letters] == [
        ("a-0", "track", "400 for a-0", 2),
        ("b-0", "track", "400 for b-0", 2),
        ("c-0", "track", "400 for c-0", 2),
    ]
    assert "example.com" not in repr(letters)
    assert [each.id for each in await engine.dead_letters(1, 1)] == ["b-0"]
    assert await engine.replay(letters[:1]) == 1
    assert await engine.replay(letters[:1]) == 0
    assert await engine.discard(letters[:2]) == 1
    assert [each.id for each in await engine.dead_letters()] == ["c-0"]
    (again,) = await take(consumer, 1)
    assert (again.id, again.data, again.attempts) == ("a-0", '{"email": "x@example.com"}', 0)


async def test_a_message_of_another_hand(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """No headers, no key, no text: it is taken all the same, so that a worker can give it up."""
    other = Producer({"bootstrap.servers": engine.link.bootstrap, "log_level": 0})
    other.produce(engine.name, b"\xff\xfe", partition=0)
    other.produce(engine.name, None, partition=0, headers={"attempts": b"x", "id": b""})
    assert other.flush(30) == 0
    taken = await take(consumer, 2)
    assert [(each.id, each.name, each.attempts) for each in taken] == [(f"{engine.name}-0-0", "", 0), (f"{engine.name}-0-1", "", 0)]
    assert all(each.enqueued_at > 0 for each in taken)
    await consumer.settle([Dead(each, "no job", 1) for each in taken])
    assert len(await engine.dead_letters()) == 2


async def test_partitions_change_hands_in_mid_batch(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """A second worker gets half of them, with what the first had taken and not settled; settling that changes nothing; nothing is lost."""
    people = [f"p{number}" for number in range(16)]
    await engine.put(jobs(*(f"{person}-{number}" for number in range(5) for person in people)))
    held = await take(consumer, 80)
    second = engine.consumer("second")
    await second.start()
    moved: list[Delivery] = []

    async def quiet() -> bool:
        moved.extend(await second.take(100, 0.5))
        return bool(moved) and len(moved) + sum(consumer.holds(each) for each in held) == 80

    await until(quiet)
    kept = [each for each in held if consumer.holds(each)]
    assert kept
    assert {each.id for each in kept}.isdisjoint(each.id for each in moved)
    await consumer.settle([Done(each, 0.1) for each in held])
    assert (await engine.totals()).done == len(kept)
    await second.settle([Done(each, 0.1) for each in moved])
    for person in people:
        numbers = [each.id for each in moved if each.id.startswith(f"{person}-")]
        assert numbers in ([], [f"{person}-{number}" for number in range(5)])
    await second.close()
    assert (await engine.depth())[State.WAITING] == 0


async def test_cancelling_a_take_loses_nothing(engine: KafkaEngine, consumer: KafkaConsumer) -> None:
    """Cut off at any moment, the jobs are there for the next one."""
    waiting = asyncio.create_task(consumer.take(5, 30.0))
    await asyncio.sleep(0)
    await engine.put(jobs("a-0"))
    for _ in range(20):
        waiting.cancel()
        done = await asyncio.gather(waiting, return_exceptions=True)
        if isinstance(done[0], list):
            break
        waiting = asyncio.create_task(consumer.take(5, 30.0))
        await asyncio.sleep(0)
    waiting.cancel()
    done = await asyncio.gather(waiting, return_exceptions=True)
    found = done[0] if isinstance(done[0], list) else await take(consumer, 1)
    assert [each.id for each in found] == ["a-0"]


async def test_a_priority_is_refused(engine: KafkaEngine) -> None:
    """Before anything is stored."""
    text = "track: priority: got 3; expected 0, since a queue on Kafka keeps one order; leave it out, or use a queue on Redis"
    with pytest.raises(InvalidOperation) as caught:
        await engine.put([*jobs("a-0"), Parcel("b-0", "track", "{}", "b", priority=3)])
    assert str(caught.value) == text
    assert (await engine.depth())[State.WAITING] == 0


async def test_nobody_answers() -> None:
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


async def test_brokers_that_go() -> None:
    """In mid-run: taking and storing say so, and leaving ends all the same."""
    cluster = Producer({"bootstrap.servers": "none:1", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = ",".join(f"{each.host}:{each.port}" for each in cluster.list_topics(timeout=30).brokers.values())
    name = topics(brokers)
    engine = KafkaEngine(brokers, name, group=name, session_timeout=60.0, connect_timeout=2.0)
    consumer = engine.consumer("w")
    await consumer.start()
    await engine.put(jobs("a-0"))
    (job,) = await take(consumer, 1)
    del cluster
    with pytest.raises(QueueUnavailable, match=r"1 of 1 not written"):
        await engine.put(jobs("a-1"))
    with pytest.raises(QueueUnavailable, match="moving jobs to another topic"):
        await consumer.settle([Dead(job, "bad", 1)])

    async def told() -> bool:
        try:
            await consumer.take(1, 0.2)
        except QueueUnavailable as error:
            return "while waiting for jobs" in str(error)
        return False

    await until(told)
    await consumer.close()
    await engine.aclose()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"name": "cio:events"},
            "queue: got 'cio:events'; expected a name without a colon, which BullMQ on Node refuses; try 'cio-events'",
        ),
        (
            {"name": "é/x"},
            "queue: got 'é/x'; expected up to 240 letters, digits, '.', '_' and '-', which is what a topic of Kafka may have; try '--x'",
        ),
        ({"bootstrap": " "}, "bootstrap: got no text; expected host:port of brokers, separated by commas; try '127.0.0.1:9092'"),
        ({"partitions": 0}, "partitions: got 0; expected at least 1; try 8"),
        ({"session_timeout": 0.5}, "session_timeout: got 0.5; expected at least 1 second; try 6"),
        ({"handover": -1}, "handover: got -1; expected seconds, 0 or more; try 1"),
        ({"connect_timeout": 0}, "connect_timeout: got 0; expected seconds above 0; try 10"),
    ],
)
async def test_what_no_queue_can_be_made_of(settings: dict[str, object], text: str) -> None:
    """Got, expected, try."""
    with pytest.raises(ValueError) as caught:
        KafkaEngine(**{"bootstrap": "127.0.0.1:9", **settings})
    assert str(caught.value) == text


async def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    text = "confluent_kafka: got no such package; expected it for a queue on Kafka; try pip install 'pytest-cio-load[kafka]'"
    with pytest.raises(ImportError) as caught:
        KafkaEngine("127.0.0.1:9")
    assert str(caught.value) == text


async def test_topics_that_do_not_match(brokers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Main and retry topic must have as many partitions as each other: a person's jobs are in the same one of both."""
    from pytest_cio_load.pipeline.engines.kafka import link

    name = topics(brokers)
    monkeypatch.setattr(link, "_count", lambda link, topic: 3 if topic.endswith(".retry") else 4)
    engine = KafkaEngine(brokers, name)
    text = f"queue {name}: got 4 partitions of {name} and 3 of {name}.retry; expected as many of both; make them equal while nothing runs"
    with pytest.raises(QueueMismatch) as caught:
        await engine.topics()
    assert str(caught.value) == text
    await engine.aclose()


async def test_topics_that_are_missing(brokers: str) -> None:
    """They are made, here by asking for them; those that are made this way have as many partitions as the broker chooses."""
    engine = KafkaEngine(brokers, f"q{uuid4().hex[:12]}", partitions=6)
    assert (await engine.topics()).partitions == 4
    await engine.aclose()
