"""The model: a Customer.io workspace with memory, a declared rate budget and faults, but no socket and no clock.

A request goes in with the time it arrived; a reply comes out with how long it takes. Doors bring both to and from HTTP.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from pytest_cio_load import units
from pytest_cio_load.customerio.api import HOUSE_BUDGET, Region
from pytest_cio_load.fake import bodies, items, routes, texts
from pytest_cio_load.fake.budgets import APP_LIMIT, AppBudget, OverBudget, TrackBudget, check_over_budget
from pytest_cio_load.fake.fault import Fault
from pytest_cio_load.fake.faults import Faults, Moment
from pytest_cio_load.fake.hosts import region_of, turn_away
from pytest_cio_load.fake.latency import Latency, parse
from pytest_cio_load.fake.people import People
from pytest_cio_load.fake.reads import Reads
from pytest_cio_load.fake.routes import OPEN, Route
from pytest_cio_load.fake.tally import WRITES, Outcome
from pytest_cio_load.fake.texts import ACCEPTED_HEADERS, HEADERS, NOTHING, Refused, app_error, as_json, item_errors, meta_error, phrase
from pytest_cio_load.fake.views import Views
from pytest_cio_load.fake.visible import Visible

Action = Literal["answer", "reset", "never"]

_Answer = tuple[int, Mapping[str, str], bytes]
_ACCEPTED: _Answer = (200, ACCEPTED_HEADERS, NOTHING)
_SUBMITTED: _Answer = (204, {}, b"")
_PEOPLE = frozenset(WRITES) - {"entity", "batch", "create_segment", "delete_segment"}
_EVENTS = frozenset({"track", "page", "screen", "track_anonymous"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What the workspace answers.

    Attributes:
        status: of HTTP; 0 when there is no answer.
        headers: by lower-case name; content-length is left to the door.
        body: JSON.
        delay: seconds from the request's arrival to this answer, a whole number of microseconds; infinite for ``never``.
        action: what the door does once *delay* is over: ``answer``; ``reset`` the connection instead; or ``never`` do anything.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    delay: float
    action: Action = "answer"


class FakeWorkspace(Views):
    """A Customer.io workspace for tests. May be shared by threads.

    Args:
        site_id, api_key: the credentials of the Track API.
        app_key: the bearer token of the App API.
        limit: its budget, Track requests per second. A tenth of a second's worth (at least 8) may arrive at once; a batch is one request.
        over_budget: what it does beyond the budget. ``accept``: as if there was none, as Customer.io mostly does. ``reject``: 429
            with ``Retry-After: 1``. ``throttle``: answers late enough for the budget to hold. ``drop``: 200, but not applied.
        app_limit: App API requests in any sliding second; beyond them it always answers 429, as Customer.io does.
        latency: how long an answer takes: "40ms", "uniform(10ms,50ms)", "lognormal(p50=40ms,p99=180ms)", "run:FILE" or by operation.
        seed: of the chance in latency and faults, and of the cio_ids.
        processing_lag: how long after acceptance a change or an activity can be seen through the App API: seconds, or text such as "2s".
        region: the account's region, "us" or "eu"; requests to the other region's host are then turned away. By default any host is right.
        environment_id, name: of the workspace, as ``accounts/region`` and ``/v1/workspaces`` tell.
        remember: for long soaks: how many events, activities and deletions are kept, the newest ones, and how many ULIDs back a repeated
            event is recognised. By default all are.
        unix_start: unix seconds at the beginning of the run, for timestamps of activities.

    Raises:
        ValueError: an argument that makes no sense.
    """

    def __init__(
        self,
        *,
        site_id: str = "fake-site-id",
        api_key: str = "fake-api-key",
        app_key: str = "fake-app-key",
        limit: float = HOUSE_BUDGET,
        over_budget: OverBudget = "accept",
        app_limit: int = APP_LIMIT,
        latency: str | float | Latency = "40ms",
        seed: int = 0,
        processing_lag: str | float = 0,
        region: str | Region | None = None,
        environment_id: int = 1,
        name: str = "Fake",
        remember: int | None = None,
        unix_start: float = 1_700_000_000,
    ) -> None:
        check_over_budget(over_budget)
        if remember is not None and (isinstance(remember, bool) or not isinstance(remember, int) or remember < 1):
            raise ValueError(f"remember: got {remember!r}; expected a whole number of events, at least 1, or None for all; try 100_000")
        self.site_id = site_id
        self.limit = limit
        self.over_budget = over_budget
        self.latency: Latency = parse(latency) if isinstance(latency, (str, int, float)) else latency
        self.faults = Faults(seed)
        self.region = region_of(region)
        self.environment_id, self.name = environment_id, name
        self._credentials = "Basic " + b64encode(f"{site_id}:{api_key}".encode()).decode("ascii")
        self._app_credentials = f"Bearer {app_key}"
        self._budget, self._app_budget = TrackBudget(limit), AppBudget(app_limit)
        self._rng = Random(seed)
        self._visible = Visible(_lag(processing_lag))
        super().__init__(People(seed, remember, self._visible.note), counts_by_person=remember is None)
        self._reads = Reads(self._people, self._visible, lambda: {"id": environment_id, "name": name}, self._unix)
        self._unix_start = unix_start
        self._origin: float | None = None

    def __repr__(self) -> str:
        return f"FakeWorkspace(limit={self.limit:g}, over_budget={self.over_budget!r}, latency={str(self.latency)!r})"

    @property
    def credentials(self) -> tuple[str, str]:
        """The Authorization headers it takes: of the Track API and of the App API. Secret, though made up."""
        return self._credentials, self._app_credentials

    def begin(self, now: float) -> None:
        """Say when the run begins, on the clock that :meth:`answer` is given: faults count from here. By default, the first request."""
        self._origin = now
        self.faults.over = False

    def end(self) -> None:
        """Say that the run is over: no fault strikes and no budget binds any more, so that cleaning up is not hindered."""
        self.faults.over = True

    def at(self, time: str | float) -> Moment:
        """The moment of the run at which a fault begins: ``fake.at("20s").freeze("10s")``."""
        return self.faults.at(time)

    def script(self) -> tuple[tuple[float, str], ...]:
        """When each fault that was arranged begins, in seconds after the run's beginning, and a line on it."""
        return self.faults.script()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        """Take one request.

        Args:
            method: of the request.
            path: percent-encoded, as it came, with its query.
            headers: by lower-case name. Without a ``host`` of Customer.io the path alone decides which API is meant.
            body: its bytes, b"" for none.
            now: when it arrived, in seconds on any monotonic clock.
        """
        host = headers.get("host", "")
        route = routes.find(method, path, host)
        with self._lock:
            if self._origin is None:
                self._origin = now
            self._requests += 1
            arrived = round(now - self._origin, 6)
            struck = self.faults.strike(arrived)
            if struck is not None and struck.kind != "drop" and not struck.applied:
                self._refuse(route, body)
                operation, held = route.operation, 0.0
                (status, answered, text), action = _struck(struck, route)
            else:
                operation, held, (status, answered, text) = self._take(route, headers, host, body, now, struck)
                action = "answer"
                if struck is not None and struck.applied:
                    (status, answered, text), action = _struck(struck, route)
            service = self.latency.sample(self._rng, operation)
            if action == "never":
                return Reply(status, answered, text, math.inf, action)
            if action == "reset" and struck is not None and not struck.applied:
                service = 0.0
            return Reply(status, answered, text, round(self.faults.finish(arrived + held, service) - arrived, 6), action)

    def _take(
        self, route: Route, headers: Mapping[str, str], host: str, body: bytes, now: float, struck: Fault | None
    ) -> tuple[str, float, _Answer]:
        """Serve a request, and count it: what it was, seconds it is held back, and the answer."""
        operation, held = route.operation, 0.0
        try:
            self._let_in(route, headers, host)
            if route.app:
                self._app_budget.spend(now)
                dropped = False
            else:
                held, dropped = self._budget.spend(now, "accept" if self.faults.over else self.over_budget)
            operation, answer = self._serve(route, host, body, now, dropped or (struck is not None and struck.kind == "drop"))
        except Refused as refused:
            self._refuse(route, body)
            answer = (refused.status, refused.headers, refused.body)
        return operation, held, answer

    def _let_in(self, route: Route, headers: Mapping[str, str], host: str) -> None:
        if self.region is not None and route.operation != "account_region":
            turn_away(self.region, host, route.app)
        if route.app:
            if headers.get("authorization") != self._app_credentials:
                raise Refused(401, app_error(401, "unauthorized"))
        elif route.operation not in OPEN and headers.get("authorization") != self._credentials:
            raise Refused(401, meta_error(texts.UNAUTHORIZED))
        if route.operation == "unknown":
            raise Refused(404, app_error(404, texts.NOT_FOUND) if route.app else meta_error(texts.NOT_FOUND))

    def _serve(self, route: Route, host: str, body: bytes, now: float, dropped: bool) -> tuple[str, _Answer]:
        operation = route.operation
        if operation in _PEOPLE:
            asked = bodies.read(route, body)
            self._apply(asked, now, dropped)
            return asked[0], _SUBMITTED if operation == "submit_form" else _ACCEPTED
        if operation == "batch":
            return operation, self._serve_batch(body, now, dropped)
        if operation == "entity":
            self._apply(items.read_entity(body), now, dropped)
            return operation, _ACCEPTED
        found: dict[str, Any] = {}
        if operation == "account_region":
            region = self.region or (Region.EU if "-eu." in host else Region.US)
            found = {"url": f"https://{region.track_host}", "region": region.value, "environment_id": self.environment_id}
        elif operation != "auth":
            found = self._reads.answer(route, body, now)
        self._note(operation, "applied", route.identifier)
        return operation, (200, ACCEPTED_HEADERS if operation == "auth" else HEADERS, as_json(found))

    def _serve_batch(self, body: bytes, now: float, dropped: bool) -> _Answer:
        refused: list[dict[str, object]] = []
        batch = items.open_batch(body)
        for index, item in enumerate(batch):
            try:
                asked = items.read_item(item, len(body))
            except items.Invalid as invalid:
                refused.append({"batch_index": index, **invalid.error})
                self._note(items.operation_of(item), "rejected", "")
            else:
                self._apply(asked, now, dropped)
        return (207, HEADERS, item_errors(refused)) if refused else _ACCEPTED

    def _apply(self, asked: bodies.Asked, now: float, dropped: bool) -> None:
        operation, name, content = asked
        outcome: Outcome = "dropped" if dropped else self._people.apply(operation, name, content, now)
        title = content.get("name") if operation in _EVENTS else None
        self._note(operation, outcome, f"cio_{name[1]}" if name[0] == "cio_id" else name[1], title.strip() if title else "")

    def _refuse(self, route: Route, body: bytes) -> None:
        """Count a request that is turned away whole; a batch as what is in it, as far as it can be read."""
        if route.operation != "batch":
            operation = route.operation
            if operation == "entity":
                operation = _operation_in(body)
            self._note(operation, "rejected", route.identifier)
            return
        try:
            batch = items.open_batch(body)
        except Refused:
            batch = [None]
        for item in batch:
            self._note(items.operation_of(item), "rejected", "")

    def _unix(self, now: float) -> int:
        return int(self._unix_start + now - (self._origin or 0.0))


def _struck(fault: Fault, route: Route) -> tuple[_Answer, Action]:
    """The answer a fault gives in place of the workspace's own."""
    if fault.kind == "reset" or fault.kind == "never":
        return (0, {}, b""), fault.kind
    status, says = (401, texts.UNAUTHORIZED) if fault.kind == "unauthorized" else (fault.status, phrase(fault.status))
    if fault.kind == "rate_limit":
        says = f"rate limited to {fault.rps:g} requests per second"
    headers = HEADERS if fault.retry_after is None else {**HEADERS, "retry-after": str(fault.retry_after)}
    return (status, headers, app_error(status, says) if route.app else meta_error(says)), "answer"


def _operation_in(body: bytes) -> str:
    """The operation an entity is counted under when it is turned away."""
    try:
        return items.read_entity(body)[0]
    except Refused:
        return "entity"


def _lag(processing_lag: object) -> float:
    try:
        return float(units.duration(processing_lag))
    except units.UnitError as error:
        raise ValueError(f"processing_lag: {error}") from None
