"""The four kinds of metric while they fill. None of them locks: the recorder does.

A trend is an HDR histogram: counts by bucket, 3 significant digits, in the bucket layout of HdrHistogram, so that it merges without loss
and every HdrHistogram tool can read what ``encode`` gives. The counts are kept sparse: a run touches some hundreds of buckets of the
25,000, which makes recording four times as fast as in a full array, and reading a percentile ten times.
"""

from __future__ import annotations

from collections import Counter as Tally
from fractions import Fraction
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any, Protocol

from pytest_cio_load.metrics.buckets import bucket_of, buckets_of, highest_of, lowest_of
from pytest_cio_load.metrics.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

THOUSANDTHS = 1000
"""A trend counts in thousandths of its unit: microseconds when the unit is milliseconds."""

_HIGHEST = 24 * 3600 * 1_000_000  # what an encoded histogram can hold at least: a day, in microseconds


class Measured(Protocol):
    """A metric that holds samples."""

    kind: Kind

    @property
    def samples(self) -> int:
        """How many samples it holds. A threshold on none cannot be judged."""

    def read(self, aggregation: str, percentile: Fraction | None, elapsed: float) -> float:
        """The value of one aggregation, in the metric's unit. *elapsed*: seconds measured, for per-second rates."""


class Trend:
    """Values from 0 up, kept to 3 significant digits; minimum, maximum and mean are exact to a thousandth."""

    kind = Kind.TREND
    __slots__ = ("counts", "highest", "lowest", "samples", "total")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.samples = 0
        self.total = 0
        self.lowest = 0
        self.highest = 0

    def record(self, thousandths: int) -> None:
        """Add one value, in thousandths of the unit: microseconds for times."""
        self.record_several(thousandths, 1)

    def record_several(self, thousandths: int, times: int) -> None:
        """Add the same value *times* times; see :meth:`record`."""
        if times > 0:
            self._take({bucket_of(thousandths): times}, thousandths, thousandths, thousandths * times)

    def record_all(self, thousandths: Sequence[int], buckets: Iterable[int] | None = None) -> None:
        """Add every value, which is much faster than one by one. *buckets*: theirs, where they are known already."""
        if thousandths:
            counts = Tally(buckets_of(thousandths) if buckets is None else buckets)
            self._take(counts, min(thousandths), max(thousandths), sum(thousandths))

    def _take(self, counts: Mapping[int, int], lowest: int, highest: int, total: int) -> None:
        self.lowest = min(self.lowest, lowest) if self.samples else lowest
        self.highest = max(self.highest, highest)
        ours = self.counts
        for bucket, times in counts.items():
            ours[bucket] = ours.get(bucket, 0) + times
        self.samples += sum(counts.values())
        self.total += total

    def add(self, value: float) -> None:
        """Add one value, in the unit.

        Raises:
            ValueError: it is negative, NaN or infinite.
        """
        if not isfinite(value) or value < 0:
            msg = f"a trend was given {value!r}: expected a number from 0 up; use a gauge for values below 0"
            raise ValueError(msg)
        self.record(round(value * THOUSANDTHS))

    def quantile(self, percentile: Fraction) -> float:
        """The smallest recorded value that at least *percentile* % of the samples do not exceed (nearest rank)."""
        rank = max(1, ceil(percentile * self.samples / 100))
        seen = 0
        for index in sorted(self.counts):
            seen += self.counts[index]
            if seen >= rank:
                return max(self.lowest, min(highest_of(index), self.highest)) / THOUSANDTHS
        return 0.0

    def read(self, aggregation: str, percentile: Fraction | None, elapsed: float) -> float:
        """avg, min, max, med, p or count."""
        match aggregation:
            case "p" if percentile is not None:
                return self.quantile(percentile)
            case "med":
                return self.quantile(Fraction(50))
            case "avg":
                return self.total / self.samples / THOUSANDTHS if self.samples else 0.0
            case "min":
                return self.lowest / THOUSANDTHS
            case "max":
                return self.highest / THOUSANDTHS
            case "count":
                return float(self.samples)
        raise _no_such(aggregation, self.kind)

    def merge(self, other: Trend) -> None:
        """Add every sample of *other*: buckets add up, so nothing is lost."""
        if other.samples:
            self._take(other.counts, other.lowest, other.highest, other.total)

    def encode(self) -> str:
        """The histogram as HdrHistogram's compressed base64 (V2), values in thousandths of the unit."""
        from hdrh.histogram import HdrHistogram

        histogram = HdrHistogram(1, max(_HIGHEST, self.highest), 3)
        for index in sorted(self.counts):
            histogram.record_value(lowest_of(index), self.counts[index])
        encoded: bytes = histogram.encode()
        return encoded.decode("ascii")

    @classmethod
    def decode(cls, text: str) -> Trend:
        """What ``encode`` gave, read back. Minimum, maximum and mean are then those of the buckets."""
        from hdrh.histogram import HdrHistogram

        trend, histogram = cls(), HdrHistogram.decode(text)
        for value, number in _recorded(histogram):
            trend.record_several(value, number)
        return trend


