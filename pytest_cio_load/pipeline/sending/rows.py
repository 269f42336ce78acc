"""One row as an operation: what the columns mean, and how text in a cell becomes a value.

``type`` says what a row asks for (identify when it is empty or there is none), ``id``, ``email`` or ``userId`` about whom, ``name`` which
event, ``timestamp`` when it happened. Every other column is an attribute of the person, or data of the event; so is ``email`` beside an
id, and ``name`` in a row that is no event. An empty cell is left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from pytest_cio_load.customerio.operations import entities
from pytest_cio_load.customerio.operations.items import identifiers_of
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.errors import InvalidOperation, near_miss
from pytest_cio_load.pipeline.sending.lines import NewId

PEOPLE = ("id", "email", "userId")
"""Columns that name a person; the first one that is not empty does."""

_ACTIONS = {"identify": "identify", "track": "event", "page": "page", "screen": "screen"}
_BARE = ("delete", "suppress", "unsuppress")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


def operation_of_row(cells: Mapping[str, object], new_id: NewId) -> Operation:
    """What a row asks for.

    Args:
        cells: by column; None for an empty one.
        new_id: makes the ULID of an event.

    Raises:
        InvalidOperation: it names nobody, or Customer.io would refuse it.
    """
    rest = {column: value for column, value in cells.items() if value is not None}
    kind = rest.pop("type", "identify")
    kind = kind.strip() if isinstance(kind, str) else kind
    if kind not in _ACTIONS and kind not in _BARE:
        known = (*_ACTIONS, *_BARE)
        got, hint = (repr(kind[:30]), near_miss(kind, known)) if isinstance(kind, str) else (type(kind).__name__, "")
        raise InvalidOperation("line", f"type: got {got}; expected {', '.join(known)}; {hint or 'leave it empty for identify'}")
    name = str(kind)
    item: dict[str, object] = {"type": "person", "action": _ACTIONS.get(name, name), "identifiers": _person(name, rest)}
    if name in _BARE:
        return entities.entity(item)
    if "timestamp" in rest:
        item["timestamp"] = moment(name, "timestamp", rest.pop("timestamp"))
    if name != "identify":
        item["name"] = rest.pop("name", None)
    item["attributes"] = {column: _plain(value) for column, value in rest.items()}
    return entities.entity(item, new_id=new_id)


def _person(name: str, rest: dict[str, object]) -> dict[str, str]:
    """How version 2 finds them; what names them is taken out of *rest*."""
    for column in PEOPLE:
        if column in rest:
            value = rest.pop(column)
            if isinstance(value, float) and value.is_integer():  # a column of whole numbers with gaps in it
                value = int(value)
            return identifiers_of(str(value)) if column == "userId" else {column: str(value)}
    raise InvalidOperation(name, "got a row that names nobody; expected an id, email or userId; fill one of these columns")


def moment(operation: str, column: str, value: object) -> int:
    """Whole unix seconds of a number of them, a date and time, or ISO 8601 text of either. Raises InvalidOperation."""
    if isinstance(value, str):
        text = value.strip()
        try:
            value = int(text) if text.isascii() and text.isdigit() else datetime.fromisoformat(text)
        except ValueError:
            raise InvalidOperation(operation, f"{column}: got text that is no time; expected {_TIME}") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return int(value)
    raise InvalidOperation(operation, f"{column}: got {type(value).__name__}; expected {_TIME}")


_TIME = "unix seconds or ISO 8601; write 1700000000 or 2024-01-31T12:00:00Z"


def _plain(value: object) -> object:
    """What JSON has no form for and other formats do, as the nearest that it has."""
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


class Columns:
    """The header of a CSV file: names, and how cells are read.

    Args:
        header: of the file. ``plan:int`` is the column ``plan``, whose cells are whole numbers; without a type text stays text.

    Raises:
        ValueError: nobody is named by any column, one is there twice or has no name, a type is unknown, or events may be meant.
    """

    def __init__(self, header: Sequence[str]) -> None:
        self._columns = [_column(each) for each in header]
        names = [name for name, _ in self._columns]
        check_columns(names)
        self.names = tuple(names)

    def cells(self, row: Sequence[str]) -> dict[str, object]:
        """Values by column. Raises InvalidOperation, which shows no cell, for a wrong number of them and one that cannot be read."""
        if len(row) != len(self._columns):
            reason = f"got {len(row)} cells; expected {len(self._columns)}, as in the header; quote cells that hold commas"
            raise InvalidOperation("line", reason)
        return {
            name: cell if read is None else _cell(name, cell, read)
            for (name, read), cell in zip(self._columns, row, strict=True)
            if cell != ""
        }


def check_columns(names: Sequence[str]) -> None:
    """Raise ValueError unless every column has a name of its own, one names people, and none could as well name an event."""
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise ValueError(f"columns: got {twice!r} twice; expected every name once; rename one")
    if not all(name.strip() for name in names):
        raise ValueError("columns: got one without a name; expected a name for each; name it in the first row")
    if not any(column in names for column in PEOPLE):
        got = ", ".join(repr(name[:30]) for name in names[:5])
        raise ValueError(f"columns: got {got}; expected one of id, email, userId among them; name the column that says who it is")
    if "event" in names and "type" not in names:
        fix = "name it 'name' and add a column 'type' with track in it, or add an empty column 'type' to keep it as an attribute"
        raise ValueError(f"columns: got 'event' and no 'type'; expected a 'type' that says which rows are events; {fix}")


def _column(header: str) -> tuple[str, Callable[[str], object] | None]:
    name, colon, kind = header.strip().rpartition(":")
    if not colon:
        return kind, None
    if kind not in _TYPES:
        hint = near_miss(kind, _TYPES) or f"write '{header.strip()[:30]}:text' for a name with a colon in it"
        raise ValueError(f"columns: got type {kind[:30]!r} of {name[:30]!r}; expected {', '.join(_TYPES)}; {hint}")
    return name, _TYPES[kind][0]


def _cell(name: str, cell: str, read: Callable[[str], object]) -> object:
    try:
        return read(cell.strip())
    except (ValueError, RecursionError):
        kind, example = next((kind, example) for kind, (reader, example) in _TYPES.items() if reader is read)
        raise InvalidOperation("line", f"{name}: got text that is no {kind}; expected {example}; mend the cell or its type") from None


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _bool(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError(text)
    return text.lower() in _TRUE


def _moment(text: str) -> int:
    return moment("line", "time", text)


_TYPES: dict[str, tuple[Callable[[str], object] | None, str]] = {
    "text": (None, "text"),
    "int": (int, "a whole number such as 42"),
    "float": (_float, "a number such as 4.2"),
    "bool": (_bool, "true or false, yes or no, 1 or 0"),
    "time": (_moment, "unix seconds or ISO 8601 such as 2024-01-31T12:00:00Z"),
    "json": (json.loads, 'JSON such as ["a", "b"]'),
}
