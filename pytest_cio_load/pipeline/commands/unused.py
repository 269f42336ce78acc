"""A queue that nobody has ever used, which a mistyped name or another folder looks like: it is said, with queues that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cio_load.errors import QueueError
from pytest_cio_load.pipeline.opening import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.pipeline.engines.engine import Engine, State, Totals
    from pytest_cio_load.pipeline.opening import Address


def is_unused(address: Address, depth: Mapping[State, int], totals: Totals) -> bool:
    """Whether no job has ever been there, as far as the queue at *address* counts that."""
    counts = (totals.enqueued, totals.done, totals.retried, totals.redelivered, totals.dead)
    return address.kind.counts_together and not any(depth.values()) and not any(counts)


async def said_of_unused(engine: Engine, address: Address) -> str:
    """That nothing was ever enqueued into a queue that is unused, where that was looked for, and what other queues are there."""
    others = await _others(engine, address)
    hint = f"; there are {', '.join(others)}" if others else ""
    return f"nothing was ever enqueued into {engine.name} here ({address.shown}){hint}"


async def _others(engine: Engine, address: Address) -> list[str]:
    if address.kind not in (Kind.REDIS, Kind.EMBEDDED):
        return []
    from pytest_cio_load.pipeline.opened import RedisQueue

    try:
        return await engine.others() if isinstance(engine, RedisQueue) else []
    except QueueError:
        return []
