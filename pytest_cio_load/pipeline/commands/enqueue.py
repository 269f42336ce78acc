"""``cio-load enqueue FILE``: put a file's operations into a queue. See `EXITS` for the exit code.

A line of a file always gets the same ids, so whoever is interrupted runs the same command again, and what is stored already is not stored
twice: as long as the queue remembers its jobs, and Customer.io the ids of events.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from secrets import token_bytes
from typing import TYPE_CHECKING

import click

from pytest_cio_load.errors import InvalidOperation, QueueError, QueueFull
from pytest_cio_load.pipeline.commands.command import Said, argument, json_option, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, SOME_FAILED, OneOf, address_of, queue_options, whole, with_queue
from pytest_cio_load.pipeline.sending.line_help import LINES, format_option
from pytest_cio_load.units import show_count, show_duration

if TYPE_CHECKING:
    from pytest_cio_load.customerio.operations.operation import Operation
    from pytest_cio_load.pipeline.engines.engine import Engine
    from pytest_cio_load.pipeline.producer import Producer
    from pytest_cio_load.pipeline.sending.lines import LineIds
    from pytest_cio_load.pipeline.sending.sources import Line, Source

EXITS = {
    0: "every line was stored",
    1: "some lines were bad, or were shed or refused by a full queue",
    2: "a mistake in the arguments or the file, or the queue cannot be reached",
}
"""What the exit code says."""

_SHOWN = 20
"""Bad lines that are printed."""


@dataclass(slots=True)
class Read:
    """What was read of a file.

    Attributes:
        lines: all of them.
        bad: those that are no operation.
        shown: what is to be said of the first bad ones, each once.
    """

    lines: int = 0
    bad: int = 0
    shown: list[str] = field(default_factory=list)


class Tally:
    """Counts, by the queue's own count, how many jobs are new; when others enqueue meanwhile, theirs are taken for ours.

    Args:
        engine: of a queue that counts for all processes together; None for another.

    Attributes:
        added: jobs that the queue counted in between; None when that is not known.
    """

    def __init__(self, engine: Engine | None) -> None:
        self.added: int | None = None
        self._engine, self._before = engine, -1

    async def begin(self) -> None:
        """Before the first job; nothing the second time. Raises QueueError."""
        if self._engine is not None and self._before < 0:
            self._before = (await self._engine.totals()).enqueued

    async def end(self) -> None:
        """After the last job. A queue that cannot be reached any more leaves it unknown: what was stored was stored."""
        if self._engine is not None and self._before >= 0:
            with suppress(QueueError):
                self.added = max(0, (await self._engine.totals()).enqueued - self._before)


@subcommand("enqueue", exits=EXITS, blocks=LINES)
@argument("file", "FILE", "JSON lines, CSV (either may be .gz) or Parquet; - for standard input", type=click.Path(readable=False))
@format_option
@queue_options
@click.option("--max-depth", type=whole(1, 10**9), metavar="N", show_default="any number", help="Jobs that the queue may hold")
@click.option("--when-full", type=OneOf("wait", "refuse", "shed"), default="wait", help="Wait for room, end, or leave lines out")
@click.option("--again", is_flag=True, help="The same file once more, as new operations: its events are new ones")
@json_option
def command(said: Said) -> int:
    """Put a file of operations into a queue."""
    from pytest_cio_load.pipeline.opening import Kind
    from pytest_cio_load.pipeline.sending.lines import LineIds
    from pytest_cio_load.pipeline.sending.sources import STDIN, open_source

    source = open_source(said.file, said.format)
    if address_of(said).kind is Kind.MEMORY:
        got = "memory:, which is gone when this command ends"
        raise ValueError(f"queue url: got {got}; expected a queue that outlives it; try 'embedded:'")
    if said.file == STDIN or said.again:
        ids = LineIds(token_bytes(16), int(time.time() * 1000))
    else:
        known = os.stat(said.file)
        ids = LineIds(f"{known.st_size} {known.st_mtime_ns}".encode(), known.st_mtime_ns // 1_000_000)
    return with_queue(said, lambda engine: _stored(said, engine, source, ids))


async def _stored(said: Said, engine: Engine, source: Source, ids: LineIds) -> int:
    from pytest_cio_load.pipeline.producer import Producer

    of_jobs: Iterator[str] = iter(())
    producer = Producer(engine, max_depth=said.max_depth, when_full=said.when_full, new_id=lambda: next(of_jobs))
    read, began, lines = Read(), time.monotonic(), source.lines()
    tally = Tally(engine if address_of(said).kind.counts_together else None)
    full = ""

    def summary() -> str:
        return _summary(source, producer, read, tally, time.monotonic() - began) + f", {address_of(said).shown}"

    try:
        # Reading may wait, for standard input and for disks: not in the loop, which has connections to keep.
        while group := await asyncio.to_thread(_group, source, lines, ids, read):
            of_jobs = iter([job for job, _ in group])
            _show(source, read)
            await tally.begin()
            await producer.enqueue_many([operation for _, operation in group])
    except QueueFull as error:
        full = str(error)
    except QueueError as error:
        print(summary(), file=sys.stderr)
        raise type(error)(f"{error}; run the same command again, and no line is stored twice") from None
    await tally.end()
    _show(source, read)
    if read.bad > _SHOWN:
        print(f"… and {read.bad - _SHOWN:,} more", file=sys.stderr)
    print(_plain(said, producer, read, tally, time.monotonic() - began) if said.json else summary())
    if full:
        print(full, file=sys.stderr)
    return SOME_FAILED if full or read.bad or producer.counts.shed else DONE


def _group(source: Source, lines: Iterator[Line], ids: LineIds, read: Read) -> list[tuple[str, Operation]]:
    """The next operations, each with the id of its job; none at the end."""
    from pytest_cio_load.pipeline.producer import TOGETHER

    found: list[tuple[str, Operation]] = []
    while not found and (several := list(islice(lines, TOGETHER))):
        for line in several:
            read.lines += 1
            new_id = ids.at(line.number)
            try:
                found.append((new_id(), source.operation(line, new_id)))
            except InvalidOperation as error:
                read.bad += 1
                if read.bad <= _SHOWN:
                    read.shown.append(f"{source.path}:{line.number}: {error}")
    return found


def _show(source: Source, read: Read) -> None:
    for each in read.shown:
        print(each, file=sys.stderr)
    read.shown.clear()


def _plain(said: Said, producer: Producer, read: Read, tally: Tally, seconds: float) -> str:
    """The summary for programs; *new* is None where the queue does not count for all processes."""
    counts = producer.counts
    found = {
        "file": said.file,
        "lines": read.lines,
        "stored": counts.stored,
        "new": tally.added,
        "bad": read.bad,
        "shed": counts.shed,
        "refused": counts.refused,
        "seconds": round(seconds, 3),
        "queue": producer.engine.name,
        "place": address_of(said).shown,
    }
    return json.dumps(found, ensure_ascii=False)


def _summary(source: Source, producer: Producer, read: Read, tally: Tally, seconds: float) -> str:
    counts = producer.counts
    rate = counts.stored / seconds if seconds > 0 else 0.0
    stored = f"{show_count(counts.stored)} stored"
    if tally.added is not None and tally.added < counts.stored:
        stored = f"{show_count(tally.added)} new, {show_count(counts.stored - tally.added)} were there already,"
    parts = [f"{stored} in {show_duration(round(seconds, 1))} ({show_count(rate)}/s)"]
    others = ((read.bad, "bad"), (counts.shed, "shed"), (counts.refused, "refused"))
    parts += [f"{show_count(count)} {word}" for count, word in others if count]
    if counts.waited >= 1:
        parts.append(f"waited {show_duration(round(counts.waited, 1))} for room")
    return f"{source.path}: {show_count(read.lines)} lines; {', '.join(parts)}; queue {producer.engine.name}"
