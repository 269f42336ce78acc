"""Where lines come from: JSON lines and CSV, plain or gzip, from a file or standard input. Nothing is read ahead of what is asked for."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.errors import InvalidOperation, near_miss
from pytest_cio_load.pipeline.sending.lines import NewId, operation_of
from pytest_cio_load.pipeline.sending.rows import Columns, operation_of_row

STDIN = "-"
FORMATS = ("jsonl", "csv", "parquet")
LINE_BYTES = 1_000_000
"""Of a line at most: far more than an operation may have, however it is escaped."""

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
_BOM = b"\xef\xbb\xbf"
_BUFFER = 1 << 18


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that cannot even be told from the next one, and why."""

    reason: str


_TOO_LONG = Broken(f"got more than {LINE_BYTES} bytes; expected one operation a line; is it a file of lines?")


class Line(NamedTuple):
    """One line, not yet read. (A tuple, since a million of them are made.)

    Attributes:
        number: of the line, from 1; of the first one of a row that has several; of the row in Parquet.
        offset: where it begins: bytes from the beginning, decompressed; rows in Parquet.
        raw: in the source's own terms; holds a person's data and is never shown.
    """

    number: int
    offset: int
    raw: object


class Source(Protocol):
    """A file of lines."""

    path: str
    format: str

    @property
    def total(self) -> int | None:
        """How much there is to read, in bytes on disk or rows; None when that is not known."""

    def done(self, line: Line) -> int:
        """How much of it lies before *line*."""

    def lines(self, number: int = 1, offset: int = 0) -> Iterator[Line]:
        """All lines from the one that is there; blank ones are left out. Raises ValueError when the file cannot be read any further."""

    def operation(self, line: Line, new_id: NewId) -> Operation:
        """What a line asks for. Raises InvalidOperation."""

    def content(self, line: Line) -> object:
        """The line itself, in a form that JSON has."""


def open_source(path: str, format: str | None = None) -> Source:
    """The lines of a file, or of standard input.

    Args:
        path: of the file; ``-`` for standard input.
        format: jsonl, csv or parquet; None to tell it from the file's name (of standard input: jsonl).

    Raises:
        ValueError: there is no such file, its format cannot be told, its columns make no sense, or pyarrow is missing.
    """
    if path != STDIN and not Path(path).is_file():
        got = "what is no regular file" if Path(path).exists() else "a file that does not exist"
        raise ValueError(f"file: got {got}, {path!r}; expected JSON lines, CSV or Parquet; check the path, or pipe it in with '-'")
    format = format or _format_of(path)
    if format == "parquet":
        if path == STDIN:
            raise ValueError("format: got Parquet from standard input, which has to be read from its end; expected a file; save it first")
        from pytest_cio_load.pipeline.sending.parquet import ParquetLines

        return ParquetLines(path)
    return CsvLines(path) if format == "csv" else JsonLines(path)


def _format_of(path: str) -> str:
    if path == STDIN:
        return "jsonl"
    suffix = Path(path.lower().removesuffix(".gz")).suffix
    if suffix not in _SUFFIXES:
        hint = near_miss(suffix, _SUFFIXES) if suffix else ""
        raise ValueError(f"format: got a file named {Path(path).name!r}; expected .jsonl, .csv or .parquet; {hint or 'add --format jsonl'}")
    return _SUFFIXES[suffix]


