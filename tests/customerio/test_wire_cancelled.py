"""Cancelled in the very moment that its answer comes: a call through pyreqwest ends as cancelled all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.customerio.wire import Request
from pytest_cio_load.customerio.workspaces import Workspace


class Answered:
    """An engine's answer, which is there although the wait for it was cancelled."""

    status, headers = 200, {"content-type": "application/json"}

    def __init__(self, *, swallows: bool) -> None:
        self._swallows = swallows

    async def send(self) -> Answered:
        try:
            await asyncio.sleep(3_600 if self._swallows else 0)
        except asyncio.CancelledError:
            if not self._swallows:
                raise
        return self

    async def bytes(self) -> bytes:
        return b"{}"


@pytest.mark.asyncio
@pytest.mark.parametrize("swallows", [True, False], ids=["swallowed", "not cancelled"])
async def test_a_cancellation_is_never_swallowed(monkeypatch: pytest.MonkeyPatch, swallows: bool) -> None:
    """And an answer that nobody cancelled is given."""
    pytest.importorskip("pyreqwest")
    wire: Any = make_wire(Workspace("site", "key", url="http://127.0.0.1:1"), "pyreqwest")
    monkeypatch.setattr(wire, "_request", lambda *_: Answered(swallows=swallows))
    task = asyncio.create_task(wire.send(Request("GET", "/auth")))
    await asyncio.sleep(0)
    if swallows:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        assert (await task).status == 200
    await wire.aclose()
