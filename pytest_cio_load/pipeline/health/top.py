"""The figures of a queue as a view that fits 80 columns. What it shows is decided here; ``commands.top`` asks and waits."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from pytest_cio_load.pipeline.engines.engine import State
from pytest_cio_load.pipeline.health.figures import (
    QueueFigures,
    Rates,
    latency_between,
    percentile,
    rates_between,
    time_to_empty,
)
from pytest_cio_load.units import show_count, show_duration, show_ms

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pytest_cio_load.pipeline.engines.engine import DeadLetter

KEPT = 61
"""Moments that are remembered: a minute of them, a second apart."""

RECENT = 5.0
"""Seconds over which rates are taken, so that they can be read."""

LETTERS = 5
"""Dead letters that are shown."""

_BARS = " ▁▂▃▄▅▆▇█"
_SPARKS = 30
_STATES = (
    ("waiting", State.WAITING),
    ("prioritized", State.PRIORITIZED),
    ("delayed", State.DELAYED),
    ("active", State.ACTIVE),
    ("dead", State.FAILED),
)


@dataclass(slots=True)
class History:
    """What a view remembers.

    Attributes:
        moments: figures of the last minute, the latest at the end.
        trouble: why there are none now, or "".
        letters: the newest dead letters, the newest first, each with its operation's name.
        note: what else is to be said of the queue, or "".
        counted: whether the queue counts what becomes of jobs; what it does not count is not shown.
    """

    moments: deque[QueueFigures] = field(default_factory=lambda: deque(maxlen=KEPT))
    trouble: str = ""
    letters: Sequence[tuple[str, DeadLetter]] = ()
    note: str = ""
    counted: bool = True

    def add(self, figures: QueueFigures | None, trouble: str = "") -> None:
        """What the queue answered, or why it did not."""
        self.trouble = trouble
        if figures is not None and (not self.moments or figures.at > self.moments[-1].at):
            self.moments.append(figures)

    def rates(self) -> Rates | None:
        """How fast jobs came and went lately."""
        if not self.moments:
            return None
        now = self.moments[-1]
        recent = next((each for each in self.moments if each.at >= now.at - RECENT - 0.5), now)
        return rates_between(recent, now)


def sparkline(values: Sequence[float], width: int = _SPARKS) -> str:
    """The last *width* of *values* as bars, the highest of them full; a value above 0 always has a bar."""
    shown = list(values)[-width:]
    highest = max(shown, default=0.0)
    if highest <= 0:
        return _BARS[1] * len(shown)
    steps = len(_BARS) - 1
    return "".join(_BARS[max(1, math.ceil(steps * max(0.0, value) / highest))] for value in shown)


def frame(history: History, place: str, now: float) -> RenderableType:
    """One picture.

    Args:
        history: what is remembered.
        place: where the queue is, without a password.
        now: unix seconds.
    """
    if not history.moments:
        return Group(Text(place, style="dim"), Text(history.trouble or "asking the queue …", style="bold red" if history.trouble else ""))
    figures = history.moments[-1]
    parts: list[RenderableType] = [_head(figures, place, now)]
    if history.trouble:
        parts.append(Text(f"what is shown is old: {history.trouble}", style="bold red"))
    if history.note:
        parts.append(Text(history.note, style="bold yellow"))
    parts += [Text(""), _depths(history), Text(""), _flow(history), Text(""), _since(figures, counted=history.counted)]
    if history.letters:
        parts += [Text(""), _dead(history.letters, now)]
    return Group(*parts)


def _head(figures: QueueFigures, place: str, now: float) -> RenderableType:
    head = Table.grid(expand=True)
    head.add_column(ratio=1, overflow="fold")
    head.add_column(justify="right", no_wrap=True)
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    head.add_row(Text.assemble((figures.queue, "bold"), "  ", (place, "dim")), Text(clock, style="dim"))
    return head


def _grid(*columns: str) -> Table:
    grid = Table.grid(padding=(0, 2))
    for justify in columns:
        grid.add_column(justify="right" if justify == ">" else "left", no_wrap=True)
    return grid


def _depths(history: History) -> RenderableType:
    grid = _grid("<", ">", "<")
    figures = history.moments[-1]
    for word, state in _STATES:
        count = figures.count(state)
        style = "bold red" if state is State.FAILED and count else "bold" if count else "dim"
        grid.add_row(Text(word, style=style), Text(show_count(count), style=style), _spark([each.count(state) for each in history.moments]))
    return grid


def _spark(values: Sequence[float]) -> Text:
    return Text(sparkline(values) if any(values) else "", style="cyan")


def _flow(history: History) -> RenderableType:
    figures, rates = history.moments[-1], history.rates()
    steps = [rates_between(*pair) for pair in zip(history.moments, list(history.moments)[1:], strict=False)]
    grid = _grid("<", ">", "<")
    for word, attribute in (("in", "came"), ("out", "went")) if history.counted else ():
        rate = None if rates is None else getattr(rates, attribute)
        shown = "-" if rate is None else f"{rate:,.1f}/s"
        grid.add_row(word, Text(shown, style="bold"), _spark([getattr(step, attribute) or 0.0 for step in steps if step is not None]))
    lately = latency_between(history.moments[0], figures) if len(history.moments) > 1 else {}
    latency, of_what = (lately, _span(history)) if lately else (dict(figures.totals.latency), "since it began")
    lines = [] if history.counted else [_changes(rates)]
    lines += [_ends(figures, rates), f"the oldest waits {figures.age:.1f} s" if figures.age else "nothing waits"]
    if latency:
        percentiles = "   ".join(f"p{percent} {_ms(percentile(latency, percent))}" for percent in (50, 95, 99))
        lines += ["", f"latency   {percentiles}", f"          of {show_count(sum(latency.values()))} jobs {of_what}"]
    return Group(*([grid] if history.counted else []), *(Text(line) for line in lines))


def _span(history: History) -> str:
    """How long has been watched."""
    seconds = max(1, round(history.moments[-1].at - history.moments[0].at))
    return "in the last minute" if seconds == KEPT - 1 else f"in the last {show_duration(seconds)}"


def _changes(rates: Rates | None) -> str:
    if rates is None or not rates.shrinks:
        return "as many as before"
    return f"{abs(rates.shrinks):,.1f}/s {'fewer' if rates.shrinks > 0 else 'more'}"


def _ends(figures: QueueFigures, rates: Rates | None) -> str:
    left = time_to_empty(figures, rates)
    if not figures.unfinished:
        return "empty"
    if left is None:
        return "not getting emptier" if rates is not None else "-"
    return f"empty in {show_duration(round(left))} at this rate" if left >= 1 else "empty in a moment"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else show_ms(seconds * 1000)


def _since(figures: QueueFigures, *, counted: bool) -> RenderableType:
    if not counted:
        return Text("rates and latency are in the /metrics of each worker: this queue keeps none", style="dim")
    totals = figures.totals
    counts = ("enqueued", "done", "retried", "redelivered", "dead")
    parts = [f"{show_count(getattr(totals, name))} {name}" for name in counts]
    return Text(f"since it began: {', '.join(parts)}", style="dim")


def _dead(letters: Sequence[tuple[str, DeadLetter]], now: float) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for operation, letter in letters:
        ago = f"{show_duration(round(max(0.0, now - letter.failed_at)))} ago"
        grid.add_row(Text(ago, style="dim"), operation, Text(" ".join(letter.reason.split()), style="red"))
    return Group(Text("newest dead letters", style="bold"), grid)
