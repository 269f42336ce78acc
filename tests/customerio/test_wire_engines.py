"""Every engine against a hostile server on loopback: the same answers, the same reasons, nothing sent twice."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from threading import Thread

import pytest

from pytest_cio_load.customerio import wire_reasons
from pytest_cio_load.customerio.engines import ENGINES, make_sync_wire, make_wire
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.customerio.workspaces import Workspace

PATIENCE = 10.0
IMPATIENCE = 0.4
"""For servers that keep silent, and only for those: nothing else may depend on how fast this machine is."""


def whole(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"content-length: %d" % size, *headers, b"", body])


def chunked(rest: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + rest


ANSWERS = {
    "nothing": b"",
    "short": whole(b"{}", length=100),
    "half-a-head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "short-chunk": chunked(b"5\r\n{}"),
    "garbage": b"SMTP ready, connection refused, reset, timeout, peer closed connection\r\n\r\n",
    "binary": b"\x00\x01\x02\r\n\r\n",
    "bad-length": b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
    "bad-header": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n{}",
    "bad-chunk": chunked(b"zz\r\n{}\r\n"),
    "bad-gzip": whole(b"this is not gzip", b"content-encoding: gzip"),
    "gzip": whole(gzip.compress(b'{"a":1}'), b"content-encoding: gzip"),
    "redirect": b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\n{}",
    "page": whole(b"<html>no json</html>"),
    "chunks": chunked(b"2\r\n{}\r\n0\r\n\r\n"),
    "half-a-body-and-silence": whole(b"{", length=5),
    "reset-in-the-middle": whole(b"{", length=5),
}
REASONS = [
    ("reset", wire_reasons.LOST),
    ("reset-in-the-middle", wire_reasons.LOST),
    ("nothing", wire_reasons.LOST),
    ("short", wire_reasons.LOST),
    ("half-a-head", wire_reasons.LOST),
    ("short-chunk", wire_reasons.LOST),
    ("garbage", wire_reasons.GARBAGE),
    ("binary", wire_reasons.GARBAGE),
    ("bad-length", wire_reasons.GARBAGE),
    ("bad-header", wire_reasons.GARBAGE),
    ("bad-chunk", wire_reasons.GARBAGE),
    ("bad-gzip", wire_reasons.UNDECODABLE),
    ("silence", "no answer within 0.4 s"),
    ("half-a-body-and-silence", "no answer within 0.4 s"),
]


class Hostile:
    """Answers as the last part of the path asks for, one thread a connection, and keeps what it was sent."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(5)
            kept = True
            while kept and (request := self._read(connection)):
                self.seen.append(request)
                kept = self._act(connection, request, request.split(b" ")[1].rsplit(b"/", 1)[1].decode())

    def _act(self, connection: socket.socket, request: bytes, what: str) -> bool:
        if what == "echo":
            connection.sendall(whole(request))
            return True
        if what == "once":  # the first time, to have a connection kept; then it is lost
            first = sum(b"/once " in each for each in self.seen) == 1
            connection.sendall(whole(b"{}") if first else b"")
            return first
        connection.sendall(ANSWERS.get(what, b""))
        if what.startswith("reset"):
            time.sleep(0.05)  # or the reset overtakes what was sent before it
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif what.endswith("silence"):
            connection.recv(1)
        return False

    def _read(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(65_536)):
                return b""
            data += more
        head = data.partition(b"\r\n\r\n")[0]
        lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while len(data) < len(head) + 4 + sum(lengths):
            data += connection.recv(65_536)
        return data


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with closing(Hostile()) as server:
        yield server


Send = Callable[..., list[Answer]]


def by_coroutine(engine: str) -> Send:
    def send(url: str, *requests: Request, timeout: float = PATIENCE) -> list[Answer]:
        async def all_of_them() -> list[Answer]:
            wire = make_wire(Workspace("site", "secret-key", url=url), engine, timeout=timeout)
            try:
                return [await wire.send(request) for request in requests]
            finally:
                await wire.aclose()

        return asyncio.run(all_of_them())

    return send


def by_thread(engine: str) -> Send:
    def send(url: str, *requests: Request, timeout: float = PATIENCE) -> list[Answer]:
        with closing(make_sync_wire(Workspace("site", "secret-key", url=url), engine, timeout=timeout)) as wire:
            return [wire.send(request) for request in requests]

    return send


every = pytest.mark.parametrize(
    "send",
    [
        *(pytest.param(by_coroutine(engine), id=engine) for engine in ENGINES[1:]),
        *(pytest.param(by_thread(engine), id=f"{engine}-sync") for engine in ("pyreqwest", "httpx")),
    ],
)


def reason_of(send: Send, url: str, what: str, timeout: float = PATIENCE) -> str:
    with pytest.raises(NoAnswer) as caught:
        send(url, Request("PUT", f"/api/v1/customers/refused-timeout/{what}", b'{"a":1}'), timeout=timeout)
    assert caught.value.__suppress_context__
    return caught.value.reason


@every
@pytest.mark.parametrize(("what", "reason"), REASONS)
def test_a_failure_has_the_same_reason_by_every_engine(send: Send, hostile: Hostile, what: str, reason: str) -> None:
    """In our words, whatever the server or the path says."""
    assert reason_of(send, hostile.url, what, IMPATIENCE if what.endswith("silence") else PATIENCE) == reason


