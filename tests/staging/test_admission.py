"""What may leave for a real workspace: made-up people alone, on disk before they go, carrying the run's id, and nowhere near a mailbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.batch import Outcome
from pytest_cio_load.customerio.client import Client, SyncClient
from pytest_cio_load.customerio.limits import BATCH_BYTES, ITEM_BYTES
from pytest_cio_load.customerio.operations import entities
from pytest_cio_load.customerio.senders import BatchSender, SyncBatchSender
from pytest_cio_load.customerio.wire import Answer, Request
from pytest_cio_load.errors import GuardRefused, InvalidOperation, LedgerError
from pytest_cio_load.safety.header import new_header
from pytest_cio_load.safety.ledger import DurableLedger, is_made_up
from pytest_cio_load.safety.ledgers import begin, read
from pytest_cio_load.staging.admission import Admission
from pytest_cio_load.staging.decisions import ENTITIES, TABLE, Never

PREFIX, RUN = "cio-load-3f9a1c07", "20261124-142501-3f9a1c"
OURS, FRIEND, REAL = f"{PREFIX}-5", f"{PREFIX}-5-friend", "customer-4711"
MAIL, TOKEN = f"{OURS}@example.com", f"{OURS}-token"
ANSWER = Answer(200, {}, b"{}\n")


class Ticket:
    """On disk, not yet, or never."""

    def __init__(self, done: bool = True, error: LedgerError | None = None) -> None:
        self.done, self.error = done, error


class Book:
    """A ledger that is not on disk: remembers who was noted."""

    prefix = PREFIX

    def __init__(self, ticket: Ticket | None = None) -> None:
        self.ticket, self.noted = ticket or Ticket(), list[str]()

    def is_ours(self, identifier: object) -> bool:
        return is_made_up(identifier, PREFIX)

    def note(self, identifier: str) -> Ticket:
        assert is_made_up(identifier, PREFIX)
        if identifier not in self.noted:
            self.noted.append(identifier)
        return self.ticket


def admit(operation: api.Operation, book: Book | None = None) -> api.Operation:
    """What goes in its place."""
    admitted, may_go = Admission(book or Book(), RUN)(operation)
    assert may_go()
    return admitted


def body(operation: api.Operation) -> Any:
    return json.loads(operation.body or b"null")


def person(action: str, **rest: Any) -> dict[str, Any]:
    return {"type": "person", "action": action, "identifiers": {"id": OURS}, **rest}


def identified(identifier: str = OURS, **attributes: Any) -> api.Operation:
    return api.identify(identifier, attributes)


def nearly_full(identifier: str) -> api.Operation:
    """An identify that fits into a batch by a hair, and not with anything added."""
    attributes = {f"a{number}": "x" * 900 for number in range(34)}
    spare = ITEM_BYTES - len(api.entity(identified(identifier, **attributes, b="")).body or b"")
    return identified(identifier, **attributes, b="x" * (spare - 10))


ADMITTED: dict[str, tuple[api.Operation, list[str]]] = {
    "identify": (identified(plan="pro"), [OURS]),
    "identify by email": (identified(MAIL), [MAIL]),
    "identify, its own email": (identified(email=MAIL), [OURS]),
    "identify, another id in it": (identified(MAIL, id=FRIEND), [MAIL, FRIEND]),
    "identify by email, another email in it": (identified(MAIL, email=f"{FRIEND}@example.com"), [MAIL, f"{FRIEND}@example.com"]),
    "delete": (api.delete(OURS), [OURS]),
    "unsuppress": (api.unsuppress(OURS), [OURS]),
    "track": (api.track(OURS, "bought", {"n": 1}), [OURS]),
    "track, our recipient": (api.track(OURS, "bought", {"recipient": MAIL}), [OURS]),
    "page": (api.page(OURS, "https://shop.example/"), [OURS]),
    "screen": (api.screen(OURS, "home"), [OURS]),
    "track_anonymous": (api.track_anonymous(f"{OURS}-visitor", "seen"), []),
    "add_device": (api.add_device(OURS, TOKEN, "ios"), [OURS]),
    "delete_device": (api.delete_device(OURS, TOKEN), [OURS]),
    "merge": (api.merge_customers("id", OURS, "email", MAIL), [OURS, MAIL]),
    "segment": (api.add_customers_to_segment(7, [OURS, FRIEND]), [OURS, FRIEND]),
    "segment by email": (api.remove_customers_from_segment(7, [MAIL], id_type="email"), [MAIL]),
    "form": (api.submit_form("f", {"id": OURS, "plan": "pro"}), [OURS]),
    "form by email": (api.submit_form("f", {"email": MAIL}), [MAIL]),
    "region": (api.account_region(), []),
    "auth": (api.auth(), []),
    **{f"entity {action}": (api.entity(person(action, name="n")), [OURS]) for action in ("event", "page", "screen")},
    **{f"entity {action}": (api.entity(person(action)), [OURS]) for action in ("identify", "delete", "unsuppress")},
    "entity by email": (api.entity({**person("event", name="n"), "identifiers": {"email": MAIL}}), [MAIL]),
    "entity add_device": (api.entity(person("add_device", device={"token": TOKEN, "platform": "ios"})), [OURS]),
    "entity delete_device": (api.entity(person("delete_device", device={"token": TOKEN})), [OURS]),
    "devices in a batch": (api.batch([api.add_device(OURS, TOKEN, "ios"), api.delete_device(OURS, TOKEN)]), [OURS]),
    "entity merge": (
        api.entity({"type": "person", "action": "merge", "primary": {"id": OURS}, "secondary": {"id": FRIEND}}),
        [OURS, FRIEND],
    ),
    "batch": (api.batch([api.track(OURS, "n"), identified(FRIEND)]), [OURS, FRIEND]),
    "customers_by_email": (api.customers_by_email("anybody@shop.com"), []),
    "customer_attributes": (api.customer_attributes(REAL), []),
    "customers_attributes": (api.customers_attributes([REAL]), []),
    "customer_activities": (api.customer_activities(REAL), []),
    "activities": (api.activities(type="event"), []),
    "customers_by_filter": (api.customers_by_filter({"attribute": {"field": "plan", "operator": "exists"}}, limit=5), []),
    "workspaces": (api.workspaces(), []),
}


@pytest.mark.parametrize(("operation", "noted"), ADMITTED.values(), ids=ADMITTED)
def test_what_may_go(operation: api.Operation, noted: list[str]) -> None:
    """It goes to the same place, and everyone whom it names is written down."""
    book = Book()
    admitted = admit(operation, book)
    assert sorted(book.noted) == sorted(noted)
    assert replace(admitted, body=operation.body) == operation


PERSON = "got a person that this run did not make up; expected one whose id begins with that of cio_load.user; use cio_load.user.id"
ADDRESS = "got an address that might be somebody's; expected one that begins with the id of cio_load.user, under a domain that no mail"
OBJECTS = "cio_relationships: got one; expected people of this run alone, without objects, which nothing deletes again; leave it out"
SUPPRESS = "got suppress, which outlives the deletion of the person; expected nothing that cannot be taken back"
DELIVERY = "got a report about a message, or an unsubscription by one; expected nothing that cannot be taken back"
OBJECT = "got an operation on an object; expected people only: an object may be a real one, and the cleanup deletes none"
INVITE = "got an invite, or an anonymous event with a recipient; expected none: it may reach a mailbox"
VISITOR = "got an anonymous_id that may be a real visitor's; expected one that begins with the id of cio_load.user; make it of"
FORM = "got a request of another form; expected the one that identify has; make it with api.identify"
UNDECIDED = "got an operation that nobody has decided on; expected one of those that can be taken back; leave it out"
UNNAMED = "got a person who is named neither by id nor by email alone; expected one of the two"
PHONE = "phone: got one; expected none: no number is known to be nobody's, and a campaign may send messages to it; leave it out, or name"
DEVICE = "got a device that may be somebody's; expected an id or token that begins with the id of cio_load.user, which no push message"
LINKS = [{"identifiers": {"object_type_id": "1", "object_id": "o"}}]

REFUSED: dict[str, tuple[api.Operation, str]] = {
    "identify a real person": (identified(REAL), PERSON),
    "identify by a real email": (identified("jo@shop.com"), PERSON),
    "our name at a real domain": (identified(f"{OURS}@shop.com"), PERSON),
    "the prefix alone": (identified(f"{PREFIX}-"), PERSON),
    "another run's": (identified(PREFIX + "0-5"), PERSON),
    "spaces around": (identified(OURS + " "), PERSON),
    "a cio_id": (identified("cio_0a1b2c"), PERSON),
    "a real id in the body": (identified(id=REAL), PERSON),
    "a number as id in the body": (replace(identified(), body=b'{"id":5}'), PERSON),
    "a cio_id in the body": (identified(cio_id="0a1b2c"), "cio_id: got one; expected people of this run alone"),
    "by email, to a real email": (identified(MAIL, email="jo@shop.com"), PERSON),
    "a real email": (identified(email="jo@shop.com"), f"email: {ADDRESS}"),
    "a real person of example.com": (identified(email="jo@example.com"), f"email: {ADDRESS}"),
    "two addresses": (identified(email=f"{MAIL},jo@shop.com"), f"email: {ADDRESS}"),
    "an address with a name": (identified(email=f"{OURS} <jo@shop.com>"), f"email: {ADDRESS}"),
    "an email that is no text": (identified(email=[MAIL]), f"email: {ADDRESS}"),
    "nearly reserved": (identified(email=f"{OURS}@example.com.shop.com"), f"email: {ADDRESS}"),
    "a visitor's id in the body": (identified(anonymous_id="visitor"), VISITOR),
    "an object in the body": (identified(cio_relationships={"relationships": LINKS}), OBJECTS),
    "an own value of the attribute": (
        identified(cio_load_run="mine"),
        "cio_load_run: got a value of the author's own; expected this attribute to be left to the run; leave it out, or name it otherwise",
    ),
    "300 attributes": (
        identified(**{f"a{number}": 1 for number in range(300)}),
        "cannot identify more than 300 attributes in one request: got 301; move 1 to a second identify (cio_load_run, which the run adds",
    ),
    "a value that is too long by now": (
        api.entity(nearly_full(OURS)),
        "operation cannot be larger than 32000 bytes: got ",
    ),
    "delete": (api.delete(REAL), PERSON),
    "unsuppress": (api.unsuppress(REAL), PERSON),
    "suppress": (api.suppress(OURS), SUPPRESS),
    "track": (api.track(REAL, "n"), PERSON),
    "page": (api.page(REAL, "n"), PERSON),
    "screen": (api.screen(REAL, "n"), PERSON),
    "a recipient": (api.track(OURS, "n", {"recipient": "jo@shop.com"}), f"recipient: {ADDRESS}"),
    "an anonymous event of a visitor": (api.track_anonymous("visitor", "n"), VISITOR),
    "an anonymous event with a recipient": (api.track_anonymous(OURS, "n", {"recipient": MAIL}), INVITE),
    "an invite": (api.track_anonymous(None, "n", {"recipient": MAIL}), INVITE),
    "add_device": (api.add_device(REAL, TOKEN, "ios"), PERSON),
    "delete_device": (api.delete_device(REAL, TOKEN), PERSON),
    **{
        f"add_device, {token!r}": (api.add_device(OURS, token, "ios"), DEVICE)
        for token in ("t", PREFIX, f"{PREFIX}-", f"{PREFIX}0-5", f" {TOKEN}", TOKEN.upper())
    },
    "add_device, another token in it": (
        replace(api.add_device(OURS, TOKEN, "ios"), body=json.dumps({"device": {"id": TOKEN, "token": "t"}}).encode()),
        DEVICE,
    ),
    "add_device of none": (replace(api.add_device(OURS, TOKEN, "ios"), body=b'{"device":{"platform":"ios"}}'), DEVICE),
    "add_device that is no object": (replace(api.add_device(OURS, TOKEN, "ios"), body=b'{"device":["t"]}'), DEVICE),
    "add_device, a number": (replace(api.add_device(OURS, TOKEN, "ios"), body=b'{"device":{"id":5}}'), DEVICE),
    "delete_device, a real one": (api.delete_device(OURS, "t"), DEVICE),
    "delete_device, a real one, percent-encoded": (api.delete_device(OURS, f"t/{TOKEN}"), DEVICE),
    "merge into a real person": (api.merge_customers("id", REAL, "id", OURS), PERSON),
    "merge of a real person": (api.merge_customers("id", OURS, "id", REAL), PERSON),
    "merge by cio_id": (api.merge_customers("id", OURS, "cio_id", "0a"), PERSON),
    "a segment of one real person": (api.add_customers_to_segment(7, [OURS, REAL]), PERSON),
    "out of a segment": (api.remove_customers_from_segment(7, [REAL]), PERSON),
    "a segment by cio_id": (
        api.add_customers_to_segment(7, [OURS], id_type="cio_id"),
        "got a request of another form; expected the one that add_customers_to_segment has; make it with api.add_customers_to_segment",
    ),
    "report_metric": (api.report_metric("d", "opened"), DELIVERY),
    "report_push": (api.report_push("d", "opened", "t"), DELIVERY),
    "unsubscribe": (api.unsubscribe("d"), DELIVERY),
    "a form": (api.submit_form("f", {"id": REAL}), PERSON),
    "a form by email": (api.submit_form("f", {"email": "jo@shop.com"}), PERSON),
    "a form of nobody": (replace(api.submit_form("f", {"id": OURS}), body=b'{"data":{}}'), PERSON),
    "a form without data": (replace(api.submit_form("f", {"id": OURS}), body=b"{}"), "attributes: got none that can be read; expected"),
    "entity": (api.entity({**person("event", name="n"), "identifiers": {"id": REAL}}), PERSON),
    "entity by phone": (api.entity({**person("event", name="n"), "identifiers": {"phone": "+1"}}), PERSON),
    "entity by phone, in its body": (
        replace(api.entity(person("delete")), body=b'{"type":"person","action":"delete","identifiers":{"phone":"+15550100"}}'),
        UNNAMED,
    ),
    "entity by id and phone": (
        replace(api.entity(person("delete")), body=json.dumps(person("delete") | {"identifiers": {"id": OURS, "phone": "+1"}}).encode()),
        UNNAMED,
    ),
    "entity merge by phone": (
        replace(
            api.entity({"type": "person", "action": "merge", "primary": {"id": OURS}, "secondary": {"id": FRIEND}}),
            body=b'{"type":"person","action":"merge","primary":{"phone":"+1"},"secondary":{"phone":"+1"}}',
        ),
        UNNAMED,
    ),
    "a phone as identifier": (identified("+15550100"), PERSON),
    "a phone": (identified(phone="+15550100"), PHONE),
    "a phone, made up": (identified(phone=f"{OURS}-phone"), PHONE),
    "no phone": (identified(phone=None), PHONE),
    "a phone in a form": (api.submit_form("f", {"id": OURS, "phone": "+15550100"}), PHONE),
    "entity, a phone": (api.entity(person("identify", attributes={"phone": "+15550100"})), PHONE),
    "a phone in a batch": (api.batch([api.track(OURS, "n"), identified(phone="+15550100")]), f"operations[1]: {PHONE}"),
    "entity add_device, a real one": (api.entity(person("add_device", device={"token": "t", "platform": "ios"})), DEVICE),
    "entity delete_device, a real one": (api.entity(person("delete_device", device={"token": "t"})), DEVICE),
    "entity add_device, an id in it": (
        api.entity(person("add_device", device={"token": TOKEN, "id": "t", "platform": "ios"})),
        DEVICE,
    ),
    "entity add_device of none": (replace(api.entity(person("delete")), body=json.dumps(person("add_device")).encode()), DEVICE),
    "entity identify with a device": (
        replace(api.entity(person("identify")), body=json.dumps(person("identify", device={"token": "t"})).encode()),
        DEVICE,
    ),
    "a device in a batch": (api.batch([api.track(OURS, "n"), api.add_device(OURS, "t", "ios")]), f"operations[1]: {DEVICE}"),
    "entity, a real person in its body": (
        replace(api.entity(person("delete")), body=b'{"type":"person","action":"delete","identifiers":{"id":"customer-4711"}}'),
        PERSON,
    ),
    "entity by cio_id in its body": (
        replace(api.entity(person("delete")), body=b'{"type":"person","action":"delete","identifiers":{"cio_id":"0a"}}'),
        UNNAMED,
    ),
    "entity, a real email": (api.entity(person("identify", attributes={"email": "jo@shop.com"})), f"email: {ADDRESS}"),
    "entity, a recipient": (api.entity(person("event", name="n", attributes={"recipient": "jo@shop.com"})), f"recipient: {ADDRESS}"),
    "entity, objects": (api.entity(person("identify", cio_relationships=LINKS)), "cio_relationships: got some; expected no objects"),
    "entity suppress": (api.entity(person("suppress")), SUPPRESS),
    "entity relationships": (api.entity(person("add_relationships", cio_relationships=LINKS)), OBJECT),
    "entity object": (
        api.entity({"type": "object", "action": "identify", "identifiers": {"object_type_id": "1", "object_id": "o"}}),
        OBJECT,
    ),
    "entity delivery": (api.entity({"type": "delivery", "action": "event", "name": "opened", "identifiers": {"id": "d"}}), DELIVERY),
    "entity merge": (
        api.entity({"type": "person", "action": "merge", "primary": {"id": OURS}, "secondary": {"id": REAL}}),
        PERSON,
    ),
    "entity unknown": (replace(api.entity(person("delete")), body=b'{"type":"person","action":"rename"}'), UNDECIDED),
    "entity without a body": (replace(api.entity(person("delete")), body=None), "got a body that is no JSON object; expected one"),
    "one in a batch": (api.batch([identified(), api.track(REAL, "n")]), PERSON),
    "one in a batch, which one": (
        replace(api.batch([identified(), api.track(OURS, "n")]), body=b'{"batch":[{"type":"person","action":"suppress"}]}'),
        f"operations[0]: {SUPPRESS}",
    ),
    "a batch that is none": (replace(api.batch([identified()]), body=b'{"batch":[5]}'), "got a body that is no batch; expected a list"),
    "another path": (replace(identified(), path="/api/v1/segments"), FORM),
    "a real path": (replace(identified(), path=f"/api/v1/customers/{REAL}"), PERSON),
    "a longer path": (replace(identified(), path=f"/api/v1/customers/{OURS}/suppress"), FORM),
    "a path with a query": (replace(identified(), path=f"/api/v1/customers/{OURS}?x=/"), FORM),
    "another method": (replace(identified(), method="DELETE"), FORM),
    "said to be about somebody else": (replace(identified(), people=(REAL,)), PERSON),
    "unknown": (replace(identified(), name="create_segment"), UNDECIDED),
}


@pytest.mark.parametrize(("operation", "says"), REFUSED.values(), ids=REFUSED)
def test_what_may_not(operation: api.Operation, says: str) -> None:
    """Refused with what was got, what was expected and the nearest fix; shows nobody, and writes nobody down."""
    book = Book()
    with pytest.raises(InvalidOperation) as caught:
        admit(operation, book)
    text = str(caught.value)
    assert text.startswith(f"{operation.name}: {says}")
    assert not book.noted
    assert not any(secret in text for secret in (REAL, "jo@shop.com", "+1555", OURS))


def test_every_operation_is_decided() -> None:
    """Whoever adds one to the catalogue has to say what becomes of it here."""
    assert set(TABLE) == {*api.TRACK_OPERATIONS, *api.APP_OPERATIONS}
    known = {(kind, action) for kind, actions in entities.ACTIONS.items() for action in actions}
    assert known <= set(ENTITIES)


def test_every_reason_is_whole() -> None:
    """What was got, what was expected, the nearest fix."""
    reasons = [row for row in [*TABLE.values(), *ENTITIES.values()] if isinstance(row, Never)]
    assert all(row.got.startswith("got ") and row.expected and row.fix for row in reasons)


IDENTIFIES: dict[str, tuple[api.Operation, Callable[[Any], Any]]] = {
    "v1": (identified(plan="pro", n=1.5), lambda content: content),
    "v1, nothing said": (identified(), lambda content: content),
    "entity": (api.entity(person("identify", attributes={"plan": "pro"})), lambda content: content["attributes"]),
    "entity, nothing said": (api.entity(person("identify")), lambda content: content["attributes"]),
    "batch": (api.batch([api.track(FRIEND, "n"), identified(plan="pro")]), lambda content: content["batch"][1]["attributes"]),
}


@pytest.mark.parametrize(("operation", "attributes"), IDENTIFIES.values(), ids=IDENTIFIES)
def test_identify_carries_the_run(operation: api.Operation, attributes: Callable[[Any], Any]) -> None:
    """In every form, beside what the author said, and once: looking twice changes nothing."""
    once = admit(operation)
    said = attributes(body(operation)) if "attributes" in str(operation.body) or operation.name == "identify" else {}
    assert attributes(body(once)) == {**said, "cio_load_run": RUN}
    assert admit(once) is once


@pytest.mark.parametrize("operation", [api.track(OURS, "n"), api.delete(OURS), api.submit_form("f", {"id": OURS}), api.workspaces()])
def test_nothing_else_does(operation: api.Operation) -> None:
    """What identifies nobody goes as it is."""
    assert admit(operation) is operation


@pytest.mark.parametrize("domain", ["example.com", "EXAMPLE.org", "example.net", "shop.example", "a.b.test", "load.invalid"])
@pytest.mark.parametrize("value", [None, ""])
def test_reserved_domains(domain: str, value: str | None) -> None:
    """No mail reaches them, nor nobody."""
    admit(identified(email=f"{OURS}@{domain}"))
    admit(identified(email=value))


@given(st.text(max_size=40), st.sampled_from(["", "@", "@shop.com", "@example.com", PREFIX]))
def test_nobody_else_is_ever_let_through(name: str, end: str) -> None:
    """Whatever a person is called: let through only with the prefix, a dash, and no mailbox."""
    identifier = name + end
    try:
        operation = identified(identifier)
    except InvalidOperation:
        return
    try:
        admit(operation)
    except InvalidOperation:
        return
    assert identifier.startswith(PREFIX + "-")
    assert identifier.partition("@")[2] in ("", "example.com")


def test_it_waits_for_the_disk() -> None:
    """Not before everyone is on it."""
    ticket = Ticket(done=False)
    _, may_go = Admission(Book(ticket), RUN)(identified())
    assert not may_go()
    ticket.done = True
    assert may_go()


def test_it_says_when_the_disk_fails() -> None:
    """At once, and later."""
    late = Ticket(done=False)
    _, may_go = Admission(Book(late), RUN)(identified())
    late.error = LedgerError("ledger: got 'No space left'; expected …; make room")
    for ask in (may_go, lambda: Admission(Book(late), RUN)(identified())):
        with pytest.raises(LedgerError, match="No space left"):
            ask()


def test_another_error_becomes_a_ledgers() -> None:
    """Whatever a ticket holds."""
    with pytest.raises(LedgerError, match="ledger: got OSError; expected made-up people to be on disk before they are sent; look after"):
        Admission(Book(Ticket(done=False, error=OSError(28, "secret"))), RUN)(identified())  # type: ignore[arg-type]


# With clients, and a ledger on disk.


class Wire:
    """Notes what goes out."""

    def __init__(self) -> None:
        self.sent: list[Request] = []

    def take(self, request: Request) -> Answer:
        self.sent.append(request)
        return ANSWER

    def items(self) -> list[list[dict[str, Any]]]:
        return [json.loads(request.body or b"")["batch"] for request in self.sent]


class AsyncWire(Wire):
    async def send(self, request: Request) -> Answer:
        return self.take(request)

    async def aclose(self) -> None:
        pass


class SyncWire(Wire):
    def send(self, request: Request) -> Answer:
        return self.take(request)

    def close(self) -> None:
        pass


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[DurableLedger]:
    made = begin(tmp_path / "ledger", new_header(test="t.py::test_it", site="0" * 64, environment_id=1001, region="us"))
    yield made
    made.close()


WORKSPACE = api.Workspace("site", "key", limit=1_000_000)


def test_a_person_is_on_disk_when_the_request_leaves(ledger: DurableLedger) -> None:
    """Whoever is named by the author; an index of the run's own was on disk before."""
    on_disk: list[tuple[str, ...]] = []

    class Looking(SyncWire):
        def send(self, request: Request) -> Answer:
            on_disk.append(read(ledger.journal.path).named)
            return self.take(request)

    client, friend = SyncClient(WORKSPACE, Looking(), admit=Admission(ledger, RUN)), f"{ledger.prefix}-friend"
    client.identify(ledger.user(0).id)
    client.track(friend, "n")
    assert on_disk == [(), (friend,)]


