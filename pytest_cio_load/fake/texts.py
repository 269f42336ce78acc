"""What the fake answers with: headers as recorded, error shapes as documented, and every text in one place.

Texts marked *ours* are this project's choice, since Customer.io publishes none: nothing should depend on their words.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus

ACCEPTED_HEADERS: Mapping[str, str] = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-cache, no-store, must-revalidate, max-age=0",
    "access-control-allow-origin": "*",
    "status": "200 OK",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "via": "1.1 google",
}
"""Of a recorded 200."""

HEADERS: Mapping[str, str] = {"content-type": "application/json; charset=utf-8"}
"""Of every other answer with a body."""

NOTHING = b"{}\n"

UNAUTHORIZED = "Unauthorized request. Make sure that you provided the right credentials."
NOT_FOUND = "not found"  # ours
WRONG_DATACENTER = "wrong datacenter"
NOT_JSON = "request body must be valid JSON"  # ours
NOT_OBJECT = "request body must be a JSON object"  # ours
EVENT_TYPE = "event type must be event, page or screen"  # ours
DEVICE = "device must be a hash"  # ours
DEVICE_ID = "device id must be present"  # ours
PLATFORM = "device platform must be ios or android"  # ours
MERGE = "{} must have exactly one of id, email and cio_id"  # ours
SEGMENT_ID = "segment id must be a number"  # ours
SEGMENT_IDS = "ids must be a list of 1 to 1000 strings"  # ours
ID_TYPE = "id_type must be id, email or cio_id"  # ours
FORM_DATA = "data must have exactly one of id and email"  # ours
DELIVERY_ID = "delivery_id must be present"  # ours
METRIC = "metric must be present"  # ours
UNSUBSCRIBE = "unsubscribe must be true"  # ours
PARAMETER = "{} must be a whole number from 1 to {}"  # ours
START = "start must be what a page gave as next"  # ours
ATTRIBUTE_IDS = "ids must be a list of 1 to 100 strings"  # ours
EMAIL = "email must be present"  # ours
SEGMENT_NAME = "segment name must be present"  # ours
FILTER = "{} must be one of and, or, not, segment and attribute"  # ours
FILTER_LIST = "{} must be a list of at least one filter"  # ours
FILTER_SEGMENT = "{} must have the number of a segment as id"  # ours
FILTER_ATTRIBUTE = "{} must have a field, and eq or exists as operator"  # ours

BATCH = "batch must be a list of at least one operation"  # ours
BATCH_SIZE = "batch cannot be larger than 500 kb"  # ours
ITEM_SIZE = "request cannot be larger than 32 kb"  # ours
ITEM_OBJECT = "operation must be a JSON object"  # ours
TYPE = "type must be person, object or delivery"  # ours
ACTION = "action must be one of {}"  # ours
IDENTIFIERS = "identifiers must have exactly one of {}"  # ours
OBJECT_IDENTIFIERS = "identifiers must have object_type_id and object_id, or cio_object_id"  # ours
ATTRIBUTES = "attributes must be a hash"  # ours
RELATIONSHIPS = "cio_relationships must be a list of hashes with identifiers of an object"  # ours
PEOPLE = "cio_relationships must be a list of hashes with identifiers of a person"  # ours
TOKEN = "device token must be present"  # ours
METRIC_NAME = "name must be opened, converted or delivered"  # ours


class Refused(Exception):
    """Answered with an error; nothing is applied.

    Attributes:
        status: of HTTP.
        body: of the answer.
        headers: by lower-case name.
    """

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] = HEADERS) -> None:
        self.status = status
        self.body = body
        self.headers = headers
        super().__init__(status)


def as_json(value: object) -> bytes:
    """JSON and a newline."""
    return json.dumps(value).encode() + b"\n"


def meta_error(says: str) -> bytes:
    """The shape of "Invalid API Requests": identify, events, merge."""
    return as_json({"meta": {"error": says}})


def meta_errors(*says: str) -> bytes:
    """The shape of the specification's generic 400: devices, segments, forms."""
    return as_json({"meta": {"errors": list(says)}})


def item_errors(errors: Iterable[Mapping[str, object]]) -> bytes:
    """The shape of the v2 API: dicts of reason, field and message, with a batch_index in a 207."""
    return as_json({"errors": list(errors)})


def app_error(status: int, detail: str) -> bytes:
    """The shape of the App API."""
    return as_json({"errors": [{"detail": detail, "status": str(status)}]})


def phrase(status: int) -> str:
    """What HTTP calls a status: ``service unavailable``. Bodies of 5xx are not documented, so this is ours."""
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "error"
