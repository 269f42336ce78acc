"""One thing that goes wrong, from one moment of the run to another: a value that has been checked and can be described."""

from __future__ import annotations

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from pytest_cio_load import units
from pytest_cio_load.units import UnitError, show_duration, show_rate, show_share

FaultKind = Literal["fail", "reset", "never", "slow", "drop", "unauthorized", "rate_limit"]

_SHARE = "a share above 0 and up to 1 such as 0.1 or '10%'"
_WORDS: dict[FaultKind, str] = {
    "reset": "reset by the server",
    "never": "never answered",
    "drop": "answered 200 and not applied",
    "unauthorized": "answered 401",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    Attributes:
        kind: what happens to the requests it strikes.
        start, end: when, in whole microseconds of iteration time; *end* is excluded, and None is the end of the run.
        ratio: the share of requests that arrive meanwhile and are struck, above 0 and up to 1.
        status: of the answer, for ``fail``.
        retry_after: whole seconds for the answer's Retry-After, or None for no such header.
        factor: what the time of service is multiplied by, for ``slow``.
        rps: requests per second that pass, for ``rate_limit``.
        applied: whether the request is applied all the same, so that only its answer is lost or wrong.
    """

    kind: FaultKind
    start: int
    end: int | None = None
    ratio: float = 1.0
    status: int = 0
    retry_after: int | None = None
    factor: float = 1.0
    rps: float = 0.0
    applied: bool = False

    def describe(self) -> str:
        """One line: ``from 5s to 15s: 10% of requests answered 503, Retry-After 1``."""
        begins, whole = show_duration(self.start / 1e6), self.ratio >= 1
        when = f"from {begins} on" if self.end is None else f"from {begins} to {show_duration(self.end / 1e6)}"
        share = "every request" if whole else f"{show_share(self.ratio)} of requests"
        match self.kind:
            case "slow":
                happens = f"answers take {units.show_number(self.factor)} times as long"
            case "rate_limit":
                happens = f"beyond {show_rate(self.rps)} requests answered 429"
            case "fail":
                happens = f"{share} answered {self.status}"
            case kind:
                happens = f"{share} {_WORDS[kind]}"
        asks = "" if self.retry_after is None else f", Retry-After {self.retry_after}"
        return f"{when}: {happens}{asks}{', though applied' if self.applied else ''}"


def checked_ratio(value: object) -> float:
    """A share of requests, from a number or text such as "10%". Raises UnitError."""
    if isinstance(value, str):
        try:
            amount = units.amount(value)
        except UnitError as error:
            raise UnitError(value, _SHARE, error.nearest) from None
        if isinstance(amount, units.Share) and amount.of_one > 0:
            return float(amount.of_one)
        raise UnitError(value, _SHARE)
    number = units.exactly(value)
    if number is None or number <= 0:
        raise UnitError(value, _SHARE, "leave the fault out for no request at all" if number == 0 else "")
    if number > 1:
        raise UnitError(value, _SHARE, f"did you mean '{show_share(number / 100)}'?" if number <= 100 else "")
    return float(number)


def checked_status(value: object) -> int:
    """An HTTP status that is an error. Raises UnitError."""
    expected = "a status from 400 to 599 such as 503"
    if isinstance(value, bool) or not isinstance(value, int):
        nearest = f"did you mean {value.strip()}?" if isinstance(value, str) and value.strip() in _ERRORS else ""
        raise UnitError(value, expected, nearest)
    if not 400 <= value <= 599:
        nearest = ".drop() answers 200 without applying" if 200 <= value < 300 else ""
        raise UnitError(value, expected, nearest)
    return value


def checked_retry_after(value: object) -> int | None:
    """Whole seconds, from a number or text such as "2s"; None stays None. Raises UnitError."""
    if value is None:
        return None
    seconds = units.duration(value)
    if seconds.denominator != 1:
        raise UnitError(value, "whole seconds, which is all Retry-After can say", f"did you mean {math.ceil(seconds)}?")
    return int(seconds)


def checked_factor(value: object) -> float:
    """A finite number above 0. Raises UnitError."""
    number = units.exactly(value)
    if number is None or number <= 0:
        raise UnitError(value, "a factor above 0 such as 5", "for an answer that never comes use .times_out()" if value == math.inf else "")
    return float(number)


_ERRORS = {str(status.value) for status in HTTPStatus if status >= 400}
