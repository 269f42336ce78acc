"""Writes jobs to the retry and the dead-letter topic, in the order in which it was decided, until each is there.

A job that its topic will never take must not hold up what is behind it. It is tried once more alone, for it may have been refused for its
neighbours in a batch; then given up, if it was to be parked; then buried without its data; and at last dropped, with an error in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from pytest_cio_load.pipeline.engines.kafka import wire
from pytest_cio_load.pipeline.engines.kafka.link import Link, log
from pytest_cio_load.pipeline.engines.kafka.picks import Move, Place, Source
from pytest_cio_load.pipeline.engines.kafka.sender import Unfit

if TYPE_CHECKING:
    from pytest_cio_load.errors import QueueUnavailable
    from pytest_cio_load.pipeline.engines.kafka.part import Part
    from pytest_cio_load.pipeline.engines.kafka.sender import Sender

_MOST = 500
_AGAIN = 0.5
_LOOK = 0.05
_BARE = "; its data is left out: no broker takes it"

_Spot = tuple["Part", Source, int]


@dataclass(slots=True, eq=False)
class _Item:
    move: Move
    message: wire.Outgoing
    written: asyncio.Future[None] | None = None
    alone: bool = False
    bare: bool = False

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
        sure: whether our partitions are ours for sure; nothing is written otherwise, since somebody else may have done it meanwhile.
        moved: is told what was written, and to which offset.
    """

    def __init__(
        self,
        link: Link,
        sender: Sender,
        main: str,
        today: Callable[[], float],
        sure: Callable[[], bool],
        moved: Callable[[Move, int], None],
    ) -> None:
        self._link, self._sender, self._main = link, sender, main
        self._today, self._sure, self._moved = today, sure, moved
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
            failed = await self._write(self._batch()) if await self._ours() else "no word of the group"
            if failed:
                self._fail(failed)
                await asyncio.sleep(_AGAIN)

    async def _ours(self) -> bool:
        """Wait until our partitions are ours for sure; False when that takes too long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._link.timeout
        while not self._sure() and self._items and loop.time() < until:
            await asyncio.sleep(_LOOK)
        return self._sure() or not self._items

    def _batch(self) -> list[tuple[_Spot, _Item]]:
        """What is written next: the first ones, up to one that must be alone."""
        batch: list[tuple[_Spot, _Item]] = []
        for spot, item in islice(self._items.items(), _MOST):
            if item.alone and batch:
                break
            batch.append((spot, item))
            if item.alone:
                break
        return batch

    async def _write(self, batch: list[tuple[_Spot, _Item]]) -> str:
        """Write these; why the first that was not written was not, or "" when that is dealt with."""
        results = await self._sender.send([item.message for _, item in batch])
        failed, missing = "", set()
        for (spot, item), result in zip(batch, results, strict=True):
            lane = (spot[0], item.move.record.lane)
            if spot not in self._items:
                continue
            if isinstance(result, Unfit):
                if not self._spare(spot, item, result):
                    missing.add(lane)
            elif isinstance(result, str):
                missing.add(lane)
                failed = failed or result
            elif lane not in missing:
                # Otherwise it is written again, so that it is behind the one before it.
                self._done(spot, item, result)
        return failed

    def _done(self, spot: _Spot, item: _Item, offset: int) -> None:
        del self._items[spot]
        self._moved(item.move, offset)
        item.tell()

    def _spare(self, spot: _Spot, item: _Item, why: str) -> bool:
        """Do the next best with a job that its topic does not take; whether that was all, so that there is no need to write it again."""
        move = item.move
        if not item.alone:
            item.alone = True
        elif move.reason is None:
            item.move = move.part.condemn(move, _unfit(item.message, why))
            item.message = self._message(item.move)
        elif not item.bare:
            item.bare = True
            bare = replace(move, reason=wire.cut(move.reason, wire.REASON - len(_BARE)) + _BARE)
            item.message = replace(self._message(bare), value=b"")
        else:
            said = "%s: job %s is dropped: got %s for its dead letter; expected a topic that takes it; it was given up for: %s"
            log.error(said, self._main, move.record.id, why, move.reason)
            self._done(spot, item, -1)
            return True
        return False

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


def _unfit(message: wire.Outgoing, why: str) -> str:
    got = f"it could not be put aside for another try: got {why} for {len(message.value or b''):,} bytes of data"
    return f"{got}; expected what {message.topic} takes; raise its max.message.bytes"
