"""The filters of ``POST /v1/customers``: and, or, not over segments and attributes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pytest_cio_load.fake import texts
from pytest_cio_load.fake.persons import Person
from pytest_cio_load.fake.texts import Refused, app_error

Filter = Callable[[Person], bool]


def compiled(raw: object) -> Filter:
    """A filter as a function. Raises Refused, with the answer, for one that makes no sense."""
    try:
        return _filter(raw, "filter")
    except RecursionError:
        raise Refused(400, app_error(400, texts.FILTER.format("filter"))) from None


def _filter(raw: object, where: str) -> Filter:
    if not isinstance(raw, dict) or len(raw) != 1 or (kind := next(iter(raw))) not in _KINDS:
        raise Refused(400, app_error(400, texts.FILTER.format(where)))
    return _KINDS[kind](raw[kind], f"{where}.{kind}")


def _parts(raw: object, where: str) -> list[Filter]:
    if not isinstance(raw, list) or not raw:
        raise Refused(400, app_error(400, texts.FILTER_LIST.format(where)))
    return [_filter(part, f"{where}[{place}]") for place, part in enumerate(raw)]


def _and(raw: object, where: str) -> Filter:
    parts = _parts(raw, where)
    return lambda person: all(part(person) for part in parts)


def _or(raw: object, where: str) -> Filter:
    parts = _parts(raw, where)
    return lambda person: any(part(person) for part in parts)


def _not(raw: object, where: str) -> Filter:
    part = _filter(raw, where)
    return lambda person: not part(person)


def _segment(raw: object, where: str) -> Filter:
    number = raw.get("id") if isinstance(raw, dict) else None
    if isinstance(number, bool) or not isinstance(number, int):
        raise Refused(400, app_error(400, texts.FILTER_SEGMENT.format(where)))
    return lambda person: number in person.segments


def _attribute(raw: object, where: str) -> Filter:
    known: dict[str, Any] = raw if isinstance(raw, dict) else {}
    field, operator, value = known.get("field"), known.get("operator"), known.get("value")
    if not isinstance(field, str) or operator not in ("eq", "exists"):
        raise Refused(400, app_error(400, texts.FILTER_ATTRIBUTE.format(where)))
    if operator == "exists":
        return lambda person: _value(person, field) is not None
    asked = _text(value)
    return lambda person: (held := _value(person, field)) is not None and _text(held) == asked


def _value(person: Person, field: str) -> object:
    return person.cio_id if field == "cio_id" else person.attributes.get(field)


def _text(value: object) -> str:
    """Values are compared as they are written, so that ``true`` is found by "true" and by true."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


_KINDS: dict[str, Callable[[object, str], Filter]] = {
    "and": _and,
    "or": _or,
    "not": _not,
    "segment": _segment,
    "attribute": _attribute,
}
