"""Asking a queue for its figures."""

from __future__ import annotations

import asyncio

import pytest

from pytest_cio_load.errors import QueueError, QueueUnavailable
from pytest_cio_load.pipeline.engines.engine import State, Totals
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.health.watching import Watch

pytestmark = pytest.mark.asyncio


class Asked(MemoryEngine):
    """Counts how often it is asked, and fails, or does not answer, as told."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def depth(self) -> dict[State, int]:
        """Or the error."""
        self.times += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return await super().depth()


class Hand:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_figures() -> None:
    """Everything that a queue tells, and when it did."""
    figures = await Watch(Asked(), now=Hand()).look()
    assert figures is not None
    assert (figures.queue, figures.at, figures.unfinished, figures.age, figures.totals.done) == ("cio-events", 100.0, 0, 0.0, 0)


async def test_once_a_second_at_most() -> None:
    """However often, and by however many, it is asked."""
    engine, hand = Asked(), Hand()
    watch = Watch(engine, now=hand)
    await asyncio.gather(*(watch.look() for _ in range(20)))
    hand.now += 0.99
    await watch.look()
    assert engine.times == 1
    hand.now += 0.01
    await watch.look()
    assert engine.times == 2


async def test_other_counts() -> None:
    """Where the engine counts for its own process only."""
    figures = await Watch(Asked(), totals=lambda: Totals(done=7)).look()
    assert figures is not None
    assert figures.totals.done == 7


async def test_now() -> None:
    """Or whenever somebody insists."""
    engine = Asked()
    watch = Watch(engine, now=Hand())
    await watch.look()
    await watch.look(fresh=True)
    assert engine.times == 2


@pytest.mark.parametrize("error", [QueueUnavailable("gone"), QueueError("gone"), ConnectionError("gone")])
async def test_trouble(error: Exception) -> None:
    """No figures, and why; what was known is kept, and nothing is asked again at once."""
    engine, hand = Asked(), Hand()
    watch = Watch(engine, now=hand)
    before = await watch.look()
    hand.now, engine.error = 102.0, error
    assert [await watch.look(), await watch.look()] == [None, None]
    assert (watch.trouble, watch.last, engine.times) == ("gone", before, 2)


async def test_after_trouble() -> None:
    """As soon as the queue answers there are figures again."""
    engine, hand = Asked(), Hand()
    watch = Watch(engine, now=hand)
    engine.error = QueueUnavailable("gone")
    await watch.look()
    hand.now, engine.error = 102.0, None
    assert await watch.look() is not None
    assert watch.trouble == ""


async def test_a_queue_that_does_not_answer() -> None:
    """Is waited for only so long."""
    engine = Asked()
    engine.answers.clear()
    watch = Watch(engine, patience=0.01)
    assert await watch.look() is None
    assert watch.trouble == "queue cio-events: got no figures in 0.01 s; expected them at once; look at its server"
