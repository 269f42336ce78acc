"""Replicas and depth over time: as text for a terminal, and as SVG inside HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from pytest_cio_load.scaling.model.run import KEPT, most_of
from pytest_cio_load.units import show_count, show_duration

if TYPE_CHECKING:
    from pytest_cio_load.scaling.model.run import Run

WIDTH = 80
"""Columns."""

_LABEL = 11
_EIGHTHS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Lines:
    """What is plotted of a run: made from the run itself, or from its plain values, which other processes and JSON have.

    Attributes:
        title: what it shows.
        seconds: how long it was.
        depth: jobs that wait, at equal distances.
        wanted: pods that the autoscaler wants.
        ready: pods that work.
    """

    title: str
    seconds: int
    depth: Sequence[float]
    wanted: Sequence[float]
    ready: Sequence[float]

    @classmethod
    def of(cls, run: Run | Mapping[str, Any]) -> Lines:
        """From a run, or from what its ``plain()`` gave."""
        if isinstance(run, Mapping):
            lines = run["lines"]
            title = f"{run['autoscaler'] or 'autoscaler'}: {run['shown']}"
            return cls(title, run["seconds"], lines["depth"], lines["wanted"], lines["ready"])
        samples = run.samples
        return cls(f"{run.hpa.name or 'autoscaler'}: {run.shown}", run.seconds, samples.depth, samples.wanted, samples.ready)


def plot_lines(run: Run | Mapping[str, Any], *, width: int = WIDTH, height: int = 6) -> Iterator[str]:
    """Two charts under each other, of the depth and of the pods that work, with the same time below; at most *width* columns.

    A column shows the most of its time, so no peak is lost.

    Args:
        run: what is shown: a run, or its plain values.
        width: columns; at least 40.
        height: lines of each chart; at least 2.
    """
    columns, shown = max(width, 40) - _LABEL - 1, Lines.of(run)
    yield from _chart("waiting", shown.depth, columns, max(2, height))
    yield from _chart("pods", shown.ready, columns, max(2, height))
    end = show_duration(shown.seconds)
    middle = show_duration(shown.seconds // 2)
    line = "0s" + middle.rjust(columns // 2 + len(middle) // 2 - 2)
    yield " " * _LABEL + " " + line + end.rjust(columns - len(line))


def _chart(name: str, values: Sequence[float], columns: int, height: int) -> Iterator[str]:
    buckets = most_of(values, columns)
    top = max(buckets, default=0)
    for row in range(height, 0, -1):
        label = {height: show_count(math.ceil(top)), height - 1: name}.get(row, "")
        if row == 1:
            label = "0"
        cells = (_cell(value / top * height - (row - 1)) if top else " " for value in buckets)
        yield f"{label[:_LABEL]:>{_LABEL}}" + "│" + "".join(cells).rstrip()
    yield " " * _LABEL + "└" + "─" * columns


def _cell(filled: float) -> str:
    """What of one character cell is filled, in eighths; a little is never nothing."""
    if filled <= 0:
        return " "
    return _EIGHTHS[min(8, max(1, round(filled * 8)))]


def svg(run: Run | Mapping[str, Any], *, width: int = 720, height: int = 120) -> str:
    """Both charts as one SVG element for the inside of an HTML page; it needs nothing from outside it.

    Args:
        run: what is shown: a run, or its plain values.
        width: of it, in pixels.
        height: of each chart, in pixels.
    """
    shown = Lines.of(run)
    depth, wanted, ready = (most_of(values, KEPT) for values in (shown.depth, shown.wanted, shown.ready))
    left, gap = 64, 28
    wide, pods_top = width - left - 8, gap + height + gap
    most_pods = max([*wanted, *ready, 1])
    title = escape(shown.title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {pods_top + height + gap}" width="100%" '
        f'style="max-width:{width}px" font-family="system-ui,sans-serif" font-size="11" fill="currentColor"><title>{title}</title>',
        *_panel("jobs waiting", max([*depth, 1]), left, gap, wide, height),
        f'<path d="{_area(depth, left, gap, wide, height)}" fill="#d97706" fill-opacity="0.35" stroke="#d97706"/>',
        *_panel("pods: wanted and ready", most_pods, left, pods_top, wide, height),
        f'<path d="{_steps(wanted, most_pods, left, pods_top, wide, height)}" fill="none" stroke="#2563eb" stroke-dasharray="3 2"/>',
        f'<path d="{_steps(ready, most_pods, left, pods_top, wide, height)}" fill="none" stroke="#2563eb" stroke-width="1.5"/>',
        f'<text x="{left}" y="{pods_top + height + 14}">0s</text>',
        f'<text x="{left + wide}" y="{pods_top + height + 14}" text-anchor="end">{show_duration(shown.seconds)}</text>',
        "</svg>",
    ]
    return "".join(parts)


def page(run: Run | Mapping[str, Any], title: str, lines: Iterable[str]) -> str:
    """A page of HTML that needs nothing from outside it: the plot, and text below it.

    Args:
        run: what is shown.
        title: of the page.
        lines: of the text.
    """
    text = escape("\n".join(lines))
    style = "body{font:15px/1.4 system-ui,sans-serif;max-width:780px;margin:2em auto;padding:0 1em}pre{white-space:pre-wrap}"
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style>'
    return f"{head}<h1>{escape(title)}</h1>{svg(run)}<pre>{text}</pre></html>\n"


def _panel(name: str, top: float, left: int, at: int, wide: int, height: int) -> Iterator[str]:
    """Its frame, its name, and the numbers at its ends."""
    yield f'<path d="M{left} {at}V{at + height}H{left + wide}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>'
    yield f'<text x="{left}" y="{at - 6}">{escape(name)}</text>'
    yield f'<text x="{left - 6}" y="{at + 8}" text-anchor="end">{show_count(math.ceil(top))}</text>'
    yield f'<text x="{left - 6}" y="{at + height}" text-anchor="end">0</text>'


def _area(values: Sequence[float], left: int, at: int, wide: int, height: int) -> str:
    top, bottom = max([*values, 1]), at + height
    points = [f"{left + wide * number / len(values):.1f} {bottom - height * value / top:.1f}" for number, value in enumerate(values)]
    return f"M{left} {bottom}L{'L'.join(points)}L{left + wide} {bottom}Z" if points else f"M{left} {bottom}"


def _steps(values: Sequence[float], top: float, left: int, at: int, wide: int, height: int) -> str:
    bottom = at + height
    parts = [f"{left + wide * number / len(values):.1f} {bottom - height * value / top:.1f}" for number, value in enumerate(values)]
    if not parts:
        return f"M{left} {bottom}"
    path, before = [f"M{parts[0]}"], parts[0].split()[1]
    for part in parts[1:]:
        x, y = part.split()
        if y != before:
            path += [f"H{x}", f"V{y}"]
            before = y
    return "".join([*path, f"H{left + wide}"])
