"""What passes between the partitions of a queue on Kafka and their consumer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from pytest_cio_load.pipeline.engines.kafka.wire import Record

if TYPE_CHECKING:
    from pytest_cio_load.pipeline.engines.kafka.part import Part


class Source(Enum):
    """Which of a queue's topics a job was read from."""

    MAIN = "main"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A job that was taken: whence, and what it is. Told from others by identity: a job that is taken again has another."""

    part: Part
    source: Source
    record: Record = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """A job that is to be written to another topic, and is settled then: dead for *reason*, or parked until *not_before*."""

    part: Part
    source: Source
    record: Record = field(repr=False)
    reason: str | None
    not_before: float = 0.0


@dataclass(slots=True)
class Desk:
    """Shared by the partitions of a consumer. *suspect*: the one that is, or is about to be, under way."""

    suspect: tuple[Part, Source, int] | None = None


@dataclass(slots=True)
class Picked:
    """What may be taken now, what is to be moved, and whether more could be taken after a commit."""

    places: list[Place] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    commit: bool = False
