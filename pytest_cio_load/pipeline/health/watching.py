"""Asks a queue for its figures, for whoever wants to show them, once a second at most."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_cio_load.errors import CioLoadError
from pytest_cio_load.pipeline.health.figures import QueueFigures

if TYPE_CHECKING:
    from pytest_cio_load.pipeline.engines.engine import Engine, Totals

EVERY = 1.0
"""Seconds that figures are good for, and that a trouble is."""

PATIENCE = 5.0
"""Seconds to wait for figures; less than a scrape gets."""


class Watch:
    """The figures of a queue, as fresh as a second.

    Args:
        engine: of the queue.
        every: seconds that figures are good for.
        patience: seconds to wait for them.
        now: seconds on a monotonic clock.
        totals: gives what has become of jobs in place of the engine, where that counts for its own process only; or None.

    Attributes:
        last: the latest figures that were had, however old; None before the first.
        trouble: why there are none now, or "".
    """

    def __init__(
        self,
        engine: Engine,
        *,
        every: float = EVERY,
        patience: float = PATIENCE,
        now: Callable[[], float] = time.monotonic,
        totals: Callable[[], Totals] | None = None,
    ) -> None:
        self.last: QueueFigures | None = None
        self.trouble = ""
        self._engine, self._every, self._patience, self._now = engine, every, patience, now
        self._totals = totals
        self._looked: float | None = None
        self._one = asyncio.Lock()

    @property
    def queue(self) -> str:
        """Its name."""
        return self._engine.name

    async def look(self, *, fresh: bool = False) -> QueueFigures | None:
        """The figures; None when the queue cannot be reached. Whoever asks while somebody asks already gets the same answer.

        *fresh*: ask it now, however lately it was asked.
        """
        async with self._one:
            if fresh or self._looked is None or self._now() - self._looked >= self._every:
                await self._ask()
                self._looked = self._now()
            return None if self.trouble else self.last

    async def _ask(self) -> None:
        engine = self._engine
        try:
            async with asyncio.timeout(self._patience):
                depth, age = await engine.depth(), await engine.age()
                totals = await engine.totals() if self._totals is None else self._totals()
        except TimeoutError:
            self.trouble = f"queue {engine.name}: got no figures in {self._patience:g} s; expected them at once; look at its server"
        except (CioLoadError, OSError) as error:
            self.trouble = str(error)
        else:
            self.last, self.trouble = QueueFigures(engine.name, self._now(), depth, age, totals), ""
