"""``cio-load merge``: the documents of shards as one, without loss, judged again."""

from __future__ import annotations

import sys

import click

from pytest_cio_load.pipeline.commands.command import Said, argument, subcommand
from pytest_cio_load.reports.file import session_json, write_json
from pytest_cio_load.reports.merging import merge_all
from pytest_cio_load.reports.reading import read_documents


@subcommand(
    "merge",
    exits={
        0: "merged",
        1: "merged, and a contract was not kept by the whole",
        2: "a file that is no run document, or runs that do not belong together",
    },
)
@argument("documents", "DOCUMENT...", "files that --cio-json wrote, of the same tests on several machines", nargs=-1, required=True)
@click.option("--out", metavar="FILE", show_default=False, help="Where to write it (default: standard output)")
def command(said: Said) -> int:
    """Merge the runs of one test on several machines.

    Histograms and counts are added without loss, and the contract is judged again by the whole.
    """
    merged = merge_all([doc for path in said.documents for doc in read_documents(path)])
    if said.out:
        write_json(said.out, merged)
        for doc in merged:
            print(f"{doc['verdict']:<13} {doc['test']}: {doc['headline']}")
    else:
        sys.stdout.write(session_json(merged))
    return int(any(doc["verdict"] != "kept" for doc in merged))
