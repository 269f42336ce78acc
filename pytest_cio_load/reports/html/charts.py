"""Charts as Vega-Lite specifications: what to draw of columns of numbers, in colours that the page's style names.

No text of a document is in a specification but as data, and marks are told apart by line and shape as well as by colour. The cursor is a
parameter that the page's script sets in every chart of a group, by pointer or by key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any, Literal

from pytest_cio_load.reports.html.curves import NAMED, rarity
from pytest_cio_load.units import show_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.reports.html.bounds import Bound

Spec = dict[str, Any]
Column = list[float | None]
Shape = Literal["line", "dashed", "dotted", "step", "bar"]
"""How a series is drawn; the key has a swatch of each."""

HEIGHT = 150
_FAR = 3  # a bound this many times beyond everything measured would only flatten what was
_LEFT = 58
_MS = "datum.value >= 1000 ? format(datum.value / 1000, ',~r') + ' s' : format(datum.value, '~r') + ' ms'"
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_MOST_TICKS = 7
_DASHES = {"dashed": [8, 4], "dotted": [4, 6]}
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


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a run's charts share.

    Attributes:
        middles: of its intervals, in seconds.
        end: of the last.
        warmup: seconds that are not measured.
        marks: moments with the number that is written at them, and the colour.
    """

    middles: Sequence[float]
    end: float
    warmup: float
    marks: Sequence[tuple[float, int, str]]


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
    ends = [min(all_values), max(all_values)] if logarithmic and values and min(all_values) > 0 else []
    ticks = _times(span.end)
    names = {f"{tick:g}": show_duration(Fraction(str(tick))) if tick else "0" for tick in ticks}
    x = _axis("at", [0, span.end], ticks, f"({names!r})[datum.value]")
    y = _value_axis(series[0].unit, ends)
    layers = [*_warmup(span), *(layer for one in series for layer in _drawn(one, x, y)), *_lone(series, x, y)]
    layers += _across(seen, y)
    return _spec([*layers, *_marks(span), _cursor(x)])


def percentiles(series: Sequence[Series], last: float, bounds: Sequence[Bound] = ()) -> Spec:
    """Curves of percentiles on an axis on which the rarest have as much room as the common.

    Args:
        series: their columns hold values at the places of the column "at", which is in samples of which one is above.
        last: the end of the axis.
        bounds: drawn up to the percentile that each is about.
    """
    ticks = [rarity(named) for named in NAMED if rarity(named) <= last]
    names = {f"{rarity(named):.0f}": f"{float(named):.6g}%" for named in NAMED}
    x = _axis("at", [1, last], ticks, f"({names!r})[datum.value]", logarithmic=True)
    y = _value_axis("ms")
    highest = max((value for one in series for value in one.values if value is not None), default=0)
    seen = in_sight(bounds, highest)
    shown = [{"y": each.ms, "x": min(each.rarity, last), "from": 1, "text": each.text} for each in seen]
    placed = {"field": "x", "type": "quantitative"}
    limit = {"y": {"field": "y", "type": "quantitative"}}
    layers = [layer for one in series for layer in _drawn(one, x, y)]
    if shown:
        rule = _mark("rule", stroke="red", strokeDash=[6, 4], strokeWidth=1.5)
        ending = _mark("point", fill="red", stroke="red", shape="triangle-down", size=70, opacity=1, yOffset=-4)
        values = {"values": shown}
        layers.append({"data": values, "mark": rule, "encoding": limit | {"x": {**placed, "field": "from"}, "x2": {"field": "x"}}})
        layers.append({"data": values, "mark": ending, "encoding": limit | {"x": placed}})
        layers += _named(shown, limit | {"x": placed}, [1, last], baseline="bottom", dy=-5)
    return _spec([*layers, _cursor(x)], height=260)


def histogram(low: float, high: float, colour: str, bounds: Sequence[Bound] = ()) -> Spec:
    """Bars between the columns "low" and "high" as tall as "count", on a log axis from *low* to *high* ms."""
    shown = [each for each in in_sight(bounds, high) if each.ms > 0]
    ends = [min([low, *(each.ms / 1.1 for each in shown)]), max([high, *(each.ms for each in shown)]) * (1.1 if shown else 1)]
    x = _axis("low", ends, _decades(*ends), _MS, logarithmic=True)
    y = _value_axis("")
    bar = {"x": x, "x2": {"field": "high"}, "y": y | {"field": "count"}, "y2": {"datum": 0}}
    layers: list[Spec] = [{"mark": _mark("bar", fill=colour, binSpacing=1), "encoding": bar}]
    if shown:
        values: Spec = {"values": [{"x": each.ms, "text": each.text} for each in shown]}
        placed = {"x": {"field": "x", "type": "quantitative"}}
        layers.append({"data": values, "mark": _mark("rule", stroke="red", strokeDash=[6, 4], strokeWidth=1.5), "encoding": placed})
        layers += _named(values["values"], placed, ends, baseline="top", y=2)
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


