"""A job as a Kafka message: its key, its headers, and what is read of messages that somebody else wrote.

The key is the person's (the job's id for nobody), so that every producer with Kafka's usual partitioner (murmur2) sends a person's jobs
to one partition. The value is the job's JSON. Headers, each of them text:

    name · id · enqueued-at (unix ms) · attempts · kills
    kind (``parked`` or ``delayed``) · not-before (unix ms)      in the retry topic
    reason · failed-at (unix ms) · key                           in the dead-letter topic, whose own key is the job's id
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_cio_load.pipeline.engines.engine import DeadLetter, Delivery, Parcel

if TYPE_CHECKING:
    from confluent_kafka import Message

Headers = list[tuple[str, str | bytes | None]]

REASON = 1_000
"""Bytes of a reason that a dead letter keeps."""

_FRAME = 200
_MORE = 1_500
"""Bytes for what is added when a job is parked or given up, its key left out."""


def retry_of(name: str) -> str:
    """The retry topic's name."""
    return f"{name}.retry"


def dead_of(name: str) -> str:
    """The dead-letter topic's name."""
    return f"{name}.dead"


@dataclass(frozen=True, slots=True)
class Record:
    """A job where it is in a topic.

    Attributes:
        offset: in its partition.
        key: the message's.
        id: of the job.
        name: the operation's name; "" when its producer gave none.
        data: JSON text; never shown.
        enqueued_at: unix seconds.
        attempts: tries that failed and counted before it was written here.
        kills: how often its worker had been killed before it was written here.
        not_before: unix seconds; 0.0 for at once.
        delayed: put off by its producer; else it was parked, or has never been put off.
    """

    offset: int
    key: bytes = field(repr=False)
    id: str
    name: str
    data: str = field(repr=False)
    enqueued_at: float
    attempts: int = 0
    kills: int = 0
    not_before: float = 0.0
    delayed: bool = False

    @property
    def lane(self) -> str:
        """The key, as text."""
        return self.key.decode(errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be written. *value*: None for a tombstone. *partition*: None for the one of its key."""

    topic: str
    key: bytes = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Headers = field(default_factory=list, repr=False)
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class Grave:
    """Where a dead letter is: *partition*, *offset*, and the *key* that it had when it lived."""

    partition: int
    offset: int
    key: bytes = field(repr=False)


def outgoing(topic: str, parcel: Parcel, now: float) -> Outgoing:
    """*parcel* as a message. *now*: unix seconds."""
    headers: Headers = [("name", parcel.name), ("id", parcel.id), ("enqueued-at", _ms(parcel.enqueued_at))]
    if parcel.delay > 0:
        headers += [("kind", "delayed"), ("not-before", _ms(now + parcel.delay))]
    return Outgoing(topic, (parcel.key or parcel.id).encode(), parcel.data.encode(), headers)


def parked(topic: str, partition: int, record: Record, not_before: float) -> Outgoing:
    """*record* as a message of the retry topic."""
    headers = [*_headers(record), ("kind", "parked"), ("not-before", _ms(not_before))]
    return Outgoing(topic, record.key, record.data.encode(errors="surrogateescape"), headers, partition)


def buried(topic: str, record: Record, reason: str, now: float) -> Outgoing:
    """*record* as a message of the dead-letter topic. *now*: unix seconds."""
    headers = [*_headers(record), ("reason", cut(reason, REASON)), ("failed-at", _ms(now)), ("key", record.key)]
    return Outgoing(topic, record.id.encode(), record.data.encode(errors="surrogateescape"), headers)


def replayed(topic: str, letter: DeadLetter, grave: Grave) -> Outgoing:
    """A dead letter as a job that was never tried."""
    record = Record(grave.offset, grave.key, letter.id, letter.name, letter.data, letter.enqueued_at)
    return Outgoing(topic, grave.key, letter.data.encode(errors="surrogateescape"), _headers(record))


def tombstone(topic: str, id: str) -> Outgoing:
    """Says that the dead letter *id* is gone."""
    return Outgoing(topic, id.encode(), None)


def record_of(message: Message) -> Record:
    """What is read of a message of the main or the retry topic; what its producer left out is filled in."""
    headers = dict(message.headers() or ())
    offset, partition = message.offset() or 0, message.partition()
    id = _text(headers.get("id")) or f"{message.topic()}-{partition}-{offset}"
    return Record(
        offset,
        _bytes(message.key()) or id.encode(),
        id,
        _text(headers.get("name")),
        _text(message.value()),
        _seconds(headers, "enqueued-at") or max(0, message.timestamp()[1]) / 1000,
        _count(headers, "attempts"),
        _count(headers, "kills"),
        _seconds(headers, "not-before"),
        _text(headers.get("kind")) != "parked",
    )


def letter_of(message: Message) -> DeadLetter:
    """The dead letter in a message of the dead-letter topic that is no tombstone."""
    record, headers = record_of(message), dict(message.headers() or ())
    grave = Grave(message.partition() or 0, record.offset, _bytes(headers.get("key")) or record.key)
    id = key_of(message) or record.id
    failed_at = _seconds(headers, "failed-at") or max(0, message.timestamp()[1]) / 1000
    return DeadLetter(id, record.name, _text(headers.get("reason")), record.attempts, failed_at, record.enqueued_at, record.data, grave)


def key_of(message: Message) -> str:
    """The message's key as text."""
    return _text(message.key())


def delivery_of(record: Record, attempts: int, kills: int, place: object) -> Delivery:
    """*record* as a worker takes it. *attempts*, *kills*: since it was written where it is."""
    return Delivery(record.id, record.name, record.data, max(attempts, record.attempts), kills, record.enqueued_at, None, place)


def tried(record: Record, attempts: int, kills: int) -> Record:
    """*record* with what is known of it by now."""
    return replace(record, attempts=attempts, kills=kills)


def cut(text: str, most: int) -> str:
    """*text*, up to so many bytes of UTF-8."""
    return text.encode(errors="replace")[:most].decode(errors="ignore")


def grown(message: Outgoing) -> int:
    """How many bytes a job's message takes at most, wherever it is moved to."""
    headers = sum(len(name) + len(value or "") + 10 for name, value in message.headers)
    return len(message.value or b"") + 2 * len(message.key) + headers + _FRAME + _MORE


def _headers(record: Record) -> Headers:
    headers: Headers = [("name", record.name), ("id", record.id), ("enqueued-at", _ms(record.enqueued_at))]
    return [*headers, ("attempts", str(record.attempts)), ("kills", str(record.kills))]


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _text(value: str | bytes | None) -> str:
    return value if isinstance(value, str) else (value or b"").decode(errors="surrogateescape")


def _count(headers: dict[str, str | bytes | None], name: str) -> int:
    text = _text(headers.get(name))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _seconds(headers: dict[str, str | bytes | None], name: str) -> float:
    text = _text(headers.get(name))
    return int(text) / 1000 if text.isascii() and text.isdigit() and len(text) < 16 else 0.0
