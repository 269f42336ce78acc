"""What the help says of lines: every example is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_cio_load import cli
from pytest_cio_load.pipeline.sending.line_help import CSV_ROWS, JSON_LINES
from pytest_cio_load.pipeline.sending.sources import open_source

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.mark.parametrize(
    ("command", "exits"),
    [("send", ["0  every line was accepted", "1  ", "2  ", "3  "]), ("enqueue", ["0  every line was stored", "1  ", "2  "])],
)
def test_help_shows_what_a_line_is(command: str, exits: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Line by line, ready to be copied, and what each exit code says."""
    assert cli.main([command, "--help"]) == 0
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert set(shown) > {*JSON_LINES, *CSV_ROWS}
    codes = shown[shown.index("Exit codes:") + 1 :]
    assert len(codes) == len(exits)
    assert all(line.startswith(begin) for line, begin in zip(codes, exits, strict=True))


@pytest.mark.parametrize(("name", "lines", "count"), [("a.jsonl", JSON_LINES, 3), ("a.csv", CSV_ROWS, 2)])
def test_examples_are_sound(tmp_path: Path, name: str, lines: tuple[str, ...], count: int) -> None:
    """Each is read as an operation."""
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    source = open_source(str(path))
    read = [source.operation(line, lambda: ULID) for line in source.lines()]
    assert len(read) == count
    assert all(json.loads(each.body or b"") for each in read)
