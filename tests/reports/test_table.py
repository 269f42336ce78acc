"""Run documents as CSV: a row for each metric and run, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.measured import Delivery
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports.table import COLUMNS, csv_table


def fill(book: Recorder) -> None:
    """A metric of each kind."""
    book.add("depth", Kind.GAUGE, -2)
    book.delivered(Delivery(10, lost=1))


def rows(text: str) -> list[dict[str, str]]:
    """What a reader of CSV makes of it."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_for_each_metric_and_run(runs: Any) -> None:
    """With the run's circumstances in each."""
    docs = [runs.document(test="a", fill=fill), runs.document(test="b", failed=1)]
    read = rows(csv_table(docs))
    assert [(row["test"], row["metric"]) for row in read] == [(doc["test"], name) for doc in docs for name in doc["metrics"]]
    assert {(row["verdict"], row["clock"], row["seed"]) for row in read} == {("kept", "virtual", "7"), ("broken", "virtual", "7")}


@pytest.mark.parametrize(
    ("metric", "columns"),
    [
        ("response", {"kind": "trend", "unit": "ms", "samples": "100", "p(95)": "50.0", "max": "50.0", "count": "", "value": ""}),
        ("iterations", {"kind": "counter", "count": "100.0", "rate": "100.0", "p(95)": ""}),
        ("errors", {"kind": "rate", "rate": "0.0", "count": "0.0"}),
        ("depth", {"kind": "gauge", "value": "-2.0", "min": "-2.0", "max": "-2.0", "avg": ""}),
        ("delivery", {"kind": "delivery", "lost": "1.0", "duplicates": "0.0", "out_of_order": "0.0"}),
    ],
)
def test_each_kind_fills_its_columns(runs: Any, metric: str, columns: dict[str, str]) -> None:
    """And leaves the others empty; a number below 0 is no formula."""
    (row,) = [row for row in rows(csv_table([runs.document(fill=fill)])) if row["metric"] == metric]
    assert {name: row[name] for name in columns} == columns


def test_the_columns_are_these() -> None:
    """Scripts rely on them: new ones come at the end."""
    assert csv_table([]) == (
        "test,verdict,clock,target,profile,seed,started_at,planned,measured,metric,kind,unit,samples,"
        "avg,min,med,p(90),p(95),p(99),max,count,rate,value,lost,duplicates,out_of_order\r\n"
    )


def test_lines_end_as_the_standard_says(runs: Any) -> None:
    """In CR LF, each."""
    text = csv_table([runs.document()])
    assert text.endswith("\r\n")
    assert text.count("\r\n") == text.count("\n")


@pytest.mark.parametrize("test", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_that_a_spreadsheet_would_compute_is_guarded(runs: Any, test: str) -> None:
    """By an apostrophe, which it does not show."""
    assert {row["test"] for row in rows(csv_table([runs.document(test=test)]))} == {f"'{test}"}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_is_read_back(runs: Any, test: str) -> None:
    """Commas, quotes and newlines included."""
    first = rows(csv_table([runs.document(3) | {"test": test}]))[0]
    assert first["test"].removeprefix("'") == test.removeprefix("'")
    assert set(first) == set(COLUMNS)
