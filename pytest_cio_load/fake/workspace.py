"""The model: a Customer.io workspace with memory, a declared rate budget and faults, but no socket and no clock.

A request goes in with the time it arrived; a reply comes out with how long it takes. Doors bring both to and from HTTP.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import Any, Literal, get_args
from urllib.parse import unquote

from pytest_cio_load.customerio.api import CUSTOMERS, HOUSE_BUDGET
from pytest_cio_load.customerio.limits import refuse_attributes, refuse_event, refuse_identifier
from pytest_cio_load.customerio.pacing import Bucket, check_rate
from pytest_cio_load.errors import near_miss
from pytest_cio_load.fake.faults import Faults, Moment
from pytest_cio_load.fake.latency import Latency, parse
from pytest_cio_load.fake.people import Event, People
from pytest_cio_load.fake.tally import Outcome, Tally

OverBudget = Literal["accept", "reject", "throttle", "drop"]

_ACCEPTED_HEADERS: Mapping[str, str] = {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-cache, no-store, must-revalidate, max-age=0",
    "access-control-allow-origin": "*",
    "status": "200 OK",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "via": "1.1 google",
}
_HEADERS: Mapping[str, str] = {"content-type": "application/json; charset=utf-8"}
_UNAUTHORIZED = "Unauthorized request. Make sure that you provided the right credentials."
_OPERATIONS = {("PUT", ""): "identify", ("POST", "events"): "track", ("DELETE", ""): "delete"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the workspace answers.

    Attributes:
        status: of HTTP.
        headers: by lower-case name; content-length is left to the door.
        body: JSON.
        delay: seconds from the request's arrival to this answer, a whole number of microseconds.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    delay: float


class _Refused(Exception):
    """Answered with an error; nothing is applied."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] = _HEADERS) -> None:
        self.status = status
        self.error = error
        self.headers = headers