def test_nothing_leaves_that_is_refused(ledger: DurableLedger) -> None:
    """Refusals are raised by the call itself."""
    wire = SyncWire()
    client = SyncClient(WORKSPACE, wire, admit=Admission(ledger, RUN))
    for call in (lambda: client.identify(REAL), lambda: client.suppress(ledger.user(0).id), lambda: client.delete(REAL)):
        with pytest.raises(InvalidOperation):
            call()
    assert not wire.sent


def test_nothing_leaves_once_the_ledger_is_closed(ledger: DurableLedger) -> None:
    """The disk comes first."""
    wire = SyncWire()
    client = SyncClient(WORKSPACE, wire, admit=Admission(ledger, RUN))
    ledger.close()
    with pytest.raises(LedgerError, match="after it was closed"):
        client.track(f"{ledger.prefix}-friend", "n")
    assert not wire.sent


def test_the_cap_holds_for_names_of_ones_own(tmp_path: Path) -> None:
    """One person more than may be made up is refused before they leave."""
    made = begin(tmp_path, new_header(test="t", site="0" * 64, environment_id=1, region="us"), most=2)
    try:
        client = SyncClient(WORKSPACE, SyncWire(), admit=Admission(made, RUN))
        client.track(f"{made.prefix}-a", "n")
        client.track(f"{made.prefix}-b", "n")
        with pytest.raises(GuardRefused, match="cio_max_people"):
            client.track(f"{made.prefix}-c", "n")
    finally:
        made.close()


