"""A way to the fake for clients that have Customer.io's host names in them: a proxy on loopback that joins those names to it.

Nothing of the machine is changed for it, no name server and no file: a client is pointed at it by ``HTTPS_PROXY``, and trusts the fake's
authority by ``SSL_CERT_FILE`` or ``REQUESTS_CA_BUNDLE``. It joins these hosts and no others, so that nothing that goes through it leaves
this machine.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_cio_load.fake.http import written
from pytest_cio_load.fake.server import LOOPBACK, listening
from pytest_cio_load.fake.tls import HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable

_PORT = "443"
_JOINED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_AT_ONCE = 65_536


def wanted(head: bytes) -> tuple[str, int, str]:
    """What the head of a request asks a proxy for, such as "track.customer.io:443"; the status to answer; and why it is not 200."""
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    asked = rest.partition(" ")[0]
    if method != "CONNECT":
        return asked, 405, f"got {method}; expected CONNECT: this proxy joins HTTPS to the fake, and reads none of it\n"
    host, _, port = asked.rpartition(":")
    if port != _PORT or host.lower() not in HOSTS:
        return asked, 403, f"got {asked}; expected one of {', '.join(HOSTS)}, port {_PORT}: this proxy leads to the fake only\n"
    return asked, 200, ""


async def serve_proxy(to: int, note: Callable[[str, bool], None], *, port: int = 0) -> asyncio.Server:
    """Serve the proxy on loopback, and on nothing else.

    Args:
        to: the port of the fake's HTTPS.
        note: is told of every request: what it asked for, and whether it was given.
        port: 0 for a free one.

    Raises:
        OSError: the port cannot be had.
        ValueError: it is no port.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            asked, status, why = wanted(await reader.readuntil(b"\r\n\r\n"))
            note(asked, status == 200)
            if status == 200:
                there, onwards = await asyncio.open_connection(LOOPBACK, to)
                writer.write(_JOINED)
                await asyncio.gather(_carry(reader, onwards), _carry(there, writer))
            else:
                writer.write(written(status, {"content-type": "text/plain"}, why.encode(), keep_alive=False))
        writer.close()

    return await listening(lambda: asyncio.start_server(serve, LOOPBACK, port, backlog=1024, limit=_AT_ONCE), port)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until no more does, then close the other end; what is cut off here is cut off there."""
    try:
        while data := await reader.read(_AT_ONCE):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        writer.close()
