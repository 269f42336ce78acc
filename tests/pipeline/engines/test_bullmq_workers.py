"""Several workers, in one process and in many that are killed: nothing is lost, and every person's order is kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.pipeline.engines.bullmq.engine import BullMQEngine
from pytest_cio_load.pipeline.engines.engine import Done, Parcel, State, shard_of

pytestmark = pytest.mark.asyncio
LIMIT = 60.0
"""Seconds until a condition that must come true has come too late."""


class Crew:
    """Worker processes on one queue, and what they have written."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.log, self.settings = folder / "log", settings
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, **more: Any) -> subprocess.Popen[bytes]:
        asked = json.dumps({"log": str(self.log), "name": name, **self.settings, **more})
        self.processes.append(subprocess.Popen([sys.executable, str(Path(__file__).with_name("taker.py")), asked]))
        return self.processes[-1]

    def lines(self, word: str = "sent") -> list[list[str]]:
        text = self.log.read_text() if self.log.exists() else ""
        return [line.split() for line in text.splitlines() if line.startswith(word)]

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def crew(valkey, prefix, tmp_path) -> Iterator[Crew]:
    made = Crew(tmp_path, {"url": valkey.url, "prefix": prefix, "shards": 4, "lease": 2.0, "lock": 2.5})
    yield made
    made.end()


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition, which may be a coroutine function."""
    async with asyncio.timeout(LIMIT):
        while True:
            met = condition()
            if await met if asyncio.iscoroutine(met) else met:
                return
            await asyncio.sleep(0.05)


def done(engine: BullMQEngine, many: int) -> Callable[[], Any]:
    async def met() -> bool:
        return (await engine.totals()).done >= many

    return met


def assert_in_order(lines: list[list[str]]) -> None:
    """Of each person, no job was sent before one that was enqueued earlier; one that was sent already may come again."""
    seen: dict[str, list[str]] = {}
    for _, _, id, _ in lines:
        person = seen.setdefault(id.split("-")[1], [])
        if id not in person:
            person.append(id)
    assert all(ids == sorted(ids) for ids in seen.values())


def holders(consumers) -> list[int]:
    return [len(each._keeper.held()) for each in consumers]


async def test_killed_processes_lose_nothing_and_keep_the_order(opening, parcels, crew):
    """Three workers; twice the one that has just sent something is killed, and replaced: once more, and a job might be given up."""
    engine = opening(4)
    await engine.put(parcels(60, 10))
    running = {f"w{at}": crew.start(f"w{at}", pace=0.005) for at in range(3)}
    await until(lambda: len(crew.lines("started")) == 3)
    for turn in range(2):
        before = len(crew.lines())
        await until(lambda before=before: any(line[1] in running for line in crew.lines()[before:]))
        victim = running.pop(next(line[1] for line in reversed(crew.lines()) if line[1] in running))
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        running[f"r{turn}"] = crew.start(f"r{turn}", pace=0.005)
    await until(done(engine, 600))
    lines = crew.lines()
    assert {line[2] for line in lines} == {each.id for each in parcels(60, 10)}
    assert_in_order(lines)
    totals = await engine.totals()
    assert (totals.done, totals.dead, totals.enqueued) == (600, 0, 600)
    assert totals.redelivered >= 2


async def test_a_killed_process_of_the_plain_form_loses_nothing(opening, parcels, crew):
    """What it had is taken by the other one, and counted as killed once."""
    engine = opening(1)
    crew.settings["shards"] = 1
    await engine.put(parcels(300))
    first = crew.start("first", pace=0.02)
    await until(lambda: len(crew.lines()) >= 10)
    os.kill(first.pid, signal.SIGKILL)
    crew.start("second")
    await until(done(engine, 300))
    totals = await engine.totals()
    assert (totals.done, totals.dead) == (300, 0)
    assert totals.redelivered >= 1


@pytest.mark.parametrize("shards", [1, 4])
async def test_a_job_that_kills_workers_is_given_up(opening, parcels, crew, shards):
    """After three; everything else is done."""
    engine = opening(shards)
    crew.settings["shards"] = shards
    made = parcels(8, 3)
    await engine.put(made)
    await engine.put([Parcel("poison-x", "track", '{"poison":1}', "p1")])
    async with asyncio.timeout(LIMIT):
        turn = 0
        while (await engine.totals()).dead < 1 or (await engine.totals()).done < 24:
            if all(each.poll() is not None for each in crew.processes):
                turn += 1
                crew.start(f"w{turn}")
            await asyncio.sleep(0.05)
    [letter] = await engine.dead_letters()
    assert letter.id == "poison-x"
    assert letter.reason.startswith("its worker was killed 3 times while it was under way; expected an answer; look at what the job makes")
    assert [each[3] for each in crew.lines() if each[2] == "poison-x"] == ["0", "1", "2"]
    assert (await engine.totals()).done == 24
    assert (await engine.depth())[State.ACTIVE] == 0


async def test_shards_are_shared_when_workers_join_and_leave(opening, parcels):
    """Evenly, and order holds while they move."""
    engine = opening(8)
    sent: list[str] = []
    stop = [asyncio.Event() for _ in range(3)]
    consumers = [engine.consumer(f"w{at}") for at in range(3)]

    async def work(consumer, leave: asyncio.Event) -> None:
        await consumer.start()
        while not leave.is_set():
            for each in await consumer.take(5, 0.1):
                if consumer.holds(each):
                    sent.append(each.id)
                    await consumer.settle([Done(each, 0.1)])
        await consumer.close()

    made = parcels(150, 10)
    tasks = [asyncio.create_task(work(consumers[0], stop[0]))]
    await until(lambda: holders(consumers) == [8, 0, 0])
    tasks += [asyncio.create_task(work(consumers[at], stop[at])) for at in (1, 2)]
    for start in range(0, 500, 50):
        await engine.put(made[start : start + 50])
        await asyncio.sleep(0)
    await until(lambda: sorted(holders(consumers)) == [2, 3, 3])
    await engine.put(made[500:])
    stop[1].set()
    await tasks[1]
    await until(lambda: sorted(holders(consumers)) == [0, 4, 4])
    await until(done(engine, 1500))
    assert_in_order([["sent", "w", id, "0"] for id in sent])
    assert len(sent) == len(set(sent)) == 1500
    stop[0].set()
    stop[2].set()
    await asyncio.gather(*tasks)
    assert (await engine.totals()).redelivered == 0


async def test_a_shard_is_given_back_once_nothing_of_it_is_under_way(opening, parcels):
    """Until then its jobs are the old worker's; what waits in it goes to the new one."""
    engine = opening(2)
    await engine.put(parcels(4, 20))
    old, new = engine.consumer("old"), engine.consumer("new")
    await old.start()
    taken = await old.take(10, 5)
    await new.start()
    await until(lambda: any(held.leaving is not None for held in old._keeper.held()))
    assert all(old.holds(each) for each in taken)
    assert holders([new]) == [0]
    await old.settle([Done(each, 0.1) for each in taken])
    await until(lambda: holders([old, new]) == [1, 1])
    assert await new.take(10, 5)
    await new.close()
    await old.close()


