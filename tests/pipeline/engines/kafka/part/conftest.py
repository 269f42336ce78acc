"""A world of one partition, for tests of what its owner may do: no brokers, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_cio_load.pipeline.engines.kafka.offsets import Offsets
from pytest_cio_load.pipeline.engines.kafka.part import Part
from pytest_cio_load.pipeline.engines.kafka.picks import Desk, Move, Place, Source
from pytest_cio_load.pipeline.engines.kafka.wire import Record


def record(offset: int, id: str, **more: Any) -> Record:
    """A job; its id says whose it is."""
    return Record(offset, id.partition("-")[0].encode(), id, "track", "{}", 0.0, **more)


@dataclass
class World:
    """Two topics of one partition, what was committed, and its owner; jobs are written and moved at once."""

    main: list[Record] = field(default_factory=list)
    retry: list[Record] = field(default_factory=list)
    dead: list[tuple[str, str]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.committed = ((0, ""), (0, ""))
        self.own()

    record = staticmethod(record)

    def put(self, *ids: str) -> None:
        """Store jobs."""
        self.main += [record(len(self.main) + step, id) for step, id in enumerate(ids)]

    def own(self) -> None:
        """Somebody else's from now on; the owner before was killed, if it has not left."""
        made = [Offsets(*mark, len(log)) for mark, log in zip(self.committed, (self.main, self.retry), strict=True)]
        self.part = Part(0, *made, Desk())
        self.read = {Source.MAIN: made[0].position, Source.RETRY: made[1].position}
        self.hand: list[Place] = []

    def look(self) -> None:
        """Read all there is."""
        for source, log in ((Source.MAIN, self.main), (Source.RETRY, self.retry)):
            for each in log[self.read[source] :]:
                self.part.read(source, each)
            self.read[source] = len(log)
            self.part.ended(source, len(log))

    def commit(self) -> None:
        """Commit."""
        marks = self.part.marks()
        self.part.keep(marks)
        self.committed = tuple((mark.position, mark.note) for mark in marks)

    def take(self, most: int = 100) -> list[str]:
        """Take what may be taken, after the commits that are asked for."""
        found: list[Place] = []
        for _ in range(3):
            self.look()
            picked = self.part.pick(most - len(found), self.now)
            found += picked.places
            self.move(picked.moves)
            if picked.commit:
                self.commit()
        self.hand += found
        return [place.record.id for place in found]

    def move(self, moves: list[Move]) -> None:
        """Write jobs to the other topics."""
        for move in moves:
            if move.reason is None:
                self.retry.append(
                    record(
                        len(self.retry), move.record.id, attempts=move.record.attempts, not_before=move.not_before, kills=move.record.kills
                    )
                )
                self.part.moved(move, len(self.retry) - 1)
            else:
                self.dead.append((move.record.id, move.reason))
                self.part.moved(move, len(self.dead) - 1)

    def of(self, id: str) -> Place:
        """The job, among those that were taken."""
        return next(place for place in self.hand if place.record.id == id and self.part.has(place))

    def of_any(self, id: str) -> Place:
        """The job, wherever it is on its way."""
        return next(place for place in self.hand if place.record.id == id)

    def done(self, *ids: str) -> None:
        """Jobs are sent."""
        for id in ids:
            self.sent.append(id)
            assert self.part.settle(self.of(id))

    def again(self, id: str, delay: float = 1.0, *, counts: bool = True) -> None:
        """A job is to be tried again."""
        self.move(self.part.park(self.of(id), self.now + delay, counts=counts))


@pytest.fixture
def world() -> World:
    """An empty one."""
    return World()


@pytest.fixture(scope="session")
def worlds() -> type[World]:
    """Makes empty ones."""
    return World
