"""Waiting until there is something to take: BullMQ's marker, a sorted set that says when."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

from pytest_cio_load.pipeline.engines.bullmq.held import Held
from pytest_cio_load.pipeline.engines.bullmq.link import Link

LONGEST = 5.0
"""Seconds that a connection is blocked at most: one that broke without a word is noticed after that and the link's time-out."""


def seconds_until(due: int, now: float) -> float:
    """From *now*, unix seconds, to *due*, unix ms; 0.0 when it is past."""
    return max(0.0, due / 1000 - now)


class Marker:
    """Waits on the markers of several queues at once, on a connection of its own.

    A member's score is the moment, in unix ms, when a job falls due, or 0 for now. Who waits takes the member away; whoever takes a job
    afterwards puts it there again when there may be more.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._client: Any = None
        self._touching: set[asyncio.Task[None]] = set()

    async def wait(self, queues: Sequence[Held], most: float, changed: asyncio.Event) -> None:
        """Wait until there may be something to take from *queues*, they *changed*, or *most* seconds are over.

        Raises:
            QueueUnavailable: the server cannot be reached.
        """
        open_ = [held for held in queues if held.leaving is None]
        end = time.monotonic() + most
        alarm = asyncio.create_task(changed.wait())
        try:
            while (left := end - time.monotonic()) > 0 and not changed.is_set():
                dues = [seconds_until(held.due, time.time()) for held in open_ if held.due]
                left = min(left, LONGEST, *dues)
                if left <= 0 or not await self._once(open_, left, alarm):
                    return
        finally:
            alarm.cancel()
            # Awaited itself, its cancellation could not be told from ours, which must not be lost.
            await asyncio.wait([alarm])

    async def _once(self, queues: list[Held], left: float, alarm: asyncio.Task[Any]) -> bool:
        """Whether to go on waiting."""
        if not queues:
            await asyncio.wait([alarm], timeout=left)
            return False
        pop = asyncio.create_task(self._popped([f"{held.base}marker" for held in queues], left))
        try:
            await asyncio.wait([pop, alarm], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not pop.done():
                pop.cancel()
                try:
                    await asyncio.wait([pop])
                finally:
                    # It may have taken a member away that was for another worker.
                    self._touch([held for held in queues if not held.lease])
                if not pop.cancelled():
                    pop.exception()
        found = pop.result() if not pop.cancelled() else None
        if found is None:
            return False
        score = float(found[2])
        if score / 1000 <= time.time():
            return False
        for held in queues:
            if found[0] == f"{held.base}marker":
                held.due = int(score)
        return True

    async def _popped(self, keys: list[str], left: float) -> Any:
        if self._client is None:
            self._client = self._link.opened(LONGEST + self._link.timeout)
        client = self._client
        return await self._link.ask(lambda: client.bzpopmin(keys, max(0.001, round(left, 3))))

    def _touch(self, queues: list[Held]) -> None:
        for held in queues:
            task = asyncio.create_task(self._touched(held.base))
            self._touching.add(task)
            task.add_done_callback(self._touching.discard)

    async def _touched(self, base: str) -> None:
        # Without it the other worker looks again by itself, only later.
        with contextlib.suppress(Exception):
            await self._link.client.zadd(f"{base}marker", {"0": 0})

    async def close(self) -> None:
        """Close the connection."""
        if self._touching:
            await asyncio.wait(self._touching)
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()
