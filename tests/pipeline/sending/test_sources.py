"""Where lines come from: what is a line, where each begins, and that reading can begin at any of them."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.pipeline.sending import sources
from pytest_cio_load.pipeline.sending.sources import Line, open_source

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def wrong_with(path: Path, number: int) -> str:
    """What is said about the line of that number."""
    source = open_source(str(path))
    line = next(line for line in source.lines() if line.number == number)
    with pytest.raises(InvalidOperation) as caught:
        source.operation(line, lambda: ULID)
    return caught.value.reason


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_json_lines(tmp_path: Path, compressed: bool, end: bytes) -> None:
    """Numbers count every line, blank ones are left out, and each can be begun at."""
    content = b'{"a": 1}\n\n  \r\n{"b": "\xc3\xa4"}\r\n{"c": 3}' + end
    path = tmp_path / ("lines.jsonl.gz" if compressed else "lines.jsonl")
    path.write_bytes(gzip.compress(content) if compressed else content)
    source = open_source(str(path))
    lines = list(source.lines())
    assert [(line.number, line.offset) for line in lines] == [(1, 0), (4, 14), (5, 27)]
    assert [source.content(line) for line in lines] == ['{"a": 1}', '{"b": "ä"}', '{"c": 3}']
    assert list(source.lines(4, 14)) == lines[1:]
    assert source.total == path.stat().st_size
    assert source.done(lines[1]) == 14 or compressed


def test_how_far_a_compressed_file_is(tmp_path: Path) -> None:
    """Measured in bytes on disk, as the total is."""
    path = tmp_path / "lines.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1_000))
    source = open_source(str(path))
    lines = source.lines()
    assert source.done(next(lines)) == source.total
    lines.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{oops\n", "got text that is no JSON; expected an object a line; mend the line"),
        (b'{"a": "\xff"}\n', "got bytes that are no UTF-8; expected UTF-8; save the file in it"),
        (b"[" * 100_000, "got text that is no JSON; expected an object a line; mend the line"),
    ],
)
def test_lines_that_are_no_json(tmp_path: Path, content: bytes, said: str) -> None:
    """The one line is bad, and nothing of it is shown."""
    path = tmp_path / "lines.jsonl"
    path.write_bytes(content)
    assert wrong_with(path, 1) == said


@pytest.mark.parametrize("name", ["lines.jsonl", "lines.csv"])
def test_a_line_without_end(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never held as a whole, it is bad, and the next one is read as ever."""
    monkeypatch.setattr(sources, "LINE_BYTES", 1_000)
    path = tmp_path / name
    header, sound = ("id,plan\n", "u2,pro\n") if name.endswith("csv") else ("\n", '{"type": "identify", "userId": "u2"}\n')
    path.write_text(header + "x" * 5_500 + "\n" + sound, encoding="utf-8")
    assert wrong_with(path, 2) == "got more than 1000000 bytes; expected one operation a line; is it a file of lines?"
    source = open_source(str(path))
    assert [(line.number, line.offset) for line in source.lines()] == [(2, len(header)), (3, len(header) + 5_501)]
    assert source.content(next(source.lines())) is None


def test_a_mark_at_the_beginning(tmp_path: Path) -> None:
    """As editors of another system leave it."""
    lines, rows = tmp_path / "lines.jsonl", tmp_path / "rows.csv"
    lines.write_bytes(b'\xef\xbb\xbf{"type": "identify", "userId": "u1"}\n')
    rows.write_bytes(b"\xef\xbb\xbfid\nu1\n")
    for path in (lines, rows):
        source = open_source(str(path))
        assert [source.operation(line, lambda: ULID).people for line in source.lines()] == [("u1",)]


