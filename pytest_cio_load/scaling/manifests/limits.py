"""Values that the API server refuses, though its schema does not: ranges, and fields that exclude or need each other."""

from __future__ import annotations

import re
from fractions import Fraction

from pytest_cio_load.scaling.hpa.quantities import quantity as parse_quantity
from pytest_cio_load.scaling.hpa.spec import MAX_PERIOD, MAX_REPLICAS, MAX_STABILIZATION
from pytest_cio_load.scaling.manifests.nodes import At

_LARGEST = 2**63
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,25}")
_FLAGS = {word: word[0] in "1tT" for word in ("true", "True", "TRUE", "t", "T", "1", "false", "False", "FALSE", "f", "F", "0")}


def quantity(at: At, expected: str = "a quantity above 0 such as 500 or 500m", *, zero: bool = False) -> Fraction | None:
    """A quantity above 0, or of at least 0 where *zero* is allowed; None, and a mistake, when this is none."""
    value = at.scalar()
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        at.wrong(expected)
        return None
    try:
        number = parse_quantity(str(value))
    except ValueError:
        at.wrong(expected)
        return None
    if number >= _LARGEST:
        at.wrong("a quantity below 2^63")
        return None
    if number < 0 or (number == 0 and not zero):
        at.wrong(expected, f"try {-number}" if number < 0 else "")
        return None
    return number


def percent(at: At) -> Fraction | None:
    """Whole percent above 0; None, and a mistake, when this is none."""
    value = at.whole(1, MAX_REPLICAS, "whole percent above 0 such as 70")
    return None if value is None else Fraction(value)


def most_replicas(at: At) -> int | None:
    """`maxReplicas`: at least 1; None, and a mistake, when this is none."""
    return at.whole(1, MAX_REPLICAS, "a number of pods of at least 1")


def fewest_replicas(at: At, most: int | None, *, outside: bool) -> int | None:
    """`minReplicas`: at most *most*, and 0 only with a metric from *outside* the pods; None, and a mistake, when this is none."""
    value = at.whole(0, MAX_REPLICAS, "a number of pods of at least 0")
    if value is None:
        return None
    if most is not None and value > most:
        at.wrong(f"at most maxReplicas, {most}", f"try maxReplicas: {value}")
        return None
    if value == 0 and not outside:
        at.wrong("at least 1 without an Object or External metric, for no pod would ever say that one is needed", "try minReplicas: 1")
        return None
    return value


def window(at: At) -> int | None:
    """`stabilizationWindowSeconds`: 0 to 3,600; None, and a mistake, when this is none."""
    return at.whole(0, MAX_STABILIZATION, f"seconds from 0 to {MAX_STABILIZATION}")


def period(at: At) -> int | None:
    """`periodSeconds`: 1 to 1,800; None, and a mistake, when this is none."""
    return at.whole(1, MAX_PERIOD, f"seconds from 1 to {MAX_PERIOD}")


def step(at: At) -> int | None:
    """`value` of a policy: at least 1; None, and a mistake, when this is none."""
    return at.whole(1, MAX_REPLICAS, "pods or percent of at least 1")


def decimal(at: At, expected: str, *, above: float | None = None) -> int | float | None:
    """A number in text, as KEDA reads it, *above* a bound; None, and a mistake, when this is none."""
    text = str(at.scalar()).strip()
    number = Fraction(text) if _DECIMAL.fullmatch(text) else None
    if number is None or abs(number) >= _LARGEST or (above is not None and number <= above):
        at.wrong(expected)
        return None
    return int(number) if number.denominator == 1 else float(number)


def count(at: At, least: int, expected: str) -> int | None:
    """A whole number in text, as KEDA reads it, of at least *least*; None, and a mistake, when this is none."""
    text = str(at.scalar()).strip()
    number = int(text) if _WHOLE.fullmatch(text) else None
    if number is None or not least <= number < _LARGEST:
        at.wrong(expected, f"try '{least}'" if number is not None and number < least else "")
        return None
    return number


def flag(at: At) -> bool | None:
    """A yes or no in text, as KEDA reads it; None, and a mistake, when this is none."""
    word = str(at.scalar()).strip()
    if word not in _FLAGS:
        at.wrong("'true' or 'false'")
    return _FLAGS.get(word)
