"""Spreads: counts by interval that lose nothing, are packed small, and whose percentiles are near the exact ones."""

from __future__ import annotations

from collections import Counter
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.metrics import spread as spreads
from pytest_cio_load.metrics.buckets import buckets_of, coarse_of
from pytest_cio_load.metrics.spread import Spread, quantiles

pairs = st.lists(st.tuples(st.integers(0, 480), st.integers(0, 10**11)), min_size=1, max_size=200)


def counted(told: list[tuple[int, int]], *, at_once: int = 7) -> dict[int, dict[int, int]]:
    """What a spread makes of values and their intervals."""
    spread = Spread()
    for at in range(0, len(told), at_once):
        part = told[at : at + at_once]
        spread.add([interval for interval, _ in part], buckets_of(value for _, value in part))
    return spread.counts()


@given(pairs, st.integers(1, 20), st.integers(1, 4))
def test_every_value_is_counted_once(told: list[tuple[int, int]], most_open: int, most_packed: int) -> None:
    """However often they are packed away."""
    expected = Counter((interval, coarse_of(buckets_of([value]))[0]) for interval, value in told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spreads, "_MOST_OPEN", most_open)
        patch.setattr(spreads, "_MOST_PACKED", most_packed)
        counts = counted(told)
    assert Counter({(interval, coarse): times for interval, each in counts.items() for coarse, times in each.items()}) == expected
    assert list(counts) == sorted(counts)
    assert all(list(each) == sorted(each) for each in counts.values())


def test_reading_changes_nothing() -> None:
    """It may be read while the run goes on."""
    spread = Spread()
    spread.add([0], buckets_of([5]))
    assert spread.counts() == spread.counts() == {0: {5: 1}}
    spread.add([0], buckets_of([5]))
    assert spread.counts() == {0: {5: 2}}


@given(st.lists(st.one_of(st.integers(0, 3_000), st.integers(0, 10**9)), min_size=1, max_size=150))
def test_percentiles_are_within_one_percent(values: list[int]) -> None:
    """Of the exact ones by nearest rank; never above the greatest value."""
    counts = counted([(0, value) for value in values])[0]
    percentiles = (1, 50, 95, 99, 100)
    found = quantiles(counts, percentiles, max(values))
    for percentile, value in zip(percentiles, found, strict=True):
        exact = sorted(values)[ceil(percentile * len(values) / 100) - 1]
        assert abs(value - exact) <= exact * 0.01
        assert value <= max(values)
    assert found == sorted(found)
