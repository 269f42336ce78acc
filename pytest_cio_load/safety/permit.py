"""Which hosts of Customer.io a test process may reach, and with which credentials: a register of permits.

In a process that runs tests with our plugin, a wire to a real host needs a permit that knows its credentials, and that it was made under:
to be made, and again for every request, since a permit can be revoked or used up. So a permit belongs to the wires that its holder makes: a
client that a test makes by hand meanwhile, or kept from an earlier test, has none, whatever its credentials. The guard grants permits;
nothing else should. In any other process (an application that uses our client, ``cio-load send --live``) nothing is refused.

Where it ends: what is checked is the host that a wire is told. A name of one's own that leads to Customer.io (an alias in DNS, a proxy of
one's own in front of it) is not known to be Customer.io, and a process that a test starts is a process of its own.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from hashlib import blake2b
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from pytest_cio_load.errors import GuardRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_DOMAIN = "customer.io"
_PLUGIN = "pytest_cio_load.plugin"
_SALT = os.urandom(32)

_passing: ContextVar[str] = ContextVar("cio_load_passing", default="")
"""The host that a wire of ours is sending to."""

_opening: ContextVar[tuple[Permit, ...]] = ContextVar("cio_load_opening", default=())
"""The permits that wires made now belong to."""

_REMEDY = (
    "use the fixture cio, which reaches the mock by default and a real workspace with --cio-target=staging; "
    "or point the workspace at a server on this machine (url='http://127.0.0.1:PORT'); "
    "or give the wire a transport= that answers in its place"
)


class _Credentials(NamedTuple):
    """Where to and as whom. The key is kept as a hash that means nothing outside of this process."""

    host: str
    digest: bytes


def is_customer_io(host: str) -> bool:
    """Whether *host* is customer.io or a name under it.

    Args:
        host: as in a URL: any case, with or without port and trailing dot, in any spelling that a client makes the same name of. An IPv6
            address is none of them.
    """
    name = plain_host(host)
    return name == _DOMAIN or name.endswith("." + _DOMAIN)


def plain_host(host: str) -> str:
    """The name that *host* stands for, in lower case, without port and trailing dot; "" for an IPv6 address or a path."""
    name = "".join(unquote(host).split())
    if not name.isascii():
        name = normalize("NFKC", name).replace("\u3002", ".")
        with suppress(UnicodeError):  # what no name server can be asked for stays as it is
            name = name.encode("idna").decode("ascii")
    name, _, port = name.partition(":")
    return "" if ":" in port or "/" in host else name.rstrip(".").lower()


def is_watched() -> bool:
    """Whether this process runs tests with our plugin."""
    return _PLUGIN in sys.modules


class Permit:
    """Leave to reach real hosts, in force until it is revoked; made by `grant`.

    A context manager: wires that are made in its block are let through by it, and at the end it is revoked.
    """

    __slots__ = ("_calls", "_known", "_most_calls", "_only", "_token")

    def __init__(
        self,
        known: frozenset[_Credentials],
        only: frozenset[tuple[str, str]] | Callable[[str, str], bool] | None,
        most_calls: int | None,
    ) -> None:
        self._known, self._only, self._most_calls = known, only, most_calls
        self._calls = 0

    def __repr__(self) -> str:
        hosts = ", ".join(sorted(self.hosts))
        return f"Permit({hosts}; {self._calls} calls of {'any number' if self._most_calls is None else self._most_calls})"

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts it is for."""
        return frozenset(each.host for each in self._known)

    @property
    def calls(self) -> int:
        """How many requests it has let through, every attempt counted."""
        return self._calls

    @property
    def is_in_force(self) -> bool:
        """Whether it has not been revoked."""
        return self in _permits

    def revoke(self) -> None:
        """End it. Wires that it let through send nothing any more. Revoking it twice is harmless."""
        global _permits
        with _lock:
            _permits = tuple(each for each in _permits if each is not self)

    @contextmanager
    def opening(self) -> Iterator[Self]:
        """Wires that are made in the block, in this task or thread, are let through by this permit; others are not."""
        token = _opening.set((*_opening.get(), self))
        try:
            yield self
        finally:
            _opening.reset(token)

    def __enter__(self) -> Self:
        self._token = _opening.set((*_opening.get(), self))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(ValueError):  # a coroutine that is thrown away ends in another context
            _opening.reset(self._token)
        self.revoke()

    def _problem(self, method: str, path: str) -> str:
        """Why it does not let a request through, or "" when it does. A path may hold an identifier and is not shown."""
        if callable(self._only) and not self._only(method, path):
            return f"rule 'permit': got a {method} request that it is not for; expected one that only reads; ask for nothing else"
        if isinstance(self._only, frozenset) and (method, path) not in self._only:
            allowed = ", ".join(sorted(f"{a_method} {a_path}" for a_method, a_path in self._only)) or "no request at all"
            return f"rule 'permit': got a {method} request that it is not for; expected one of: {allowed}; ask for nothing else meanwhile"
        if self._most_calls is not None and self._calls >= self._most_calls:
            expected = f"expected {self._most_calls} at most, retries counted"
            return f"rule 'caps': got request {self._calls + 1}; {expected}; raise cio_max_calls, or make fewer calls"
        return ""


