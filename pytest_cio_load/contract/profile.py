"""The profile: how many iterations fall due per second, over time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from pytest_cio_load.errors import near_miss
from pytest_cio_load.units import UnitError, duration, rate, show_duration, show_rate, show_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cio_load.contract.marker import Problems

_PAIR = "a (duration, rate) pair such as ('30s', 50)"
_LIST = "a list of (duration, rate) pairs such as [('30s', 50), ('1m', 80)]"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the profile, over which the rate goes in a straight line to *target*.

    Attributes:
        duration: seconds; 0 is a step.
        target: iterations per second at its end.
    """

    duration: Fraction
    target: Fraction


@dataclass(frozen=True, slots=True)
class Profile:
    """The rate line of a run.

    Attributes:
        start_rate: iterations per second at the start.
        stages: at least one.
        constant: a constant rate, whose first iteration falls due at t = 0. A ramp's falls due when the area under the line
            reaches 1.
        ramp: what runs in front of it and is not measured; it takes its own time, and is no part of `area`. See `contract.ramp`.
    """

    start_rate: Fraction
    stages: tuple[Stage, ...]
    constant: bool
    ramp: Profile | None = None

    @classmethod
    def flat(cls, rate: Fraction, duration: Fraction) -> Profile:
        """The constant *rate* per second over *duration* seconds."""
        return cls(rate, (Stage(duration, rate),), constant=True)

    @property
    def duration(self) -> Fraction:
        """Seconds in all, those of a ramp in front included."""
        before = Fraction(0) if self.ramp is None else self.ramp.duration
        return sum((stage.duration for stage in self.stages), before)

    @property
    def first_rate(self) -> Fraction:
        """Iterations per second at the very start, after any steps that are taken there at once."""
        return next((begin for length, begin, _ in self._lines() if length), self.start_rate)

    @property
    def peak(self) -> Fraction:
        """The highest rate that is held for any time at all, per second."""
        return max((max(begin, end) for length, begin, end in self._lines() if length), default=Fraction(0))

    @property
    def area(self) -> Fraction:
        """Iterations under the rate line: how many are expected, fractions and all."""
        return sum((length * (begin + end) / 2 for length, begin, end in self._lines()), Fraction(0))

    def describe(self) -> str:
        """``80/s for 1m``, or ``10/s → 50/s in 30s → 80/s in 1m → 10/s in 30s``; ``80/s for 1m after 8/s → 80/s in 10s`` with a ramp."""
        after = "" if self.ramp is None else f" after {self.ramp.describe()}"
        if self.constant:
            return f"{show_rate(self.start_rate)} for {show_duration(self.stages[0].duration)}{after}"
        steps = (f" → {show_rate(s.target)} {'in ' + show_duration(s.duration) if s.duration else 'at once'}" for s in self.stages)
        return show_rate(self.start_rate) + "".join(steps) + after

    def _lines(self) -> Iterator[tuple[Fraction, Fraction, Fraction]]:
        begin = self.start_rate
        for stage in self.stages:
            yield stage.duration, begin, stage.target
            begin = stage.target


def read_profile(keywords: Mapping[str, object], problems: Problems) -> Profile | None:
    """The profile that ``rate`` and ``duration``, or ``start_rate`` and ``stages``, describe; None when problems were noted."""
    if "stages" in keywords:
        return _ramp(keywords, problems)
    if "start_rate" in keywords:
        got = f"{show_value(keywords['start_rate'])} without stages"
        problems.add("start_rate", got, "stages to go with it", "add stages=[('30s', 50)], or write rate=")
        problems.read("start_rate", keywords["start_rate"], rate)
        if "rate" not in keywords and "duration" not in keywords:
            return None
    return _constant(keywords, problems)


