"""Submitting a form."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_cio_load.customerio.limits import refuse_attributes
from pytest_cio_load.customerio.operations.operation import Operation, body_of, check_person, check_text, segment
from pytest_cio_load.errors import InvalidOperation


def submit_form(form_id: str, data: Mapping[str, object]) -> Operation:
    """Submit a form of a person. It has no ULID, so it is never sent again when its answer is lost.

    Args:
        form_id: the form's; one that is not known is made.
        data: what was filled in; exactly one of ``id`` and ``email`` in it names the person.

    Raises:
        InvalidOperation: Customer.io would refuse it, or a value has no JSON form.
    """
    path = f"/api/v1/forms/{segment(check_text('submit_form', 'form_id', form_id))}/submit"
    if not isinstance(data, Mapping):
        raise InvalidOperation("submit_form", f"data: got {type(data).__name__}; expected a dict; write {{'email': …}}")
    names = [name for name in ("id", "email") if data.get(name) is not None]
    if len(names) != 1:
        got = "both id and email" if names else "neither id nor email"
        raise InvalidOperation("submit_form", f"data: got {got}; expected exactly one of them; {'leave one out' if names else 'add one'}")
    person = check_person("submit_form", data[names[0]])
    body = body_of("submit_form", {"data": dict(data)}, "form")
    if refusal := refuse_attributes(data, len(body)):
        raise InvalidOperation("submit_form", refusal.describe())
    return Operation("submit_form", "POST", path, body, repeatable=False, people=(person,))
