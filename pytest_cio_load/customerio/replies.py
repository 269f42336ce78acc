"""What calls that ask for something give back, as values, and the reading of them out of an answer.

Customer.io adds fields as it likes: readers take what is named here, and let everything else be.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pytest_cio_load.customerio.wire import Answer
from pytest_cio_load.customerio.workspaces import Access, Region

T = TypeVar("T")


class Unreadable(Exception):
    """An answer was an acceptance and not what was asked for. The text says what was got and expected, and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class AccountRegion:
    """Where an account is kept.

    Attributes:
        url: of the Track API that belongs to it.
        region: of the account.
        environment_id: the workspace that the credentials belong to; None when the answer did not say.
    """

    url: str
    region: Region
    environment_id: int | None

    def problem_with(self, workspace: Access) -> str | None:
        """What is wrong with the region a workspace was given, and the fix; None when it is right."""
        if workspace.region is self.region:
            return None
        got, right = workspace.region.value, self.region
        return f"region: got {got}; expected {right.value}, where the account's data is kept; write Region.{right.name}"


@dataclass(frozen=True, slots=True)
class ItemRefusal:
    """Why one operation of a batch was refused; all others were accepted.

    Attributes:
        index: its place in the batch, from 0.
        reason: Customer.io's word for it.
        field: the part of the operation at fault; "" when not said.
        message: Customer.io's sentence; not shown, for it may repeat what was sent.
    """

    index: int
    reason: str
    field: str
    message: str = dataclasses.field(repr=False)


@dataclass(frozen=True, slots=True)
class CustomerNames:
    """What a person is called. Not shown."""

    id: str | None = field(repr=False)
    email: str | None = field(repr=False)
    cio_id: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Customer:
    """A person as the App API shows them. Not shown.

    Attributes:
        names: what they are called.
        attributes: names to values, all text.
        devices: as they were added.
        unsubscribed: whether from everything.
    """

    names: CustomerNames
    attributes: Mapping[str, Any] = field(repr=False)
    devices: tuple[Mapping[str, Any], ...] = field(repr=False)
    unsubscribed: bool


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that a person did or that was done to them.

    Attributes:
        id: of the activity.
        type: event, attribute_change, failed_event, skipped_update, …
        name: of the event or attribute; "" when it has none.
        timestamp: unix seconds.
        names: what the person is called.
        data: what else is known; not shown.
    """

    id: str
    type: str
    name: str
    timestamp: int
    names: CustomerNames
    data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of what was asked for.

    Attributes:
        items: in Customer.io's order.
        next: pass it as *start* to get the page after this one; "" on the last.
    """

    items: tuple[T, ...]
    next: str


@dataclass(frozen=True, slots=True)
class WorkspaceSummary:
    """A workspace of the account. ``people`` may be an hour old."""

    id: int
    name: str
    people: int


def nothing(_: Answer) -> None:
    """Nothing was asked for: an acceptance is all there is to know, whatever its body."""


def account_region(answer: Answer) -> AccountRegion:
    """Reads ``accounts/region``. Raises Unreadable."""
    said = _object(answer)
    # Customer.io called the field data_center once.
    name = said.get("region", said.get("data_center"))
    if name not in [region.value for region in Region]:
        raise Unreadable("region: got none that is known; expected us or eu")
    environment = said.get("environment_id")
    return AccountRegion(_text(said.get("url")), Region(name), environment if isinstance(environment, int) else None)


def refusals(answer: Answer) -> tuple[ItemRefusal, ...]:
    """Reads the answer to a batch: what of it was refused. Raises Unreadable."""
    if answer.status != 207:
        return ()
    return tuple(_refusal(each) for each in _list(_object(answer), "errors"))


def customers_found(answer: Answer) -> tuple[CustomerNames, ...]:
    """Reads people found by email. Raises Unreadable."""
    return tuple(_names(each) for each in _list(_object(answer), "results"))


def customer(answer: Answer) -> Customer:
    """Reads one person. Raises Unreadable."""
    return _customer(_object(answer).get("customer"))


def customers(answer: Answer) -> tuple[Customer, ...]:
    """Reads several people. Raises Unreadable."""
    return tuple(_customer(each) for each in _list(_object(answer), "customers"))


def customers_page(answer: Answer) -> Page[CustomerNames]:
    """Reads a page of people. Raises Unreadable."""
    said = _object(answer)
    return Page(tuple(_names(each) for each in _list(said, "identifiers")), _text(said.get("next")))


def activities_page(answer: Answer) -> Page[Activity]:
    """Reads a page of activities. Raises Unreadable."""
    said = _object(answer)
    return Page(tuple(_activity(each) for each in _list(said, "activities")), _text(said.get("next")))


def workspaces(answer: Answer) -> tuple[WorkspaceSummary, ...]:
    """Reads the account's workspaces. Raises Unreadable."""
    return tuple(_summary(each) for each in _list(_object(answer), "workspaces"))


def _object(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Unreadable("answer: got a body that is no JSON; expected a JSON object") from None
    return _hash(said, "answer")


def _hash(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"{what}: got {_kind(value)}; expected a JSON object")
    return value


def _list(said: dict[str, Any], name: str) -> list[Any]:
    value = said.get(name)
    if not isinstance(value, list):
        raise Unreadable(f"{name}: got {_kind(value)}; expected a list")
    return value


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(said: dict[str, Any], name: str) -> int:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(f"{name}: got {_kind(value)}; expected a whole number")
    return value


def _refusal(each: object) -> ItemRefusal:
    said = _hash(each, "errors")
    reason, field_, message = (_text(said.get(name)) for name in ("reason", "field", "message"))
    return ItemRefusal(_number(said, "batch_index"), reason, field_, message)


def _names(said: object) -> CustomerNames:
    names = _hash(said, "identifiers")
    id_, email, cio_id = (_text(names.get(kind)) or None for kind in ("id", "email", "cio_id"))
    return CustomerNames(id_, email, cio_id)


def _customer(each: object) -> Customer:
    said = _hash(each, "customer")
    attributes = said.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    names = said.get("identifiers")
    devices = said.get("devices")
    held = tuple(one for one in devices if isinstance(one, dict)) if isinstance(devices, list) else ()
    who = _names(names if isinstance(names, dict) else {**attributes, "id": said.get("id")})
    return Customer(who, attributes, held, said.get("unsubscribed") is True)


def _activity(each: object) -> Activity:
    said = _hash(each, "activities")
    names, data = said.get("customer_identifiers"), said.get("data")
    who = _names(names if isinstance(names, dict) else {"id": said.get("customer_id")})
    details = data if isinstance(data, dict) else {}
    return Activity(_text(said.get("id")), _text(said.get("type")), _text(said.get("name")), _number(said, "timestamp"), who, details)


def _summary(each: object) -> WorkspaceSummary:
    said = _hash(each, "workspaces")
    people = said.get("people")
    return WorkspaceSummary(_number(said, "id"), _text(said.get("name")), people if isinstance(people, int) else 0)
