"""The worker, one request an operation, against the fake in virtual time: everything is sent, in order, once, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import deliveries, people
from pytest_cio_load.pipeline.crew import Figures
from pytest_cio_load.pipeline.engines.engine import Delivery, Done, Parcel, State
from pytest_cio_load.pipeline.worker import Phase, Worker

BOB = b"/bob"


def plans(stage: Any, persons: int) -> list[int]:
    """The last number that each person was identified with."""
    return [stage.fake.person(f"u{number}").attributes["n"] for number in range(persons)]


def test_everything_is_sent(play: Any) -> None:
    """Every operation once, every person's in order, with ten requests under way."""

    async def body(stage: Any) -> None:
        stage.worker()
        ids = await stage.put(*stage.mixed(600, persons=20))
        await stage.until_settled(600)
        assert sorted(stage.done) == sorted(ids)
        delivery = stage.fake.delivery()
        assert (delivery.applied, delivery.received, delivery.out_of_order) == (600, 600, 0)
        assert plans(stage, 20) == [560 + number for number in range(20)]

    play(body, rate=10_000, burst=100, latency="uniform(1ms,400ms)")


def test_several_workers(play: Any) -> None:
    """They share the persons between them, and the limit."""

    async def body(stage: Any) -> None:
        for _ in range(4):
            stage.worker()
        await stage.put(*stage.mixed(600, persons=50))
        await stage.until_settled(600)
        assert (stage.fake.delivery().applied, stage.fake.delivery().out_of_order) == (600, 0)
        assert plans(stage, 50) == [500 + number for number in range(50)]
        assert all(worker.figures.done > 30 for worker in stage.tasks)

    play(body, rate=200, latency="uniform(1ms,400ms)")


def test_as_many_at_once_as_allowed(play: Any) -> None:
    """Not more than the concurrency, and not fewer while there is enough to do."""

    async def body(stage: Any) -> None:
        worker = stage.worker(concurrency=7)
        await stage.put(*[people.delete(f"u{number}") for number in range(100)])
        await asyncio.sleep(2.5)
        assert worker.figures.sending == 7
        await stage.until_settled(100)
        assert worker.figures == Figures(taken=100, done=100, requests=100, limited=worker.figures.limited)

    play(body, rate=10_000, burst=100, latency="1s")


def test_the_rate_is_kept(play: Any) -> None:
    """Exactly in the long run, and at most rate and burst in any sliding second, with several workers and from the first second on."""

    async def body(stage: Any) -> None:
        for _ in range(3):
            stage.worker()
        await stage.put(*stage.mixed(1600, persons=100))
        await stage.until_settled(1600)
        assert stage.door.busiest_second() <= 84
        assert stage.door.arrived[-1] - stage.door.arrived[0] == pytest.approx(1596 / 80, abs=0.1)

    play(body, rate=80, burst=4, latency="20ms")


def test_latency_is_from_the_queue(play: Any) -> None:
    """From enqueued to accepted, also for what waited; kept with the queue."""

    async def body(stage: Any) -> None:
        await stage.put(people.delete("a"))
        await asyncio.sleep(3)
        stage.worker()
        await stage.until_settled(1)
        (settled,) = stage.settled
        assert settled.latency == pytest.approx(3.04, abs=1e-4)
        assert (await stage.engine.totals()).latency == {3_040_000: 1}

    play(body)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("identify", "{", "data: got text that is no JSON; expected a job; look at its producer"),
        ("track", '{"v": 9}', "v: got 9; expected 1; update the worker and replay this dead letter"),
        ("lunch", "{}", "name: got 'lunch'; expected one such as identify or track; look at its producer"),
    ],
)
def test_what_is_no_job(play: Any, name: str, data: str, says: str) -> None:
    """A dead letter with the reason, not tried; what stands around it is sent."""

    async def body(stage: Any) -> None:
        worker = stage.worker()
        await stage.put(people.delete("a"))
        await stage.engine.put([Parcel("bad", name, data, "a")])
        await stage.put(people.delete("a"))
        await stage.until_settled(3)
        assert [(letter.delivery.id, letter.reason, letter.attempts) for letter in stage.dead.values()] == [("bad", says, 0)]
        assert (worker.figures.dead, worker.figures.requests) == (1, 2)

    play(body)


