"""Charts as Vega-Lite specifications: what to draw of columns of numbers, in colours that the page's style names.

No text of a document is in a specification but as data, and marks are told apart by line and shape as well as by colour. The cursor is a
parameter that the page's script sets in every chart of a group, by pointer or by key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Literal

from pytest_cio_load.reports.html.curves import NAMED, rarity
from pytest_cio_load.reports.html.overlays import NEAR, Spec, across, crowded, mark, marked, named, ruled, warmed
from pytest_cio_load.units import show_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.reports.html.bounds import Bound
    from pytest_cio_load.reports.html.overlays import Span

Column = list[float | None]
Shape = Literal["line", "dashed", "dotted", "step", "bar"]
"""How a series is drawn; the key has a swatch of each."""

HEIGHT = 150
_CURVES_HEIGHT = 260
_FAR = 3  # a bound this many times beyond everything measured would only flatten what was
_LEFT = 58
_MS = "datum.value >= 1000 ? format(datum.value / 1000, ',~r') + ' s' : format(datum.value, '~r') + ' ms'"
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_MOST_TICKS = 7
_STROKES: dict[str, Spec] = {
    "dashed": {"strokeWidth": 2, "strokeDash": [8, 4]},
    "dotted": {"strokeWidth": 3.5, "strokeDash": [0, 9], "strokeCap": "round"},  # beads, which let a line beneath them be seen
}
_READ = (Fraction(50), Fraction(75), Fraction(90), Fraction(95), *NAMED[2:])
_ROW = 15  # px: a line of text
_CONFIG: Spec = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        **{"labelColor": "var(--quiet)", "titleColor": "var(--quiet)", "gridColor": "var(--grid)"},
        **{"domainColor": "var(--line)", "tickColor": "var(--line)", "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    },
}


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart.

    Attributes:
        key: of its column.
        label: in the chart's key.
        colour: a colour of the page's style, without the dashes: "blue".
        unit: "ms", "/s" or "" for counts.
        values: by place; None where there is no sample.
        shape: how it is drawn.
    """

    key: str
    label: str
    colour: str
    unit: str
    values: Column = field(repr=False)
    shape: Shape = "line"


def over_time(series: Sequence[Series], span: Span, bounds: Sequence[Bound] = (), *, logarithmic: bool = False) -> Spec:
    """A panel of the timeline.

    Args:
        series: its lines, all of one unit.
        span: the time that it covers.
        bounds: drawn across it where they lie within sight.
        logarithmic: whether its axis is; where there is a 0 it cannot be.
    """
    values = [value for one in series for value in one.values if value is not None]
    seen = in_sight(bounds, max(values, default=0))
    all_values = [*values, *(bound.ms for bound in seen)]
    ends = [min(all_values) / 1.1, max(all_values) * 1.1] if logarithmic and values and min(all_values) > 0 else []
    if ends and seen:
        # Above the highest bound there is room for its text.
        ends[1] = max(ends[1], ends[0] * (seen[-1].ms / ends[0]) ** (HEIGHT / (HEIGHT - NEAR)))
    ticks = _times(span.end)
    names = {f"{tick:g}": show_duration(Fraction(str(tick))) if tick else "0" for tick in ticks}
    x = _axis("at", [0, span.end], ticks, f"({names!r})[datum.value]")
    y = _value_axis(series[0].unit, ends)
    layers = [*warmed(span), *(layer for one in series for layer in _drawn(one, x, y)), *_lone(series, x, y)]
    low, high = ends or (0, max(all_values, default=0) or 1)
    tops = [HEIGHT * (log10(bound.ms / low) / log10(high / low) if ends else bound.ms / high) for bound in seen]
    layers += across(seen, tops, y)
    return _spec([*layers, *marked(span), _cursor(x)])


def percentiles(series: Sequence[Series], last: float, bounds: Sequence[Bound] = ()) -> Spec:
    """Curves of percentiles on an axis on which the rarest have as much room as the common.

    Args:
        series: their columns hold values at the places of the column "at", which is in samples of which one is above.
        last: the end of the axis.
        bounds: drawn up to the percentile that each is about.
    """
    ticks = [rarity(each) for each in _READ if rarity(each) <= last]
    names = {f"{rarity(each):.0f}": f"{float(each):.6g}%" for each in _READ}
    x = _axis("at", [1, last], ticks, f"({names!r})[datum.value]", logarithmic=True)
    y = _value_axis("ms")
    highest = max((value for one in series for value in one.values if value is not None), default=0)
    seen = in_sight(bounds, highest)
    tops = [each.ms / max(highest, seen[-1].ms) * _CURVES_HEIGHT for each in seen]
    shown = [
        {"y": each.ms, "x": min(each.rarity, last), "from": 1, "text": each.text, "under": under}
        for each, under in zip(seen, crowded(tops), strict=True)
    ]
    placed = {"field": "x", "type": "quantitative"}
    limit = {"y": {"field": "y", "type": "quantitative"}}
    layers = [layer for one in series for layer in _drawn(one, x, y)]
    if shown:
        ending = mark("point", fill="red", stroke="red", shape="triangle-down", size=70, opacity=1, yOffset=-4)
        layers.append(ruled(shown, limit | {"x": {**placed, "field": "from"}, "x2": {"field": "x"}}))
        layers.append({"data": {"values": shown}, "mark": ending, "encoding": limit | {"x": placed}})
    for under, how in ((False, {"baseline": "bottom", "dy": -5}), (True, {"baseline": "top", "dy": 5})):
        layers += named([each for each in shown if each["under"] == under], limit | {"x": placed}, [1, last], dx=9, **how)
    return _spec([*layers, _cursor(x)], height=_CURVES_HEIGHT)


