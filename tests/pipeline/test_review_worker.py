"""Rare moments of a worker: taken twice, lost in the moment it is asked, too large a batch, a queue that never answers again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import deliveries, people
from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.engines.engine import Again, Back, Delivery, Done, Parcel, Settlement, State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.engines.memory_consumer import MemoryConsumer
from pytest_cio_load.pipeline.health.line import keep_logging
from pytest_cio_load.pipeline.health.watching import Watch

WAYS = [pytest.param({}, id="single"), pytest.param({"batching": Batching(items=20, linger=0.02)}, id="batches")]


def with_consumer(kind: Callable[..., Any]) -> type[MemoryEngine]:
    """An engine whose consumers are of a kind."""

    class Made(MemoryEngine):
        def consumer(self, worker: str) -> Any:
            return kind(self)

    return Made


class TakenTwice(MemoryConsumer):
    """Parks; the first that is put aside is taken again before the queue answers, as after a rebalance."""

    parks = True
    again = False

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        aside = [each for each in settlements if isinstance(each, Again)]
        if aside and not self.again:
            self.again = True
            self._engine.give_back([self._mine.pop(each.delivery.id) for each in aside])
            raise QueueUnavailable("queue: got a rebalance; expected to keep its parts; wait")
        mine = [each for each in settlements if not isinstance(each, Again)]
        await super().settle(mine)

    async def take(self, most: int, wait: float) -> list[Delivery]:
        return [replace(each) for each in await super().take(most, wait)]


@pytest.mark.parametrize("how", WAYS)
def test_one_about_nobody_that_is_taken_again_while_it_is_put_aside(play: Any, how: dict[str, Any]) -> None:
    """It is sent: nothing that is before it in a lane would start it later."""

    async def body(stage: Any) -> None:
        answer = stage.fake.answer

        def failing(method: str, path: str, headers: Any, body: bytes, now: float) -> Any:
            reply = answer(method, path, headers, body, now)
            return reply if len(stage.door.statuses) >= 2 else type(reply)(500, {}, b"{}", 0.01)

        stage.door.fake.answer = failing
        stage.worker(**how)
        await stage.put(deliveries.unsubscribe("d-1"))
        await stage.until(lambda: len(stage.done) >= 1)
        assert (await stage.engine.depth())[State.ACTIVE] == 0

    play(body, engine=with_consumer(TakenTwice))


class Forgetful(MemoryConsumer):
    """Holds each job for certain when it is asked the first time, and not the second time."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self.asked: dict[str, int] = {}

    def holds(self, delivery: Delivery) -> bool:
        times = self.asked[delivery.id] = self.asked.get(delivery.id, 0) + 1
        return times < 2 and not delivery.id.endswith("LOST")


def test_a_batch_of_which_more_is_lost_while_it_is_looked_through(play: Any) -> None:
    """What was held when it was asked is sent and settled once; what was not is left; the worker goes on."""

    async def body(stage: Any) -> None:
        ids = await stage.put(*[people.identify(f"u{number}", {"n": number}) for number in range(4)])
        await stage.engine.put([replace_id(stage, "LOST")])
        worker = stage.worker(batching=Batching(items=5, linger=1.0))
        await stage.until(lambda: worker.figures.taken == 5 and worker.figures.lost == 1 and len(stage.done) == 4)
        assert sorted(stage.done) == sorted(ids)
        await stage.end(worker)

    play(body, engine=with_consumer(Forgetful))


def replace_id(stage: Any, id: str) -> Parcel:
    """A parcel of that id."""
    from pytest_cio_load.pipeline.jobs import parcel

    return replace(parcel(people.identify("u9", {"n": 9}), id="x", enqueued_at=stage.today()), id=id)


