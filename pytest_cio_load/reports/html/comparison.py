"""A run beside its baseline: every metric compared, with what the change is judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cio_load.reports.html.figures import show
from pytest_cio_load.reports.html.markup import element, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.reports.document import Document

Comparison = dict[str, Any]

_SIGNS = {"worse": ("✗", "broken"), "better": ("✓", "kept"), "same": ("✓", "kept")}


def compared(comparisons: Sequence[Mapping[str, Any]], said: Sequence[str] = ()) -> str:
    """The table of comparisons, and how to read it; "" when there is nothing to tell.

    Args:
        comparisons: each a row.
        said: of the baseline, in the run's document: which it is, or why there is none.
    """
    beginnings = tuple(f"{one.get('state')}: {_name(one)} " for one in comparisons)
    told = element("ul", *(element("li", text(line)) for line in said if not line.startswith(beginnings)), class_="notes") if said else ""
    if not comparisons:
        return told
    names = ["metric", "state", "was", "now", "change", "interval", "tolerance", "why"]
    rows = [_row(one) for one in comparisons]
    says = "A change counts as worse when it is beyond the tolerance, and the whole interval in which it may lie is above no change."
    listed = table(names, rows, name="Compared with the baseline", numbers=(2, 3, 4, 5, 6), cards=True)
    return told + listed + element("p", text(says), class_="quiet")


def of_test(comparisons: Sequence[Mapping[str, Any]], doc: Document, *, only: bool) -> list[Mapping[str, Any]]:
    """The comparisons of one run: those that name its test or, when it is the *only* run, no test; else those in its document."""
    given = [one for one in comparisons if one.get("test") == doc["test"] or (only and not one.get("test"))]
    return given or list(doc.get("comparisons") or ())


def baseline_of(comparisons: Sequence[Mapping[str, Any]]) -> Document | None:
    """The document that a run was compared with, if one of its comparisons holds it."""
    return next((one["baseline"] for one in comparisons if one.get("baseline")), None)


def _name(one: Mapping[str, Any]) -> str:
    return " ".join(str(part) for part in (one["metric"], one.get("aggregation")) if part)


def _row(one: Mapping[str, Any]) -> list[str]:
    unit = str(one.get("unit", "ms"))
    icon, colour = _SIGNS.get(str(one.get("state")), ("?", "inconclusive"))
    sign = element("span", icon, class_="sign", aria_hidden="true")
    state = element("span", sign, text(one.get("state") or "unknown"), class_=f"badge {colour}")
    low, high = one.get("low"), one.get("high")
    interval = "–" if low is None and high is None else f"{_change(low)} to {_change(high)}"
    return [
        text(_name(one)),
        state,
        text(_value(one.get("was"), unit)),
        text(_value(one.get("now"), unit)),
        text(_change(one.get("change"))),
        text(interval),
        text(_tolerance(one.get("tolerance"))),
        text(one.get("why") or ""),
    ]


def _value(value: object, unit: str) -> str:
    if value is None or isinstance(value, int | float):
        return show(value, unit if unit in ("ms", "/s") else "")
    return str(value)


def _change(value: object) -> str:
    """A share of 1 as a change: ``+15.0%``."""
    if not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return f"{'+' if value >= 0 else '−'}{abs(value) * 100:.1f}%"


def _tolerance(value: object) -> str:
    return f"{value * 100:.3g}%" if isinstance(value, int | float) else "–" if value is None else str(value)
