"""Rows of Parquet: their own types, any row to begin at, and what is said when it cannot be."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pytest_cio_load.pipeline.sending.sources import open_source

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """5,000 rows in groups of 1,200."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {
        "id": [f"u{number}" for number in range(5_000)],
        "n": [number if number % 2 else None for number in range(5_000)],
        "since": [datetime(1970, 1, 2)] * 5_000,
        "paid": [Decimal("1.50")] * 5_000,
    }
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table(columns), path, row_group_size=1_200)
    return path


def test_rows_with_their_types(rows: Path) -> None:
    """Numbers are numbers, times unix seconds, and nothing is left out."""
    source = open_source(str(rows))
    lines = list(source.lines())
    assert source.total == len(lines) == 5_000
    assert [(line.number, line.offset) for line in lines[:2]] == [(1, 0), (2, 1)]
    items = [json.loads(source.operation(line, lambda: ULID).body or b"") for line in lines[:2]]
    assert [item["attributes"] for item in items] == [{"since": 86400, "paid": 1.5}, {"n": 1, "since": 86400, "paid": 1.5}]
    assert source.content(lines[1]) == {"id": "u1", "n": 1, "since": "1970-01-02 00:00:00", "paid": "1.50"}
    assert source.done(lines[1]) == 1


@pytest.mark.parametrize("offset", [0, 999, 1_199, 1_200, 3_333, 4_999])
def test_any_row_can_be_begun_at(rows: Path, offset: int) -> None:
    """Across groups and within one."""
    lines = list(open_source(str(rows)).lines(offset + 1, offset))
    assert [line.number for line in lines] == list(range(offset + 1, 5_001))


def test_what_is_no_parquet(tmp_path: Path) -> None:
    """Said when it is opened."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"id\nu1\n" * 10)
    with pytest.raises(ValueError, match=r"file: got content that is damaged or no Parquet, '.*'; expected a Parquet file; write it again"):
        open_source(str(path))


def test_damage_in_the_middle(rows: Path) -> None:
    """Said when it is come to."""
    source = open_source(str(rows))
    content = bytearray(rows.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    rows.write_bytes(content)
    with pytest.raises(ValueError, match="file: got content that is damaged or no Parquet"):
        list(source.lines())


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "rows.parquet").touch()
    with pytest.raises(ValueError) as caught:
        open_source(str(tmp_path / "rows.parquet"))
    expected = "format: got Parquet, and pyarrow is not installed; expected it for this format; pip install 'pytest-cio-load[parquet]'"
    assert str(caught.value) == expected
