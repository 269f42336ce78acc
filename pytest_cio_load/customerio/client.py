"""The Customer.io clients, async and blocking: thin shells over one core.

All return from a call once Customer.io has accepted it, which is not yet to say that it has applied it. Every call raises

    InvalidOperation    refused here, before anything was sent
    Unreachable, Unauthorized, Refused, RateLimited, ServerFailed    how the last attempt failed
    CustomerIOError     accepted, and the answer cannot be read
    GuardRefused        in a test: the guard permits no request to this host with these credentials; never tried again

and every call, however it ends, is reported as one :class:`CallRecord`.

That a test reaches no real host without the guard's permit is seen to by the wires, whichever client they are given to: it is the wire that
knows the host and the credentials, and it alone opens sockets. A wire of one's own that opens none, such as a test double, needs no permit.
What one that opens sockets by itself does is the test's own network code: ``cio_block_network`` sees it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from pytest_cio_load.customerio.buckets import WALL, axis_of, clock_of
from pytest_cio_load.customerio.calls import AppCalls, BlockingAppCalls, BlockingCalls, Calls
from pytest_cio_load.customerio.exchange import AccessT, CallRecord, Core, Exchange
from pytest_cio_load.customerio.wire import Answer, Request, SyncWire, Warms, Wire
from pytest_cio_load.customerio.workspaces import AppAccess, Workspace

if TYPE_CHECKING:
    from pytest_cio_load.customerio.operations.operation import Operation

__all__ = ["AppClient", "CallRecord", "Client", "SyncAppClient", "SyncClient"]

T = TypeVar("T")


class _Async(Core[AccessT, Wire]):
    """Carries calls through from coroutines. The clock is the running loop's (`clock_of`) unless *now* is given."""

    async def warm(self, count: int) -> int:
        """Open *count* connections ahead of need, so that no call has to wait for one.

        Returns:
            How many are open: fewer when the server takes no more, 0 with a wire that cannot. The engine ``direct`` can.
        """
        wire = self._wire
        return await wire.warm(count) if isinstance(wire, Warms) else 0

    async def aclose(self) -> None:
        """Close the wire."""
        await self._wire.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def _axis(self) -> object:
        try:
            return axis_of(asyncio.get_running_loop())
        except RuntimeError:
            return WALL

    async def _drive(self, name: str, build: Callable[[], Operation], read: Callable[[Answer], T]) -> T:
        # The clock is bound when the call begins: one torn down after its loop has closed must still be able to read the time.
        exchange: Exchange[T] = self._exchange(self._now or clock_of(asyncio.get_running_loop()), name, build, read)
        try:
            step = next(exchange)
            while True:
                answer: Answer | None = None
                error: BaseException | None = None
                try:
                    if isinstance(step, Request):
                        answer = await self._wire.send(step)
                    else:
                        await asyncio.sleep(step)
                except BaseException as raised:
                    error = raised
                # Thrown outside the handler: what the core raises is then not shown as caused while handling another error.
                step = exchange.send(answer) if error is None else exchange.throw(error)
        except StopIteration as stop:
            result: T = stop.value
            return result


class _Blocking(Core[AccessT, SyncWire]):
    """Carries calls through from threads. The clock is ``time.monotonic`` unless *now* is given."""

    def close(self) -> None:
        """Close the wire."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _drive(self, name: str, build: Callable[[], Operation], read: Callable[[Answer], T]) -> T:
        exchange: Exchange[T] = self._exchange(self._now or time.monotonic, name, build, read)
        try:
            step = next(exchange)
            while True:
                answer: Answer | None = None
                error: BaseException | None = None
                try:
                    if isinstance(step, Request):
                        answer = self._wire.send(step)
                    else:
                        time.sleep(step)
                except BaseException as raised:
                    error = raised
                step = exchange.send(answer) if error is None else exchange.throw(error)
        except StopIteration as stop:
            result: T = stop.value
            return result


class Client(Calls, _Async[Workspace]):
    """Calls the Track API from coroutines; may be shared by any number of tasks. Arguments as of the core."""

    @property
    def members(self) -> tuple[Client, ...]:
        """The clients behind this one: itself."""
        return (self,)


class SyncClient(BlockingCalls, _Blocking[Workspace]):
    """Calls the Track API from threads; may be shared by any number. Arguments as of the core."""

    @property
    def members(self) -> tuple[SyncClient, ...]:
        """The clients behind this one: itself."""
        return (self,)


class AppClient(AppCalls, _Async[AppAccess]):
    """Reads through the App API from coroutines, within its own budget. Arguments as of the core."""


class SyncAppClient(BlockingAppCalls, _Blocking[AppAccess]):
    """Reads through the App API from threads, within its own budget. Arguments as of the core."""
