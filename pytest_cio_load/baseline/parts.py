"""A run by its timeline: all of it, or the part in which its load generator was not late.

A timeline has no samples, but of each interval how many there were and a few of their percentiles. From these the share of samples above
any value is known within bounds, and so the quantiles of any set of intervals, to 2 or 3 %.

What for: on a machine that is busy with something else, iterations begin late and sleeps end late, and response times grow though the
target is as fast as ever. Lag, which is how late iterations began, is not the target's doing. So the intervals in which there was much of
it say more about the machine than about the code, and a comparison rests on the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_KNOWN = ((50, "p50"), (95, "p95"), (99, "p99"), (100, "max"))
_LEAST = 0.001  # ms: what is 0 has no logarithm
_NORMAL = NormalDist()
_STEPS = 80  # to integrate by, and to halve by more than enough


@dataclass(frozen=True, slots=True)
class Point:
    """A sample that is known.

    Attributes:
        rank: how many samples of the interval do not exceed it; 0 for the least one of the run, which need not be of this interval.
        value: in ms, above 0.
        deviation: where it would be in a standard normal distribution.
    """

    rank: int
    value: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Interval:
    """What is known of one interval.

    Attributes:
        samples: how many iterations that were measured fell due in it; at least 1.
        late: by how many ms the generator began the latest of them late.
        points: samples that are known, rising from the least one of the run to the last one of the interval.
    """

    samples: int
    late: float
    points: tuple[Point, ...]

    def above(self, value: float) -> float:
        """How many of its samples are above *value*, in ms.

        The points bound it from both sides; between two of them values are taken for lognormal.
        """
        if value >= self.points[-1].value:
            return 0.0
        at = next(at for at, point in enumerate(self.points) if point.value > value)
        if not at:
            return float(self.samples)
        below, beyond = self.points[at - 1], self.points[at]
        way = math.log(value / below.value) / math.log(beyond.value / below.value)
        told = self.samples * _NORMAL.cdf(-(below.deviation + (beyond.deviation - below.deviation) * way))
        return min(max(told, self.samples - beyond.rank + 1.0), float(self.samples - below.rank))


class Part:
    """Some intervals of a run, in their order."""

    def __init__(self, intervals: Sequence[Interval]) -> None:
        self.intervals = tuple(intervals)
        self.samples = sum(each.samples for each in intervals)

    @classmethod
    def whole(cls, doc: Mapping[str, Any]) -> Part | None:
        """All that was measured of a run; None for a document that has no timeline or no sample on it."""
        timeline, response = doc.get("timeline"), doc["metrics"].get("response")
        if timeline is None or response is None or not response["samples"]:
            return None
        least = Point(0, max(_LEAST, response["min"]), _deviation(1, response["samples"]))
        measured = (at for at in range(len(timeline["due"])) if at * timeline["step"] >= timeline["warmup"])
        found = [_interval(timeline, at, least) for at in measured if timeline["response"]["max"][at] is not None]
        return cls(found) if found else None

    def punctual(self, late: float) -> Part:
        """Those in which no iteration began more than *late* ms late."""
        return Part([each for each in self.intervals if each.late <= late])

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value, in ms."""
        return min(each.points[0].value for each in self.intervals), max(each.points[-1].value for each in self.intervals)

    def above(self, value: float) -> float:
        """Which share of the samples is above *value*, in ms."""
        return math.fsum(each.above(value) for each in self.intervals) / self.samples

    def quantile(self, share: Fraction | float) -> float:
        """The value that so large a share of the samples does not exceed, in ms."""
        low, high = self.ends
        for _ in range(_STEPS // 2):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if self.above(middle) > 1 - share else (low, middle)
        return high

    @cached_property
    def moments(self) -> tuple[float, float]:
        """The mean and the variance, in ms and its square."""
        low, high = self.ends
        grid = [low * (high / low) ** (step / _STEPS) for step in range(_STEPS + 1)] if high > low else [low]
        above = [self.above(value) for value in grid]

        def integral(of: Callable[[float], float]) -> float:
            parts = zip(pairwise(grid), pairwise(above), strict=True)
            return math.fsum((end - begin) * (of(begin) * first + of(end) * last) / 2 for (begin, end), (first, last) in parts)

        mean = low + integral(lambda value: 1.0)
        return mean, max(0.0, low**2 + integral(lambda value: 2 * value) - mean**2)


def interval_of(samples: int, late: float, ranked: Iterable[tuple[int, float]], least: Point) -> Interval:
    """An interval of which samples are known by their ranks, from 1, rising up to the last; see `Interval`."""
    points = [least]
    for rank, value in ranked:
        points.append(Point(rank, max(points[-1].value, value), max(points[-1].deviation, _deviation(rank, samples))))
    return Interval(samples, late, tuple(points))


def _interval(timeline: Mapping[str, Any], at: int, least: Point) -> Interval:
    samples, response = max(1, timeline["due"][at] - timeline["dropped"][at]), timeline["response"]
    ranked = [(math.ceil(percentile * samples / 100), response[name][at]) for percentile, name in _KNOWN]
    return interval_of(samples, timeline["lag"]["max"][at] or 0.0, ranked, least)


@lru_cache(maxsize=4096)
def _deviation(rank: int, samples: int) -> float:
    return _NORMAL.inv_cdf((rank - 0.5) / samples)
