"""``cio-load cleanup [RUN]``: takes up the ledgers of runs that left people in a real workspace, and brings their cleaning up to its end.

The same guard is passed as for a load, and nothing but the workspace that a ledger is of is touched. May be broken off and done again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from pytest_cio_load.errors import LedgerError, near_miss
from pytest_cio_load.pipeline.commands.command import Said, argument, json_option, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, MISTAKE, SOME_FAILED, in_loop, reading
from pytest_cio_load.staging_settings import ALLOW_FILE, LEDGERS
from pytest_cio_load.units import duration, show_count

if TYPE_CHECKING:
    from pytest_cio_load.customerio.client import AppClient, Client
    from pytest_cio_load.safety.ledgers import Entry
    from pytest_cio_load.staging.preflight import Approved, Way
    from pytest_cio_load.staging.sweep import Pace, Swept

EXITS = {
    0: "nobody is left, and that was seen; or there was nothing to clean up",
    1: "people are left, or may be; also of a run that goes on, which is left alone",
    2: "a mistake in the arguments, no folder of ledgers, or refused by the guard or for want of the right credentials",
}
"""What the exit code says."""

State = Literal["clean", "left", "unverified", "refused", "unreadable", "live"]
_EXIT: dict[State, int] = {
    "clean": DONE,
    "live": SOME_FAILED,
    "left": SOME_FAILED,
    "unverified": SOME_FAILED,
    "unreadable": SOME_FAILED,
    "refused": MISTAKE,
}
_LIVE = "its run goes on, or another process of it holds the ledger; it cleans up by itself: wait for it, or end it and clean up again"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of one run.

    Attributes:
        run: its id.
        state: as of `Swept.outcome`; or refused, since the ledger is of another workspace; unreadable; live, and so left alone.
        swept: what the cleaning up came to, or None when there was none.
        reason: why there was none, or "".
    """

    run: str
    state: State
    swept: Swept | None = None
    reason: str = ""

    @property
    def exit_code(self) -> int:
        """0, 1 or 2."""
        return _EXIT[self.state]

    def describe(self) -> str:
        """One line."""
        return f"{self.run}  {self.swept.describe() if self.swept is not None else f'{self.state}: {self.reason}'}"

    def as_values(self) -> dict[str, Any]:
        """For programs."""
        counted = {} if self.swept is None else self.swept.as_values()
        return {"run": self.run, "state": self.state, **counted, **({"reason": self.reason} if self.swept is None else {})}


@subcommand("cleanup", exits=EXITS)
@argument("run", "RUN", "Id of one run, also of one that was cleaned up before; all that were not, by default", required=False)
@click.option("--list", "lists", is_flag=True, help="Show the ledgers, and clean nothing up")
@click.option("--folder", metavar="FOLDER", default=LEDGERS, help="Where the ledgers are")
@click.option("--allow-file", metavar="FILE", default=ALLOW_FILE, help="The allow-list of workspaces that may get load")
@click.option("--live", is_flag=True, help="Say that a real workspace is meant, as CIO_LOAD_LIVE=1 does")
@click.option(
    "--wait",
    type=reading(duration, zero=False),
    default="5s",
    metavar="TIME",
    help="Between the two looks that must both find nobody left",
)
@json_option
def command(said: Said) -> int:
    """Delete the people that runs left in a real workspace.

    Credentials are those of the run: CIO_LOAD_SITE_ID, CIO_LOAD_API_KEY and CIO_LOAD_APP_KEY. Everyone in a run's ledger is deleted, never
    suppressed; then it is verified, through the App API, that nobody is left. May be broken off and done again.
    """
    if said.lists:
        entries = chosen(Path(said.folder), None)
        print(json.dumps([_listed(entry) for entry in entries], indent=2) if said.json else table(entries))
        return DONE
    entries = chosen(Path(said.folder), said.run)
    due = entries if said.run else [entry for entry in entries if not entry.is_cleaned]
    if not due:
        print("[]" if said.json else f"nothing to clean up in {said.folder}")
        return DONE
    from pytest_cio_load.staging.sweep import Pace

    cleaned = []
    for each in clean_up(due, os.environ, Path(said.allow_file), live=said.live, pace=Pace(apart=said.wait)):
        cleaned.append(each)
        if not said.json:
            print(each.describe(), flush=True)
    if said.json:
        print(json.dumps([each.as_values() for each in cleaned], indent=2))
    return max(each.exit_code for each in cleaned)


def chosen(folder: Path, run: str | None) -> list[Entry]:
    """The ledgers that are meant, the oldest first.

    Args:
        folder: where they are.
        run: of one run; None for all.

    Raises:
        LedgerError: the folder cannot be read.
        ValueError: there is no such folder, or no ledger of this run in it.
    """
    from pytest_cio_load.safety.ledgers import ledgers_in

    entries = ledgers_in(folder)
    if not entries and not folder.is_dir():
        fix = "run this where the load ran, or name the folder with --folder"
        raise ValueError(f"--folder: got {folder}, which does not exist; expected the folder of the ledgers; {fix}")
    if run is None:
        return entries
    known = [entry.run for entry in entries]
    for entry in entries:
        if entry.run == run:
            return [entry]
    nearest = near_miss(run, known) or "cio-load cleanup --list shows them"
    raise ValueError(f"RUN: got one that has no ledger in {folder}; expected one of the {len(known)} that have; {nearest}")


