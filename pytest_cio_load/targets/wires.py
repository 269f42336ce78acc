"""How requests reach a target: through a door of the fake in this process, or through sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_cio_load.safety.aim import FAKE, MOCK

if TYPE_CHECKING:
    from pytest_cio_load.customerio.wire import SyncWire, Wire
    from pytest_cio_load.customerio.workspaces import Access
    from pytest_cio_load.fake.account import FakeAccount
    from pytest_cio_load.fake.workspace import FakeWorkspace
    from pytest_cio_load.settings import Settings

_UNHURRIED = 3600.0


class Wires:
    """Makes the wires of one target.

    Args:
        settings: which target, and how long a request may wait for its answer.
        model: the fake in this process; asked only for the mock.
        time: seconds since the start of the run.
        opening: the permit that wires are made under, of a real workspace.
    """

    def __init__(
        self,
        settings: Settings,
        model: Callable[[], FakeWorkspace | FakeAccount],
        time: Callable[[], float],
        opening: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._settings, self._model, self._time, self._opening = settings, model, time, opening
        self._in_process, self._is_ours = settings.target == MOCK, settings.target in (MOCK, FAKE)

    def _patience(self, unhurried: bool) -> float:
        return _UNHURRIED if unhurried and self._is_ours else self._settings.timeout

    def make(self, workspace: Access, unhurried: bool) -> Wire:
        """A wire for coroutines. *unhurried*: nobody measures, so the fake does not wait."""
        from pytest_cio_load.customerio.engines import make_wire

        if not self._in_process:
            with self._opening():
                return make_wire(workspace, self._settings.wire, timeout=self._patience(unhurried), http2=self._settings.http2)
        from pytest_cio_load.fake.doors import async_door

        sleep = _no_sleep if unhurried else asyncio.sleep
        door = async_door(self._model(), host=urlsplit(workspace.base_url).netloc, now=self._time, sleep=sleep)
        return make_wire(workspace, transport=door, timeout=self._patience(unhurried))

    def make_sync(self, workspace: Access, unhurried: bool) -> SyncWire:
        """A wire for threads. *unhurried*: as of :meth:`make`."""
        from pytest_cio_load.customerio.engines import make_sync_wire

        if not self._in_process:
            with self._opening():
                return make_sync_wire(workspace, self._settings.wire, timeout=self._patience(unhurried), http2=self._settings.http2)
        from pytest_cio_load.fake.doors import sync_door

        waits = {"sleep": lambda _: None} if unhurried else {}
        door = sync_door(self._model(), host=urlsplit(workspace.base_url).netloc, now=self._time, **waits)
        return make_sync_wire(workspace, transport=door, timeout=self._patience(unhurried))


async def _no_sleep(_: float) -> None:
    """Do not wait: nobody measures the deleting."""
