"""k6's scenarios as the load that a marker promises.

An arrival-rate executor is an open model, as ours is: it carries over exactly, with its VUs as ``max_in_flight`` and its way to drop what
finds none. An executor of VUs is a closed model: how often it iterates follows from how long an iteration takes, which is no promise about
load at all. With the seconds that one iteration takes it has a rate, N VUs / seconds, and only so is it carried over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import near_miss
from pytest_cio_load.k6.notation import k6_duration, k6_whole, our_duration, our_rate
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from pytest_cio_load.contract.marker import Problems
    from pytest_cio_load.k6.leftover import Leftovers

DEFAULT = "default"
"""k6's name for the scenario that the options without ``scenarios`` make."""

_ARRIVALS = ("constant-arrival-rate", "ramping-arrival-rate")
_USERS = ("constant-vus", "ramping-vus")
_FIXED = ("shared-iterations", "per-vu-iterations", "externally-controlled")
_LEFT = {
    "startTime": "tests run one after the other, each from its own start: order them in the file",
    "env": "k6's environment of a scenario: use a fixture, or parametrize the test",
    "tags": "metrics have no tags here: a metric belongs to its test",
    "options": "options of k6's browser",
    "gracefulRampDown": "there are no VUs that could be taken away: graceful_stop is what running iterations have",
}
_HIDDEN = ("env", "options")
"""They may hold keys and passwords."""

_OWN = {
    "constant-arrival-rate": ("rate", "timeUnit", "duration", "preAllocatedVUs", "maxVUs"),
    "ramping-arrival-rate": ("startRate", "timeUnit", "stages", "preAllocatedVUs", "maxVUs"),
    "constant-vus": ("vus", "duration"),
    "ramping-vus": ("startVUs", "stages"),
}
_EVERY = ("executor", "exec", "gracefulStop", *_LEFT)
INSTEAD = "promise a rate"
"""What is said of every scenario that cannot be carried over as it is."""

