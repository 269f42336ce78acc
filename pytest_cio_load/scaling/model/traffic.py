"""How much arrives when: levels, ramps and points, as jobs per second over time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from pytest_cio_load import units
from pytest_cio_load.scaling.model.points import read_points

LONGEST = 366 * 86_400
"""Seconds that traffic may last: a year."""

_EXAMPLE = '"10m:50,5m:400,30m:50", with ramps as "5m:50..400"'
_RAMP = re.compile(r"(.+?)\s*(?:\.\.|->|→)\s*(.+)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A straight line of the rate.

    Attributes:
        seconds: how long; above 0.
        start: jobs per second at its start, at least 0.
        end: jobs per second at its end, at least 0; as *start* for a level.

    Raises:
        ValueError: a number out of its range.
    """

    seconds: float
    start: float
    end: float

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= LONGEST:
            raise ValueError(f"traffic: got a piece of {self.seconds:g} s; expected more than 0 s and at most a year; try 60")
        for rate in (self.start, self.end):
            if not 0 <= rate < 1e9:
                raise ValueError(f"traffic: got a rate of {rate:g}/s; expected from 0 to a billion jobs per second; try 50")

    def __str__(self) -> str:
        """``5m:400``, ``5m:50..400``."""
        levels = (self.start,) if self.start == self.end else (self.start, self.end)
        return f"{units.show_duration(self.seconds)}:" + "..".join(units.show_number(round(level, 3)) for level in levels)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Pieces, one after the other.

    Raises:
        ValueError: there is none, or together they last longer than a year.
    """

    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "pieces", tuple(self.pieces))
        if not self.pieces:
            raise ValueError(f"traffic: got none; expected pieces such as {_EXAMPLE}; try [('10m', 50)]")
        if self.seconds > LONGEST:
            raise ValueError(f"traffic: got {units.show_duration(self.seconds)}; expected at most a year; leave some of it out")

    def __str__(self) -> str:
        """As it is written on the command line; shortened where there are many pieces."""
        if len(self.pieces) > 8:
            return f"{len(self.pieces)} pieces in {units.show_duration(self.seconds)}, at most {units.show_rate(self.peak)}"
        return ",".join(map(str, self.pieces))

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return math.fsum(piece.seconds for piece in self.pieces)

    @property
    def peak(self) -> float:
        """The highest rate, per second."""
        return max(max(piece.start, piece.end) for piece in self.pieces)

    @property
    def total(self) -> float:
        """Jobs in all."""
        return math.fsum(piece.seconds * (piece.start + piece.end) / 2 for piece in self.pieces)

    def arrivals(self) -> Iterator[float]:
        """Jobs of each second, from the first to the last one that has any; fractions are kept."""
        second, left, jobs = 0, 1.0, 0.0
        for piece in self.pieces:
            slope = (piece.end - piece.start) / piece.seconds
            at = 0.0
            while at < piece.seconds:
                part = min(left, piece.seconds - at)
                jobs += part * (piece.start + slope * (at + part / 2))
                at, left = at + part, left - part
                if left <= 1e-9:
                    yield max(0.0, jobs)
                    second, left, jobs = second + 1, 1.0, 0.0
        if left < 1.0 - 1e-9:
            yield max(0.0, jobs)


def read_traffic(given: Traffic | str | Path | Iterable[Sequence[object]]) -> Traffic:
    """Traffic from what somebody wrote.

    Args:
        given: text (``"10m:50,5m:50..400"``); pairs of a duration and a rate or, for a ramp, a pair of rates
            (``[("10m", 50), ("5m", (50, 400))]``); the path of a CSV file of timestamps and rates: a `Path`, or text that ends in
            ``.csv``.

    Raises:
        ValueError: it is none of these; says which part of it.
        OSError: the file cannot be read.
    """
    if isinstance(given, Traffic):
        return given
    if isinstance(given, Path) or (isinstance(given, str) and given.strip().lower().endswith(".csv")):
        points = read_points(Path(given))
        # Two points at one time are a step, and no piece.
        return Traffic(tuple(Piece(then - now, rate, later) for (now, rate), (then, later) in pairwise(points) if then > now))
    if isinstance(given, str):
        return Traffic(tuple(_written(part.strip()) for part in given.split(",")))
    try:
        pieces = list(given)
    except TypeError:
        raise ValueError(f"traffic: got {units.show_value(given)}; expected {_EXAMPLE}; try [('10m', 50), ('5m', 400)]") from None
    return Traffic(tuple(_paired(index, pair) for index, pair in enumerate(pieces)))


def _written(part: str) -> Piece:
    """``5m:400`` or ``5m:50..400``."""
    lasting, colon, rates = part.partition(":")
    if not colon:
        raise ValueError(f"traffic: got {units.show_value(part)}; expected a duration, a colon and a rate, as in {_EXAMPLE}; try '10m:50'")
    ramp = _RAMP.fullmatch(rates.strip())
    levels = (ramp[1], ramp[2]) if ramp else (rates, rates)
    return _piece(part, lasting.strip(), *levels)


def _paired(index: int, pair: object) -> Piece:
    """``("5m", 400)`` or ``("5m", (50, 400))``."""
    where = f"[{index}]"
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        got = units.show_value(pair)
        raise ValueError(f"traffic{where}: got {got}; expected a duration and a rate; try ('10m', 50), or ('5m', (50, 400)) for a ramp")
    lasting, level = pair
    if isinstance(level, Sequence) and not isinstance(level, str):
        if len(level) != 2:
            got = units.show_value(level)
            raise ValueError(f"traffic{where}: got {got}; expected two rates for a ramp, its first and its last; try (50, 400)")
        return _piece(where, lasting, *level)
    ramp = _RAMP.fullmatch(level.strip()) if isinstance(level, str) else None
    return _piece(where, lasting, *((ramp[1], ramp[2]) if ramp else (level, level)))


def _piece(where: str, lasting: object, first: object, last: object) -> Piece:
    """Raises ValueError with what the readers of `units` say."""
    try:
        seconds = units.duration(lasting, zero=False)
        start, end = (units.rate(_per_second(rate)) for rate in (first, last))
    except units.UnitError as error:
        raise ValueError(f"traffic: in {where}: {error}") from None
    return Piece(float(seconds), float(start), float(end))


def _per_second(rate: object) -> object:
    """A number in text is one per second."""
    if isinstance(rate, str) and re.fullmatch(r"\s*[0-9.]+\s*", rate) and rate.count(".") < 2:
        return Fraction(rate.strip())
    return rate
