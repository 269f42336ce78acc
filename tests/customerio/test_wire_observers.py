"""What engines tell of their connections, and HTTP/2."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest
import trustme

from pytest_cio_load.customerio.engines import make_sync_wire, make_wire, told_by
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.customerio.workspaces import Workspace

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
PUT = Request("PUT", "/api/v1/customers/u1", b"{}")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, by HTTP/2 where that was agreed on."""
    with suppress(OSError):
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2":
            await serve_http2(reader, writer)
        while await reader.read(65_536):
            writer.write(OK)


async def serve_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import StreamEnded

    talk = H2Connection(H2Configuration(client_side=False))
    talk.initiate_connection()
    writer.write(talk.data_to_send())
    while data := await reader.read(65_536):
        for event in talk.receive_data(data):
            if isinstance(event, StreamEnded):
                talk.send_headers(event.stream_id, [(":status", "200"), ("x-spoken", "h2")])
                talk.send_data(event.stream_id, b"{}", end_stream=True)
        writer.write(talk.data_to_send())


class Served:
    """A server with TLS in a thread of its own, until it is closed."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._ports: Queue[int] = Queue()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = Thread(target=self._run)
        self._thread.start()
        self.port = self._ports.get(timeout=10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        visits: set[asyncio.Task[None]] = set()

        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            visits.add(task)
            try:
                await serve(reader, writer)
            finally:
                writer.transport.abort()
                with suppress(OSError):
                    await writer.wait_closed()
                visits.discard(task)

        server = await asyncio.start_server(visit, "127.0.0.1", 0, ssl=self._context)
        async with server:
            self._ports.put(server.sockets[0].getsockname()[1])
            await self._over.wait()
            # A client has closed, or is about to; its visit ends by that.
            await asyncio.wait_for(asyncio.gather(*visits), 10)

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()


@pytest.fixture
def secured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace behind a server with TLS that this process trusts, and that speaks HTTP/2 if h2 is there."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with closing(Served(context)) as served:
        yield Workspace("site", "secret-key", url=f"https://127.0.0.1:{served.port}")


def by_coroutine(space: Workspace, engine: str, *requests: Request, together: bool = False, **options: Any) -> list[Answer]:
    async def sent() -> list[Answer]:
        wire = make_wire(space, engine, **options)
        try:
            if together:
                return list(await asyncio.gather(*(wire.send(each) for each in requests)))
            return [await wire.send(each) for each in requests]
        finally:
            await wire.aclose()

    return asyncio.run(sent())


@pytest.mark.parametrize(
    ("engine", "phases"), [("direct", ["connect", "tls"]), ("httpx", ["connect", "tls"]), ("aiohttp", ["connect"]), ("pyreqwest", [])]
)
def test_what_a_new_connection_cost(secured: Workspace, engine: str, phases: list[str]) -> None:
    """Told once for each connection, not for each call; by engines that know."""
    told: list[tuple[str, float]] = []
    answers = by_coroutine(secured, engine, PUT, PUT, observe=lambda phase, seconds: told.append((phase, seconds)))
    assert [answer.status for answer in answers] == [200, 200]
    assert [phase for phase, _ in told] == phases
    assert all(seconds >= 0 for _, seconds in told)


@pytest.mark.parametrize("engine", ["direct", "aiohttp"])
def test_what_waiting_for_a_connection_cost(secured: Workspace, engine: str) -> None:
    """Told of each call that had to wait, and of no other."""
    told: list[str] = []
    by_coroutine(secured, engine, PUT, PUT, PUT, together=True, connections=1, observe=lambda phase, _: told.append(phase))
    assert told.count("pool") == 2


def test_threads_are_told_as_well(secured: Workspace) -> None:
    """By httpx."""
    told: list[str] = []
    with closing(make_sync_wire(secured, "httpx", observe=lambda phase, _: told.append(phase))) as wire:
        wire.send(PUT)
    assert told == ["connect", "tls"]


@pytest.mark.parametrize("engine", ["auto", "pyreqwest", "httpx"])
@pytest.mark.parametrize(("http2", "spoken"), [(True, "h2"), (False, None)])
def test_http2_when_the_server_offers_it(secured: Workspace, engine: str, http2: bool, spoken: str | None) -> None:
    """Agreed on in the handshake, when it was asked for."""
    pytest.importorskip("h2")
    (answer,) = by_coroutine(secured, engine, PUT, http2=http2)
    assert (answer.status, answer.body, answer.headers.get("x-spoken")) == (200, b"{}", spoken)


@pytest.mark.parametrize("engine", ["pyreqwest", "httpx"])
def test_http2_from_threads(secured: Workspace, engine: str) -> None:
    """The same."""
    pytest.importorskip("h2")
    with closing(make_sync_wire(secured, engine, http2=True)) as wire:
        assert wire.send(PUT).headers.get("x-spoken") == "h2"


@pytest.mark.parametrize("engine", ["direct", "pyreqwest", "aiohttp", "httpx"])
def test_headers_are_a_mapping(secured: Workspace, engine: str) -> None:
    """By lower-case name, from every engine."""
    (answer,) = by_coroutine(secured, engine, PUT)
    assert dict(answer.headers) == {"content-length": "2"}
    assert (len(answer.headers), answer.headers.get("retry-after")) == (1, None)


TELLS = {"direct": {"pool", "connect", "tls"}, "pyreqwest": set(), "aiohttp": {"pool", "connect"}, "httpx": {"connect", "tls"}}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("engine", TELLS)
def test_what_an_engine_tells_is_known(engine: str, scheme: str) -> None:
    """Of handshakes only where there are any; a blocking wire likewise, by whichever engine it is."""
    pytest.importorskip(engine if engine != "direct" else "asyncio")
    url, expected = f"{scheme}://127.0.0.1:1", TELLS[engine] - ({"tls"} if scheme == "http" else set())
    space = Workspace("site", "secret-key", url=url)

    async def told() -> frozenset[str]:
        wire = make_wire(space, engine)
        try:
            return told_by(wire, url)
        finally:
            await wire.aclose()

    assert asyncio.run(told()) == expected
    with closing(make_sync_wire(space, "httpx" if engine == "httpx" else "pyreqwest")) as wire:
        assert told_by(wire, url) == TELLS["httpx" if engine == "httpx" else "pyreqwest"] - ({"tls"} if scheme == "http" else set())


@pytest.mark.parametrize(("engine", "phase"), [("direct", "tls"), ("httpx", "tls"), ("aiohttp", "connect")])
def test_a_handshake_in_vain_is_told_too(engine: str, phase: str) -> None:
    """A server that takes connections and says nothing: what was waited for it counts, and not as nothing."""
    pytest.importorskip(engine if engine != "direct" else "asyncio")
    told: list[tuple[str, float]] = []

    async def play() -> None:
        writers: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        wire = make_wire(Workspace("site", "key", url=url), engine, timeout=0.2, observe=lambda *phase: told.append(phase))
        with pytest.raises(NoAnswer):
            await wire.send(PUT)
        await wire.aclose()
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.01)

    asyncio.run(play())
    assert dict(told)[phase] >= 0.1
