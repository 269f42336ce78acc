"""Enqueueing: checked before it is stored, in order, and never more than the queue may hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import entities, events, people, reads
from pytest_cio_load.errors import InvalidOperation, QueueFull, QueueUnavailable
from pytest_cio_load.pipeline.engines.engine import Delivery, Done, Parcel, State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.producer import TOGETHER, Enqueued, Producer

ID = "01HF7YAT000000000000000001"
DICT = "operation: got dict; expected one such as calls.identify(…); make one of a dict with entities.entity(…)"


class Slow(MemoryEngine):
    """A queue behind a network: every question and every answer takes a while. It counts the questions."""

    asked = 0
    most = 0

    async def put(self, parcels: Sequence[Parcel]) -> None:
        await asyncio.sleep(0.01)
        await super().put(parcels)
        self.most = max(self.most, (await super().depth())[State.WAITING])
        await asyncio.sleep(0.02)

    async def depth(self) -> dict[State, int]:
        type(self).asked += 1
        await asyncio.sleep(0.005)
        found = await super().depth()
        await asyncio.sleep(0.03)
        return found


async def take(engine: Any, most: int, *, settle: bool = True) -> list[Delivery]:
    """Take some jobs, and have them done."""
    consumer = engine.consumer("one")
    await consumer.start()
    found: list[Delivery] = await consumer.take(most, 0)
    if settle:
        await consumer.settle([Done(each, 0.0) for each in found])
        await consumer.close()
    return found


def some(count: int) -> list[Any]:
    return [people.identify("u1", {"n": number}) for number in range(count)]


def test_in_order(play: Any) -> None:
    """Many, from any iterable: a job each, with its id, in the order given."""

    async def body(stage: Any) -> None:
        ids = await stage.producer.enqueue_many(iter(some(TOGETHER + 3)))
        assert [each.id for each in await take(stage.engine, 10_000)] == ids
        assert stage.producer.counts == Enqueued(stored=TOGETHER + 3)

    play(body)


@pytest.mark.parametrize("count", [0, 1, TOGETHER, TOGETHER + 1])
def test_from_a_stream(play: Any, count: int) -> None:
    """An async iterable, also of none and of whole groups."""

    async def stream() -> AsyncIterator[Any]:
        for each in some(count):
            await asyncio.sleep(0.001)
            yield each

    async def body(stage: Any) -> None:
        ids = await stage.producer.enqueue_many(stream())
        assert [each.id for each in await take(stage.engine, 10_000)] == ids
        assert len(ids) == count

    play(body)


def test_one(play: Any) -> None:
    """With its delay, its priority, and the time it was enqueued."""

    async def body(stage: Any) -> None:
        late = await stage.producer.enqueue(people.delete("a"), delay=5)
        first = await stage.producer.enqueue(people.delete("b"), priority=1)
        assert [each.id for each in await take(stage.engine, 10)] == [first]
        await asyncio.sleep(5)
        (found,) = await take(stage.engine, 10)
        assert (found.id, found.enqueued_at) == (late, 1_700_000_000.0)

    play(body)


def test_an_event_is_stored_once(play: Any) -> None:
    """Enqueued again, as after an answer that was lost, it changes nothing."""

    async def body(stage: Any) -> None:
        for _ in range(2):
            assert await stage.producer.enqueue(events.track("u1", "bought", id=ID)) == ID
        assert await stage.producer.enqueue_many([events.track("u1", "bought", id=ID)]) == [ID]
        assert len(await take(stage.engine, 10)) == 1

    play(body)


def test_a_group_is_checked_before_it_is_stored(play: Any) -> None:
    """One that no queue takes, and none of its group is stored."""

    async def body(stage: Any) -> None:
        with pytest.raises(InvalidOperation, match="customer_attributes: got an operation that no queue takes"):
            await stage.producer.enqueue_many([*some(3), reads.customer_attributes("u1")])
        assert stage.producer.counts == Enqueued()
        assert (await stage.engine.depth())[State.WAITING] == 0

    play(body)


@pytest.mark.parametrize(
    ("many", "given", "says"),
    [
        (False, {"type": "person"}, DICT),
        (True, [{"type": "person"}], DICT),
        (True, people.delete("a"), "operations: got one operation; expected several; try enqueue, or write [operation]"),
    ],
)
def test_what_is_no_operation(play: Any, many: bool, given: Any, says: str) -> None:
    """A mistake of the caller's, with the fix."""

    async def body(stage: Any) -> None:
        enqueue = stage.producer.enqueue_many if many else stage.producer.enqueue
        with pytest.raises(TypeError) as caught:
            await enqueue(given)
        assert str(caught.value) == says

    play(body)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"max_depth": 0}, "max_depth: got 0; expected at least 1 job; leave it out for any number"),
        ({"when_full": "drop"}, "when_full: got 'drop'; expected wait, refuse or shed; try 'wait'"),
        ({"patience": -1}, "patience: got -1; expected seconds, 0 or more; leave it out to wait for ever"),
        ({"patience": float("nan")}, "patience: got nan; expected seconds, 0 or more; leave it out to wait for ever"),
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, Any], says: str) -> None:
    """Each with the nearest fix."""
    with pytest.raises(ValueError) as caught:
        Producer(MemoryEngine(), **wrong)
    assert str(caught.value) == says


