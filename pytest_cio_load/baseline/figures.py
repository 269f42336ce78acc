"""What a run document knows of the figure that a gate is about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pytest_cio_load.baseline.clustering import inflation
from pytest_cio_load.baseline.intervals import Estimate, exact_quantile, mean, quantile, student
from pytest_cio_load.reports.histograms import trend_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.baseline.grammar import Gate

_HALF = 0.0005  # figures stand in a document with three decimals
_MANY = 1_000_000
_OF_A_MEAN = (Fraction(50), Fraction(95))


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one run.

    Attributes:
        estimate: the figure with its bounds, in *unit*.
        samples: how many it rests on.
        clustered: how many of them are worth one; None where no timeline shows it.
        unit: "ms", "/s" or "".
        inconclusive: whether the run cannot vouch for it.
    """

    estimate: Estimate
    samples: int
    clustered: float | None
    unit: str
    inconclusive: bool = False


def figure_of(
    doc: Mapping[str, Any], gate: Gate, confidence: float, *, clustered: float | None = None, exact: bool = False
) -> Figure | None:
    """The figure that *gate* is about; None without a sample.

    Args:
        doc: a run document.
        gate: says which figure.
        confidence: of its bounds.
        clustered: how many samples are worth one, if that is known; see `clustering_of`.
        exact: of the very samples, and not of what they were drawn from.

    Raises:
        DocumentError: the histogram is damaged.
    """
    if gate.is_rate:
        return _rate(doc, confidence, exact)
    metric = doc["metrics"].get(gate.metric)
    if metric is None or metric["kind"] != "trend" or not metric["samples"]:
        return None
    trend = trend_of(metric, gate.metric)
    share = None if gate.percentile is None else gate.percentile / 100
    worth = None if clustered is None else math.floor(trend.samples / clustered)
    if share is not None:
        found = exact_quantile(trend, share) if exact else quantile(trend, share, confidence, independent=worth)
    elif exact:
        found = Estimate(metric["avg"], max(0.0, metric["avg"] - _HALF), metric["avg"] + _HALF)
    else:
        found = mean(trend, metric["avg"], confidence, independent=worth)
    return Figure(found, trend.samples, clustered, metric["unit"], _is_inconclusive(doc))


def clustering_of(was: Mapping[str, Any], now: Mapping[str, Any], gate: Gate, confidence: float) -> float | None:
    """How many samples are worth one, for the figure that *gate* is about, by the run that shows more clusters; None without a timeline.

    The timeline has the response time's percentiles; what is slow together there, is so in the calls that it is made of. A mean is moved by
    the middle and by the tail, so it is worth what the worse of the two is.

    Raises:
        DocumentError: a histogram is damaged.
    """
    if gate.is_rate:
        return None
    found = []
    for doc in (was, now):
        response = doc["metrics"].get("response")
        if response is None or not response["samples"] or "timeline" not in doc:
            continue
        whole = trend_of(response, "response")
        for percentile in (gate.percentile,) if gate.percentile is not None else _OF_A_MEAN:
            found.append(inflation(doc["timeline"], whole.quantile(percentile), response["min"], confidence))
    return max((each for each in found if each is not None), default=None)


def _rate(doc: Mapping[str, Any], confidence: float, exact: bool) -> Figure | None:
    """Iterations begun per second. An even schedule has no chance in it but for its ends; a Poisson process counts as one."""
    rate, seconds = doc["rate"]["achieved"], doc["rate"]["seconds"]
    if not seconds or not rate:
        return None
    begun = round(rate * seconds)
    by_chance = 1.0 if doc["contract"]["arrivals"] == "even" else student(confidence, _MANY) * math.sqrt(begun)
    reach = 0.0 if exact else by_chance / seconds
    bounds = Estimate(rate, rate - reach if reach < rate else None, rate + reach)
    return Figure(bounds, begun, 1.0, "/s", _is_inconclusive(doc))


def _is_inconclusive(doc: Mapping[str, Any]) -> bool:
    return bool(doc["verdict"] == "inconclusive")
