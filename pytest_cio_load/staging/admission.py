"""What may leave for a real workspace: only what can be taken back again.

Every operation that a run sends is looked at. It may be about people that the run made up and nobody else; whoever it names is on disk
before it goes; whoever it identifies carries the run's id as an attribute, by which the cleanup finds them again. What the table below does
not know is refused. What is looked at is the request as it will travel, not what is said about it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from pytest_cio_load.customerio.limits import ITEM_BYTES, encode, refuse_attributes
from pytest_cio_load.customerio.operations.entities import joined
from pytest_cio_load.errors import InvalidOperation, LedgerError
from pytest_cio_load.safety.header import ATTRIBUTE
from pytest_cio_load.staging.decisions import ENTITIES, TABLE, Never, Row

if TYPE_CHECKING:
    from pytest_cio_load.customerio.operations.operation import Operation

_ADDRESS = re.compile(r"([^@\s,;:<>()\[\]\"\\]+)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_RESERVED = frozenset({"example.com", "example.net", "example.org"})
_RESERVED_ENDS = (".example", ".invalid", ".test")
# Nobody can register these (RFC 2606, RFC 6761), so no mail to them arrives anywhere.

_UNDECIDED = Never("got an operation that nobody has decided on", "one of those that can be taken back", "leave it out")


class Ticket(Protocol):
    """Stands for an entry on its way to the disk."""

    @property
    def done(self) -> bool:
        """Whether it is there."""

    @property
    def error(self) -> BaseException | None:
        """Why it will never be there, or None."""


class Noting(Protocol):
    """A ledger, as far as admission needs it."""

    @property
    def prefix(self) -> str:
        """Begins every made-up id, with a dash after it."""

    def is_ours(self, identifier: object) -> bool:
        """Whether this run made *identifier* up: never true of a real person's."""

    def note(self, identifier: str) -> Ticket:
        """Write a made-up name down, once."""


class Admission:
    """Lets through what can be cleaned up again; pass it to a client as ``admit``. May be shared by threads.

    Args:
        ledger: who was made up, and where whoever is named is written down.
        run: the run's id, which every identify carries as the attribute ``cio_load_run``.

    Called with an operation, it gives the one to send in its place, and a function that tells whether everyone in it is on disk yet; that
    function raises LedgerError when they cannot be written down.

    Raises (when called):
        InvalidOperation: it is about somebody else, might reach a mailbox, or cannot be taken back.
        GuardRefused: it names one more person than the run may make up.
        LedgerError: whom it names cannot be written down.
    """

    def __init__(self, ledger: Noting, run: str) -> None:
        self._ledger = ledger
        self._run = run

    def __call__(self, operation: Operation) -> tuple[Operation, Callable[[], bool]]:
        """Look at *operation*."""
        look = Look(operation.name, self._ledger, self._run)
        admitted = _batch(look, operation) if operation.name == "batch" else _one(look, operation)
        waiting = [ticket for name in look.names if not _is_done(ticket := self._ledger.note(name))]
        return admitted, (lambda: _all_done(waiting)) if waiting else _at_once


class Look:
    """One look at an operation: collects whom it names, and refuses what may not go.

    Args:
        operation: its name, for messages.
        ledger: knows whom this run made up.
        run: the run's id.

    Attributes:
        names: everyone who was named, once each, in order.
        place: where in a batch the look is at, for messages; "" for the whole operation.
        changed: whether something was added to the content that is being looked at.
    """

    def __init__(self, operation: str, ledger: Noting, run: str) -> None:
        self._operation = operation
        self._ledger = ledger
        self._run = run
        self.names: dict[str, None] = {}
        self.place = ""
        self.changed = False

    def refuse(self, got: str, expected: str, fix: str) -> InvalidOperation:
        """The refusal to raise."""
        return InvalidOperation(self._operation, f"{self.place}{got}; expected {expected}; {fix}")

    def person(self, identifier: object) -> None:
        """Whom the operation is about."""
        if not (isinstance(identifier, str) and self._ledger.is_ours(identifier)):
            raise self.refuse(
                "got a person that this run did not make up",
                "one whose id begins with that of cio_load.user",
                "use cio_load.user.id, or a name made of it",
            )
        self.names[identifier] = None

    def people(self, names: object) -> None:
        """Whom the operation is about, as identifiers of version 2: by id or by email, since nothing else tells who made somebody up."""
        if not isinstance(names, dict) or len(names) != 1 or next(iter(names)) not in ("id", "email"):
            raise self.refuse(
                "got a person who is named neither by id nor by email alone",
                "one of the two, which shows that this run made them up",
                "use cio_load.user.id",
            )
        self.person(next(iter(names.values())))

    def anonymous(self, anonymous_id: object) -> None:
        """Whose events are going to be joined: nobody's but ours."""
        if not (isinstance(anonymous_id, str) and self._ledger.is_ours(anonymous_id)):
            raise self.refuse(
                "got an anonymous_id that may be a real visitor's",
                "one that begins with the id of cio_load.user",
                "make it of cio_load.user.id",
            )

    def device(self, device: object) -> None:
        """Where a push message may be sent, by its id or token: to no device that exists."""
        start = f"{self._ledger.prefix}-"
        if not (isinstance(device, str) and device.startswith(start) and len(device) > len(start)):
            raise self.refuse(
                "got a device that may be somebody's",
                "an id or token that begins with the id of cio_load.user, which no push message reaches",
                "make it of cio_load.user.id",
            )

    def address(self, what: str, address: object) -> None:
        """Where a message may be sent: nowhere that exists. None and "" are no address."""
        if address in (None, "") or self._is_harmless(address):
            return
        raise self.refuse(
            f"{what}: got an address that might be somebody's",
            "one that begins with the id of cio_load.user, under a domain that no mail reaches, such as example.com",
            "use cio_load.user.email",
        )

    def _is_harmless(self, address: object) -> bool:
        found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if found is None or not found[1].startswith(f"{self._ledger.prefix}-"):
            return False
        domain = found[2].lower()
        return domain in _RESERVED or domain.endswith(_RESERVED_ENDS)

    def carry_run(self, attributes: dict[str, Any]) -> None:
        """Have *attributes* carry the run's id."""
        if attributes.get(ATTRIBUTE, self._run) != self._run:
            raise self.refuse(
                f"{ATTRIBUTE}: got a value of the author's own",
                "this attribute to be left to the run",
                "leave it out, or name it otherwise",
            )
        if ATTRIBUTE not in attributes:
            attributes[ATTRIBUTE] = self._run
            self.changed = True


