"""Text ↔ numbers: durations, latencies, rates, amounts, and how reports print them.

Readers are exact: a float counts as the shortest decimal text that stands for it, so ``0.1`` is 1/10. Each of them raises
`UnitError` for a bool, NaN, infinity, a negative number, and text that is no such thing.

Text that the readers take (spaces between a number and its unit are free)::

    duration  = part, {part}              units fall from left to right, each at most once: 1h, 1m30s, 1.5s, 500ms, 250us
    part      = number, ("h" | "m" | "s" | "ms" | "us" | "µs")
    rate      = number, "/", ("s" | "m" | "min" | "h")
    share     = number, "%"
    number    = digits, [".", digits] | ".", digits
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational

_NUMBER = r"(?:[0-9]{1,15}(?:\.[0-9]{1,30})?|\.[0-9]{1,30})"
_SCALE = {"h": Fraction(3600), "m": Fraction(60), "s": Fraction(1), "ms": Fraction(1, 10**3), "us": Fraction(1, 10**6)}
_DURATION = re.compile(r"\s*" + "".join(rf"(?:({_NUMBER})\s*{unit}\s*)?" for unit in ("h", "m", "s", "ms", "[uµμ]s")))
_PART = re.compile(rf"({_NUMBER})([a-zµμ]+)")
_PER = {"s": Fraction(1), "m": Fraction(60), "min": Fraction(60), "h": Fraction(3600)}
_RATE = re.compile(rf"\s*({_NUMBER})\s*/\s*(s|min|m|h)\s*")
_SHARE = re.compile(rf"\s*({_NUMBER})\s*%\s*")
_LARGEST = 10**15
_LONGEST_REPR = 80

_DURATION_WORDS = {
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"),
    "us": ("us", "µs", "μs", "usec", "micros", "microsecond", "microseconds"),
}
_DURATION_UNIT = {word: unit for unit, words in _DURATION_WORDS.items() for word in words}
_RATE_WORDS = {
    "s": ("/sec", "/second", "persecond", "persec", "rps", "hz"),
    "m": ("/minute", "perminute", "permin", "rpm"),
    "h": ("/hour", "perhour"),
}
_RATE_UNIT = {word: unit for unit, words in _RATE_WORDS.items() for word in words} | {"": "s"}


class UnitError(ValueError):
    """A value that no reader takes.

    Attributes:
        got: what was written, as a short ``repr``.
        expected: what would have been right, as a phrase.
        nearest: the fix that is closest to what was written, or "" when there is none.
    """

    def __init__(self, got: object, expected: str, nearest: str = "") -> None:
        self.got = show_value(got)
        self.expected = expected
        self.nearest = nearest
        super().__init__(f"got {self.got}, expected {expected}" + (f"; {nearest}" if nearest else ""))


@dataclass(frozen=True, slots=True)
class Count:
    """An amount in pieces: at least 0."""

    number: int


@dataclass(frozen=True, slots=True)
class Share:
    """An amount as a part of all: *of_one* is from 0 to 1."""

    of_one: Fraction


def duration(value: object, *, zero: bool = True) -> Fraction:
    """Seconds: a number of them, or text with units (``"1m30s"``). *zero* says whether 0 will do. Raises `UnitError`."""
    return _time(value, "a duration", "60 (seconds), '500ms' or '1m30s'", bare="s", zero=zero)


def latency(value: object, *, zero: bool = True) -> float:
    """Milliseconds: a number of them, or text with units (``"2s"``). *zero* says whether 0 will do. Raises `UnitError`."""
    return float(_time(value, "a time", "500 (ms), '500ms' or '2s'", bare="ms", zero=zero) * (1000 if isinstance(value, str) else 1))


def rate(value: object, *, zero: bool = True) -> Fraction:
    """Per second: a number, or text with a unit (``"4800/m"``). *zero* says whether 0 will do. Raises `UnitError`."""
    expected = f"a rate {_from(zero)} such as 80 (per second), '80/s' or '4800/m'"
    if not isinstance(value, str):
        return _checked(value, exactly(value), zero, expected)
    found = _RATE.fullmatch(value)
    if found is None:
        raise UnitError(value, expected, _rate_hint(value))
    return _checked(value, Fraction(found[1]) / _PER[found[2]], zero, expected)


def amount(value: object) -> Count | Share:
    """A whole number as `Count`, ``"1%"`` as `Share`. Raises `UnitError`, also for a fraction and for more than 100 %."""
    expected = "a count such as 5, or a share such as '1%'"
    if isinstance(value, str):
        found = _SHARE.fullmatch(value)
        if found is None:
            hint = value.strip()
            raise UnitError(value, expected, f"did you mean {hint} or '{hint}%'?" if re.fullmatch("[0-9]{1,15}", hint) else "")
        share = Fraction(found[1]) / 100
        if share > 1:
            raise UnitError(value, "a share of at most '100%'")
        return Share(share)
    number = exactly(value)
    if number is not None and number.denominator != 1:
        raise UnitError(value, expected, f"did you mean '{show_share(number)}'?" if 0 < number < 1 else "")
    if isinstance(value, float) and number is not None and number >= 0:
        raise UnitError(value, expected, f"did you mean {int(number)}?")
    return Count(int(_checked(value, number, True, expected)))


def exactly(value: object) -> Fraction | None:
    """The number that *value* is, or None when it is none, a bool, NaN or infinite."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        # float.__repr__, because a subclass (numpy's) prints its type as well.
        return Fraction(float.__repr__(value)) if math.isfinite(value) else None
    return Fraction(int(value.numerator), int(value.denominator)) if isinstance(value, Rational) else None