def _mark(kind: str, **how: Any) -> Spec:
    colours: Spec = {name: f"var(--{how.pop(name)})" for name in ("stroke", "fill") if name in how}
    return {"type": kind, "aria": False, **colours, **how}


def _drawn(one: Series, x: Spec, y: Spec) -> list[Spec]:
    placed = {"x": x, "y": y | {"field": one.key}}
    if one.shape == "step":
        line = {"stroke": f"var(--{one.colour})", "strokeWidth": 1.5, "aria": False}
        return [{"mark": _mark("area", fill=one.colour, fillOpacity=0.3, interpolate="step", line=line), "encoding": placed}]
    dash = {"strokeDash": _DASHES[one.shape]} if one.shape in _DASHES else {}
    return [{"mark": _mark("line", stroke=one.colour, strokeWidth=2, strokeJoin="round", **dash), "encoding": placed}]


def _lone(series: Sequence[Series], x: Spec, y: Spec) -> list[Spec]:
    """A dot for each value between two gaps, of which a line shows nothing."""
    layers = []
    for one in series:
        padded = [None, *one.values, None]
        if any(here is not None and before is after is None for before, here, after in zip(padded, padded[1:], padded[2:], strict=False)):
            dot = _mark("point", fill=one.colour, stroke=one.colour, size=10, opacity=1)
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
    axis: Spec = {"title": None, "labelExpr": words, "tickCount": 4, "domain": False, "ticks": False}
    axis |= {"minExtent": _LEFT, "maxExtent": _LEFT, "labelOverlap": "greedy", "aria": False}
    scale: Spec = {"domainMin": 0, "nice": True}
    if ends:
        low, high = ends[0] / 1.1, ends[-1] * 1.1
        axis |= {"values": _decades(low, high)}
        scale = {"type": "log", "domain": [low, high], "nice": False}
    return {"type": "quantitative", "scale": scale, "axis": axis}


def _across(bounds: Sequence[Bound], y: Spec) -> list[Spec]:
    if not bounds:
        return []
    values = {"values": [{"y": bound.ms, "text": bound.text} for bound in bounds]}
    placed = {"y": y | {"field": "y"}}
    words = _mark("text", fill="red", align="right", baseline="bottom", dy=-3, fontSize=12, x={"expr": "width"})
    return [
        {"data": values, "mark": _mark("rule", stroke="red", strokeDash=[6, 4], strokeWidth=1.5), "encoding": placed},
        {"data": values, "mark": words, "encoding": placed | {"text": {"field": "text"}}},
    ]


def _named(values: Sequence[Spec], placed: Spec, ends: Sequence[float], **how: Any) -> list[Spec]:
    """The texts of bounds at their "x" on a log axis, each on the side where there is room."""
    middle = (ends[0] * ends[-1]) ** 0.5
    layers = []
    for align, dx in (("left", 4), ("right", -4)):
        here = [value for value in values if (value["x"] < middle) == (align == "left")]
        if here:
            words = _mark("text", fill="red", align=align, dx=dx, fontSize=12, **how)
            layers.append({"data": {"values": here}, "mark": words, "encoding": placed | {"text": {"field": "text"}}})
    return layers


def _warmup(span: Span) -> list[Spec]:
    if not span.warmup:
        return []
    values = {"values": [{"from": 0, "to": min(span.warmup, span.end)}]}
    ends = {"x": {"field": "from", "type": "quantitative"}, "x2": {"field": "to"}}
    return [{"data": values, "mark": _mark("rect", fill="ink", fillOpacity=0.1), "encoding": ends}]


def _marks(span: Span) -> list[Spec]:
    if not span.marks:
        return []
    values = {"values": [{"x": min(at, span.end), "text": str(number), "colour": f"var(--{colour})"} for at, number, colour in span.marks]}
    x = {"field": "x", "type": "quantitative"}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    return [
        {"data": values, "mark": _mark("rule", strokeDash=[2, 3], strokeWidth=1.5), "encoding": {"x": x, "stroke": colour}},
        {
            "data": values,
            "mark": _mark("text", baseline="bottom", fontSize=12, fontWeight="bold", y=-2),
            "encoding": {"x": x, "text": {"field": "text"}, "fill": colour},
        },
    ]


def _cursor(x: Spec) -> Spec:
    return {"transform": [{"filter": "datum.at === here"}], "mark": _mark("rule", stroke="ink", strokeWidth=1), "encoding": {"x": x}}


def _times(end: float) -> list[float]:
    step = next((step for step in _STEPS if end / step <= _MOST_TICKS), _STEPS[-1])
    return [round(number * step, 3) for number in range(floor(end / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each power of ten; the powers alone where there are many."""
    first, last = floor(log10(low)), ceil(log10(high))
    parts = (1, 2, 5) if last - first <= 4 else (1,)
    return [tick for power in range(first, last + 1) for part in parts if low <= (tick := float(f"{part}e{power}")) <= high]
