"""The loopback server in this process: connections, faults, garbage."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable

import pytest

from pytest_cio_load.fake.server import serve, url_of
from pytest_cio_load.fake.workspace import FakeWorkspace

AUTHORIZATION = "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


def put(person: str, *lines: str, body: bytes = b"{}", method: str = "PUT") -> bytes:
    first = f"{method} /api/v1/customers/{person} HTTP/1.1"
    return "\r\n".join([first, f"Authorization: {AUTHORIZATION}", *(lines or [f"Content-Length: {len(body)}"]), "", ""]).encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
    return int(head.split(b" ")[1]), await reader.readexactly(sum(lengths))


def talk(fake: FakeWorkspace, what: Talk) -> None:
    async def main() -> None:
        server = await serve(fake)
        host, _, port = url_of(server).removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(20):
            await what(reader, writer)
        writer.close()
        server.close()

    asyncio.run(main())


def make_fake(**options: object) -> FakeWorkspace:
    return FakeWorkspace(**{"latency": 0, **options})  # type: ignore[arg-type]


def test_requests_sent_ahead_are_answered_in_order() -> None:
    """Though the first one takes longest."""
    fake = make_fake(latency="identify=20ms,*=0ms")

    async def ahead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(put("u1") + put("u2", method="DELETE", body=b"") + b"GET /nowhere HTTP/1.1\r\nAuthorization: x\r\n\r\n")
        assert [(await answer(reader))[0] for _ in range(3)] == [200, 200, 401]

    talk(fake, ahead)
    assert list(fake.people) == ["u1"]
    assert fake.deletions == ["u2"]


def test_a_body_in_chunks() -> None:
    """As a client sends that does not know its length."""
    fake = make_fake()

    async def in_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(put("u1", "Transfer-Encoding: chunked", body=b'6\r\n{"a":1\r\n1\r\n}\r\n0\r\n\r\n'))
        assert (await answer(reader))[0] == 200

    talk(fake, in_chunks)
    assert fake.people == {"u1": {"id": "u1", "a": 1}}


def test_a_client_that_asks_first() -> None:
    """Is told to go on, once, and then answered."""
    fake = make_fake()

    async def asking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(put("u1", "Expect: 100-continue", "Content-Length: 2", body=b""))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{")
        await asyncio.sleep(0.01)
        writer.write(b"}")
        assert (await answer(reader))[0] == 200

    talk(fake, asking)


@pytest.mark.parametrize(
    ("garbage", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\na: " + b"x" * 70_000, 431),
    ],
)
def test_garbage_is_answered_and_ends_the_connection(garbage: bytes, status: int) -> None:
    """And the server goes on serving others."""
    fake = make_fake()

    async def talking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("peername")
        writer.write(garbage)
        assert (await answer(reader))[0] == status
        assert await reader.read() == b""
        other_reader, other = await asyncio.open_connection(*address)
        other.write(put("u1"))
        assert (await answer(other_reader))[0] == 200
        other.close()

    talk(fake, talking)
    assert fake.requests == 1


def test_a_client_that_goes_away_while_it_waits() -> None:
    """Harms nobody."""
    fake = make_fake(latency="5ms")

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(5):
            _, other = await asyncio.open_connection(*writer.get_extra_info("peername"))
            other.write(put("gone") * 3)
            await other.drain()
            other.transport.abort()
        await asyncio.sleep(0.05)
        writer.write(put("u1"))
        assert (await answer(reader))[0] == 200

    talk(fake, impatient)
    assert "u1" in fake.people


def test_more_sent_ahead_than_can_be_kept() -> None:
    """The client is made to wait, and nothing is lost: 40 MB through a server that keeps one."""
    fake = make_fake(latency="1ms", over_budget="accept")
    body = json.dumps({"note": "x" * 100_000}).encode()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def pour() -> None:
            for number in range(400):
                writer.write(put(f"u{number}", body=body))
                await writer.drain()

        async def count() -> list[int]:
            return [(await answer(reader))[0] for _ in range(400)]

        _, answers = await asyncio.gather(pour(), count())
        assert len(answers) == 400

    talk(fake, flood)
    assert fake.requests == 400


@pytest.mark.parametrize("applied", [False, True])
def test_a_reset_is_a_reset(applied: bool) -> None:
    """Not a connection closed in good order; what follows on it is never seen."""
    fake = make_fake(latency="1ms")
    fake.at(0).reset_connections(applied=applied)

    async def struck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(put("u1") + put("u2"))
        with pytest.raises(ConnectionResetError):
            await reader.read()

    talk(fake, struck)
    assert list(fake.people) == (["u1"] if applied else [])
    assert fake.requests == 1


def test_what_is_never_answered() -> None:
    """The connection stays, in silence, whatever is sent after."""
    fake = make_fake()
    fake.at(0).times_out(lasting="10s")

    async def waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(put("u1") + put("u2"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)

    talk(fake, waiting)
    assert fake.requests == 1


def test_a_head_request_gets_no_body() -> None:
    """Or the connection could not be kept."""
    fake = make_fake()

    async def heads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(put("u1", method="HEAD", body=b"") + put("u2"))
        assert b"content-length:" in await reader.readuntil(b"\r\n\r\n")
        assert (await answer(reader))[0] == 200

    talk(fake, heads)


def test_a_connection_that_is_not_to_be_kept() -> None:
    """Ends after the answer."""

    async def last(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(put("u1", "Connection: close", "Content-Length: 2"))
        assert b"connection: close" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.read() == b"{}\n"

    talk(make_fake(), last)


def test_ports_do_not_collide() -> None:
    """Each server has one of its own; a port that is taken is said so."""

    async def several() -> None:
        servers = [await serve(make_fake()) for _ in range(20)]
        ports = {int(url_of(server).rpartition(":")[2]) for server in servers}
        assert len(ports) == 20
        taken = min(ports)
        with pytest.raises(
            OSError, match=rf"port: got {taken} \(Address already in use\); expected one that is free; use 0 for any that is"
        ):
            await serve(make_fake(), port=taken)
        for server in servers:
            server.close()

    asyncio.run(several())


@pytest.mark.parametrize("port", [-1, 65_536])
def test_no_port(port: int) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match=f"port: got {port}; expected a whole number from 0 to 65535; use 0 for a free one"):
        asyncio.run(serve(make_fake(), port=port))


def exchange(fake: FakeWorkspace, sent: bytes) -> bytes:
    """All that comes back on one connection until the server ends it."""
    received = b""

    async def all_of_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        writer.write(sent)
        received = await reader.read()

    talk(fake, all_of_it)
    return received


@pytest.mark.parametrize("lines", [["Connection: TE, close"], ["Connection: close"]])
def test_what_follows_the_last_request_is_not_read(lines: list[str]) -> None:
    """A client that says it is the last must not be served more."""
    fake = make_fake()
    assert exchange(fake, put("u1", *lines, "Content-Length: 2") + put("u2")).count(b"HTTP/1.1 200 OK") == 1
    assert list(fake.people) == ["u1"]


def test_a_client_of_http_1_0() -> None:
    """Is answered, and the connection ended."""
    answered = exchange(make_fake(), put("u1").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answered.endswith(b"\r\nconnection: close\r\n\r\n{}\n")


def test_an_answer_without_a_body() -> None:
    """A 204 has no length, and the next answer on the connection is read right."""
    form = b'{"data":{"email":"f@example.com"}}'
    submit = put("u1", body=form, method="POST").replace(b"customers/u1", b"forms/f1/submit")
    answered = exchange(make_fake(), submit + put("u1", "Connection: close", "Content-Length: 2"))
    assert answered.startswith(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_connections_at_once() -> None:
    """A slow answer on one holds up none of the others, and each gets its own."""
    fake = make_fake(latency="identify=1h,*=0ms")

    async def several(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(put("slow"))
        await writer.drain()
        while not fake.requests:
            await asyncio.sleep(0)
        others = await asyncio.gather(*(asyncio.open_connection(*writer.get_extra_info("peername")) for _ in range(50)))
        for _, other in others:
            other.write(put("u", method="DELETE", body=b"") * 3)
        assert [(await answer(each))[0] for each, _ in others for _ in range(3)] == [200] * 150
        for _, other in others:
            other.close()

    talk(fake, several)
    assert fake.received("delete") == 150
