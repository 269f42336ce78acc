"""Numbers to text, and back again where the text is exact."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.units import (
    duration,
    show_count,
    show_duration,
    show_ms,
    show_number,
    show_rate,
    show_share,
    show_value,
)

NAN, INFINITY = float("nan"), float("inf")


@given(st.integers(min_value=0, max_value=10**10))
def test_durations_read_back(millis):
    """A printed duration of whole milliseconds reads back as itself."""
    assert duration(show_duration(Fraction(millis, 1000))) == Fraction(millis, 1000)


@given(st.integers(min_value=0, max_value=10**6))
def test_short_durations_read_back(micros):
    """Below a second, whole microseconds survive too."""
    assert duration(show_duration(Fraction(micros, 10**6))) == Fraction(micros, 10**6)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back(number):
    """The text of a number is that float again."""
    assert float(show_number(number)) == number


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (90, "1m30s"),
        (2, "2s"),
        (0.5, "500ms"),
        (Fraction(1, 4000), "250us"),
        (0, "0s"),
        (1e-9, "0s"),
        (3600, "1h"),
        (3605, "1h5s"),
        (90.25, "1m30.25s"),
        (59.9996, "1m"),
        (59.98712, "59.987s"),
        (0.0015, "1.5ms"),
        (0.9999999, "1s"),
        (-1.5, "-1.5s"),
        (NAN, "nans"),
    ],
)
def test_show_duration(seconds, text):
    """Durations print in the units they are written in."""
    assert show_duration(seconds) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (50, "50.0 ms"),
        (7088.4, "7,088 ms"),
        (0.31, "0.31 ms"),
        (0, "0 ms"),
        (0.045, "0.045 ms"),
        (7.094, "7.09 ms"),
        (499.96, "500.0 ms"),
        (999.94, "999.9 ms"),
        (999.96, "1,000 ms"),
        (-12.5, "-12.5 ms"),
        (INFINITY, "inf ms"),
    ],
)
def test_show_ms(ms, text):
    """Milliseconds print with at most four significant figures below 1,000."""
    assert show_ms(ms) == text


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (80, "80/s"),
        (Fraction(1, 2), "0.5/s"),
        (79.98333, "79.98/s"),
        (Fraction(5, 60), "5/m"),
        (Fraction(5, 3600), "5/h"),
        (1000, "1,000/s"),
        (0, "0/s"),
        (NAN, "nan/s"),
    ],
)
def test_show_rate(per_second, text):
    """Rates print per second, slow ones per minute or hour."""
    assert show_rate(per_second) == text


@pytest.mark.parametrize(("number", "text"), [(6150, "6,150"), (0, "0"), (12.0, "12"), (NAN, "nan")])
def test_show_count(number, text):
    """Counts print with thousands apart."""
    assert show_count(number) == text


@pytest.mark.parametrize(
    ("of_one", "text"),
    [
        (0.01, "1%"),
        (Fraction(1, 400), "0.25%"),
        (1, "100%"),
        (0, "0%"),
        (1 / 3, "33.33%"),
        (0.99996, "99.996%"),
        (0.00001, "0.001%"),
        (NAN, "nan%"),
    ],
)
def test_show_share(of_one, text):
    """A share that is neither nothing nor all never prints as 0 % or 100 %."""
    assert show_share(of_one) == text


def test_long_values_are_cut():
    """A message does not carry a whole data set."""
    assert len(show_value("x" * 1000)) == 80


def test_values_without_repr_are_named_by_type():
    """A repr that raises does not hide the problem that is being reported."""

    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

    assert show_value(Odd()) == "<Odd>"
    assert show_value(10**5000) == "<int>"
