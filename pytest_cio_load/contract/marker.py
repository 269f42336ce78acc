"""The marker's keywords: which there are, how stacked markers merge, and the collecting of everything wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pytest_cio_load.errors import ContractError, Problem, near_miss
from pytest_cio_load.units import UnitError, exactly, show_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

CONSTANT_SHAPE = ("rate", "duration")
RAMP_SHAPE = ("stages", "start_rate")

RESPONSE_SHORTHANDS = {f"p{percentile}": f"p({percentile})" for percentile in (*range(50, 100, 5), 96, 97, 98, 99)} | {
    "p999": "p(99.9)",
    "p9999": "p(99.99)",
    "mean": "avg",
    "max": "max",
}
"""Keyword → aggregation of ``response`` that it bounds from above."""

AMOUNT_SHORTHANDS = ("errors", "dropped")
"""Keywords that bound the rate metric of the same name, by a count or a share."""

OPTIONAL = ("max_in_flight", "timeout", "seed", "target", "clock", "latency", "regress")
"""Keywords that take None, for "as if not stated"."""

KEYWORDS = (
    *CONSTANT_SHAPE,
    *RAMP_SHAPE,
    "arrivals",
    *RESPONSE_SHORTHANDS,
    *AMOUNT_SHORTHANDS,
    "thresholds",
    "abort_on_fail",
    "delay_abort",
    "on_saturation",
    "warmup",
    "warmup_ramp",
    "graceful_stop",
    "metrics",
    *OPTIONAL,
)

_MEANT = {
    "rps": "rate",
    "concurrency": "max_in_flight",
    "max_concurrency": "max_in_flight",
    "vus": "max_in_flight",
    "maxvus": "max_in_flight",
    "max_vus": "max_in_flight",
    "users": "max_in_flight",
    "avg": "mean",
    "average": "mean",
    "median": "p50",
    "med": "p50",
    "p100": "max",
    "error_rate": "errors",
    "failures": "errors",
    "delay_abort_eval": "delay_abort",
    "delayaborteval": "delay_abort",
    "spawn_rate": "start_rate",
    "run_time": "duration",
    "ramp_up": "warmup_ramp",
    "rampup": "warmup_ramp",
}


class Problems:
    """Everything found wrong so far. Reading goes on after a problem, so that the author meets all of them at once."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, where: str, got: str, expected: str, nearest: str = "") -> None:
        """Note a problem. *got* is text as it shall be read, "" when *where* says it already."""
        self._found.append(Problem(where, got, expected, nearest))

    def read(self, where: str, value: object, reader: Callable[[object], T]) -> T | None:
        """What *reader* makes of *value*; None, and a problem noted, when it raises `UnitError`."""
        try:
            return reader(value)
        except UnitError as error:
            self.add(where, show_value(value), error.expected, error.nearest)
            return None

    def raise_all(self) -> None:
        """Raise `ContractError` with every problem, in the order found; nothing when there is none."""
        if self._found:
            raise ContractError(self._found)


def merge(markers: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The keywords of stacked markers, the closest marker first.

    The closest wins, keyword by keyword. A marker that states one shape (``rate``, or ``stages`` with ``start_rate``) also
    displaces the other shape of the markers outside it, ``duration`` included, for the two cannot be mixed.
    """
    merged: dict[str, object] = {}
    for marker in reversed(markers):
        displaced: set[str] = set()
        if any(keyword in marker for keyword in RAMP_SHAPE):
            displaced.update(CONSTANT_SHAPE)
        if "rate" in marker:
            displaced.update(RAMP_SHAPE)
        merged = {keyword: value for keyword, value in merged.items() if keyword not in displaced}
        merged.update(marker)
    return merged


def check_names(keywords: Mapping[str, object], positional: Sequence[object], problems: Problems) -> None:
    """Note positional arguments, and keywords that the marker does not have."""
    if positional:
        shown = ", ".join(show_value(value) for value in positional)
        stated = ", ".join(f"{name}={show_value(value)}" for name, value in zip(CONSTANT_SHAPE, positional, strict=False))
        problems.add(f"cio_load({shown})", "", "keyword arguments only", f"did you mean cio_load({stated})?")
    for keyword, value in keywords.items():
        if keyword not in KEYWORDS:
            problems.add(keyword, show_value(value), "a keyword of cio_load", nearest_keyword(keyword))


def nearest_keyword(keyword: str) -> str:
    """``did you mean p95?`` for ``p59``, or where to put a percentile that has no keyword of its own."""
    plain = keyword.lower().replace("-", "_")
    for known in KEYWORDS:
        # Swapped letters are the likeliest slip, and difflib rates p59 as close to p50 as to p95.
        if sorted(plain) == sorted(known) or plain.replace("_", "") == known.replace("_", ""):
            return f"did you mean {known}?"
    if plain in _MEANT:
        return f"did you mean {_MEANT[plain]}?"
    digits = plain.removeprefix("p").removeprefix("_")
    if plain.startswith("p") and digits.isascii() and digits.isdigit() and int(digits[:3]) <= 99:
        return f"did you mean thresholds={{'response': 'p({digits})<…'}}?"
    return near_miss(plain, KEYWORDS)


def flag(value: object) -> bool:
    """True or False as they are. Raises `UnitError`."""
    if isinstance(value, bool):
        return value
    guess = {"true": "did you mean True?", "1": "did you mean True?", "false": "did you mean False?", "0": "did you mean False?"}
    raise UnitError(value, "True or False", guess.get(str(value).strip().lower(), ""))


def whole(value: object, least: int) -> int:
    """A whole number of at least *least*. Raises `UnitError`."""
    expected = f"a whole number of at least {least}"
    if isinstance(value, int) and not isinstance(value, bool):
        if value >= least:
            return value
        raise UnitError(value, expected)
    number = exactly(value)
    if number is None and isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 16:
        number = exactly(int(value))
    fits = number is not None and number.denominator == 1 and number >= least
    raise UnitError(value, expected, f"did you mean {number}?" if fits else "")


def word(value: object, choices: Sequence[str]) -> str:
    """One of *choices*. Raises `UnitError` with the closest of them."""
    if isinstance(value, str):
        if value in choices:
            return value
        plain = value.strip().lower()
        close = f"did you mean '{plain}'?" if plain in choices else near_miss(plain, choices)
    else:
        close = ""
    raise UnitError(value, " or ".join(f"'{choice}'" for choice in choices), close)


def text(value: object, noun: str) -> str:
    """Text that is not blank, stripped. Raises `UnitError`."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise UnitError(value, noun)
