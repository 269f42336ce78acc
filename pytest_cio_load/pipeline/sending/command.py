"""``cio-load send FILE``: its arguments, and what it says of its end. See `EXITS` for the exit code.

Heavy modules are imported when it is run.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pytest_cio_load import units
from pytest_cio_load.pipeline.commands.connecting import reading, requests_per_second
from pytest_cio_load.pipeline.sending.line_help import show_lines

if TYPE_CHECKING:
    from pytest_cio_load.pipeline.sending.journal import Notes
    from pytest_cio_load.pipeline.sending.run import How, Run
    from pytest_cio_load.pipeline.sending.sources import Source

DONE, SOME_FAILED, STOPPED = 0, 1, 3
EXITS = {
    0: "every line was accepted",
    1: "some lines failed; the summary names the file that says which",
    2: "a mistake in the arguments or the file",
    3: "it ended before the last line, and can be resumed",
}
"""What the exit code says."""

_SHOWN = 20
"""Bad lines that a check prints."""


def send_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``cio-load send``."""
    add = parser.add_argument
    show_lines(parser, EXITS)
    add("file", metavar="FILE", help="JSON lines, CSV (either may be .gz) or Parquet; - for standard input")
    add("--format", choices=("jsonl", "csv", "parquet"), help="Of the file (default: by its name; of standard input: jsonl)")
    add("--check", action="store_true", help="Only say which lines are bad; send and write nothing")
    add("--strict", action="store_true", help="Check every line first, and send nothing when one is bad")
    add("--resume", action="store_true", help="Go on where an earlier run of this file ended")
    add("--restart", action="store_true", help="Forget the earlier run: every line is sent again, its events as new ones")
    add("--journal", metavar="PATH", help="Folder of the notes to resume from and of what failed (default: FILE.cio-load)")
    add("--keep-lines", action="store_true", help="Write down failed lines themselves, with all they say of people")
    add("--live", action="store_true", help="A real workspace is meant; needed for any address but loopback")
    add("--url", help="Server in place of the region's: on loopback, or one of Customer.io's hosts")
    add("--region", choices=("us", "eu"), default="us", help="Where the account's data is kept (default: us)")
    add("--site-id", help="Of the workspace (default: CIO_SITE_ID)")
    add("--api-key-file", metavar="FILE", help="Holds the Track API key (default: CIO_TRACK_API_KEY)")
    add("--rate", type=reading(requests_per_second), help="Requests per second, such as 80 or 4800/m; each is a batch (default: 100/s)")
    add("--batch", type=_count, default=1_000, metavar="N", help="Lines per request at most (default: 1000)")
    add("--in-flight", type=_count, default=4, metavar="N", help="Requests under way at once (default: 4)")
    add("--give-up-after", type=reading(units.duration), default="10m", metavar="TIME", help="How long an outage may last (default: 10m)")
    add("--quiet", action="store_true", help="Show no progress")


def send(said: argparse.Namespace) -> int:
    """Do it; returns the exit code. Raises ValueError for a mistake in the arguments or the file."""
    from pytest_cio_load.pipeline.sending.sources import open_source

    _check_ways(said)
    source = open_source(said.file, said.format)
    if said.check:
        return _checked(source, "nothing was sent, as --check asks")
    how = _how(said)
    if said.strict and not said.resume and (code := _checked(source, "nothing was sent, as --strict asks")):
        return code
    notes = _notes(said, source, how)
    try:
        return _sent(said, source, notes, how)
    finally:
        notes.close()


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 100_000):
        raise argparse.ArgumentTypeError(f"got {text[:30]!r}, expected a whole number from 1 to 100000; try 4 or 1000")
    return int(text)


def _check_ways(said: argparse.Namespace) -> None:
    if said.resume and said.restart:
        raise ValueError("--resume: got --restart too; expected one of them; leave out --restart to keep what was done")
    if said.file == "-" and said.strict:
        raise ValueError("--strict: got standard input, which can be read only once; expected a file; save it first, or leave out --strict")
    if said.file == "-" and said.resume and not said.journal:
        raise ValueError("--resume: got standard input and no journal; expected that of the earlier run; pass its --journal PATH")


