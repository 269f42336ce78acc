"""A job in BullMQ's own form: the keys of its queue, the options written with it, and what is read from its hash."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeGuard

from pytest_cio_load.pipeline.engines.bullmq.scripts import packed
from pytest_cio_load.pipeline.engines.engine import Delivery, Parcel, shard_of

OURS = "cio-load"
"""What the option ``by`` of a job says that a producer of ours stored."""

_MOST = 2**53


@dataclass(frozen=True, slots=True)
class Names:
    """The keys of a queue and its parts.

    Our own keys hold the prefix, so they carry its hash tag when it has one.

    Attributes:
        name: of the queue.
        prefix: of BullMQ's keys.
        shards: 1 for the plain form, whose only queue is called *name*; else the queues ``{name}-0``, ``{name}-1``, ….
    """

    name: str
    prefix: str
    shards: int
    bases: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        queues = [self.name] if self.shards == 1 else [f"{self.name}-{shard}" for shard in range(self.shards)]
        object.__setattr__(self, "bases", tuple(f"{self.prefix}:{queue}:" for queue in queues))

    def own(self, what: str) -> str:
        """A key that BullMQ knows nothing of: ``form``, ``totals``, ``latency``, ``workers``, ``owners``, ``none``."""
        return f"cio-load:{self.prefix}:{self.name}:{what}"

    def lease(self, shard: int) -> str:
        """The key that says who works on a shard."""
        return self.own(f"lease:{shard}")

    def leases(self) -> list[str]:
        """Those of all shards; none in the plain form."""
        return [] if self.shards == 1 else [self.lease(shard) for shard in range(self.shards)]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What becomes of a job that is finished, and how often it is tried.

    Attributes:
        done: completed jobs that are kept.
        failed: failed jobs that are kept.
        attempts: tries.
        backoff: seconds before the second try; doubled after every further one.
    """

    done: int
    failed: int
    attempts: int
    backoff: float

    def options(self, parcel: Parcel) -> bytes:
        """The options stored with *parcel*, packed. Node's workers go by them."""
        return _options(self, math.ceil(parcel.delay * 1000), parcel.priority)


@lru_cache(maxsize=1024)
def _options(keeping: Keeping, delay: int, priority: int) -> bytes:
    options: dict[str, object] = {
        "by": OURS,
        "attempts": keeping.attempts,
        "backoff": {"type": "exponential", "delay": round(keeping.backoff * 1000), "jitter": 0.5},
        "removeOnComplete": {"count": keeping.done},
        "removeOnFail": {"count": keeping.failed},
    }
    if delay:
        options["delay"] = delay
    if priority:
        options["priority"] = priority
    return packed(options)


def stored(names: Names, keeping: Keeping, parcel: Parcel, now: float) -> list[Any]:
    """*parcel* as the script ``put`` wants it. *now*: unix seconds, for one that does not say when it was enqueued."""
    base = names.bases[0] if names.shards == 1 else names.bases[shard_of(parcel.key or parcel.id, names.shards)]
    at = round((parcel.enqueued_at or now) * 1000)
    kind = 1 if parcel.delay > 0 else 2 if parcel.priority > 0 else 0
    arguments = packed([base, parcel.id, parcel.name, at, None, None, None, None, None])
    return [base, parcel.id, kind, arguments, parcel.data, keeping.options(parcel), at]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a job's options say about its end.

    Attributes:
        done: BullMQ's ``keepJobs`` for a completed job: ``{"count": 100}``, ``{"age": 60}``, …; a count of -1 keeps all.
        failed: the same for a failed one.
        attempts: tries its producer gave it, 0 when it said none.
        ours: a producer of ours stored it.
    """

    done: Mapping[str, int]
    failed: Mapping[str, int]
    attempts: int
    ours: bool


@lru_cache(maxsize=1024)
def terms(text: str, keeping: Keeping) -> Terms:
    """Read the options in a job's hash; where they are silent or cannot be read, *keeping* speaks."""
    try:
        read = json.loads(text or "{}")
    except (ValueError, RecursionError):
        read = {}
    options = read if isinstance(read, dict) else {}
    attempts = options.get("attempts")
    return Terms(
        _keep(options.get("removeOnComplete"), keeping.done),
        _keep(options.get("removeOnFail"), keeping.failed),
        whole(attempts) if isinstance(attempts, int) and attempts > 0 else 0,
        options.get("by") == OURS,
    )


def _keep(asked: object, otherwise: int) -> dict[str, int]:
    if isinstance(asked, bool):
        return {"count": 0 if asked else -1}
    if _is_number(asked):
        return {"count": whole(asked)}
    if isinstance(asked, dict):
        kept = {key: whole(asked[key]) for key in ("count", "age", "limit") if _is_number(asked.get(key))}
        if kept:
            return kept
    return {"count": otherwise}


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and value == value  # not NaN


def fields(flat: Sequence[str]) -> dict[str, str]:
    """A hash, as a script returns it."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def number(text: str | None, otherwise: float = 0.0) -> float:
    """A number in a hash; *otherwise* when there is none, or one that is not finite."""
    try:
        value = float(text or otherwise)
    except ValueError:
        return otherwise
    return value if math.isfinite(value) else otherwise


def whole(value: float) -> int:
    """*value* without its fraction, and no further from 0 than scripts can be told."""
    return int(max(-_MOST, min(_MOST, value)))


def kills(job: Mapping[str, str]) -> int:
    """How often a job's worker was killed while it was under way."""
    return max(0, whole(number(job.get("stc"))))


def delivery(id: str, job: Mapping[str, str], term: Terms, place: object) -> Delivery:
    """A job that was taken. *job*: its hash; fields that are missing are empty, which no worker reads as an operation."""
    limit = term.attempts if term.attempts and not term.ours else None
    return Delivery(
        id,
        job.get("name", ""),
        job.get("data", ""),
        max(0, whole(number(job.get("atm")))),
        kills(job),
        max(0, whole(number(job.get("timestamp")))) / 1000,
        limit,
        place,
    )