def producer(stage: Any, **how: Any) -> Producer:
    return Producer(stage.engine, today=stage.today, **how)


def test_it_waits_for_room(play: Any) -> None:
    """By default: as long as it takes, and says for how long."""

    async def body(stage: Any) -> None:
        made = producer(stage, max_depth=3)
        filling = asyncio.create_task(made.enqueue_many(some(5)))
        await asyncio.sleep(10)
        assert not filling.done()
        assert (await stage.engine.depth())[State.WAITING] == 3
        await take(stage.engine, 2)
        assert len(await filling) == 5
        assert made.counts == Enqueued(stored=5, waited=pytest.approx(10, abs=0.2))

    play(body)


def test_it_refuses(play: Any) -> None:
    """At once, when told to; what came before stays stored."""

    async def body(stage: Any) -> None:
        made = producer(stage, max_depth=3, when_full="refuse")
        with pytest.raises(QueueFull) as caught:
            await made.enqueue_many(some(5))
        assert str(caught.value) == "queue cio-events: got an operation for a full queue; expected fewer than 3 jobs; add workers"
        assert made.counts == Enqueued(stored=3, refused=2)

    play(body)


def test_it_sheds(play: Any) -> None:
    """What there is no room for is let go and counted, and has no id."""

    async def body(stage: Any) -> None:
        made = producer(stage, max_depth=3, when_full="shed")
        assert len(await made.enqueue_many(some(5))) == 3
        assert await made.enqueue(people.delete("a")) is None
        assert made.counts == Enqueued(stored=3, shed=3)

    play(body)


def test_its_patience_ends(play: Any) -> None:
    """After so many seconds it refuses after all."""

    async def body(stage: Any) -> None:
        made = producer(stage, max_depth=1, patience=2.25)
        await made.enqueue(people.delete("a"))
        with pytest.raises(QueueFull, match=r"got an operation for a full queue after 2\.2 s of waiting"):
            await made.enqueue(people.delete("b"))
        assert made.counts == Enqueued(stored=1, refused=1, waited=pytest.approx(2.25))

    play(body)


def test_what_is_under_way_counts(play: Any) -> None:
    """Jobs that a worker has are in the queue still; what is done is not."""

    async def body(stage: Any) -> None:
        made = producer(stage, max_depth=2, when_full="refuse")
        await made.enqueue_many(some(2))
        found = await take(stage.engine, 2, settle=False)
        with pytest.raises(QueueFull):
            await made.enqueue(people.delete("a"))
        consumer = next(iter(stage.engine._consumers))
        await consumer.settle([Done(each, 0.0) for each in found])
        await asyncio.sleep(0.2)
        assert await made.enqueue(people.delete("a"))

    play(body)


def test_many_at_once_do_not_go_beyond(play: Any) -> None:
    """However many enqueue with one producer, and however slow the queue answers: never more than it may hold, and each in the end."""

    async def body(stage: Any) -> None:
        made = producer(stage, max_depth=7)
        filling = [asyncio.create_task(made.enqueue(each)) for each in some(50)]
        while not all(each.done() for each in filling):
            await asyncio.sleep(0.15)
            await take(stage.engine, 3)
        assert stage.engine.most <= 7
        assert made.counts.stored == 50

    play(body, engine=Slow)


def test_a_full_queue_is_not_asked_all_the_time(play: Any) -> None:
    """Ten times a second, however much is shed meanwhile."""

    async def body(stage: Any) -> None:
        made = producer(stage, max_depth=1, when_full="shed")
        await made.enqueue(people.delete("a"))
        Slow.asked = 0
        for _ in range(1000):
            await made.enqueue(people.delete("b"))
            await asyncio.sleep(0.001)
        assert made.counts.shed == 1000
        assert 1 <= Slow.asked <= 12

    play(body, engine=Slow)


def test_a_queue_that_is_gone(play: Any) -> None:
    """The error comes through; room that was kept for what was not stored is free again."""

    async def body(stage: Any) -> None:
        made, put = producer(stage, max_depth=2), stage.engine.put

        async def gone(_: object) -> None:
            raise QueueUnavailable("127.0.0.1:6379: got no connection; expected a Redis; start it")

        stage.engine.put = gone
        for _ in range(3):
            with pytest.raises(QueueUnavailable):
                await made.enqueue(people.delete("a"))
        stage.engine.put = put
        assert len(await made.enqueue_many(some(2))) == 2
        assert made.counts.stored == 2

    play(body)


def test_an_entity_of_a_dict(play: Any) -> None:
    """Version 2 is enqueued as any other."""

    async def body(stage: Any) -> None:
        item = {"type": "object", "action": "identify", "identifiers": {"object_type_id": "1", "object_id": "acme"}}
        await stage.producer.enqueue(entities.entity(item))
        (found,) = await take(stage.engine, 1)
        assert found.name == "entity"

    play(body)
