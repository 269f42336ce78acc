"""The ASGI door: the fake as an ASGI 3 application, for whatever can call, mount or serve one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from pytest_cio_load.fake.answering import Answering

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]


def asgi_app(fake: Answering, *, now: Callable[[], float] = time.monotonic) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """*fake* as an application. It answers HTTP, and nothing else that a server may ask.

    A connection that a fault resets ends in a ConnectionResetError, the nearest that ASGI has; a request that is never answered waits
    until the client goes away. Of one whose client goes away before it is whole, nothing is known.

    Args:
        fake: a workspace, or an account of several.
        now: seconds on any monotonic clock.
    """

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        parts = []
        while (message := await receive()).get("more_body", False):
            parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect":
            return
        body = b"".join([*parts, message.get("body", b"")])
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        reply = fake.answer(scope["method"], _path(scope), headers, body, now())
        if reply.action == "never":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await asyncio.sleep(reply.delay)
        if reply.action == "reset":
            raise ConnectionResetError("connection reset by the fake")
        answered = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        answered += [] if reply.status == 204 else [(b"content-length", str(len(reply.body)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": answered})
        await send({"type": "http.response.body", "body": reply.body})

    return app


def _path(scope: Message) -> str:
    """The path below where the application is mounted, as it was encoded, with its query."""
    raw = scope.get("raw_path")
    # Where a server does not tell how it was encoded, it gives it decoded.
    path = (raw.decode("latin-1") if raw else quote(scope["path"])).removeprefix(scope.get("root_path", ""))
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path
