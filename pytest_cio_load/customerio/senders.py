"""Sending any number of operations in batches: an iterable in, an outcome per operation out, and never more than a few batches in memory.

The conductor is a generator, shared by an async and a blocking shell: it asks for the next operation, says which batch to start and when to
wait for one, and gives outcomes out. A batch is paced, retried and recorded as any other call; it is sent again as a whole only when it
got no answer, or 408, 429 or 5xx. Operations that a 207 refused are reported and never sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from pytest_cio_load.customerio.batch import ITEMS, Batch, Outcome, admitted_item, failed, outcomes
from pytest_cio_load.customerio.client import Client, SyncClient
from pytest_cio_load.customerio.exchange import Core
from pytest_cio_load.customerio.lanes import IN_FLIGHT, Lanes
from pytest_cio_load.customerio.operations.items import Item
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.customerio.replies import refusals
from pytest_cio_load.errors import CustomerIOError, InvalidOperation


class Ask(Enum):
    """What the conductor wants done, besides starting a batch and giving an outcome out."""

    NEXT = "the next operation, or END after the last"
    POLL = "a batch that has been settled, or None"
    WAIT = "a batch that has been settled; wait for one"


END = object()
"""Comes after the last operation."""


@dataclass(frozen=True, slots=True)
class Start:
    """A batch to send, to the client of that number."""

    batch: Batch
    home: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A batch that is done with, and the outcome of each of its operations."""

    start: Start
    outcomes: tuple[Outcome, ...]


Step = Ask | Start | Outcome
Conducting = Generator[Step, Any, None]


Seat = Callable[[Operation, int], tuple[int, Item]]
"""Given an operation and its place among all: the number of the client that it belongs to, and its form in a batch. May refuse it."""


def conduct(fleet: list[Lanes], seat: Seat) -> Conducting:
    """Plan the sending of a stream of operations.

    Yields what is to be done, see :class:`Ask`; when the stream breaks off with an exception, it is thrown in, and raised again once
    everything before it has its outcome.

    Args:
        fleet: a plan per client.
        seat: where an operation travels, and in which form.
    """
    broken: Exception | None = None
    index = 0
    while True:
        if any(lanes.in_flight for lanes in fleet) and (settled := (yield Ask.POLL)) is not None:
            yield from _settle(fleet, settled)
        try:
            operation = yield Ask.NEXT
            if operation is END:
                break
            _check(operation)
        except Exception as error:
            broken = error
            break
        yield from _take(fleet, seat, operation, index)
        index += 1
    for lanes in fleet:
        lanes.close()
    while any(lanes.busy for lanes in fleet):
        for home, lanes in enumerate(fleet):
            while batch := lanes.ready():
                yield Start(batch, home)
        yield from _settle(fleet, (yield Ask.WAIT))
    if broken is not None:
        raise broken


def _check(operation: object) -> None:
    if not isinstance(operation, Operation):
        got = type(operation).__name__
        raise TypeError(f"operations: got {got}; expected operations such as api.identify(…); make one of a dict with api.entity(…)")


def _take(fleet: list[Lanes], seat: Seat, operation: Operation, index: int) -> Conducting:
    """Take one operation into a batch, as soon as there is room."""
    refusal: InvalidOperation | None = None
    try:
        home, item = seat(operation, index)
    except InvalidOperation as error:
        refusal = error
    if refusal is not None:
        yield Outcome(index, operation, refusal)
        return
    while not fleet[home].put(item):
        if batch := fleet[home].ready():
            yield Start(batch, home)
        else:
            yield from _settle(fleet, (yield Ask.WAIT))


def _settle(fleet: list[Lanes], settled: Settled) -> Conducting:
    fleet[settled.start.home].settle(settled.start.batch)
    yield from settled.outcomes


ClientT = TypeVar("ClientT", covariant=True)


class Sendable(Protocol[ClientT]):
    """A client, or several behind one."""

    @property
    def members(self) -> tuple[ClientT, ...]:
        """The clients, one per workspace."""

    def home_of(self, operation: Operation) -> int:
        """The number of the member that an operation belongs to. Raises InvalidOperation when it belongs to none."""


MemberT = TypeVar("MemberT", bound=Core[Any, Any])


