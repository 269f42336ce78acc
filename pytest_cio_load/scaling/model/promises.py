"""Promises on a run: ``max_depth<20000``, read from text or keywords, and held against its figures."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_cio_load.errors import near_miss
from pytest_cio_load.scaling.model.run import FIGURES
from pytest_cio_load.scaling.planner.volumes import volume
from pytest_cio_load.units import UnitError, duration, exactly, show_duration, show_number, show_value

if TYPE_CHECKING:
    from pytest_cio_load.scaling.model.run import Run

TIMES = ("drain_time", "max_age", "latency")
"""Figures in seconds."""

_EXAMPLE = "max_depth<20000,drain_time<10m"
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_CLAUSE = re.compile(r"\s*([A-Za-z_]+)\s*(<=|>=|==|<|>)\s*(.+?)\s*")
_BOUND = re.compile(r"\s*(<=|>=|==|<|>)?\s*(.+?)\s*")


@dataclass(frozen=True, slots=True)
class Promise:
    """One bound on one figure.

    Attributes:
        figure: one of `FIGURES`.
        how: ``<``, ``<=``, ``==``, ``>=`` or ``>``.
        bound: in the figure's unit: jobs, seconds, jobs per second, pods, hours.
    """

    figure: str
    how: str
    bound: float

    def __str__(self) -> str:
        """``drain_time<10m``."""
        return f"{self.figure}{self.how}{self._shown(self.bound)}"

    def kept(self, run: Run) -> bool:
        """Whether the run keeps it."""
        return _OPERATORS[self.how](getattr(run, self.figure), self.bound)

    def broken(self, run: Run) -> str:
        """What came instead: ``drain_time<10m: got 15m27s``."""
        return f"{self}: got {self._shown(getattr(run, self.figure))}"

    def excess(self, run: Run) -> float:
        """By how many times its bound a run misses it; 0 when it keeps it, infinite for what never ends."""
        if self.kept(run):
            return 0.0
        return abs(float(getattr(run, self.figure)) - self.bound) / max(abs(self.bound), 1.0) + 1e-9

    def _shown(self, value: float) -> str:
        if not math.isfinite(value):
            return "no end"
        if self.figure in TIMES:
            return show_duration(value)
        return f"{value:,}" if isinstance(value, int) else show_number(round(value, 3))


def read_promises(text: str) -> tuple[Promise, ...]:
    """``max_depth<20000,drain_time<10m``: several apart by commas. Raises ValueError for what is no promise."""
    return tuple(_read(part) for part in text.split(","))


def _read(part: str) -> Promise:
    found = _CLAUSE.fullmatch(part)
    if found is None:
        raise ValueError(f"promise: got {show_value(part.strip())}; expected a figure, a comparison and a bound; try {_EXAMPLE}")
    name, how, bound = found.groups()
    if name not in FIGURES:
        nearest = near_miss(name, FIGURES) or f"the figures are {', '.join(FIGURES)}"
        raise ValueError(f"promise: got {show_value(name)}; expected a figure of a run; {nearest}")
    try:
        return Promise(name, how, _bound(name, bound))
    except UnitError as error:
        raise ValueError(f"promise: in {part.strip()}: {error}") from None


def promise_of(figure: str, said: object) -> Promise:
    """The promise that ``max_depth=20_000``, ``drain_time="10m"`` or ``throughput=">=100"`` states; without a comparison it is at most.

    Raises:
        UnitError: a bound that is none.
    """
    how, bound = "<=", said
    if isinstance(said, str) and (found := _BOUND.fullmatch(said)):
        how, bound = found[1] or "<=", found[2]
    return Promise(figure, how, _bound(figure, bound))


def broken(promises: tuple[Promise, ...], run: Run) -> list[str]:
    """What a run does not keep, a line each."""
    return [promise.broken(run) for promise in promises if not promise.kept(run)]


def _bound(figure: str, said: object) -> float:
    if figure in TIMES:
        return float(duration(f"{said}s" if isinstance(said, str) and re.fullmatch(r"[0-9.]+", said) else said))
    if isinstance(said, str):
        if re.fullmatch(r"0+(\.0+)?", said):
            return 0.0
        return float(volume(said.removesuffix("/s") if figure == "throughput" else said))
    number = exactly(said)
    if number is None or number < 0:
        raise UnitError(said, "a number of at least 0 such as 20000 or '20k'")
    return float(number)


def names() -> Iterator[str]:
    """What a promise can be about."""
    yield from FIGURES