def clean_up(
    entries: Sequence[Entry],
    environment: Mapping[str, str],
    allow_file: Path,
    *,
    live: bool,
    way: Way | None = None,
    pace: Pace | None = None,
    patience: float | None = None,
) -> Iterator[Cleaned]:
    """Clean up one run after the other: what became of each, as soon as it is known. What is on its way is told on standard error.

    Args:
        entries: their ledgers.
        environment: holds the credentials, and may hold the opt-in.
        allow_file: the allow-list.
        live: whether an option says that a real workspace is meant.
        way: how Customer.io is reached; None for the usual one.
        pace, patience: of the sweep; None for the usual ones.

    Raises:
        GuardRefused: with the first rule of the guard that is not met. It is not asked when no ledger can be cleaned up.
    """
    from pytest_cio_load.staging.preflight import DIRECT, approve

    usable = []
    for entry in entries:
        if entry.problem:
            yield Cleaned(entry.run, "unreadable", reason=entry.problem)
        elif entry.is_live:
            yield Cleaned(entry.run, "live", reason=_LIVE)
        else:
            usable.append(entry)
    if not usable:
        return
    approved = approve(environment, allow_file, live=live, way=way or DIRECT)
    del environment
    how = {name: value for name, value in (("pace", pace), ("patience", patience)) if value is not None}
    for entry in usable:
        yield _refused(entry, approved) or in_loop(lambda entry=entry: _clean(entry, approved, way or DIRECT, how))  # type: ignore[misc]


def _refused(entry: Entry, approved: Approved) -> Cleaned | None:
    """That a ledger is of another workspace than the one that may be reached now; None when it is of this one."""
    from pytest_cio_load.safety.allowlist import hash_of

    is_ours = entry.site == hash_of(approved.credentials.site_id)
    if is_ours and (entry.environment_id, entry.region) == (approved.entry.environment_id, approved.region.value):
        return None
    got = "another site id" if not is_ours else f"workspace {approved.entry.environment_id}, region {approved.region.value}"
    expected = f"that of workspace {entry.environment_id}, region {entry.region}, in which it made people up"
    fix = "set CIO_LOAD_SITE_ID, CIO_LOAD_API_KEY and CIO_LOAD_APP_KEY to its credentials"
    return Cleaned(entry.run, "refused", reason=f"got {got}; expected {expected}; {fix}")


async def _clean(entry: Entry, approved: Approved, way: Way, how: Mapping[str, Any]) -> Cleaned:
    from pytest_cio_load.safety.header import ATTRIBUTE
    from pytest_cio_load.safety.ledgers import read, resume
    from pytest_cio_load.staging.sweep import sweep

    try:
        ledger = resume(entry.path)
    except LedgerError as error:
        return Cleaned(entry.run, "unreadable", reason=str(error))
    try:
        attribute = read(entry.path).attribute or ATTRIBUTE
        print(f"{entry.run}  {show_count(len(ledger.noted))} people, as its ledger says; deleting …", file=sys.stderr, flush=True)
        async with _reached(approved, way) as (track, app):
            swept = await sweep(track, app, ledger, run=entry.run, attribute=attribute, **how)
        try:
            ledger.cleaned(swept.as_values())
        except LedgerError as error:
            return Cleaned(entry.run, "unverified", reason=f"{swept.describe()}; and that cannot be written down: {error}")
    finally:
        ledger.close()
    return Cleaned(entry.run, swept.outcome, swept)


@asynccontextmanager
async def _reached(approved: Approved, way: Way) -> AsyncIterator[tuple[Client, AppClient]]:
    """Clients of the workspace, with leave to reach it."""
    from pytest_cio_load.customerio.client import AppClient, Client
    from pytest_cio_load.customerio.engines import make_wire
    from pytest_cio_load.customerio.workspaces import AppAccess, Workspace
    from pytest_cio_load.safety.permit import grant

    known, region = approved.credentials, approved.region
    workspace = Workspace(known.site_id, known.api_key, region, url=way.track_url)
    access = AppAccess(known.app_key, region, url=way.app_url)
    with grant({(region.track_host, known.site_id), (region.app_host, known.app_key)}):
        track, app = Client(workspace, make_wire(workspace, way.engine)), AppClient(access, make_wire(access, way.engine))
        async with track, app:
            yield track, app


def table(entries: Sequence[Entry]) -> str:
    """The ledgers, a line each; people are those who may exist, made up or reserved."""
    if not entries:
        return "no ledgers"
    rows = [("run", "state", "people", "workspace", "test")]
    rows += [(entry.run, _state(entry), show_count(entry.people_reserved + entry.named), _where(entry), entry.test) for entry in entries]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[4]]).rstrip() for row in rows]
    return "\n".join(lines)


def _state(entry: Entry) -> str:
    if entry.problem:
        return "unreadable"
    return "live" if entry.is_live else "clean" if entry.is_cleaned else "to clean up"


def _where(entry: Entry) -> str:
    return "" if entry.problem else f"{entry.environment_id} ({entry.region})"


def _listed(entry: Entry) -> dict[str, Any]:
    return {
        "run": entry.run,
        "state": _state(entry).replace(" ", "_"),
        "started": entry.started,
        "test": entry.test,
        "environment_id": entry.environment_id,
        "region": entry.region,
        "people": entry.people_reserved + entry.named,
        "path": str(entry.path),
        "problem": entry.problem,
    }
