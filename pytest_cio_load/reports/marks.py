"""The moments that a run's timeline is to show: its stages, the end of its warmup, what ended it early, and what it was told of."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from pytest_cio_load.load.run import End
from pytest_cio_load.metrics.timeline import Mark
from pytest_cio_load.units import show_duration, show_rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.contract.profile import Profile
    from pytest_cio_load.load.run import Ending

_MICROSECONDS = 1_000_000


def marks_of(contract: Contract, ending: Ending, told: Iterable[Mark] = ()) -> tuple[Mark, ...]:
    """The marks of a run, in order of time.

    Args:
        contract: whose stages and warmup they are; those that the run did not reach are left out.
        ending: how it ended.
        told: further ones, such as faults.
    """
    marks = [*_stages(contract.profile), *told]
    if contract.warmup:
        marks.append(Mark(float(contract.warmup), "warmup", "the warmup is over"))
    if ending.end is not End.COMPLETE:
        lasted = ending.lasted / _MICROSECONDS
        marks = [mark for mark in marks if mark.at <= lasted]
        marks.append(Mark(lasted, "abort", f"{ending.end.value}: {ending.reason}" if ending.reason else ending.end.value))
    return tuple(sorted(marks, key=lambda mark: mark.at))


def _stages(profile: Profile) -> Iterator[Mark]:
    """Where each stage begins; none of a rate that is the same all through."""
    if profile.ramp is None and profile.constant:
        return
    begins = Fraction(0)
    for part in (profile.ramp, profile):
        if part is None:
            continue
        rate = part.start_rate
        for stage in part.stages:
            goes = show_rate(rate) if rate == stage.target else f"{show_rate(rate)} → {show_rate(stage.target)}"
            lasts = f" for {show_duration(stage.duration)}" if rate == stage.target else f" in {show_duration(stage.duration)}"
            yield Mark(float(begins), "stage", goes + (lasts if stage.duration else " at once"))
            begins += stage.duration
            rate = stage.target
