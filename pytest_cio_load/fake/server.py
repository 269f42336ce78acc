"""The loopback door: the fake as a real HTTP(S) server, on asyncio."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from pytest_cio_load.fake.connection import Connection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from pytest_cio_load.fake.answering import Answering

LOOPBACK = "127.0.0.1"


async def serve(fake: Answering, *, port: int = 0, secure: ssl.SSLContext | None = None) -> asyncio.Server:
    """Serve *fake* on loopback, and on nothing else.

    Args:
        fake: a workspace, or an account of several.
        port: 0 for a free one.
        secure: for HTTPS.

    Raises:
        OSError: the port cannot be had.
        ValueError: it is no port.
    """
    loop = asyncio.get_running_loop()
    return await listening(lambda: loop.create_server(lambda: Connection(fake), LOOPBACK, port, ssl=secure, backlog=1024), port)


async def listening(listen: Callable[[], Awaitable[asyncio.Server]], port: int) -> asyncio.Server:
    """What *listen* gives. Raises OSError with what to do when the *port* cannot be had, and ValueError when it is none."""
    if not 0 <= port <= 65_535:
        raise ValueError(f"port: got {port}; expected a whole number from 0 to 65535; use 0 for a free one")
    try:
        return await listen()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "refused"
        raise OSError(error.errno, f"port: got {port} ({why}); expected one that is free; use 0 for any that is") from None


def port_of(server: asyncio.Server) -> int:
    """The port that *server* listens at."""
    port: int = server.sockets[0].getsockname()[1]
    return port


def url_of(server: asyncio.Server, *, secure: bool = False) -> str:
    """Where *server* listens."""
    return f"http{'s' * secure}://{LOOPBACK}:{port_of(server)}"
