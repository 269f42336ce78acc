"""How long the fake takes to answer.

Text that is read::

    latency = model | rule { "," rule }          one for everything, or by operation
    rule    = operation "=" model                "identify=40ms,track=uniform(10ms,50ms),*=30ms"; "*" is the rest
    model   = time                               always the same: "40ms"
            | "uniform(" time "," time ")"       evenly between the two
            | "lognormal(p50=" time ",p99=" time ")"
            | "hlog:" file [ "#" unit ]          as measured: a histogram log, its values in us unless ns or ms is said
            | "run:" file [ "#" name ]           as measured: a run document, every call by its own histogram, or one of them
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
from pytest_cio_load.fake.recorded import from_log, from_run
from pytest_cio_load.fake.tally import OPERATIONS
from pytest_cio_load.units import UnitError

if TYPE_CHECKING:
    from random import Random

EXPECTED = "a latency such as '40ms', 'uniform(10ms,50ms)', 'lognormal(p50=40ms,p99=180ms)', 'run:FILE' or 'identify=40ms,*=30ms'"

_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*", re.DOTALL)
_RULE = re.compile(r"\s*(\*|[A-Za-z_]\w*)\s*=(.*)", re.DOTALL)
_FILE = re.compile(r"\s*(\w+):(?!\s)(.+?)\s*", re.DOTALL)
_NAMED = re.compile(r"\s*(\w+)\s*=(.*)", re.DOTALL)
_NORMAL = NormalDist()
_Z99 = _NORMAL.inv_cdf(0.99)


class Latency(Protocol):
    """A distribution of answering times. Its ``str`` is text that :func:`parse` reads back to an equal one."""

    def sample(self, rng: Random, operation: str = "") -> float:
        """Seconds until the answer, a whole number of microseconds. *operation*: what is answered; most models do not care."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same. *micros*: microseconds."""

    micros: int

    def sample(self, rng: Random, operation: str = "") -> float:
        """Seconds until the answer, a whole number of microseconds."""
        return self.micros / 1e6

    def __str__(self) -> str:
        return _show(self.micros)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Evenly between *low* and *high*, microseconds, both included."""

    low: int
    high: int

    def sample(self, rng: Random, operation: str = "") -> float:
        """Seconds until the answer, a whole number of microseconds."""
        return round(self.low + (self.high - self.low) * rng.random()) / 1e6

    def __str__(self) -> str:
        return f"uniform({_show(self.low)},{_show(self.high)})"


@dataclass(frozen=True, slots=True)
class Lognormal:
    """The usual shape of a service: a hump and a long tail. *p50* and *p99*: its percentiles in microseconds."""

    p50: int
    p99: int

    def sample(self, rng: Random, operation: str = "") -> float:
        """Seconds until the answer, a whole number of microseconds."""
        # One draw a sample, by the inverse of the distribution: threads that share the generator cannot split a pair of draws.
        spread = math.log(self.p99 / self.p50) / _Z99
        return round(self.p50 * math.exp(spread * _NORMAL.inv_cdf(rng.random() or 0.5))) / 1e6

    def __str__(self) -> str:
        return f"lognormal(p50={_show(self.p50)},p99={_show(self.p99)})"


@dataclass(frozen=True, slots=True)
class ByOperation:
    """Each operation by its own model. *rules*: (operation, model) in the order written; ``*`` is what the rest takes."""

    rules: tuple[tuple[str, Latency], ...]

    def sample(self, rng: Random, operation: str = "") -> float:
        """Seconds until the answer, a whole number of microseconds."""
        rules = dict(self.rules)
        return (rules.get(operation) or rules["*"]).sample(rng, operation)

    def __str__(self) -> str:
        return ",".join(f"{operation}={latency}" for operation, latency in self.rules)


def parse(text: str | float) -> Latency:
    """Read a latency.

    Args:
        text: as the module says; a number is milliseconds.

    Raises:
        UnitError: text that is none, or a file that cannot be read; it says what was got, what was expected, and the nearest fix.
    """
    return _by_operation(text) if isinstance(text, str) and _RULE.fullmatch(text) else _model(text, text)


def _model(part: str | float, whole: object) -> Latency:
    if isinstance(part, str) and (file := _FILE.fullmatch(part)):
        if (kind := file[1].lower()) not in ("hlog", "run"):
            raise UnitError(whole, EXPECTED, near_miss(kind, ("hlog", "run")))
        return (from_log if kind == "hlog" else from_run)(part.strip(), file[2])
    call = _CALL.fullmatch(part) if isinstance(part, str) else None
    if call is None:
        return Constant(_micros(part, whole))
    name, inside = call[1].lower(), [piece.strip() for piece in call[2].split(",")]
    if name == "uniform":
        return _uniform(whole, inside)
    if name == "lognormal":
        return _lognormal(whole, inside)
    raise UnitError(whole, EXPECTED, near_miss(name, ("uniform", "lognormal")))


def _by_operation(text: str) -> ByOperation:
    rules: dict[str, Latency] = {}
    for part in _split(text):
        rule = _RULE.fullmatch(part)
        if rule is None:
            raise UnitError(text, "operation=latency between the commas", "try 'identify=40ms,*=30ms'")
        operation = rule[1]
        if operation != "*" and operation not in OPERATIONS:
            raise UnitError(text, f"an operation of Customer.io, not {operation!r}", near_miss(operation, OPERATIONS))
        if operation in rules:
            raise UnitError(text, f"one latency for {operation!r}", "leave out the other")
        rules[operation] = _model(rule[2].strip(), text)
    if "*" not in rules:
        raise UnitError(text, "a latency for all other operations as well", f"did you mean '{text.strip()},*=40ms'?")
    return ByOperation(tuple(rules.items()))


def _split(text: str) -> list[str]:
    """The parts between the commas that are in no parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


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
