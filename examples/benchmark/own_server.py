"""A server for machines without nginx: no framework, one process, uvloop where it is installed.

It is started with a port, a file for its log, the delay in seconds, and 1 for mixed delays; SIGTERM ends it and writes the log.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import cast

from examples.benchmark.plan import Plan

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
_NUMBERS = count(1)


def _microseconds() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class Answers(asyncio.Protocol):
    """One connection, on which one request follows the answer to the one before it.

    Args:
        plan: how long answers take.
        log: gets a line for every request.
    """

    def __init__(self, plan: Plan, log: list[str]) -> None:
        self._plan, self._log = plan, log
        self._number = next(_NUMBERS)
        self._data = b""
        self._transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in what has arrived."""
        arrived = _microseconds()
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end]
            begin = head.lower().find(b"content-length:")
            length = int(head[begin + 15 :].partition(b"\r\n")[0]) if begin >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            path = head.split(b" ", 2)[1].decode("latin-1")
            name = path.rpartition("-")[2]
            delay = self._plan.delay_of(int(name)) if name.isdigit() else self._plan.delay
            answer: Callable[[], None] = partial(self._answer, arrived, path)
            if delay:
                asyncio.get_running_loop().call_later(delay, answer)
            else:
                answer()

    def _answer(self, arrived: int, path: str) -> None:
        self._transport.write(_ANSWER)
        self._log.append(f"{arrived} {_microseconds()} 200 {self._number} {path}\n")


async def _serve(port: int, plan: Plan, log: list[str]) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    await loop.create_server(partial(Answers, plan, log), "127.0.0.1", port, backlog=4096)
    await over.wait()


def main() -> None:
    """Serve until told to end."""
    port, log_file, delay, mixed = sys.argv[1:]
    log: list[str] = []
    factory = None
    with suppress(ImportError):
        from uvloop import new_event_loop

        factory = new_event_loop
    gc.disable()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(int(port), Plan(1, 1, float(delay), mixed == "1"), log))
    Path(log_file).write_text("".join(log), encoding="ascii")


if __name__ == "__main__":
    main()
