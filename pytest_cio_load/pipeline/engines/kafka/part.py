"""One partition of a queue on Kafka as its owner sees it: the jobs of the main topic and those of the retry topic, and which may be taken.

Nothing here waits or sends. The rules:

* Jobs of the main topic are taken in order. While a job of a key is parked, later ones of that key are moved behind it.
* Nothing of the main topic is taken before everything that was in the retry topic has been read: who is parked is known only then.
* Nothing is taken that no commit speaks of yet, so that a killed owner's jobs can be charged with it.
* Of the suspects of all partitions of a consumer, one at a time is taken.
* A job whose workers were killed too often is buried.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from pytest_cio_load.pipeline.engines.engine import KILLS, killed
from pytest_cio_load.pipeline.engines.kafka.offsets import Mark, Offsets
from pytest_cio_load.pipeline.engines.kafka.parked import Parking
from pytest_cio_load.pipeline.engines.kafka.picks import Desk, Move, Picked, Place, Source
from pytest_cio_load.pipeline.engines.kafka.wire import Record, tried


class Part:
    """One partition.

    Args:
        number: of the partition.
        main: offsets of the main topic.
        retry: offsets of the retry topic.
        desk: shared with the consumer's other partitions.
    """

    def __init__(self, number: int, main: Offsets, retry: Offsets, desk: Desk) -> None:
        self.number = number
        self.offsets = {Source.MAIN: main, Source.RETRY: retry}
        self.gone = self.leaving = self.whole = self.paused = False
        self.committed: tuple[Mark, Mark] | None = None
        self._desk = desk
        self._waiting: deque[Record] = deque()
        self._parked: dict[int, Record] = {}
        self._parking = Parking()
        self._under_way: dict[tuple[Source, int], Place] = {}
        self._moving: set[tuple[Source, int]] = set()

    def __repr__(self) -> str:
        return f"Part({self.number})"

    @property
    def under_way(self) -> int:
        """Jobs taken and not settled."""
        return len(self._under_way)

    @property
    def moving(self) -> int:
        """Jobs that are being written to another topic."""
        return len(self._moving)

    def active(self, source: Source) -> int:
        """Jobs of one topic taken and not settled."""
        return sum(1 for each, _ in self._under_way if each is source)

    @property
    def waiting(self) -> int:
        """Jobs of the main topic that were read and may be taken."""
        return len(self._waiting)

    @property
    def oldest(self) -> float | None:
        """When the first of them was enqueued, in unix seconds."""
        return self._waiting[0].enqueued_at if self._waiting else None

    def read(self, source: Source, record: Record) -> None:
        """A message was read."""
        offsets = self.offsets[source]
        fresh = offsets.read(record.offset)
        if source is Source.MAIN:
            if fresh:
                self._waiting.append(record)
        elif fresh:
            self._parked[record.offset] = record
            delayed = record.delayed and not offsets.tries(record.offset)
            self._parking.read(record.offset, record.lane, record.not_before, delayed=delayed)
        else:
            self._parking.passed(record.offset)

    def ended(self, source: Source, offset: int) -> None:
        """Everything before *offset* has been read, and there is no more for now."""
        self.offsets[source].ended(offset)
        if source is Source.RETRY:
            self.whole = True

    def due(self) -> float | None:
        """When the next job of the retry topic may be taken, in unix seconds."""
        return self._parking.due()

    def pick(self, most: int, now: float) -> Picked:
        """Take up to *most* jobs. *now*: unix seconds."""
        picked = Picked()
        if not self.gone and not self.leaving:
            self._pick_parked(picked, most, now)
            if self.whole:
                self._pick_waiting(picked, most)
        return picked

    def _pick_parked(self, picked: Picked, most: int, now: float) -> None:
        offsets = self.offsets[Source.RETRY]
        aside: list[int] = []
        while len(picked.places) < most:
            offset = self._parking.ready(now)
            if offset is None:
                break
            self._parking.take(offset)
            record = self._parked[offset]
            if self._is_poison(picked, Source.RETRY, record):
                continue
            if (offset == offsets.position or offsets.roomy) and self._may_take(picked, Source.RETRY, offset):
                self._take(picked, Source.RETRY, record)
            else:
                aside.append(offset)
        for offset in aside:
            self._parking.give_back(offset)

    def _pick_waiting(self, picked: Picked, most: int) -> None:
        while self._waiting and len(picked.places) < most:
            record = self._waiting[0]
            if self._parking.holds(record.lane):
                if self._parking.full:
                    return
                picked.moves.append(self._move(Source.MAIN, record, None, 0.0))
            elif not self._is_poison(picked, Source.MAIN, record):
                if not self._may_take(picked, Source.MAIN, record.offset):
                    return
                self._take(picked, Source.MAIN, record)
            self._waiting.popleft()

    def _is_poison(self, picked: Picked, source: Source, record: Record) -> bool:
        kills = record.kills + self.offsets[source].kills(record.offset)
        if kills < KILLS:
            return False
        picked.moves.append(self._move(source, record, killed(kills), 0.0))
        return True

    def _may_take(self, picked: Picked, source: Source, offset: int) -> bool:
        offsets = self.offsets[source]
        if offsets.may_take(offset):
            return True
        if offsets.kills(offset):
            mine = (self, source, offset)
            if self._desk.suspect not in (None, mine):
                return False
            self._desk.suspect = mine
        offsets.want(offset)
        picked.commit = True
        return False

    def _take(self, picked: Picked, source: Source, record: Record) -> None:
        place = Place(self, source, record)
        self.offsets[source].take(record.offset)
        self._under_way[source, record.offset] = place
        picked.places.append(place)

    def _move(self, source: Source, record: Record, reason: str | None, not_before: float, attempts: int = 0) -> Move:
        mark = (source, record.offset)
        self._moving.add(mark)
        if reason is None:
            self._parking.moving(record.lane, mark)
        offsets = self.offsets[source]
        now_tried = max(attempts, record.attempts, offsets.tries(record.offset))
        kills = record.kills + offsets.kills(record.offset)
        return Move(self, source, tried(record, now_tried, kills), reason, not_before)

    def has(self, place: Place) -> bool:
        """Whether a job that was taken is still ours."""
        return not self.gone and not self.leaving and self._is_open(place)

    def _is_open(self, place: Place) -> bool:
        mark = (place.source, place.record.offset)
        return self._under_way.get(mark) is place and mark not in self._moving

    def settle(self, place: Place) -> bool:
        """The job is settled; False when it was not ours any more. What is being sent while the partition is handed over still counts."""
        if self.gone or not self._is_open(place):
            return False
        self._settle(place.source, place.record.offset)
        return True

    def _settle(self, source: Source, offset: int) -> None:
        self._under_way.pop((source, offset), None)
        self._free(source, offset)
        self.offsets[source].settle(offset)
        if source is Source.RETRY:
            self._parked.pop(offset, None)
            self._parking.settle(offset)

    def _free(self, source: Source, offset: int) -> None:
        if self._desk.suspect == (self, source, offset):
            self._desk.suspect = None

    def failed(self, place: Place, attempts: int) -> bool:
        """A try at the job failed and counts."""
        if self.gone or not self._is_open(place):
            return False
        self.offsets[place.source].failed(place.record.offset, attempts)
        return True

    def behind(self, place: Place) -> list[Place]:
        """A job of the main topic and what is under way of its key behind it, in order; a job of the retry topic is alone."""
        if place.source is Source.RETRY:
            return [place]
        offset, lane = place.record.offset, place.record.lane
        found = [
            each
            for (source, other), each in self._under_way.items()
            if source is Source.MAIN and other >= offset and each.record.lane == lane and self._is_open(each)
        ]
        return sorted(found, key=lambda each: each.record.offset)

    def give_back(self, places: list[Place]) -> None:
        """Jobs were not tried: they go back to where they were."""
        back: list[Record] = []
        for place in places:
            if self.gone or not self._is_open(place):
                continue
            offset = place.record.offset
            del self._under_way[place.source, offset]
            self._free(place.source, offset)
            self.offsets[place.source].give_back(offset)
            if place.source is Source.RETRY:
                self._parking.give_back(offset)
            else:
                back.append(place.record)
        if back:
            self._waiting = deque(sorted([*back, *self._waiting], key=lambda record: record.offset))

    def bury(self, place: Place, reason: str, attempts: int) -> Move | None:
        """The job is given up; None when it was not ours any more."""
        if self.gone or not self._is_open(place):
            return None
        return self._move(place.source, place.record, reason, 0.0, attempts)

    def park(self, place: Place, not_before: float, *, counts: bool) -> list[Move]:
        """The job is to be tried again, when it is due: what is to be moved. *counts*: it was tried, and the try counts.

        A job of the retry topic stays where it is. One of the main topic is moved, and with it everything of its key that is behind it. One
        that only follows another stays where it is, too, when that one was not moved: it was given out anew in between.
        """
        if self.gone or not self._is_open(place):
            return []
        lane, offset, offsets = place.record.lane, place.record.offset, self.offsets[place.source]
        attempts = max(place.record.attempts, offsets.tries(offset)) + counts
        if place.source is Source.RETRY:
            del self._under_way[place.source, offset]
            self._free(place.source, offset)
            offsets.give_back(offset)
            if counts:
                offsets.failed(offset, attempts)
            self._parking.again(offset, not_before)
            return []
        first, *others = self.behind(place)
        if not counts and not self._parking.holds(lane):
            self.give_back([first, *others])
            return []
        moves = [self._move(Source.MAIN, first.record, None, not_before, attempts)]
        return moves + [self._move(Source.MAIN, each.record, None, 0.0) for each in others]

    def condemn(self, move: Move, reason: str) -> Move:
        """What no retry topic takes is given up."""
        self._parking.stays(move.record.lane, (move.source, move.record.offset))
        return replace(move, reason=reason)

    def moved(self, move: Move, offset: int) -> None:
        """A job was written to *offset* of the other topic."""
        mark = (move.source, move.record.offset)
        self._moving.discard(mark)
        if move.reason is None:
            self._parking.moved(move.record.lane, mark, offset)
        self._settle(*mark)

    def marks(self, *, leaving: bool = False) -> tuple[Mark, Mark]:
        """What to commit for the main and the retry topic: always together, so that nothing of a key is redone after what followed it."""
        return self.offsets[Source.MAIN].mark(leaving=leaving), self.offsets[Source.RETRY].mark(leaving=leaving)

    def review(self) -> None:
        """Once a second: see how many jobs ahead the next commit should speak of."""
        for offsets in self.offsets.values():
            offsets.review()

    def keep(self, marks: tuple[Mark, Mark]) -> None:
        """*marks* have been committed."""
        self.committed = marks
        for offsets, mark in zip(self.offsets.values(), marks, strict=True):
            offsets.committed(mark)

    def leave(self) -> None:
        """The partition is somebody else's from now on."""
        self.gone = True
        if self._desk.suspect is not None and self._desk.suspect[0] is self:
            self._desk.suspect = None
