"""Failed iterations, grouped by what was raised and where, each group with its first traceback and a few samples."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import CustomerIOError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FrameType, TracebackType

MOST_SAMPLES = 5
"""Failed iterations that a group tells of one by one."""

_MOST_TEXT = 1000
_MICROSECONDS = 1_000_000
_OURS = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True, slots=True)
class FailedCall:
    """The call that an iteration failed with, as far as it may be shown.

    Attributes:
        operation: ``identify``, ``track``, …
        status: the HTTP status of the last answer, or None when there was none.
        attempts: requests on the wire.
        reason: Customer.io's own words, or the network's, without what was sent.
    """

    operation: str
    status: int | None
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class FailureSample:
    """One of a group's failures.

    Attributes:
        index: the iteration's.
        due, ended: when that fell due and ended, in seconds after the start of the run.
        message: what was raised, cut to 1,000 characters.
        trace: the traceback, without this package's frames; of the group's first only, else "".
        call: the call that failed, or None when none did.
    """

    index: int
    due: float
    ended: float
    message: str
    trace: str = ""
    call: FailedCall | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Every failure of one kind at one line.

    Attributes:
        kind: the exception's name.
        where: "test_x.py:12", the deepest line of the author's own file; or "" when it was not raised in a body.
        message: the first one's text.
        count: how many there were.
        first_index, first_due: the first one's iteration, and when it was due, in seconds.
        trace: the first one's traceback, without this package's frames.
        samples: the first few, in the order in which they came.
    """

    kind: str
    where: str
    message: str
    count: int
    first_index: int
    first_due: float
    trace: str
    samples: tuple[FailureSample, ...] = ()


@dataclass(slots=True)
class _Group:
    """A failure while it is counted."""

    first: Failure
    count: int = 0
    samples: list[FailureSample] = field(default_factory=list)


class Failures:
    """Groups failures as they come. Formats a traceback once per group: a target that refuses everything must not slow the generator."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._groups: dict[tuple[str, str], _Group] = {}

    def add(self, error: BaseException, index: int, due: int, ended: int) -> None:
        """Note that iteration *index*, due at *due* and ended at *ended* microseconds, failed with *error*."""
        where = _deepest_line(error.__traceback__, self._home)
        self._count(type(error).__name__, where, index, due, ended, error)

    def add_plain(self, kind: str, message: str, index: int, due: int, ended: int) -> None:
        """Note a failure that raised nothing: a time-out, an interruption."""
        self._count(kind, "", index, due, ended, None, message)

    def _count(
        self, kind: str, where: str, index: int, due: int, ended: int, error: BaseException | None, message: str = ""
    ) -> None:
        group = self._groups.get((kind, where))
        if group is None:
            text, trace = (message, "") if error is None else (_text(error), _trace(error))
            group = self._groups[kind, where] = _Group(Failure(kind, where, text, 0, index, due / _MICROSECONDS, trace))
        group.count += 1
        if len(group.samples) < MOST_SAMPLES:
            text = message if error is None else _text(error)
            text = text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
            trace = "" if group.samples else group.first.trace
            sample = FailureSample(index, due / _MICROSECONDS, ended / _MICROSECONDS, text, trace, _call_of(error))
            group.samples.append(sample)

    def groups(self) -> tuple[Failure, ...]:
        """The groups, the largest first."""
        told = (replace(group.first, count=group.count, samples=tuple(group.samples)) for group in self._groups.values())
        return tuple(sorted(told, key=_largest_first))


def failure_of(told: Mapping[str, Any]) -> Failure:
    """The group that a run document tells of; of a document without samples, none of those."""

    def sample(one: Mapping[str, Any]) -> FailureSample:
        call = one["call"]
        failed = None if call is None else FailedCall(*(call[name] for name in ("operation", "status", "attempts", "reason")))
        return FailureSample(one["index"], one["due"], one["ended"], one["message"], one.get("trace", ""), failed)

    names = ("kind", "where", "message", "count", "first_index", "first_due", "trace")
    return Failure(**{name: told[name] for name in names}, samples=tuple(map(sample, told.get("samples", ()))))


def joined(groups: Iterable[Failure]) -> tuple[Failure, ...]:
    """The groups of several parts of a run, those of one kind and place as one, told by the earliest that was due; the largest first."""
    whole: dict[tuple[str, str], Failure] = {}
    for group in groups:
        known = whole.get((group.kind, group.where))
        if known is not None:
            earliest = min(known, group, key=lambda one: (one.first_due, one.first_index))
            samples = sorted((*known.samples, *group.samples), key=lambda one: (one.due, one.index))[:MOST_SAMPLES]
            # The group's first alone has its traceback.
            samples[1:] = [replace(one, trace="") for one in samples[1:]]
            group = replace(earliest, count=known.count + group.count, samples=tuple(samples))
        whole[group.kind, group.where] = group
    return tuple(sorted(whole.values(), key=_largest_first))


def _largest_first(group: Failure) -> tuple[int, str, str]:
    return -group.count, group.kind, group.where


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """*error*, what it was raised from, what was being handled when it was, and what is grouped in it; each once."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner: Iterable[BaseException] = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        pending += [*inner, current.__context__, current.__cause__]


def _call_of(error: BaseException | None) -> FailedCall | None:
    """The failed call that is, or led to, *error*."""
    failed = next((each for each in causes_of(error) if isinstance(each, CustomerIOError)), None)
    return None if failed is None else FailedCall(failed.operation, failed.status, failed.attempts, failed.reason)


def _deepest_line(trace: TracebackType | None, home: str) -> str:
    """The deepest line in the test's own file, else the deepest outside this package."""
    at_home: tuple[str, int] | None = None
    elsewhere: tuple[str, int] | None = None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name == home:
            at_home = (name, trace.tb_lineno)
        elif not _is_ours(trace.tb_frame):
            elsewhere = (name, trace.tb_lineno)
        trace = trace.tb_next
    deepest = at_home or elsewhere
    return f"{os.path.basename(deepest[0])}:{deepest[1]}" if deepest else ""


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # An author's own exception may raise anything here, and the run must not end for that.
        return f"<{type(error).__name__} without words>"


def _trace(error: BaseException) -> str:
    """The traceback of *error* and of what caused it, without this package's frames: the author's line is what helps."""
    told = traceback.TracebackException.from_exception(error)
    pending: list[traceback.TracebackException | None] = [told]
    while pending:
        one = pending.pop()
        if one is not None:
            theirs = [frame for frame in one.stack if not frame.filename.startswith(_OURS)]
            one.stack = traceback.StackSummary.from_list(theirs or list(one.stack))
            pending += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]
    return "".join(told.format()).rstrip()


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OURS)