def test_several_workspaces(play: Any) -> None:
    """Every person's go to their own; what is about nobody belongs to none, and is dead."""

    async def body(stage: Any) -> None:
        stage.worker()
        await stage.put(*stage.mixed(300, persons=30))
        (nobody,) = await stage.put(deliveries.unsubscribe("d"))
        await stage.until_settled(301)
        assert list(stage.dead) == [nobody]
        assert stage.dead[nobody].reason.startswith("got an operation about no person; expected one to choose the workspace by")
        applied = [door.fake.delivery().applied for door in stage.doors]
        assert sum(applied) == 300
        assert min(applied) > 40
        assert all(door.fake.delivery().out_of_order == 0 for door in stage.doors)
        for number in range(30):
            home = stage.fleet.home_of(people.delete(f"u{number}"))
            assert [door.fake.person(f"u{number}") is not None for door in stage.doors] == [place == home for place in range(3)]

    play(body, workspaces=3, rate=1000)


@pytest.mark.parametrize("concurrency", [0, -1])
def test_no_concurrency(play: Any, concurrency: int) -> None:
    """Nothing would ever be sent."""

    async def body(stage: Any) -> None:
        with pytest.raises(ValueError, match=f"concurrency: got {concurrency}; expected at least 1 request under way; try 10"):
            Worker(stage.engine, stage.fleet, concurrency=concurrency)

    play(body)


def test_names_differ(play: Any) -> None:
    """No two workers are called the same unless told to be."""

    async def body(stage: Any) -> None:
        names = {Worker(stage.engine, stage.fleet).name for _ in range(100)}
        assert len(names) == 100
        assert Worker(stage.engine, stage.fleet, name="mine").name == "mine"

    play(body)


def test_it_tells_what_was_settled(play: Any) -> None:
    """Once the queue has it: whoever is told can rely on it."""

    async def body(stage: Any) -> None:
        counted: list[tuple[int, int]] = []

        def told(settlement: Any) -> None:
            counted.append((len(counted) + 1, stage.engine._counted["done"]))

        stage.worker(on_settled=told)
        await stage.put(*stage.mixed(50))
        await stage.until(lambda: len(counted) == 50)
        assert all(done >= number for number, done in counted)

    play(body, rate=1000)


def test_delayed_and_prioritized(play: Any) -> None:
    """A delay is kept to; what has a priority comes after what has none, the most urgent first."""

    async def body(stage: Any) -> None:
        late = await stage.producer.enqueue(people.delete("late"), delay=7)
        last = await stage.producer.enqueue(people.delete("b"), priority=9)
        second = await stage.producer.enqueue(people.delete("a"), priority=2)
        (first,) = await stage.put(people.delete("c"))
        stage.worker(concurrency=1)
        await stage.until_settled(4)
        assert stage.done == [first, second, last, late]
        assert 7 <= stage.now() < 7.2

    play(body)


def test_phases(play: Any) -> None:
    """Starting, working, draining, stopped."""

    async def body(stage: Any) -> None:
        worker = stage.worker()
        assert worker.phase is Phase.STARTING
        await stage.put(people.delete("a"))
        await asyncio.sleep(0.5)
        phases = [worker.phase]
        worker.stop()
        await asyncio.sleep(0.01)
        phases.append(worker.phase)
        await stage.tasks[worker]
        assert [*phases, worker.phase] == [Phase.WORKING, Phase.DRAINING, Phase.STOPPED]

    play(body, latency="2s")


def test_quiet_by_default(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A worker that works logs nothing."""
    caplog.set_level(logging.INFO)

    async def body(stage: Any) -> None:
        stage.worker(rng=Random(1))
        await stage.put(*stage.mixed(20))
        await stage.until_settled(20)
        assert (await stage.engine.depth())[State.ACTIVE] == 0
        assert isinstance(stage.settled[0], Done)
        assert isinstance(stage.settled[0].delivery, Delivery)

    play(body)
    assert [record for record in caplog.records if record.name.startswith("pytest_cio_load")] == []
