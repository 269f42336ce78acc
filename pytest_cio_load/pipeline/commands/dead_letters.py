"""``cio-load dead-letters list|replay|discard|export``: what was given up, without showing whom it is about."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

import click

from pytest_cio_load.pipeline.commands.command import Group, Said, argument, json_option, subcommand
from pytest_cio_load.pipeline.commands.connecting import (
    DONE,
    MISTAKE,
    SOME_FAILED,
    F,
    address_of,
    all_of,
    queue_options,
    whole,
    with_queue,
)
from pytest_cio_load.pipeline.commands.unused import is_unused, said_of_unused
from pytest_cio_load.units import show_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.pipeline.deadletters import Choice, Moved
    from pytest_cio_load.pipeline.engines.engine import DeadLetter, Engine

EXITS = {
    0: "done",
    1: "some ids were not found, or some letters have no form as a line",
    2: "a mistake in the arguments, or the queue cannot be reached",
}
"""What the exit code says."""

_HEAD = ("id", "operation", "tries", "ago", "reason")
_LEAST_REASON = 12
_COLUMNS = "{:<26}  {:<18}  {:>5}  {:>9}  {}"


def choice_options(work: F) -> F:
    """Add the options that say which queue is meant, and which of its dead letters."""
    several = (
        queue_options,
        click.option("--reason", default="", metavar="TEXT", show_default=False, help="Those whose reason holds this text"),
        click.option("--operation", default="", metavar="NAME", show_default=False, help="Those of this operation, such as track"),
    )
    return all_of(several, work)


def ids_arguments(work: F) -> F:
    """Add the arguments that name dead letters one by one, or all of them."""
    ids = argument("ids", "[ID]...", "Of jobs, as listed", nargs=-1)
    return all_of((ids, click.option("--all", is_flag=True, help="All of them")), work)


def _choice(said: Said) -> Choice:
    from pytest_cio_load.pipeline.deadletters import Choice

    return Choice(frozenset(getattr(said, "ids", ())), said.reason, said.operation)


def _chosen_on_purpose(said: Said, what: str) -> Choice:
    if said.all and said.ids:
        raise ValueError("--all: got ids too; expected one of them; leave out --all for those ids only")
    if not (said.all or said.ids or said.reason or said.operation):
        raise ValueError(f"{what}: got nothing to choose by; expected ids, --reason, --operation or --all; try --all for all of them")
    return _choice(said)


@subcommand("list", exits={code: EXITS[code] for code in (0, 2)})
@click.option("--limit", type=whole(1, 1_000_000), default="20", metavar="N", help="Show so many at most")
@click.option("--json", is_flag=True, help="Print JSON: one object a line")
@choice_options
def listing(said: Said) -> int:
    """Show them, the oldest first; nothing about people."""
    address, nothing = address_of(said), [f"{said.queue}: no dead letters"]

    async def gathered(engine: Engine) -> tuple[list[DeadLetter], bool]:
        from pytest_cio_load.pipeline.deadletters import chosen

        found: list[DeadLetter] = []
        async for letter in chosen(engine, _choice(said)):
            if len(found) == said.limit:
                return found, True
            found.append(letter)
        if not found and is_unused(address, await engine.depth(), await engine.totals()):
            nothing.append(await said_of_unused(engine, address))
        return found, False

    letters, are_more = with_queue(said, gathered)
    if said.json:
        for letter in letters:
            print(json.dumps(_plain(letter), ensure_ascii=False))
    elif letters:
        print(table(letters, time.time(), shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
    else:
        print("; ".join(nothing), file=sys.stderr)
    if are_more:
        print(f"there are more than {said.limit:,}: --limit shows more of them", file=sys.stderr)
    return DONE


def _plain(letter: DeadLetter) -> dict[str, object]:
    from pytest_cio_load.pipeline.deadletters import operation_name

    return {
        "id": letter.id,
        "operation": operation_name(letter),
        "reason": letter.reason,
        "attempts": letter.attempts,
        "failed_at": letter.failed_at,
        "enqueued_at": letter.enqueued_at,
    }


def table(letters: Sequence[DeadLetter], now: float, width: int | None) -> str:
    """A table of *letters*: id, operation, tries, how long ago it was given up, reason.

    Args:
        letters: what to show.
        now: unix seconds.
        width: columns of a terminal, whose longer reasons are cut. None for any: plain text, a letter a line, however many.
    """
    from pytest_cio_load.pipeline.deadletters import operation_name

    rows = [(each.id, operation_name(each), str(each.attempts), _ago(each, now), " ".join(each.reason.split())) for each in letters]
    if width is None:
        return "\n".join(_COLUMNS.format(*row) for row in (_HEAD, *rows))
    return _drawn(rows, width)


def _ago(letter: DeadLetter, now: float) -> str:
    return show_duration(round(max(0.0, now - letter.failed_at)))


def _drawn(rows: Sequence[tuple[str, ...]], width: int) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    widths = [max(map(len, cells)) for cells in zip(_HEAD, *rows, strict=True)][:-1]
    for name, widest in zip(_HEAD, widths, strict=False):
        drawn.add_column(name, no_wrap=True, width=widest, justify="right" if name in ("tries", "ago") else "left")
    left = max(_LEAST_REASON, width - sum(widths) - 2 * len(widths))
    drawn.add_column(_HEAD[-1], no_wrap=True, overflow="ellipsis", max_width=left)
    for row in rows:
        drawn.add_row(*map(Text, row))  # what a reason says is no markup
    # Wider than a narrow terminal, which wraps it: no column is left out.
    console = Console(file=StringIO(), width=sum(widths) + 2 * len(widths) + left, force_terminal=True, highlight=False)
    with console.capture() as shown:
        console.print(drawn)
    return "\n".join(line.rstrip() for line in shown.get().splitlines())


@subcommand("replay", exits=EXITS)
@ids_arguments
@choice_options
@json_option
def replaying(said: Said) -> int:
    """Have them tried again from the beginning."""
    from pytest_cio_load.pipeline import deadletters

    choice = _chosen_on_purpose(said, "replay")
    return _moved(said, with_queue(said, lambda engine: deadletters.replay(engine, choice)), "are tried again")


@subcommand("discard", exits=EXITS)
@ids_arguments
@click.option("--yes", is_flag=True, help="Delete them for good")
@choice_options
@json_option
def discarding(said: Said) -> int:
    """Delete them."""
    from pytest_cio_load.pipeline import deadletters

    choice = _chosen_on_purpose(said, "discard")
    if said.yes:
        return _moved(said, with_queue(said, lambda engine: deadletters.discard(engine, choice)), "were deleted")

    async def counted(engine: Engine) -> int:
        return sum([1 async for _ in deadletters.chosen(engine, choice)])

    count = with_queue(said, counted)
    print(f"discard: got no --yes; expected it, for {count:,} dead letters would be gone for good; try export first", file=sys.stderr)
    return MISTAKE


def _moved(said: Said, moved: Moved, what: str) -> int:
    if said.json:
        print(json.dumps({"count": moved.count, "missing": sorted(moved.missing)}))
    else:
        print(f"{moved.count:,} dead letters {what}")
    if moved.missing:
        print(f"not found: {', '.join(sorted(moved.missing))}", file=sys.stderr)
    return SOME_FAILED if moved.missing else DONE


@subcommand("export", exits=EXITS)
@argument("file", "FILE", "To write; it must not exist yet", type=click.Path(readable=False))
@choice_options
@json_option
def exporting(said: Said) -> int:
    """Write them as lines for cio-load send or enqueue.

    With all they say of people: only you can read the file.
    """
    choice = _choice(said)
    try:
        # Readable by its owner only, from its first moment.
        descriptor = os.open(said.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ValueError(f"file: got one that exists, {said.file!r}; expected a new one; choose another name") from None
    with open(descriptor, "w", encoding="utf-8") as file:
        written, left = with_queue(said, lambda engine: _written(engine, choice, file))
    if said.json:
        print(json.dumps({"count": written, "file": said.file, "without_a_line": len(left)}, ensure_ascii=False))
    else:
        print(f"{written:,} dead letters written to {said.file}; they stay in the queue until they are replayed or discarded")
    print(f"{said.file} holds attributes and ids of people: only you can read it; delete it when it is done with", file=sys.stderr)
    for each in left[:20]:
        print(f"not written: {each}", file=sys.stderr)
    if left:
        print(f"{len(left):,} have no form as a line: replay them, or discard them", file=sys.stderr)
    return SOME_FAILED if left else DONE


async def _written(engine: Engine, choice: Choice, file: TextIO) -> tuple[int, list[str]]:
    from pytest_cio_load.pipeline.deadletters import exported

    written, left = 0, []
    async for line in exported(engine, choice):
        if line.why_not:
            left.append(f"{line.letter.id}: {line.why_not}")
        else:
            file.write(line.text + "\n")
            written += 1
    return written, left


command = Group("dead-letters", "List, replay, discard or export what was given up.", exits=EXITS)
"""The four of them."""

for _each in (listing, replaying, discarding, exporting):
    command.add_command(_each)
