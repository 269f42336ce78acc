"""Volumes: ``5M`` ↔ 5,000,000."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.planner.volumes import show_volume, volume
from pytest_cio_load.units import UnitError


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5M", 5_000_000),
        ("5m", 5_000_000),
        (" 1.5 M ", 1_500_000),
        ("250k", 250_000),
        ("250K", 250_000),
        ("2G", 2_000_000_000),
        ("1b", 1_000_000_000),
        ("5,000,000", 5_000_000),
        ("5_000_000", 5_000_000),
        ("86400", 86_400),
        (7, 7),
        (0.5, Fraction(1, 2)),
    ],
)
def test_read(text: object, number: Fraction) -> None:
    """Exactly, with k, M and G, in either case."""
    assert volume(text) == number


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-5M", "got '-5M', expected a number above 0 such as 250000, '250k', '5M' or '1.5M'; did you mean '5M'?"),
        ("5 million", "got '5 million', expected a number above 0 such as 250000, '250k', '5M' or '1.5M'; did you mean '5M'?"),
        ("3 bn", "did you mean '3G'?"),
        ("10 thousand", "did you mean '10k'?"),
        ("many", "the units are k and M"),
        ("0", "got '0', expected a number above 0"),
        (0, "got 0, expected a number above 0"),
        (-1, "got -1, expected a number above 0"),
        (True, "got True, expected a number above 0"),
        (float("nan"), "got nan, expected a number above 0"),
        ("999999999999999M", "the largest number is just below 1e15"),
    ],
)
def test_no_volume(text: object, message: str) -> None:
    """What was got, what was expected, and the nearest fix."""
    with pytest.raises(UnitError) as caught:
        volume(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (5_000_000, "5M"),
        (8_640_000, "8.64M"),
        (250_000, "250k"),
        (999, "999"),
        (2.5, "2.5"),
        (3e9, "3G"),
        (99_999, "99.99k"),
        (8_640_000.000001, "8.64M"),
    ],
)
def test_shown(number: float, text: str) -> None:
    """Short, with two decimals at most."""
    assert show_volume(number) == text


@given(st.integers(1, 999), st.sampled_from(["", "k", "M"]))
def test_there_and_back(number: int, unit: str) -> None:
    """What is shown reads back as the same number."""
    assert volume(show_volume(volume(f"{number}{unit}"))) == volume(f"{number}{unit}")
