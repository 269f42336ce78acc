"""The process that a served fake runs in: serves on loopback, and does what its parent asks through standard input.

Messages are pickled, each after its length: both ends are this package, on one machine, over a pipe that nobody else holds. When the
pipe ends, so does this process: it never outlives whoever started it, not even one that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from pytest_cio_load.fake.account import FakeAccount
from pytest_cio_load.fake.proxy import serve_proxy
from pytest_cio_load.fake.server import port_of, serve, url_of
from pytest_cio_load.fake.tls import made_up
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LENGTH = 8


def send(pipe: BinaryIO, message: object) -> None:
    """Write one message."""
    data = pickle.dumps(message)
    pipe.write(len(data).to_bytes(_LENGTH, "big") + data)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read one message. Raises EOFError at the end of the pipe."""
    size = int.from_bytes(_exactly(pipe, _LENGTH), "big")
    return pickle.loads(_exactly(pipe, size))


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def portable(error: Exception) -> Exception:
    """*error*, or its text in a RuntimeError where pickling would not bring it back whole."""
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:
        again = None
    return error if type(again) is type(error) and str(again) == str(error) else RuntimeError(f"{type(error).__name__}: {error}")


class Served:
    """What the parent may ask for: each coroutine is a command. Also the model behind the doors.

    Args:
        settings: keyword arguments of `FakeWorkspace`, for each workspace.
    """

    def __init__(self, settings: Sequence[dict[str, Any]]) -> None:
        self._settings = settings
        self._servers: list[asyncio.Server] = []
        self._renew()

    def _renew(self) -> None:
        self.workspaces = [FakeWorkspace(**{"unix_start": time.time(), **each}) for each in self._settings]
        self.fake = self.workspaces[0] if len(self.workspaces) == 1 else FakeAccount(self.workspaces)
        self.answer = self.fake.answer
        self._by_hand: dict[tuple[str, str], Reply] = {}
        self._tunnels: list[tuple[str, bool]] = []

    async def http(self, port: int) -> str:
        """Serve HTTP: the URL."""
        self._servers.append(await serve(self, port=port))
        return url_of(self._servers[-1])

    async def https(self, port: int, ca_file: str) -> str:
        """Serve HTTPS, with an authority written to *ca_file*: the URL."""
        self._servers.append(await serve(self, port=port, secure=made_up(ca_file)))
        self._secure_port = port_of(self._servers[-1])
        return url_of(self._servers[-1], secure=True)

    async def proxy(self, port: int) -> str:
        """Serve a proxy that joins Customer.io's host names to HTTPS, which is served already: the URL."""
        self._servers.append(await serve_proxy(self._secure_port, lambda *tunnel: self._tunnels.append(tunnel), port=port))
        return url_of(self._servers[-1])

    async def tunnels(self) -> list[tuple[str, bool]]:
        """What the proxy was asked for, and whether it gave it."""
        return self._tunnels

    async def begin(self, which: int | None) -> None:
        """The run begins now, by this process's clock, in one workspace or in all."""
        self._one(which).begin(time.monotonic())

    async def reset(self) -> None:
        """Forget everything: people, events, counts, faults, answers by hand, tunnels, and when the run began."""
        self._renew()

    async def by_hand(self, method: str, path: str, reply: Reply | None) -> None:
        """Have a path answered by *reply*, or as ever with None; the workspaces then see no such request."""
        self._by_hand.pop((method, path), None)
        if reply is not None:
            self._by_hand[method, path] = reply
        self.answer = self._first_by_hand if self._by_hand else self.fake.answer

    def _first_by_hand(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        reply = self._by_hand.get((method, path.partition("?")[0]))
        return self.fake.answer(method, path, headers, body, now) if reply is None else reply

    async def fault(self, which: int | None, moment: str | float, fault: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Arrange a fault, in one workspace or in all."""
        getattr(self._one(which).at(moment), fault)(*arguments, **keywords)

    async def ask(self, which: int | None, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Ask for a property, or call a method, of one workspace or of all."""
        value = getattr(self._one(which), name)
        return value(*arguments, **keywords) if callable(value) else value

    def _one(self, which: int | None) -> Any:
        return self.fake if which is None else self.workspaces[which]


async def _obey(served: Served, commands: BinaryIO, answers: BinaryIO) -> None:
    """Do what is asked, one command after the other, until nobody is left to ask. Every answer carries the number of its command."""
    loop, end = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                number, name, arguments = receive(commands)
                try:
                    message = (number, True, asyncio.run_coroutine_threadsafe(getattr(served, name)(*arguments), loop).result())
                except Exception as error:
                    message = (number, False, portable(error))
                send(answers, message)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(end.set)

    threading.Thread(target=read, daemon=True).start()
    await end.wait()


def main() -> None:
    """Serve until standard input ends. Its first message is the settings of the workspaces."""
    # Ctrl-C reaches every process of a terminal; the parent still wants to ask what arrived, and then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever is printed here by mistake must not get between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(EOFError):
        asyncio.run(_obey(Served(receive(commands)), commands, answers))


if __name__ == "__main__":
    main()