def send_both(ledger: DurableLedger, operations: list[api.Operation]) -> list[tuple[list[Outcome], Wire]]:
    """Through either kind of batch sender."""
    wires = AsyncWire(), SyncWire()

    async def gather(client: Client) -> list[Outcome]:
        return [outcome async for outcome in BatchSender(client).send(operations)]

    found = asyncio.run(gather(Client(WORKSPACE, wires[0], admit=Admission(ledger, RUN))))
    blocking = SyncBatchSender(SyncClient(WORKSPACE, wires[1], admit=Admission(ledger, RUN)))
    return [(found, wires[0]), (list(blocking.send(operations)), wires[1])]


def test_batches_are_admitted_item_by_item(ledger: DurableLedger) -> None:
    """One that may not go is reported alone; what was asked is what the outcome names."""
    operations = [api.identify(ledger.user(0).id, {"n": 1}), api.track(REAL, "n"), api.suppress(ledger.user(1).id)]
    for outcomes, wire in send_both(ledger, operations):
        by_index = sorted(outcomes, key=lambda outcome: outcome.index)
        assert [outcome.accepted for outcome in by_index] == [True, False, False]
        assert all(outcome.operation is operation for outcome, operation in zip(by_index, operations, strict=True))
        assert [[item["attributes"] for item in batch] for batch in wire.items()] == [[{"n": 1, "cio_load_run": RUN}]]


def test_batches_keep_to_their_size(ledger: DurableLedger) -> None:
    """With what was added: neither a batch nor an item in it outgrows its limit."""
    wide = {f"a{number}": "x" * 950 for number in range(32)}
    operations = [api.identify(ledger.user(index).id, wide) for index in range(40)]
    for outcomes, wire in send_both(ledger, operations):
        assert all(outcome.accepted for outcome in outcomes)
        assert sum(map(len, wire.items())) == 40
        assert all(item["attributes"]["cio_load_run"] == RUN for batch in wire.items() for item in batch)
        assert all(len(request.body or b"") <= BATCH_BYTES for request in wire.sent)


def test_an_item_that_outgrows_its_limit_is_reported(ledger: DurableLedger) -> None:
    """It fits without the run's id, and not with it."""
    for outcomes, wire in send_both(ledger, [nearly_full(ledger.user(0).id)]):
        assert "cannot be larger than 32000 bytes" in outcomes[0].reason
        assert not wire.sent
