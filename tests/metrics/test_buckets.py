"""Buckets: every value in one, one after the other, and none wider than its digits allow."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.metrics.buckets import bucket_of, buckets_of, coarse_of, highest_of, lowest_of, middle_of

DAY = 24 * 3600 * 1_000_000
values = st.one_of(st.integers(0, 5_000), st.integers(0, DAY), st.integers(0, 2**62))


@given(st.lists(values, max_size=50))
def test_many_are_found_as_one_is(several: list[int]) -> None:
    """All at once, or one by one."""
    assert buckets_of(several) == [bucket_of(value) for value in several]


@given(values)
def test_a_value_lies_in_its_bucket(value: int) -> None:
    """Between the least and the greatest of it, which are a thousandth apart at most."""
    lowest, highest = lowest_of(bucket_of(value)), highest_of(bucket_of(value))
    assert lowest <= value <= highest <= lowest * 1.001
    assert bucket_of(lowest) == bucket_of(highest) == bucket_of(value)
    assert bucket_of(highest + 1) == bucket_of(value) + 1


@given(values)
def test_the_middle_of_a_coarse_bucket_is_near_the_value(value: int) -> None:
    """Within 0.4 %."""
    (coarse,) = coarse_of([bucket_of(value)])
    assert abs(middle_of(coarse) - value) <= value * 0.004
    assert coarse < 2**13


def test_coarse_buckets_follow_each_other() -> None:
    """No bucket is left out and none goes back, where one layout passes into the next too."""
    coarse = coarse_of(range(40 << 10))
    assert coarse[0] == 0
    assert {after - before for before, after in pairwise(coarse)} == {0, 1}
