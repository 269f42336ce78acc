"""Kubernetes quantities as exact numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.hpa.quantities import quantity, show_quantity, thousandths


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", Fraction(1, 2)),
        ("1", 1),
        ("1k", 1000),
        ("2Gi", 2 * 2**30),
        ("1.5Ki", 1536),
        ("0.1", Fraction(1, 10)),
        (".5", Fraction(1, 2)),
        ("5.", 5),
        ("-3", -3),
        ("+3", 3),
        ("1n", Fraction(1, 10**9)),
        ("1u", Fraction(1, 10**6)),
        ("1M", 10**6),
        ("1G", 10**9),
        ("1T", 10**12),
        ("1P", 10**15),
        ("1E", 10**18),
        ("1Ei", 2**60),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", Fraction(6, 5)),
        (7, 7),
        (0.1, Fraction(1, 10)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_read(text: object, number: Fraction) -> None:
    """Exactly."""
    assert quantity(text) == number


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("1K", "did you mean 1k?"),
        ("2gi", "did you mean 2Gi?"),
        ("2GiB", "did you mean 2Gi?"),
        ("2GB", "did you mean 2G?"),
        ("1x", "try one of m, k, M, G, Ki, Mi, Gi"),
        ("Gi", "try a number, and a suffix right behind it"),
        ("1 Gi", "try a number, and a suffix right behind it"),
        ("", "try a number, and a suffix right behind it"),
        ("1m30s", "try a number, and a suffix right behind it"),
        (None, "try a number, and a suffix right behind it"),
        (True, "try a number, and a suffix right behind it"),
        (float("nan"), "try a number, and a suffix right behind it"),
    ],
)
def test_refused(text: object, nearest: str) -> None:
    """With what was got, what would do, and the nearest fix."""
    with pytest.raises(ValueError) as caught:
        quantity(text)
    assert str(caught.value) == f"quantity: got {text!r}; expected a quantity such as 500m, 1k or 2Gi; {nearest}"


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (3, 3000),
        (0.5, 500),
        (2.3, 2300),
        (0.29, 290),
        (1.0001, 1001),
        (-1.0001, -1000),
        (Fraction(1, 3), 334),
        (0.1 + 0.2, 300),
    ],
)
def test_thousandths(value: float, count: int) -> None:
    """Rounded up, but for a float's own noise."""
    assert thousandths(value) == count


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_finite_number(value: float) -> None:
    """Is no reading."""
    with pytest.raises(ValueError) as caught:
        thousandths(value)
    assert str(caught.value) == f"reading: got {value}; expected a finite number; try None for a metric that could not be read"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (Fraction(1, 2), "500m"),
        (1.5, "1500m"),
        (1000, "1000"),
        (2**31, "2Gi"),
        (1024, "1Ki"),
        (2**60, "1Ei"),
        (-2048, "-2Ki"),
    ],
)
def test_shown(value: float, text: str) -> None:
    """As Kubernetes would."""
    assert show_quantity(value) == text


@given(st.integers(-(10**18), 10**18))
def test_what_is_shown_reads_back(count: int) -> None:
    """In thousandths."""
    assert quantity(show_quantity(Fraction(count, 1000))) == Fraction(count, 1000)
