"""Kubernetes quantities ("500m", "1k", "2Gi") ↔ exact numbers, and numbers as thousandths, in which the controller counts.

Text that is taken: a sign, a number, a suffix::

    quantity = ["+" | "-"], number, suffix
    suffix   = "n" | "u" | "m" | "" | "k" | "M" | "G" | "T" | "P" | "E"       powers of 1,000
             | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei"                         powers of 1,024
             | ("e" | "E"), ["+" | "-"], digits                                powers of 10
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from pytest_cio_load.errors import near_miss
from pytest_cio_load.units import show_value

Number = int | float | Fraction
"""A reading: whole, exact, or a float that stands for its shortest decimal text."""

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIXES = {suffix: Fraction(10) ** power for suffix, power in _DECIMAL.items()} | {
    f"{letter}i": Fraction(1024) ** power for power, letter in enumerate("KMGTPE", start=1)
}
_TEXT = re.compile(r"([+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))(?:[eE]([+-]?[0-9]{1,3})|([A-Za-zµ]{0,8}))")
_MEANT = {"K": "k", "g": "G", "µ": "u", "kb": "k", "mb": "M", "gb": "G"} | {f"{letter}ib": f"{letter.upper()}i" for letter in "kmgt"}
_MEANT |= {f"{letter}i": f"{letter.upper()}i" for letter in "kmgt"}
_EXPECTED = "a quantity such as 500m, 1k or 2Gi"


def quantity(value: object) -> Fraction:
    """The exact number that a manifest's *value* stands for: a quantity as text, or a plain number. Raises ValueError."""
    if isinstance(value, int | float | Fraction) and not isinstance(value, bool) and math.isfinite(value):
        return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    found = _TEXT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"quantity: got {show_value(value)}; expected {_EXPECTED}; try a number, and a suffix right behind it")
    number, exponent, suffix = found.groups()
    if exponent is not None:
        return Fraction(number) * Fraction(10) ** int(exponent)
    if suffix not in _SUFFIXES:
        meant = _MEANT.get(suffix) or _MEANT.get(suffix.lower())
        nearest = f"did you mean {number}{meant}?" if meant else near_miss(suffix, _SUFFIXES) or "try one of m, k, M, G, Ki, Mi, Gi"
        raise ValueError(f"quantity: got {show_value(value)}; expected {_EXPECTED}; {nearest}")
    return Fraction(number) * _SUFFIXES[suffix]


def thousandths(value: Number) -> int:
    """*value* in thousandths, rounded up: what the controller reads of a metric. Raises ValueError for NaN and infinity."""
    if type(value) is int:
        return value * 1000
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"reading: got {value}; expected a finite number; try None for a metric that could not be read")
        # Billionths are the finest that a quantity holds; what is finer here is the float's own noise.
        return math.ceil(round(value * 1000, 6))
    return math.ceil(value * 1000)


def show_quantity(value: Number) -> str:
    """*value* as Kubernetes would write it: ``500m``, ``1500``, ``2Gi``, ``1.5`` as ``1500m``; rounded up to thousandths."""
    count = thousandths(value)
    if count % 1000:
        return f"{count}m"
    whole = count // 1000
    for power, letter in reversed(list(enumerate("KMGTPE", start=1))):
        if whole and whole % 1024**power == 0:
            return f"{whole // 1024**power}{letter}i"
    return str(whole)
