"""Rows of Parquet, one row group after the other. Imported only when such a file is sent."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, cast

from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.pipeline.sending.lines import NewId
from pytest_cio_load.pipeline.sending.rows import check_columns, operation_of_row
from pytest_cio_load.pipeline.sending.sources import Line

_ROWS = 1_000
"""Made into objects of Python at once."""


class ParquetLines:
    """The rows of a Parquet file, with their own types; what they mean is as in CSV.

    Args:
        path: of the file.

    Raises:
        ValueError: pyarrow is missing, the file is no Parquet, or its columns make no sense.
    """

    format = "parquet"

    def __init__(self, path: str) -> None:
        try:
            pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
        except ImportError:
            fix = "pip install 'pytest-cio-load[parquet]'"
            raise ValueError(f"format: got Parquet, and pyarrow is not installed; expected it for this format; {fix}") from None
        self.path = path
        self._damaged: tuple[type[Exception], ...] = (pyarrow.ArrowException, OSError)
        self._open: Any = parquet.ParquetFile
        try:
            with self._open(path) as file:
                self.total: int | None = file.metadata.num_rows
                check_columns(file.schema_arrow.names)
        except self._damaged:
            raise self._refused() from None

    def done(self, line: Line) -> int:
        """Rows before *line*."""
        return line.offset

    def lines(self, number: int = 1, offset: int = 0) -> Iterator[Line]:
        """All rows from the one that is there; row groups that lie before it are not read."""
        try:
            with self._open(self.path) as file:
                first = 0
                for group in range(file.metadata.num_row_groups):
                    rows = file.metadata.row_group(group).num_rows
                    if first + rows > offset:
                        yield from self._group(file, group, first, offset)
                    first += rows
        except self._damaged:
            raise self._refused() from None

    def operation(self, line: Line, new_id: NewId) -> Operation:
        """What a row asks for. Raises InvalidOperation, which shows no cell."""
        return operation_of_row(cast("dict[str, object]", line.raw), new_id)

    def content(self, line: Line) -> object:
        """Its cells by column, as text where JSON has no form for them."""
        cells = cast("dict[str, object]", line.raw)
        return {name: cell if isinstance(cell, (str, int, float, bool, type(None))) else str(cell) for name, cell in cells.items()}

    def _group(self, file: Any, group: int, first: int, offset: int) -> Iterator[Line]:
        for batch in file.iter_batches(batch_size=_ROWS, row_groups=[group]):
            if first + batch.num_rows > offset:
                for place, row in enumerate(batch.to_pylist(), first):
                    if place >= offset:
                        yield Line(place + 1, place, row)
            first += batch.num_rows

    def _refused(self) -> ValueError:
        return ValueError(f"file: got content that is damaged or no Parquet, {self.path!r}; expected a Parquet file; write it again")
