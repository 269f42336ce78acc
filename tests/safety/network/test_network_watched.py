"""What a blocked network watches, what it lets through, and how it is switched on and off."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop

from pytest_cio_load.customerio.engines import make_sync_wire, make_wire
from pytest_cio_load.customerio.wire import Request
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety.network import allow_network, block_network, is_blocked, refusals
from pytest_cio_load.safety.permit import grant

HOST = "track.customer.io"
PERSON = "/api/v1/customers/somebody"
SITE = frozenset({(HOST, "site")})


REFUSED = r"^the guard refuses track\.customer\.io, rule 'network': got a connection to it; expected none from this test process"


def test_a_refusal_reads_well(blocked: Any) -> None:
    """Got, expected, nearest."""
    with pytest.raises(GuardRefused) as caught:
        socket.gethostbyname(HOST)
    remedy = "let the test reach the mock or the fake (fixture cio), or use the fixture cio with --cio-target=staging, "
    remedy += "whose requests have a permit"
    expected = f"expected none from this test process, where cio_block_network is on; {remedy}"
    assert str(caught.value) == f"the guard refuses {HOST}, rule 'network': got a connection to it; {expected}"
    assert not isinstance(caught.value, OSError)


def _datagram() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: socket.getaddrinfo(HOST, 443),
        lambda: socket.getaddrinfo(HOST.encode(), 443),
        lambda: socket.getaddrinfo(HOST.upper() + ".", None),
        lambda: socket.gethostbyname(HOST),
        lambda: socket.gethostbyname_ex(HOST),
        lambda: socket.gethostbyaddr(HOST),
        lambda: socket.getfqdn(HOST),
        lambda: sys.audit("socket.connect", None, (HOST, 443)),
        lambda: sys.audit("socket.sendto", None, (bytearray(HOST.encode()), 443)),
        lambda: sys.audit("socket.sendmsg", None, (HOST, 443, 0, 0)),
    ],
)
def test_every_look_up_is_refused(blocked: Any, ask: Callable[[], object]) -> None:
    """By whichever function, as text or bytes. (A connection by name looks up before its audit event: here the event alone is raised.)"""
    with pytest.raises(GuardRefused, match=REFUSED):
        ask()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "customer.io.example.com", None, b"\xff", "::1"])
def test_other_hosts_are_let_through(blocked: Any, host: Any) -> None:
    """Whatever is no name of Customer.io's."""
    socket.getaddrinfo(host, 80)
    assert refusals() == {}


def test_a_socket_in_a_file_may_have_any_name(blocked: Any, tmp_path: Path) -> None:
    """Its address is a path, not a host."""
    with contextlib.chdir(tmp_path), socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("track.customer.io")
        server.listen()
        client.connect("track.customer.io")


def test_an_address_kept_from_before(blocked: Any) -> None:
    """No look-up, so a connection opens; the handshake is refused and nothing is said."""
    with socket.create_connection(("127.0.0.1", blocked.port)) as plain, pytest.raises(GuardRefused, match=REFUSED):
        ssl.create_default_context().wrap_socket(plain, server_hostname=HOST)
    assert blocked.requests == []


def _on_uvloop(work: Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, object]]) -> None:
    async def run() -> None:
        await work(asyncio.get_running_loop())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def _plain_socket() -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    return made


async def _by_aiohttp(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url):
        pass


async def _connected_by_name(loop: asyncio.AbstractEventLoop) -> None:
    with _plain_socket() as plain:
        await loop.sock_connect(plain, (HOST, 1))


