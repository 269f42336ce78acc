"""How many iterations ran at once, at most, in each interval of a timeline: read from when each began and ended, known once it has.

Events are kept until nothing more can be expected to have begun before them, then counted in order of time and let go. An iteration that
outlasts all that is kept, because many thousands began after it, counts in every interval that it ran all through; the intervals that it
began and ended in are known by how many ran at their edges. So a peak is never too high, and exact unless that happens.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_KEPT = 4096


class InFlight:
    """Counts iterations that ran at once.

    Args:
        interval_of: the interval that a moment, in microseconds, lies in.
        begins: the moment at which an interval begins.
    """

    def __init__(self, interval_of: Callable[[int], int], begins: Callable[[int], int]) -> None:
        self._interval_of, self._begins = interval_of, begins
        self._began: list[int] = []
        self._ended: list[int] = []
        self._counted_to = 0
        self._running = 0
        self._peaks: dict[int, int] = {}
        self._through: Counter[int] = Counter()
        self._began_in: Counter[int] = Counter()
        self._ended_in: Counter[int] = Counter()

    def add(self, began: Sequence[int], ended: Sequence[int], began_in: Iterable[int], ended_in: Iterable[int]) -> None:
        """Iterations ended, at least one: when each began and ended, and in which intervals that was."""
        self._began_in.update(began_in)
        self._ended_in.update(ended_in)
        if min(began) < self._counted_to:
            late = [times for times in zip(began, ended, strict=True) if times[0] < self._counted_to]
            for start, end in late:
                self._add_late(start, end)
            rest = [times for times in zip(began, ended, strict=True) if times[0] >= self._counted_to]
            began, ended = [start for start, _ in rest], [end for _, end in rest]
        self._began.extend(began)
        self._ended.extend(ended)
        if len(self._began) >= 2 * _KEPT:
            self._began.sort()
            self._count(self._began[-_KEPT])

    def peaks(self, intervals: int) -> list[int]:
        """The most that ran at once in each of the first *intervals*. All that have ended are told; nothing more can be added."""
        self._count(None)
        found, through, running = [], 0, 0
        for interval in range(intervals):
            through += self._through[interval]
            at_begin = running
            running += self._began_in[interval] - self._ended_in[interval]
            counted = self._peaks.get(interval, 0) + through
            # What began and ended in one moment ran at no time between two, but it ran.
            found.append(max(counted, at_begin, running, min(1, self._began_in[interval])))
        return found

    def _add_late(self, start: int, end: int) -> None:
        """An iteration began before what has been counted already."""
        reached = self._interval_of(self._counted_to)
        first = self._interval_of(start)
        if start > self._begins(first):
            first += 1
        if end < self._counted_to:
            last = self._interval_of(end)
        else:
            last = reached
            self._running += 1
            self._ended.append(end)
            if first <= reached:
                self._peaks[reached] = self._peaks.get(reached, 0) + 1
        if first < last:
            self._through[first] += 1
            self._through[last] -= 1

    def _count(self, until: int | None) -> None:
        """Count what began and ended before *until*, or all."""
        self._ended.sort()
        self._began.sort()
        begun = len(self._began) if until is None else bisect_left(self._began, until)
        over = len(self._ended) if until is None else bisect_left(self._ended, until)
        # At one moment an end comes before a beginning: that of the iteration which got its slot.
        events = sorted([2 * moment + 1 for moment in self._began[:begun]] + [2 * moment for moment in self._ended[:over]])
        levels = list(accumulate((1 if event & 1 else -1 for event in events), initial=self._running))
        at = 0
        while at < len(events):
            interval = self._interval_of(events[at] >> 1)
            next_begins = 2 * self._begins(interval + 1)
            end = bisect_left(events, next_begins, at) if self._interval_of(next_begins >> 1) != interval else len(events)
            self._peaks[interval] = max(self._peaks.get(interval, 0), max(levels[at : end + 1]))
            at = end
        self._running = levels[-1]
        del self._began[:begun], self._ended[:over]
        if until is not None:
            self._counted_to = until
