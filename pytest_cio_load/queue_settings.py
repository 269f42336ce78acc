"""What the ``cio_queue`` marker says of the pipeline that a test holds, as one value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_cio_load.errors import Problem, near_miss
from pytest_cio_load.safety.aim import is_loopback
from pytest_cio_load.units import UnitError, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MEMORY, EMBEDDED = "memory", "embedded"
_SCHEMES = ("redis", "rediss", "valkey", "unix", "kafka")
_WHEN_FULL = ("wait", "refuse", "shed")


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The pipeline that ``cio_queue`` stands for.

    Attributes:
        engine: "memory", "embedded" (a bundled Valkey), or the URL of a Redis, Valkey or Kafka on loopback.
        workers: how many there are when the run begins.
        processes: each worker is a process of its own; otherwise all of them are tasks of this one.
        concurrency: requests under way at once, per worker.
        batch: operations per batch, or None to send each in a request of its own.
        linger: seconds that the first of a batch waits for more at most.
        shards: parts of the queue; 1 for BullMQ's plain form, in which order is not kept.
        max_depth: jobs that the queue may hold, or None for any number.
        when_full: "wait", "refuse" or "shed".
        attempts: tries per job.
        backoff: seconds after the first failed try.
        drain: seconds that the queue gets, after the last iteration, to become empty.
    """

    engine: str = MEMORY
    workers: int = 1
    processes: bool = False
    concurrency: int = 10
    batch: int | None = None
    linger: float = 0.05
    shards: int = 8
    max_depth: int | None = None
    when_full: str = "wait"
    attempts: int = 5
    backoff: float = 2.0
    drain: float = 600.0

    @property
    def skips_time(self) -> bool:
        """Whether the pipeline runs in virtual time."""
        return self.engine == MEMORY and not self.processes


DEFAULT_PIPELINE = QueueSettings()
"""What ``cio_queue`` stands for unless told otherwise."""


def read_queue(said: Mapping[str, object], engine: str, problems: list[Problem]) -> QueueSettings:
    """Settings of the pipeline.

    Args:
        said: the keywords of the test's ``cio_queue`` markers, merged.
        engine: what the command line or the ini file say, or "".
        problems: takes what is wrong.
    """
    settings = QueueSettings()
    for keyword, value in {**({"engine": engine} if engine else {}), **said}.items():
        read = _READ.get(keyword)
        where = f"cio_queue({keyword})"
        if read is None:
            problems.append(Problem(where, repr(value), f"one of {', '.join(_READ)}", near_miss(keyword, _READ)))
        else:
            found = read(where, value, problems)
            if found is not None:
                settings = replace(settings, **{keyword: found})
    if settings.processes and settings.engine == MEMORY:
        nearest = "add engine='embedded'"
        problems.append(Problem("cio_queue(processes)", "True", "an engine that other processes can reach, not memory", nearest))
    return settings


def _engine(where: str, value: object, problems: list[Problem]) -> str | None:
    if value in (MEMORY, EMBEDDED):
        return str(value)
    expected = "'memory', 'embedded', or the URL of a Redis, Valkey or Kafka on loopback"
    try:
        parts = urlsplit(str(value))
        hosts = [urlsplit(f"//{each}").hostname or "" for each in parts.netloc.split(",")]
    except ValueError:
        parts, hosts = urlsplit(""), []
    got = "'…@…'" if "@" in str(value) else repr(value)
    if parts.scheme not in _SCHEMES:
        problems.append(Problem(where, got, expected, near_miss(str(value), (MEMORY, EMBEDDED)) or "try 'embedded'"))
    elif parts.scheme != "unix" and not all(is_loopback(host) for host in hosts):
        problems.append(Problem(where, got, expected, "load goes to this machine only; try 'redis://127.0.0.1:6379'"))
    else:
        return str(value)
    return None


def _whole(least: int) -> Callable[[str, object, list[Problem]], int | None]:
    def read(where: str, value: object, problems: list[Problem]) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        problems.append(Problem(where, repr(value), f"a whole number from {least} up"))
        return None

    return read


def _seconds(where: str, value: object, problems: list[Problem]) -> float | None:
    try:
        return float(duration(value, zero=True))
    except UnitError as error:
        problems.append(Problem(where, error.got, error.expected, error.nearest))
        return None


def _yes_or_no(where: str, value: object, problems: list[Problem]) -> bool | None:
    if isinstance(value, bool):
        return value
    problems.append(Problem(where, repr(value), "True or False"))
    return None


def _when_full(where: str, value: object, problems: list[Problem]) -> str | None:
    if value in _WHEN_FULL:
        return str(value)
    problems.append(Problem(where, repr(value), f"one of {', '.join(_WHEN_FULL)}", near_miss(str(value), _WHEN_FULL)))
    return None


_READ: dict[str, Callable[[str, object, list[Problem]], Any]] = {
    "engine": _engine,
    "workers": _whole(0),
    "processes": _yes_or_no,
    "concurrency": _whole(1),
    "batch": _whole(1),
    "linger": _seconds,
    "shards": _whole(1),
    "max_depth": _whole(1),
    "when_full": _when_full,
    "attempts": _whole(1),
    "backoff": _seconds,
    "drain": _seconds,
}
