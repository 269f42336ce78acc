"""Rows as operations: what columns mean, and text as values."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.pipeline.sending.rows import Columns, check_columns, moment, operation_of_row

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def read(cells: dict[str, object]) -> dict[str, Any]:
    """The item that a row becomes, without what is the same in each."""
    item: dict[str, Any] = json.loads(operation_of_row(cells, lambda: ULID).body or b"")
    assert item.pop("type") == "person"
    return item


@pytest.mark.parametrize(
    ("cells", "item"),
    [
        (
            {"id": "u1", "email": "a@example.com", "name": "Ann", "plan": "pro", "gone": None},
            {
                "action": "identify",
                "identifiers": {"id": "u1"},
                "attributes": {"email": "a@example.com", "name": "Ann", "plan": "pro"},
            },
        ),
        ({"id": None, "email": "a@b.c"}, {"action": "identify", "identifiers": {"email": "a@b.c"}, "attributes": {}}),
        ({"userId": "cio_9"}, {"action": "identify", "identifiers": {"cio_id": "9"}, "attributes": {}}),
        ({"id": 7.0, "n": Decimal("1.50")}, {"action": "identify", "identifiers": {"id": "7"}, "attributes": {"n": 1.5}}),
        (
            {"id": "u1", "timestamp": "1970-01-01T00:01:00Z", "on": date(1970, 1, 2)},
            {"action": "identify", "identifiers": {"id": "u1"}, "timestamp": 60, "attributes": {"on": 86400}},
        ),
        (
            {"type": "track", "id": "u1", "name": "bought", "timestamp": 5, "n": Decimal(3)},
            {"action": "event", "identifiers": {"id": "u1"}, "timestamp": 5, "name": "bought", "id": ULID, "attributes": {"n": 3}},
        ),
        ({"type": " delete ", "id": "u1", "plan": "pro"}, {"action": "delete", "identifiers": {"id": "u1"}}),
    ],
)
def test_what_columns_mean(cells: dict[str, object], item: dict[str, Any]) -> None:
    """Who, what, which event and when; everything else is an attribute, and nothing is what was empty."""
    assert read(cells) == item


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"plan": "pro"}, "identify: got a row that names nobody; expected an id, email or userId; fill one of these columns"),
        (
            {"type": "trak", "id": "u1"},
            "line: type: got 'trak'; expected identify, track, page, screen, delete, suppress, unsuppress; did you mean track?",
        ),
        (
            {"type": 5, "id": "u1"},
            "line: type: got int; expected identify, track, page, screen, delete, suppress, unsuppress; leave it empty for identify",
        ),
        ({"type": "track", "id": "u1"}, "entity: event name must not be blank: got NoneType; name the event with text"),
        (
            {"id": "u1", "timestamp": "soon"},
            "identify: timestamp: got text that is no time; expected unix seconds or ISO 8601; write 1700000000 or 2024-01-31T12:00:00Z",
        ),
        (
            {"id": "u1", "timestamp": True},
            "identify: timestamp: got bool; expected unix seconds or ISO 8601; write 1700000000 or 2024-01-31T12:00:00Z",
        ),
    ],
)
def test_rows_that_are_refused(cells: dict[str, object], said: str) -> None:
    """In words that show no cell but the type."""
    with pytest.raises(InvalidOperation) as caught:
        operation_of_row(cells, lambda: ULID)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "value",
    [
        "60",
        " 60 ",
        60,
        60.9,
        "1970-01-01T00:01",
        "1970-01-01 01:01:00+01:00",
        datetime(1970, 1, 1, 0, 1),
        datetime(1970, 1, 1, 0, 1, tzinfo=UTC),
    ],
)
def test_moments(value: object) -> None:
    """Numbers and dates, as text or not; without a zone they are UTC."""
    assert moment("x", "at", value) == 60


def test_text_becomes_values_where_the_header_says_so() -> None:
    """Text stays text otherwise, and an empty cell is no value at all."""
    columns = Columns(["id", "n:int", "x:float", "a:bool", "b:bool", "at:time", "tags:json", "utm:source:text", "zip", "none:int"])
    cells = columns.cells(["u1", " 42", "4.5", "TRUE", "no", "60", '["a"]', "x", "01234", ""])
    assert cells == {"id": "u1", "n": 42, "x": 4.5, "a": True, "b": False, "at": 60, "tags": ["a"], "utm:source": "x", "zip": "01234"}
    assert columns.names == ("id", "n", "x", "a", "b", "at", "tags", "utm:source", "zip", "none")


@pytest.mark.parametrize(
    ("header", "cell", "said"),
    [
        ("n:int", "secret", "n: got text that is no int; expected a whole number such as 42; mend the cell or its type"),
        ("n:float", "nan", "n: got text that is no float; expected a number such as 4.2; mend the cell or its type"),
        ("n:bool", "ja", "n: got text that is no bool; expected true or false, yes or no, 1 or 0; mend the cell or its type"),
        (
            "n:time",
            "soon",
            "n: got text that is no time; expected unix seconds or ISO 8601 such as 2024-01-31T12:00:00Z; mend the cell or its type",
        ),
        ("n:json", "{", 'n: got text that is no json; expected JSON such as ["a", "b"]; mend the cell or its type'),
        ("n:json", "[" * 100_000, 'n: got text that is no json; expected JSON such as ["a", "b"]; mend the cell or its type'),
    ],
)
def test_cells_that_cannot_be_read(header: str, cell: str, said: str) -> None:
    """The column is named, the cell is not shown."""
    with pytest.raises(InvalidOperation) as caught:
        Columns(["id", header]).cells(["u1", cell])
    assert caught.value.reason == said


def test_a_row_of_another_length() -> None:
    """Cells that belong to no column are a mistake, not left out."""
    with pytest.raises(InvalidOperation, match="got 3 cells; expected 2, as in the header; quote cells that hold commas"):
        Columns(["id", "plan"]).cells(["u1", "a", "b"])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (["plan", "age"], "columns: got 'plan', 'age'; expected one of id, email, userId among them; name the column that says who it is"),
        (["id", "a", "a:int"], "columns: got 'a' twice; expected every name once; rename one"),
        (
            ["id", "event"],
            "columns: got 'event' and no 'type'; expected a 'type' that says which rows are events; name it 'name' and add a column 'type' "
            "with track in it, or add an empty column 'type' to keep it as an attribute",
        ),
        (["id", ""], "columns: got one without a name; expected a name for each; name it in the first row"),
        (["id", "n:itn"], "columns: got type 'itn' of 'n'; expected text, int, float, bool, time, json; did you mean int?"),
        (
            ["id", "utm:zzz"],
            "columns: got type 'zzz' of 'utm'; expected text, int, float, bool, time, json; "
            "write 'utm:zzz:text' for a name with a colon in it",
        ),
    ],
)
def test_headers_that_make_no_sense(header: list[str], said: str) -> None:
    """Said before anything is sent."""
    with pytest.raises(ValueError) as caught:
        Columns(header)
    assert str(caught.value) == said


def test_columns_of_other_formats_are_checked_alike() -> None:
    """Without types in their names."""
    check_columns(["id", "n:what"])


def test_an_attribute_that_is_called_event() -> None:
    """With a type beside it nothing is ambiguous."""
    check_columns(["id", "event", "type"])
    assert read({"id": "u1", "event": "gala"})["attributes"] == {"event": "gala"}
