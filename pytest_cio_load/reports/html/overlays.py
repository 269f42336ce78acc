"""What is drawn over a chart's lines: bounds with their texts, numbered marks, and the warmup; no text hides another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.reports.html.bounds import Bound

Spec = dict[str, Any]

_HALO: Spec = {"stroke": "page", "strokeWidth": 3, "strokeJoin": "round", "fontSize": 12}
_SEVERE = ("red", "orange", "quiet")
NEAR = 16  # px between two lines: nearer, and there is no room for a text
_ONE, _RANGE = 0.04, 0.09  # shares of the width that a number takes on a narrow page, and a range of numbers


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


def mark(kind: str, **how: Any) -> Spec:
    """A mark of that *kind*; "stroke" and "fill" name colours of the page's style."""
    colours: Spec = {name: f"var(--{how.pop(name)})" for name in ("stroke", "fill") if name in how}
    return {"type": kind, "aria": False, **colours, **how}


def ruled(values: Sequence[Spec], placed: Spec) -> Spec:
    """Bounds as dashed lines."""
    rule = mark("rule", stroke="red", strokeDash=[6, 4], strokeWidth=1.5)
    return {"data": {"values": list(values)}, "mark": rule, "encoding": placed}


def across(bounds: Sequence[Bound], tops: Sequence[float], y: Spec) -> list[Spec]:
    """Bounds as lines across a chart, with their texts above them. *tops*: how high on the chart each is, in px, ascending."""
    if not bounds:
        return []
    texts: list[Spec] = []
    said = ""
    for bound, is_crowded in zip(bounds, crowded(tops), strict=True):
        said += f", {bound.text}" if said else bound.text
        if not is_crowded:
            texts.append({"y": bound.ms, "text": said})
            said = ""
    placed = {"y": y | {"field": "y"}}
    words = mark("text", fill="red", align="right", x={"expr": "width"}, baseline="bottom", dy=-3, **_HALO)
    return [
        ruled([{"y": bound.ms} for bound in bounds], placed),
        {"data": {"values": texts}, "mark": words, "encoding": placed | {"text": {"field": "text"}}},
    ]


def crowded(tops: Sequence[float]) -> list[bool]:
    """Whether the next line is so near that there is no room for a text between the two. *tops*: px, ascending."""
    return [after - here < NEAR for here, after in zip(tops, [*tops, float("inf")][1:], strict=True)]


def named(values: Sequence[Spec], placed: Spec, ends: Sequence[float], *, dx: int, **how: Any) -> list[Spec]:
    """The texts of bounds at their "x" on a log axis, each on the side where there is room."""
    middle = (ends[0] * ends[-1]) ** 0.5
    layers = []
    for align, away in (("left", dx), ("right", -dx)):
        here = [value for value in values if (value["x"] < middle) == (align == "left")]
        if here:
            words = mark("text", fill="red", align=align, dx=away, **how, **_HALO)
            layers.append({"data": {"values": here}, "mark": words, "encoding": placed | {"text": {"field": "text"}}})
    return layers


def warmed(span: Span) -> list[Spec]:
    """The warmup, shaded; nothing where there is none."""
    if not span.warmup:
        return []
    values = {"values": [{"from": 0, "to": min(span.warmup, span.end)}]}
    ends = {"x": {"field": "from", "type": "quantitative"}, "x2": {"field": "to"}}
    return [{"data": values, "mark": mark("rect", fill="ink", fillOpacity=0.1), "encoding": ends}]


def marked(span: Span) -> list[Spec]:
    """A line at each mark, with its number above."""
    if not span.marks:
        return []
    lines = [{"x": min(at, span.end), "colour": f"var(--{colour})"} for at, _, colour in span.marks]
    x = {"field": "x", "type": "quantitative"}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    return [
        {"data": {"values": lines}, "mark": mark("rule", strokeDash=[2, 3], strokeWidth=1.5), "encoding": {"x": x, "stroke": colour}},
        {
            "data": {"values": _numbers(span)},
            "mark": mark("text", baseline="bottom", fontSize=12, fontWeight="bold", y=-2),
            "encoding": {"x": x, "text": {"field": "text"}, "fill": colour},
        },
    ]


def _numbers(span: Span) -> list[Spec]:
    """The numbers of the marks; those that would touch each other on a narrow page as one: "4–6"."""
    groups: list[list[tuple[float, int, str]]] = []
    for each in span.marks:
        room = span.end * (_ONE if groups and len(groups[-1]) == 1 else _RANGE)
        if groups and each[0] - groups[-1][0][0] < room:
            groups[-1].append(each)
        else:
            groups.append([each])
    found = []
    for group in groups:
        first, last = group[0], group[-1]
        colour = min((colour for _, _, colour in group), key=_SEVERE.index)
        text = str(first[1]) if first is last else f"{first[1]}–{last[1]}"
        found.append({"x": min((first[0] + last[0]) / 2, span.end), "text": text, "colour": f"var(--{colour})"})
    return found
