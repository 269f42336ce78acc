"""Curves, bins and bounds: what is drawn is what was measured."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import inf, isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.metrics.measured import Trend
from pytest_cio_load.reports.html.bounds import Bound, bounds_of, used
from pytest_cio_load.reports.html.curves import NAMED, bins, places, quantiles, rarity, trend

VALUES = st.lists(st.integers(0, 10**9), min_size=1, max_size=200)


def trend_of(values: list[int]) -> Trend:
    """Of thousandths."""
    made = Trend()
    made.record_all(values)
    return made


@given(VALUES)
def test_a_curve_is_the_trend_s_own_percentiles(values: list[int]) -> None:
    """At every place, to the last digit."""
    found = trend_of(values)
    at = places(found.samples)
    assert quantiles(found, at) == [found.quantile(percentile) for percentile in at]


@given(st.integers(1, 10**7))
def test_places_rise_to_what_samples_can_show(samples: int) -> None:
    """And hold every named percentile that they can."""
    at = places(samples)
    assert at == sorted(set(at))
    assert at[0] == 0
    assert rarity(at[-1]) <= max(samples, 10) * 1.000001
    assert all(named in at for named in NAMED if rarity(named) <= max(samples, 10))


def test_a_curve_ends_where_its_samples_do() -> None:
    """A baseline of fewer samples than the run is not drawn on."""
    found = trend_of([1000] * 100)
    assert quantiles(found, [Fraction(50), Fraction(99), Fraction("99.9")]) == [1.0, 1.0, None]


@pytest.mark.parametrize(("percentile", "place"), [(50, 2), (90, 10), (99, 100), (Fraction("99.9"), 1000)])
def test_the_rare_have_as_much_room_as_the_common(percentile: Any, place: float) -> None:
    """One sample in so many is above."""
    assert rarity(percentile) == place


@given(VALUES)
def test_bins_hold_every_sample(values: list[int]) -> None:
    """Without gaps between them, each as wide as the others on a log axis."""
    found = bins(trend_of(values))
    assert sum(one.count for one in found) == len(values)
    assert all([found[0].count, found[-1].count])
    assert all(before.high == after.low for before, after in pairwise(found))
    assert all(isclose(one.high / one.low, 10 ** (1 / 12)) for one in found)


def test_a_trend_without_samples_is_none(runs: Any) -> None:
    """As is one that is not there, and what is no trend."""
    doc = runs.document()
    assert [trend(doc, name) for name in ("identify", "iterations")] == [None, None]
    assert trend(doc, "response") is not None


def clause(metric: str, text: str, label: str, bound: float, unit: str = "ms") -> dict[str, Any]:
    """One of a document's."""
    return {"metric": metric, "text": text, "clause": text, "label": label, "bound": bound, "unit": unit}


def test_bounds_that_can_be_drawn() -> None:
    """Upper bounds on one metric's percentiles, median and maximum, from the lowest."""
    stated = [
        clause("response", "max<30s", "max", 30000.0),
        clause("response", "p(95)<500", "p(95)", 500.0),
        clause("response", "med<=40", "med", 40.0),
        clause("response", "avg<60", "avg", 60.0),
        clause("response", "p(95)>5", "p(95)", 5.0),
        clause("response", "p(100)<9", "p(100)", 9.0),
        clause("service", "p(95)<100", "p(95)", 100.0),
        clause("response", "count<5", "count", 5.0, ""),
    ]
    assert bounds_of({"thresholds": stated}, "response") == [
        Bound("med<=40", 40.0, 2.0),
        Bound("p(95)<500", 500.0, 20.0),
        Bound("max<30s", 30000.0, inf),
    ]


@pytest.mark.parametrize(
    ("text", "value", "bound", "unit", "share"),
    [
        ("p(95)<500ms", 440.0, 500.0, "ms", 0.88),
        ("rate<=1%", 0.005, 0.01, "%", 0.5),
        ("count>=1", 2.0, 1.0, "", 0.5),
        ("rate>=99%", 1.0, 0.99, "%", None),
        ("rate>10", 0.0, 10.0, "/s", None),
        ("count==0", 0.0, 0.0, "", None),
        ("count!=3", 4.0, 3.0, "", None),
        ("value<-5", -6.0, -5.0, "", None),
        ("p(95)<500ms", None, 500.0, "ms", None),
    ],
)
def test_how_much_of_a_bound_was_used(text: str, value: float | None, bound: float, unit: str, share: float | None) -> None:
    """Where it is a share of something."""
    assert used({"clause": text, "value": value, "bound": bound, "unit": unit}) == share
