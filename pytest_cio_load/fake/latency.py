"""How long the fake takes to answer.

Text that is read::

    latency = time                               always the same: "40ms"
            | "uniform(" time "," time ")"       evenly between the two
            | "lognormal(p50=" time ",p99=" time ")"
    time    = number unit                        "40ms", "0.5s", "1m30s"

Samples are whole microseconds, so that sums of them are the same in every run on a virtual clock.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Protocol

from pytest_cio_load import units
from pytest_cio_load.errors import near_miss
from pytest_cio_load.units import UnitError

if TYPE_CHECKING:
    from random import Random

EXPECTED = "a latency such as '40ms', 'uniform(10ms,50ms)' or 'lognormal(p50=40ms,p99=180ms)'"

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*", re.DOTALL)
_NAMED = re.compile(r"\s*(\w+)\s*=(.*)", re.DOTALL)
_NORMAL = NormalDist()
_Z99 = _NORMAL.inv_cdf(0.99)


class Latency(Protocol):
    """A distribution of answering times. Its ``str`` is text that :func:`parse` reads back to an equal one."""

    def sample(self, rng: Random) -> float:
        """Seconds until the answer, a whole number of microseconds."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same. *micros*: microseconds."""

    micros: int

    def sample(self, rng: Random) -> float:
        """Seconds until the answer, a whole number of microseconds."""
        return self.micros / 1e6

    def __str__(self) -> str:
        return _show(self.micros)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Evenly between *low* and *high*, microseconds, both included."""

    low: int
    high: int

    def sample(self, rng: Random) -> float:
        """Seconds until the answer, a whole number of microseconds."""
        return round(self.low + (self.high - self.low) * rng.random()) / 1e6

    def __str__(self) -> str:
        return f"uniform({_show(self.low)},{_show(self.high)})"


@dataclass(frozen=True, slots=True)
class Lognormal:
    """The usual shape of a service: a hump and a long tail. *p50* and *p99*: its percentiles in microseconds."""

    p50: int
    p99: int

    def sample(self, rng: Random) -> float:
        """Seconds until the answer, a whole number of microseconds."""
        # One draw a sample, by the inverse of the distribution: threads that share the generator cannot split a pair of draws.
        spread = math.log(self.p99 / self.p50) / _Z99
        return round(self.p50 * math.exp(spread * _NORMAL.inv_cdf(rng.random() or 0.5))) / 1e6

    def __str__(self) -> str:
        return f"lognormal(p50={_show(self.p50)},p99={_show(self.p99)})"


def parse(text: str | float) -> Latency:
    """Read a latency.

    Args:
        text: as the module says; a number is milliseconds.

    Raises:
        UnitError: text that is none; it says what was got, what was expected, and the nearest fix.
    """
    call = _CALL.fullmatch(text) if isinstance(text, str) else None
    if call is None:
        return Constant(_micros(text, text))
    name, inside = call[1].lower(), [part.strip() for part in call[2].split(",")]
    if name == "uniform":
        return _uniform(text, inside)
    if name == "lognormal":
        return _lognormal(text, inside)
    raise UnitError(text, EXPECTED, near_miss(name, ("uniform", "lognormal")))


def _uniform(text: object, inside: list[str]) -> Uniform:
    if len(inside) != 2:
        raise UnitError(text, "two times, the least and the most", "try 'uniform(10ms,50ms)'")
    low, high = (_micros(part, text) for part in inside)
    if low > high:
        raise UnitError(text, "the least time before the most", f"did you mean '{Uniform(high, low)}'?")
    return Uniform(low, high)


def _lognormal(text: object, inside: list[str]) -> Lognormal:
    example = "try 'lognormal(p50=40ms,p99=180ms)'"
    found: dict[str, int] = {}
    for part in inside:
        named = _NAMED.fullmatch(part)
        if named is None or named[1] not in ("p50", "p99") or named[1] in found:
            hint = near_miss(named[1], {"p50", "p99"} - set(found)) if named else ""
            raise UnitError(text, "p50= and p99=, each once", hint or example)
        found[named[1]] = _micros(named[2].strip(), text)
    if len(found) != 2:
        raise UnitError(text, "p50= and p99=, each once", example)
    p50, p99 = found["p50"], found["p99"]
    if p50 == 0:
        raise UnitError(text, "a p50 above 0", "for no latency at all write '0ms'")
    if p50 >= p99:
        nearest = f"did you mean '{Lognormal(p99, p50)}'?" if 0 < p99 < p50 else f"for a constant latency write '{_show(p50)}'"
        raise UnitError(text, "p50 below p99", nearest)
    return Lognormal(p50, p99)


def _micros(part: object, whole: object) -> int:
    try:
        return round(units.latency(part) * 1000)
    except UnitError as error:
        raise UnitError(whole, EXPECTED, error.nearest) from None


def _show(micros: int) -> str:
    return f"{units.show_number(micros / 1000)}ms"