@pytest.mark.parametrize(
    "work",
    [
        lambda loop: loop.getaddrinfo(HOST, 443),
        lambda loop: loop.getaddrinfo(host=HOST, port=443),
        lambda loop: loop.create_connection(asyncio.Protocol, HOST, 443),
        lambda loop: loop.create_connection(asyncio.Protocol, host=HOST, port=443, ssl=True),
        lambda loop: loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(HOST, 53)),
        lambda loop: asyncio.open_connection(HOST, 443),
        lambda loop: _by_aiohttp(f"https://{HOST}/"),
        _connected_by_name,
    ],
)
def test_uvloop_looks_nothing_up(blocked: Any, work: Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, object]]) -> None:
    """It looks up in C, where no audit event is raised."""
    with pytest.raises(GuardRefused, match=REFUSED):
        _on_uvloop(work)


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_loop_shakes_no_hands(blocked: Any, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Connected by address, for a host of Customer.io."""

    async def connect() -> None:
        secure = ssl.create_default_context()
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", blocked.port, ssl=secure, server_hostname=HOST)

    with asyncio.Runner(loop_factory=factory) as runner, pytest.raises(GuardRefused, match=REFUSED):
        runner.run(connect())
    assert blocked.connections == 0
    assert refusals() == {HOST: 1}


def _sent(engine: str, factory: Callable[[], asyncio.AbstractEventLoop], space: Workspace) -> int:
    async def send() -> int:
        wire = make_wire(space, engine)
        try:
            return (await wire.send(Request("PUT", PERSON, b"{}"))).status
        finally:
            await wire.aclose()

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(send())


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("engine", ["httpx", "aiohttp"])
def test_our_wires_pass_with_a_permit(
    blocked: Any, monkeypatch: pytest.MonkeyPatch, engine: str, factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Under either loop; as soon as the permit ends they do not."""
    looked_up = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", blocked.port))]

    async def look_up(loop: object, host: object, port: object, **_: object) -> list[Any]:
        return looked_up

    monkeypatch.setattr(uvloop.Loop, "getaddrinfo", look_up)
    space = Workspace("site", "secret-key", url=f"https://{HOST}:{blocked.port}")
    with grant(SITE) as permit:
        assert _sent(engine, factory, space) == 200
    assert (permit.calls, len(blocked.requests), refusals()) == (1, 1, {})
    with pytest.raises(GuardRefused, match="rule 'permit'"):
        _sent(engine, factory, space)
    assert blocked.connections == 1


def test_our_blocking_wire_passes_with_a_permit(blocked: Any) -> None:
    """From a thread."""
    space = Workspace("site", "secret-key", url=f"https://{HOST}:{blocked.port}")
    with grant(SITE), contextlib.closing(make_sync_wire(space, "httpx")) as wire:
        assert wire.send(Request("PUT", PERSON, b"{}")).status == 200
    assert refusals() == {}


def test_blocking_twice_and_allowing_twice(listener: Any) -> None:
    """Is harmless, and the watch is put in place once; what was refused is kept until the network is blocked anew."""
    block_network()
    watching = ssl.SSLContext.wrap_bio
    with pytest.raises(GuardRefused):
        socket.getaddrinfo(HOST, 443)
    block_network()
    assert (is_blocked(), refusals()) == (True, {HOST: 1})
    allow_network()
    allow_network()
    socket.getaddrinfo(HOST, 443)
    assert (is_blocked(), refusals()) == (False, {HOST: 1})
    block_network()
    assert (refusals(), ssl.SSLContext.wrap_bio) == ({}, watching)


UNWATCHABLE = """
import sys

def keep_out(event, args):
    if event == "sys.addaudithook":
        raise RuntimeError

sys.addaudithook(keep_out)
from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety.network import block_network, is_blocked
try:
    block_network()
except GuardRefused as refused:
    print(refused, is_blocked())
"""


def test_a_python_that_cannot_be_watched() -> None:
    """A hook may keep others from being added, which Python does not tell: said so, and nothing is taken for blocked."""
    said = subprocess.run([sys.executable, "-c", UNWATCHABLE], capture_output=True, text=True, check=True).stdout
    got = "got a Python whose audit events another hook keeps to itself; expected to see them"
    assert said.strip() == f"the guard refuses to start, rule 'network': {got}; remove that hook, or set cio_block_network = false False"