def _how(said: argparse.Namespace) -> How:
    import os

    from pytest_cio_load.customerio.workspaces import Region
    from pytest_cio_load.pipeline.sending.aim import workspace_for
    from pytest_cio_load.pipeline.sending.run import How

    workspace = workspace_for(
        os.environ,
        url=said.url,
        region=Region(said.region),
        site_id=said.site_id,
        key_file=said.api_key_file,
        rate=said.rate,
        live=said.live,
    )
    return How(workspace, said.batch, said.in_flight, said.give_up_after, said.keep_lines)


def _notes(said: argparse.Namespace, source: Source, how: How) -> Notes:
    from pathlib import Path

    from pytest_cio_load.pipeline.sending.aim import name_of
    from pytest_cio_load.pipeline.sending.journal import SUFFIX, Journal, Unkept

    if said.file == "-" and not said.journal:
        return Unkept(source, name_of(how.workspace))
    folder = Path(said.journal or said.file + SUFFIX)
    return Journal(folder, source, name_of(how.workspace), resume=said.resume, restart=said.restart)


def _checked(source: Source, so: str) -> int:
    """Say which lines are bad: the exit code."""
    from pytest_cio_load.pipeline.sending.run import problems

    lines = bad = 0
    for line, wrong in problems(source):
        lines += 1
        if wrong is not None:
            bad += 1
            if bad <= _SHOWN:
                print(f"{source.path}:{line.number}: {wrong}", file=sys.stderr)
    if bad > _SHOWN:
        print(f"… and {bad - _SHOWN:,} more", file=sys.stderr)
    print(f"{source.path}: {lines:,} lines, {bad:,} bad; {so if bad or so.endswith('--check asks') else 'all are sound'}")
    return SOME_FAILED if bad else DONE


def _sent(said: argparse.Namespace, source: Source, notes: Notes, how: How) -> int:
    import asyncio

    from pytest_cio_load.pipeline.sending.display import Stopwatch, summary
    from pytest_cio_load.pipeline.sending.run import Run

    before = notes.progress
    if before.finished:
        print(f"{source.path}: every line had its outcome before: {before.accepted:,} accepted, {before.failed:,} failed")
        return SOME_FAILED if before.failed else DONE
    run, watch = Run(source, notes, how), Stopwatch()
    try:
        asyncio.run(_shown(run, notes, source, quiet=said.quiet))
    except asyncio.CancelledError:
        run.halted = run.halted or "stopped at once"
    finally:  # also where the source cannot be read any further: everything before that was sent
        lines, sent = run.accepted + run.failed, run.accepted + run.failed - before.accepted - before.failed
        print(summary(source.path, lines, run.failed, watch(), sent=sent, resumed=before.resumed))
    if run.failed:
        print(f"which ones failed, and why: {notes.failures}", file=sys.stderr)
    if not run.halted:
        return SOME_FAILED if run.failed else DONE
    how_to = "go on with the same command and --resume" if notes.lasting else "a run of standard input needs --journal PATH to be resumed"
    print(f"it ended before the last line: {run.halted}; {how_to}", file=sys.stderr)
    return STOPPED


async def _shown(run: Run, notes: Notes, source: Source, *, quiet: bool) -> None:
    import asyncio

    from pytest_cio_load.pipeline.sending.display import Stopwatch, View, shown

    before, watch, loop = notes.progress, Stopwatch(), asyncio.get_running_loop()

    def look() -> View:
        lines = run.accepted + run.failed
        sent = lines - before.accepted - before.failed
        done = 0 if run.at is None else source.done(run.at)
        waiting = None if run.waits_since is None else loop.time() - run.waits_since
        return View(lines, run.failed, sent, done, source.total, run.begun, watch(), waiting)

    def on_signal() -> None:
        print("finishing what is under way; once more ends it at once", file=sys.stderr)

    async with shown(look, sys.stderr, quiet=quiet):
        await run.send(on_signal)
