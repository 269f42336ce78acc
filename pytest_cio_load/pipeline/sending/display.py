"""What a person sees meanwhile: a bar on a terminal, else a line every 10 s; and the summary at the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from pytest_cio_load.units import show_count, show_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

LIVE_EVERY = 0.25
PLAIN_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class View:
    """A run at one moment.

    Attributes:
        lines: with an outcome, those of the runs before included.
        failed: of these.
        sent: lines that got their outcome in this run.
        done, total: of the input, in its own measure; *total* is None when it is not known.
        begun: where in it this run began.
        seconds: since then.
        waiting: seconds for which there has been no answer, or None.
    """

    lines: int
    failed: int
    sent: int
    done: int
    total: int | None
    begun: int
    seconds: float
    waiting: float | None = None

    @property
    def remaining(self) -> float | None:
        """Seconds until the end at this run's pace; None when it cannot be told."""
        if self.total is None or self.done <= self.begun or self.seconds <= 0:
            return None
        return max(0, self.total - self.done) * self.seconds / (self.done - self.begun)

    def text(self) -> str:
        """``412,000 lines  24,310 lines/s  ETA 24s  3 failed``"""
        pace = self.sent / self.seconds if self.seconds > 0 else 0.0
        parts = [f"{show_count(self.lines)} lines", f"{show_count(pace)} lines/s"]
        if self.remaining is not None:
            parts.append(f"ETA {show_duration(round(self.remaining))}")
        parts.append(f"{show_count(self.failed)} failed")
        if self.waiting is not None:
            parts.append(f"no answer for {show_duration(round(self.waiting))}, trying again")
        return "  ".join(parts)


@asynccontextmanager
async def shown(look: Callable[[], View], stream: TextIO, *, quiet: bool) -> AsyncIterator[None]:
    """Show progress on *stream* while the block runs, unless *quiet*."""
    if quiet:
        yield
        return
    live = stream.isatty() and os.environ.get("TERM") != "dumb"
    with _bar(stream) if live else _lines(stream) as tell:
        ticking = asyncio.create_task(_tick(lambda: tell(look()), LIVE_EVERY if live else PLAIN_EVERY))
        try:
            yield
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking


async def _tick(tell: Callable[[], None], every: float) -> None:
    while True:
        await asyncio.sleep(every)
        tell()


@contextmanager
def _lines(stream: TextIO) -> Iterator[Callable[[View], None]]:
    yield lambda view: print(view.text(), file=stream, flush=True)


@contextmanager
def _bar(stream: TextIO) -> Iterator[Callable[[View], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    def bar(view: View) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=24)
        table.add_column(no_wrap=True, overflow="ellipsis")
        # Without a total the bar pulses.
        whole = None if view.total is None else max(view.total, 1)
        table.add_row(ProgressBar(total=whole, completed=view.done, width=24, pulse=whole is None), Text(view.text()))
        return table

    live = Live(console=Console(file=stream), auto_refresh=False, transient=True)
    with live:
        yield lambda view: live.update(bar(view), refresh=True)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() - self._began


def summary(path: str, lines: int, failed: int, seconds: float, *, sent: int, resumed: int) -> str:
    """``people.jsonl: 1,000,000 lines, 999,997 accepted, 3 failed; 41.2s (24,271 lines/s)``"""
    counts = f"{show_count(lines)} lines, {show_count(lines - failed)} accepted, {show_count(failed)} failed"
    pace = f" ({show_count(sent / seconds)} lines/s)" if seconds > 0 else ""
    again = f"; resumed, {show_count(sent)} of them now" if resumed else ""
    return f"{path}: {counts}; {show_duration(round(seconds, 1))}{pace}{again}"
