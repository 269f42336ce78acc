"""``cio-load list``: the baselines that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_cio_load.baseline.store import Listed, Store, machine_id
from pytest_cio_load.pipeline.commands.command import Said, json_option, subcommand
from pytest_cio_load.reports.machine import fingerprint
from pytest_cio_load.units import show_ms

if TYPE_CHECKING:
    from collections.abc import Sequence


@subcommand("list", exits={0: "they were listed", 1: "one of them cannot be read", 2: "a mistake in the arguments"})
@click.option("--folder", metavar="FOLDER", default=".cio-load/baselines", help="Where they are")
@json_option
def command(said: Said) -> int:
    """List the baselines that are kept, with what they measured."""
    here = machine_id({"machine": {"fingerprint": fingerprint()}})
    listed = list(Store(Path(said.folder), here).listed())
    if said.json:
        print(json.dumps([_plain(each) for each in listed], ensure_ascii=False, indent=2))
    elif not listed:
        print(f"no baseline in {said.folder}: pytest --cio-save keeps one")
    else:
        _show(listed)
    return int(any(each.kept is None for each in listed))


def _plain(each: Listed) -> dict[str, Any]:
    if each.kept is None:
        return {"path": str(each.path), "problem": each.problem}
    doc, kept = each.kept.document, each.kept
    response = doc["metrics"].get("response", {})
    return {
        "path": str(each.path),
        "test": doc["test"],
        "name": kept.name,
        "clock": doc["clock"],
        "target": doc["target"],
        "profile": doc["contract"]["profile"],
        "p95_ms": response.get("p(95)"),
        "saved_at": kept.saved_at,
        "commit": kept.commit,
        "here": each.here,
    }


def _show(listed: Sequence[Listed]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for name in ("test", "name", "load", "clock", "p(95)", "saved", "commit", "machine"):
        table.add_column(name, overflow="fold", no_wrap=name not in ("test", "load"))
    console = Console()
    for each in listed:
        if each.kept is None:
            console.print(Text(each.problem, style="red"))
            continue
        told = _plain(each)
        p95 = "–" if told["p95_ms"] is None else show_ms(told["p95_ms"])
        place = "this one" if told["here"] else "another"
        cells = (told["test"], told["name"], told["profile"], told["clock"], p95, told["saved_at"][:10], told["commit"][:7], place)
        table.add_row(*(Text(cell) for cell in cells), style="" if told["here"] else "dim")
    console.print(table)
