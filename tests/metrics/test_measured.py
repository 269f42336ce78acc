"""The four kinds of metric: a trend agrees with HdrHistogram, and nothing is lost, averaged or made up."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.metrics.kinds import AGGREGATIONS, Kind
from pytest_cio_load.metrics.measured import MEASURED, Counter, Delivery, Gauge, Rate, Trend

DAY = 24 * 3600 * 1_000_000
PERCENTILES = ("0", "1", "25", "50", "75", "90", "95", "99", "99.9", "99.99", "100")

micros = st.one_of(st.integers(0, 3_000), st.integers(0, 3_000_000), st.integers(0, DAY))
values = st.lists(micros, min_size=1, max_size=120)


def filled(recorded: list[int]) -> Trend:
    """A trend of these thousandths."""
    trend = Trend()
    for value in recorded:
        trend.record(value)
    return trend


def reference(recorded: list[int]) -> Any:
    """The same in HdrHistogram's own Python port."""
    histogram = HdrHistogram(1, DAY, 3)
    for value in recorded:
        histogram.record_value(value)
    return histogram


@given(values)
@settings(max_examples=120, deadline=None)
def test_every_percentile_is_what_hdr_histogram_says(recorded: list[int]) -> None:
    """By nearest rank, in HdrHistogram's buckets, never above the greatest value recorded and never below the least."""
    trend, histogram = filled(recorded), reference(recorded)
    ranked = sorted(recorded)
    for text in PERCENTILES:
        rank = max(1, ceil(Fraction(text) * len(ranked) / 100))
        bucket = histogram.get_highest_equivalent_value(ranked[rank - 1])
        expected = max(min(bucket, max(recorded)), min(recorded))
        assert trend.quantile(Fraction(text)) == expected / 1000


@given(values)
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_what_hdr_histogram_encodes(recorded: list[int]) -> None:
    """Letter for letter: bucket for bucket, sample for sample."""
    assert filled(recorded).encode() == reference(recorded).encode().decode("ascii")


@given(values)
@settings(max_examples=15, deadline=None)
def test_every_hdr_histogram_tool_can_read_it(recorded: list[int]) -> None:
    """HdrHistogram's own decoder finds every sample in its bucket."""
    histogram = HdrHistogram.decode(filled(recorded).encode())
    assert histogram.get_total_count() == len(recorded)
    for value in recorded:
        alike = sum(histogram.values_are_equivalent(value, other) for other in recorded)
        assert histogram.get_count_at_value(value) == alike


@given(values)
@settings(max_examples=120, deadline=None)
def test_a_percentile_is_within_three_significant_digits(recorded: list[int]) -> None:
    """Against the sorted values themselves: never less, and at most a thousandth more."""
    ranked, trend = sorted(recorded), filled(recorded)
    for text in PERCENTILES:
        exact = ranked[max(1, ceil(Fraction(text) * len(ranked) / 100)) - 1]
        found = round(trend.quantile(Fraction(text)) * 1000)
        assert exact <= found <= exact * 1.001


@given(values)
@settings(max_examples=120, deadline=None)
def test_least_greatest_and_mean_are_exact(recorded: list[int]) -> None:
    """They do not come from buckets."""
    trend = filled(recorded)
    assert trend.read("min", None, 0) == min(recorded) / 1000
    assert trend.read("max", None, 0) == max(recorded) / 1000
    assert trend.read("avg", None, 0) == pytest.approx(sum(recorded) / len(recorded) / 1000, rel=1e-12)
    assert trend.read("count", None, 0) == len(recorded)
    assert trend.read("med", None, 0) == trend.quantile(Fraction(50))


@given(values)
@settings(max_examples=60, deadline=None)
def test_percentiles_grow_with_the_percentage(recorded: list[int]) -> None:
    """And end at the maximum."""
    trend = filled(recorded)
    found = [trend.quantile(Fraction(text)) for text in PERCENTILES]
    assert found == sorted(found)
    assert found[-1] == max(recorded) / 1000


@given(values)
@settings(max_examples=20, deadline=None)
def test_what_is_encoded_decodes_to_the_same_counts(recorded: list[int]) -> None:
    """Nothing is lost on the way, and the percentiles are the same to three digits."""
    trend = filled(recorded)
    again = Trend.decode(trend.encode())
    assert (again.counts, again.samples) == (trend.counts, trend.samples)
    for text in PERCENTILES:
        assert again.quantile(Fraction(text)) == pytest.approx(trend.quantile(Fraction(text)), rel=0.001)


@given(st.lists(values, min_size=2, max_size=4))
@settings(max_examples=80, deadline=None)
def test_merging_is_recording_all_in_one(parts: list[list[int]]) -> None:
    """Histograms of several workers add up to the histogram of all, in every figure."""
    merged = Trend()
    for part in parts:
        merged.merge(filled(part))
    whole = filled([value for part in parts for value in part])
    for field in ("counts", "samples", "total", "lowest", "highest"):
        assert getattr(merged, field) == getattr(whole, field)


@pytest.mark.parametrize("first", [True, False])
def test_merging_an_empty_one_changes_nothing(first: bool) -> None:
    """On either side: no 0 slips into the minimum."""
    one, empty = filled([5_000]), Trend()
    merged, other = (empty, one) if first else (one, empty)
    merged.merge(other)
    assert (merged.samples, merged.lowest, merged.highest) == (1, 5_000, 5_000)


