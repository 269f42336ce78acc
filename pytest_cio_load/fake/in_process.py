"""The shortest door: wires for our own client that lead to the fake in the same process, with no HTTP library between them.

A request is already everything that the model asks for, and its reply everything that the client reads: requests and responses of httpx
in between, and a router of respx that matches them, cost several times as much as the fake itself. What is answered, when, and how it
fails are the same as through any other door.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.customerio.wire_reasons import LOST, late_answer
from pytest_cio_load.customerio.wire_setup import TIMEOUT, check_timeout, headers_for
from pytest_cio_load.fake.answering import AT_MOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_cio_load.customerio.workspaces import Access
    from pytest_cio_load.fake.answering import Answering
    from pytest_cio_load.fake.workspace import Reply


class _InProcess:
    """What both wires share: asking the model, and reading its reply."""

    def __init__(self, workspace: Access, fake: Answering, now: Callable[[], float], timeout: float) -> None:
        check_timeout(timeout)
        self._fake, self._now, self._timeout = fake, now, timeout
        self._patience = min(timeout, AT_MOST)
        there = urlsplit(workspace.base_url)
        self._prefix = there.path
        self._bare, self._with_body = ({"host": there.netloc, **headers} for headers in headers_for(workspace))

    def _ask(self, request: Request) -> Reply:
        body = request.body
        if body is None:
            return self._fake.answer(request.method, self._prefix + request.path, self._bare, b"", self._now())
        return self._fake.answer(request.method, self._prefix + request.path, self._with_body, body, self._now())

    def _read(self, reply: Reply) -> Answer:
        """The answer, once the time is over. Raises NoAnswer where a server would keep silent or reset the connection."""
        if reply.action == "never" or reply.delay > self._patience:
            raise NoAnswer(late_answer(self._timeout))
        if reply.action == "reset":
            raise NoAnswer(LOST)
        return Answer(reply.status, reply.headers, reply.body)


class InProcessWire(_InProcess):
    """Requests from a coroutine.

    Args:
        workspace: says which host is meant and with which credentials.
        fake: the model.
        now: seconds on any monotonic clock.
        timeout: seconds to wait for an answer.
        sleep: waits until the answer is due.
    """

    def __init__(
        self,
        workspace: Access,
        fake: Answering,
        *,
        now: Callable[[], float],
        timeout: float = TIMEOUT,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        super().__init__(workspace, fake, now, timeout)
        self._sleep = sleep

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer where a network would have failed."""
        reply = self._ask(request)
        if reply.delay:
            await self._sleep(min(reply.delay, self._patience))
        return self._read(reply)

    async def aclose(self) -> None:
        """Nothing is open."""


class SyncInProcessWire(_InProcess):
    """Requests from a thread; may be shared by many. Arguments as of :class:`InProcessWire`."""

    def __init__(
        self,
        workspace: Access,
        fake: Answering,
        *,
        now: Callable[[], float],
        timeout: float = TIMEOUT,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        super().__init__(workspace, fake, now, timeout)
        self._sleep = sleep

    def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer where a network would have failed."""
        reply = self._ask(request)
        if reply.delay:
            self._sleep(min(reply.delay, self._patience))
        return self._read(reply)

    def close(self) -> None:
        """Nothing is open."""
