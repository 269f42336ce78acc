"""Text to numbers."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.units import (
    Count,
    Share,
    UnitError,
    amount,
    duration,
    exactly,
    latency,
    rate,
    show_value,
)

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (60, 60),
        (0, 0),
        (0.1, Fraction(1, 10)),
        (1e-3, Fraction(1, 1000)),
        (Fraction(1, 3), Fraction(1, 3)),
        ("1m30s", 90),
        ("500ms", Fraction(1, 2)),
        ("1.5s", Fraction(3, 2)),
        (".5s", Fraction(1, 2)),
        ("2h", 7200),
        ("1h1m1s1ms1us", Fraction(3_661_001_001, 1_000_000)),
        ("250us", Fraction(1, 4000)),
        ("250µs", Fraction(1, 4000)),
        ("250μs", Fraction(1, 4000)),
        (" 1m 30 s ", 90),
        ("0s", 0),
    ],
)
def test_duration_is_exact_seconds(value, seconds):
    """Numbers are seconds, text has units, and neither loses a digit."""
    assert duration(value) == seconds


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        ("1x", "the units are h, m, s, ms and us"),
        ("", "the units are h, m, s, ms and us"),
        ("s", "the units are h, m, s, ms and us"),
        ("soon", "the units are h, m, s, ms and us"),
        ("1e3s", "the units are h, m, s, ms and us"),
        ("٣s", "the units are h, m, s, ms and us"),
        ("5s5s", "the units are h, m, s, ms and us"),
        ("60", "did you mean '60s'?"),
        ("-5s", "did you mean '5s'?"),
        ("30S", "did you mean '30s'?"),
        ("30 seconds", "did you mean '30s'?"),
        ("1 min and 30 sec", "did you mean '1m30s'?"),
        ("30s1m", "did you mean '1m30s'?"),
        ("5 minutes", "did you mean '5m'?"),
        (-5, "did you mean 5?"),
        (-0.5, "did you mean 0.5?"),
        (True, ""),
        (NAN, ""),
        (INFINITY, ""),
        (None, ""),
        (b"5s", ""),
        (10**400, "the largest number is just below 1e15"),
        (1e300, "the largest number is just below 1e15"),
    ],
)
def test_no_duration(value, nearest):
    """What is no duration says what was got, what was expected, and the nearest fix."""
    with pytest.raises(UnitError) as caught:
        duration(value)
    assert caught.value.got == show_value(value)
    assert caught.value.expected == "a duration of at least 0 such as 60 (seconds), '500ms' or '1m30s'"
    assert caught.value.nearest == nearest
    assert str(caught.value) == f"got {show_value(value)}, expected {caught.value.expected}" + (f"; {nearest}" if nearest else "")


@pytest.mark.parametrize("reader", [duration, latency, rate])
def test_zero_is_refused_where_the_caller_says_so(reader):
    """With zero=False, 0 is an error that names the range."""
    assert reader(0) == 0
    with pytest.raises(UnitError, match="above 0"):
        reader(0, zero=False)


@pytest.mark.parametrize(
    ("value", "ms"),
    [(500, 500.0), (0.1, 0.1), ("500ms", 500.0), ("2s", 2000.0), ("750us", 0.75), ("1m30s", 90_000.0), (Fraction(1, 4), 0.25)],
)
def test_latency_is_milliseconds(value, ms):
    """Numbers are ms, text has a unit."""
    assert latency(value) == ms
    assert isinstance(latency(value), float)


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        ("500", "did you mean '500ms'?"),
        ("2 secs", "did you mean '2s'?"),
        (-1, "did you mean 1?"),
        (True, ""),
        (NAN, ""),
        ("1%", "the units are"),
    ],
)
def test_no_latency(value, nearest):
    """A latency without a unit is taken to have meant ms."""
    with pytest.raises(UnitError) as caught:
        latency(value)
    assert caught.value.expected == "a time of at least 0 such as 500 (ms), '500ms' or '2s'"
    assert caught.value.nearest.startswith(nearest)


@pytest.mark.parametrize(
    ("value", "per_second"),
    [
        (80, 80),
        (0.1, Fraction(1, 10)),
        ("80/s", 80),
        ("4800/m", 80),
        ("4800/min", 80),
        ("5/h", Fraction(1, 720)),
        ("0.5/s", Fraction(1, 2)),
        (" 80 / s ", 80),
    ],
)
def test_rate_is_exact_per_second(value, per_second):
    """Numbers are per second, text says per what."""
    assert rate(value) == per_second


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        ("80", "did you mean '80/s'?"),
        ("80 per second", "did you mean '80/s'?"),
        ("80rps", "did you mean '80/s'?"),
        ("80/S", "did you mean '80/s'?"),
        ("80/sec", "did you mean '80/s'?"),
        ("80 per minute", "did you mean '80/m'?"),
        ("-80/s", "did you mean '80/s'?"),
        ("fast", "the units are /s, /m and /h"),
        ("80/ms", "the units are /s, /m and /h"),
        ("80s", "the units are /s, /m and /h"),
        (-80, "did you mean 80?"),
        (False, ""),
        (NAN, ""),
        (Decimal(80), ""),
        (None, ""),
    ],
)
def test_no_rate(value, nearest):
    """What is no rate says so, with the nearest fix."""
    with pytest.raises(UnitError) as caught:
        rate(value)
    assert caught.value.expected == "a rate of at least 0 such as 80 (per second), '80/s' or '4800/m'"
    assert caught.value.nearest == nearest


@pytest.mark.parametrize(
    ("value", "read"),
    [(0, Count(0)), (5, Count(5)), ("1%", Share(Fraction(1, 100))), ("0.5 %", Share(Fraction(1, 200))), ("100%", Share(Fraction(1)))],
)
def test_amount_is_a_count_or_a_share(value, read):
    """A whole number counts, a percentage is a share of 1."""
    assert amount(value) == read


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        (0.01, "did you mean '1%'?"),
        (5.0, "did you mean 5?"),
        (5.5, ""),
        ("5", "did you mean 5 or '5%'?"),
        (-1, "did you mean 1?"),
        (True, ""),
        (NAN, ""),
        ("x", ""),
    ],
)
def test_no_amount(value, nearest):
    """Neither fractions nor bare text are amounts."""
    with pytest.raises(UnitError) as caught:
        amount(value)
    assert caught.value.expected == "a count such as 5, or a share such as '1%'"
    assert caught.value.nearest == nearest


def test_no_share_above_all():
    """More than 100 % of all is no share."""
    with pytest.raises(UnitError, match="got '101%', expected a share of at most '100%'"):
        amount("101%")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_exactly_takes_a_float_by_its_shortest_text(number):
    """The exact value of a float is that of the decimal a reader sees."""
    assert exactly(number) == Fraction(repr(number))


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.booleans()))
def test_readers_raise_nothing_but_unit_errors(value):
    """Whatever an author writes, a reader returns a number in range or raises UnitError."""
    for reader in (duration, latency, rate):
        with contextlib.suppress(UnitError):
            assert 0 <= reader(value) < 10**18
    with contextlib.suppress(UnitError):
        assert isinstance(amount(value), Count | Share)
