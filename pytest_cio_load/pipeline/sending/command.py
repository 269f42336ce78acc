"""``cio-load send FILE``: its arguments, and what it says of its end. See `EXITS` for the exit code.

Heavy modules are imported when it is run.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from pytest_cio_load import units
from pytest_cio_load.pipeline.commands.command import Said, argument, json_option, subcommand
from pytest_cio_load.pipeline.commands.connecting import aim_options, rate_option, reading, without_password
from pytest_cio_load.pipeline.sending.line_help import LINES, format_option

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


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 100_000):
        raise click.BadParameter(f"got {without_password(text)[:30]!r}, expected a whole number from 1 to 100000; try 4 or 1000")
    return int(text)


@subcommand("send", exits=EXITS, blocks=LINES)
@argument("file", "FILE", "JSON lines, CSV (either may be .gz) or Parquet; - for standard input", type=click.Path(readable=False))
@format_option
@click.option("--check", is_flag=True, help="Only say which lines are bad; send and write nothing")
@click.option("--strict", is_flag=True, help="Check every line first, and send nothing when one is bad")
@click.option("--resume", is_flag=True, help="Go on where an earlier run of this file ended")
@click.option("--restart", is_flag=True, help="Forget the earlier run: every line is sent again, its events as new ones")
@click.option(
    "--journal",
    type=click.Path(readable=False),
    metavar="PATH",
    show_default="FILE.cio-load",
    help="Folder of the notes to resume from and of what failed",
)
@click.option("--keep-lines", is_flag=True, help="Write down failed lines themselves, with all they say of people")
@aim_options
@click.option("--site-id", metavar="TEXT", show_default="CIO_SITE_ID", help="Of the workspace")
@click.option(
    "--api-key-file",
    type=click.Path(readable=False),
    metavar="FILE",
    show_default="CIO_TRACK_API_KEY of the environment",
    help="Holds the Track API key",
)
@rate_option("Requests per second, such as 80 or 4800/m; each is a batch")
@click.option("--batch", type=_count, default="1000", metavar="N", help="Lines per request at most")
@click.option("--in-flight", type=_count, default="4", metavar="N", help="Requests under way at once")
@click.option("--give-up-after", type=reading(units.duration), default="10m", metavar="TIME", help="How long an outage may last")
@click.option("--quiet", is_flag=True, help="Show no progress")
@json_option
def command(said: Said) -> int:
    """Send a file of operations in batches; resumes after a kill."""
    from pytest_cio_load.pipeline.sending.sources import open_source

    _check_ways(said)
    source = open_source(said.file, said.format)
    if said.check:
        return _checked(said, source, "nothing was sent, as --check asks")
    how = _how(said)
    if said.strict and not said.resume and (code := _checked(said, source, "nothing was sent, as --strict asks")):
        return code
    notes = _notes(said, source, how)
    try:
        return _sent(said, source, notes, how)
    finally:
        notes.close()


def _check_ways(said: Said) -> None:
    if said.resume and said.restart:
        raise ValueError("--resume: got --restart too; expected one of them; leave out --restart to keep what was done")
    if said.file == "-" and said.strict:
        raise ValueError("--strict: got standard input, which can be read only once; expected a file; save it first, or leave out --strict")
    if said.file == "-" and said.resume and not said.journal:
        raise ValueError("--resume: got standard input and no journal; expected that of the earlier run; pass its --journal PATH")


def _how(said: Said) -> How:
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


def _notes(said: Said, source: Source, how: How) -> Notes:
    from pathlib import Path

    from pytest_cio_load.pipeline.sending.aim import name_of
    from pytest_cio_load.pipeline.sending.journal import SUFFIX, Journal, Unkept

    if said.file == "-" and not said.journal:
        return Unkept(source, name_of(how.workspace))
    folder = Path(said.journal or said.file + SUFFIX)
    return Journal(folder, source, name_of(how.workspace), resume=said.resume, restart=said.restart)


def _checked(said: Said, source: Source, so: str) -> int:
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
    text = f"{source.path}: {lines:,} lines, {bad:,} bad; {so if bad or so.endswith('--check asks') else 'all are sound'}"
    # What is sent after all has a summary of its own.
    if not said.json:
        print(text)
    elif said.check or bad:
        print(json.dumps({"file": source.path, "lines": lines, "bad": bad}, ensure_ascii=False))
    return SOME_FAILED if bad else DONE


def _sent(said: Said, source: Source, notes: Notes, how: How) -> int:
    import asyncio

    from pytest_cio_load.pipeline.sending.display import Stopwatch, summary
    from pytest_cio_load.pipeline.sending.run import Run

    before = notes.progress
    if before.finished:
        print(
            _plain(source, before.accepted, before.failed, 0.0, sent=0, halted="")
            if said.json
            else f"{source.path}: every line had its outcome before: {before.accepted:,} accepted, {before.failed:,} failed"
        )
        return SOME_FAILED if before.failed else DONE
    run, watch = Run(source, notes, how), Stopwatch()
    try:
        asyncio.run(_shown(run, notes, source, quiet=said.quiet))
    except asyncio.CancelledError:
        run.halted = run.halted or "stopped at once"
    finally:  # also where the source cannot be read any further: everything before that was sent
        lines, sent = run.accepted + run.failed, run.accepted + run.failed - before.accepted - before.failed
        print(
            _plain(source, run.accepted, run.failed, watch(), sent=sent, halted=run.halted)
            if said.json
            else summary(source.path, lines, run.failed, watch(), sent=sent, resumed=before.resumed)
        )
    if run.failed:
        print(f"which ones failed, and why: {notes.failures}", file=sys.stderr)
    if not run.halted:
        return SOME_FAILED if run.failed else DONE
    how_to = "go on with the same command and --resume" if notes.lasting else "a run of standard input needs --journal PATH to be resumed"
    print(f"it ended before the last line: {run.halted}; {how_to}", file=sys.stderr)
    return STOPPED


def _plain(source: Source, accepted: int, failed: int, seconds: float, *, sent: int, halted: str) -> str:
    """The summary for programs: lines with an outcome, those of runs before included, and how many of them got it in this run."""
    counts = {"file": source.path, "lines": accepted + failed, "accepted": accepted, "failed": failed, "sent": sent}
    return json.dumps({**counts, "seconds": round(seconds, 3), "ended_early": halted or None}, ensure_ascii=False)


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
