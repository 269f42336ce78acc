"""``cio-load dead-letters list|replay|discard|export``: what was given up, without showing whom it is about.

0   done
1   some ids were not found, or some letters have no form as a line
2   a mistake in the arguments, or the queue cannot be reached
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

from pytest_cio_load.pipeline.commands.connecting import DONE, MISTAKE, SOME_FAILED, address_of, queue_arguments, told, whole, with_queue
from pytest_cio_load.pipeline.commands.unused import is_unused, said_of_unused
from pytest_cio_load.units import show_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.pipeline.deadletters import Choice, Moved
    from pytest_cio_load.pipeline.engines.engine import DeadLetter, Engine

_COLUMNS = "{:<26}  {:<18}  {:>5}  {:>9}  {}"


def dead_letters_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``cio-load dead-letters``."""
    chosen = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    listing = chosen.add_parser("list", help="Show them, the oldest first; nothing about people")
    listing.add_argument("--limit", type=whole(1, 1_000_000), default=20, metavar="N", help="Show so many at most (default: 20)")
    listing.add_argument("--json", action="store_true", help="One JSON object a line")
    replaying = chosen.add_parser("replay", help="Have them tried again from the beginning")
    discarding = chosen.add_parser("discard", help="Delete them")
    discarding.add_argument("--yes", action="store_true", help="Delete them for good")
    exporting = chosen.add_parser("export", help="Write them as lines for cio-load send or enqueue, with all they say of people")
    exporting.add_argument("file", metavar="FILE", help="To write; it must not exist yet")
    for each in (replaying, discarding):
        each.add_argument("ids", nargs="*", metavar="ID", help="Of jobs, as listed")
        each.add_argument("--all", action="store_true", help="All of them")
    for each in (listing, replaying, discarding, exporting):
        queue_arguments(each)
        each.add_argument("--reason", default="", metavar="TEXT", help="Those whose reason holds this text")
        each.add_argument("--operation", default="", metavar="NAME", help="Those of this operation, such as track")


def run_dead_letters(said: argparse.Namespace) -> int:
    """Do it; the exit code."""
    actions = {"list": _list, "replay": _replay, "discard": _discard, "export": _export}
    return told(f"dead-letters {said.what}", lambda: actions[said.what](said))


def _choice(said: argparse.Namespace) -> Choice:
    from pytest_cio_load.pipeline.deadletters import Choice

    return Choice(frozenset(getattr(said, "ids", ())), said.reason, said.operation)


def _chosen_on_purpose(said: argparse.Namespace) -> Choice:
    if said.all and said.ids:
        raise ValueError("--all: got ids too; expected one of them; leave out --all for those ids only")
    if not (said.all or said.ids or said.reason or said.operation):
        raise ValueError(f"{said.what}: got nothing to choose by; expected ids, --reason, --operation or --all; try --all for all of them")
    return _choice(said)


def _list(said: argparse.Namespace) -> int:
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
        width: columns; longer reasons are cut. None for any.
    """
    from pytest_cio_load.pipeline.deadletters import operation_name

    lines = [_COLUMNS.format("id", "operation", "tries", "ago", "reason")]
    for letter in letters:
        ago = show_duration(round(max(0.0, now - letter.failed_at)))
        reason = " ".join(letter.reason.split())
        lines.append(_COLUMNS.format(letter.id, operation_name(letter), letter.attempts, ago, reason))
    return "\n".join(line if width is None or len(line) <= width else line[: width - 1] + "…" for line in lines)


def _replay(said: argparse.Namespace) -> int:
    from pytest_cio_load.pipeline import deadletters

    choice = _chosen_on_purpose(said)
    return _moved(with_queue(said, lambda engine: deadletters.replay(engine, choice)), "are tried again")


def _discard(said: argparse.Namespace) -> int:
    from pytest_cio_load.pipeline import deadletters

    choice = _chosen_on_purpose(said)
    if said.yes:
        return _moved(with_queue(said, lambda engine: deadletters.discard(engine, choice)), "were deleted")

    async def counted(engine: Engine) -> int:
        return sum([1 async for _ in deadletters.chosen(engine, choice)])

    count = with_queue(said, counted)
    print(f"discard: got no --yes; expected it, for {count:,} dead letters would be gone for good; try export first", file=sys.stderr)
    return MISTAKE


def _moved(moved: Moved, what: str) -> int:
    print(f"{moved.count:,} dead letters {what}")
    if moved.missing:
        print(f"not found: {', '.join(sorted(moved.missing))}", file=sys.stderr)
    return SOME_FAILED if moved.missing else DONE


def _export(said: argparse.Namespace) -> int:
    choice = _choice(said)
    try:
        # Readable by its owner only, from its first moment.
        descriptor = os.open(said.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ValueError(f"file: got one that exists, {said.file!r}; expected a new one; choose another name") from None
    with open(descriptor, "w", encoding="utf-8") as file:
        written, left = with_queue(said, lambda engine: _written(engine, choice, file))
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
