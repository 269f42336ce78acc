"""Hands what became of jobs to the queue: in order, as many at once as there are, again and again while the queue cannot be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from pytest_cio_load.errors import QueueError, QueueMismatch
from pytest_cio_load.pipeline.engines.engine import Consumer, Settlement

_LAST = 2.0


class Settler:
    """Settles a worker's jobs.

    Args:
        consumer: the worker's hold on the queue.
        lost: is told that the queue cannot be reached, and waits until it is worth another try.
        changed: set whenever jobs have been settled.
        on_settled: is told every settlement, once the queue has it.

    Attributes:
        open: jobs taken that the queue does not yet know to be settled. Whoever takes some adds them.
    """

    def __init__(
        self,
        consumer: Consumer,
        lost: Callable[[QueueError], Awaitable[None]],
        changed: asyncio.Event,
        on_settled: Callable[[Settlement], None],
    ) -> None:
        self.open = 0
        self._consumer, self._lost, self._changed, self._on_settled = consumer, lost, changed, on_settled
        self._waiting: list[Settlement] = []
        self._handing: list[Settlement] = []
        self._some = asyncio.Event()

    def settle(self, settlements: Sequence[Settlement], *, first: bool = False) -> None:
        """Have jobs settled: behind what waits to be, or before it (*first*)."""
        place = 0 if first else len(self._waiting)
        self._waiting[place:place] = settlements
        self._some.set()

    async def run(self) -> None:
        """Hand over, until cancelled. Raises QueueMismatch."""
        while True:
            await self._some.wait()
            self._some.clear()
            self._handing, self._waiting = self._waiting, []
            while self._handing:
                try:
                    await self._hand_over()
                except QueueMismatch:
                    raise
                except QueueError as error:
                    await self._lost(error)

    async def finish(self, until: float) -> None:
        """Hand over what is left, once, and leave, as far as the queue can be reached. For when nothing else runs any more.

        *until*: on the loop's clock; each of the two ends by then, or takes some seconds, or a queue that does not answer would keep the
        process longer than it has.
        """
        self._handing += self._waiting
        self._waiting = []
        # What cannot be handed over is taken again. An error has been met before, and ended whatever called this.
        with suppress(Exception):
            async with asyncio.timeout_at(self._last(until)):
                await self._hand_over()
        with suppress(QueueError, OSError):
            async with asyncio.timeout_at(self._last(until)):
                await self._consumer.close()

    @staticmethod
    def _last(until: float) -> float:
        return max(until, asyncio.get_running_loop().time() + _LAST)

    async def _hand_over(self) -> None:
        await self._consumer.settle(self._handing)
        settled, self._handing = self._handing, []
        self.open -= len(settled)
        self._changed.set()
        for each in settled:
            self._on_settled(each)
