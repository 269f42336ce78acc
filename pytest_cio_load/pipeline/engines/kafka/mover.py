"""Writes jobs to the retry and the dead-letter topic, in the order in which it was decided, until each is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from pytest_cio_load.pipeline.engines.kafka import wire
from pytest_cio_load.pipeline.engines.kafka.link import Link
from pytest_cio_load.pipeline.engines.kafka.picks import Move, Place, Source

if TYPE_CHECKING:
    from pytest_cio_load.errors import QueueUnavailable
    from pytest_cio_load.pipeline.engines.kafka.part import Part
    from pytest_cio_load.pipeline.engines.kafka.sender import Sender

_MOST = 500
_AGAIN = 0.5

_Spot = tuple["Part", Source, int]


@dataclass(slots=True, eq=False)
class _Item:
    move: Move
    message: wire.Outgoing
    written: asyncio.Future[None] | None = None

    def tell(self, error: QueueUnavailable | None = None) -> None:
        """Wake whoever waits."""
        waiter, self.written = self.written, None
        if waiter is not None and not waiter.done():
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)


class Mover:
    """Writes jobs to other topics for one consumer.

    Args:
        link: where the brokers are.
        sender: writes messages.
        main: the main topic's name.
        today: unix seconds.
        moved: is told what was written, and to which offset.
    """

    def __init__(self, link: Link, sender: Sender, main: str, today: Callable[[], float], moved: Callable[[Move, int], None]) -> None:
        self._link, self._sender, self._main, self._today, self._moved = link, sender, main, today, moved
        self._items: dict[_Spot, _Item] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, moves: Iterable[Move]) -> None:
        """Write these, after what was added before."""
        for move in moves:
            self._items[move.part, move.source, move.record.offset] = _Item(move, self._message(move))
        if self._items and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    def _message(self, move: Move) -> wire.Outgoing:
        if move.reason is None:
            return wire.parked(wire.retry_of(self._main), move.part.number, move.record, move.not_before)
        return wire.buried(wire.dead_of(self._main), move.record, move.reason, self._today())

    async def written(self, places: Sequence[Place]) -> None:
        """Wait until these are written, or nobody's business any more. Raises QueueUnavailable; they go on being tried."""
        loop = asyncio.get_running_loop()
        waits = []
        for place in places:
            item = self._items.get((place.part, place.source, place.record.offset))
            if item is not None:
                item.written = item.written or loop.create_future()
                waits.append(item.written)
        if waits:
            results = await asyncio.gather(*(asyncio.shield(each) for each in waits), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _run(self) -> None:
        while self._items:
            batch = list(islice(self._items.items(), _MOST))
            results = await self._sender.send([item.message for _, item in batch])
            failed = ""
            for (spot, item), result in zip(batch, results, strict=True):
                if spot not in self._items:
                    continue
                if isinstance(result, str):
                    # What follows was perhaps written: it is written again, so that it is behind this one.
                    failed = result
                    break
                del self._items[spot]
                self._moved(item.move, result)
                item.tell()
            if failed:
                self._fail(failed)
                await asyncio.sleep(_AGAIN)

    def _fail(self, why: str) -> None:
        error = self._link.unavailable("moving jobs to another topic", why)
        for spot, item in list(self._items.items()):
            if spot[0].gone or spot[0].leaving:
                # Its next owner reads it from where it was.
                del self._items[spot]
                item.tell()
            else:
                item.tell(error)

    def forget(self, part: Part) -> None:
        """A partition is somebody else's: what was not written yet is not ours to write."""
        for spot in [spot for spot in self._items if spot[0] is part]:
            self._items.pop(spot).tell()

    async def aclose(self) -> None:
        """Write no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for item in self._items.values():
            item.tell()
        self._items.clear()