CLOSED = "a closed model"
_OPEN = f"{CLOSED}, whose rate follows from how long an iteration takes: {INSTEAD} instead"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario that carries over.

    Attributes:
        name: k6's.
        function: what it ran in the script; "default" unless said.
        keywords: the marker's, of the load alone.
    """

    name: str
    function: str
    keywords: Mapping[str, object]


def read_scenario(
    name: str, value: object, problems: Problems, left: Leftovers, *, iteration: Fraction | None = None, where: str = ""
) -> Scenario | None:
    """The scenario *name*; None when it does not carry over, which *left* or *problems* then say.

    Args:
        name: its name.
        value: what the options say of it.
        problems, left: where to note what is wrong, and what is left over.
        iteration: seconds that one iteration takes, which give a closed model its rate.
        where: its place in the options, when that is not ``scenarios[name]``.
    """
    where = where or f"scenarios[{name!r}]"
    if not isinstance(value, Mapping):
        problems.add(where, show_value(value), "an object with an 'executor'")
        return None
    stated = {key: item for key, item in value.items() if item is not None}
    executor = stated.get("executor")
    if executor in _FIXED:
        left.add(where, executor, f"a number of iterations, or none, is no rate: {INSTEAD} and a duration instead")
        return None
    if not isinstance(executor, str) or executor not in _OWN:
        known = (*_ARRIVALS, *_USERS, *_FIXED)
        problems.add(f"{where}.executor", show_value(executor), f"one of {', '.join(known)}", near_miss(str(executor), known))
        return None
    _rest(where, stated, executor, left)
    if executor in _USERS and iteration is None:
        left.add(where, executor, f"{_OPEN}; or say how long one iteration takes, and VUs become iterations per second")
        return None
    reader = _Reader(where, stated, problems)
    keywords = reader.arrivals(executor) if executor in _ARRIVALS else reader.users(executor, iteration or Fraction(1))
    if executor in _USERS:
        left.add(where, executor, f"{_OPEN}; carried over as VUs / {our_duration(iteration or Fraction(1))} iterations per second")
    function = stated.get("exec", DEFAULT)
    return Scenario(name, function if isinstance(function, str) else DEFAULT, keywords)


def _rest(where: str, stated: Mapping[str, Any], executor: str, left: Leftovers) -> None:
    for key, value in stated.items():
        if key in _LEFT:
            empty = value in ({}, [], "", "0s", 0)
            if not empty:
                left.add(f"{where}.{key}", value, _LEFT[key], hidden=key in _HIDDEN)
        elif key not in _EVERY and key not in _OWN[executor]:
            close = near_miss(str(key), (*_EVERY, *_OWN[executor]))
            left.add(f"{where}.{key}", value, f"no option of {executor}{'; ' + close if close else ''}", hidden=True)


class _Reader:
    """Reads one scenario's own options into the marker's keywords. What cannot be read is a problem, and reading goes on."""

    def __init__(self, where: str, stated: Mapping[str, Any], problems: Problems) -> None:
        self._where, self._stated, self._problems = where, stated, problems

    def arrivals(self, executor: str) -> dict[str, object]:
        """The marker's keywords for an executor of arrivals."""
        unit = self._time("timeUnit", Fraction(1), zero=False)
        if executor == "constant-arrival-rate":
            rate = self._number("rate", None, least=1)
            load: dict[str, object] = {"rate": our_rate(rate / unit), "duration": our_duration(self._time("duration", None, zero=False))}
        else:
            load = self._ramp(self._number("startRate", 0, least=0) / unit, 1 / unit)
        most = self._stated.get("maxVUs", self._stated.get("preAllocatedVUs"))
        if most is not None:
            which = "maxVUs" if "maxVUs" in self._stated else "preAllocatedVUs"
            load |= {"max_in_flight": int(self._number(which, None, least=1)), "on_saturation": "drop"}
        return load | self._ending()

    def users(self, executor: str, iteration: Fraction) -> dict[str, object]:
        """The marker's keywords for an executor of VUs that take *iteration* seconds for each turn."""
        if executor == "constant-vus":
            most = self._number("vus", 1, least=1)
            load: dict[str, object] = {
                "rate": our_rate(most / iteration),
                "duration": our_duration(self._time("duration", None, zero=False)),
            }
        else:
            start = self._number("startVUs", 1, least=0)
            load = self._ramp(start / iteration, 1 / iteration)
            most = max([start, *(stage[1] for stage in self._stages())])
        return load | {"max_in_flight": max(1, int(most))} | self._ending()

    def _ending(self) -> dict[str, object]:
        return {"graceful_stop": our_duration(self._time("gracefulStop", None))} if "gracefulStop" in self._stated else {}

    def _ramp(self, start: Fraction, scale: Fraction) -> dict[str, object]:
        stages = [(our_duration(length), our_rate(target * scale)) for length, target in self._stages()]
        if not stages:
            self._problems.add(f"{self._where}.stages", show_value(self._stated.get("stages")), "a list of at least one stage")
        return {"start_rate": our_rate(start), "stages": stages}

    def _stages(self) -> list[tuple[Fraction, Fraction]]:
        value = self._stated.get("stages")
        read = []
        for index, stage in enumerate(value if isinstance(value, list) else []):
            inner = stage if isinstance(stage, Mapping) else {}
            reader = _Reader(f"{self._where}.stages[{index}]", inner, self._problems)
            if not isinstance(stage, Mapping):
                self._problems.add(reader._where, show_value(stage), "an object such as {'duration': '30s', 'target': 50}")
                continue
            read.append((reader._time("duration", None), reader._number("target", None, least=0)))
        return read

    def _time(self, key: str, default: Fraction | None, *, zero: bool = True) -> Fraction:
        """Seconds; 1 where there is a problem, which ends the import anyway."""
        if key not in self._stated:
            return self._missing(key, "a duration such as '30s'") if default is None else default
        seconds = self._problems.read(f"{self._where}.{key}", self._stated[key], k6_duration)
        if seconds == 0 and not zero:
            self._problems.add(f"{self._where}.{key}", show_value(self._stated[key]), "a duration above 0")
        return seconds or Fraction(0 if seconds is not None and zero else 1)

    def _number(self, key: str, default: int | None, *, least: int) -> Fraction:
        if key not in self._stated:
            return self._missing(key, f"a whole number of at least {least}") if default is None else Fraction(default)
        number = self._problems.read(f"{self._where}.{key}", self._stated[key], partial(k6_whole, least=least))
        return Fraction(1 if number is None else number)

    def _missing(self, key: str, expected: str) -> Fraction:
        self._problems.add(f"{self._where} without {key}", "", expected, f"add '{key}'")
        return Fraction(1)