_lock = Lock()
_permits: tuple[Permit, ...] = ()


def grant(
    credentials: Iterable[tuple[str, str]],
    *,
    only: frozenset[tuple[str, str]] | Callable[[str, str], bool] | None = None,
    most_calls: int | None = None,
) -> Permit:
    """Let real hosts be reached with these credentials, from now until the permit is revoked.

    Args:
        credentials: pairs of a host and a key; a key is the site id for the Track API and the key itself for the App API.
        only: pairs of a method and a path, or what tells whether a method and a path are among them: nothing else may be asked for. None
            for anything.
        most_calls: requests in all, every attempt counted. None for any number.

    Raises:
        ValueError: an empty key, or fewer than no calls.
    """
    global _permits
    pairs = frozenset(credentials)
    if not all(key for _, key in pairs):
        raise ValueError("credentials: got an empty key; expected a host and a key each; give the site id, or the App API key")
    if most_calls is not None and most_calls < 0:
        raise ValueError(f"most_calls: got {most_calls}; expected 0 or more, or None for any number; try {-most_calls}")
    permit = Permit(frozenset(_Credentials(plain_host(host), _digest(key)) for host, key in pairs), only, most_calls)
    with _lock:
        _permits = (*_permits, permit)
    return permit


class Gate:
    """The way of one wire to a real host. Made by `gate_for`."""

    __slots__ = ("_asked", "_under")

    def __init__(self, asked: _Credentials, under: tuple[Permit, ...]) -> None:
        self._asked, self._under = asked, under

    def check_open(self) -> None:
        """Raise GuardRefused when this is a test process and no permit that the wire is made under knows its credentials."""
        if is_watched() and not any(self._asked in permit._known for permit in self._under if permit.is_in_force):
            raise self._unknown()

    def check(self, method: str, path: str) -> None:
        """Let one request through, which counts it; or raise GuardRefused."""
        if not is_watched():
            return
        problem = ""
        with _lock:
            for permit in self._under:
                if self._asked not in permit._known or not permit.is_in_force:
                    continue
                problem = permit._problem(method, path)
                if not problem:
                    permit._calls += 1
                    return
        raise GuardRefused(f"the guard refuses {self._asked.host}, {problem}") if problem else self._unknown()

    def enter(self) -> Token[str]:
        """Say that the wire is now sending, so that a blocked network knows its connections; until `leave` is given what this returns."""
        return _passing.set(self._asked.host)

    @staticmethod
    def leave(token: Token[str]) -> None:
        """Say that the wire has sent."""
        with suppress(ValueError):  # a coroutine that is thrown away ends in another context
            _passing.reset(token)

    def _unknown(self) -> GuardRefused:
        got = "a real host from a test"
        if lets_through(self._asked.host):
            known = any(permit.is_in_force for permit in self._under)
            got = "other credentials than the permitted ones" if known else "a wire that was not made under the permit"
        return GuardRefused(
            f"the guard refuses {self._asked.host}, rule 'permit': got {got}; expected a permit in force for this host and these "
            f"credentials; {_REMEDY}"
        )


def gate_for(base_url: str, key: str) -> Gate | None:
    """The gate on the way to *base_url* with *key*, for a wire that is made now; None when that is no host of Customer.io."""
    # Some engines take a backslash for a slash.
    host = urlsplit(base_url.replace("\\", "/")).hostname or ""
    return Gate(_Credentials(plain_host(host), _digest(key)), _opening.get()) if is_customer_io(host) else None


def check(base_url: str, key: str, method: str, path: str) -> None:
    """Let one request through, which counts it. For a wire of one's own that opens sockets; ours ask by themselves.

    Raises:
        GuardRefused: this is a test process, *base_url* is a host of Customer.io, and no permit lets the request through.
    """
    gate = gate_for(base_url, key)
    if gate is not None:
        gate.check(method, path)


def lets_through(host: str) -> bool:
    """Whether a permit for *host* is in force, whatever its credentials."""
    name = plain_host(host)
    return any(each.host == name for permit in _permits for each in permit._known)


def is_passing(host: str) -> bool:
    """Whether a permit for *host* is in force and it is a wire of ours that is sending there, in this task or thread."""
    return lets_through(host) and _passing.get() == plain_host(host)


def _digest(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), key=_SALT, digest_size=16).digest()
