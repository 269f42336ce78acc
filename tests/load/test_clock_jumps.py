"""Virtual time asks the system next to nothing while it jumps, and misses nothing by that."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import Any

import pytest

from pytest_cio_load.load.clock import LOOK_EVERY, VirtualClock

FOREVER = 1_000_000
"""Sleeps in virtual time, far more than any thread or signal needs to come."""


def counted(loop: Any) -> list[float | None]:
    """Every wait that the loop asks the system for, from now on."""
    asked: list[float | None] = []
    real = loop._selector.select

    def select(timeout: float | None) -> Any:
        asked.append(timeout)
        return real(timeout)

    loop._selector.select = select
    return asked


def test_the_system_is_hardly_asked() -> None:
    """A thousand sleeps, of which each takes two turns of the loop, are a few dozen looks, none of which waits."""

    async def main() -> list[float | None]:
        loop = asyncio.get_running_loop()
        asked = counted(loop)
        with VirtualClock(loop):
            for _ in range(1_000):
                await asyncio.sleep(1)
            return list(asked)

    asked = asyncio.run(main())
    assert len(asked) <= 3_000 / LOOK_EVERY
    assert set(asked) <= {0}


@pytest.mark.skipif(sys.platform == "win32", reason="needs signal handlers of the loop's")
def test_a_signal_gets_through_while_time_jumps(bench: Any) -> None:
    """The loop hears of it by a socket of its own, which is looked at now and then."""

    async def body(_: VirtualClock) -> bool:
        heard: list[int] = []
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, heard.append, 1)
        os.kill(os.getpid(), signal.SIGUSR1)
        for _ in range(FOREVER):
            await asyncio.sleep(1)
            if heard:
                break
        loop.remove_signal_handler(signal.SIGUSR1)
        return bool(heard)

    assert bench.virtually(body)


def test_what_a_thread_calls_in_gets_through_while_time_jumps(bench: Any) -> None:
    """A plain thread's callback is run within a turn or two of its coming."""

    async def body(_: VirtualClock) -> bool:
        told: list[int] = []
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(told.append, 1))
        thread.start()
        for _ in range(FOREVER):
            await asyncio.sleep(1)
            if told:
                break
        thread.join()
        return bool(told)

    assert bench.virtually(body)


def test_what_was_called_in_before_a_jump_is_run_before_it(bench: Any) -> None:
    """It came while the loop was about to wait: time stands still until it is done."""

    async def body(clock: VirtualClock) -> list[int]:
        loop: Any = asyncio.get_running_loop()
        real, came = loop._selector.select, []

        def select(timeout: float | None) -> Any:
            if timeout and not came:
                came.append(None)
                loop.call_soon_threadsafe(lambda: found.append(clock.now()))
            return real(timeout)

        found: list[int] = []
        loop._selector.select = select
        await asyncio.sleep(1)
        found.append(clock.now())
        loop._selector.select = real
        return found

    assert bench.virtually(body) == [0, 1_000_000]
