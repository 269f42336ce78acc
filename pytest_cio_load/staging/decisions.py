"""Which operations may leave for a real workspace, and what is looked at in each. Whatever is not here may not.

A row is either a reason why never, or the form that the request must have and a look at its content.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pytest_cio_load.staging.admission import Look

Content: TypeAlias = dict[str, Any]
Looks: TypeAlias = Callable[["Look", Content], None]


@dataclass(frozen=True, slots=True)
class Never:
    """Why an operation is always refused.

    Attributes:
        got, expected, fix: of the message.
    """

    got: str
    expected: str
    fix: str


@dataclass(frozen=True, slots=True)
class Row:
    """An operation that may go when what is in it may.

    Attributes:
        method: that its request must have.
        path: that it must have; its group ``person`` is an identifier, its group ``device`` that of a device.
        look: at its body, or None when there is nothing to look at.
        about_people: whether the people it says it is about must be made up; False for what names none.
    """

    method: str
    path: re.Pattern[str]
    look: Looks | None = None
    about_people: bool = True


def _attributes(look: Look, attributes: object) -> Content:
    """What is said of a person: nothing that names somebody else, makes an object, or has a mailbox or a phone."""
    if not isinstance(attributes, dict):
        raise look.refuse("attributes: got none that can be read", "names to values", "pass a dict")
    if attributes.get("id") is not None:
        look.person(attributes["id"])
    for name in ("cio_id", "cio_relationships"):
        if name in attributes:
            raise look.refuse(f"{name}: got one", "people of this run alone, without objects, which nothing deletes again", "leave it out")
    if "phone" in attributes:
        expected = "none: no number is known to be nobody's, and a campaign may send messages to it"
        raise look.refuse("phone: got one", expected, "leave it out, or name the attribute otherwise")
    if attributes.get("anonymous_id") is not None:
        look.anonymous(attributes["anonymous_id"])
    return attributes


def _identified(look: Look, attributes: Content, named_by_email: bool) -> None:
    """An identify. Whoever has no id is called by their email alone: a new one must be on disk like an id."""
    email = _attributes(look, attributes).get("email")
    if named_by_email and email not in (None, ""):
        look.person(email)
    look.address("email", email)
    look.carry_run(attributes)


def _identify(look: Look, body: Content) -> None:
    _identified(look, body, any("@" in name for name in look.names))


def _event(look: Look, body: Content) -> None:
    _event_data(look, body.get("data"))


def _event_data(look: Look, data: object) -> None:
    if isinstance(data, dict):
        look.address("recipient", data.get("recipient"))


def _anonymous(look: Look, body: Content) -> None:
    data = body.get("data")
    if body.get("anonymous_id") is None or (isinstance(data, dict) and data.get("recipient") not in (None, "")):
        raise look.refuse(
            "got an invite, or an anonymous event with a recipient",
            "none: it may reach a mailbox, and there is nobody to delete afterwards",
            "track it for cio_load.user.id",
        )
    look.anonymous(body["anonymous_id"])


def _device(look: Look, content: Content) -> None:
    """A device, by ``id`` as version 1 has it, or by ``token`` as version 2 does: whichever is there, and one must be."""
    device = content.get("device")
    named = [device[name] for name in ("id", "token") if name in device] if isinstance(device, dict) else []
    for each in named or [None]:
        look.device(each)


def _merge(look: Look, body: Content) -> None:
    for role in ("primary", "secondary"):
        look.people(body.get(role))


def _members(look: Look, body: Content) -> None:
    for one in body.get("ids") or [None]:
        look.person(one)


def _form(look: Look, body: Content) -> None:
    data = _attributes(look, body.get("data"))
    named = [data[name] for name in ("id", "email") if data.get(name) is not None]
    for each in named or [None]:
        look.person(each)


def _person_item(look: Look, item: Content) -> None:
    look.people(item.get("identifiers"))
    if "cio_relationships" in item:
        raise look.refuse("cio_relationships: got some", "no objects, which nothing deletes again", "leave them out")
    if "device" in item:
        _device(look, item)


def _identify_item(look: Look, item: Content) -> None:
    _person_item(look, item)
    if item.get("attributes") is None:
        item["attributes"] = {}
    _identified(look, item["attributes"], "email" in item["identifiers"])


def _device_item(look: Look, item: Content) -> None:
    _person_item(look, item)
    _device(look, item)


def _event_item(look: Look, item: Content) -> None:
    _person_item(look, item)
    _event_data(look, item.get("attributes"))


_SUPPRESS = Never(
    "got suppress, which outlives the deletion of the person",
    "nothing that cannot be taken back: whatever is sent about them later would be ignored",
    "delete them instead",
)
_DELIVERY = Never(
    "got a report about a message, or an unsubscription by one",
    "nothing that cannot be taken back: figures of real campaigns would be wrong for good",
    "try it against the mock or the fake",
)
_OBJECT = Never(
    "got an operation on an object",
    "people only: an object may be a real one, and the cleanup deletes none",
    "try it against the mock or the fake",
)
_PERSON = r"/api/v1/customers/(?P<person>[^/?#]+)"


def _row(method: str, path: str, look: Looks | None = None, *, about_people: bool = True) -> Row:
    return Row(method, re.compile(path), look, about_people)


def _read(method: str, path: str) -> Row:
    """What changes nothing may be asked about anybody."""
    return _row(method, path, about_people=False)


TABLE: dict[str, Row | Never] = {
    "identify": _row("PUT", _PERSON, _identify),
    "delete": _row("DELETE", _PERSON),
    "suppress": _SUPPRESS,
    "unsuppress": _row("POST", _PERSON + "/unsuppress"),
    "merge_customers": _row("POST", "/api/v1/merge_customers", _merge),
    **{name: _row("POST", _PERSON + "/events", _event) for name in ("track", "page", "screen")},
    "track_anonymous": _row("POST", "/api/v1/events", _anonymous, about_people=False),
    "add_device": _row("PUT", _PERSON + "/devices", _device),
    "delete_device": _row("DELETE", _PERSON + r"/devices/(?P<device>[^/?#]+)"),
    "add_customers_to_segment": _row("POST", r"/api/v1/segments/[0-9]+/add_customers\?id_type=(?:id|email)", _members),
    "remove_customers_from_segment": _row("POST", r"/api/v1/segments/[0-9]+/remove_customers\?id_type=(?:id|email)", _members),
    **dict.fromkeys(("report_metric", "report_push", "unsubscribe"), _DELIVERY),
    "submit_form": _row("POST", r"/api/v1/forms/[^/?#]+/submit", _form),
    "entity": _row("POST", "/api/v2/entity"),
    "batch": _row("POST", "/api/v2/batch"),
    "account_region": _read("GET", "/api/v1/accounts/region"),
    "auth": _read("GET", "/auth"),
    "customers_by_email": _read("GET", r"/v1/customers\?.*"),
    "customer_attributes": _read("GET", r"/v1/customers/[^/?#]+/attributes(?:\?.*)?"),
    "customers_attributes": _read("POST", "/v1/customers/attributes"),
    "customer_activities": _read("GET", r"/v1/customers/[^/?#]+/activities(?:\?.*)?"),
    "activities": _read("GET", r"/v1/activities(?:\?.*)?"),
    "customers_by_filter": _read("POST", r"/v1/customers(?:\?.*)?"),
    "workspaces": _read("GET", "/v1/workspaces"),
}
"""Every operation of the catalogue, by name."""

ENTITIES: dict[tuple[str, str], Looks | Never] = {
    ("person", "identify"): _identify_item,
    **{("person", action): _event_item for action in ("event", "page", "screen")},
    **{("person", action): _person_item for action in ("delete", "unsuppress")},
    **{("person", action): _device_item for action in ("add_device", "delete_device")},
    ("person", "merge"): _merge,
    ("person", "suppress"): _SUPPRESS,
    **{("person", action): _OBJECT for action in ("add_relationships", "delete_relationships")},
    **{("object", action): _OBJECT for action in ("identify", "delete", "add_relationships", "delete_relationships")},
    ("delivery", "event"): _DELIVERY,
}
"""Every operation of version 2, by type and action."""