def test_batches_that_are_too_large_to_be_answered_in_time(play: Any) -> None:
    """They look like an outage; they are halved in time, or nothing would ever be sent again."""

    async def body(stage: Any) -> None:
        answer = stage.fake.answer

        def slow(method: str, path: str, headers: Any, body: bytes, now: float) -> Any:
            reply = answer(method, path, headers, b"" if body.count(b'"type"') > 30 else body, now)
            return type(reply)(504, {}, b"{}", 0.01) if body.count(b'"type"') > 30 else reply

        stage.door.fake.answer = slow
        ids = await stage.put(*[stage.track(f"u{number % 7}", n=number) for number in range(300)])
        worker = stage.worker(batching=Batching(items=100))
        await stage.until_settled(300)
        assert (sorted(stage.done), stage.dead) == (sorted(ids), {})
        assert stage.fake.delivery().out_of_order == 0
        assert worker.figures.failed_tries == 0

    play(body)


def test_an_outage_does_not_halve_at_once(play: Any) -> None:
    """A batch that fails three times by an outage is sent whole."""

    async def body(stage: Any) -> None:
        answer = stage.fake.answer

        def out(method: str, path: str, headers: Any, body: bytes, now: float) -> Any:
            reply = answer(method, path, headers, body if len(stage.door.statuses) >= 3 else b"", now)
            return reply if len(stage.door.statuses) >= 3 else type(reply)(503, {}, b"{}", 0.01)

        stage.door.fake.answer = out
        await stage.put(*[stage.track(f"u{number}") for number in range(50)])
        stage.worker(batching=Batching(items=50))
        await stage.until_settled(50)
        assert len(stage.door.statuses) == 4

    play(body)


class Silent(MemoryConsumer):
    """Settles and leaves no more once its queue stands still."""

    silent = False

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        if self.silent:
            await asyncio.sleep(3600)
        await super().settle(settlements)

    async def close(self) -> None:
        if self.silent:
            await asyncio.sleep(3600)
        await super().close()


@pytest.mark.parametrize("how", WAYS)
def test_a_queue_that_stands_still_does_not_hold_up_the_end(play: Any, how: dict[str, Any]) -> None:
    """It ends within its grace and a few seconds, less than the 30 s of a pod."""

    async def body(stage: Any) -> None:
        worker = stage.worker(**how)
        await stage.put(*stage.mixed(200))
        await stage.until(lambda: len(stage.done) > 20)
        worker.consumer.silent = True
        began = stage.now()
        await stage.end(worker)
        assert 25 <= stage.now() - began < 29.4

    play(body, engine=with_consumer(Silent))


@pytest.mark.parametrize("before", range(4))
def test_what_was_given_back_is_taken_first(before: int) -> None:
    """Or a job that must be taken apart waits as long as other parts have some."""

    async def body() -> None:
        engine = MemoryEngine()
        await engine.put([Parcel(f"j{number}", "track", "{}", key=f"p{number % 40}") for number in range(200)])
        consumer = engine.consumer("w")
        await consumer.start()
        for _ in range(before):
            await consumer.settle([Done(each, 0.1) for each in await consumer.take(1, 1)])
        got = await consumer.take(40, 1)
        await consumer.settle([Back(each) for each in got[1:]])
        await consumer.settle([Done(each, 0.1) for each in got[:1]])
        assert [each.id for each in await consumer.take(1, 1)] == [got[1].id]
        await consumer.close()

    asyncio.run(body())


def test_the_last_line_is_left_out_when_the_queue_stands_still(caplog: Any) -> None:
    """It must not hold up the end of the process."""

    class Still(MemoryEngine):
        still = False

        async def depth(self) -> dict[State, int]:
            if self.still:
                await asyncio.sleep(3600)
            return await super().depth()

    async def body() -> None:
        engine = Still()
        task = asyncio.create_task(keep_logging(Watch(engine), list, 0.01))
        while not caplog.messages:
            await asyncio.sleep(0.01)
        engine.still = True
        task.cancel()
        async with asyncio.timeout(4.5):
            await asyncio.wait({task})
        assert task.cancelled()

    with caplog.at_level(logging.INFO, "pytest_cio_load.pipeline"):
        asyncio.run(body())
    assert not any(message.startswith("since") for message in caplog.messages)
