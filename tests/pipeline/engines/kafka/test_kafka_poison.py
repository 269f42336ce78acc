"""A job that kills workers, on Kafka."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pytest_cio_load.pipeline.engines.engine import Parcel
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine


@pytest.mark.asyncio
async def test_a_poison_job_is_given_up_and_no_other(
    engine: KafkaEngine, workers: Callable[..., Any], until: Callable[[Callable[[], object]], Awaitable[None]]
) -> None:
    """It kills three workers, and is a dead letter; everything else is sent, that of its own person too."""
    ids = [f"p{person}-{number}" for number in range(5) for person in range(8)]
    poison = ids[12]
    await engine.put([Parcel(id, "track", '{"poison": 1}' if id == poison else "{}", id[:2], enqueued_at=time.time()) for id in ids])
    crew = workers()

    def all_sent() -> bool:
        crew.keep_up(1)
        return len(set(crew.sent())) == len(ids) - 1

    await until(all_sent)
    crew.stop()
    letters = await engine.dead_letters()
    assert [letter.id for letter in letters] == [poison]
    assert letters[0].reason == (
        "its worker was killed 3 times while it was under way; expected an answer; look at what the job makes the worker do"
    )
    assert [job for job, _ in crew.lines("taken")].count(poison) == 3
