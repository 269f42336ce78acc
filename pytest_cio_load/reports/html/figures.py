"""Figures: a chart with its name, its key, what it says in words, and the columns that the page's script draws it from.

Figures of one group share their places: a cursor, moved by pointer or by the group's slider, is at the same place in all of them, and every
key then shows its line's value there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cio_load.reports.html.markup import alone, data, element, text
from pytest_cio_load.units import show_count, show_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.reports.html.charts import Column, Series
    from pytest_cio_load.reports.html.overlays import Spec

UNDRAWN = "Charts are drawn by this page's own script, which did not run; their figures are in the tables."


def show(value: float | None, unit: str) -> str:
    """*value* as text, in its unit: ``7,088 ms``, ``80/s``, ``6,150``, ``0.25``; ``–`` where there is none."""
    if value is None:
        return "–"
    if unit == "ms":
        return show_ms(value)
    return (show_count(value) if value == int(value) or abs(value) >= 1000 else f"{value:.4g}") + unit


def figure(title: str, says: str, series: Sequence[Series], spec: Spec, *, places: Mapping[str, Column], extra: Mapping[str, str]) -> str:
    """A chart.

    Args:
        title: its name, with what it measures and its unit.
        says: what can be seen on it, in a sentence or two.
        series: its lines.
        spec: how it is drawn.
        places: the columns that place the values; one is "at".
        extra: what else is drawn, in its key: a label by the name of its swatch.
    """
    key = [_entry(one.label, one.shape, one.colour, one.key, one.unit) for one in series]
    key += [_entry(label, *swatch.split()) for swatch, label in extra.items()]
    columns = {**places, **{one.key: one.values for one in series}}
    return element(
        "figure",
        element("h4", text(title)),
        element("ul", *key, class_="key"),
        element("div", element("p", text(UNDRAWN)), class_="plot", aria_hidden="true"),
        element("figcaption", text(says)),
        data({"spec": spec, "columns": columns}),
    )


def _entry(label: str, shape: str, colour: str, key: str = "", unit: str = "") -> str:
    value = element("output", data_column=key, data_unit=unit) if key else ""
    return element("li", element("span", class_=f"swatch {shape} {colour}", aria_hidden="true"), text(label), value)


def group(name: str, what: str, labels: Sequence[str], figures: Sequence[str]) -> str:
    """Figures that share their places.

    Args:
        name: of the group; no other on the page has it.
        what: the slider moves over, in words.
        labels: of the places, in order.
        figures: HTML.
    """
    slider = alone("input", type="range", id=name, min=0, max=max(len(labels) - 1, 0), value=0, step=1)
    reader = element(
        "div",
        element("label", text(what), for_=name),
        slider,
        element("output", text("move the slider, or point at a chart"), for_=name),
        class_="reader",
        hidden=True,
    )
    return element("div", reader, element("div", *figures, class_="figures"), data(list(labels)), class_="group")
