"""Reads in a thread, a little ahead of who asks, so that a slow pipe keeps no answer waiting and Ctrl-C is heard meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from itertools import islice
from threading import Semaphore, Thread

from pytest_cio_load.pipeline.sending.sources import Line

GROUP = 500
"""Lines handed over at once."""

_GROUPS = 3
_PATIENCE = 5.0
"""Seconds that the thread has for closing the file."""


class Ahead:
    """Lines, read in a thread; an async iterable of groups of them, to be iterated once.

    Args:
        lines: what to read.
        joins: whether the reading ends soon, as it does in a file.
    """

    def __init__(self, lines: Iterator[Line], *, joins: bool = True) -> None:
        self._lines, self._joins = lines, joins
        self._loop = asyncio.get_running_loop()
        self._groups: asyncio.Queue[list[Line] | Exception] = asyncio.Queue()
        self._room = Semaphore(_GROUPS)
        self._over = False
        self._thread = Thread(target=self._read, name="cio-load-reader", daemon=True)
        self._thread.start()

    async def __aiter__(self) -> AsyncIterator[list[Line]]:
        """Groups, in order; raises what the reading raised."""
        while True:
            got = await self._groups.get()
            if isinstance(got, Exception):
                raise got
            if not got:
                return
            yield got
            self._room.release()

    def stop(self) -> None:
        """Read no further; whoever is waiting for a group waits no longer."""
        self._over = True
        self._groups.put_nowait([])
        self._room.release()

    def close(self) -> None:
        """Stop, and wait until the file is closed; a thread that waits in a pipe is left behind, and ends with the process."""
        self.stop()
        if self._joins:
            self._thread.join(_PATIENCE)

    def _read(self) -> None:
        try:
            while True:
                self._room.acquire()
                if self._over:
                    return
                group = list(islice(self._lines, GROUP))
                self._give(group)
                if not group:
                    return
        except Exception as error:
            self._give(error)
        finally:
            if isinstance(self._lines, Generator):
                self._lines.close()

    def _give(self, what: list[Line] | Exception) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self._loop.call_soon_threadsafe(self._groups.put_nowait, what)
