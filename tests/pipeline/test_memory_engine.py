"""The queue in memory: parts that one worker has at a time, order that outlives whatever happens, kills that are counted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_cio_load.pipeline.engines.engine import KILLS, Again, Back, Dead, Delivery, Done, Parcel, State, Totals, to_3_digits
from pytest_cio_load.pipeline.engines.memory import MemoryEngine


def parcel(id: str, key: str = "a", **how: Any) -> Parcel:
    return Parcel(id, "delete", "{}", key, **how)


def parcels(letters: str, key: str = "a") -> list[Parcel]:
    return [parcel(letter, key) for letter in letters]


async def joined(engine: Any) -> Any:
    consumer = engine.consumer("worker")
    await consumer.start()
    return consumer


def ids(deliveries: list[Delivery]) -> str:
    return "".join(each.id for each in deliveries)


def test_in_order(play: Any) -> None:
    """What was stored first is taken first, as much as is asked for."""

    async def body(stage: Any) -> None:
        consumer = await joined(stage.engine)
        await stage.engine.put(parcels("abc"))
        assert [ids(await consumer.take(2, 0)), ids(await consumer.take(2, 0)), ids(await consumer.take(2, 0))] == ["ab", "c", ""]

    play(body)


def test_stored_once(play: Any) -> None:
    """A second parcel of the same id changes nothing, even when the first is long done."""

    async def body(stage: Any) -> None:
        consumer = await joined(stage.engine)
        await stage.engine.put(parcels("aa"))
        await consumer.settle([Done(each, 0.0) for each in await consumer.take(9, 0)])
        await stage.engine.put(parcels("a"))
        assert await consumer.take(9, 0) == []

    play(body)


def test_a_part_belongs_to_one_worker(play: Any) -> None:
    """While one has something of it under way nobody else takes from it; then anybody may."""

    async def body(stage: Any) -> None:
        one, other = await joined(stage.engine), await joined(stage.engine)
        await stage.engine.put(parcels("abc"))
        first, second = await one.take(2, 0)
        assert await other.take(9, 0) == []
        await one.settle([Done(first, 0.0)])
        assert await other.take(9, 0) == []
        await one.settle([Done(second, 0.0)])
        assert ids(await other.take(9, 0)) == "c"

    play(body)


def test_settling_what_is_not_ones_own(play: Any) -> None:
    """It changes nothing, and takes no part away from whoever has it."""

    async def body(stage: Any) -> None:
        killed, other, third = [await joined(stage.engine) for _ in range(3)]
        await stage.engine.put(parcels("abc"))
        (lost,) = await killed.take(1, 0)
        killed.kill()
        await killed.settle([Done(lost, 0.0)])
        assert await other.take(1, 0) == []
        await asyncio.sleep(5)
        assert ids(await other.take(1, 0)) == "a"
        await killed.settle([Done(lost, 0.0)])
        assert await third.take(9, 0) == []
        assert (await stage.engine.totals()).done == 0

    play(body)


def test_a_wait_ends_when_something_comes(play: Any) -> None:
    """At once, also for a worker that waits while another one keeps asking in vain."""

    async def body(stage: Any) -> None:
        one, other = await joined(stage.engine), await joined(stage.engine)
        await stage.engine.put(parcels("a"))
        await one.take(1, 0)
        waiting = [asyncio.create_task(each.take(1, 100)) for each in (one, other)]
        await asyncio.sleep(1)
        await asyncio.gather(stage.engine.put(parcels("b")), other.take(1, 0))
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert stage.now() == 1
        assert ids(waiting[0].result()) == "b"
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    play(body)


@pytest.mark.parametrize(("wait", "took"), [(0, 0), (0.5, 0.5), (3, 2), (100, 2)])
def test_a_delayed_job_ends_a_wait(play: Any, wait: float, took: float) -> None:
    """When it is due, and not before."""

    async def body(stage: Any) -> None:
        consumer = await joined(stage.engine)
        await stage.engine.put([parcel("a", delay=2)])
        found = await consumer.take(1, wait)
        assert (ids(found), stage.now()) == ("a" if wait > 2 else "", took)

    play(body)


def test_priorities(play: Any) -> None:
    """Behind what has none, the lowest number first, the oldest of a number first; given back, they come first of it again."""

    async def body(stage: Any) -> None:
        consumer = await joined(stage.engine)
        await stage.engine.put([parcel("a", priority=2), parcel("b", priority=1), parcel("c", priority=1), parcel("d")])
        found = await consumer.take(3, 0)
        assert ids(found) == "dbc"
        await consumer.settle([Back(each) for each in found])
        assert ids(await consumer.take(9, 0)) == "dbca"

    play(body)


def test_given_back_in_order(play: Any) -> None:
    """To where it was taken from, before what waits, and nothing counts."""

    async def body(stage: Any) -> None:
        consumer = await joined(stage.engine)
        await stage.engine.put(parcels("abcd"))
        found = await consumer.take(3, 0)
        await consumer.settle([Done(found[0], 0.0), Back(found[1]), Back(found[2])])
        again = await consumer.take(9, 0)
        assert (ids(again), [each.kills for each in again]) == ("bcd", [0, 0, 0])

    play(body)


def test_leaving_gives_back(play: Any) -> None:
    """Whoever leaves keeps nothing."""

    async def body(stage: Any) -> None:
        consumer = await joined(stage.engine)
        await stage.engine.put(parcels("abc"))
        await consumer.take(2, 0)
        await consumer.close()
        assert ids(await (await joined(stage.engine)).take(9, 0)) == "abc"

    play(body)


def test_a_kill(play: Any) -> None:
    """Once the lease has lapsed, its jobs are taken again, in order; each counts the kill; and they are in the queue all the while."""

    async def body(stage: Any) -> None:
        killed, other = await joined(stage.engine), await joined(stage.engine)
        await stage.engine.put(parcels("abc"))
        await killed.take(2, 0)
        killed.kill()
        await killed.close()
        assert await other.take(9, 4.9) == []
        assert (await stage.engine.depth())[State.ACTIVE] == 2
        found = await other.take(9, 4.9)
        assert (ids(found), [each.kills for each in found], stage.now()) == ("abc", [1, 1, 0], 5)
        assert (await stage.engine.totals()).redelivered == 2

    play(body)


def test_what_kills_is_dead_in_the_end(play: Any) -> None:
    """After three kills; what was tried before is remembered."""

    async def body(stage: Any) -> None:
        await stage.engine.put(parcels("a"))
        for kills in range(KILLS):
            consumer = await joined(stage.engine)
            (found,) = await consumer.take(1, 10)
            assert found.kills == kills
            await consumer.note_failure(found, kills + 1, "reset")
            consumer.kill()
            consumer.kill()
        await asyncio.sleep(5)
        (letter,) = await stage.engine.dead_letters()
        assert (letter.id, letter.attempts) == ("a", KILLS)
        assert letter.reason == (
            "its worker was killed 3 times while it was under way; expected an answer; look at what the job makes the worker do"
        )
        assert (await stage.engine.totals()).retried == KILLS

    play(body)


def test_dead_letters(play: Any) -> None:
    """Listed, the oldest first; replayed behind what waits, or discarded; once."""

    async def body(stage: Any) -> None:
        consumer = await joined(stage.engine)
        await stage.engine.put([*parcels("abc"), parcel("p", priority=4)])
        for each in await consumer.take(9, 0):
            await consumer.settle([Dead(each, f"because of {each.id}", 2)])
        await stage.engine.put(parcels("d"))
        first, *rest = letters = await stage.engine.dead_letters()
        assert [(each.id, each.reason, each.attempts) for each in letters[:2]] == [("a", "because of a", 2), ("b", "because of b", 2)]
        assert [each.id for each in await stage.engine.dead_letters(1, 2)] == ["b", "c"]
        assert (await stage.engine.discard([first]), await stage.engine.discard([first])) == (1, 0)
        assert (await stage.engine.replay(letters), await stage.engine.replay(rest)) == (3, 0)
        assert ids(again := await consumer.take(9, 0)) == "dbcp"
        assert {each.attempts for each in again} == {0}

    play(body)


def test_depth_age_and_totals(play: Any) -> None:
    """By state; the age is that of the oldest that waits, wherever it does."""

    async def body(stage: Any) -> None:
        consumer = await joined(stage.engine)
        assert await stage.engine.age() == 0.0
        put = stage.engine.put
        await put([parcel(letter, key, enqueued_at=stage.today()) for letter, key in ("aa", "bb", "cc")])
        await put([parcel("p", priority=1, enqueued_at=stage.today() - 7), parcel("l", delay=20, enqueued_at=stage.today() - 50)])
        found = await consumer.take(2, 0)
        await consumer.settle([Done(found[0], 1.23456)])
        depth = await stage.engine.depth()
        assert {state.value: number for state, number in depth.items()} == {
            "waiting": 1,
            "prioritized": 1,
            "delayed": 1,
            "active": 1,
            "completed": 1,
            "failed": 0,
        }
        assert await stage.engine.age() == 7
        await asyncio.sleep(20)
        assert (await stage.engine.age(), (await stage.engine.depth())[State.WAITING]) == (70, 2)
        assert await stage.engine.totals() == Totals(enqueued=5, done=1, latency={1_230_000: 1})

    play(body)


def test_again_is_not_for_this_engine(play: Any) -> None:
    """Its jobs are repeated in place."""

    async def body(stage: Any) -> None:
        consumer = await joined(stage.engine)
        await stage.engine.put(parcels("a"))
        (found,) = await consumer.take(1, 0)
        says = "settlement: got Again; expected none, since jobs of this engine are repeated in place; try Back"
        with pytest.raises(ValueError, match=says):
            await consumer.settle([Again(found, 1.0, "reset")])

    play(body)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cio:events", "queue: got 'cio:events'; expected a name without a colon, which BullMQ on Node refuses; try 'cio-events'"),
        (":", "queue: got ':'; expected a name without a colon, which BullMQ on Node refuses; try 'cio-events'"),
        ("", "queue: got ''; expected a name without spaces; try 'cio-events'"),
        ("a b", "queue: got 'a b'; expected a name without spaces; try 'cio-events'"),
    ],
)
def test_names(name: str, says: str) -> None:
    """A queue that Node could not open is not made."""
    with pytest.raises(ValueError) as caught:
        MemoryEngine(name)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("seconds", "micros"),
    [(0, 0), (-1, 0), (1e-6, 1), (0.001234, 1230), (1.23456, 1_230_000), (0.000999, 999), (0.0009996, 1000), (59.96, 60_000_000)],
)
def test_three_digits(seconds: float, micros: int) -> None:
    """As precise as a histogram."""
    assert to_3_digits(seconds) == micros
