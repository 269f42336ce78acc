"""The sending itself: lines in, outcomes noted, and never more than a few batches in memory."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from pytest_cio_load.customerio.batch import Outcome
from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.customerio.operations.items import item_of
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.customerio.senders import BatchSender
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.errors import CustomerIOError, InvalidOperation
from pytest_cio_load.pipeline.sending.ahead import Ahead
from pytest_cio_load.pipeline.sending.journal import Notes
from pytest_cio_load.pipeline.sending.lines import LineIds, name_of
from pytest_cio_load.pipeline.sending.outage import Halt, Outage, PatientClient, Unsettled
from pytest_cio_load.pipeline.sending.sources import STDIN, Line, Source
from pytest_cio_load.pipeline.sending.tracker import Tracker

_KEEP_EVERY = 1.0
"""Seconds between two writings of the journal."""


@dataclass(frozen=True, slots=True)
class How:
    """How lines are sent.

    Attributes:
        workspace: whom they are sent to, and at which pace.
        items: operations per batch at most.
        in_flight: batches under way at once.
        patience: seconds that an outage may last.
        keep_lines: whether a failed line is written down itself, with all that it says of a person.
    """

    workspace: Workspace
    items: int
    in_flight: int
    patience: float
    keep_lines: bool = False


class Run:
    """Sends what has no outcome yet.

    Args:
        source: the lines.
        notes: what is known of them, and where more is written.
        how: the settings.

    Attributes:
        accepted, failed: lines, those of the runs before it included.
        at: the line that the reading has come to, or None.
        begun: how much of the input lay before the first line that was read.
        halted: why it ended before the last line; "" when it did not.
    """

    def __init__(self, source: Source, notes: Notes, how: How) -> None:
        self._source, self._notes, self._how = source, notes, how
        progress = notes.progress
        self._ids = LineIds(bytes.fromhex(progress.run), progress.began_ms)
        self._tracker = Tracker(progress.place)
        self.accepted, self.failed = progress.accepted, progress.failed
        self.at: Line | None = None
        self.begun = 0
        self.halted = ""
        self._outage = Outage(how.patience)

    @property
    def waits_since(self) -> float | None:
        """When the outage that it waits for began, on the loop's clock; None when it waits for none."""
        return self._outage.since

    async def send(self, on_signal: Callable[[], None] = lambda: None) -> None:
        """Send, until the last line or until it must stop. What is noted is right, however it ends.

        Args:
            on_signal: is called when the process is asked to end, and what is under way is being finished.

        Raises:
            ValueError: the source cannot be read any further; everything before it has been sent.
            CancelledError: it was asked to end a second time.
        """
        place = self._notes.progress.place
        piped = self._source.path == STDIN
        ahead = Ahead(self._source.lines() if piped else self._source.lines(place.number, place.offset), joins=not piped)
        halt = Halt(ahead.stop)
        wire = make_wire(self._how.workspace, connections=self._how.in_flight)
        finished = False
        try:
            async with PatientClient(self._how.workspace, wire, halt=halt, outage=self._outage) as client:
                sender = BatchSender(client, in_flight=self._how.in_flight, items=self._how.items)
                outcomes = cast("AsyncGenerator[Outcome, None]", sender.send(self._operations(ahead, halt)))
                async with aclosing(outcomes):
                    with _ended_in_order(halt, on_signal):
                        await self._note(outcomes)
            finished = not halt.asked
        finally:
            self.halted = halt.reason
            self._notes.keep(self._tracker.place(), self.accepted, finished=finished)
            ahead.close()

    async def _note(self, outcomes: AsyncIterator[Outcome]) -> None:
        due = time.monotonic() + _KEEP_EVERY
        async for outcome in outcomes:
            if isinstance(outcome.error, Unsettled):
                continue
            line = self._tracker.settle(outcome.index)
            if outcome.error is None:
                self.accepted += 1
            else:
                self._fail(line, name_of(outcome.operation), outcome.error, outcome.field)
            if time.monotonic() >= due:
                self._notes.keep(self._tracker.place(), self.accepted)
                due = time.monotonic() + _KEEP_EVERY

    async def _operations(self, ahead: Ahead, halt: Halt) -> AsyncIterator[Operation]:
        index = 0
        async for group in ahead:
            for line in group:
                if halt.asked:
                    return
                if self.at is None:
                    self.begun = self._source.done(line)
                self.at = line
                if not self._tracker.look(line):
                    continue
                try:
                    operation = self._source.operation(line, self._ids.at(line.number))
                except InvalidOperation as error:
                    self._fail(line, error.operation, error)
                    continue
                self._tracker.hold(index, line if self._how.keep_lines else Line(line.number, line.offset, None))
                index += 1
                yield operation

    def _fail(self, line: Line, name: str, error: CustomerIOError, field: str = "") -> None:
        self.failed += 1
        record: dict[str, object] = {"line": line.number, "operation": name, "reason": error.reason, "field": field}
        if self._how.keep_lines:
            record["content"] = self._source.content(line)
        self._notes.fail(record)


def problems(source: Source) -> Iterator[tuple[Line, InvalidOperation | None]]:
    """Every line, and what is wrong with it, as far as can be told without sending it; None for a sound one."""
    ids = LineIds(bytes(16), 0)
    for line in source.lines():
        wrong: InvalidOperation | None = None
        try:
            item_of(source.operation(line, ids.at(line.number)))
        except InvalidOperation as error:
            wrong = error
        yield line, wrong


@contextmanager
def _ended_in_order(halt: Halt, on_signal: Callable[[], None]) -> Iterator[None]:
    """Meanwhile, Ctrl-C or being asked to terminate ends the run in order; a second time, at once."""
    if threading.current_thread() is not threading.main_thread():  # signals are none of its business
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    before: dict[int, Any] = {}

    def asked(number: int) -> None:
        if not halt.asked:
            halt.ask(f"stopped by {signal.Signals(number).name}")
            on_signal()
        elif task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, lambda got, _: loop.call_soon_threadsafe(asked, got))
    try:
        yield
    finally:
        for which, handler in before.items():
            with suppress(TypeError):  # one that was not set from Python
                signal.signal(which, handler)
