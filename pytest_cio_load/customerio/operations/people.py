"""Operations on people: who they are, that they are gone, that nothing more is to be known of them, that two are one."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_cio_load.customerio.limits import refuse_attributes
from pytest_cio_load.customerio.operations.operation import ID_TYPES, Operation, body_of, check_choice, check_person, named, path_of
from pytest_cio_load.errors import InvalidOperation


def identify(identifier: str, attributes: Mapping[str, object]) -> Operation:
    """Add or update a person.

    Args:
        identifier: an id, an email, or ``cio_`` and a cio_id.
        attributes: names to values; datetimes become whole unix seconds.

    Raises:
        InvalidOperation: Customer.io would refuse it, or a value has no JSON form.
    """
    path = path_of("identify", identifier)
    for name in attributes:
        if not isinstance(name, str):
            raise InvalidOperation("identify", f"attribute name: got {type(name).__name__}; expected str; write str(name)")
    body = body_of("identify", dict(attributes), "attribute")
    if refusal := refuse_attributes(attributes, len(body)):
        raise InvalidOperation("identify", refusal.describe())
    return Operation("identify", "PUT", path, body, repeatable=True, people=(identifier,))


def delete(identifier: str) -> Operation:
    """Delete a person; one who does not exist is no error.

    Raises:
        InvalidOperation: the identifier cannot name a person.
    """
    return Operation("delete", "DELETE", path_of("delete", identifier), None, repeatable=True, people=(identifier,))


def suppress(identifier: str) -> Operation:
    """Delete a person and have Customer.io ignore whatever is sent about this identifier later, until it is unsuppressed.

    Raises:
        InvalidOperation: the identifier cannot name a person.
    """
    return Operation("suppress", "POST", path_of("suppress", identifier) + "/suppress", None, repeatable=True, people=(identifier,))


def unsuppress(identifier: str) -> Operation:
    """End what suppress began; the person does not come back by it.

    Raises:
        InvalidOperation: the identifier cannot name a person.
    """
    return Operation("unsuppress", "POST", path_of("unsuppress", identifier) + "/unsuppress", None, repeatable=True, people=(identifier,))


def merge_customers(primary_id_type: str, primary_id: str, secondary_id_type: str, secondary_id: str) -> Operation:
    """Merge the secondary person into the primary one; the secondary is gone afterwards.

    Args:
        primary_id_type: id, email or cio_id.
        primary_id: whose attributes win.
        secondary_id_type: id, email or cio_id.
        secondary_id: who is merged.

    Raises:
        InvalidOperation: an identifier cannot name a person, or both name the same one.
    """
    body, people = {}, []
    asked = (("primary", primary_id_type, primary_id), ("secondary", secondary_id_type, secondary_id))
    for role, id_type, identifier in asked:
        check_choice("merge_customers", f"{role}_id_type", id_type, ID_TYPES)
        check_person("merge_customers", identifier)
        people.append(named(id_type, identifier))
        body[role] = {id_type: identifier.removeprefix("cio_") if id_type == "cio_id" else identifier}
    if people[0] == people[1]:
        reason = "secondary_id: got the primary's; expected another person; pass who is to be merged"
        raise InvalidOperation("merge_customers", reason)
    content = body_of("merge_customers", body, "identifier")
    return Operation("merge_customers", "POST", "/api/v1/merge_customers", content, repeatable=True, people=tuple(people))
