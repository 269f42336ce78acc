"""What a load test reads through the App API: who arrived, with what, and what Customer.io made of it.

Ten requests a second are allowed, so these calls look at samples, not at everything that was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from pytest_cio_load.customerio.operations.operation import (
    ID_TYPES,
    Auth,
    Host,
    Operation,
    body_of,
    check_choice,
    check_person,
    check_text,
    segment,
)
from pytest_cio_load.errors import InvalidOperation

CUSTOMERS_AT_ONCE = 100
FOUND_AT_ONCE = 1_000
ACTIVITIES_AT_ONCE = 100


def customers_by_email(email: str) -> Operation:
    """Find people by their email; nobody is no error.

    Raises:
        InvalidOperation: the email is blank.
    """
    check_text("customers_by_email", "email", email)
    return _get("customers_by_email", "/v1/customers", email=email)


def customer_attributes(identifier: str, *, id_type: str = "id") -> Operation:
    """Read a person's attributes and devices.

    Args:
        identifier: of the kind that *id_type* says.
        id_type: id, email or cio_id.

    Raises:
        InvalidOperation: the identifier cannot name a person, or the type is none.
    """
    who = _who("customer_attributes", identifier, id_type)
    return _get("customer_attributes", f"/v1/customers/{who}/attributes", id_type=id_type)


def customers_attributes(ids: Iterable[str]) -> Operation:
    """Read the attributes of several people at once; who is not there is left out.

    Args:
        ids: 1 to 100 ids.

    Raises:
        InvalidOperation: too few or too many, or one cannot name a person.
    """
    if isinstance(ids, str):
        raise InvalidOperation("customers_attributes", "ids: got str; expected several people; write [id]")
    people = [check_person("customers_attributes", one) for one in ids]
    if not 1 <= len(people) <= CUSTOMERS_AT_ONCE:
        fix = "ask for the rest in a second call" if people else "pass some"
        raise InvalidOperation("customers_attributes", f"ids: got {len(people)}; expected 1 to {CUSTOMERS_AT_ONCE}; {fix}")
    return _post("customers_attributes", "/v1/customers/attributes", {"ids": people})


def customer_activities(
    identifier: str,
    *,
    id_type: str = "id",
    type: str | None = None,
    name: str | None = None,
    limit: int | None = None,
    start: str | None = None,
) -> Operation:
    """Read what a person did and what was done to them, newest first.

    Args:
        identifier: of the kind that *id_type* says.
        id_type: id, email or cio_id.
        type: such as event, attribute_change or failed_event; None for all.
        name: of the event or attribute; None for all.
        limit: at most so many, 1 to 100; None for Customer.io's own choice.
        start: what the page before this one gave as *next*.

    Raises:
        InvalidOperation: the identifier cannot name a person, or a limit that is out of range.
    """
    who = _who("customer_activities", identifier, id_type)
    _check_limit("customer_activities", limit, ACTIVITIES_AT_ONCE)
    path = f"/v1/customers/{who}/activities"
    return _get("customer_activities", path, id_type=id_type, type=type, name=name, limit=limit, start=start)


def activities(
    *,
    type: str | None = None,
    name: str | None = None,
    customer_id: str | None = None,
    deleted: bool | None = None,
    limit: int | None = None,
    start: str | None = None,
) -> Operation:
    """Read what happened in the workspace, newest first. ``failed_*`` and ``skipped_update`` show what was accepted and not applied.

    Args:
        type: such as event, attribute_change or failed_event; None for all.
        name: of the event or attribute; None for all.
        customer_id: of one person; None for all.
        deleted: True for people who are gone as well.
        limit: at most so many, 1 to 100; None for Customer.io's own choice.
        start: what the page before this one gave as *next*.

    Raises:
        InvalidOperation: a limit that is out of range.
    """
    _check_limit("activities", limit, ACTIVITIES_AT_ONCE)
    gone = None if deleted is None else str(deleted).lower()
    return _get("activities", "/v1/activities", type=type, name=name, customer_id=customer_id, deleted=gone, limit=limit, start=start)


def customers_by_filter(filter: Mapping[str, object], *, limit: int | None = None, start: str | None = None) -> Operation:
    """Find people by segments and attributes.

    Args:
        filter: ``and``, ``or`` and ``not`` over ``segment`` and ``attribute``, such as
            ``{"attribute": {"field": "_load_test", "operator": "exists"}}``.
        limit: at most so many, 1 to 1,000; None for Customer.io's own choice.
        start: what the page before this one gave as *next*.

    Raises:
        InvalidOperation: no filter, a value without a JSON form, or a limit that is out of range.
    """
    _check_limit("customers_by_filter", limit, FOUND_AT_ONCE)
    if not isinstance(filter, Mapping) or not filter:
        got = "an empty one" if isinstance(filter, Mapping) else type(filter).__name__
        example = "{'attribute': {'field': 'plan', 'operator': 'exists'}}"
        raise InvalidOperation("customers_by_filter", f"filter: got {got}; expected and, or, not, segment or attribute; try {example}")
    query = _query(limit=limit, start=start)
    return _post("customers_by_filter", "/v1/customers" + query, {"filter": dict(filter)})


def workspaces() -> Operation:
    """List the account's workspaces. Their counts are up to two hours old; which workspace a key belongs to is not said."""
    return _get("workspaces", "/v1/workspaces")


def _who(operation: str, identifier: str, id_type: str) -> str:
    check_choice(operation, "id_type", id_type, ID_TYPES)
    return segment(check_person(operation, identifier))


def _check_limit(operation: str, limit: int | None, most: int) -> None:
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= most:
        got = str(limit) if isinstance(limit, int) else type(limit).__name__
        raise InvalidOperation(operation, f"limit: got {got}; expected 1 to {most}; ask for the rest by start")


def _query(**asked: object) -> str:
    given = {name: value for name, value in asked.items() if value is not None}
    return "?" + urlencode(given, errors="replace") if given else ""


def _get(operation: str, path: str, **asked: object) -> Operation:
    return Operation(operation, "GET", path + _query(**asked), None, repeatable=True, auth=Auth.BEARER, host=Host.APP)


def _post(operation: str, path: str, body: dict[str, object]) -> Operation:
    content = body_of(operation, body, operation)
    return Operation(operation, "POST", path, content, repeatable=True, auth=Auth.BEARER, host=Host.APP)