async def test_a_shard_that_is_wanted_too_long_is_handed_over_with_its_jobs(opening, parcels):
    """What the old worker still had goes back to the head, in order, and is not its any more."""
    engine = opening(2, lease=0.5)
    # The last shard is the one that is given back.
    key = next(key for key in map(str, range(100)) if shard_of(key, 2) == 1)
    await engine.put(parcels(30, key=key))
    old, new = engine.consumer("old"), engine.consumer("new")
    await old.start()
    taken = await old.take(10, 5)
    await new.start()
    await until(lambda: holders([old, new]) == [1, 1])
    again = await new.take(10, 5)
    assert [each.id for each in again] == [each.id for each in taken]
    assert not any(old.holds(each) for each in taken)
    await new.close()
    await old.close()


async def test_a_stopped_process_does_not_go_on_with_what_it_had(opening, parcels, crew):
    """After SIGCONT it holds nothing of what others have taken over: nothing is sent out of order."""
    engine = opening(4)
    await engine.put(parcels(30, 10))
    zombie = crew.start("zombie", pace=0.01)
    await until(lambda: len(crew.lines()) >= 20)
    os.kill(zombie.pid, signal.SIGSTOP)
    crew.start("heir")
    await until(lambda: any(line[1] == "heir" for line in crew.lines()))
    os.kill(zombie.pid, signal.SIGCONT)
    await until(done(engine, 300))
    assert_in_order(crew.lines())
    zombie.terminate()
    assert await asyncio.to_thread(zombie.wait, LIMIT) == 0
    assert (await engine.totals()).done == 300


@pytest.mark.parametrize("shards", [1, 4])
async def test_what_was_not_renewed_in_time_is_held_no_longer(opening, parcels, shards):
    """Not even when renewing succeeds afterwards: the job comes again, before what follows it."""
    engine = opening(shards)
    await engine.put(parcels(5))
    consumer = engine.consumer("w")
    await consumer.start()
    got = await consumer.take(3, 5)
    for each in got:
        each.place.renewed -= 100
        each.place.held.renewed -= 100
    assert [consumer.holds(each) for each in got] == [False] * 3
    for each in got:
        each.place.renewed += 200
        each.place.held.renewed += 200
    assert [consumer.holds(each) for each in got] == [False] * 3
    again: list[str] = []
    async with asyncio.timeout(LIMIT):
        while len(again) < 5:
            fresh = await consumer.take(10, 0.2)
            again += [each.id for each in fresh]
            await consumer.settle([Done(each, 0.1) for each in fresh])
    assert sorted(again) == [f"j-p0-{turn:05d}" for turn in range(5)]
    assert shards == 1 or again == sorted(again)
    await consumer.settle([Done(each, 0.1) for each in got])
    assert (await engine.totals()).done == 5
    assert (await engine.totals()).dead == 0
    await consumer.close()


@pytest.mark.parametrize("shards", [1, 4])
async def test_kill_is_as_good_as_a_kill(opening, parcels, shards):
    """In one process too, for tests: the jobs come to another worker once the spans are over, with the kill counted."""
    engine = opening(shards)
    await engine.put(parcels(3))
    first, second = engine.consumer("first"), engine.consumer("second")
    await first.start()
    got = await first.take(3, 5)
    first.kill()
    await second.start()
    again: list[Any] = []
    async with asyncio.timeout(LIMIT):
        while len(again) < 3:
            again += await second.take(3, 1)
    assert [(each.id, each.kills) for each in again] == [(each.id, 1) for each in got]
    assert (await engine.totals()).redelivered == 3
    assert not first.holds(got[0])
    await second.close()
