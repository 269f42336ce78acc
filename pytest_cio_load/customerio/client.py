"""The Customer.io client, async and blocking: two thin shells over one core.

Both return from a call once Customer.io has accepted it, which is not yet to say that it has applied it. Every call raises

    InvalidOperation    refused here, before anything was sent
    Unreachable, Unauthorized, Refused, RateLimited, ServerFailed    how the last attempt failed

and every call, however it ends, is reported as one :class:`CallRecord`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.exchange import CallRecord, Core, Exchange
from pytest_cio_load.customerio.wire import Answer, Request, SyncWire, Wire

__all__ = ["CallRecord", "Client", "SyncClient"]


class Client(Core[Wire]):
    """Calls Customer.io from coroutines; may be shared by any number of tasks. The clock is the running loop's unless *now* is given."""

    async def identify(self, identifier: str, /, **attributes: object) -> None:
        """Add or update a person. Datetimes become whole unix seconds."""
        await self._drive("identify", lambda: api.identify(identifier, attributes))

    async def track(
        self,
        identifier: str,
        name: str,
        data: Mapping[str, object] | None = None,
        *,
        id: str | None = None,
        timestamp: int | datetime | None = None,
    ) -> None:
        """Send an event of a person. Its ULID *id* is made when not given, so that a retry cannot duplicate it."""
        await self._drive("track", lambda: api.track(identifier, name, data, id=id, timestamp=timestamp, new_id=self._new_id))

    async def delete(self, identifier: str) -> None:
        """Delete a person; one who does not exist is no error."""
        await self._drive("delete", lambda: api.delete(identifier))

    async def aclose(self) -> None:
        """Close the wire."""
        await self._wire.aclose()

    async def _drive(self, name: str, build: Callable[[], api.Operation]) -> None:
        # The clock is bound when the call begins: one torn down after its loop has closed must still be able to read the time.
        exchange: Exchange = self._exchange(self._now or asyncio.get_running_loop().time, name, build)
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
        except StopIteration:
            return


class SyncClient(Core[SyncWire]):
    """Calls Customer.io from threads; may be shared by any number. The clock is ``time.perf_counter`` unless *now* is given."""

    def identify(self, identifier: str, /, **attributes: object) -> None:
        """Add or update a person. Datetimes become whole unix seconds."""
        self._drive("identify", lambda: api.identify(identifier, attributes))

    def track(
        self,
        identifier: str,
        name: str,
        data: Mapping[str, object] | None = None,
        *,
        id: str | None = None,
        timestamp: int | datetime | None = None,
    ) -> None:
        """Send an event of a person. Its ULID *id* is made when not given, so that a retry cannot duplicate it."""
        self._drive("track", lambda: api.track(identifier, name, data, id=id, timestamp=timestamp, new_id=self._new_id))

    def delete(self, identifier: str) -> None:
        """Delete a person; one who does not exist is no error."""
        self._drive("delete", lambda: api.delete(identifier))

    def close(self) -> None:
        """Close the wire."""
        self._wire.close()

    def _drive(self, name: str, build: Callable[[], api.Operation]) -> None:
        exchange: Exchange = self._exchange(self._now or time.perf_counter, name, build)
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
        except StopIteration:
            return
