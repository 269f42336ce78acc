"""Which lines have an outcome, and where to begin again. Nothing here reads or writes; what is held is what is under way.

Everything up to the last line that was handed out has an outcome, except the open ones: a few batches' worth, whatever the file's length.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_cio_load.pipeline.sending.sources import Line

Ranges = tuple[tuple[int, int], ...]
"""First and last number of each run of lines, in order."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file has come.

    Attributes:
        number, offset: the line to begin again at: no line before it is without an outcome.
        last: the highest number handed out.
        open: lines up to *last* without an outcome.
    """

    number: int = 1
    offset: int = 0
    last: int = 0
    open: Ranges = ()


class Tracker:
    """Follows the lines of one run.

    Args:
        place: where the run before this one was broken off.
    """

    def __init__(self, place: Place | None = None) -> None:
        self._begun = place or Place()
        self._firsts = [first for first, _ in self._begun.open]
        self._here = self._begun.number, self._begun.offset
        self._seen = self._begun.number - 1
        self._held: dict[int, Line] = {}

    def __len__(self) -> int:
        """Lines under way."""
        return len(self._held)

    def look(self, line: Line) -> bool:
        """Note that the reading has come to *line*; whether it is still without an outcome. It has one unless it is held next."""
        self._here, self._seen = (line.number, line.offset), line.number
        return line.number > self._begun.last or self._was_open(line.number)

    def hold(self, key: int, line: Line) -> None:
        """*line* is under way, and known by *key*."""
        self._held[key] = line

    def settle(self, key: int) -> Line:
        """It has its outcome."""
        return self._held.pop(key)

    def place(self) -> Place:
        """How far it has come."""
        number, offset = self._here
        if self._held:
            number, offset, _ = next(iter(self._held.values()))
        ahead = ((max(first, self._seen + 1), last) for first, last in self._begun.open if last > self._seen)
        under_way = ranges(line.number for line in self._held.values())
        return Place(number, offset, max(self._begun.last, self._seen), (*under_way, *ahead))

    def _was_open(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._begun.open[place][1]


def ranges(numbers: Iterable[int]) -> Ranges:
    """Ascending numbers, as runs of consecutive ones."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return tuple(found)
