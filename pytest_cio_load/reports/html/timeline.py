"""A run over time: panels that share the axis, with stages, faults, the end of the warmup and an abort marked on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import DocumentError
from pytest_cio_load.reports.html.bounds import bounds_of
from pytest_cio_load.reports.html.charts import Series, in_sight, over_time
from pytest_cio_load.reports.html.figures import figure, group, show
from pytest_cio_load.reports.html.markup import element, table, text
from pytest_cio_load.reports.html.overlays import Span
from pytest_cio_load.reports.shape import MAYBE, POSITIVE, TEXT, misfits
from pytest_cio_load.units import show_count, show_duration, show_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cio_load.reports.document import Document
    from pytest_cio_load.reports.html.bounds import Bound
    from pytest_cio_load.reports.html.charts import Column, Shape

_MARKS = {"fault": ("fault", "orange"), "abort": ("end", "red"), "stage": ("stage", "quiet"), "warmup": ("warmup", "quiet")}
"""What each kind of mark is called, and its colour."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the timeline.

    Attributes:
        path: of its values in the document.
        label, colour, unit, shape: how it is shown; counts with the unit "/s" are shown per second.
        always: whether it is shown when there is nothing but zeros.
    """

    path: str
    label: str
    colour: str
    unit: str
    shape: Shape = "line"
    always: bool = False


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    lines: tuple[_Line, ...]
    logarithmic: bool = False


_PANELS = (
    _Panel(
        "Iterations per second: due and done",
        (_Line("due", "due", "quiet", "/s", "step", True), _Line("done", "done", "blue", "/s", always=True)),
    ),
    _Panel(
        "Iterations per second that failed or were dropped",
        (_Line("failed", "failed", "red", "/s", "step"), _Line("dropped", "dropped", "purple", "/s", "step")),
    ),
    _Panel("Iterations in flight, at most", (_Line("in_flight", "in flight", "green", "", "step", True),)),
    _Panel(
        "Response time, by when the iteration was due (log axis)",
        (
            _Line("response.max", "longest", "quiet", "ms", "dashed", True),
            _Line("response.p99", "p(99)", "orange", "ms", always=True),
            _Line("response.p95", "p(95)", "purple", "ms", always=True),
            _Line("response.p50", "p(50)", "blue", "ms", always=True),
        ),
        logarithmic=True,
    ),
    _Panel("Service time", (_Line("service.p95", "p(95)", "blue", "ms"),)),
    _Panel(
        "Calls to Customer.io per second",
        (_Line("calls", "calls", "blue", "/s"), _Line("rate_limited", "answers 429", "red", "/s", "step")),
    ),
    _Panel(
        "Waits of our own, at most",
        (_Line("paced.max", "for our limiter (paced)", "orange", "ms"), _Line("lag.max", "behind schedule (lag)", "quiet", "ms")),
    ),
    _Panel("Jobs in the queue, at most", (_Line("queue_depth", "jobs", "green", "", "step"),)),
)


_COLUMN = [MAYBE]
_SHAPE: dict[str, Any] = {
    **{"step": POSITIVE, "warmup": POSITIVE, "marks": [{"at": POSITIVE, "kind": TEXT, "text": TEXT}]},
    **dict.fromkeys(("due", "done", "failed", "dropped", "in_flight", "calls", "rate_limited", "queue_depth"), _COLUMN),
    "response": dict.fromkeys(("p50", "p95", "p99", "max"), _COLUMN),
    **{"service": {"p95": _COLUMN}, "lag": {"max": _COLUMN}, "paced": {"max": _COLUMN}},
}


def over_the_run(doc: Document, name: str) -> str:
    """The timeline of a run, or a sentence where its document has none.

    Args:
        doc: the run's document.
        name: of the run on the page.

    Raises:
        DocumentError: the timeline is damaged.
    """
    timeline = _checked(doc)
    if not timeline.get("due"):
        return element("p", text("This document holds no timeline: it is of an older release, or of several runs merged."))
    if not any(timeline["due"]):
        return element("p", text("No iteration fell due."))
    step, number = float(timeline["step"]), len(timeline["due"])
    marks = list(enumerate(sorted(timeline.get("marks", ()), key=lambda mark: float(mark["at"])), start=1))
    span = Span(
        middles=[round((at + 0.5) * step, 6) for at in range(number)],
        end=round(number * step, 6),
        warmup=float(timeline.get("warmup", 0)),
        marks=[(float(mark["at"]), index, _MARKS.get(mark["kind"], _MARKS["stage"])[1]) for index, mark in marks],
    )
    bounds = bounds_of(doc, "response")
    panels = [(panel, series) for panel in _PANELS if (series := _series(panel, timeline, step, number))]
    figures = [_figure(panel, series, span, bounds if panel.logarithmic else [], step) for panel, series in panels]
    labels = [f"{_moment(at * step)} to {_moment((at + 1) * step)}" for at in range(number)]
    warm = [_key_of_warmup(span.warmup)] if span.warmup else []
    listed = element("ol", *(_mark_said(mark) for _, mark in marks), class_="marks") if marks else ""
    shown = [one for _, series in panels for one in series]
    told = f"{show_count(number)} intervals of {show_duration(step)} each."
    return "".join(
        [
            element("p", text(" ".join([told, *warm])), class_="quiet"),
            listed,
            group(f"{name}-time", "Time since the start", labels, figures),
            _table([(panel.title, one) for panel, series in panels for one in series] if shown else [], labels),
        ]
    )


def _checked(doc: Document) -> Mapping[str, Any]:
    """The timeline of a document, of the right shape; empty when it has none."""
    timeline = doc.get("timeline") or {}
    shape = _SHAPE if isinstance(timeline, list | str) else {name: one for name, one in _SHAPE.items() if name in timeline}
    damaged = next(misfits(timeline, shape, f"{doc['test']}: timeline"), None)
    if damaged is None and timeline and not timeline.get("step", 0) > 0:
        damaged = f"{doc['test']}: timeline.step: got {timeline.get('step')!r}; expected a number above 0"
    if damaged is not None:
        raise DocumentError(f"{damaged}; the run document is damaged: write it again with --cio-json")
    return timeline


def _series(panel: _Panel, timeline: Mapping[str, Any], step: float, number: int) -> list[Series]:
    """The lines of a panel that have something to show; none of them when all that always show would stand alone for nothing."""
    series = []
    for line in panel.lines:
        values = _values(timeline, line, step, number)
        if any(values) or (line.always and any(value is not None for value in values)):
            series.append(Series(line.path.replace(".", "_"), line.label, line.colour, line.unit, values, line.shape))
    return _merged(series)


def _merged(series: Sequence[Series]) -> list[Series]:
    """The lines of a panel, those that are the same throughout as one: few samples in an interval have the longest for their p(99)."""
    found: list[Series] = []
    for one in series:
        if found and one.unit == "ms" and found[-1].values == one.values:
            found[-1] = replace(one, label=f"{one.label}, {found[-1].label}")
        else:
            found.append(one)
    return found


def _values(timeline: Mapping[str, Any], line: _Line, step: float, number: int) -> Column:
    found: Any = timeline
    for part in line.path.split("."):
        found = found.get(part, ()) if isinstance(found, dict) else ()
    values = [*found, *[None] * number][:number]
    if line.unit == "/s":
        return [None if value is None else round(value / step, 3) for value in values]
    return values


def _figure(panel: _Panel, series: Sequence[Series], span: Span, bounds: Sequence[Bound], step: float) -> str:
    highest = max((value for one in series for value in one.values if value is not None), default=0.0)
    seen = in_sight(bounds, highest)
    far = [f"The bound {bound.text} is far above what is drawn." for bound in bounds if bound not in seen]
    extra = {"bound red": "bound"} if seen else {}
    says = " ".join([*(_says(one, step) for one in series), *far])
    columns: dict[str, Column] = {"at": list(span.middles)}
    return figure(panel.title, says, series, over_time(series, span, bounds, logarithmic=panel.logarithmic), places=columns, extra=extra)


def _says(one: Series, step: float) -> str:
    """The highest of a line, and when; of counts, how many there were too."""
    filled = [(value, at) for at, value in enumerate(one.values) if value is not None]
    highest, at = max(filled, key=lambda pair: (pair[0], -pair[1]))
    name = one.label if one.label.startswith("p(") else f"{one.label[:1].upper()}{one.label[1:]}"
    every = f", {show_count(sum(value for value, _ in filled) * step)} in all" if one.unit == "/s" else ""
    if min(value for value, _ in filled) == highest:
        return f"{name}: {show(highest, one.unit)} throughout{every}."
    return f"{name}: {show(highest, one.unit)} at most, at {_moment(at * step)}{every}."


def _moment(seconds: float) -> str:
    return show_duration(round(seconds, 6)) if seconds else "0s"


def _key_of_warmup(warmup: float) -> str:
    return f"The first {show_duration(warmup)}, shaded, are the warmup: they are not in the figures above."


def _mark_said(mark: Mapping[str, Any]) -> str:
    name, colour = _MARKS.get(mark["kind"], _MARKS["stage"])
    said = f"{_moment(float(mark['at']))}, {name}: {mark['text']}"
    return element("li", text(said), class_=colour)


def _table(columns: Sequence[tuple[str, Series]], labels: Sequence[str]) -> str:
    heads = ["interval", *(_head(title, one) for title, one in columns)]
    return element(
        "details",
        element("summary", text("The timeline's figures")),
        table(heads, _rows([one for _, one in columns], labels), name="The run over time", numbers=range(1, len(heads))),
        class_="figures-table",
    )


def _head(title: str, one: Series) -> str:
    what = {"Response time": "response ", "Service time": "service "}
    prefix = next((word for beginning, word in what.items() if title.startswith(beginning)), "")
    return f"{prefix}{one.label}" + (", per second" if one.unit == "/s" else "")


def _rows(columns: Sequence[Series], labels: Sequence[str]) -> Iterator[list[str]]:
    for at, label in enumerate(labels):
        yield [text(label), *(show_cell(one.values[at], one.unit) for one in columns)]


def show_cell(value: float | None, unit: str) -> str:
    """*value* in a column whose heading tells "per second"."""
    if value is None:
        return "–"
    return show_ms(value) if unit == "ms" else show(value, "")
