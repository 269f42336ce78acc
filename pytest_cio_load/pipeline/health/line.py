"""The figures of a queue and its workers as a line in the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_cio_load.pipeline.engines.engine import State
from pytest_cio_load.pipeline.health.figures import (
    WAITING,
    QueueFigures,
    WorkerFigures,
    latency_between,
    percentile,
    rates_between,
)
from pytest_cio_load.units import show_count, show_duration, show_ms

if TYPE_CHECKING:
    from pytest_cio_load.pipeline.health.watching import Watch

EVERY = 30.0
"""Seconds between two lines, unless told otherwise."""

_LAST = 0.5

log = logging.getLogger("pytest_cio_load.pipeline")


def line_of(
    before: QueueFigures | None,
    now: QueueFigures,
    workers_before: Sequence[WorkerFigures] = (),
    workers: Sequence[WorkerFigures] = (),
) -> str:
    """One line: depth, rates and latency since *before*, and how the workers' gates stand.

    ``queue cio-events: 1,204 waiting, 10 active, 3 delayed, 0 dead; in 80.2/s, out 79.9/s; oldest 15.1 s; p95 210 ms; limiter waited 4.2 s;
    circuit closed``
    """
    counts = ((WAITING, "waiting"), ((State.ACTIVE,), "active"), ((State.DELAYED,), "delayed"), ((State.FAILED,), "dead"))
    parts = [", ".join(f"{show_count(now.count(*states))} {word}" for states, word in counts)]
    rates = rates_between(before, now)
    if rates is not None:
        came = "" if rates.came is None else f"in {rates.came:.1f}/s, "
        parts.append(f"{came}out {rates.went:.1f}/s")
    parts.append(f"oldest {now.age:.1f} s")
    p95 = percentile(latency_between(before, now), 95)
    if p95 is not None:
        parts.append(f"p95 {show_ms(p95 * 1000)}")
    if workers:
        earlier = {each.worker: each.limited for each in workers_before}
        waited = sum(max(0.0, each.limited - earlier.get(each.worker, 0.0)) for each in workers)
        parts += [f"limiter waited {waited:.1f} s", circuits(workers)]
    return f"queue {now.queue}: {'; '.join(parts)}"


def circuits(workers: Sequence[WorkerFigures]) -> str:
    """``circuit closed``, or of which workspaces it is open and when the next request tries."""
    gates = [gate for worker in workers for gate in worker.gates if gate.is_open]
    if not gates:
        return "circuit closed"
    shut = ", ".join(sorted({gate.workspace for gate in gates}))
    return f"circuit open for {shut}, next try in {show_duration(round(max(gate.until for gate in gates), 1))}"


async def keep_logging(watch: Watch, workers: Callable[[], Sequence[WorkerFigures]], every: float = EVERY) -> None:
    """Log a line every so many seconds, until cancelled, and then one about all of that time.

    While the queue cannot be reached it says that; a last line that takes long is left out, for the process is about to end.
    """
    first, workers_first = await watch.look(), list(workers())
    try:
        await _keep(watch, workers, every, first, workers_first)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST):
                if not watch.trouble and (last := await watch.look(fresh=True)) is not None:
                    log.info("since the start: %s", line_of(first, last, workers_first, list(workers())))


async def _keep(
    watch: Watch,
    workers: Callable[[], Sequence[WorkerFigures]],
    every: float,
    before: QueueFigures | None,
    workers_before: Sequence[WorkerFigures],
) -> None:
    while True:
        await asyncio.sleep(every)
        now, present = await watch.look(), list(workers())
        if now is None:
            log.warning("%s; %s", watch.trouble, circuits(present))
            continue
        log.info("%s", line_of(before, now, workers_before, present))
        before, workers_before = now, present
