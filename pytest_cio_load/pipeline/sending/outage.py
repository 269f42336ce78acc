"""Whether what went wrong with a batch is about its lines, or passes, or must stop the run; and a client that waits for what passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any, TypeVar

from pytest_cio_load.customerio.client import Client
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.customerio.wire import Answer, Wire
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.errors import CustomerIOError, InvalidOperation, RateLimited, ServerFailed, Unreachable
from pytest_cio_load.units import show_duration

T = TypeVar("T")

SHORTEST, LONGEST = 0.5, 30.0
"""Seconds between tries of a batch that meets an outage."""

_ABOUT_THE_LINES = (400, 413, 422)
_REQUEST_TIMEOUT = 408


class Judgement(Enum):
    """What the failure of a whole batch means."""

    LINES = "its lines are at fault: they failed"
    OUTAGE = "it passes: try again"
    STOP = "every other batch would fare the same"


def judge(error: CustomerIOError) -> Judgement:
    """What the failure of a whole batch, after the client's own retries, means. Without an outcome no line has failed."""
    if isinstance(error, (Unreachable, RateLimited, ServerFailed)) or error.status == _REQUEST_TIMEOUT:
        return Judgement.OUTAGE
    if isinstance(error, InvalidOperation) or error.status in _ABOUT_THE_LINES:
        return Judgement.LINES
    return Judgement.STOP


class Outage:
    """How long to wait while Customer.io cannot be reached; shared by all batches under way. It reads no clock.

    Args:
        patience: seconds without any answer after which to give up.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.since: float | None = None

    def lost(self, now: float, asked: float | None = None) -> float | None:
        """Seconds until the next try: as long again as the outage has lasted, within bounds; None to give up.

        Args:
            now: seconds on the caller's clock.
            asked: seconds that the answer asked to wait, or None.
        """
        if self.since is None:
            self.since = now
        lasted = now - self.since
        if lasted >= self.patience:
            return None
        wait = max(SHORTEST, min(lasted, LONGEST), min(asked or 0.0, LONGEST))
        return min(wait, self.patience - lasted)

    def over(self) -> None:
        """There was an answer."""
        self.since = None


class Halt:
    """Whether the run is to end before the last line, and why. The first reason counts.

    Args:
        on_ask: is called once, when it is asked for.
    """

    def __init__(self, on_ask: Callable[[], None] = lambda: None) -> None:
        self.reason = ""
        self._asked = asyncio.Event()
        self._on_ask = on_ask

    @property
    def asked(self) -> bool:
        """Whether it is."""
        return self._asked.is_set()

    def ask(self, reason: str) -> None:
        """Have it end: what is under way is finished, nothing more begun."""
        if not self.asked:
            self.reason = reason
            self._asked.set()
            self._on_ask()

    async def within(self, seconds: float) -> None:
        """Wait so long, or until it is asked for."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), seconds)


class Unsettled(CustomerIOError):
    """The run ends without an outcome for these lines: they are neither accepted nor failed."""


class PatientClient(Client):
    """A client whose calls fail for what was asked only: an outage is waited for, and what dooms every call halts the run.

    Args:
        workspace, wire: as of `Client`.
        halt: asked for when it cannot go on.
        outage: how long to wait.
    """

    def __init__(self, workspace: Workspace, wire: Wire, *, halt: Halt, outage: Outage, **rest: Any) -> None:
        super().__init__(workspace, wire, **rest)
        self._halt, self._outage = halt, outage

    async def _drive(self, name: str, build: Callable[[], Operation], read: Callable[[Answer], T]) -> T:
        while not self._halt.asked:
            failed: CustomerIOError
            try:
                got = await super()._drive(name, build, read)
            except CustomerIOError as error:
                failed = error
            else:
                self._outage.over()
                return got
            judged = judge(failed)
            if judged is Judgement.LINES:
                self._outage.over()
                raise failed
            if judged is Judgement.STOP:
                self._halt.ask(str(failed))
            elif (wait := self._outage.lost(asyncio.get_running_loop().time(), failed.retry_after)) is None:
                self._halt.ask(f"gave up after {show_duration(self._outage.patience)} without an acceptance: {failed}")
            else:
                await self._halt.within(wait)
        raise Unsettled(name, "got the end of the run before an answer; expected one; go on with --resume")
