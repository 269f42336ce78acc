"""Python's garbage collector, kept out of a run's way, and what it cost the run all the same.

What is alive when a run begins, pytest and every library, outlives it: it is frozen, so that no collection looks at it again. That makes
a full collection take as long as what the run itself holds, not the tenth of a second of a large test suite. Young objects are collected
where there is a gap until the next iteration; a run without gaps collects when so many more objects were made than went.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_cio_load.load.clock import real_nanoseconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

BUDGET = 10_000
"""Objects more than at the last collection, at which there is one whatever goes on: half a millisecond's work. Python's own number is 700
to 2,000, so that memory in cycles is a few times as much, and no more."""
PYTHONS_OWN = 1_000
"""Frozen objects that are nobody's doing: Python 3.12 begins with some hundreds. Whoever freezes a process of tests has many more."""
WORTHWHILE = 1_000
"""Objects more than at the last collection, for which a gap is used."""
GAP = 5_000
"""Microseconds to the next iteration that are worth using."""
SETTLING = 1_000
"""Microseconds after which what began in this moment has done its first work."""
SPARE = 4
"""A gap is so many times as long as the longest collection seen."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """What garbage collections took of a run, in microseconds of real time.

    Attributes:
        count: how many came upon the run as it went.
        total, longest: how long everything stood still for them, in all and at most.
        in_gaps: how many more were done where no iteration was due.
    """

    count: int = 0
    total: int = 0
    longest: int = 0
    in_gaps: int = 0


NO_PAUSES = Pauses()


def generation_for(counts: Sequence[int], gap: int, took: Sequence[int]) -> int | None:
    """Which generation to collect in a gap, or None.

    Args:
        counts: as ``gc.get_count()`` has them: objects more than at the last collection; collections of each generation since one of the
            next.
        gap: microseconds until the next iteration is due.
        took: microseconds that the longest collection of each generation took so far.
    """
    if counts[0] < WORTHWHILE:
        return None
    wanted = 2 if counts[2] >= 10 else 1 if counts[1] >= 10 else 0
    return next((each for each in range(wanted, -1, -1) if took[each] * SPARE < gap), None)


class Collector:
    """The garbage collector during one run; a context manager that leaves it as it was.

    One that somebody has switched off stays off, and what somebody else has frozen stays frozen.

    Args:
        at_once: collect before the run, for one whose clock would feel it if it came later.
    """

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once
        self._began = 0
        self._in_gap = False
        self._count = self._total = self._longest = self._in_gaps = 0
        self._took = [0, 0, 0]
        self.acts = False

    @property
    def pauses(self) -> Pauses:
        """What it took so far."""
        return Pauses(self._count, self._total // 1_000, self._longest // 1_000, self._in_gaps)

    def __enter__(self) -> Collector:
        self._thresholds = gc.get_threshold()
        self.acts = gc.isenabled() and self._thresholds[0] > 0
        self._freezes = self.acts and gc.get_freeze_count() < PYTHONS_OWN
        if self.acts and self._at_once:
            gc.collect()
        if self._freezes:
            gc.freeze()
        if self.acts:
            gc.set_threshold(max(BUDGET, self._thresholds[0]), *self._thresholds[1:])
        gc.callbacks.append(self._told)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._told in gc.callbacks:
            gc.callbacks.remove(self._told)
        if self.acts:
            gc.set_threshold(*self._thresholds)
        if self._freezes:
            gc.unfreeze()

    @property
    def wants_gap(self) -> bool:
        """Whether there is enough to collect that a gap should be used for it."""
        return self.acts and gc.get_count()[0] >= WORTHWHILE

    def use(self, gap: int) -> None:
        """Nothing is due for *gap* microseconds: collect, if that takes less."""
        generation = generation_for(gc.get_count(), gap, self._took) if self.acts else None
        if generation is not None:
            self._in_gap = True
            try:
                gc.collect(generation)
            finally:
                self._in_gap = False

    def _told(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._began = real_nanoseconds()
            return
        took = real_nanoseconds() - self._began
        self._took[info["generation"]] = max(self._took[info["generation"]], took // 1_000)
        if self._in_gap:
            self._in_gaps += 1
            return
        self._count += 1
        self._total += took
        self._longest = max(self._longest, took)