class _Sender(Generic[MemberT]):
    """What both shells share.

    Args:
        client: how batches travel; with several workspaces behind it, every operation goes to its own.
        in_flight: batches under way at once, per workspace.
        items: operations per batch at most.

    Raises:
        ValueError: in_flight or items is under 1.
    """

    def __init__(self, client: Sendable[MemberT], *, in_flight: int = IN_FLIGHT, items: int = ITEMS) -> None:
        self._plan = partial(Lanes, in_flight, items)
        self._plan()  # so that a wrong number is said here, and not when the first operation is sent
        self._client = client
        self._in_flight = in_flight

    def _conduct(self) -> Conducting:
        return conduct([self._plan() for _ in self._client.members], self._seat)

    def _seat(self, operation: Operation, index: int) -> tuple[int, Item]:
        home = self._client.home_of(operation)
        return home, admitted_item(self._client.members[home], operation, index)


class BatchSender(_Sender[Client]):
    """Sends operations in batches, from a coroutine."""

    async def send(self, operations: Iterable[Operation] | AsyncIterable[Operation]) -> AsyncIterator[Outcome]:
        """Send everything. Gives an outcome for each operation, as it is known: of one person in order, of several as they come.

        A batch is sent when it is full or the operations have ended. Whoever stops asking for outcomes stops the sending: what is under way
        is cancelled. When *operations* raises, everything before it is sent first.
        """
        steps, source = self._conduct(), _stream(operations)
        flying: dict[asyncio.Task[Settled], None] = {}
        try:
            step = next(steps)
            while True:
                got: object = None
                broken: Exception | None = None
                if isinstance(step, Outcome):
                    yield step
                elif isinstance(step, Start):
                    flying[asyncio.create_task(self._carry(step))] = None
                    await asyncio.sleep(0)  # so that it is on its way before the next one fills
                elif step is Ask.NEXT:
                    try:
                        got = await anext(source, END)
                    except Exception as error:
                        broken = error
                else:
                    if step is Ask.WAIT:
                        await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                    got = _first(flying)
                step = steps.send(got) if broken is None else steps.throw(broken)
        except StopIteration:
            return
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    async def _carry(self, start: Start) -> Settled:
        client, batch = self._client.members[start.home], start.batch
        try:
            refused = await client._drive("batch", batch.operation, refusals)
        except CustomerIOError as error:
            return Settled(start, failed(batch, error))
        return Settled(start, outcomes(client.workspace, batch, refused))


class SyncBatchSender(_Sender[SyncClient]):
    """Sends operations in batches, from a thread; the batches under way have threads of their own."""

    def send(self, operations: Iterable[Operation]) -> Iterator[Outcome]:
        """Send everything. Gives an outcome for each operation, as it is known: of one person in order, of several as they come.

        A batch is sent when it is full or the operations have ended. Whoever stops asking for outcomes stops the sending: what is under way
        is waited for. When *operations* raises, everything before it is sent first.
        """
        steps, source = self._conduct(), iter(operations)
        flying: dict[Future[Settled], None] = {}
        with ThreadPoolExecutor(self._in_flight * len(self._client.members), "cio-batch") as threads, suppress(StopIteration):
            step = next(steps)
            while True:
                got: object = None
                broken: Exception | None = None
                if isinstance(step, Outcome):
                    yield step
                elif isinstance(step, Start):
                    flying[threads.submit(self._carry, step)] = None
                elif step is Ask.NEXT:
                    try:
                        got = next(source, END)
                    except Exception as error:
                        broken = error
                else:
                    if step is Ask.WAIT:
                        wait(flying, return_when=FIRST_COMPLETED)
                    got = _first(flying)
                step = steps.send(got) if broken is None else steps.throw(broken)

    def _carry(self, start: Start) -> Settled:
        client, batch = self._client.members[start.home], start.batch
        try:
            refused = client._drive("batch", batch.operation, refusals)
        except CustomerIOError as error:
            return Settled(start, failed(batch, error))
        return Settled(start, outcomes(client.workspace, batch, refused))


class _Flight(Protocol):
    """A task or a future."""

    def done(self) -> bool: ...

    def result(self) -> Settled: ...


FlightT = TypeVar("FlightT", bound=_Flight)


def _first(flying: dict[FlightT, None]) -> Settled | None:
    """Take the earliest started of those that have landed."""
    for flight in flying:
        if flight.done():
            del flying[flight]
            return flight.result()
    return None


async def _stream(operations: Iterable[Operation] | AsyncIterable[Operation]) -> AsyncIterator[Operation]:
    if isinstance(operations, AsyncIterable):
        async for operation in operations:
            yield operation
    else:
        for operation in operations:
            yield operation
