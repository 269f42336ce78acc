"""Many operations in few requests: how they are split, and what became of each. Nothing here waits or sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.answers import scrub, unreadable
from pytest_cio_load.customerio.limits import BATCH_BYTES
from pytest_cio_load.customerio.operations.entities import ENVELOPE, joined
from pytest_cio_load.customerio.operations.items import Item, item_of
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.customerio.replies import ItemRefusal, Unreadable, refusals
from pytest_cio_load.customerio.wire import Answer
from pytest_cio_load.customerio.workspaces import Access
from pytest_cio_load.errors import CustomerIOError, Refused

if TYPE_CHECKING:
    from pytest_cio_load.customerio.exchange import Core

ITEMS = 1_000
"""Operations per batch at most. Customer.io publishes no such limit; this one is our choice, and others have been known to keep to it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Operations that travel in one request.

    Attributes:
        items: in order.
        size: bytes of the request's body.
    """

    items: tuple[Item, ...] = field(repr=False)
    size: int

    def operation(self) -> Operation:
        """The request. It may be sent again as a whole if every one of its operations may be."""
        return joined([item.body for item in self.items], repeatable=all(item.operation.repeatable for item in self.items))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one operation.

    Attributes:
        index: its place among everything that was given to be sent, from 0.
        operation: what was asked.
        error: why it was not accepted: refused here or by Customer.io, or its batch failed as a whole; None when it was accepted.
        field: the part of it at fault, when Customer.io said so; else "".
    """

    index: int
    operation: Operation
    error: CustomerIOError | None = None
    field: str = ""

    @property
    def accepted(self) -> bool:
        """Whether Customer.io took it."""
        return self.error is None

    @property
    def reason(self) -> str:
        """Why it was not accepted; "" when it was."""
        return "" if self.error is None else self.error.reason


class Filling:
    """A batch in the making.

    Args:
        most: items at most.

    Raises:
        ValueError: *most* is under 1.
    """

    def __init__(self, most: int = ITEMS) -> None:
        if most < 1:
            raise ValueError(f"items: got {most}; expected at least 1 operation per batch; try {ITEMS}")
        self._most = most
        self._items: list[Item] = []
        self.size = ENVELOPE

    def __bool__(self) -> bool:
        return bool(self._items)

    def fits(self, item: Item) -> bool:
        """Whether *item* may be added."""
        comma = 1 if self._items else 0
        return len(self._items) < self._most and self.size + comma + len(item.body) <= BATCH_BYTES

    def add(self, item: Item) -> None:
        """Add an item that fits."""
        self.size += len(item.body) + (1 if self._items else 0)
        self._items.append(item)

    def take(self) -> Batch:
        """The batch; the making of the next one begins."""
        batch = Batch(tuple(self._items), self.size)
        self._items, self.size = [], ENVELOPE
        return batch


def split(operations: Iterable[Operation], *, items: int = ITEMS) -> Iterator[Batch]:
    """Fill batches with operations, in order, each as far as the next one fits: at most 500,000 bytes and *items* operations.

    Raises:
        InvalidOperation: an operation has no form in a batch, or is larger than 32,000 bytes in it.
        ValueError: *items* is under 1.
    """
    filling = Filling(items)
    for index, operation in enumerate(operations):
        item = item_of(operation, index)
        if not filling.fits(item):
            yield filling.take()
        filling.add(item)
    if filling:
        yield filling.take()


def admitted_item(client: Core[Any, Any], operation: Operation, index: int = 0) -> Item:
    """*operation* as part of a batch, as *client* would let it go.

    What the client adds is there before a batch is filled, so that the batch's limits hold. Whether it may go out yet is asked when the
    batch is sent, which is looked at as a whole once more.

    Raises:
        InvalidOperation: the client refuses it, it has no form in a batch, or it is too large for one.
    """
    if client._admit is None:
        return item_of(operation, index)
    return replace(item_of(client._admit(operation)[0], index), operation=operation)


def read_outcomes(workspace: Access, batch: Batch, answer: Answer) -> tuple[Outcome, ...]:
    """What a 2xx to a batch says of each operation: after a 207 those it lists were refused, all others were accepted.

    Args:
        workspace: whose secrets no reason may show.
        batch: what was sent.
        answer: to it. Any other status is about the batch as a whole and fails the call that sent it.
    """
    try:
        return outcomes(workspace, batch, refusals(answer))
    except Unreadable as error:
        return failed(batch, unreadable(batch.operation(), answer, str(error), 1))


def outcomes(workspace: Access, batch: Batch, refused: Iterable[ItemRefusal]) -> tuple[Outcome, ...]:
    """As :func:`read_outcomes`, of an answer already read.

    A refusal of an operation that was not in the batch leaves it unknown which one was meant: then none counts as accepted.
    """
    by_index = {refusal.index: refusal for refusal in refused}
    count = len(batch.items)
    if any(not 0 <= index < count for index in by_index):
        reason = f"batch_index: got one outside of the batch; expected 0 to {count - 1}; which operation was refused is unknown"
        return failed(batch, CustomerIOError("batch", reason, status=207, attempts=1))
    return tuple(_outcome(workspace, item, by_index.get(place)) for place, item in enumerate(batch.items))


def failed(batch: Batch, error: CustomerIOError) -> tuple[Outcome, ...]:
    """The outcomes of a batch that failed as a whole."""
    return tuple(Outcome(item.index, item.operation, error) for item in batch.items)


def _outcome(workspace: Access, item: Item, refusal: ItemRefusal | None) -> Outcome:
    if refusal is None:
        return Outcome(item.index, item.operation)
    said = scrub(" ".join((refusal.message or refusal.reason).split()), workspace, item.operation) or "refused, without a reason"
    error = Refused(item.operation.name, f"{said}; expected acceptance; mend the operation", status=207, attempts=1)
    return Outcome(item.index, item.operation, error, scrub(refusal.field, workspace, item.operation))
