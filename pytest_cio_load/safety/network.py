"""No connection from this process to Customer.io, whoever opens it: the official clients, requests, httpx, aiohttp, a socket of one's own.

What is watched, for nothing sees everything:

    look-ups   Python's audit events for look-ups and connections, and the methods of event loops; uvloop raises no audit events
    TLS        the name of the server that a handshake is for: sees what was looked up elsewhere, and what goes through a proxy

A permit of the guard lets our own wires through, and nobody else: while it is in force a thread may look its host up, which may be for one
of our wires, but the handshake of anything else is refused.

Seen by TLS alone, so that a connection may be opened on which nothing is then said: what a resolver in C such as aiodns looks up; an
address kept from before; a proxy of any kind, which is asked to connect to Customer.io and gets no handshake to pass on.

Not seen: clients that neither look up nor encrypt through Python (in Rust, such as pyreqwest; pycurl); HTTP without TLS through a proxy,
or to a permitted host; a name of one's own that leads to Customer.io; other processes. Our wires over pyreqwest ask for a permit by
themselves.

What is refused raises GuardRefused, which is no OSError: for clients an OSError is a failing network, to be tried again and reported as
something else.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections import Counter
from functools import wraps
from importlib.util import find_spec
from threading import RLock
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety.permit import is_customer_io, is_passing, lets_through, plain_host

if TYPE_CHECKING:
    from collections.abc import Callable

_PROBE = "pytest_cio_load.safety.network.probe"

_HOSTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
"""Audit events whose first argument is a host."""

_ADDRESSES = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
"""Audit events whose second argument is an address."""


_BY_NAME = 99
"""The place of an argument that is never given by position."""


class _State:
    """What the hooks read. They cannot be taken out again, so they are told to look away."""

    __slots__ = ("is_installed", "is_on", "is_seen", "lock", "refused")

    def __init__(self) -> None:
        self.is_on = self.is_installed = self.is_seen = False
        self.refused: Counter[str] = Counter()
        self.lock = RLock()


_state = _State()


def block_network() -> None:
    """From now on, refuse every connection of this process to Customer.io but those of our wires that have a permit.

    Doing it twice is harmless.

    Raises:
        GuardRefused: this Python lets nobody watch its connections.
    """
    with _state.lock:
        if not _state.is_installed:
            _install()
            _state.is_installed = True
        if not _state.is_on:
            _state.refused.clear()
        _state.is_on = True


def allow_network() -> None:
    """Refuse nothing any more."""
    _state.is_on = False


def is_blocked() -> bool:
    """Whether connections to Customer.io are refused."""
    return _state.is_on


def refusals() -> dict[str, int]:
    """How often each host was refused since the network was last blocked: a test may have swallowed the error."""
    return dict(_state.refused)


def _install() -> None:
    sys.addaudithook(_audit)
    sys.audit(_PROBE)
    if not _state.is_seen:
        raise GuardRefused(
            "the guard refuses to start, rule 'network': got a Python whose audit events another hook keeps to itself; "
            "expected to see them; remove that hook, or set cio_block_network = false"
        )
    _watch(ssl.SSLContext, "wrap_socket", "server_hostname", 5, is_passing)
    _watch(ssl.SSLContext, "wrap_bio", "server_hostname", 4, is_passing)
    _watch_loop(asyncio.BaseEventLoop)
    if find_spec("uvloop"):
        # Loaded now, for a loop that is made later must be watched as well.
        from uvloop import Loop

        _watch_loop(Loop)
        _watch(Loop, "create_datagram_endpoint", "remote_addr", 3)
        _watch(Loop, "sock_connect", "address", 2)


def _watch_loop(loop: type[asyncio.AbstractEventLoop]) -> None:
    """Here, where it is known who asks: a loop looks up in a thread of its own, and shakes hands in a callback of its own."""
    _watch(loop, "getaddrinfo", "host", 1, is_passing)
    _watch(loop, "create_connection", "host", 2, is_passing)
    _watch(loop, "create_connection", "server_hostname", _BY_NAME, is_passing)
    _watch(loop, "start_tls", "server_hostname", _BY_NAME, is_passing)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event in _HOSTS:
        _refuse(args[0])
    elif event in _ADDRESSES:
        _refuse(_host_in(args[1]))
    elif event == _PROBE:
        _state.is_seen = True


def _watch(owner: type, name: str, argument: str, place: int, may_go: Callable[[str], bool] = lets_through) -> None:
    """Have *owner*'s method look at the host in its *argument*, which is at this *place* when given by position (its object is at 0)."""
    original: Callable[..., Any] = getattr(owner, name)

    @wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        where = args[place] if len(args) > place else kwargs.get(argument)
        _refuse(where if "host" in argument else _host_in(where), may_go)
        return original(*args, **kwargs)

    setattr(owner, name, watched)


def _host_in(address: object) -> object:
    """What an address of the internet begins with; None for any other, such as the path of a socket."""
    return address[0] if isinstance(address, tuple) and address else None


def _refuse(host: object, may_go: Callable[[str], bool] = lets_through) -> None:
    """Raise GuardRefused when *host* is Customer.io's and may not be gone to."""
    if not _state.is_on:
        return
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or not is_customer_io(host) or may_go(host):
        return
    name = plain_host(host)
    with _state.lock:
        _state.refused[name] += 1
    raise GuardRefused(
        f"the guard refuses {name}, rule 'network': got a connection to it; expected none from this test process, where cio_block_network "
        "is on; let the test reach the mock or the fake (fixture cio), or use the fixture cio with --cio-target=staging, "
        "whose requests have a permit"
    )
