"""Failed iterations, grouped by what was raised and where, each group with its first traceback."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType, TracebackType

_OURS = str(Path(__file__).resolve().parents[1])


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
    """

    kind: str
    where: str
    message: str
    count: int
    first_index: int
    first_due: float
    trace: str


class Failures:
    """Groups failures as they come. Formats a traceback once per group: a target that refuses everything must not slow the generator."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._groups: dict[tuple[str, str], Failure] = {}

    def add(self, error: BaseException, index: int, due: int) -> None:
        """Note that iteration *index*, due at *due* microseconds, failed with *error*."""
        kind = type(error).__name__
        where = _deepest_line(error.__traceback__, self._home)
        self._count(kind, where, index, due, error)

    def add_plain(self, kind: str, message: str, index: int, due: int) -> None:
        """Note a failure that raised nothing: a time-out, an interruption."""
        self._count(kind, "", index, due, None, message)

    def _count(self, kind: str, where: str, index: int, due: int, error: BaseException | None, message: str = "") -> None:
        known = self._groups.get((kind, where))
        if known is not None:
            self._groups[kind, where] = replace(known, count=known.count + 1)
            return
        trace = "" if error is None else _trace(error)
        text = message if error is None else _text(error)
        self._groups[kind, where] = Failure(kind, where, text, 1, index, due / 1_000_000, trace)

    def groups(self) -> tuple[Failure, ...]:
        """The groups, the largest first."""
        return tuple(sorted(self._groups.values(), key=lambda group: (-group.count, group.kind, group.where)))


def _deepest_line(trace: TracebackType | None, home: str) -> str:
    """The deepest line in the test's own file, else the deepest outside this package."""
    at_home = elsewhere = ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        line = f"{Path(name).name}:{trace.tb_lineno}"
        if name == home:
            at_home = line
        elif not _is_ours(trace.tb_frame):
            elsewhere = line
        trace = trace.tb_next
    return at_home or elsewhere


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
