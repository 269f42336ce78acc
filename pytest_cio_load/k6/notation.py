"""k6's way to write times and rates, and ours: read exactly, written exactly."""

from __future__ import annotations

import re
from fractions import Fraction

from pytest_cio_load.units import UnitError, exactly

_SCALE = {
    "d": Fraction(86_400),
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 10**3),
    "us": Fraction(1, 10**6),
    "ns": Fraction(1, 10**9),
}
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15}"
_PART = re.compile(rf"({_NUMBER})(d|h|ms|m|s|[uµμ]s|ns)")
_PLAIN = re.compile(_NUMBER)
_EXPECTED = "a duration of k6's such as '1h2m3s', '500ms', or a number of ms"
_LONGEST = Fraction(2**63 - 1, 10**9)


def k6_duration(value: object) -> Fraction:
    """Seconds: text with units (``"1m30s"``, ``"1d"``), or a bare number, which is in milliseconds. Raises UnitError."""
    number = exactly(value)
    if number is not None:
        seconds = number / 1000
    elif isinstance(value, str):
        seconds = _seconds(value, value.strip())
    else:
        raise UnitError(value, _EXPECTED)
    if not 0 <= seconds <= _LONGEST:
        raise UnitError(value, f"{_EXPECTED}, from 0 up to 292 years")
    return seconds


def k6_whole(value: object, *, least: int) -> int:
    """A whole number of at least *least*, as k6 takes for rates and VUs. Raises UnitError."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63:
        return value
    raise UnitError(value, f"a whole number of at least {least}")


def our_duration(seconds: Fraction) -> str | Fraction:
    """*seconds* as the marker takes them: ``"1m30s"``, or a fraction where no unit is fine enough."""
    micros = seconds * 10**6
    if micros.denominator != 1:
        return seconds
    left, parts = int(micros), []
    for unit, size in (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1)):
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def our_rate(per_second: Fraction) -> str | Fraction:
    """*per_second* as the marker takes it: ``"80/s"``, ``"10/m"``, or a fraction where no decimal is exact."""
    for unit, seconds in (("s", 1), ("m", 60), ("h", 3600)):
        scaled = per_second * seconds
        if scaled.denominator == 1:
            return f"{scaled.numerator}/{unit}"
    return per_second


def _seconds(value: str, text: str) -> Fraction:
    if _PLAIN.fullmatch(text):
        return Fraction(text) / 1000
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise UnitError(value, _EXPECTED, "the units are d, h, m, s, ms, us and ns")
    return sum((Fraction(number) * _SCALE[unit.replace("µ", "u").replace("μ", "u")] for number, unit in parts), Fraction(0))
