"""``cio-load from-k6``: k6's options as a marked test file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pytest_cio_load.files import write_whole
from pytest_cio_load.k6.from_options import from_k6_file
from pytest_cio_load.pipeline.commands.command import Said, argument, subcommand
from pytest_cio_load.pipeline.commands.connecting import reading
from pytest_cio_load.units import duration

if TYPE_CHECKING:
    from pytest_cio_load.k6.from_options import Imported


@subcommand(
    "from-k6",
    exits={0: "everything was carried over", 1: "written, and something could not be carried over", 2: "the options make no sense"},
)
@argument("options", "OPTIONS", "k6's options as JSON, as `k6 inspect script.js` prints them")
@click.option("--out", metavar="FILE", show_default=False, help="The test file to write (default: standard output)")
@click.option(
    "--iteration",
    type=reading(duration, zero=False),
    metavar="TIME",
    show_default=False,
    help="That one iteration takes: scenarios of VUs become VUs / TIME per second (default: they are left out)",
)
def command(said: Said) -> int:
    """Turn k6's options into a marked test file.

    Scenarios, stages, thresholds and tags are carried over; what could not be is told, here and in the file.
    """
    made: Imported = from_k6_file(said.options, iteration=said.iteration)
    if said.out:
        write_whole(said.out, made.text.encode("utf-8"))
    else:
        sys.stdout.write(made.text)
    for leftover in made.leftovers:
        print(f"not carried over: {leftover}", file=sys.stderr)
    return int(bool(made.leftovers))
