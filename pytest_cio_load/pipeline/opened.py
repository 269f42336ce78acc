"""What `opening` opens on a Redis or Valkey: a queue that leaves the server that was started for it, and a gate with a client of its own.

Imported only when asked for: it needs the extra ``queue``.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.errors import QueueError, QueueUnavailable
from pytest_cio_load.pipeline.engines.bullmq.engine import BullMQEngine
from pytest_cio_load.pipeline.engines.bullmq.link import Link
from pytest_cio_load.pipeline.engines.bullmq.redis_errors import translated
from pytest_cio_load.pipeline.gates.shared import SharedGate
from pytest_cio_load.pipeline.opening import CONNECT_TIMEOUT, Address, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.pipeline.engines.embedded import Embedded

ANSWER_TIMEOUT = 5.0
"""Seconds that a gate waits for an answer."""

_OTHERS, _SCANS, _SCANNED = 3, 20, 1_000
"""Other queues that are named, and how many times how many keys are looked at for them, whatever the server holds."""


def served(address: Address) -> tuple[Embedded | None, Address]:
    """The server that was started or attached to for an embedded address, and that address with the server's URL."""
    if address.kind is not Kind.EMBEDDED:
        return None, address
    from pytest_cio_load.pipeline.engines.embedded import Embedded

    server = Embedded(address.folder)
    server.start()
    return server, replace(address, url=server.url)


class RedisQueue(BullMQEngine):
    """A BullMQ queue that knows where it is.

    Args:
        address: with a URL.
        server: is left with the queue; None for a server that is somebody else's.
        name: of the queue.
        shards: parts of it.
        connect_timeout: seconds to wait for a connection.
    """

    def __init__(self, address: Address, server: Embedded | None, *, name: str, shards: int, connect_timeout: float) -> None:
        super().__init__(address.url, name, shards=shards, connect_timeout=connect_timeout)
        self.address, self._server = address, server

    async def aclose(self) -> None:
        """Let go of every connection, and leave the embedded server."""
        try:
            await super().aclose()
        finally:
            if self._server is not None:
                await asyncio.to_thread(self._server.stop)

    async def others(self) -> list[str]:
        """Names of other queues of this package on the server: of a few, found among its first keys. Raises QueueUnavailable."""
        before, after = self._names.own("form").split(f":{self.name}:")
        found: set[str] = set()
        cursor = 0

        async def some() -> Any:
            return await self._link.client.scan(cursor, f"{before}:*:{after}", _SCANNED)

        for _ in range(_SCANS):
            cursor, keys = await self._link.ask(some)
            found |= {key.removeprefix(f"{before}:").removesuffix(f":{after}") for key in keys} - {self.name}
            if not cursor or len(found) >= _OTHERS:
                break
        return sorted(found)[:_OTHERS]


class OwnGate(SharedGate):
    """A shared gate with a client of its own, whose errors are this package's.

    Args:
        address: of a Redis or Valkey; of an embedded one that is not known to run, it is started or attached to.
        workspace: whose site id, rate and burst count.

    Asking, succeeding and failing raise QueueUnavailable.
    """

    def __init__(self, address: Address, workspace: Workspace) -> None:
        self._server, address = served(address) if not address.url else (None, address)
        link = Link(address.url, CONNECT_TIMEOUT)
        self._where = link.where
        self._own = link.opened(ANSWER_TIMEOUT)
        super().__init__(self._own, workspace.key, rate=workspace.rate, burst=workspace.burst)

    async def _run(self, what: str, *arguments: float | str, keys: Sequence[str] = ()) -> tuple[int, float, int, float]:
        try:
            return await super()._run(what, *arguments, keys=keys)
        except (RedisError, OSError) as error:
            made = translated(error, self._where)
            # Whoever waits at a gate goes on asking after an OSError: no trouble of the server's is the job's.
            raise QueueUnavailable(str(made)) if isinstance(made, QueueError) and not isinstance(made, OSError) else made from None

    async def aclose(self) -> None:
        """Close its connections, and leave the embedded server."""
        try:
            await self._own.aclose()
        finally:
            if self._server is not None:
                await asyncio.to_thread(self._server.stop)
