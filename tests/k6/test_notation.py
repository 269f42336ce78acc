"""k6's durations and rates, read and written exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.k6.notation import k6_duration, k6_whole, our_duration, our_rate
from pytest_cio_load.units import UnitError, duration, rate


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1h2m3s", 3723),
        ("500ms", Fraction(1, 2)),
        ("1.5s", Fraction(3, 2)),
        ("1d2h", 93_600),
        ("250us", Fraction(1, 4000)),
        ("250µs", Fraction(1, 4000)),
        ("3ns", Fraction(3, 10**9)),
        ("0s", 0),
        ("0", 0),
        ("1500", Fraction(3, 2)),
        (" 10s ", 10),
        (500, Fraction(1, 2)),
        (1.5, Fraction(3, 2000)),
        (".5s", Fraction(1, 2)),
    ],
)
def test_a_duration_of_k6s(value: object, seconds: Fraction) -> None:
    """Text has units, and may have days; a bare number is in milliseconds."""
    assert k6_duration(value) == seconds


@pytest.mark.parametrize(
    "value", ["", "s", "10 parsecs", "-5s", -1, True, None, [], "1h-2m", "1e400", "99999999999999h", float("inf"), "１s"]
)
def test_no_duration(value: object) -> None:
    """Said so, with an example."""
    with pytest.raises(UnitError, match=r"expected a duration of k6's such as '1h2m3s'"):
        k6_duration(value)


@pytest.mark.parametrize("value", [-1, 1.0, "5", True, None, 2**63])
def test_no_whole_number(value: object) -> None:
    """k6 takes whole numbers where it counts."""
    with pytest.raises(UnitError, match="a whole number of at least 0"):
        k6_whole(value, least=0)


@given(st.fractions(0, 10**9, max_denominator=10**7))
def test_durations_are_written_exactly(seconds: Fraction) -> None:
    """The marker reads what was read."""
    assert duration(our_duration(seconds)) == seconds


@given(st.integers(0, 10**6), st.fractions(Fraction(1, 1000), 10**5, max_denominator=1000))
def test_rates_are_written_exactly(number: int, unit: Fraction) -> None:
    """So many in each unit of time, as the marker reads it."""
    assert rate(our_rate(number / unit)) == number / unit


@pytest.mark.parametrize(
    ("per_second", "written"),
    [(Fraction(80), "80/s"), (Fraction(1, 6), "10/m"), (Fraction(1, 360), "10/h"), (Fraction(1, 7), Fraction(1, 7))],
)
def test_the_plainest_unit(per_second: Fraction, written: object) -> None:
    """Per second if that is whole, then per minute, then per hour."""
    assert our_rate(per_second) == written
