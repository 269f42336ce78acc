"""A run by its timeline: what is known of samples that are no longer there."""

from __future__ import annotations

import math
from random import Random
from statistics import fmean, pvariance
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.baseline.parts import Interval, Part, Point, interval_of

SAMPLES = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60)


def interval(values: list[float], least: float) -> Interval:
    """As the timeline knows it."""
    ordered = sorted(values)
    ranked = [(rank, ordered[rank - 1]) for rank in (math.ceil(share * len(values) / 100) for share in (50, 95, 99, 100))]
    return interval_of(len(values), 0.0, ranked, Point(0, least, -3.0))


@given(SAMPLES, st.floats(0.001, 2e4))
def test_the_number_above_a_value_is_within_its_bounds(values: list[float], value: float) -> None:
    """Whatever lies between two known percentiles, it is one of the numbers that these allow."""
    known = interval(values, min(values))
    told = known.above(value)
    most = known.samples - max((point.rank for point in known.points if point.value <= value), default=0)
    fewest = next((known.samples - point.rank + 1 for point in known.points if point.rank and point.value > value), 0)
    assert min(most, fewest) - 1e-6 <= told <= max(most, fewest) + 1e-6
    assert 0 <= told <= len(values)


@given(SAMPLES, st.floats(0.001, 2e4), st.floats(1, 10))
def test_fewer_are_above_a_greater_value(values: list[float], value: float, times: float) -> None:
    """Or as many."""
    known = interval(values, min(values))
    assert known.above(value * times) <= known.above(value) + 1e-6


@given(st.lists(SAMPLES, min_size=1, max_size=10))
def test_quantiles_rise(groups: list[list[float]]) -> None:
    """From the least value to the greatest."""
    least = min(map(min, groups))
    part = Part([interval(group, least) for group in groups])
    found = [part.quantile(share) for share in (0.01, 0.3, 0.5, 0.9, 0.99, 1.0)]
    assert found == sorted(found)
    assert found[0] >= least * 0.999
    assert found[-1] <= max(map(max, groups)) * 1.001


@pytest.mark.parametrize("rate", [80, 800])
def test_quantiles_and_moments_are_near_the_exact_ones(documents: Any, rate: int) -> None:
    """To 3 % from 16 samples in an interval, and better from more."""
    rng = Random(3)
    values = [20 * rng.lognormvariate(0, 0.3) for _ in range(20 * rate)]
    part = Part.whole(documents.of(values, rate=rate))
    assert part is not None
    assert part.samples == len(values)
    ordered = sorted(values)
    for share in (0.5, 0.9, 0.95, 0.99):
        assert part.quantile(share) == pytest.approx(ordered[math.ceil(share * len(values)) - 1], rel=0.05)
    mean, variance = part.moments
    assert mean == pytest.approx(fmean(values), rel=0.06)
    assert variance == pytest.approx(pvariance(values), rel=0.25)


def test_the_punctual_part(documents: Any) -> None:
    """Intervals in which nothing was late by more than that."""
    part = Part.whole(documents.disturbed(1, stretches=[(160, 320)]))
    assert part is not None
    rest = part.punctual(4.0)
    assert rest.samples == pytest.approx(1440, abs=16)
    assert rest.quantile(0.95) == pytest.approx(28.0, rel=0.06)
    assert part.quantile(0.95) > 40
    assert part.punctual(100.0).samples == part.samples


def test_values_that_are_all_equal(documents: Any) -> None:
    """Bound themselves; and what is 0 counts as the least there is."""
    for value in (0.0, 50.0):
        part = Part.whole(documents.of([value] * 200))
        assert part is not None
        assert part.quantile(0.95) == pytest.approx(value, abs=0.002)
        assert part.moments == (pytest.approx(value, abs=0.002), pytest.approx(0.0, abs=0.001))


def test_the_warmup_is_no_part_of_it(documents: Any) -> None:
    """It was not measured."""
    doc = documents.of([900.0] * 160 + [20.0] * 640, promised={"warmup": "2s"})
    doc["timeline"]["warmup"] = 2.0
    part = Part.whole(doc)
    assert part is not None
    assert part.samples == 640
    assert part.ends[1] == 20.0


def test_a_document_without_a_timeline_has_none(documents: Any) -> None:
    """Nor one without a sample."""
    assert Part.whole(documents.of([20.0] * 50, timeline=False)) is None
    doc = documents.of([20.0] * 50)
    assert Part.whole({**doc, "metrics": {}}) is None
    assert Part.whole({**doc, "timeline": {**doc["timeline"], "warmup": 900.0}}) is None
