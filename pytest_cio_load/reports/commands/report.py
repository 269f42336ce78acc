"""``cio-load report``: any run document, as any report."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pytest_cio_load.errors import near_miss
from pytest_cio_load.pipeline.commands.command import Said, argument, subcommand
from pytest_cio_load.reports.reading import read_documents
from pytest_cio_load.reports.terminal import failure, plain, section
from pytest_cio_load.reports.writing import ENDINGS, FORMATS, write_report

TERMINAL = "terminal"


@subcommand(
    "report",
    exits={
        0: "it was made",
        1: "it was made, and a contract in it was not kept",
        2: "a file that is no run document, or one that cannot be written",
    },
)
@argument("documents", "DOCUMENT...", "files that --cio-json wrote", nargs=-1, required=True)
@click.option("--to", metavar="FORMAT", show_default=False, help=f"{', '.join((TERMINAL, *FORMATS))} (default: by the name of --out)")
@click.option("--out", metavar="FILE", show_default=False, help="Where to write it (default: standard output)")
def command(said: Said) -> int:
    """Make a report of run documents: HTML, Markdown, CSV, .hlog, k6's summary, or text."""
    documents = sorted((doc for path in said.documents for doc in read_documents(path)), key=lambda doc: str(doc["test"]))
    kind = format_of(said.to, said.out)
    if kind == TERMINAL:
        text = "\n\n".join(plain(section(doc) if doc["verdict"] == "kept" else failure(doc, 100)) for doc in documents) + "\n"
        Path(said.out).write_text(text, encoding="utf-8") if said.out else print(text, end="")
    elif said.out:
        write_report(kind, said.out, documents)
    else:
        sys.stdout.write(FORMATS[kind](documents))
    return int(any(doc["verdict"] != "kept" for doc in documents))


def format_of(asked: str | None, out: str | None) -> str:
    """The format that is meant: what was asked for, or what the name of the file says.

    Raises:
        ValueError: no such format, or none that the name says.
    """
    known = (TERMINAL, *FORMATS)
    if asked is not None:
        if asked not in known:
            raise ValueError(f"--to: got {asked!r}; expected one of {', '.join(known)}; {near_miss(asked, known) or 'try html'}")
        return asked
    if out is None:
        return TERMINAL
    ending = Path(out).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"--out: got a name that ends with {ending!r}; expected {', '.join(ENDINGS)}; say which format with --to")
    return ENDINGS[ending]
