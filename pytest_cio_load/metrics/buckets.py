"""The buckets that values are counted in: HdrHistogram's layout for 3 significant digits, and a coarser one for a timeline's intervals.

A value is a whole number from 0 up: thousandths of a metric's unit, so microseconds for times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HALF = 10  # log2 of half the sub-buckets that 3 significant digits need: 2048 / 2
_FINE = 2 << _HALF
_COARSE_HALF = 7  # a bucket is at most 1/128 of its values wide, so its middle is within 0.4 % of them
_LESS = _HALF - _COARSE_HALF
_OFFSET = _LESS << _COARSE_HALF


def bucket_of(value: int) -> int:
    """The bucket of one value."""
    shift = max(0, value.bit_length() - _HALF - 1)
    return (shift << _HALF) + (value >> shift)


def buckets_of(values: Iterable[int]) -> list[int]:
    """The bucket of each value. Written out, because every sample of a run comes through here."""
    return [value if value < _FINE else ((shift := value.bit_length() - _HALF - 1) << _HALF) + (value >> shift) for value in values]


def lowest_of(bucket: int) -> int:
    """The smallest value of a bucket."""
    return _lowest(bucket, _HALF)


def highest_of(bucket: int) -> int:
    """The largest value of a bucket."""
    return lowest_of(bucket) + (1 << max(0, (bucket >> _HALF) - 1)) - 1


def _lowest(bucket: int, half: int) -> int:
    if bucket < 2 << half:
        return bucket
    shift = (bucket >> half) - 1
    return (bucket - (shift << half)) << shift


def _coarser(bucket: int) -> int:
    shift = max(0, bucket.bit_length() - _COARSE_HALF - 1)
    return (shift << _COARSE_HALF) + (bucket >> shift)


_COARSE: Sequence[int] = [_coarser(bucket) for bucket in range(_FINE)]


def coarse_of(buckets: Iterable[int]) -> list[int]:
    """The coarse bucket that each bucket lies in. None lies in two."""
    return [_COARSE[bucket] if bucket < _FINE else (bucket >> _LESS) + _OFFSET for bucket in buckets]


def middle_of(coarse: int) -> float:
    """The value halfway through a coarse bucket, within 0.4 % of every value in it."""
    shift = max(0, (coarse >> _COARSE_HALF) - 1)
    return _lowest(coarse, _COARSE_HALF) + ((1 << shift) - 1) / 2
