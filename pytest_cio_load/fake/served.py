"""The fake in a process of its own, and what stands for it here: asked and arranged like the fake behind the mock."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from pytest_cio_load.errors import near_miss
from pytest_cio_load.fake.account import FakeAccount
from pytest_cio_load.fake.faults import Faults
from pytest_cio_load.fake.process import receive, send
from pytest_cio_load.fake.workspace import FakeWorkspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from pytest_cio_load.fake.workspace import Reply

_PATIENCE = 10.0
"""Seconds that the process has for ending by itself."""

_START = (
    "import sys; sys.path.insert(0, {home!r}); import pytest_cio_load; del sys.path[0]; "
    "from pytest_cio_load.fake.process import main; main()"
)
"""The very package that is running here, from anywhere: it may be a checkout, while an older one is installed."""

_FACTS = frozenset({"site_id", "limit", "over_budget", "latency", "region", "environment_id", "name"})
_NOT_FROM_AFAR = frozenset({"answer", "credentials"})


class _Asked:
    """Questions and faults, passed on to one workspace or to all of them."""

    _served: ServedFake
    _which: int | None
    _kind: type[Any] = FakeWorkspace

    def begin(self, now: float = 0.0) -> None:
        """The run begins now: faults count from here. *now* is ignored, for the other process reads a clock of its own."""
        self._served._tell("begin", self._which)

    def at(self, time: str | float) -> _Moment:
        """The moment of the run at which a fault begins. Raises UnitError for no time."""
        return _Moment(self, time)

    def __getattr__(self, name: str) -> Any:
        kind = None if name.startswith("_") or name in _NOT_FROM_AFAR else getattr(self._kind, name, None)
        if kind is None and not (name in _FACTS and self._kind is FakeWorkspace):
            known = [each for each in dir(self._kind) if not each.startswith("_")]
            hint = near_miss(name, known) or ("ask one of its workspaces" if hasattr(FakeWorkspace, name) else "")
            raise AttributeError(f"the served fake has no {name!r}{'; ' * bool(hint)}{hint}")
        if callable(kind):
            return lambda *arguments, **keywords: self._served._tell("ask", self._which, name, arguments, keywords)
        return self._served._tell("ask", self._which, name, (), {})


class ServedFake(_Asked):
    """A fake on loopback, served by a process of its own; a context manager.

    It has the questions and faults of `FakeWorkspace`, or of `FakeAccount` where there are several workspaces: ``served.people``,
    ``served.applied("track")``, ``served.at("5s").fail(503)``, … May be shared by threads.

    Args:
        settings: keyword arguments of `FakeWorkspace`, for each workspace; one workspace with none by default.
        port: of HTTP; 0 for a free one.

    Attributes:
        url: where HTTP is served.
        https_url, ca_file: where HTTPS is, and the authority that clients must trust for it; None before `serve_https`.
        proxy_url: where the proxy is; None before `serve_proxy`.
        workspaces: each workspace alone.

    Raises:
        OSError: the port cannot be had.
        ValueError: no workspace, one whose settings make no sense, two with the same credentials, or the port is none.
    """

    def __init__(self, settings: Sequence[dict[str, Any]] = ({},), *, port: int = 0) -> None:
        FakeAccount([FakeWorkspace(**each) for each in settings])  # what makes no sense is best said here, not in the other process
        self._served, self._which, self._kind = self, None, FakeWorkspace if len(settings) == 1 else FakeAccount
        self.https_url: str | None = None
        self.ca_file: str | None = None
        self.proxy_url: str | None = None
        self._lock, self._number, self._closed = Lock(), 0, False
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START.format(home=str(Path(__file__).parents[2]))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: we still want to ask it what arrived, and then end it
        )
        try:
            send(cast("BinaryIO", self._process.stdin), list(settings))
            self.url: str = self._tell("http", port)
        except BaseException:
            self.close()
            raise
        self.workspaces = tuple(_Part(self, number) for number in range(len(settings)))

    def __repr__(self) -> str:
        return f"ServedFake({self.url!r})"

    def __enter__(self) -> ServedFake:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def serve_https(self, *, port: int = 0) -> tuple[str, str]:
        """Serve HTTPS too: its URL, and the file with the authority that clients must trust (``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE``).

        Asked again, it gives the same.

        Raises:
            OSError: the port cannot be had.
            RuntimeError: trustme is not installed.
            ValueError: the port is none.
        """
        if self.https_url is None or self.ca_file is None:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="cio-load-")
            ca_file = str(Path(self._folder.name) / "ca.pem")
            self.https_url, self.ca_file = self._tell("https", port, ca_file), ca_file
        return self.https_url, self.ca_file

    def serve_proxy(self, *, port: int = 0) -> str:
        """Serve a proxy for clients that have Customer.io's host names in them, and HTTPS, which it leads to: its URL, for ``HTTPS_PROXY``.

        It joins these names to this fake and leads nowhere else. Asked again, it gives the same. Raises as `serve_https`.
        """
        if self.proxy_url is None:
            self.serve_https()
            self.proxy_url = self._tell("proxy", port)
        return self.proxy_url

    @property
    def tunnels(self) -> list[tuple[str, bool]]:
        """What the proxy was asked for, in this order, and whether it gave it: ``("track.customer.io:443", True)``."""
        return list(self._tell("tunnels"))

    def answer_by_hand(self, method: str, path: str, reply: Reply | None) -> None:
        """Have every request of *path*, its query aside, answered by *reply*, whoever asks; as ever again with None.

        The workspaces do not see these requests.
        """
        self._tell("by_hand", method, path, reply)

    def reset(self) -> None:
        """Forget everything: people, events, counts, faults, answers by hand, tunnels, and when the run began. Connections stay."""
        self._tell("reset")

    def close(self) -> None:
        """End the process."""
        self._closed = True
        process = self._process
        with suppress(OSError):  # what it has not read is lost with it
            cast("BinaryIO", process.stdin).close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        cast("BinaryIO", process.stdout).close()
        if self._folder is not None:
            self._folder.cleanup()

    def _tell(self, command: str, *arguments: Any) -> Any:
        if self._closed:
            raise RuntimeError(f"the served fake: got {command!r} after it was closed; expected it before; ask first, then close")
        with self._lock:
            self._number += 1
            try:
                send(cast("BinaryIO", self._process.stdin), (self._number, command, arguments))
                # An answer whose question was interrupted may still be on its way.
                while (message := receive(cast("BinaryIO", self._process.stdout)))[0] != self._number:
                    pass
            except (EOFError, OSError):
                raise RuntimeError(self._ended()) from None
        _, done, answer = message
        if not done:
            raise answer
        return answer

    def _ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        code = self._process.returncode
        return f"the served fake: its process ended with exit code {code}; expected it to run until it is closed; see its output above"


class _Part(_Asked):
    """One workspace of several."""

    def __init__(self, served: ServedFake, number: int) -> None:
        self._served, self._which, self._kind = served, number, FakeWorkspace


class _Moment:
    """As `faults.Moment`: what makes no sense is said here, where it was written; then it is arranged over there."""

    def __init__(self, asked: _Asked, time: str | float) -> None:
        self._asked, self._time = asked, time
        self._here = Faults().at(time)

    def __getattr__(self, fault: str) -> Any:
        here = None if fault.startswith("_") else getattr(self._here, fault)
        if here is None:
            raise AttributeError(fault)

        def arrange(*arguments: Any, **keywords: Any) -> _Asked:
            here(*arguments, **keywords)
            self._asked._served._tell("fault", self._asked._which, self._time, fault, arguments, keywords)
            return self._asked

        return arrange