def _time(value: object, noun: str, examples: str, *, bare: str, zero: bool) -> Fraction:
    """Text in seconds; a number as it is."""
    expected = f"{noun} {_from(zero)} such as {examples}"
    if not isinstance(value, str):
        return _checked(value, exactly(value), zero, expected)
    found = _DURATION.fullmatch(value)
    if found is None or not any(found.groups()):
        raise UnitError(value, expected, _duration_hint(value, bare))
    parts = zip(found.groups(), _SCALE.values(), strict=True)
    return _checked(value, sum((Fraction(number) * scale for number, scale in parts if number), Fraction(0)), zero, expected)


def _from(zero: bool) -> str:
    return "of at least 0" if zero else "above 0"


def _checked(value: object, number: Fraction | None, zero: bool, expected: str) -> Fraction:
    if number is None:
        raise UnitError(value, expected)
    if number < 0:
        raise UnitError(value, expected, f"did you mean {show_value(-value)}?" if isinstance(value, int | float) else "")
    if number == 0 and not zero:
        raise UnitError(value, expected)
    if number >= _LARGEST:
        raise UnitError(value, expected, "the largest number is just below 1e15")
    return number


def _duration_hint(text: str, bare: str) -> str:
    units = "the units are h, m, s, ms and us"
    plain = re.sub(r"\s|^[+-]+|\b(?:and|per)\b", "", text.strip().lower())
    if re.fullmatch(_NUMBER, plain):
        plain += bare
    parts = _PART.findall(plain)
    if not parts or "".join(number + unit for number, unit in parts) != plain or any(unit not in _DURATION_UNIT for _, unit in parts):
        return units
    order = list(_SCALE)
    ordered = sorted(((number, _DURATION_UNIT[unit]) for number, unit in parts), key=lambda part: order.index(part[1]))
    guess = "".join(number + unit for number, unit in ordered)
    return f"did you mean '{guess}'?" if _DURATION.fullmatch(guess) else units


def _rate_hint(text: str) -> str:
    plain = re.sub(r"\s|^[+-]+", "", text.strip().lower())
    found = re.match(_NUMBER, plain)
    if found is None:
        return "the units are /s, /m and /h"
    unit = plain[found.end() :]
    known = unit[1:] if unit[1:] in _PER and unit.startswith("/") else _RATE_UNIT.get(unit)
    return f"did you mean '{found[0]}/{known}'?" if known else "the units are /s, /m and /h"


def show_value(value: object) -> str:
    """``repr`` for a message, cut short when it is long; the type alone when it has no ``repr``."""
    try:
        text = repr(value)
    except Exception:  # An author's own type may raise anything, and an int of thousands of digits does.
        return f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST_REPR else text[: _LONGEST_REPR - 1] + "…"


def show_number(value: float) -> str:
    """The shortest text that reads back as the same float: ``500``, ``0.25``, ``1e+16``."""
    return repr(float(value)).removesuffix(".0")


def show_duration(seconds: float | Fraction) -> str:
    """*seconds* as ``1m30s``, ``2.5s``, ``500ms`` or ``250us``: to the ms from 1 s up, below it to the µs."""
    if not math.isfinite(seconds):
        return f"{float(seconds)}s"
    sign = "-" if seconds < 0 else ""
    micros = round(abs(Fraction(seconds)) * 10**6)
    if micros == 0:
        return "0s"
    if micros < 10**3:
        return f"{sign}{micros}us"
    if micros < 10**6:
        return f"{sign}{_decimals(Fraction(micros, 10**3), 3)}ms"
    minutes, millis = divmod(round(Fraction(micros, 10**3)), 60_000)
    hours, minutes = divmod(minutes, 60)
    parts = (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{_decimals(Fraction(millis, 10**3), 3)}s" if millis else "")
    return sign + "".join(parts)


def show_ms(ms: float) -> str:
    """*ms* as ``7,088 ms``, ``50.0 ms``, ``0.31 ms``: whole from 1,000 up, below it at most four significant figures."""
    if not math.isfinite(ms):
        return f"{float(ms)} ms"
    size = abs(ms)
    if size == 0:
        return "0 ms"
    if round(size, 1) >= 1000:
        return f"{ms:,.0f} ms"
    return f"{ms:.{1 if size >= 10 else 2 if size >= 0.1 else 3}f} ms"


def show_rate(per_second: float | Fraction) -> str:
    """*per_second* as ``80/s``; a rate below 1/s that two decimals cannot tell as ``5/m`` or ``5/h``."""
    exact = exactly(per_second)
    if exact is None:
        return f"{float(per_second)}/s"
    for unit, seconds in (("s", 1), ("m", 60)):
        scaled = exact * seconds
        if abs(scaled) >= 1 or (scaled * 100).denominator == 1:
            return f"{_decimals(scaled, 2)}/{unit}"
    return f"{_decimals(exact * 3600, 2)}/h"


def show_count(number: float) -> str:
    """*number* as a whole number with thousands apart: ``6,150``."""
    return f"{round(number):,}" if math.isfinite(number) else str(float(number))


def show_share(of_one: float | Fraction) -> str:
    """*of_one* as ``1%`` or ``0.25%``: two decimals, or as many more as keep it apart from 0 % and 100 % when it is neither."""
    exact = exactly(of_one)
    if exact is None:
        return f"{float(of_one)}%"
    percent = exact * 100
    places = next((n for n in range(2, 9) if not 0 < percent < 100 or 0 < round(percent, n) < 100), 9)
    return f"{_decimals(percent, places)}%"


def _decimals(number: Fraction, places: int) -> str:
    text = f"{float(round(number, places)):,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
