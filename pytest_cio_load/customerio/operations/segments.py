"""Operations on manual segments."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_cio_load.customerio.operations.operation import ID_TYPES, Operation, body_of, check_choice, check_person
from pytest_cio_load.errors import InvalidOperation

MOST_IDS = 1_000


def add_customers_to_segment(segment_id: int, ids: Iterable[str], *, id_type: str = "id") -> Operation:
    """Put people into a manual segment.

    Args:
        segment_id: its number.
        ids: 1 to 1,000 people.
        id_type: what they are named by: id, email or cio_id.

    Raises:
        InvalidOperation: Customer.io would refuse it.
    """
    return _change("add_customers_to_segment", "add_customers", segment_id, ids, id_type)


def remove_customers_from_segment(segment_id: int, ids: Iterable[str], *, id_type: str = "id") -> Operation:
    """Take people out of a manual segment.

    Args:
        segment_id: its number.
        ids: 1 to 1,000 people.
        id_type: what they are named by: id, email or cio_id.

    Raises:
        InvalidOperation: Customer.io would refuse it.
    """
    return _change("remove_customers_from_segment", "remove_customers", segment_id, ids, id_type)


def _change(operation: str, verb: str, segment_id: int, ids: Iterable[str], id_type: str) -> Operation:
    if isinstance(segment_id, bool) or not isinstance(segment_id, int) or segment_id < 0:
        got = str(segment_id) if type(segment_id) is int else type(segment_id).__name__
        raise InvalidOperation(operation, f"segment_id: got {got}; expected the number of a manual segment; its address shows it")
    check_choice(operation, "id_type", id_type, ID_TYPES)
    if isinstance(ids, str):
        raise InvalidOperation(operation, "ids: got str; expected several people; write [identifier]")
    people = list(ids)
    if not 1 <= len(people) <= MOST_IDS:
        fix = "pass some" if not people else f"send the last {len(people) - MOST_IDS} in a second call"
        raise InvalidOperation(operation, f"ids: got {len(people)}; expected 1 to {MOST_IDS}; {fix}")
    for one in people:
        check_person(operation, one)
    body = body_of(operation, {"ids": people}, "ids")
    return Operation(operation, "POST", f"/api/v1/segments/{segment_id}/{verb}?id_type={id_type}", body, repeatable=True)