def _recorded(histogram: Any) -> Iterable[tuple[int, int]]:
    for item in histogram.get_recorded_iterator():
        yield histogram.get_lowest_equivalent_value(item.value_iterated_to), item.count_at_value_iterated_to


class Counter:
    """Adds up."""

    kind = Kind.COUNTER
    __slots__ = ("samples", "total")

    def __init__(self) -> None:
        self.total: float = 0
        self.samples = 0

    def add(self, value: float = 1) -> None:
        """Add *value*, 1 by default. Raises ValueError when it is negative or no number."""
        if not isfinite(value) or value < 0:
            msg = f"a counter was given {value!r}: expected a number from 0 up; use a gauge for what goes down"
            raise ValueError(msg)
        self.total += value
        self.samples += 1

    def add_all(self, total: int, samples: int) -> None:
        """Add *samples* values that come to *total*."""
        self.total += total
        self.samples += samples

    def read(self, aggregation: str, percentile: Fraction | None, elapsed: float) -> float:
        """count, or rate per second."""
        match aggregation:
            case "count":
                return float(self.total)
            case "rate":
                return self.total / elapsed if elapsed > 0 else 0.0
        raise _no_such(aggregation, self.kind)


class Rate:
    """The share of samples that were true.

    ``hits`` can exceed the true samples: one failed iteration may hold several failed calls, each of which counts.
    """

    kind = Kind.RATE
    __slots__ = ("hits", "samples", "true")

    def __init__(self) -> None:
        self.samples = 0
        self.true = 0
        self.hits = 0

    def add(self, value: bool, hits: int | None = None) -> None:
        """Add one sample."""
        self.samples += 1
        self.true += bool(value)
        self.hits += int(bool(value)) if hits is None else hits

    def add_all(self, samples: int, true: int, hits: int | None = None) -> None:
        """Add *samples* samples, so many of them *true*."""
        self.samples += samples
        self.true += true
        self.hits += true if hits is None else hits

    def read(self, aggregation: str, percentile: Fraction | None, elapsed: float) -> float:
        """rate, from 0 to 1, or count."""
        match aggregation:
            case "rate":
                return self.true / self.samples if self.samples else 0.0
            case "count":
                return float(self.hits)
        raise _no_such(aggregation, self.kind)


class Gauge:
    """The last value, with the least and the greatest."""

    kind = Kind.GAUGE
    __slots__ = ("highest", "last", "lowest", "samples")

    def __init__(self) -> None:
        self.last = self.lowest = self.highest = 0.0
        self.samples = 0

    def set(self, value: float) -> None:
        """Set it. Raises ValueError when it is NaN or infinite."""
        if not isfinite(value):
            msg = f"a gauge was given {value!r}: expected a finite number"
            raise ValueError(msg)
        self.last = float(value)
        self.lowest = min(self.lowest, self.last) if self.samples else self.last
        self.highest = max(self.highest, self.last) if self.samples else self.last
        self.samples += 1

    add = set

    def read(self, aggregation: str, percentile: Fraction | None, elapsed: float) -> float:
        """value, min or max."""
        match aggregation:
            case "value":
                return self.last
            case "min":
                return self.lowest
            case "max":
                return self.highest
        raise _no_such(aggregation, self.kind)


class Delivery:
    """What became of what was sent: read from the fake once the run has ended, so it is set whole and never added to.

    Args:
        received: requests that arrived.
        lost: accepted and not applied, or never arrived.
        duplicates: events that had been applied already.
        out_of_order: events of a person that were applied before an earlier one of theirs.
    """

    kind = Kind.DELIVERY
    __slots__ = ("counts", "samples")

    def __init__(self, received: int = 0, *, lost: int = 0, duplicates: int = 0, out_of_order: int = 0) -> None:
        self.samples = received
        self.counts = {"lost": lost, "duplicates": duplicates, "out_of_order": out_of_order}

    def read(self, aggregation: str, percentile: Fraction | None, elapsed: float) -> float:
        """lost, duplicates or out_of_order."""
        if aggregation not in self.counts:
            raise _no_such(aggregation, self.kind)
        return float(self.counts[aggregation])


def _no_such(aggregation: str, kind: Kind) -> ValueError:
    return ValueError(f"a {kind.value} has no {aggregation!r}")


MEASURED: dict[Kind, type[Trend | Counter | Rate | Gauge]] = {
    Kind.TREND: Trend,
    Kind.COUNTER: Counter,
    Kind.RATE: Rate,
    Kind.GAUGE: Gauge,
}
