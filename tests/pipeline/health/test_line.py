"""The line in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines.engine import State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.health.figures import QueueFigures, WorkerFigures
from pytest_cio_load.pipeline.health.line import circuits, keep_logging, line_of
from pytest_cio_load.pipeline.health.watching import Watch

MakeQueue = Callable[..., QueueFigures]
MakeWorker = Callable[..., WorkerFigures]


def test_a_line(queue: MakeQueue, worker: MakeWorker) -> None:
    """Depth, rates, age, latency, limiter and circuit: what has changed since the line before."""
    before = queue(0, enqueued=1000, done=900, latency={50_000: 900})
    now = queue(
        30, waiting=1200, prioritized=4, active=10, delayed=3, enqueued=3406, done=3297, age=15.1, latency={50_000: 950, 210_000: 2347}
    )
    said = line_of(before, now, [worker(limited=1.0)], [worker(limited=4.0), worker("two", limited=1.2)])
    assert said == (
        "queue cio-events: 1,204 waiting, 10 active, 3 delayed, 0 dead; in 80.2/s, out 79.9/s; oldest 15.1 s; p95 210.0 ms; "
        "limiter waited 4.2 s; circuit closed"
    )


def test_a_first_line(queue: MakeQueue) -> None:
    """Without a moment before, and without workers, only what is known is said."""
    assert line_of(None, queue(0, failed=2)) == "queue cio-events: 0 waiting, 0 active, 0 delayed, 2 dead; oldest 0.0 s"


def test_open_circuits(worker: MakeWorker) -> None:
    """Of which workspaces, each once, and when the next request tries."""
    workers = [worker(circuit="open", until=3.21), worker("two", circuit="open", until=12.34), worker("three", workspace="efgh…")]
    assert circuits(workers) == "circuit open for abcd…, next try in 12.3s"


class Sometimes(MemoryEngine):
    """Cannot be reached the second time."""

    times = 0

    async def depth(self) -> dict[State, int]:
        """Or the error."""
        self.times += 1
        if self.times == 2:
            raise QueueUnavailable("redis 127.0.0.1:1: got no connection")
        return await super().depth()


@pytest.mark.asyncio
async def test_lines_in_the_log(caplog: pytest.LogCaptureFixture, worker: MakeWorker) -> None:
    """One after the other, also when the queue was away in between."""
    watch = Watch(Sometimes(), every=0.0)
    with caplog.at_level(logging.INFO, "pytest_cio_load.pipeline"):
        logging_ = asyncio.create_task(keep_logging(watch, lambda: [worker()], every=0.01))
        async with asyncio.timeout(30):
            while len(caplog.records) < 2:
                await asyncio.sleep(0.01)
        logging_.cancel()
        await asyncio.gather(logging_, return_exceptions=True)
    assert caplog.messages[-1].startswith("since the start: queue cio-events: 0 waiting, 0 active, 0 delayed, 0 dead; out 0.0/s")
    assert caplog.messages[0] == "redis 127.0.0.1:1: got no connection; circuit closed"
    assert caplog.messages[1].startswith("queue cio-events: 0 waiting, 0 active, 0 delayed, 0 dead; out 0.0/s; oldest 0.0 s; ")
