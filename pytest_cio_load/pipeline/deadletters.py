"""What was given up: listed, replayed, discarded, exported. Every function walks over the letters that were there when it began.

A letter's data says everything about a person. Only :func:`exported` gives it away.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pytest_cio_load.customerio.operations.items import entity_of
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.pipeline.engines.engine import DeadLetter, Delivery, Engine, State
from pytest_cio_load.pipeline.jobs import NotAJob, read
from pytest_cio_load.pipeline.sending.lines import name_of, operation_of

PAGE = 100
"""Letters asked for at once: each may hold 32 kB and more."""

_NAME = 30


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant: those that fulfil everything that is said; all when nothing is.

    Attributes:
        ids: of jobs; empty for any.
        reason: a part of the reason, in any case of letters; "" for any.
        operation: what the job was to do, such as ``track``; "" for any.
    """

    ids: frozenset[str] = frozenset()
    reason: str = ""
    operation: str = ""

    def takes(self, letter: DeadLetter) -> bool:
        """Whether *letter* is meant."""
        if self.ids and letter.id not in self.ids:
            return False
        if self.reason and self.reason.casefold() not in letter.reason.casefold():
            return False
        return not self.operation or self.operation in (letter.name, operation_name(letter))


ALL = Choice()
"""Every letter."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a choice.

    Attributes:
        count: letters that were still there.
        missing: ids that were asked for and not found.
    """

    count: int
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """A letter as a line that ``cio-load send`` and ``cio-load enqueue`` read.

    Attributes:
        letter: the letter.
        text: JSON; holds everything about a person; "" when it has no such form.
        why_not: why it has none, or "".
    """

    letter: DeadLetter
    text: str = field(repr=False)
    why_not: str = ""


def operation_name(letter: DeadLetter) -> str:
    """What the job was to do: of an entity of version 2, what it does."""
    if letter.name != "entity":
        return letter.name[:_NAME]
    try:
        return name_of(_operation(letter))
    except NotAJob:
        return letter.name


async def chosen(engine: Engine, choice: Choice = ALL) -> AsyncIterator[DeadLetter]:
    """The letters that are meant, the oldest first. Raises QueueUnavailable."""
    walk = _Walk(engine)
    while page := await walk.next():
        for letter in page:
            if choice.takes(letter):
                yield letter


async def replay(engine: Engine, choice: Choice = ALL) -> Moved:
    """Have letters tried again from the beginning; those that fail again meanwhile are left alone. Raises QueueUnavailable."""
    return await _move(engine, choice, engine.replay)


async def discard(engine: Engine, choice: Choice = ALL) -> Moved:
    """Delete letters. Raises QueueUnavailable."""
    return await _move(engine, choice, engine.discard)


async def exported(engine: Engine, choice: Choice = ALL) -> AsyncIterator[Line]:
    """Letters as lines, those that have no such form too. Raises QueueUnavailable."""
    async for letter in chosen(engine, choice):
        yield as_line(letter)


def as_line(letter: DeadLetter) -> Line:
    """*letter* as a line; its event keeps its ULID."""
    try:
        entity = entity_of(_operation(letter))
        operation_of(entity, lambda: letter.id)
    except (NotAJob, InvalidOperation) as error:
        return Line(letter, "", error.reason if isinstance(error, InvalidOperation) else str(error))
    return Line(letter, json.dumps(entity, ensure_ascii=False, separators=(",", ":")))


def _operation(letter: DeadLetter) -> Operation:
    return read(Delivery(letter.id, letter.name, letter.data, enqueued_at=letter.enqueued_at)).operation


async def _move(engine: Engine, choice: Choice, move: Callable[[Sequence[DeadLetter]], Awaitable[int]]) -> Moved:
    walk, found, count = _Walk(engine), set[str](), 0
    while page := await walk.next():
        meant = [letter for letter in page if choice.takes(letter)]
        if meant:
            count += await move(meant)
            walk.are_gone(len(meant))
            found.update(letter.id for letter in meant)
    return Moved(count, choice.ids - found)


class _Walk:
    """The letters that are there at the beginning, page by page. New ones come last, so counting is enough to leave them out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._left: int | None = None
        self._start = 0

    async def next(self) -> list[DeadLetter]:
        """The next page; an empty one at the end."""
        if self._left is None:
            self._left = (await self._engine.depth()).get(State.FAILED, 0)
        if self._left <= 0:
            return []
        page = await self._engine.dead_letters(self._start, min(PAGE, self._left))
        self._left -= len(page)
        self._start += len(page)
        return page

    def are_gone(self, many: int) -> None:
        """So many of the last page are no longer there."""
        self._start -= many
