"""When iterations fall due: pure arithmetic, no clock.

A profile is a line of rate over time. Iteration *n* falls due when the area under that line reaches a *position* on the area axis:

    even, constant rate    positions 0, 1, 2, …  below the whole area    (the first falls due at t = 0)
    even, ramping rate     positions 1, 2, 3, …  up to the whole area    (k6's ramping arrival rate)
    Poisson                sums of seeded unit exponentials              (a unit-rate Poisson process, stretched by the rate)

so one inverse of the area serves all three. Within a stage that goes from ``f`` to ``g`` per second in ``d`` seconds, with
``s = (g - f) / d``, the area after ``t`` seconds is ``f·t + s·t²/2``. Solving for ``t`` in the form

    t = 2m / (f + sqrt(f² + 2·s·m))

subtracts no near-equal numbers and holds for ramps up, ramps down and ``s = 0``. Areas, and with them counts, are exact fractions:
in floats 11/s for 5 s comes to 54 iterations. Times are whole microseconds, the grid that virtual time runs on.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import count as integers
from math import ceil, floor, lcm, sqrt
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cio_load.contract.profile import Profile

MICROSECONDS = 1_000_000


@dataclass(slots=True, unsafe_hash=True)  # one of each iteration, and a frozen one takes twice as long to make
class Arrival:
    """One planned iteration; never changed.

    Attributes:
        index: 0, 1, 2, … in due order.
        due: microseconds after the start of the run.
    """

    index: int
    due: int


class _Leg:
    """One stage with where it begins: on the time axis in seconds, on the area axis in iterations.

    Its fractions are kept as whole numerators and denominators: every arrival is computed, and Fraction takes ten times as long.
    """

    __slots__ = ("_begins", "_flat", "_from", "_lasts", "_origin", "_slope", "_step", "_unit", "after", "before")

    def __init__(self, begins: Fraction, lasts: Fraction, rate_from: Fraction, rate_to: Fraction, before: Fraction) -> None:
        self.before = before.as_integer_ratio()
        self.after = (before + (rate_from + rate_to) * lasts / 2).as_integer_ratio()
        self._flat = rate_from == rate_to
        if self._flat and rate_from:
            # due = origin + position · step, in microseconds, over one denominator
            step = MICROSECONDS / rate_from
            origin = begins * MICROSECONDS - before * step
            self._unit = lcm(step.denominator, origin.denominator)
            self._step, self._origin = int(step * self._unit), int(origin * self._unit)
        self._begins, self._lasts = round(begins * MICROSECONDS), float(lasts)
        self._from, self._slope = float(rate_from), float((rate_to - rate_from) / lasts)

    def holds(self, position: float) -> bool:
        """Whether the area reaches *position* within this leg."""
        area, unit = self.after
        return position * unit <= area

    def due(self, position: float) -> int:
        """When it does, in microseconds since the start of the run."""
        exact = position if isinstance(position, int) else Fraction(position)
        if self._flat:
            return int((2 * (exact * self._step + self._origin) + self._unit) // (2 * self._unit))
        # Exact subtraction first: a late position and a late leg are both large, their difference is not.
        area, unit = self.before
        m = float((exact * unit - area) / unit)
        root = sqrt(max(self._from * self._from + 2 * self._slope * m, 0.0))
        seconds = min(2 * m / (self._from + root), self._lasts) if m else 0.0
        return self._begins + round(seconds * MICROSECONDS)


def _legs(profile: Profile) -> Iterator[_Leg]:
    rate, begins, area = profile.start_rate, Fraction(0), Fraction(0)
    for stage in profile.stages:
        if stage.duration:
            yield _Leg(begins, stage.duration, rate, stage.target, area)
        area += (rate + stage.target) * stage.duration / 2
        rate, begins = stage.target, begins + stage.duration


def planned(profile: Profile) -> int:
    """How many iterations an even schedule holds. Exact.

    >>> planned(Profile.flat(rate=Fraction(11), duration=Fraction(5)))
    55
    """
    return ceil(profile.area) if profile.constant else floor(profile.area)


def schedule(profile: Profile, *, arrivals: str = "even", seed: int = 0) -> Iterator[Arrival]:
    """Every iteration of *profile* with its due moment, in order; lazy, so that a day-long profile costs nothing up front.

    Args:
        profile: the line of rate over time.
        arrivals: ``even``, or ``poisson`` for a Poisson process with the same rate line.
        seed: of the Poisson process; the same seed gives the same schedule.
    """
    positions = _poisson(profile, seed) if arrivals == "poisson" else _even(profile)
    for index, due in enumerate(_times(profile, positions)):
        yield Arrival(index, due)


def _even(profile: Profile) -> Iterator[int]:
    total = planned(profile)
    yield from range(total) if profile.constant else range(1, total + 1)


def _poisson(profile: Profile, seed: int) -> Iterator[float]:
    rng, position, whole = Random(f"arrivals:{seed}"), 0.0, float(profile.area)
    for _ in integers():
        position += rng.expovariate(1.0)
        if position > whole:
            return
        yield position


def _times(profile: Profile, positions: Iterator[int] | Iterator[float]) -> Iterator[int]:
    """The inverse of the area: positions, ascending, to due moments in microseconds."""
    legs = _legs(profile)
    leg = next(legs, None)
    for position in positions:
        while leg is not None and not leg.holds(position):
            leg = next(legs, None)
        if leg is None:
            return
        yield leg.due(position)
