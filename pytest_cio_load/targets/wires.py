"""How requests reach a target: straight into the fake in this process, or through sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from pytest_cio_load.safety.aim import FAKE, MOCK

if TYPE_CHECKING:
    from pytest_cio_load.customerio.wire import Observe, Phase, SyncWire, Wire
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
        observe: is told what requests waited for before they were sent, where they travel through sockets.
    """

    def __init__(
        self,
        settings: Settings,
        model: Callable[[], FakeWorkspace | FakeAccount],
        time: Callable[[], float],
        opening: Callable[[], AbstractContextManager[object]] = nullcontext,
        observe: Observe | None = None,
    ) -> None:
        self._settings, self._model, self._time, self._opening = settings, model, time, opening
        self._observe = observe
        self._told: list[frozenset[Phase]] = []
        self._in_process, self._is_ours = settings.target == MOCK, settings.target in (MOCK, FAKE)

    @property
    def told(self) -> frozenset[Phase]:
        """What every wire that was made to be observed tells of: a request that it tells nothing of did not wait for that."""
        return frozenset.intersection(*self._told) if self._told else frozenset()

    def _patience(self, unhurried: bool) -> float:
        return _UNHURRIED if unhurried and self._is_ours else self._settings.timeout

    def _made_with(self, unhurried: bool) -> dict[str, Any]:
        observe = None if unhurried else self._observe
        return {"timeout": self._patience(unhurried), "http2": self._settings.http2, "observe": observe}

    def make(self, workspace: Access, unhurried: bool) -> Wire:
        """A wire for coroutines. *unhurried*: nobody measures, so the fake does not wait."""
        if not self._in_process:
            from pytest_cio_load.customerio.engines import make_wire, told_by

            made_with = self._made_with(unhurried)
            with self._opening():
                wire = make_wire(workspace, self._settings.wire, **made_with)
            if made_with["observe"] is not None:
                self._told.append(told_by(wire, workspace.base_url))
            return wire
        from pytest_cio_load.fake.in_process import InProcessWire

        sleep = _no_sleep if unhurried else asyncio.sleep
        return InProcessWire(workspace, self._model(), now=self._time, timeout=self._patience(unhurried), sleep=sleep)

    def make_sync(self, workspace: Access, unhurried: bool) -> SyncWire:
        """A wire for threads. *unhurried*: as of :meth:`make`."""
        if not self._in_process:
            from pytest_cio_load.customerio.engines import make_sync_wire, told_by

            made_with = self._made_with(unhurried)
            with self._opening():
                wire = make_sync_wire(workspace, self._settings.wire, **made_with)
            if made_with["observe"] is not None:
                self._told.append(told_by(wire, workspace.base_url))
            return wire
        from pytest_cio_load.fake.in_process import SyncInProcessWire

        sleep = _stay_awake if unhurried else time.sleep
        return SyncInProcessWire(workspace, self._model(), now=self._time, timeout=self._patience(unhurried), sleep=sleep)


async def _no_sleep(_: float) -> None:
    """Do not wait: nobody measures the deleting."""


def _stay_awake(_: float) -> None:
    """The same for threads."""