class _Bytes:
    """What sources of bytes share.

    Args:
        path: of the file; ``-`` for standard input. A name that ends in ``.gz`` stands for compressed content.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.total: int | None = None if path == STDIN else os.path.getsize(path)
        self._compressed = path.lower().endswith(".gz")
        self._file: BinaryIO | None = None

    def done(self, line: Line) -> int:
        """Bytes on disk that lie before *line*; of a compressed file those read so far."""
        if self._compressed and self._file is not None and not self._file.closed:
            return self._file.tell()
        return line.offset

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """The content from its beginning. Damage to it is a ValueError."""
        try:
            # Not sys.stdin: a thread that waits in it would be in the way of the interpreter's end.
            with open(0 if self.path == STDIN else self.path, "rb", buffering=_BUFFER, closefd=self.path != STDIN) as file:
                self._file = file
                yield cast("BinaryIO", io.BufferedReader(gzip.GzipFile(fileobj=file), _BUFFER)) if self._compressed else file
        except (EOFError, gzip.BadGzipFile, zlib.error):
            got = f"gzip content that is damaged or cut off, {self.path!r}"
            raise ValueError(f"file: got {got}; expected it whole; pack it again") from None


def _physical_lines(file: BinaryIO, number: int, offset: int) -> Iterator[tuple[int, int, int, bytes | Broken]]:
    """Number, beginning, end and bytes of each line from where *file* stands; never more than one of them in memory."""
    while raw := file.readline(LINE_BYTES + 1):
        end = offset + len(raw)
        if len(raw) <= LINE_BYTES:
            yield number, offset, end, raw
        else:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LINE_BYTES)
                end += len(raw)
            yield number, offset, end, _TOO_LONG
        number, offset = number + 1, end


class JsonLines(_Bytes):
    """One JSON object a line. Arguments as of :class:`_Bytes`."""

    format = "jsonl"

    def lines(self, number: int = 1, offset: int = 0) -> Iterator[Line]:
        """All lines from the one that is there."""
        with self._opened() as file:
            if offset:
                file.seek(offset)
            for place, start, _, raw in _physical_lines(file, number, offset):
                if isinstance(raw, Broken) or not raw.isspace():
                    yield Line(place, start, raw)

    def operation(self, line: Line, new_id: NewId) -> Operation:
        """What a line asks for. Raises InvalidOperation, which shows nothing of the line."""
        raw = _whole(line)
        if line.offset == 0:
            raw = raw.removeprefix(_BOM)
        try:
            said = json.loads(raw.decode())
        except UnicodeDecodeError:
            raise InvalidOperation("line", "got bytes that are no UTF-8; expected UTF-8; save the file in it") from None
        except (ValueError, RecursionError):
            raise InvalidOperation("line", "got text that is no JSON; expected an object a line; mend the line") from None
        return operation_of(said, new_id)

    def content(self, line: Line) -> object:
        """Its text."""
        return line.raw.decode(errors="replace").rstrip("\r\n") if isinstance(line.raw, bytes) else None


def _whole(line: Line) -> bytes:
    if isinstance(line.raw, Broken):
        raise InvalidOperation("line", line.raw.reason)
    return cast("bytes", line.raw)


class CsvLines(_Bytes):
    """Rows of comma-separated cells under a header. Arguments as of :class:`_Bytes`.

    Raises:
        ValueError: a header that makes no sense; of standard input when it is read.
    """

    format = "csv"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._columns: Columns | None = None
        if path != STDIN:
            with self._opened() as file:
                self._read_header(_Text(file))

    def lines(self, number: int = 1, offset: int = 0) -> Iterator[Line]:
        """All rows from the one that is there, after the header."""
        with self._opened() as file:
            text = _Text(file)
            self._read_header(text)
            if offset > text.offset:
                file.seek(offset)
                text = _Text(file, number, offset)
            rows = csv.reader(text)
            while True:
                at, start, raw = text.number, text.offset, cast("list[str] | Broken | None", None)
                try:
                    raw = next(rows, None)
                except csv.Error as error:
                    raw = Broken(f"got a row that cannot be read ({error}); expected cells between commas; look for a quote left open")
                if text.was_too_long():
                    raw = _TOO_LONG
                if raw is None:
                    return
                if raw:
                    yield Line(at, start, raw)

    def operation(self, line: Line, new_id: NewId) -> Operation:
        """What a row asks for. Raises InvalidOperation, which shows no cell."""
        if isinstance(line.raw, Broken):
            raise InvalidOperation("line", line.raw.reason)
        return operation_of_row(cast("Columns", self._columns).cells(cast("list[str]", line.raw)), new_id)

    def content(self, line: Line) -> object:
        """Its cells."""
        return [cell.encode(errors="replace").decode() for cell in line.raw] if isinstance(line.raw, list) else None

    def _read_header(self, text: _Text) -> None:
        header = next(csv.reader(text), None)
        if not header:
            raise ValueError(f"columns: got none, in {self.path!r}; expected their names in the first row; add it")
        self._columns = Columns(header)


class _Text:
    """The lines of a CSV file as text, and where the next one begins.

    Bytes that are no UTF-8 become what no JSON takes, so that the row is refused and the rest is read.
    """

    def __init__(self, file: BinaryIO, number: int = 1, offset: int = 0) -> None:
        self.number, self.offset = number, offset
        self._lines = _physical_lines(file, number, offset)
        self._too_long = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        _, start, self.offset, raw = next(self._lines)
        self.number += 1
        if isinstance(raw, Broken):
            self._too_long = True
            return "\n"
        return (raw.removeprefix(_BOM) if start == 0 else raw).decode("utf-8", "surrogateescape")

    def was_too_long(self) -> bool:
        """Whether a line since the last question was."""
        said, self._too_long = self._too_long, False
        return said
