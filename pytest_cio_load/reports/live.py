"""Progress of a wall-clock run while it runs: a live line with rich on a terminal, a plain line every 10 s in CI, else nothing.

In virtual time there is nothing to watch. In a worker of pytest-xdist there is nobody to tell.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from pytest_cio_load.units import show_count, show_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.load.clock import Clock
    from pytest_cio_load.metrics.recorder import Recorder

MICROSECONDS = 1_000_000
LIVE_EVERY = 250_000
PLAIN_EVERY = 10 * MICROSECONDS
_P95 = Fraction(95)


class Watched(Protocol):
    """A run that is being measured."""

    clock: Clock
    contract: Contract
    recorder: Recorder
    planned: int


@contextmanager
def live(config: pytest.Config, measurement: Watched, name: str) -> Iterator[Callable[[int], None] | None]:
    """Show progress while the block runs; gives what the driver is to tell the time to, or None where there is nothing to show."""
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    if measurement.clock.name != "wall" or reporter is None or hasattr(config, "workerinput") or config.option.verbose < 0:
        yield None
        return
    capture = config.pluginmanager.getplugin("capturemanager")
    uncaptured: Callable[[], Any] = capture.global_and_fixture_disabled if capture is not None else nullcontext
    if os.environ.get("CI"):
        yield _every(PLAIN_EVERY, lambda now: _plain_line(reporter, uncaptured, f"{name}  {progress_text(measurement, now)}"))
    elif reporter.isatty and os.environ.get("TERM") != "dumb":
        with _rich_bar(reporter, uncaptured, measurement) as tell:
            yield _every(LIVE_EVERY, tell)
    else:
        yield None


def progress_text(measurement: Watched, now: int) -> str:
    """``12 s of 60 s  960 of 4,800  p(95) 52.3 ms  0 errors  0 dropped``"""
    recorder = measurement.recorder
    response, errors, dropped = (recorder.read(metric) for metric in ("response", "errors", "dropped"))
    p95 = f"p(95) {show_ms(response.read('p', _P95, 0))}  " if response is not None else ""
    counted = [
        f"{show_count(int(metric.read('count', None, 0)))} {word}"
        for metric, word in ((errors, "errors"), (dropped, "dropped"))
        if metric is not None
    ]
    whole = float(measurement.contract.profile.duration)
    done = f"{show_count(recorder.seen)} of {show_count(measurement.planned)}"
    return f"{now / MICROSECONDS:.0f} s of {whole:g} s  {done}  {p95}{'  '.join(counted)}"


def _every(period: int, tell: Callable[[int], None]) -> Callable[[int], None]:
    last = 0

    def progress(now: int) -> None:
        nonlocal last
        if now - last >= period:
            last = now
            tell(now)

    return progress


def _plain_line(reporter: Any, uncaptured: Callable[[], Any], text: str) -> None:
    with uncaptured():
        reporter.ensure_newline()
        reporter.write_line(text)
        reporter.flush()


@contextmanager
def _rich_bar(reporter: Any, uncaptured: Callable[[], Any], measurement: Watched) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    width = reporter.screen_width if hasattr(reporter, "screen_width") else 80
    console = Console(file=reporter._tw._file, force_terminal=True, no_color=not reporter.hasmarkup, width=width)
    whole = max(float(measurement.contract.profile.duration), 0.001)

    def bar(now: int) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=14)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_row(ProgressBar(total=whole, completed=min(now / MICROSECONDS, whole), width=14), progress_text(measurement, now))
        return table

    shown = Live(bar(0), console=console, auto_refresh=False, transient=True)
    with uncaptured():
        reporter.ensure_newline()
        shown.start()

    def tell(now: int) -> None:
        with uncaptured():
            shown.update(bar(now), refresh=True)

    try:
        yield tell
    finally:
        with uncaptured():
            shown.stop()