def _constant(keywords: Mapping[str, object], problems: Problems) -> Profile | None:
    stated = [keyword for keyword in ("rate", "duration") if keyword in keywords]
    if not stated:
        problems.add("cio_load without rate and without stages", "", "rate with duration, or stages", "add rate='80/s', duration='60s'")
        return None
    per_second = problems.read("rate", keywords["rate"], partial(rate, zero=False)) if "rate" in keywords else None
    seconds = problems.read("duration", keywords["duration"], partial(duration, zero=False)) if "duration" in keywords else None
    if len(stated) == 1:
        has, lacks, example = ("rate", "duration", "'60s'") if stated == ["rate"] else ("duration", "rate", "'80/s'")
        problems.add(has, f"{show_value(keywords[has])} without {lacks}", "both", f"add {lacks}={example}")
    if per_second is None or seconds is None:
        return None
    return Profile.flat(per_second, seconds)


def _ramp(keywords: Mapping[str, object], problems: Problems) -> Profile | None:
    stages = keywords["stages"]
    if "rate" in keywords:
        got = f"{show_value(keywords['rate'])} with stages={show_value(stages)}"
        problems.add("rate", got, "one of the two", "leave out rate (start_rate is where a ramp begins), or stages")
    if "duration" in keywords:
        got = f"{show_value(keywords['duration'])} with stages={show_value(stages)}"
        problems.add("duration", got, "none, because each stage has its own", "leave out duration")
    start = problems.read("start_rate", keywords.get("start_rate", 0), rate)
    read = _stages(stages, problems)
    if start is None or read is None:
        return None
    profile = Profile(start, read, constant=False)
    if not profile.duration:
        problems.add("stages", show_value(stages), "more than 0 s in all", "a stage of 0 s is a step; follow it with one that lasts")
        return None
    if not profile.area:
        problems.add(
            "stages", show_value(stages), "a rate above 0 for some of the time", "did you mean rates after the durations: ('30s', 50)?"
        )
        return None
    return profile


def _stages(value: object, problems: Problems) -> tuple[Stage, ...] | None:
    if not isinstance(value, list | tuple):
        hint = f"did you mean stages=[{show_value(value)}]?" if isinstance(value, dict) else ""
        problems.add("stages", show_value(value), _LIST, hint)
        return None
    if not value:
        problems.add("stages", show_value(value), "at least one (duration, rate) pair", "add one such as ('30s', 50)")
        return None
    if len(value) == 2 and not any(isinstance(item, list | tuple | dict) for item in value):
        problems.add("stages", show_value(value), _LIST, f"did you mean stages=[{show_value(value)}]?")
        return None
    read = [_stage(f"stages[{index}]", item, problems) for index, item in enumerate(value)]
    good = tuple(stage for stage in read if stage is not None)
    return good if len(good) == len(read) else None


def _stage(where: str, item: object, problems: Problems) -> Stage | None:
    if isinstance(item, dict):
        return _stage_object(where, item, problems)
    if not isinstance(item, list | tuple) or len(item) != 2:
        problems.add(where, show_value(item), _PAIR)
        return None
    first, second = item
    try:
        return Stage(duration(first), rate(second))
    except UnitError as error:
        swapped = _swapped(first, second)
        if swapped:
            problems.add(where, show_value(item), _PAIR, swapped)
        else:
            problems.add(where, show_value(item), f"{_PAIR}: {error.expected} instead of {error.got}", error.nearest)
        return None


def _swapped(first: object, second: object) -> str:
    try:
        rate(first), duration(second)
    except UnitError:
        return ""
    return f"the duration comes first: did you mean ({show_value(second)}, {show_value(first)})?"


def _stage_object(where: str, item: dict[object, object], problems: Problems) -> Stage | None:
    known = ("duration", "target")
    unknown = [key for key in item if key not in known]
    for key in unknown:
        problems.add(f"{where}[{key!r}]", show_value(item[key]), "'duration' or 'target'", near_miss(str(key), known))
    for key in known:
        if key not in item:
            problems.add(where, show_value(item), f"both 'duration' and 'target', but there is no {key!r}", f"add {key!r}")
    seconds = problems.read(f"{where}['duration']", item["duration"], duration) if "duration" in item else None
    target = problems.read(f"{where}['target']", item["target"], rate) if "target" in item else None
    return Stage(seconds, target) if seconds is not None and target is not None and not unknown else None
