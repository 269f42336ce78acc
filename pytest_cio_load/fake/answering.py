"""What every door has in common: a model that answers; and for doors without a socket, how a reply becomes a response or a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.fake.workspace import Reply

AT_MOST = 86_400.0
"""Seconds that a client without a read time-out is kept waiting by a server that never answers: a day; nothing can sleep for ever."""


class Answering(Protocol):
    """The model behind a door: a workspace, or an account of several."""

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        """Take one request."""


def ask(fake: Answering, request: Any, now: float) -> tuple[Reply, float]:
    """The reply to a request of httpx or httpx2, and the seconds that the client waits for it: its read time-out."""
    reply = fake.answer(request.method, request.url.raw_path.decode("ascii"), request.headers, request.content, now)
    read = request.extensions.get("timeout", {}).get("read")
    return reply, AT_MOST if read is None else min(float(read), AT_MOST)


def response(reply: Reply, patience: float, request: Any, library: Any) -> Any:
    """A response of *library*. Raises its ReadTimeout or ReadError where a server would keep silent or reset the connection."""
    if reply.delay > patience or reply.action == "never":
        raise library.ReadTimeout("", request=request)
    if reply.action == "reset":
        raise library.ReadError("connection reset by the fake", request=request)
    return library.Response(reply.status, headers=reply.headers, content=reply.body)
