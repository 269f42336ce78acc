"""``cio-load allow``: list a test workspace, so that the guard lets load through to it. Nothing is asked of Customer.io."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_cio_load.errors import GuardRefused, Problem
from pytest_cio_load.pipeline.commands.command import Said, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, OneOf, whole
from pytest_cio_load.safety import allowlist
from pytest_cio_load.safety.allowlist import Entry
from pytest_cio_load.safety.credentials import SITE_ID, problem_with_site_id
from pytest_cio_load.safety.identity import PRODUCTION, production_word
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Mapping

EXITS = {0: "the list is as it was asked for", 2: "a mistake in the arguments, or the list cannot be read or written"}
"""What the exit code says."""

DEFAULT_FILE = ".cio-load/allow.json"
"""Where the list is, beside pytest's configuration, unless ``cio_allow_file`` says otherwise."""

_MOST = 2**63 - 1
_EXAMPLE = 123456
_WITHOUT = "leave it out when the name has a word such as test or staging in it"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with the list.

    Attributes:
        file: where it is.
        environment_id: of the workspace that is to be listed, or None.
        region: of its account, or None for the US.
        name: text that its name must have in it, or None when it has a word such as test or staging anyway.
        replacing: whether an entry of the same site id that says something else may go.
        listing: whether to show the list, and change nothing.
        removing: whether the entry of the site id is to go.
    """

    file: Path
    environment_id: int | None = None
    region: str | None = None
    name: str | None = None
    replacing: bool = False
    listing: bool = False
    removing: bool = False


@subcommand("allow", exits=EXITS)
@click.option(
    "--environment-id",
    type=whole(1, _MOST, near=_EXAMPLE),
    metavar="NUMBER",
    help="The workspace's number: what stands after /env/ in the address of its pages",
)
@click.option("--region", type=OneOf(*allowlist.REGIONS), show_default="us", help="Where the account's data is kept")
@click.option("--name", metavar="TEXT", help="What the workspace's name must have in it; without it, a word such as test or staging")
@click.option("--replace", is_flag=True, help="Write over an entry of the same site id that says something else")
@click.option("--list", is_flag=True, help="Show what is listed, and change nothing")
@click.option("--remove", is_flag=True, help="Take the site id off the list")
@click.option("--file", metavar="FILE", default=DEFAULT_FILE, help="The list, in the folder of pytest's configuration; to be committed")
def command(said: Said) -> int:
    """List a test workspace that may get load.

    The Site ID is read from CIO_LOAD_SITE_ID and kept as a hash. Nothing is asked of Customer.io: whether the credentials belong to this
    workspace is asked before every load.
    """
    wish = Wish(
        Path(said.file), said.environment_id, said.region, said.name, replacing=said.replace, listing=said.list, removing=said.remove
    )
    for line in allow(os.environ, wish, datetime.now(UTC).date()):
        print(line)
    return DONE


def allow(environment: Mapping[str, str], wish: Wish, today: date) -> list[str]:
    """Do what is wished for: what there is to say about it, by lines.

    Args:
        environment: holds the Site ID, unless the list is only shown; nothing else is read.
        wish: what is to be done.
        today: the date to write.

    Raises:
        GuardRefused: the wish makes no sense, or the list or the Site ID is not what it should be. The list is as it was.
        OSError: it cannot be written; it is as it was.
    """
    refused = _problem_with(wish)
    if not wish.listing:
        refused = refused or problem_with_site_id(environment)
    if refused is not None:
        raise _error(refused)
    entries = _sound(_listed(wish))
    if wish.listing:
        return [f"{wish.file} lists {_several(len(entries))}", *(f"  {entry.describe()}" for entry in entries)]
    hashed = allowlist.hash_of(environment[SITE_ID])
    if wish.removing:
        return _write(wish, _sound(allowlist.remove(entries, hashed)), f"removed: {hashed[:12]}")
    entry = Entry(hashed, wish.environment_id or 0, wish.region or "us", wish.name, today)
    wanted = _sound(allowlist.add(entries, entry, replacing=wish.replacing))
    if wanted == entries:
        return [f"{wish.file} lists this site id already, and says the same; nothing was written"]
    return _write(wish, wanted, f"allowed: {entry.describe()}")


def _problem_with(wish: Wish) -> Problem | None:
    """What is wrong with the wish itself, or None."""
    given = (
        ("--environment-id", wish.environment_id is not None),
        ("--region", wish.region is not None),
        ("--name", wish.name is not None),
        ("--replace", wish.replacing),
        ("--remove", wish.removing),
    )
    chosen = "--list" if wish.listing else "--remove" if wish.removing else ""
    if chosen and (more := [name for name, is_given in given if is_given and name != chosen]):
        return Problem("arguments", f"{more[0]} with {chosen}", f"{chosen} alone, or with --file", f"leave {more[0]} out, or {chosen}")
    if not chosen and not allowlist.is_environment_id(wish.environment_id):
        got = "no --environment-id" if wish.environment_id is None else f"--environment-id {wish.environment_id}"
        expected = "the number of the test workspace, by which Customer.io's answer is checked"
        return Problem("arguments", got, expected, "copy the number that stands after /env/ in the address of its pages")
    if not allowlist.is_name(wish.name):
        return Problem("--name", show_value(wish.name), "a part of the workspace's name, in one line", _WITHOUT)
    if wish.name is not None and (word := production_word(wish.name)) is not None:
        expected = f"a part of a test workspace's name, without {', '.join(PRODUCTION)}"
        return Problem(
            "--name", f"{show_value(wish.name)}, with {word!r} in it", expected, "use a test workspace; if this is one, rename it"
        )
    return None


def _listed(wish: Wish) -> tuple[Entry, ...] | Problem:
    """The list as it is; a new one when there is no file, and one is to be made."""
    if not (wish.listing or wish.removing or wish.file.exists()):
        return ()
    return allowlist.load(wish.file)


def _write(wish: Wish, entries: tuple[Entry, ...], done: str) -> list[str]:
    allowlist.write(wish.file, entries)
    return [done, f"{wish.file} lists {_several(len(entries))}; commit it, so that it is reviewed as code is"]


def _several(number: int) -> str:
    return f"{number} workspace" if number == 1 else f"{number} workspaces"


def _sound(found: tuple[Entry, ...] | Problem) -> tuple[Entry, ...]:
    if isinstance(found, Problem):
        raise _error(found)
    return found


def _error(problem: Problem) -> GuardRefused:
    return GuardRefused(f"{problem.where}: got {problem.got}; expected {problem.expected}; {problem.nearest}")
