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
from math import ceil, floor, sqrt
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cio_load.contract.profile import Profile

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One planned iteration.

    Attributes:
        index: 0, 1, 2, … in due order.
        due: microseconds after the start of the run.
    """

    index: int
    due: int


@dataclass(frozen=True, slots=True)
class _Leg:
    """One stage with where it begins: on the time axis in seconds, on the area axis in iterations."""

    begins: Fraction
    lasts: Fraction
    rate_from: Fraction
    rate_to: Fraction
    area_before: Fraction

    @property
    def area(self) -> Fraction:
        return (self.rate_from + self.rate_to) * self.lasts / 2

    @property
    def area_after(self) -> Fraction:
        return self.area_before + self.area


def _legs(profile: Profile) -> Iterator[_Leg]:
    rate, begins, area = profile.start_rate, Fraction(0), Fraction(0)
    for stage in profile.stages:
        leg = _Leg(begins, stage.duration, rate, stage.target, area)
        if stage.duration:
            yield leg
        rate, begins, area = stage.target, begins + stage.duration, leg.area_after


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
        while leg is not None and position > leg.area_after:
            leg = next(legs, None)
        if leg is None:
            return
        yield _time_in(leg, position)


def _time_in(leg: _Leg, position: float) -> int:
    # Exact subtraction first: a late position and a late stage are both large, their difference is not.
    inside = Fraction(position) - leg.area_before
    if leg.rate_from == leg.rate_to:
        return round((leg.begins + inside / leg.rate_from) * MICROSECONDS)
    f, m = float(leg.rate_from), float(inside)
    slope = float((leg.rate_to - leg.rate_from) / leg.lasts)
    root = sqrt(max(f * f + 2 * slope * m, 0.0))
    seconds = min(2 * m / (f + root), float(leg.lasts)) if m else 0.0
    return round(leg.begins * MICROSECONDS) + round(seconds * MICROSECONDS)
