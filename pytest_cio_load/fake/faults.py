"""What goes wrong with the fake, and when, on iteration time: seconds since the run began.

Pure arithmetic: a fault says when an answer is ready, and never waits for it.
"""

from __future__ import annotations

from pytest_cio_load import units


class Faults:
    """The script of what goes wrong.

    ``Faults().at("20s").freeze("10s").at("1m").freeze("5s")``
    """

    def __init__(self) -> None:
        # Whole microseconds: in floats, a request due to finish just as a freeze begins would be frozen or not by a rounding error.
        # Replaced whole on every change, so that a reader in another thread sees either the old script or the new.
        self._frozen: tuple[tuple[int, int], ...] = ()

    def at(self, time: str | float) -> Moment:
        """The moment a fault begins.

        Args:
            time: since the run began; a number of seconds, or text such as "20s" or "1m30s".

        Raises:
            UnitError: no time, or a negative one.
        """
        return Moment(self, float(units.duration(time)))

    @property
    def frozen(self) -> tuple[tuple[float, float], ...]:
        """When the server is frozen: (from, until) in seconds since the run began, in order, not overlapping."""
        return tuple((start / 1e6, end / 1e6) for start, end in self._frozen)

    def finish(self, arrived: float, service: float) -> float:
        """When the answer to a request is ready.

        A frozen server makes no progress: what is in service when a freeze begins finishes what is left of it after the thaw, and what
        arrives during a freeze is served after it.

        Args:
            arrived: seconds since the run began.
            service: seconds of work the request takes.

        Returns:
            Seconds since the run began, a whole number of microseconds.
        """
        at, left = _micros(arrived), _micros(service)
        for start, end in self._frozen:
            if end <= at:
                continue
            if at < start:
                if at + left <= start:
                    break
                left -= start - at
            at = end
        return (at + left) / 1e6

    def add_freeze(self, start: float, length: float) -> None:
        """Freeze from *start* for *length*, both in seconds; freezes that touch become one."""
        merged: list[tuple[int, int]] = []
        for begin, end in sorted((*self._frozen, (_micros(start), _micros(start + length)))):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((begin, end))
        self._frozen = tuple(merged)


class Moment:
    """A moment of the run at which a fault begins. Each method adds one and gives the script back, to go on with."""

    def __init__(self, faults: Faults, time: float) -> None:
        self._faults = faults
        self._time = time

    def freeze(self, length: str | float) -> Faults:
        """The server accepts requests but makes no progress.

        Args:
            length: a number of seconds, or text such as "10s".

        Raises:
            UnitError: no duration, or none above 0.
        """
        self._faults.add_freeze(self._time, float(units.duration(length, zero=False)))
        return self._faults


def _micros(seconds: float) -> int:
    return round(seconds * 1e6)
