"""How times are spread: percentiles of response time, service time and a job's way through the queue as curves; and a histogram."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import isinf, sqrt
from typing import TYPE_CHECKING

from pytest_cio_load.metrics.measured import THOUSANDTHS
from pytest_cio_load.reports.html.bounds import bounds_of
from pytest_cio_load.reports.html.charts import Series, histogram, in_sight, percentiles
from pytest_cio_load.reports.html.curves import NAMED, bins, places, quantiles, rarity, trend
from pytest_cio_load.reports.html.figures import figure, group, show
from pytest_cio_load.reports.html.markup import element, table, text
from pytest_cio_load.units import show_count, show_ms, show_share

if TYPE_CHECKING:
    from pytest_cio_load.metrics.measured import Trend
    from pytest_cio_load.reports.document import Document
    from pytest_cio_load.reports.html.bounds import Bound
    from pytest_cio_load.reports.html.charts import Column, Shape

NOTICEABLE_GAP_MS = 10.0
NOTICEABLE_SHARE = 0.1

_P95 = Fraction(95)
_CURVES: dict[str, tuple[str, str, Shape]] = {
    "response": ("response time", "blue", "line"),
    "service": ("service time", "orange", "dotted"),
    "queue_latency": ("jobs: enqueued to accepted", "green", "line"),
    "baseline": ("response time of the baseline", "purple", "dashed"),
}
_NOTHING = "Every response time is 0 ms: nothing that an iteration did took time on this clock."
_TOLD = sorted({*NAMED, Fraction(75), _P95, Fraction("97.5")})


def curves(doc: Document, name: str, baseline: Document | None = None) -> str:
    """The percentile curves of a run, with the bounds on them and, if there is one, the baseline's curve dashed.

    Args:
        doc: the run's document.
        name: of the run on the page.
        baseline: the document it is compared with.
    """
    found = {key: trend(doc, key) for key in _CURVES if key != "baseline"}
    found["baseline"] = trend(baseline, "response") if baseline is not None else None
    trends = {key: one for key, one in found.items() if one is not None}
    if "response" not in trends:
        return element("p", text("No response time was measured."))
    highest = max(one.highest for one in trends.values()) / THOUSANDTHS
    if not highest:
        return element("p", text(_NOTHING))
    at = places(max(one.samples for one in trends.values()))
    series = []
    for key, one in trends.items():
        label, colour, shape = _CURVES[key]
        series.append(Series(key, label, colour, "ms", quantiles(one, at), shape))
    bounds = [*bounds_of(doc, "response"), *(replace(one, text=f"queue_latency {one.text}") for one in bounds_of(doc, "queue_latency"))]
    spec = percentiles(series, rarity(at[-1]), bounds)
    said = " ".join(filter(None, [_curve_says(trends["response"]), _gap_says(doc), *_out_of_sight(bounds, highest)]))
    extra = {"bound red": "bound"} if in_sight(bounds, highest) else {}
    drawn = figure("Percentiles of times", said, series, spec, places={"at": [rarity(percentile) for percentile in at]}, extra=extra)
    return group(f"{name}-curves", "Percentile", [_percent(percentile) for percentile in at], [drawn]) + _curve_table(trends, bounds)


def distribution(doc: Document, name: str) -> str:
    """The histogram of a run's response times, on a log axis."""
    found = trend(doc, "response")
    if found is None or not found.highest:
        return ""
    parts = bins(found)
    counts: list[float | None] = [part.count for part in parts]
    series = [Series("count", "iterations", "blue", "", counts, "bar")]
    columns: dict[str, Column] = {
        "low": [part.low for part in parts],
        "high": [part.high for part in parts],
        "at": [sqrt(part.low * part.high) for part in parts],  # halfway on a log axis
    }
    bounds = bounds_of(doc, "response")
    spec = histogram(parts[0].low, parts[-1].high, "blue", bounds)
    most = max(parts, key=lambda part: part.count)
    share = show_share(round(most.count / found.samples, 4))
    many = f"{show_count(most.count)} of {show_count(found.samples)}"
    says = f"The fullest bin holds {many} response times ({share}), those from {_range(most.low, most.high)}."
    says = " ".join([says, *_out_of_sight(bounds, found.read("max", None, 0))])
    extra = {"bound red": "bound on response time"} if in_sight(bounds, parts[-1].high) else {}
    drawn = figure("Response times, in bins of equal ratio", says, series, spec, places=columns, extra=extra)
    labels = [_range(part.low, part.high) for part in parts]
    rows = ([text(label), show_count(part.count)] for label, part in zip(labels, parts, strict=True) if part.count)
    listed = table(["response time", "iterations"], rows, name="How many response times are in each bin", numbers=(1,))
    return group(f"{name}-bins", "Bin", labels, [drawn]) + _folded("The histogram's figures", listed)


def _curve_says(response: Trend) -> str:
    half, most, rare = (show_ms(response.quantile(percentile)) for percentile in (NAMED[0], _P95, NAMED[2]))
    slowest = show_ms(response.read("max", None, 0))
    return (
        f"Of {show_count(response.samples)} response times half are within {half}, 95% within {most}, 99% within {rare}; "
        f"the longest is {slowest}."
    )


def _gap_says(doc: Document) -> str:
    """What the gap between the curves is, where there is one."""
    metrics = doc["metrics"]
    if metrics.get("service", {}).get("histogram") == metrics["response"]["histogram"]:
        return "Response time and service time are the same: every iteration began when it was due."
    gap, service = doc["omission_gap_ms"], metrics.get("service", {}).get("p(95)", 0.0)
    if gap <= NOTICEABLE_GAP_MS or gap <= NOTICEABLE_SHARE * service:
        return ""
    return (
        f"The space between the two curves is the omission gap, {show_ms(gap)} at the 95th percentile: iterations waited so long after "
        "they were due before they began, which the service time does not show."
    )


def _out_of_sight(bounds: list[Bound], highest: float) -> list[str]:
    seen = in_sight(bounds, highest)
    far = [bound.text for bound in bounds if bound not in seen]
    return [f"Far above what is drawn: {', '.join(far)}."] if far else []


def _curve_table(trends: dict[str, Trend], bounds: list[Bound]) -> str:
    samples = max(one.samples for one in trends.values())
    at = [one for one in _TOLD if rarity(one) <= max(samples, 10)]
    columns = {key: quantiles(one, at) for key, one in trends.items()}
    rows = []
    for index, percentile in enumerate(at):
        promised = ", ".join(bound.text for bound in bounds if bound.rarity == rarity(percentile))
        rows.append([_percent(percentile), *(show(values[index], "ms") for values in columns.values()), text(promised)])
    last = ", ".join(bound.text for bound in bounds if isinf(bound.rarity))
    rows.append(["longest", *(show_ms(one.read("max", None, 0)) for one in trends.values()), text(last)])
    names = ["percentile", *(_CURVES[key][0] for key in columns), *(["bound"] if bounds else [])]
    shown = [row[: len(names)] for row in rows]
    return _folded("The curves' figures", table(names, shown, name="Percentiles", numbers=range(1, 1 + len(columns))))


def _folded(name: str, content: str) -> str:
    return element("details", element("summary", text(name)), content, class_="figures-table")


def _percent(percentile: Fraction) -> str:
    return f"{float(percentile):.6g}%"


def _range(low: float, high: float) -> str:
    return f"{show_ms(low)} to {show_ms(high)}"


