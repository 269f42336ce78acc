"""The jobs of a retry topic's partition: whose turn it is, and which people's jobs must go behind them. Nothing here waits or sends.

A job is there for one of two reasons. It was *parked*: a worker gave up repeating it in place; as long as a job of somebody is parked,
every later job of the same key goes behind it. Or its producer *delayed* it: it has given up its place in the order, and takes its place
among the key's jobs when it is due.

Parked jobs of a key take turns in the order of their offsets, one at a time, however often each is repeated.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass
from heapq import heappop, heappush

MOST_PARKED = 10_000
"""Jobs of one partition that are parked before no more are put behind them."""


@dataclass(slots=True, eq=False)
class _Parked:
    key: str
    due: float
    chained: bool
    taken: bool = False


class Parking:
    """One partition of a retry topic. Times are unix seconds."""

    def __init__(self) -> None:
        self._jobs: dict[int, _Parked] = {}
        self._chains: dict[str, deque[int]] = {}
        self._heap: list[tuple[float, int]] = []
        self._moving: dict[str, set[Hashable]] = {}
        self._written: dict[int, str] = {}
        self._unread: Counter[str] = Counter()
        self._seen = -1

    def __len__(self) -> int:
        return len(self._jobs) + len(self._written)

    @property
    def full(self) -> bool:
        """Whether no more should be put behind what is parked."""
        return len(self) >= MOST_PARKED

    def holds(self, key: str) -> bool:
        """Whether a job of *key* is parked, or on its way there: a later one must go behind it."""
        return key in self._chains or key in self._moving or key in self._unread

    def moving(self, key: str, mark: Hashable) -> None:
        """A job of *key* is to be parked; *mark* tells it from others."""
        self._moving.setdefault(key, set()).add(mark)

    def moved(self, key: str, mark: Hashable, offset: int) -> None:
        """It has been written to *offset*, whence it will be read."""
        self.stays(key, mark)
        if offset > self._seen:
            self._written[offset] = key
            self._unread[key] += 1

    def stays(self, key: str, mark: Hashable) -> None:
        """It is not on its way any more."""
        marks = self._moving.get(key, set())
        marks.discard(mark)
        if not marks:
            self._moving.pop(key, None)

    def read(self, offset: int, key: str, due: float, *, delayed: bool) -> None:
        """A job of *key* was read, which may be taken when it is *due*. *delayed*: by its producer; else it was parked."""
        self.passed(offset)
        self._jobs[offset] = _Parked(key, due, chained=not delayed)
        if delayed:
            heappush(self._heap, (due, offset))
        else:
            self._chain(offset)

    def passed(self, offset: int) -> None:
        """The message at *offset* was read, whatever it is."""
        self._seen = max(self._seen, offset)
        key = self._written.pop(offset, None)
        if key is not None:
            self._unread[key] -= 1
            if not self._unread[key]:
                del self._unread[key]

    def _chain(self, offset: int) -> bool:
        """Put it behind the others of its key; whether it is first."""
        job = self._jobs[offset]
        job.chained = True
        chain = self._chains.setdefault(job.key, deque())
        chain.append(offset)
        if chain[0] == offset:
            heappush(self._heap, (job.due, offset))
            return True
        return False

    def ready(self, now: float) -> int | None:
        """The job whose turn it is, or None; it stays until it is taken, or set aside with :meth:`later`."""
        while self._heap:
            due, offset = self._heap[0]
            job = self._jobs.get(offset)
            if job is None or job.taken or job.due != due or (job.chained and self._chains[job.key][0] != offset):
                heappop(self._heap)
            elif due > now:
                return None
            elif job.chained:
                return offset
            else:
                heappop(self._heap)
                self._chain(offset)
        return None

    def due(self) -> float | None:
        """When the next turn is; it may be past. None for never."""
        self.ready(float("-inf"))
        return self._heap[0][0] if self._heap else None

    def take(self, offset: int) -> None:
        """It is under way."""
        self._jobs[offset].taken = True

    def give_back(self, offset: int) -> None:
        """It is not under way any more; it keeps its turn."""
        self.again(offset, self._jobs[offset].due)

    def again(self, offset: int, due: float) -> None:
        """It is to be repeated when it is *due*, before the others of its key."""
        job = self._jobs[offset]
        job.taken, job.due = False, due
        heappush(self._heap, (due, offset))

    def settle(self, offset: int) -> None:
        """It is settled: the next one of its key has its turn."""
        job = self._jobs.pop(offset, None)
        if job is None or not job.chained:
            return
        chain = self._chains[job.key]
        chain.remove(offset)
        if not chain:
            del self._chains[job.key]
        else:
            heappush(self._heap, (self._jobs[chain[0]].due, chain[0]))
