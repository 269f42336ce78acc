"""The rate line."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pytest_cio_load.contract.contract import Profile, Stage, build

FLAT: dict[str, object] = {"rate": 80, "duration": 60}
RAMP = {"start_rate": 10, "stages": [("30s", 50), {"duration": "60s", "target": "80/s"}, ["30s", 10]]}


def test_a_ramp():
    """Pairs, lists and k6's objects are stages; start_rate is where the line begins."""
    profile = build(RAMP).profile
    assert profile == Profile(
        Fraction(10),
        (Stage(Fraction(30), Fraction(50)), Stage(Fraction(60), Fraction(80)), Stage(Fraction(30), Fraction(10))),
        constant=False,
    )
    assert (profile.duration, profile.peak, profile.area) == (120, 80, 6150)


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        (FLAT, "80/s for 1m"),
        (RAMP, "10/s → 50/s in 30s → 80/s in 1m → 10/s in 30s"),
        ({"stages": [("0s", 50), ("1m30s", 50)]}, "0/s → 50/s at once → 50/s in 1m30s"),
    ],
)
def test_profiles_describe_themselves(keywords, text):
    """A profile prints as one line."""
    assert build(keywords).profile.describe() == text


@pytest.mark.parametrize(
    ("keywords", "peak"),
    [
        ({"start_rate": 100, "stages": [("0s", 10), ("5s", 20)]}, 20),
        ({"start_rate": 100, "stages": [("5s", 20)]}, 100),
        ({"stages": [("5s", 20), ("0s", 90)]}, 20),
    ],
)
def test_the_peak_is_held_for_some_time(keywords, peak):
    """A rate that a step leaves at once is no peak."""
    assert build(keywords).profile.peak == peak


def test_a_rate_too_low_for_its_duration_is_fine():
    """One iteration falls due at t = 0 all the same."""
    assert build({"rate": "1/h", "duration": "1s"}).profile.area == Fraction(1, 3600)