def _one(look: Look, operation: Operation) -> Operation:
    """Look at an operation that travels alone: itself, or the one to send in its place."""
    row = _row_of(look, operation)
    content = _content(look, operation.body) if operation.body is not None or operation.name == "entity" else {}
    if operation.name == "entity":
        _entity(look, content)
    elif row.look is not None:
        row.look(look, content)
    return replace(operation, body=_again(operation.name, content)) if look.changed else operation


def _batch(look: Look, operation: Operation) -> Operation:
    """Look at everything in a batch. One that fits only without the run's id is refused, since nothing can be left out of it here."""
    _row_of(look, operation)
    items = _content(look, operation.body).get("batch")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise look.refuse("got a body that is no batch", "a list of operations", "make it with a function of the api")
    for index, item in enumerate(items):
        look.place = f"operations[{index}]: "
        _entity(look, item)
    if not look.changed:
        return operation
    made = joined([_again("batch", item) for item in items], repeatable=operation.repeatable, people=operation.people)
    return replace(operation, body=made.body)


def _row_of(look: Look, operation: Operation) -> Row:
    """What was decided on *operation*, once its request has the form that was decided on and everyone it names is ours."""
    row = TABLE.get(operation.name, _UNDECIDED)
    if isinstance(row, Never):
        raise look.refuse(row.got, row.expected, row.fix)
    path = row.path.fullmatch(operation.path)
    if operation.method != row.method or path is None:
        raise look.refuse("got a request of another form", f"the one that {operation.name} has", f"make it with api.{operation.name}")
    named = {name: unquote(each) for name, each in path.groupdict().items()}
    if row.about_people:
        for person in (*([named["person"]] if "person" in named else []), *operation.people):
            look.person(person)
    if "device" in named:
        look.device(named["device"])
    return row


def _entity(look: Look, item: dict[str, Any]) -> None:
    """Look at one operation of version 2."""
    kind, action = item.get("type"), item.get("action")
    row = ENTITIES.get((kind, action), _UNDECIDED) if isinstance(kind, str) and isinstance(action, str) else _UNDECIDED
    if isinstance(row, Never):
        raise look.refuse(row.got, row.expected, row.fix)
    row(look, item)


def _content(look: Look, body: bytes | None) -> dict[str, Any]:
    try:
        content = json.loads(body or b"")
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise look.refuse("got a body that is no JSON object", "one as this package makes it", "make it with a function of the api")
    return content


def _again(operation: str, content: dict[str, Any]) -> bytes:
    """The body of *content*, now that the run's id is in it. Raises InvalidOperation when that is too much."""
    body = encode(content, operation)
    is_item = operation in ("entity", "batch")
    attributes = content.get("attributes") if is_item else content
    refusal = refuse_attributes(attributes, len(body)) if isinstance(attributes, dict) else None
    if refusal is not None:
        raise InvalidOperation(operation, f"{refusal.describe()} ({ATTRIBUTE}, which the run adds, is one of them)")
    if is_item and len(body) > ITEM_BYTES:
        got = f"got {len(body)} bytes with {ATTRIBUTE}, which the run adds"
        raise InvalidOperation(operation, f"operation cannot be larger than {ITEM_BYTES} bytes: {got}; send less")
    return body


def _is_done(ticket: Ticket) -> bool:
    if (error := ticket.error) is not None:
        if isinstance(error, LedgerError):
            raise LedgerError(*error.args) from error
        expected = "made-up people to be on disk before they are sent; look after the disk, then run again"
        raise LedgerError(f"ledger: got {type(error).__name__}; expected {expected}") from error
    return ticket.done


def _all_done(tickets: list[Ticket]) -> bool:
    return all(_is_done(ticket) for ticket in tickets)


def _at_once() -> bool:
    return True
