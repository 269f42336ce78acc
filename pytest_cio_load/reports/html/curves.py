"""What is drawn of a histogram: its percentiles up to the rarest that its samples can show, and its counts in bins of equal ratio."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from pytest_cio_load.metrics.buckets import highest_of
from pytest_cio_load.metrics.measured import THOUSANDTHS, Trend
from pytest_cio_load.reports.histograms import trend_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.reports.document import Document

NAMED = (Fraction(50), Fraction(90), Fraction(99), Fraction("99.9"), Fraction("99.99"), Fraction("99.999"), Fraction("99.9999"))
"""The percentiles that the axis of the curves has marks for."""

_POINTS = 120
_PER_DECADE = 12
_LEAST = 1  # thousandths of a ms: what is drawn lowest on a log axis


@dataclass(frozen=True, slots=True)
class Bin:
    """A part of the values.

    Attributes:
        low, high: its ends, in ms.
        count: samples in it.
    """

    low: float
    high: float
    count: int


def trend(doc: Document, name: str) -> Trend | None:
    """A trend of a run document, or None when it has none of that name with a sample. Raises DocumentError."""
    metric: dict[str, Any] | None = doc["metrics"].get(name)
    if metric is None or metric["kind"] != "trend" or not metric["samples"]:
        return None
    return trend_of(metric, f"{doc['test']}: metrics.{name}")


def rarity(percentile: Fraction | float) -> float:
    """Where a percentile stands on the axis: one sample in so many is above it. 2 for the 50th, 100 for the 99th."""
    return float(100 / (100 - Fraction(percentile)))


def places(samples: int) -> list[Fraction]:
    """Percentiles at which curves are drawn: evenly spread over the axis, up to the last that *samples* samples can show."""
    last = max(log10(max(samples, 1)), 1.0)
    steps = {Fraction(100) - 100 / Fraction(10 ** (last * step / _POINTS)).limit_denominator(10**9) for step in range(_POINTS + 1)}
    shown = {named for named in NAMED if rarity(named) <= max(samples, 10)}
    return sorted({max(Fraction(0), step) for step in steps} | shown)


def quantiles(found: Trend, percentiles: Sequence[Fraction]) -> list[float | None]:
    """Values at ascending *percentiles*, in ms, in one pass; None where the samples are too few for it."""
    values: list[float | None] = []
    buckets = iter(sorted(found.counts.items()))
    bucket, seen = next(buckets)
    seen = found.counts[bucket]
    for percentile in percentiles:
        if percentile > NAMED[0] and rarity(percentile) > max(found.samples, 10) * (1 + 1e-9):
            values.append(None)
            continue
        rank = max(1, ceil(percentile * found.samples / 100))
        while seen < rank:
            bucket, count = next(buckets)
            seen += count
        values.append(max(found.lowest, min(highest_of(bucket), found.highest)) / THOUSANDTHS)
    return values


def bins(found: Trend) -> list[Bin]:
    """The samples of a trend in bins of equal ratio, 12 for each power of ten, without gaps."""
    counts: dict[int, int] = {}
    for bucket, count in found.counts.items():
        value = max(_LEAST, min(highest_of(bucket), found.highest))
        at = floor(log10(value) * _PER_DECADE)
        counts[at] = counts.get(at, 0) + count
    return [Bin(_edge(at), _edge(at + 1), counts.get(at, 0)) for at in range(min(counts), max(counts) + 1)]


def _edge(at: int) -> float:
    return float(10 ** (at / _PER_DECADE) / THOUSANDTHS)
