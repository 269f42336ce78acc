"""A server that plays a part, and our own engine's wire to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pytest_cio_load.customerio.engines import DirectWire
from pytest_cio_load.customerio.workspaces import Workspace

PATIENCE = 10.0


class Played:
    """A server that plays one part on every connection, and counts them."""

    def __init__(self, part: Callable[[Played, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._part = part
        self.taken = self.open = 0
        self.heads: list[bytes] = []
        self.changed, self.go_on = asyncio.Condition(), asyncio.Event()
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken, self.open = self.taken + 1, self.open + 1
        await self.tell()
        try:
            await self._part(self, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()
            await self.tell()

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, there: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(there)

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """The head of the next request, its body read as well."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        self.heads.append(head)
        await self.tell()
        return head


@asynccontextmanager
async def _playing(part: Any, **options: Any) -> AsyncIterator[tuple[Played, DirectWire]]:
    """A server that plays *part*, and a wire to it."""
    played = Played(part)
    server = await asyncio.start_server(played, "127.0.0.1", 0)
    played.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    wire = DirectWire(Workspace("site", "secret-key", url=played.url), **options)
    try:
        yield played, wire
    finally:
        await wire.aclose()
        played.go_on.set()
        await played.until(lambda: played.open == 0)
        server.close()
        await server.wait_closed()


@pytest.fixture
def playing() -> Any:
    """A context manager: given a part and the wire's options, a server that plays it and a wire to it."""
    return _playing