def test_csv_rows(tmp_path: Path) -> None:
    """A row's number is that of its first line in the file; quoted cells may hold commas and line ends."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id,note\r\nu1,"two\r\nlines, one cell"\r\n\r\nu2,\xff\r\nu3,x\r\n')
    source = open_source(str(path))
    lines = list(source.lines())
    assert [(line.number, line.offset) for line in lines] == [(2, 9), (5, 38), (6, 44)]
    assert source.content(lines[0]) == ["u1", "two\r\nlines, one cell"]
    assert list(source.lines(5, 38)) == lines[1:]
    assert "got text with a lone surrogate; expected valid Unicode" in wrong_with(path, 5)
    assert source.content(lines[1]) == ["u2", "?"]


def test_a_quote_left_open(tmp_path: Path) -> None:
    """What it swallows is bounded; what follows is read."""
    path = tmp_path / "rows.csv"
    path.write_text('id,note\nu1,"open\n' + "u2,x\n" * 40_000, encoding="utf-8")
    assert wrong_with(path, 2).startswith("got a row that cannot be read (field larger than field limit (131072)); expected cells between")
    lines = list(open_source(str(path)).lines())
    assert len(lines) > 10_000
    assert lines[-1].number == 40_002


def test_a_csv_file_without_a_header(tmp_path: Path) -> None:
    """Said at once."""
    path = tmp_path / "rows.csv"
    path.touch()
    with pytest.raises(ValueError, match=r"columns: got none, in '.*rows.csv'; expected their names in the first row; add it"):
        open_source(str(path))


WAYS = "expected JSON lines, CSV or Parquet; check the path, or pipe it in with '-'"
CELL = st.text(st.sampled_from('ab ,"\n\r;ä'), max_size=6)


@settings(max_examples=50)
@given(rows=st.lists(st.tuples(st.text("uv", min_size=1), CELL, CELL), max_size=12))
def test_csv_can_be_read_from_any_row(rows: list[tuple[str, str, str]]) -> None:
    """Whatever cells hold, what is read from where a row begins is that row and all behind it."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("id", "a", "b"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(text.getvalue().encode())
        source = open_source(str(path))
        lines = list(source.lines())
        for place, line in enumerate(lines):
            assert list(source.lines(line.number, line.offset)) == lines[place:]
    # A lone carriage return ends a line for csv, wherever the cell is not quoted; the writer quotes it.
    assert [line.raw for line in lines] == [list(row) for row in rows]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.jsonl", "file: got a file that does not exist, {!r}; " + WAYS),
        ("folder", "file: got what is no regular file, {!r}; " + WAYS),
        ("lines.txt", "format: got a file named 'lines.txt'; expected .jsonl, .csv or .parquet; add --format jsonl"),
        ("lines.json", "format: got a file named 'lines.json'; expected .jsonl, .csv or .parquet; did you mean .jsonl?"),
    ],
)
def test_files_that_cannot_be_sent(tmp_path: Path, name: str, said: str) -> None:
    """Which one, and what would do."""
    (tmp_path / "folder").mkdir()
    for each in ("lines.txt", "lines.json"):
        (tmp_path / each).touch()
    with pytest.raises(ValueError) as caught:
        open_source(str(tmp_path / name))
    assert str(caught.value) == said.format(str(tmp_path / name))


def test_a_format_of_its_own(tmp_path: Path) -> None:
    """What the name does not say, an option does."""
    (tmp_path / "lines.txt").write_text("{}\n", encoding="utf-8")
    assert [line.raw for line in open_source(str(tmp_path / "lines.txt"), "jsonl").lines()] == [b"{}\n"]


def test_parquet_from_a_pipe() -> None:
    """It is read from its end, which a pipe does not have yet."""
    with pytest.raises(ValueError, match="format: got Parquet from standard input, which has to be read from its end; expected a file"):
        open_source("-", "parquet")


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"no gzip" + whole])
def test_a_damaged_gzip_file(tmp_path: Path, damage: object) -> None:
    """What was sound is read first."""
    path = tmp_path / "lines.jsonl.gz"
    path.write_bytes(damage(gzip.compress(b"".join(b'{"a": %d}\n' % n for n in range(50_000)))))  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"file: got gzip content that is damaged or cut off, '.*'; expected it whole; pack it again"):
        list(open_source(str(path)).lines())


def test_a_line_shows_where_it_is() -> None:
    """A plain tuple of three."""
    assert Line(3, 14, b"x") == (3, 14, b"x")
