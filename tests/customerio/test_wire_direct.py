"""Our own engine's connections: opened ahead, kept, given up, shared; and what is told of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_cio_load.customerio import wire_reasons
from pytest_cio_load.customerio.client import Client
from pytest_cio_load.customerio.engines import DirectWire, make_wire
from pytest_cio_load.customerio.wire import NoAnswer, Request
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety.permit import grant

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
PUT = Request("PUT", "/api/v1/customers/u1", b"{}")
LOOPS = ["asyncio", "uvloop"]


async def answers(played: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything, at once."""
    while True:
        await played.request(reader)
        writer.write(OK)


async def answers_when_told(played: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Not before it may."""
    while True:
        await played.request(reader)
        await played.go_on.wait()
        writer.write(OK)


def on(loop: str, coroutine: Any) -> Any:
    """Run *coroutine* on a loop of this kind."""
    factory = None
    if loop == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(coroutine)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_warm_wire_opens_nothing_more(loop: str, playing: Any) -> None:
    """Connections that were opened ahead carry the calls, on either loop."""

    async def play() -> None:
        async with playing(answers) as (played, wire):
            assert await wire.warm(70) == 70
            await played.until(lambda: played.taken == 70)
            sent = await asyncio.gather(*(wire.send(PUT) for _ in range(70)))
            assert {each.status for each in sent} == {200}
            assert (played.taken, played.heads[0].split(b"\r\n")[0]) == (70, b"PUT /api/v1/customers/u1 HTTP/1.1")
            assert await wire.warm(10) == 70

    on(loop, play())


def test_warming_keeps_to_the_limit(playing: Any) -> None:
    """No more than the wire may have."""

    async def play() -> None:
        async with playing(answers, connections=3) as (played, wire):
            assert await wire.warm(10) == 3
            assert played.taken <= 3

    asyncio.run(play())


def test_warming_against_nobody(playing: Any) -> None:
    """Is no error: the calls will say it."""

    async def play() -> int:
        async with playing(answers) as (played, _):
            gone = DirectWire(Workspace("site", "secret-key", url=played.url))
        return await gone.warm(5)

    assert asyncio.run(play()) == 0


def test_a_free_connection_is_used_again(playing: Any) -> None:
    """One after the other needs one."""

    async def play() -> None:
        async with playing(answers) as (played, wire):
            for _ in range(5):
                await wire.send(PUT)
            assert played.taken == 1

    asyncio.run(play())


def test_a_connection_that_the_server_closed_while_it_was_free(playing: Any) -> None:
    """Is not used again, and costs no call."""

    async def closes_after_one(played: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await played.request(reader)
        writer.write(OK)

    async def play() -> None:
        async with playing(closes_after_one) as (played, wire):
            for _ in range(3):
                await wire.send(PUT)
                await played.until(lambda: played.open == 0)
                while wire._open:  # until this end has noticed
                    await asyncio.sleep(0.001)
            assert played.taken == 3

    asyncio.run(play())


def test_a_connection_that_was_free_for_long(monkeypatch: pytest.MonkeyPatch, playing: Any) -> None:
    """Is given up: the server may be about to close it."""
    monkeypatch.setattr("pytest_cio_load.customerio.wire_direct._KEPT", -1.0)

    async def play() -> None:
        async with playing(answers) as (played, wire):
            for _ in range(3):
                await wire.send(PUT)
            assert played.taken == 3
            await played.until(lambda: played.open == 1)

    asyncio.run(play())


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", OK + b"more", b"HTTP/1.0 200 OK\r\n\r\n{}"]
)
def test_a_connection_that_is_of_no_more_use(answer: bytes, playing: Any) -> None:
    """The server says so, or sends what nobody asked for: the next call has a new one."""

    async def once(played: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await played.request(reader)
        writer.write(answer)
        if answer.startswith(b"HTTP/1.1"):
            await reader.read()

    async def play() -> None:
        async with playing(once) as (played, wire):
            assert [(await wire.send(PUT)).body for _ in range(3)] == [b"{}"] * 3
            assert played.taken == 3

    asyncio.run(play())


def test_what_comes_unasked(playing: Any) -> None:
    """On a free connection: it is closed, and no call is answered by it."""

    async def talks(played: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if played.taken == 1:
            writer.write(b"HTTP/1.1 500 Not you\r\ncontent-length: 0\r\n\r\n")
            await reader.read()
        else:
            await answers(played, reader, writer)

    async def play() -> None:
        async with playing(talks) as (played, wire):
            await wire.warm(1)
            await played.until(lambda: played.taken == 1 and played.open == 0)
            assert (await wire.send(PUT)).status == 200

    asyncio.run(play())


def test_a_cancelled_call_gives_its_connection_up(playing: Any) -> None:
    """Its answer must not become somebody else's; and there is room for another."""

    async def play() -> None:
        async with playing(answers_when_told, connections=1) as (played, wire):
            first = asyncio.create_task(wire.send(PUT))
            await played.until(lambda: len(played.heads) == 1)
            second = asyncio.create_task(wire.send(Request("GET", "/second")))
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            played.go_on.set()
            assert (await second).status == 200
            assert played.taken == 2

    asyncio.run(play())


def test_a_call_cancelled_as_its_answer_comes_harms_nobody_else(playing: Any) -> None:
    """Its connection is free by then, and may carry another call already."""

    async def play() -> None:
        async with playing(answers_when_told, connections=1) as (played, wire):
            first = asyncio.create_task(wire.send(PUT))
            await played.until(lambda: len(played.heads) == 1)
            (connection,) = wire._open
            second = asyncio.create_task(wire.send(Request("GET", "/second")))  # its turn is before the first one's cancellation
            first.cancel()
            connection.data_received(OK)
            with pytest.raises(asyncio.CancelledError):
                await first
            played.go_on.set()
            assert (await second).status == 200
            assert played.taken == 1

    asyncio.run(play())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("loop", LOOPS)
def test_what_ends_everything_does_so_after_an_answer(loop: str, kind: type[BaseException], playing: Any) -> None:
    """A task goes on within the connection's own callback, where uvloop would log it and go on."""

    async def play() -> None:
        async with playing(answers) as (_, wire):

            async def call() -> None:
                await wire.send(PUT)
                raise kind

            task = asyncio.create_task(call())
            await asyncio.wait([task], timeout=60)
            await asyncio.sleep(60)

    with pytest.raises(kind):
        on(loop, play())


def test_a_wait_for_a_connection_in_vain_is_told_too(playing: Any) -> None:
    """It would count as none."""
    told: list[tuple[str, float]] = []

    async def play() -> None:
        async with playing(answers_when_told, connections=1, observe=lambda *phase: told.append(phase)) as (played, wire):
            first = asyncio.create_task(wire.send(PUT))
            await played.until(lambda: len(played.heads) == 1)
            second = asyncio.create_task(wire.send(PUT))
            await asyncio.sleep(0.02)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            played.go_on.set()
            await first

    asyncio.run(play())
    assert [(phase, seconds >= 0.01) for phase, seconds in told if phase == "pool"] == [("pool", True)]


def test_looks_at_what_is_overdue_do_not_multiply(playing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though whoever was let go asks again at once, within the look."""
    looks: list[object] = []
    look = DirectWire._look

    def counted(self: DirectWire) -> None:
        looks.append(self._watch)
        look(self)

    monkeypatch.setattr(DirectWire, "_look", counted)

    async def play() -> None:
        async with playing(answers_when_told, timeout=0.05) as (_, wire):

            async def insist() -> None:
                for _ in range(10):
                    with pytest.raises(NoAnswer):
                        await wire.send(PUT)

            await asyncio.gather(*(insist() for _ in range(10)))

    asyncio.run(play())
    # Each look has a timer of its own, and sets at most one more: ten rounds of ten that may fall due one after the other.
    assert len(looks) <= 10 * 10


def test_what_was_opened_first_is_used_first(playing: Any) -> None:
    """A server that takes one connection at a time has taken that."""

    async def play() -> None:
        async with playing(answers) as (_, wire):
            await wire.warm(1)
            (first,) = wire._open
            await wire.warm(5)
            assert wire._idle[-1] is first
            await wire.warm(5)
            assert wire._idle[-1] is first

    asyncio.run(play())


def test_a_cancelled_wait_takes_nobodys_turn(playing: Any) -> None:
    """Who waits behind it gets the connection."""

    async def play() -> None:
        async with playing(answers_when_told, connections=1) as (played, wire):
            first = asyncio.create_task(wire.send(PUT))
            await played.until(lambda: len(played.heads) == 1)
            second, third = (asyncio.create_task(wire.send(PUT)) for _ in range(2))
            await asyncio.sleep(0)
            second.cancel()
            played.go_on.set()
            assert [(await each).status for each in (first, third)] == [200, 200]
            assert played.taken == 1

    asyncio.run(play())


def test_closing_ends_what_is_under_way(playing: Any) -> None:
    """The call on the wire and the one that waits, both with a reason; the next is told to make a new wire."""

    async def play() -> None:
        async with playing(answers_when_told, connections=1) as (played, wire):
            first = asyncio.create_task(wire.send(PUT))
            await played.until(lambda: len(played.heads) == 1)
            second = asyncio.create_task(wire.send(PUT))
            await asyncio.sleep(0)
            await wire.aclose()
            reasons = [str(each) for each in await asyncio.gather(first, second, return_exceptions=True)]
            assert reasons == [wire_reasons.LOST, wire_reasons.NO_CONNECTION]
            with pytest.raises(RuntimeError, match="wire: got a request after it was closed; expected none; make a new one"):
                await wire.send(PUT)

    asyncio.run(play())


def test_a_path_that_no_request_line_can_hold(playing: Any) -> None:
    """Is not sent."""

    async def play() -> None:
        async with playing(answers) as (played, wire):
            for path in ("/a b", "/é", "/a\r\nx: y"):
                with pytest.raises(ValueError, match=r"path: got characters that a request line cannot hold; expected it percent-encoded"):
                    await wire.send(Request("PUT", path, b"{}"))
            assert played.taken == 0

    asyncio.run(play())


def test_one_that_is_late_among_others(playing: Any) -> None:
    """Only the overdue call fails; one that has heard something since goes on."""

    async def drips(played: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b" /late " in await played.request(reader):
            await reader.read()
        writer.write(OK[:-2])
        for byte in (b"{", b"}"):
            await asyncio.sleep(0.3)
            writer.write(byte)

    async def play() -> None:
        async with playing(drips, timeout=0.5) as (_, wire):
            late, dripped = await asyncio.gather(wire.send(Request("GET", "/late")), wire.send(PUT), return_exceptions=True)
            assert isinstance(late, NoAnswer)
            assert late.reason == "no answer within 0.5 s"
            assert isinstance(dripped, NoAnswer) or dripped.body == b"{}"

    asyncio.run(play())


REAL = Workspace("site", "secret-key", url="http://track.customer.io")


def test_the_guard_is_asked_when_it_is_made() -> None:
    """Nothing answers in its network's place."""
    with pytest.raises(GuardRefused, match="got a real host from a test"):
        DirectWire(REAL)


@pytest.mark.asyncio
async def test_the_guard_is_asked_for_every_request() -> None:
    """And for connections that are opened ahead; no socket is opened without it."""
    with grant([("track.customer.io", "site")]) as permit:
        wire = DirectWire(REAL)
    for attempt in (wire.send(PUT), wire.warm(1)):
        with pytest.raises(GuardRefused, match="got a real host from a test"):
            await attempt
    assert (permit.calls, wire._count) == (0, 0)
    await wire.aclose()


@pytest.mark.asyncio
async def test_a_client_is_warmed_by_its_wire(playing: Any) -> None:
    """One whose wire cannot is told that none is open."""
    async with playing(answers) as (played, wire):
        client = Client(Workspace("site", "secret-key", url=played.url), wire)
        assert await client.warm(3) == 3
        cannot = Client(client.workspace, make_wire(client.workspace, "aiohttp"))
        assert await cannot.warm(3) == 0
        await cannot.aclose()