class FakeWorkspace:
    """A Customer.io workspace for tests. May be shared by threads.

    Args:
        site_id: the credentials it takes.
        api_key: likewise.
        limit: its budget, requests per second. A tenth of a second's worth (at least 8) may arrive at once.
        over_budget: what it does beyond the budget. ``accept``: as if there was none, as Customer.io mostly does. ``reject``: 429
            with ``Retry-After: 1``. ``throttle``: answers late enough for the budget to hold. ``drop``: 200, but not applied.
        latency: how long an answer takes: "40ms", "uniform(10ms,50ms)", "lognormal(p50=40ms,p99=180ms)".
        seed: of the latency's chance.

    Raises:
        ValueError: an argument that makes no sense.
    """

    def __init__(
        self,
        *,
        site_id: str = "fake-site-id",
        api_key: str = "fake-api-key",
        limit: float = HOUSE_BUDGET,
        over_budget: OverBudget = "accept",
        latency: str | float | Latency = "40ms",
        seed: int = 0,
    ) -> None:
        if over_budget not in get_args(OverBudget):
            hint = near_miss(str(over_budget), get_args(OverBudget)) or "'accept' is what Customer.io does"
            raise ValueError(f"over_budget: got {over_budget!r}; expected 'accept', 'reject', 'throttle' or 'drop'; {hint}")
        check_rate("limit", limit)
        self.site_id = site_id
        self.limit = limit
        self.over_budget = over_budget
        self.latency: Latency = parse(latency) if isinstance(latency, (str, int, float)) else latency
        self.faults = Faults()
        self._credentials = "Basic " + b64encode(f"{site_id}:{api_key}".encode()).decode("ascii")
        self._budget = Bucket(limit, burst=max(8, round(limit / 10)))
        self._rng = Random(seed)
        self._people = People()
        self._tally = Tally()
        self._origin: float | None = None
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"FakeWorkspace(limit={self.limit:g}, over_budget={self.over_budget!r}, latency={str(self.latency)!r})"

    def begin(self, now: float) -> None:
        """Say when the run begins, on the clock that :meth:`answer` is given: faults count from here. By default, the first request."""
        self._origin = now

    def at(self, time: str | float) -> Moment:
        """The moment of the run at which a fault begins: ``fake.at("20s").freeze("10s")``."""
        return self.faults.at(time)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        """Take one request.

        Args:
            method: of the request.
            path: percent-encoded, as it came; a query is ignored.
            headers: by lower-case name.
            body: its bytes, b"" for none.
            now: when it arrived, in seconds on any monotonic clock.
        """
        operation, identifier = _route(method, path)
        with self._lock:
            if self._origin is None:
                self._origin = now
            held = 0.0
            outcome: Outcome = "rejected"
            try:
                if headers.get("authorization") != self._credentials:
                    raise _Refused(401, _UNAUTHORIZED)
                if operation == "unknown":
                    raise _Refused(404, "not found")
                held, dropped = self._spend(now)
                content = _content(operation, identifier, body)
                outcome = "dropped" if dropped else self._people.apply(operation, identifier, content)
                status, answered, text = 200, _ACCEPTED_HEADERS, b"{}\n"
            except _Refused as refused:
                status, answered = refused.status, refused.headers
                text = json.dumps({"meta": {"error": refused.error}}).encode() + b"\n"
            self._tally.add(operation, outcome)
            return Reply(status, answered, text, self._delay(now - self._origin, held))

    def _spend(self, now: float) -> tuple[float, bool]:
        """Take one request's worth of the budget: seconds it is held back, and whether it is dropped."""
        if self.over_budget == "accept":
            return 0.0, False
        wait = self._budget.reserve(now)
        if not wait or self.over_budget == "throttle":
            return wait, False
        self._budget.cancel(now + wait)
        if self.over_budget == "reject":
            raise _Refused(429, f"rate limited to {self.limit:g} requests per second", {**_HEADERS, "retry-after": "1"})
        return 0.0, True

    def _delay(self, arrived: float, held: float) -> float:
        arrived = round(arrived, 6)
        return round(self.faults.finish(arrived + held, self.latency.sample(self._rng)) - arrived, 6)

    @property
    def people(self) -> dict[str, dict[str, Any]]:
        """Everyone in the workspace: their id (their email, if they have none) to their attributes. A copy."""
        with self._lock:
            return self._people.snapshot()

    @property
    def events(self) -> list[Event]:
        """Every event applied, in order. A copy."""
        with self._lock:
            return list(self._people.events)

    @property
    def deletions(self) -> list[str]:
        """The identifier of every deletion applied, in order. A copy."""
        with self._lock:
            return list(self._people.deletions)

    def received(self, operation: str | None = None) -> int:
        """Requests that arrived, of one operation (``identify``, ``track``, ``delete``, ``unknown``) or of all.

        Always equal to ``applied + rejected + dropped + duplicates``.

        Raises:
            ValueError: an operation the fake does not know.
        """
        return self._count(operation, None)

    def applied(self, operation: str | None = None) -> int:
        """Requests that did what they asked for."""
        return self._count(operation, "applied")

    def rejected(self, operation: str | None = None) -> int:
        """Requests answered with an error."""
        return self._count(operation, "rejected")

    def dropped(self, operation: str | None = None) -> int:
        """Requests answered with 200 and not applied: over the budget, or because Customer.io accepts but does not apply them."""
        return self._count(operation, "dropped")

    def duplicates(self, operation: str | None = None) -> int:
        """Events answered with 200 and ignored, since one of their ULID had been applied."""
        return self._count(operation, "duplicate")

    def _count(self, operation: str | None, outcome: Outcome | None) -> int:
        with self._lock:
            return self._tally.count(operation, outcome)


def _route(method: str, path: str) -> tuple[str, str]:
    """The operation a request asks for, and the identifier in its path; ``unknown`` when there is no such path."""
    path = path.partition("?")[0]
    encoded, _, rest = path.removeprefix(CUSTOMERS).partition("/")
    if not path.startswith(CUSTOMERS):
        return "unknown", ""
    return _OPERATIONS.get((method, rest), "unknown"), unquote(encoded)


def _content(operation: str, identifier: str, body: bytes) -> dict[str, Any]:
    """The object in the body, once Customer.io would take it."""
    if refusal := refuse_identifier(identifier or None):
        raise _Refused(400, refusal.says)
    if operation == "delete":
        return {}
    try:
        content = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _Refused(400, "request body must be valid JSON") from None
    if not isinstance(content, dict):
        raise _Refused(400, "request body must be a JSON object")
    if operation == "identify":
        refusal = refuse_attributes(content, len(body))
    else:
        refusal = refuse_event(content.get("name"), content.get("data"), len(body))
    if refusal:
        raise _Refused(400, refusal.says)
    return content


def _no_constant(name: str) -> None:
    raise ValueError(name)