@every
def test_a_refused_port(send: Send) -> None:
    """Nobody listens."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        assert reason_of(send, f"http://127.0.0.1:{bound.getsockname()[1]}", "x") == wire_reasons.REFUSED


@every
def test_a_server_that_takes_no_connection(send: Send) -> None:
    """A full queue: the time to connect is told apart from the time to answer."""
    with closing(socket.socket()) as full, closing(socket.socket()) as one, closing(socket.socket()) as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (one, two):
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        time.sleep(0.05)
        assert reason_of(send, f"http://127.0.0.1:{full.getsockname()[1]}", "x", IMPATIENCE) == "no connection within 0.4 s"


@every
def test_a_server_without_tls(send: Send) -> None:
    """What answers a handshake in plain text."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with suppress(OSError):
            while True:
                with listener.accept()[0] as connection:
                    connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    with closing(listener):
        Thread(target=answer, daemon=True).start()
        assert reason_of(send, f"https://127.0.0.1:{listener.getsockname()[1]}", "x") == wire_reasons.TLS


@every
def test_what_goes_out(send: Send, hostile: Hostile) -> None:
    """Method, path as encoded, credentials, JSON, and no cookie jar or redirect of anybody's."""
    (answer,) = send(hostile.url, Request("PUT", "/api/a%2Fb%40c%20%C3%A9/echo", b'{"a":1}'))
    head, _, body = answer.body.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    assert lines[0] == "PUT /api/a%2Fb%40c%20%C3%A9/echo HTTP/1.1"
    assert "Basic c2l0ZTpzZWNyZXQta2V5" in head
    assert headers["host"] == hostile.url.removeprefix("http://")
    assert (headers["accept"], headers["content-type"], headers["user-agent"]) == (
        "application/json",
        "application/json",
        "pytest-cio-load",
    )
    assert body == '{"a":1}'


@every
@pytest.mark.parametrize("person", ["%2E", "%2E%2E"])
def test_a_person_named_by_dots(send: Send, hostile: Hostile, person: str) -> None:
    """Stays a person: no engine may take it for a step up in the path."""
    (answer,) = send(hostile.url, Request("PUT", f"/api/v1/customers/{person}/echo", b"{}"))
    assert answer.body.startswith(f"PUT /api/v1/customers/{person}/echo HTTP/1.1".encode())


@every
@pytest.mark.parametrize("method", ["DELETE", "GET", "POST"])
def test_a_request_without_a_body_is_bare(send: Send, hostile: Hostile, method: str) -> None:
    """No content type, no body."""
    (answer,) = send(hostile.url, Request(method, "/echo"))
    assert answer.body.startswith(f"{method} /echo".encode())
    assert b"content-type" not in answer.body.lower()
    assert answer.body.endswith(b"\r\n\r\n")


@every
@pytest.mark.parametrize(
    ("what", "status", "body"),
    [("page", 200, b"<html>no json</html>"), ("gzip", 200, b'{"a":1}'), ("redirect", 301, b"{}"), ("chunks", 200, b"{}")],
)
def test_what_comes_back(send: Send, hostile: Hostile, what: str, status: int, body: bytes) -> None:
    """Decoded of its encoding, and not followed anywhere."""
    (answer,) = send(hostile.url, Request("PUT", f"/{what}", b"{}"))
    assert (answer.status, answer.body) == (status, body)


@every
def test_headers_are_found_in_lower_case(send: Send, hostile: Hostile) -> None:
    """However the server writes them."""
    (answer,) = send(hostile.url, Request("PUT", "/redirect", b"{}"))
    assert answer.headers["location"] == "http://127.0.0.1:1/"


@every
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "GET"])
def test_nothing_is_sent_twice(send: Send, hostile: Hostile, method: str) -> None:
    """A kept connection that is lost with a request on it: to send it again is for the retry to decide, which counts it."""
    request = Request(method, "/once", b"{}" if method in ("PUT", "POST") else None)
    with pytest.raises(NoAnswer, match=wire_reasons.LOST):
        send(hostile.url, request, request)
    assert len(hostile.seen) == 2


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_a_shifted_clock(hostile: Hostile, engine: str) -> None:
    """After virtual time a loop's clock is ahead of real time; connections and time-outs go on as they did."""

    async def shifted() -> str:
        loop = asyncio.get_running_loop()
        space = Workspace("site", "secret-key", url=hostile.url)
        wire, impatient = make_wire(space, engine), make_wire(space, engine, timeout=IMPATIENCE)
        await wire.send(Request("PUT", "/echo", b"{}"))
        real = loop.time
        loop.time = lambda: real() + 3_600.0  # type: ignore[method-assign]
        await wire.send(Request("PUT", "/echo", b"{}"))
        with pytest.raises(NoAnswer) as caught:
            await impatient.send(Request("PUT", "/silence", b"{}"))
        await wire.aclose()
        await impatient.aclose()
        return caught.value.reason

    assert asyncio.run(shifted()) == "no answer within 0.4 s"


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_at_most_so_many_connections(hostile: Hostile, engine: str) -> None:
    """What is beyond them waits its turn, and does not fail."""

    async def together() -> set[int]:
        wire = make_wire(Workspace("site", "secret-key", url=hostile.url), engine, timeout=5, connections=2)
        answers = await asyncio.gather(*(wire.send(Request("PUT", "/echo", b"{}")) for _ in range(20)))
        await wire.aclose()
        return {answer.status for answer in answers}

    assert asyncio.run(together()) == {200}
