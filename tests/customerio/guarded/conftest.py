"""The way to Customer.io's own host names is a proxy on loopback, as the environment would name it.

It counts who connects, and answers what is asked through it. So no name is looked up, nothing leaves the machine, and a proxy is shown to
be no way round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from pytest_cio_load.customerio.wire import Request


class Passage(ThreadingHTTPServer):
    """A proxy that answers everything itself, and a server beside."""

    daemon_threads = True

    def __init__(self) -> None:
        self.connections = 0
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Answering)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Passage

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        away = "elsewhere" in self.path
        self.send_response(307 if away else 200)
        if away:
            self.send_header("location", "http://track.customer.io/api/v1/customers/somebody")
        body = b'{"workspaces": []}' if "workspaces" in self.path else b"{}"
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_CONNECT = _answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def passage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Passage]:
    """The proxy that the environment names, for every scheme."""
    with Passage() as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name.upper(), raising=False)
            monkeypatch.setenv(name, running.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def sent() -> Callable[..., list[int]]:
    """Sends requests over one wire that it makes, for coroutines or for threads, and closes it: the statuses of the answers."""
    return _sent


def _sent(make: Callable[..., Any], access: object, *requests: Request, between: Callable[[], object] = lambda: None) -> list[int]:
    async def each() -> list[int]:
        wire, statuses = make(access), []
        try:
            for request in requests:
                statuses.append((await wire.send(request)).status)
                between()
        finally:
            await wire.aclose()
        return statuses

    if "Sync" not in make.__name__ and "sync" not in make.__name__:
        return asyncio.run(each())
    statuses = []
    with closing(make(access)) as wire:
        for request in requests:
            statuses.append(wire.send(request).status)
            between()
    return statuses
