"""The warmup ramp: what ``warmup_ramp=True`` puts in front of the promised load, so that a target is not met by its full rate at once."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from pytest_cio_load.contract.marker import flag
from pytest_cio_load.contract.profile import Profile, Stage
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.contract.marker import Problems

SHARE = Fraction(1, 10)
"""Of the first rate of the promised load: where the ramp begins."""

USUAL = Fraction(10)
"""Seconds that it lasts where no ``warmup`` is given."""


def ramped(profile: Profile, seconds: Fraction) -> Profile:
    """*profile* with a ramp of so many *seconds* in front of it, from 10 % of its first rate up to all of it."""
    first = profile.first_rate
    return replace(profile, ramp=Profile(first * SHARE, (Stage(seconds, first),), constant=False))


def iterations(ramp: Profile) -> int:
    """How many fall due within a ramp, evenly spaced, before the promised load begins. Exact.

    >>> iterations(ramped(Profile.flat(Fraction(80), Fraction(60)), Fraction(10)).ramp)
    439
    """
    return max(0, ceil(ramp.area) - 1)


def read_ramp(keywords: Mapping[str, object], profile: Profile | None, warmup: Fraction | None, problems: Problems) -> Profile | None:
    """*profile* as ``warmup_ramp`` has it: with a ramp in front as long as *warmup*, or 10 s when that is None; or as it was."""
    if "warmup_ramp" not in keywords:
        return profile
    wanted = problems.read("warmup_ramp", keywords["warmup_ramp"], flag)
    if profile is None or not wanted:
        return profile
    if not profile.first_rate:
        got = "True with stages that begin at 0/s"
        problems.add("warmup_ramp", got, "a load that begins at a rate of its own", "leave it out: they are a ramp already")
        return profile
    if warmup is not None and not warmup:
        got = f"{show_value(keywords['warmup'])} with warmup_ramp=True"
        problems.add("warmup", got, "more than 0 s, which the ramp lasts", "leave out warmup for 10s, or leave out warmup_ramp")
        return profile
    return ramped(profile, USUAL if warmup is None else warmup)