def histogram(low: float, high: float, colour: str, bounds: Sequence[Bound] = ()) -> Spec:
    """Bars between the columns "low" and "high" as tall as "count", on a log axis from *low* to *high* ms."""
    shown = [each for each in in_sight(bounds, high) if each.ms > 0]
    ends = [min([low, *(each.ms / 1.1 for each in shown)]), max([high, *(each.ms for each in shown)]) * (1.1 if shown else 1)]
    x = _axis("low", ends, _decades(ends), _MS, logarithmic=True)
    y = _value_axis("")
    bar = {"x": x, "x2": {"field": "high"}, "y": y | {"field": "count"}, "y2": {"datum": 0}}
    layers: list[Spec] = [{"mark": mark("bar", fill=colour, binSpacing=1), "encoding": bar}]
    values = [{"x": each.ms, "text": each.text} for each in shown]
    placed = {"x": {"field": "x", "type": "quantitative"}}
    room = len(values) * _ROW  # above the bars, where texts can be read
    if shown:
        layers.append(ruled(values, placed | {"y": {"value": -room}, "y2": {"value": "height"}}))
    for row, value in enumerate(values):
        layers += named([value], placed, ends, dx=4, baseline="top", y=row * _ROW - room)
    return _spec([*layers, _cursor(x | {"field": "at"})], height=180)


def in_sight(bounds: Sequence[Bound], highest: float) -> list[Bound]:
    """The bounds that can be drawn beside values of at most *highest* ms without flattening them."""
    return [bound for bound in bounds if bound.ms <= highest * _FAR]


def _spec(layers: list[Spec], height: int = HEIGHT) -> Spec:
    return {
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": {"left": 2, "right": 14, "top": 16, "bottom": 2},
        "data": {"name": "rows"},
        "params": [{"name": "here", "value": None}],
        "layer": layers,
        "config": _CONFIG,
    }


def _drawn(one: Series, x: Spec, y: Spec) -> list[Spec]:
    placed = {"x": x, "y": y | {"field": one.key}}
    if one.shape == "step":
        line = {"stroke": f"var(--{one.colour})", "strokeWidth": 1.5, "aria": False}
        return [{"mark": mark("area", fill=one.colour, fillOpacity=0.3, interpolate="step", line=line), "encoding": placed}]
    stroke = _STROKES.get(one.shape, {"strokeWidth": 2})
    return [{"mark": mark("line", stroke=one.colour, strokeJoin="round", **stroke), "encoding": placed}]


def _lone(series: Sequence[Series], x: Spec, y: Spec) -> list[Spec]:
    """A dot for each value between two gaps, of which a line shows nothing."""
    layers = []
    for one in series:
        padded = [None, *one.values, None]
        if any(here is not None and before is after is None for before, here, after in zip(padded, padded[1:], padded[2:], strict=False)):
            dot = mark("point", fill=one.colour, stroke=one.colour, size=10, opacity=1)
            there = [{"filter": f"datum.{one.key} !== null"}]
            layers.append({"mark": dot, "transform": there, "encoding": {"x": x, "y": y | {"field": one.key}}})
    return layers


def _axis(name: str, ends: list[float], ticks: list[float], words: str, *, logarithmic: bool = False) -> Spec:
    scale: Spec = {"domain": ends, "nice": False} | ({"type": "log"} if logarithmic else {"zero": False})
    axis: Spec = {"title": None, "values": ticks, "labelExpr": words, "grid": False, "aria": False}
    axis |= {"labelOverlap": "greedy", "labelSeparation": 8}
    return {"field": name, "type": "quantitative", "scale": scale, "axis": axis}


def _value_axis(unit: str, ends: Sequence[float] = ()) -> Spec:
    """Linear from 0 up; logarithmic between *ends* where they are given."""
    words = _MS if unit == "ms" else "format(datum.value, ',~r')"
    axis: Spec = {"title": None, "labelExpr": words, "domain": False, "ticks": False}
    axis |= {"minExtent": _LEFT, "maxExtent": _LEFT, "labelPadding": 6, "labelOverlap": "greedy", "aria": False}
    if not ends:
        return {"type": "quantitative", "scale": {"domainMin": 0, "nice": True}, "axis": axis | {"tickCount": 4}}
    few = (_decades(ends, parts) for parts in ((1, 2, 5), (1, 3)))
    # Without "tickCount", for which every other of the marks would be left out.
    axis |= {"values": next((ticks for ticks in few if len(ticks) <= _MOST_TICKS), _decades(ends, (1,)))}
    return {"type": "quantitative", "scale": {"type": "log", "domain": list(ends), "nice": False}, "axis": axis}


def _cursor(x: Spec) -> Spec:
    return {"transform": [{"filter": "datum.at === here"}], "mark": mark("rule", stroke="ink", strokeWidth=1), "encoding": {"x": x}}


def _times(end: float) -> list[float]:
    step = next((step for step in _STEPS if end / step <= _MOST_TICKS), _STEPS[-1])
    return [round(number * step, 3) for number in range(floor(end / step + 1e-9) + 1)]


def _decades(ends: Sequence[float], parts: Sequence[int] = ()) -> list[float]:
    """*parts* of each power of ten: unless told otherwise 1, 2 and 5, or the powers alone where there are many."""
    low, high = ends
    first, last = floor(log10(low)), ceil(log10(high))
    parts = parts or ((1, 2, 5) if last - first <= 4 else (1,))
    return [tick for power in range(first, last + 1) for part in parts if low <= (tick := float(f"{part}e{power}")) <= high]
