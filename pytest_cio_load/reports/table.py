"""Run documents as CSV (RFC 4180): one row per metric and run, the same columns always, for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_cio_load.reports.document import Document

COLUMNS = (
    *("test", "verdict", "clock", "target", "profile", "seed", "started_at", "planned", "measured"),
    *("metric", "kind", "unit", "samples"),
    *("avg", "min", "med", "p(90)", "p(95)", "p(99)", "max"),
    *("count", "rate", "value", "lost", "duplicates", "out_of_order"),
)
"""The header. A column that a kind of metric has no value for is empty; new columns come at the end."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula (or strips, and then looks again)."""


def csv_table(documents: Iterable[Document]) -> str:
    """*documents* as CSV with a header, lines ending in CR LF. Text that a spreadsheet would compute gets an apostrophe in front."""
    whole = io.StringIO(newline="")
    writer = csv.writer(whole, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for doc in documents:
        for name, metric in doc["metrics"].items():
            row = _run(doc) | {"metric": name} | {key: metric[key] for key in COLUMNS if key in metric}
            writer.writerow([_cell(row.get(column)) for column in COLUMNS])
    return whole.getvalue()


def _run(doc: Document) -> dict[str, Any]:
    return {
        "test": doc["test"],
        "verdict": doc["verdict"],
        "clock": doc["clock"],
        "target": doc["target"],
        "profile": doc["contract"]["profile"],
        "seed": doc["contract"]["seed"],
        "started_at": doc["machine"]["started_at"],
        "planned": doc["iterations"]["planned"],
        "measured": doc["iterations"]["measured"],
    }


def _cell(value: object) -> object:
    """A number as it is: below 0 it begins like a formula, and is none."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
