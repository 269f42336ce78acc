"""How values are spread within each interval of a timeline: counts by coarse bucket, kept small whatever the run.

What is counted now lies in a dict; when that has grown, it is packed away as sorted numbers, 8 bytes a bucket. Counts add up, so spreads of
several runs do as well.
"""

from __future__ import annotations

from array import array
from collections import Counter
from math import ceil
from typing import TYPE_CHECKING

from pytest_cio_load.metrics.buckets import coarse_of, middle_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST_OPEN = 2048
_MOST_PACKED = 64
_WIDTH = 13  # bits of a coarse bucket: those of 64-bit values are below 2**13


class Spread:
    """Counts of values by interval, of which there are less than 2**19."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()
        self._packed: list[tuple[array[int], array[int]]] = []

    def add(self, intervals: Iterable[int], buckets: Iterable[int]) -> None:
        """Count values: the interval of each, and the bucket that `buckets.bucket_of` gives."""
        self._open.update([interval << _WIDTH | coarse for interval, coarse in zip(intervals, coarse_of(buckets), strict=True)])
        if len(self._open) > _MOST_OPEN:
            self._pack()

    def counts(self) -> dict[int, dict[int, int]]:
        """By interval: how many values lie in each coarse bucket, in their order."""
        whole, found = self._whole(), dict[int, dict[int, int]]()
        for key in sorted(whole):
            found.setdefault(key >> _WIDTH, {})[key & (1 << _WIDTH) - 1] = whole[key]
        return found

    def _whole(self) -> Counter[int]:
        whole = self._open.copy()
        for keys, counts in self._packed:
            for key, count in zip(keys, counts, strict=True):
                whole[key] = whole.get(key, 0) + count
        return whole

    def _pack(self) -> None:
        if len(self._packed) == _MOST_PACKED:
            # Intervals that were packed more than once, because they stayed open for long, come together again.
            self._open = self._whole()
            self._packed.clear()
        keys = sorted(self._open)
        self._packed.append((array("I", keys), array("I", map(self._open.__getitem__, keys))))
        self._open = Counter()


def quantiles(counts: Mapping[int, int], percentiles: Iterable[int], highest: int) -> list[float]:
    """The values at *percentiles*, which rise, by nearest rank: within 0.4 % of the exact ones, and the last of all exactly.

    Args:
        counts: by coarse bucket, in their order; at least one.
        percentiles: from 1 to 100.
        highest: the greatest value, which none exceeds.
    """
    samples, seen, found = sum(counts.values()), 0, []
    left = iter(counts.items())
    coarse = 0
    for percentile in percentiles:
        rank = ceil(percentile * samples / 100)
        while seen < rank:
            coarse, times = next(left)
            seen += times
        found.append(highest if rank == samples else min(middle_of(coarse), highest))
    return found
