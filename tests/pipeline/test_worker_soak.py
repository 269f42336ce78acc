"""Anything may happen to several workers at once: nothing is lost, nothing is applied twice, and every person's order is kept."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.customerio.operations import people
from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.engines.engine import State

faults = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["fail", "reset", "applied", "freeze", "limit", "slow", "never"]), st.integers(1, 8)),
    max_size=4,
)
events = st.lists(st.tuples(st.floats(0.1, 6), st.sampled_from(["kill", "stop", "cancel", "more"]), st.integers(0, 9)), max_size=6)


def arrange(stage: Any, script: list[tuple[int, str, int]]) -> None:
    """What goes wrong with the other side, and for how long; never with one operation alone."""
    for start, what, lasting in script:
        moment = stage.fake.at(start)
        if what == "freeze":
            moment.freeze(lasting)
        elif what == "limit":
            moment.rate_limit("20/s", lasting=lasting)
        elif what == "slow":
            moment.slow(5, lasting=lasting)
        elif what == "never":
            moment.times_out(ratio=0.2, lasting=lasting)
        else:
            act = moment.fail if what == "fail" else moment.reset_connections
            act(ratio=0.5, lasting=lasting, applied=what == "applied")


async def happen(stage: Any, script: list[tuple[float, str, int]], make: Any) -> int:
    """Workers are killed, stopped, cancelled, and join; one goes on after it. How many were killed."""
    kills = 0
    for pause, what, which in script:
        await asyncio.sleep(pause)
        worker = list(stage.tasks)[which % len(stage.tasks)]
        if what == "more":
            make()
            continue
        if what == "kill":
            # Two kills make no dead letter; a third might make one of a job that is to blame for nothing.
            if kills == 2:
                continue
            kills += 1
            worker.kill()
        elif what == "stop":
            worker.stop()
        else:
            stage.tasks[worker].cancel()
        await asyncio.gather(stage.tasks.pop(worker), return_exceptions=True)
        if not stage.tasks:
            make()
    return kills


@pytest.mark.parametrize("batches", [False, True])
def test_whatever_happens(play: Any, batches: bool) -> None:
    """Random people, operations, faults, kills and stops."""

    @settings(max_examples=25)
    @given(st.integers(0, 2**32), st.integers(1, 30), faults, events)
    def story(seed: int, persons: int, wrong: list[Any], script: list[Any]) -> None:
        play(lambda stage: one_story(stage, Random(seed), persons, wrong, script, batches), timeout=3.0, latency="uniform(5ms,200ms)")

    story()


async def one_story(stage: Any, rng: Random, persons: int, wrong: list[Any], script: list[Any], batches: bool) -> None:
    arrange(stage, wrong)
    how = {"batching": Batching(items=15, linger=0.05)} if batches else {"concurrency": 5}
    last: dict[str, int] = {}
    events: dict[str, list[int]] = {}

    def make() -> None:
        stage.worker(rng=Random(rng.random()), grace=5, **how)

    make()
    make()
    happening = asyncio.create_task(happen(stage, script, make))
    for number in range(200):
        person = f"u{rng.randrange(persons)}"
        if rng.random() < 0.5:
            await stage.put(people.identify(person, {"n": number}))
            last[person] = number
        else:
            await stage.put(stage.track(person, n=number))
            events.setdefault(person, []).append(number)
        if rng.random() < 0.2:
            await asyncio.sleep(rng.random())
    kills = await happening

    async def unfinished() -> int:
        depth = await stage.engine.depth()
        return sum(depth[state] for state in (State.WAITING, State.PRIORITIZED, State.DELAYED, State.ACTIVE))

    for _ in range(2000):
        if not await unfinished():
            break
        await asyncio.sleep(0.5)
    totals = await stage.engine.totals()
    assert (await unfinished(), totals.dead, totals.done) == (0, 0, 200)
    assert not totals.redelivered or kills
    for person, numbers in events.items():
        assert [event.data["n"] for event in stage.fake.events_of(person)] == numbers
    for person, number in last.items():
        assert stage.fake.person(person).attributes["n"] == number
