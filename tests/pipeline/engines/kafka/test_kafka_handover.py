"""Workers on Kafka whose partitions go to others: nothing is lost, nothing is overtaken, and nothing of others is sent."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
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


async def test_a_worker_that_was_stopped_sends_nothing_of_others(
    engine: KafkaEngine, workers: Callable[..., Workers], until: Until
) -> None:
    """It is stopped in the middle of its work for longer than its session; meanwhile another one does it. Then it goes on."""
    people = [f"p{number}" for number in range(12)]
    crew = workers(pace=0.02)
    stopped = crew.start()
    crew.start()
    await engine.put(parcels(2, people))
    await until(lambda: {worker for _, worker in crew.lines("sent")} == {"w1", "w2"})
    await engine.put(parcels(20, people, first=2))
    before = sum(worker == "w1" for _, worker in crew.lines("sent"))
    await until(lambda: sum(worker == "w1" for _, worker in crew.lines("sent")) > before + 10)
    stopped.send_signal(signal.SIGSTOP)
    await until(lambda: len(set(crew.sent())) == 22 * len(people))
    done = len(crew.lines("sent"))
    stopped.send_signal(signal.SIGCONT)
    await engine.put(parcels(2, people, first=22))
    await until(lambda: len(set(crew.sent())) == 24 * len(people))
    crew.stop()
    late = [job for job, worker in crew.lines("sent")[done:] if worker == "w1" and int(job.split("-")[1]) < 22]
    assert len(late) <= 1, "only what it was sending just then"
    sent = [job for place, (job, _) in enumerate(crew.lines("sent")) if place < done or job not in late]
    assert not crew.disorder(sent)
    assert await engine.dead_letters() == []


async def test_a_partition_is_shared_out_again(engine: KafkaEngine, workers: Callable[..., Workers], until: Until) -> None:
    """Workers come and leave in order while jobs are sent: nothing is done twice but what was under way, and order holds."""
    people = [f"p{number}" for number in range(12)]
    await engine.put(parcels(40, people))
    crew = workers(pace=0.01)
    first = crew.start()
    await until(lambda: len(set(crew.sent())) >= 60)
    crew.start()
    await until(lambda: any(worker == "w2" for _, worker in crew.lines("sent")))
    first.terminate()
    await asyncio.to_thread(first.wait, 60)
    await until(lambda: len(set(crew.sent())) == 40 * len(people))
    crew.stop()
    assert not crew.disorder(crew.sent())
