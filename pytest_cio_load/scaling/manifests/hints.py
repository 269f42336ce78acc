"""What names of environment variables and of our worker's arguments mean: the facts they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_cio_load import units

Value = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Hint:
    """What a name means.

    Attributes:
        fact: by its name in `planner.facts.Facts`.
        read: its value; raises ValueError for text that is none.
    """

    fact: str
    read: Callable[[str], Value]


def _whole(text: str) -> int:
    number = int(text)
    if not 1 <= number < 10**9:
        raise ValueError(f"number: got {units.show_value(text)}; expected a whole number of at least 1; try 1")
    return number


def _seconds(text: str) -> float:
    """``2s``, or a bare number of milliseconds, as settings of Node programs are."""
    return float(units.duration(text)) if not _bare(text) else float(text) / 1000


def _plain_seconds(text: str) -> float:
    return float(units.duration(text)) if not _bare(text) else float(text)


def _rate(text: str) -> float:
    return float(units.rate(text if "/" in text else f"{text}/s", zero=False))


def _scope(text: str) -> bool:
    word = text.strip().lower()
    if word in ("local", "memory", "process", "in-process", "none"):
        return False
    if word in ("redis", "ioredis", "valkey", "shared", "cluster", "global"):
        return True
    raise ValueError(f"scope: got {units.show_value(word)}; expected local or redis; try redis")


def _bare(text: str) -> bool:
    return re.fullmatch(r"\s*[0-9]+(\.[0-9]+)?\s*", text) is not None


_VARIABLES: tuple[tuple[str, Hint], ...] = (
    (r"MAX_?CONCURREN(T|CY)", Hint("max_concurrent", _whole)),
    (r"CONCURRENCY", Hint("concurrency", _whole)),
    (r"(RESERVOIR_REFRESH|REFRESH)_INTERVAL(_MS)?", Hint("refill", _seconds)),
    (r"RESERVOIR(_SIZE|_AMOUNT|_REFRESH_AMOUNT)?", Hint("reservoir", _rate)),
    (r"(LIMITER|BOTTLENECK)_(SCOPE|MODE|STORE|DATASTORE)", Hint("shared_limiter", _scope)),
    (r"RATE(_LIMIT|_PER_SEC|_PER_SECOND)|REQUESTS_PER_SECOND|MAX_RPS", Hint("pace", _rate)),
    (r"BATCH_SIZE", Hint("batch", _whole)),
    (r"QUEUE(_NAME)?", Hint("queue", str)),
    (r"(MAX_|JOB_)?ATTEMPTS", Hint("attempts", _whole)),
    (r"BACKOFF(_DELAY)?(_MS)?", Hint("backoff", _seconds)),
    (r"LOCK_DURATION(_MS)?", Hint("lock", _seconds)),
    (r"STALLED_INTERVAL(_MS)?", Hint("stalled", _seconds)),
    (r"(JOB|HANDLER|REQUEST)_TIMEOUT(_MS)?", Hint("timeout", _seconds)),
    (r"SHUTDOWN_(GRACE|TIMEOUT)(_MS)?", Hint("grace", _seconds)),
    (r"(QUEUE_)?SHARDS", Hint("shards", _whole)),
)

ARGUMENTS: Mapping[str, Hint] = {
    "--concurrency": Hint("concurrency", _whole),
    "--batch": Hint("batch", _whole),
    "--queue": Hint("queue", str),
    "--rate": Hint("limit", _rate),
    "--shards": Hint("shards", _whole),
    "--attempts": Hint("attempts", _whole),
    "--backoff": Hint("backoff", _plain_seconds),
    "--grace": Hint("grace", _plain_seconds),
    "--workers": Hint("processes", _whole),
}
"""Of ``cio-load worker``."""


def meaning_of(variable: str) -> Hint | None:
    """What an environment variable of that name means, whatever its prefix; None for one that means nothing here."""
    name = variable.upper()
    return next((hint for pattern, hint in _VARIABLES if re.fullmatch(rf"(?:.*_)?(?:{pattern})", name)), None)