def test_an_empty_trend_reads_0_and_says_it_has_no_samples() -> None:
    """Whoever judges asks for the samples first."""
    empty = Trend()
    assert [empty.read(name, Fraction(95), 1) for name in AGGREGATIONS[Kind.TREND]] == [0] * 6
    assert empty.samples == 0


def test_an_empty_trend_encodes_and_decodes() -> None:
    """A metric that was declared and never filled is kept as well."""
    assert Trend.decode(Trend().encode()).samples == 0


def test_a_value_beyond_a_day_is_kept() -> None:
    """A trend has no upper end: not when it records, not when it encodes."""
    trend = filled([3 * DAY, 10])
    assert trend.read("max", None, 0) == 3 * DAY / 1000
    assert Trend.decode(trend.encode()).counts == trend.counts


def test_a_trend_counts_in_thousandths_of_its_unit() -> None:
    """add() takes the unit, rounds to a thousandth, and 0 is a value."""
    trend = Trend()
    for value in (0, 1.2345, 1.2344, 50):
        trend.add(value)
    assert (trend.lowest, trend.highest, trend.total) == (0, 50_000, 1_234 + 1_234 + 50_000)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Kind.TREND, -0.001, "a trend was given -0.001: expected a number from 0 up; use a gauge for values below 0"),
        (Kind.TREND, float("nan"), "a trend was given nan: expected a number from 0 up; use a gauge for values below 0"),
        (Kind.TREND, float("inf"), "a trend was given inf: expected a number from 0 up; use a gauge for values below 0"),
        (Kind.COUNTER, -1, "a counter was given -1: expected a number from 0 up; use a gauge for what goes down"),
        (Kind.COUNTER, float("nan"), "a counter was given nan: expected a number from 0 up; use a gauge for what goes down"),
        (Kind.GAUGE, float("nan"), "a gauge was given nan: expected a finite number"),
        (Kind.GAUGE, float("-inf"), "a gauge was given -inf: expected a finite number"),
    ],
)
def test_a_value_that_is_none_is_refused_and_not_counted(kind: Kind, value: float, message: str) -> None:
    """The message says what was got and what would do."""
    metric: Any = MEASURED[kind]()
    with pytest.raises(ValueError) as caught:
        metric.add(value)
    assert str(caught.value) == message
    assert metric.samples == 0


def test_a_counter_adds_up() -> None:
    """Whole or not, 1 by default; its rate is per second measured."""
    counter = Counter()
    for value in (2, 0.5, 0):
        counter.add(value)
    counter.add()
    assert (counter.read("count", None, 7), counter.read("rate", None, 7), counter.samples) == (3.5, 0.5, 4)


def test_a_counter_of_no_time_has_no_rate() -> None:
    """Nothing is divided by 0."""
    counter = Counter()
    counter.add()
    assert counter.read("rate", None, 0.0) == 0


def test_a_rate_is_the_share_of_the_true() -> None:
    """Of its samples; its count is how many were true."""
    rate = Rate()
    for value in (True, False, False, True, False):
        rate.add(value)
    assert (rate.read("rate", None, 1), rate.read("count", None, 1), rate.samples) == (0.4, 2, 5)


def test_a_rate_may_count_more_hits_than_samples() -> None:
    """One failed iteration with three failed calls is one in two, and three errors."""
    rate = Rate()
    rate.add(True, hits=3)
    rate.add(False, hits=0)
    assert (rate.read("rate", None, 1), rate.read("count", None, 1), rate.samples) == (0.5, 3, 2)


def test_an_empty_rate_is_0() -> None:
    """And says it has no samples."""
    assert (Rate().read("rate", None, 1), Rate().samples) == (0, 0)


@pytest.mark.parametrize(
    ("given_values", "expected"), [([3], (3, 3, 3)), ([5, -2, 1], (1, -2, 5)), ([-7, -9], (-9, -9, -7)), ([4, 9], (9, 4, 9))]
)
def test_a_gauge_has_its_last_least_and_greatest(given_values: list[float], expected: tuple[float, ...]) -> None:
    """The 0 it begins with is no value of it."""
    gauge = Gauge()
    for value in given_values:
        gauge.set(value)
    assert tuple(gauge.read(name, None, 1) for name in ("value", "min", "max")) == expected
    assert gauge.samples == len(given_values)


@pytest.mark.parametrize("kind", list(MEASURED))
def test_a_kind_has_its_aggregations_and_no_others(kind: Kind) -> None:
    """Those that thresholds may ask; any other is an error here."""
    metric: Any = MEASURED[kind]()
    metric.add(1)
    everything = {name for names in AGGREGATIONS.values() for name in names}
    for name in AGGREGATIONS[kind]:
        assert metric.read(name, Fraction(95), 1.0) == 1
    for name in everything - set(AGGREGATIONS[kind]):
        with pytest.raises(ValueError, match=f"a {kind.value} has no '{name}'"):
            metric.read(name, Fraction(95), 1.0)


def test_each_kind_is_measured_by_its_own() -> None:
    """The table and the classes agree."""
    assert {kind: measured.kind for kind, measured in MEASURED.items()} == {kind: kind for kind in Kind if kind is not Kind.DELIVERY}


def test_delivery_is_read_whole() -> None:
    """The fake counts it; nothing is ever added to it."""
    delivery = Delivery(10, lost=1, out_of_order=2)
    assert [delivery.read(name, None, 1.0) for name in AGGREGATIONS[Kind.DELIVERY]] == [1, 0, 2]
    with pytest.raises(ValueError, match="a delivery has no 'count'"):
        delivery.read("count", None, 1.0)
