"""How well a run knows its figures: the bounds hold as often as they say, and are no wider than they have to be."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from random import Random
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.baseline.intervals import Estimate, bucket_at, exact_quantile, least_samples, mean, quantile, ranks, student
from pytest_cio_load.metrics.measured import Trend

P50, P95, P99 = Fraction(1, 2), Fraction(95, 100), Fraction(99, 100)


def trend(values: list[float]) -> Trend:
    """Of values in ms."""
    made = Trend()
    made.record_all([round(value * 1000) for value in values])
    return made


def inverse_cdf(rng: Random, share: float) -> float:
    """Lognormal, 20 ms at the median."""
    return 20 * math.exp(0.5 * NormalDist().inv_cdf(share))


def stepped(rng: Random, share: float) -> float:
    """Three values only, so that most samples are tied."""
    return 10.0 if share < 0.6 else 20.0 if share < 0.97 else 300.0


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [
        (20, P50, (6, 15)),  # as in every table of the sign test
        (5, P50, (None, None)),
        (6, P50, (1, 6)),
        (71, P95, (63, None)),
        (72, P95, (64, 72)),
        (1, P95, (None, None)),
        (0, P95, (None, None)),
    ],
)
def test_ranks(samples: int, share: Fraction, expected: tuple[int | None, int | None]) -> None:
    """The innermost ones that hold with 95 %; none where no sample does."""
    assert ranks(samples, share, 0.95) == expected


@given(st.integers(1, 400), st.sampled_from([P50, Fraction(9, 10), P95, P99]))
def test_ranks_are_the_innermost_that_hold(samples: int, share: Fraction) -> None:
    """By the binomial distribution, in exact arithmetic."""
    below = [Fraction(0)]
    for hits in range(samples + 1):
        below.append(below[-1] + math.comb(samples, hits) * share**hits * (1 - share) ** (samples - hits))
    each = Fraction(25, 1000)
    lower = max((rank for rank in range(1, samples + 1) if below[rank] <= each), default=None)
    upper = min((rank for rank in range(1, samples + 1) if 1 - below[rank] <= each), default=None)
    assert ranks(samples, share, 0.95) == (lower, upper)


@pytest.mark.parametrize("share", [P50, Fraction(9, 10), P95, P99, Fraction(999, 1000)])
def test_the_least_number_of_samples(share: Fraction) -> None:
    """From it on there are both bounds, and before it there are not."""
    least = least_samples(share, 0.95)
    assert None not in ranks(least, share, 0.95)
    assert None in ranks(least - 1, share, 0.95)


def test_millions_of_samples() -> None:
    """The interval is that of the normal distribution then."""
    lower, upper = ranks(3_600_000, P99, 0.95)
    assert lower is not None
    assert upper is not None
    assert upper - lower == pytest.approx(2 * 1.96 * math.sqrt(3_600_000 * 0.99 * 0.01), rel=0.01)


@pytest.mark.parametrize("draw", [inverse_cdf, stepped])
@pytest.mark.parametrize(("share", "samples"), [(P50, 40), (P95, 160), (P95, 1600), (P99, 1600)])
def test_the_bounds_of_a_quantile_cover_it(draw: Callable[[Random, float], float], share: Fraction, samples: int) -> None:
    """In at least 95 % of runs, whatever the distribution; 92 % of 300 are within what chance does to them."""
    rng, hit = Random(5), 0
    true = draw(rng, float(share))
    for _ in range(300):
        known = quantile(trend([draw(rng, rng.random()) for _ in range(samples)]), share, 0.95)
        assert known.low is not None
        assert known.high is not None
        hit += known.low <= true * 1.001 and true * 0.999 <= known.high
    assert hit / 300 >= 0.92


def test_the_bounds_of_a_mean_cover_it() -> None:
    """Of a skewed distribution, from 200 samples."""
    rng, hit, true = Random(6), 0, 20 * math.exp(0.125)
    for _ in range(300):
        values = [inverse_cdf(rng, rng.random()) for _ in range(200)]
        known = mean(trend(values), sum(values) / 200, 0.95)
        assert known.low is not None
        assert known.high is not None
        hit += known.low <= true <= known.high
    assert hit / 300 >= 0.91


def test_fewer_independent_samples_widen_the_bounds() -> None:
    """A sample of a cluster is not worth a whole one."""
    values = trend([float(value) for value in range(1, 1601)])
    narrow, wide = quantile(values, P95, 0.95), quantile(values, P95, 0.95, independent=400)
    assert wide.value == narrow.value
    assert wide.low is not None
    assert narrow.low is not None
    assert wide.high is not None
    assert narrow.high is not None
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(2, rel=0.15)
    assert mean(values, 800.5, 0.95, independent=400).high > mean(values, 800.5, 0.95).high  # type: ignore[operator]


def test_a_bound_is_missing_where_there_are_too_few() -> None:
    """Of a quantile and of a mean."""
    few = trend([float(value) for value in range(1, 30)])
    assert quantile(few, P95, 0.95).high is None
    assert mean(few, 15.0, 0.95) == Estimate(15.0, None, None)
    assert quantile(trend([float(value) for value in range(1, 101)]), P95, 0.95, independent=10).high is None


def test_equal_values_bound_themselves() -> None:
    """To the width of a bucket."""
    known = quantile(trend([50.0] * 200), P95, 0.95)
    assert (known.low, known.value, known.high) == (50.0, 50.0, 50.0)


def test_a_bound_is_an_end_of_its_bucket() -> None:
    """The histogram does not know where in it the sample was: low is the lower end, high the upper one."""
    values = trend([1.0] * 100 + [5000.0] * 100 + [90000.0] * 100)
    low, high = bucket_at(values, 150)
    assert low <= 5000.0 <= high
    assert 0 < (high - low) / 5000 < 0.001
    assert exact_quantile(values, P50) == Estimate(high, low, high)
    assert bucket_at(values, 10_000) == (90000.0, 90000.0)


@pytest.mark.parametrize(("freedom", "expected"), [(4, 2.776445), (5, 2.570582), (9, 2.262157), (19, 2.093024), (1_000_000, 1.959966)])
def test_student(freedom: int, expected: float) -> None:
    """As the tables have it."""
    assert student(0.95, freedom) == pytest.approx(expected, rel=0.002)
