"""Watching what becomes of calls that were accepted, beside the run that makes them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import import_module
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.staging.canary import Canary
    from pytest_cio_load.staging.sightings import Sightings

WATCHED = frozenset(
    {"processing_lag", "applied", "unseen", "failed_attribute_change", "failed_event", "failed_batch_update", "skipped_update"}
)
"""Metrics that only a canary can fill. A real workspace always has one; elsewhere, a clause on one of them asks for it."""


PATIENCE = 120.0
"""Seconds that a canary is looked for."""


def patience_for(contract: Contract) -> float:
    """Seconds that a canary is looked for.

    One that is given up counts with the time it was waited for: that has to be longer than what was promised.
    """
    bounds = [clause.bound / 1000 for clause in contract.thresholds if clause.metric == "processing_lag" and clause.unit == "ms"]
    return max([PATIENCE, *(bound * 1.5 for bound in bounds)])


class Watch:
    """A canary beside an async run, in its loop.

    Args:
        make: gives the canary.
    """

    def __init__(self, make: Callable[[], Canary]) -> None:
        self._canary = make()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """The run begins."""
        self._task = asyncio.create_task(self._canary.run())

    async def finish(self) -> Sightings:
        """The run is over: what was seen, once the last canary was, or was given up."""
        self._canary.stop()
        assert self._task is not None
        await self._task
        return await self._canary.finish()

    async def aclose(self) -> None:
        """Close the canary's connections; a run that was cut short is not waited for."""
        if self._task is not None:
            # Told as well as cancelled: an engine that had its answer in that very moment may have swallowed the cancellation.
            self._canary.stop()
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._canary.aclose()


class ThreadWatch:
    """A canary beside a sync run, in a thread with a loop of its own. Arguments as of `Watch`."""

    def __init__(self, make: Callable[[], Canary]) -> None:
        self._make, self._over, self._abandoned = make, Event(), Event()
        self._seen: Sightings | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="cio-load-canary", daemon=True)

    def start(self) -> None:
        """The run begins."""
        with suppress(ImportError):  # it is an extra
            # First imported in a thread that ends, it brings down the process when another thread uses it (pyreqwest 0.15).
            import_module("pyreqwest.client")
        self._thread.start()

    def finish(self) -> Sightings:
        """As of `Watch`. Raises what ended the canary."""
        self._over.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._seen is not None
        return self._seen

    def close(self) -> None:
        """End it, seen or not."""
        self._abandoned.set()
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except BaseException as error:  # whoever finishes has to know, whatever it was
            self._error = error

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        watch = Watch(self._make)
        watch.start()
        try:
            await loop.run_in_executor(None, self._over.wait)
            if not self._abandoned.is_set():
                self._seen = await watch.finish()
        finally:
            await watch.aclose()
