"""How a worker ends, and what the next one finds: drained, cut short, cancelled, killed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import people
from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.engines.engine import Delivery, State
from pytest_cio_load.pipeline.worker import Phase, Worker

WAYS = [pytest.param({}, id="single"), pytest.param({"batching": Batching(items=20, linger=0.02)}, id="batches")]


def states(stage: Any, persons: int) -> list[int]:
    return [stage.fake.person(f"u{number}").attributes["n"] for number in range(persons)]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("after", [0.0, 0.01, 0.5, 1.21, 2.0])
def test_it_drains(play: Any, how: dict[str, Any], after: float) -> None:
    """What is being sent ends, nothing else begins, the rest goes back in order, and the next worker goes on with it."""

    async def body(stage: Any) -> None:
        worker = stage.worker(**how)
        await stage.put(*stage.mixed(400, persons=8))
        await asyncio.sleep(after)
        worker.stop()
        sending = worker.figures.sending
        arrived = len(stage.door.arrived)
        await stage.tasks[worker]
        assert (worker.phase, worker.figures.sending) == (Phase.STOPPED, 0)
        assert len(stage.door.arrived) - arrived <= sending
        depth = await stage.engine.depth()
        assert (depth[State.ACTIVE], depth[State.WAITING]) == (0, 400 - len(stage.done))
        assert worker.figures.taken == worker.figures.done + worker.figures.given_back
        stage.worker(**how)
        await stage.until_settled(400)
        delivery = stage.fake.delivery()
        assert (delivery.received, delivery.applied, delivery.out_of_order) == (400, 400, 0)
        assert states(stage, 8) == [384 + number for number in range(8)]

    play(body, latency="300ms")


@pytest.mark.parametrize("how", WAYS)
def test_it_stops_while_it_backs_off(play: Any, how: dict[str, Any]) -> None:
    """Without waiting for the next try; what failed so far is remembered."""

    async def body(stage: Any) -> None:
        worker = stage.worker(**how)
        await stage.put(people.delete("a"), people.delete("b"))
        await stage.until_settled(2)
        stage.fake.at(0).fail(500)
        (bad,) = await stage.put(people.identify("bob", {"n": 1}))
        await stage.until(lambda: worker.figures.backing_off == 1, every=0.01)
        await stage.end(worker)
        found = await _look(stage)
        assert [(each.id, each.attempts) for each in found] == [(bad, 1)]

    play(body)


async def _look(stage: Any) -> list[Delivery]:
    consumer = stage.engine.consumer("looking")
    await consumer.start()
    found: list[Delivery] = await consumer.take(100, 0)
    await consumer.close()
    return found


def test_it_stops_during_an_outage(play: Any) -> None:
    """What waits for the gate goes back; only a request under way is waited for."""

    async def body(stage: Any) -> None:
        worker = stage.worker()
        stage.fake.at(0).fail(503)
        await stage.put(*stage.mixed(30))
        await asyncio.sleep(60)
        await stage.end(worker)
        assert stage.now() < 61
        assert len(await _look(stage)) == 30

    play(body)


@pytest.mark.parametrize("how", WAYS)
def test_its_grace_ends(play: Any, how: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """What is still being sent then is left, goes back, and is sent again by the next one."""

    async def body(stage: Any) -> None:
        worker = stage.worker(grace=3, **how)
        await stage.put(*[people.identify(f"u{number}", {"n": number}) for number in range(5)])
        await asyncio.sleep(1)
        await stage.end(worker)
        assert stage.now() == pytest.approx(4, abs=0.01)
        assert len(await _look(stage)) == 5

    play(body, latency="9s")
    assert "5 jobs were under way after 3 s; they are taken again" in caplog.text


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("after", [0.0, 0.001, 0.31, 0.5])
def test_it_is_cancelled(play: Any, how: dict[str, Any], after: float) -> None:
    """As by a test that ends early: no task is left, what was accepted is settled, and the rest is in the queue."""

    async def body(stage: Any) -> None:
        worker = stage.worker(**how)
        await stage.put(*stage.mixed(100))
        await asyncio.sleep(after)
        stage.tasks[worker].cancel()
        with pytest.raises(asyncio.CancelledError):
            await stage.tasks[worker]
        assert asyncio.all_tasks() == {asyncio.current_task()}
        depth = await stage.engine.depth()
        assert (depth[State.WAITING], depth[State.ACTIVE]) == (100 - len(stage.done), 0)
        assert worker.phase is Phase.STOPPED or after == 0

    play(body, latency="300ms", rate=1000, burst=100)


def test_what_ended_last_is_settled(play: Any) -> None:
    """Cancelled while the queue is being told of an answer: the job is done, and is not sent twice."""

    async def body(stage: Any) -> None:
        worker = stage.worker()
        settle = worker.consumer.settle

        async def slow(settlements: Any) -> None:
            await asyncio.sleep(1)
            await settle(settlements)

        worker.consumer.settle = slow
        await stage.put(people.delete("a"))
        await stage.until(lambda: worker.figures.done == 1)
        stage.tasks[worker].cancel()
        await asyncio.gather(stage.tasks[worker], return_exceptions=True)
        assert (len(stage.done), (await stage.engine.depth())[State.WAITING]) == (1, 0)

    play(body)


@pytest.mark.parametrize("how", WAYS)
def test_it_is_killed(play: Any, how: dict[str, Any]) -> None:
    """Its jobs are done by the other one once its lease has lapsed: in order, every event applied once."""

    async def body(stage: Any) -> None:
        killed = stage.worker(**how)
        ids = await stage.put(*stage.mixed(300, persons=12))
        await stage.until_settled(30)
        killed.kill()
        await asyncio.gather(stage.tasks.pop(killed), return_exceptions=True)
        assert killed.phase is Phase.STOPPED
        stage.worker(**how)
        await stage.until_settled(300)
        assert sorted(stage.done) == sorted(ids)
        delivery = stage.fake.delivery()
        assert (delivery.out_of_order, len(stage.dead)) == (0, 0)
        assert delivery.applied - delivery.rejected >= 300
        assert states(stage, 12) == [288 + number for number in range(12)]
        assert len(stage.fake.events_of("u0")) == 12

    play(body, latency="uniform(5ms,200ms)")


@pytest.mark.parametrize("how", WAYS)
def test_a_job_that_kills_its_worker(play: Any, how: dict[str, Any]) -> None:
    """After the third time it is a dead letter; nothing else is, and everything else is sent."""

    async def body(stage: Any) -> None:
        running: list[Worker] = []

        def deadly(body: bytes) -> None:
            if b"poison" in body:
                running[0].kill()

        stage.door.before = deadly
        ids = await stage.put(*stage.mixed(50), people.identify("u2", {"poison": 1}), *stage.mixed(250, persons=40))
        kills = 0
        while len(stage.done) < 300:
            running[:] = [stage.worker(**how)]
            await stage.until(lambda: running[0].phase is Phase.STOPPED or len(stage.done) == 300)
            if len(stage.done) < 300:
                kills += 1
                await asyncio.gather(stage.tasks.pop(running[0]), return_exceptions=True)
        letters = await stage.engine.dead_letters()
        assert (kills, [letter.id for letter in letters]) == (3, [ids[50]])
        assert sorted({*stage.done, ids[50]}) == sorted(ids)
        assert stage.fake.delivery().out_of_order == 0

    play(body)


def test_stopped_before_it_began(play: Any) -> None:
    """It takes nothing."""

    async def body(stage: Any) -> None:
        await stage.put(people.delete("a"))
        worker = stage.worker()
        await stage.end(worker)
        assert (worker.figures.taken, len(await _look(stage))) == (0, 1)

    play(body)


def test_suspects_given_back_keep_their_place(play: Any) -> None:
    """Stopped while suspects are being given back: what was taken before them stays before them."""

    async def body(stage: Any) -> None:
        consumer = stage.engine.consumer("killed")
        await consumer.start()
        ids = await stage.put(*[people.identify("a", {"n": number}) for number in range(6)])
        taken = await consumer.take(9, 0)
        consumer.kill()
        await asyncio.sleep(5)
        assert [each.kills for each in taken] == [0] * 6
        part = taken[0].place
        part.waiting[0] = taken[0]
        part.waiting[1] = taken[1]
        worker = stage.worker()
        await stage.until(lambda: worker.figures.taken > 0, every=0.001)
        await stage.end(worker)
        assert [each.id for each in await _look(stage)] == ids[len(stage.done) :]

    play(body, latency="1s")
