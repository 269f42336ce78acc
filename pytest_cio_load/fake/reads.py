"""Answers of the App API: people, their segments and activities, as far as a load test reads them.

Pages are asked for by *limit* and *start*; *next* in an answer is the *start* of the page after it, "" on the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_cio_load.fake import texts
from pytest_cio_load.fake.activities import Activity
from pytest_cio_load.fake.bodies import content_of
from pytest_cio_load.fake.filters import compiled
from pytest_cio_load.fake.people import People
from pytest_cio_load.fake.persons import Name, Person, Register, is_email, named
from pytest_cio_load.fake.routes import Route
from pytest_cio_load.fake.texts import Refused, app_error
from pytest_cio_load.fake.things import Segment
from pytest_cio_load.fake.visible import Visible

Answered = dict[str, Any]


class Reads:
    """Answers from a workspace's people.

    Args:
        people: who there is.
        visible: what of it can be seen.
        describe: the workspace's id and name.
        unix: turns a time on the clock of the requests into unix seconds.
    """

    def __init__(self, people: People, visible: Visible, describe: Callable[[], Answered], unix: Callable[[float], int]) -> None:
        self._people, self._visible, self._describe, self._unix = people, visible, describe, unix
        self._does: dict[str, Callable[[Route, bytes, float], Answered]] = {
            "customers_by_email": self._by_email,
            "customers_by_filter": self._by_filter,
            "customers_attributes": self._attributes_of_many,
            "customer_attributes": lambda route, _, now: {"customer": self._customer(self._one(route, now))},
            "customer_segments": self._segments_of,
            "customer_messages": self._messages_of,
            "customer_activities": self._activities_of,
            "activities": self._activities,
            "workspaces": self._workspaces,
            "segments": lambda route, _, now: {"segments": [_segment(one) for one in self._people.things.segments.values()]},
            "segment": lambda route, _, now: {"segment": _segment(self._segment(route))},
            "segment_count": lambda route, _, now: {"count": len(self._members(route, now))},
            "segment_membership": lambda route, body, now: self._page(route, self._members(route, now)),
            "create_segment": self._create_segment,
            "delete_segment": self._delete_segment,
        }

    def answer(self, route: Route, body: bytes, now: float) -> Answered:
        """The answer to a request, for JSON. Raises Refused, with the answer, when it cannot be given."""
        return self._does[route.operation](route, body, now)

    def _register(self, now: float) -> Register:
        return self._visible.register(self._people.register, now)

    def _one(self, route: Route, now: float) -> Person:
        name = _typed(route.identifier, route.parameters().get("id_type", ""))
        person = self._register(now).find(name)
        if person is None or (name[0] in ("id", "email") and person.attributes.get(name[0]) != name[1]):
            raise Refused(404, app_error(404, texts.NOT_FOUND))
        return person

    def _by_email(self, route: Route, body: bytes, now: float) -> Answered:
        email = route.parameters().get("email", "")
        if not email:
            raise Refused(400, app_error(400, texts.EMAIL))
        person = self._register(now).find(("email", email))
        return {"results": [] if person is None or person.attributes.get("email") != email else [_names(person)]}

    def _by_filter(self, route: Route, body: bytes, now: float) -> Answered:
        keeps = compiled(_content(body).get("filter"))
        return self._page(route, [person for person in self._register(now) if keeps(person)])

    def _page(self, route: Route, found: list[Person]) -> Answered:
        parameters = route.parameters()
        limit, start = _limit(parameters, 50, 1000), _start(parameters) or 0
        page = found[start : start + limit]
        return {
            "identifiers": [_names(person) for person in page],
            "ids": [person.attributes["id"] for person in page if person.attributes.get("id") is not None],
            "next": str(start + limit) if start + limit < len(found) else "",
        }

    def _attributes_of_many(self, route: Route, body: bytes, now: float) -> Answered:
        ids = _content(body).get("ids")
        if not isinstance(ids, list) or not 1 <= len(ids) <= 100 or not all(isinstance(one, str) for one in ids):
            raise Refused(400, app_error(400, texts.ATTRIBUTE_IDS))
        register = self._register(now)
        return {"customers": [self._customer(person) for one in ids if (person := register.find(("id", one))) is not None]}

    def _customer(self, person: Person) -> Answered:
        return {
            "id": person.attributes.get("id") or "",
            "identifiers": _names(person),
            "attributes": {**person.attributes, "cio_id": person.cio_id},
            "unsubscribed": person.attributes.get("unsubscribed") in (True, "true"),
            "devices": [{"id": token, **held} for token, held in person.devices.items()],
        }

    def _segments_of(self, route: Route, body: bytes, now: float) -> Answered:
        segments = self._people.things.segments
        return {"segments": [_segment(segments[number]) for number in sorted(self._one(route, now).segments) if number in segments]}

    def _messages_of(self, route: Route, body: bytes, now: float) -> Answered:
        """The fake sends no message, so nobody has any."""
        self._one(route, now)
        return {"messages": [], "next": ""}

    def _activities_of(self, route: Route, body: bytes, now: float) -> Answered:
        return self._log(route, now, self._one(route, now).cio_id)

    def _activities(self, route: Route, body: bytes, now: float) -> Answered:
        parameters = route.parameters()
        whose = parameters.get("customer_id", "")
        if not whose:
            return self._log(route, now, None)
        person = self._register(now).find(_typed(whose, parameters.get("id_type", "")))
        # Who was deleted has no entry of their own any more, but still has activities, by the names they had.
        return self._log(route, now, whose if person is None else person.cio_id)

    def _log(self, route: Route, now: float, whose: str | None) -> Answered:
        parameters = route.parameters()
        type_, name, deleted = parameters.get("type"), parameters.get("name"), parameters.get("deleted") == "true"
        register = self._register(now)

        def keep(activity: Activity) -> bool:
            if not self._visible.shows(activity.at, now) or (type_ and activity.type != type_) or (name and activity.name != name):
                return False
            if whose is not None and activity.person != whose and whose not in activity.named:
                return False
            return deleted or activity.person is None or register.find(("cio_id", activity.person)) is not None

        found, following = self._people.activities.page(keep, _start(parameters), _limit(parameters, 10, 100))
        return {"activities": [self._activity(one) for one in found], "next": "" if following is None else str(following)}

    def _activity(self, activity: Activity) -> Answered:
        id_, email, cio_id = activity.named
        return {
            "id": f"{activity.number:026d}",
            "type": activity.type,
            "name": activity.name,
            "timestamp": self._unix(activity.at),
            "customer_id": id_ or "",
            "customer_identifiers": {"id": id_ or "", "email": email or "", "cio_id": cio_id or ""},
            "data": {**activity.data, "failure_message": activity.failed} if activity.failed else dict(activity.data),
        }

    def _workspaces(self, route: Route, body: bytes, now: float) -> Answered:
        objects = self._people.things.objects
        counts = {"object_types": len({kind for kind, _ in objects}), "objects": len(objects)}
        sent = {"people": len(self._register(now)), "messages_sent": 0, "billable_messages_sent": 0}
        return {"workspaces": [{**self._describe(), **sent, **counts}]}

    def _segment(self, route: Route) -> Segment:
        segment = self._people.things.segments.get(int(route.identifier)) if _whole(route.identifier) else None
        if segment is None:
            raise Refused(404, app_error(404, texts.NOT_FOUND))
        return segment

    def _members(self, route: Route, now: float) -> list[Person]:
        number = self._segment(route).id
        return [person for person in self._register(now) if number in person.segments]

    def _create_segment(self, route: Route, body: bytes, now: float) -> Answered:
        asked = _content(body).get("segment")
        name = asked.get("name") if isinstance(asked, dict) else None
        if not isinstance(asked, dict) or not isinstance(name, str) or not name:
            raise Refused(400, app_error(400, texts.SEGMENT_NAME))
        segment = self._people.things.segment(max(self._people.things.segments, default=0) + 1)
        segment.name, segment.description = name, str(asked.get("description") or "")
        return {"segment": _segment(segment)}

    def _delete_segment(self, route: Route, body: bytes, now: float) -> Answered:
        number = self._segment(route).id
        del self._people.things.segments[number]
        for person in self._people.register:
            if number in person.segments:
                person.segments.discard(number)
                self._people.changed(person, now)
        return {}


def _typed(text: str, id_type: str) -> Name:
    if id_type not in ("", "id", "email", "cio_id"):
        raise Refused(400, app_error(400, texts.ID_TYPE))
    if id_type == "cio_id":
        return "cio_id", text.removeprefix("cio_")
    return ("email" if id_type == "email" else "id", text) if id_type else _shaped(text)


def _shaped(text: str) -> Name:
    """Without an id_type the App API takes an id, unless it can be none."""
    name = named(text)
    return name if name[0] == "cio_id" else ("id", text)


def _names(person: Person) -> Answered:
    email = person.attributes.get("email")
    return {"email": email if is_email(email) else "", "id": person.attributes.get("id") or "", "cio_id": person.cio_id}


def _segment(segment: Segment) -> Answered:
    return {
        "id": segment.id,
        "name": segment.name,
        "description": segment.description,
        "state": "finished",
        "progress": None,
        "type": "manual",
    }


def _content(body: bytes) -> Answered:
    try:
        return content_of(body)
    except Refused:
        raise Refused(400, app_error(400, texts.NOT_OBJECT)) from None


def _limit(parameters: Answered, usual: int, most: int) -> int:
    text = parameters.get("limit") or str(usual)
    if not _whole(text) or not 1 <= int(text) <= most:
        raise Refused(400, app_error(400, texts.PARAMETER.format("limit", most)))
    return int(text)


def _start(parameters: Answered) -> int | None:
    text = parameters.get("start") or ""
    if text and not _whole(text):
        raise Refused(400, app_error(400, texts.START))
    return int(text) if text else None


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15
