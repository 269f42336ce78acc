"""The process that a served fake runs in: serves on loopback, and does what its parent asks through standard input.

Requests and answers are pickled, each after its length: both ends are this package, on one machine, over a pipe of our own. When the
pipe ends, so does this process: it never outlives whoever started it, not even one that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from pytest_cio_load.fake.account import FakeAccount
from pytest_cio_load.fake.server import serve, url_of
from pytest_cio_load.fake.tls import made_up
from pytest_cio_load.fake.workspace import FakeWorkspace

if TYPE_CHECKING:
    from collections.abc import Sequence

_LENGTH = 8


def send(pipe: BinaryIO, message: object) -> None:
    """Write one message."""
    data = pickle.dumps(message)
    pipe.write(len(data).to_bytes(_LENGTH, "big") + data)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read one message. Raises EOFError at the end of the pipe."""
    head = pipe.read(_LENGTH)
    if len(head) < _LENGTH:
        raise EOFError
    return pickle.loads(pipe.read(int.from_bytes(head, "big")))


class Served:
    """What the parent may ask for: each public method is a command.

    Args:
        settings: keyword arguments of `FakeWorkspace`, for each workspace.
    """

    def __init__(self, settings: Sequence[dict[str, Any]]) -> None:
        self.workspaces = [FakeWorkspace(**each, unix_start=time.time()) for each in settings]
        self.fake = self.workspaces[0] if len(self.workspaces) == 1 else FakeAccount(self.workspaces)

    async def http(self, port: int) -> str:
        """Serve HTTP: the URL."""
        self._server = await serve(self.fake, port=port)
        return url_of(self._server)

    async def https(self, port: int, ca_file: str) -> str:
        """Serve HTTPS, with an authority written to *ca_file*: the URL."""
        self._secure = await serve(self.fake, port=port, secure=made_up(ca_file))
        return url_of(self._secure, secure=True)

    async def begin(self) -> None:
        """The run begins now."""
        self.fake.begin(time.monotonic())

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
    loop, end = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                name, arguments = receive(commands)
                try:
                    message = (True, asyncio.run_coroutine_threadsafe(getattr(served, name)(*arguments), loop).result())
                except Exception as error:
                    message = (False, error)
                send(answers, message)
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(end.set)

    threading.Thread(target=read, daemon=True).start()
    await end.wait()


def main() -> None:
    """Serve until standard input ends. Its first message is the settings of the workspaces."""
    commands, answers = sys.stdin.buffer, sys.stdout.buffer
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        asyncio.run(_obey(Served(receive(commands)), commands, answers))


if __name__ == "__main__":
    main()
