"""``cio-load compare A B``: the runs of one document beside those of another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_cio_load.baseline.gate import compare
from pytest_cio_load.baseline.grammar import read_gates
from pytest_cio_load.baseline.store import Store, differences, machine_id
from pytest_cio_load.contract.marker import Problems
from pytest_cio_load.pipeline.commands.command import Said, argument, json_option, subcommand
from pytest_cio_load.reports.reading import read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cio_load.baseline.comparison import Comparison
    from pytest_cio_load.reports.document import Document

GATES = "p50:10%,p95:10%,p99:10%,mean:10%,rate:1%"


@subcommand(
    "compare",
    exits={0: "nothing is worse", 1: "something is worse, by more than was let pass and by more than noise", 2: "nothing can be compared"},
)
@argument("before", "A", "a file that --cio-json or --cio-save wrote: as it was")
@argument("after", "B", "another one: as it is")
@click.option("--fail", "gates", metavar="SPEC", default=GATES, help="What may get worse by how much")
@click.option("--folder", metavar="FOLDER", default=".cio-load/baselines", help="Where this machine's noise is kept")
@json_option
def command(said: Said) -> int:
    """Compare two documents, test by test.

    Worse is what got worse by more than was let pass, and by more than noise. Runs of another machine, clock or load are compared too,
    since they were named, and what differs is said first.
    """
    problems = Problems()
    gates = read_gates(said.gates, "--fail", problems)
    problems.raise_all()
    pairs = _pairs(said.before, said.after)
    store = Store(Path(said.folder))
    found = [(was, now, compare(was, now, gates, noise=store.noise_of(now))) for was, now in pairs]
    if said.json:
        told = [
            {"test": now["test"], "differs": _differs(was, now), "comparisons": [each.plain() for each in all_of]}
            for was, now, all_of in found
        ]
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _show(found)
    return int(any(each.state == "worse" for *_, all_of in found for each in all_of))


def _pairs(before: str, after: str) -> list[tuple[Document, Document]]:
    was = {doc["test"]: doc for doc in read_documents(before)}
    pairs = [(was[doc["test"]], doc) for doc in read_documents(after) if doc["test"] in was]
    if not pairs:
        fix = "cio-load report shows what is in each"
        raise ValueError(f"{after}: got no test that {before} has too; expected runs of the same tests; {fix}")
    return pairs


def _differs(was: Document, now: Document) -> list[str]:
    other = [] if machine_id(was) == machine_id(now) or now["clock"] == "virtual" else ["another machine"]
    return [*differences(was, now), *other]


def _show(found: list[tuple[Document, Document, tuple[Comparison, ...]]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for was, now, compared in found:
        table = Table(title=Text(str(now["test"]), style="bold"), title_justify="left", box=None)
        for name in ("", "was", "now", "change", "with 95 % confidence", "let pass", ""):
            table.add_column(name, justify="left" if not name else "right")
        for each in compared:
            table.add_row(*map(Text, _cells(each)), style="red" if each.state == "worse" else "")
        for line in _differs(was, now):
            console.print(Text(f"differs: {line}", style="yellow"))
        console.print(table)
        for each in compared:
            console.print(Text(f"  {each.label}: {each.why}", style="dim"))


def _cells(each: Comparison) -> Iterator[str]:
    low, high = each.interval
    between = f"{_share(low)} to {_share(high)}" if each.change is not None else ""
    was, now = (_figure(value, each.unit) for value in (each.was, each.now))
    yield from (each.label, was, now, _share(each.change), between, each.tolerance, each.state)


def _figure(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:,.4g} {unit}".rstrip()


def _share(value: float | None) -> str:
    return "?" if value is None else f"{round(value, 4) + 0.0:+.1%}"
