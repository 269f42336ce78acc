"""What every engine can do, and the values that pass between engines, producers and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import Protocol, TypeAlias

DEFAULT_QUEUE = "cio-events"
"""The name of a queue unless told otherwise. The original design's ``cio:events`` is refused by Node's BullMQ."""

SHARDS = 8
"""Parts of an ordered queue: each is worked on by one worker at a time."""

KILLS = 3
"""A job whose worker was killed so often while it was under way becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A job as an engine stores it.

    Attributes:
        id: a ULID, made when it was enqueued; a second parcel of the same id is not stored.
        name: the operation's name.
        data: JSON text; never shown.
        key: whom it is about: parcels of the same key stay in order; "" for nobody.
        delay: seconds until it may be taken. A delayed parcel gives up its place in the order.
        priority: 0 for none, else 1 (first) to 2,097,152 (last), as in BullMQ; it gives up its place in the order too.
        enqueued_at: unix seconds.
    """

    id: str
    name: str
    data: str = field(repr=False)
    key: str = field(default="", repr=False)
    delay: float = 0.0
    priority: int = 0
    enqueued_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A job that a worker has taken and not yet settled.

    Attributes:
        id: of the job.
        name: the operation's name, as its producer gave it.
        data: JSON text, as its producer gave it; never shown.
        attempts: tries that failed and counted.
        kills: how often its worker was killed while it was under way.
        enqueued_at: unix seconds.
        limit: tries that its producer asked for, or None for the worker's own rule.
        place: where it is, in the engine's own terms.
    """

    id: str
    name: str
    data: str = field(repr=False)
    attempts: int = 0
    kills: int = 0
    enqueued_at: float = 0.0
    limit: int | None = None
    place: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Done:
    """It was sent and accepted. *latency*: seconds since it was enqueued."""

    delivery: Delivery
    latency: float


@dataclass(frozen=True, slots=True)
class Again:
    """A try failed, counts, and is to be repeated after *delay* seconds. Only for engines that put retries aside.

    With *delay* 0.0 and *reason* "": it was not tried and nothing counts; it follows the one given before it, of the same person.
    """

    delivery: Delivery
    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """It is given up: a dead letter, for *reason*. *attempts*: tries made."""

    delivery: Delivery
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Back:
    """It was not tried, and goes back to where it was taken from; nothing counts."""

    delivery: Delivery


Settlement: TypeAlias = Done | Again | Dead | Back


class State(Enum):
    """Where a job is. Values are BullMQ's words, which the metric ``cio_queue_depth{queue,state}`` uses."""

    WAITING = "waiting"
    PRIORITIZED = "prioritized"
    DELAYED = "delayed"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Totals:
    """What has become of jobs since the queue began, over all workers.

    Attributes:
        enqueued: stored by producers of ours.
        done: sent and accepted.
        retried: tries that failed, counted, and were or will be repeated.
        redelivered: taken again because their worker was killed or lost its hold.
        dead: given up.
        latency: µs between enqueued and accepted, to 3 significant digits → how many jobs.
    """

    enqueued: int = 0
    done: int = 0
    retried: int = 0
    redelivered: int = 0
    dead: int = 0
    latency: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that was given up.

    Attributes:
        id: of the job.
        name: the operation's name.
        reason: why; safe to log.
        attempts: tries made.
        failed_at: unix seconds.
        enqueued_at: unix seconds.
        data: JSON text; never shown.
        place: where it is, in the engine's own terms.
    """

    id: str
    name: str
    reason: str
    attempts: int
    failed_at: float
    enqueued_at: float
    data: str = field(repr=False)
    place: object = field(default=None, repr=False, compare=False)


class Consumer(Protocol):
    """A worker's hold on a queue."""

    repeats_in_place: bool
    """True: a job that is to be repeated stays with the worker, so that what follows it keeps its place; Again is not used."""

    parks: bool
    """True: a job that was repeated in place some times is put aside with Again; with it, in order, the same people's jobs behind it."""

    async def start(self) -> None:
        """Connect and join. Raises QueueUnavailable."""

    async def take(self, most: int, wait: float) -> list[Delivery]:
        """Take up to *most* jobs, those of a person in order; wait up to *wait* seconds for the first one. Nothing is lost by cancelling.

        Raises QueueUnavailable while the queue cannot be reached; asking again is how to wait for it.
        """

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Settle jobs. Those that are no longer ours are passed over: whoever has them settles them.

        Raises QueueUnavailable; the same settlements may be given again.
        """

    async def note_failure(self, delivery: Delivery, attempts: int, reason: str) -> None:
        """Remember that a try failed and counted, for engines that repeat in place."""

    def holds(self, delivery: Delivery) -> bool:
        """Whether the job is still ours to send, as far as can be known without asking."""

    async def close(self) -> None:
        """Leave. What was taken and not settled goes back, in order."""


class Engine(Protocol):
    """Keeps jobs until they are settled."""

    name: str
    """Of the queue."""

    clock_is_ours: bool
    """True when the engine runs on this process's loop, and so in virtual time too."""

    async def put(self, parcels: Sequence[Parcel]) -> None:
        """Store jobs, in order. Storing one again that is there, or was lately, changes nothing.

        Raises QueueUnavailable, QueueFull or QueueReadOnly; then any part of them may have been stored, and they may be given again.
        """

    def consumer(self, worker: str) -> Consumer:
        """A hold for one worker. *worker*: a name that no other one has."""

    async def depth(self) -> dict[State, int]:
        """Jobs by state, over all parts of the queue."""

    async def age(self) -> float:
        """Seconds since the oldest job that waits was enqueued; 0.0 when none does."""

    async def totals(self) -> Totals:
        """What has become of jobs so far."""

    async def dead_letters(self, start: int = 0, most: int = 100) -> list[DeadLetter]:
        """Dead letters, the oldest first."""

    async def replay(self, letters: Sequence[DeadLetter]) -> int:
        """Put dead letters back to be tried from the beginning; how many were still there."""

    async def discard(self, letters: Sequence[DeadLetter]) -> int:
        """Delete dead letters; how many were still there."""

    async def aclose(self) -> None:
        """Let go of every connection, and stop a server that we started."""


def check_queue_name(name: str) -> str:
    """*name*, when Node's BullMQ takes it too. Raises ValueError."""
    if not name or not name.isprintable() or any(letter.isspace() for letter in name):
        raise ValueError(f"queue: got {name!r}; expected a name without spaces; try {DEFAULT_QUEUE!r}")
    if ":" in name:
        nearest = name.replace(":", "-").strip("-") or DEFAULT_QUEUE
        raise ValueError(f"queue: got {name!r}; expected a name without a colon, which BullMQ on Node refuses; try {nearest!r}")
    return name


def shard_of(key: str, shards: int) -> int:
    """Which of *shards* parts a person's jobs belong to: the first four bytes of SHA-256 of the UTF-8 key, as a number, modulo *shards*.

    It is part of the wire: producers in any language must compute the same.
    """
    return int.from_bytes(sha256(key.encode()).digest()[:4], "big") % shards


def to_3_digits(seconds: float) -> int:
    """Whole microseconds, rounded to 3 significant digits: the precision of a histogram."""
    micros = max(0, round(seconds * 1e6))
    unit: int = 10 ** max(0, len(str(micros)) - 3)
    return round(micros / unit) * unit


def killed(times: int) -> str:
    """What a dead letter says of a job that kills workers."""
    return f"its worker was killed {times} times while it was under way; expected an answer; look at what the job makes the worker do"
