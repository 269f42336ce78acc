"""Workers on Kafka that are killed: nothing is lost, and nothing is overtaken."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_cio_load.pipeline.engines.engine import Parcel
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

pytestmark = pytest.mark.asyncio

Workers = Any
Until = Callable[[Callable[[], object]], Awaitable[None]]


def parcels(many: int, people: list[str], first: int = 0) -> list[Parcel]:
    """*many* jobs of each person, in turn; the id says whose and which."""
    numbers = range(first, first + many)
    return [Parcel(f"{person}-{number}", "track", "{}", person, enqueued_at=time.time()) for number in numbers for person in people]


async def test_killed_workers_lose_nothing(engine: KafkaEngine, workers: Callable[..., Workers], until: Until) -> None:
    """Two workers, killed again and again while they work, some jobs parked: all is sent, in order per person, and nothing is given up."""
    people = [f"p{number}" for number in range(12)]
    rng = random.Random(7)
    jobs = [replace(each, data='{"again": 1}') if rng.random() < 0.03 else each for each in parcels(40, people)]
    await engine.put(jobs)
    crew = workers(pace=0.005)
    crew.keep_up(2)
    for share in (0.15, 0.5):
        await until(lambda share=share: len(set(crew.sent())) >= share * len(jobs))
        victim = crew.running[0]
        victim.kill()
        victim.wait(30)
        crew.keep_up(2)
    await until(lambda: len(set(crew.sent())) == len(jobs))
    crew.stop()
    assert not crew.disorder(crew.sent())
    assert await engine.dead_letters() == []
