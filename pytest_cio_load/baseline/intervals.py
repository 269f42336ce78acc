"""How well a run knows a figure of its own: an estimate, with bounds that hold whatever the distribution of the values.

Quantiles are bounded by order statistics. Of *n* independent samples, the number that do not exceed the true quantile is binomial, so two
ranks can be named between whose samples it lies with a given confidence; nothing is assumed about what the values look like. Where values
are equal the bounds only hold more often. A histogram knows a sample but for the width of its bucket, so a lower bound is the bucket's
lower end and an upper bound its upper one.

The mean is bounded by the normal approximation (Student's), with the variance that the histogram holds. Bernstein's bound would hold
without approximation, but it grows with the greatest value a sample can have, which for a response time is the time-out: it never tells
anything. A mean that a few samples make up has a variance to match, and so a wide interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from pytest_cio_load.metrics.buckets import highest_of, lowest_of
from pytest_cio_load.metrics.measured import THOUSANDTHS

if TYPE_CHECKING:
    from pytest_cio_load.metrics.measured import Trend

LEAST_FOR_MEAN = 30
"""Independent samples from which the mean of a skewed distribution is nearly normal."""

_FAR = 12  # standard deviations beyond which a binomial holds nothing


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure as a run knows it: *low* and *high* bound the true one. A bound is None when too few samples give none."""

    value: float
    low: float | None
    high: float | None


@lru_cache(maxsize=512)
def ranks(samples: int, share: Fraction, confidence: float) -> tuple[int | None, int | None]:
    """The ranks, from 1, of the samples between which the quantile lies.

    Args:
        samples: independent ones, at least 0.
        share: which quantile: 0.95 for p95.
        confidence: of both bounds together; each fails with half of the rest.

    Returns:
        None for a bound that so few samples do not give.
    """
    if samples < 1:
        return None, None
    each, p = (1 - confidence) / 2, float(share)
    spread = _FAR * math.sqrt(samples * p * (1 - p)) + _FAR
    below, lower = 0.0, max(0, math.floor(samples * p - spread))
    while (below := below + _binomial(lower, samples, p)) <= each:
        lower += 1
    above, upper = 0.0, min(samples, math.ceil(samples * p + spread))
    while (above := above + _binomial(upper, samples, p)) <= each:
        upper -= 1
    return (lower or None), (upper + 1 if upper < samples else None)


def least_samples(share: Fraction, confidence: float) -> int:
    """How many independent samples it takes for both bounds of a quantile."""
    each, p = (1 - confidence) / 2, float(share)
    return max(math.ceil(math.log(each) / math.log(p)), math.ceil(math.log(each) / math.log1p(-p)))


def quantile(trend: Trend, share: Fraction, confidence: float, *, independent: int | None = None) -> Estimate:
    """A quantile of a trend that holds samples, in its unit.

    Args:
        trend: the values.
        share: which quantile: 0.95 for p95.
        confidence: that the true one is within the bounds.
        independent: how many independent samples its samples are worth; None for all of them.
    """
    worth = trend.samples if independent is None else max(1, min(independent, trend.samples))
    lower, upper = ranks(worth, share, confidence)
    each = Fraction(trend.samples, worth)
    return Estimate(
        trend.quantile(share * 100),
        None if lower is None else bucket_at(trend, math.floor((lower - 1) * each) + 1)[0],
        None if upper is None else bucket_at(trend, math.ceil(upper * each))[1],
    )


def exact_quantile(trend: Trend, share: Fraction) -> Estimate:
    """The quantile of the very samples, which a histogram knows to within a bucket."""
    low, high = bucket_at(trend, max(1, math.ceil(share * trend.samples)))
    return Estimate(trend.quantile(share * 100), low, high)


def mean(trend: Trend, average: float, confidence: float, *, independent: int | None = None) -> Estimate:
    """The mean of a trend, in its unit; see `quantile`. *average*: the exact one, which buckets know less well."""
    worth = trend.samples if independent is None else max(1, min(independent, trend.samples))
    squares = math.fsum(times * ((lowest_of(at) + highest_of(at)) / 2 / THOUSANDTHS - average) ** 2 for at, times in trend.counts.items())
    return mean_between(average, squares / trend.samples, worth, confidence)


def mean_between(average: float, variance: float, independent: int, confidence: float) -> Estimate:
    """A mean with its bounds, from the variance of the samples and the number of *independent* ones that they are worth."""
    if independent < LEAST_FOR_MEAN:
        return Estimate(average, None, None)
    reach = student(confidence, independent - 1) * math.sqrt(variance / independent)
    return Estimate(average, average - reach if reach < average else None, average + reach)


def bucket_at(trend: Trend, rank: int) -> tuple[float, float]:
    """Between which values, in the unit, the sample of that rank (from 1) lies."""
    seen = 0
    for at in sorted(trend.counts):
        seen += trend.counts[at]
        if seen >= rank:
            return max(trend.lowest, lowest_of(at)) / THOUSANDTHS, min(trend.highest, highest_of(at)) / THOUSANDTHS
    return trend.highest / THOUSANDTHS, trend.highest / THOUSANDTHS


def student(confidence: float, freedom: int) -> float:
    """The quantile of Student's distribution that leaves out (1 − *confidence*) / 2: within 0.2 % from 4 degrees of *freedom* up."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))


def _binomial(hits: int, trials: int, p: float) -> float:
    ways = math.lgamma(trials + 1) - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1)
    return math.exp(ways + hits * math.log(p) + (trials - hits) * math.log1p(-p))
