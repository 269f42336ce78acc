"""Volumes: ``5M`` ↔ 5,000,000."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from pytest_cio_load.units import UnitError, exactly

_SCALE = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
_VOLUME = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,30})?|[0-9]{1,3}(?:[,_][0-9]{3}){1,4})\s*([kKmMgGbB]?)")
_EXPECTED = "a number above 0 such as 250000, '250k', '5M' or '1.5M'"
_LARGEST = 10**15


def volume(value: object) -> Fraction:
    """How many: a number, or text such as ``"5M"``, ``"250k"`` or ``"5,000,000"``. Raises `UnitError`, also for 0."""
    number = exactly(value)
    if isinstance(value, str):
        text = value.strip()
        found = _VOLUME.fullmatch(text)
        if found is None:
            raise UnitError(value, _EXPECTED, _hint(text))
        number = Fraction(re.sub("[,_]", "", found[1])) * _SCALE[found[2].lower()]
    if number is None or number <= 0:
        raise UnitError(value, _EXPECTED)
    if number >= _LARGEST:
        raise UnitError(value, _EXPECTED, "the largest number is just below 1e15")
    return number


def _hint(text: str) -> str:
    found = re.match(r"\s*[-+]?\s*([0-9.]+)\s*(k|thousand|m|mio|million|mln|bn|billion)?", text.lower())
    if found is None or not found[1].strip("."):
        return "the units are k and M"
    unit = {"k": "k", "t": "k", "m": "M", "b": "G"}.get((found[2] or "")[:1], "")
    return f"did you mean '{found[1].strip('.')}{unit}'?"


def show_volume(number: float | Fraction) -> str:
    """*number* short: ``5M``, ``8.64M``, ``250k``, ``999``. From 1,000 up it is rounded down, so that what is below a bound is shown so."""
    for scale, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= scale:
            return f"{math.floor(round(float(number) / scale * 100, 6)) / 100:.2f}".rstrip("0").rstrip(".") + unit
    return f"{float(number):.2f}".rstrip("0").rstrip(".")
