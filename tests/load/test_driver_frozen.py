"""The table of a target that freezes: 80/s for 60 s, 50 ms of service, no progress from 20 s to 30 s."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from fractions import Fraction
from typing import Any

import pytest

from pytest_cio_load.contract.profile import Profile
from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import Load
from pytest_cio_load.load.schedule import Arrival, schedule
from pytest_cio_load.metrics.recorder import Recorder

SECOND = 1_000_000


def frozen(clock: VirtualClock) -> Callable[[Arrival], Awaitable[object]]:
    """A server that takes 50 ms, and makes no progress from 20 s to 30 s."""

    async def body(_: Arrival) -> None:
        now = clock.now() / SECOND
        finish = 30.05 if 20 <= now < 30 else now + 0.05 + (10 if 19.95 < now < 20 else 0)
        await asyncio.sleep(finish - now)

    return body


def freeze(**how: Any) -> Recorder:
    """80/s for 60 s against the server that freezes."""
    recorder = Recorder({}, warmup=0, lag_tolerance=20_000, home="")
    how = {"max_in_flight": 10_000, "drop": False} | how
    made = Load(schedule(Profile.flat(Fraction(80), Fraction(60))), 60 * SECOND, graceful_stop=30 * SECOND, timeout=None, **how)

    async def main() -> None:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            await Driver(made, frozen(clock), recorder, clock).run()

    asyncio.run(main())
    return recorder


def within_hdr(ms: float) -> Any:
    """As near as three significant digits tell."""
    return pytest.approx(ms, rel=0.001)


def test_a_frozen_server_shows_in_the_response_time() -> None:
    """Nothing capped: p(95) is 7,087.5 ms and p(99) 9,487.5 ms, from the whole second's worth that fell due in the freeze."""
    summary = freeze().summary(planned=4_800, elapsed=60, end="complete", reason="")
    assert (summary.samples("response"), summary.read("dropped", "count")) == (4_800, 0)
    assert summary.read("response", "p", 95) == within_hdr(7_087.5)
    assert summary.read("response", "p", 99) == within_hdr(9_487.5)
    assert summary.read("response", "max") == pytest.approx(10_050, rel=0.001)


def test_a_queue_hides_the_freeze_from_service_time_and_not_from_response_time() -> None:
    """20 slots: response p(95) is 7,650 ms while service p(95) is 50 ms, which is all that k6 would have shown."""
    summary = freeze(max_in_flight=20).summary(planned=4_800, elapsed=60, end="complete", reason="")
    assert (summary.samples("response"), summary.read("dropped", "count")) == (4_800, 0)
    assert summary.read("response", "p", 95) == within_hdr(7_650)
    assert summary.read("service", "p", 95) == within_hdr(50)
    assert summary.read("lag", "max") == 0
    assert summary.omission_gap == within_hdr(7_600)


def test_a_freeze_drops_what_finds_no_slot() -> None:
    """100 slots and "drop": 705 are dropped, 4,095 measured, and their p(95) looks innocent, which is why drops break a contract."""
    summary = freeze(max_in_flight=100, drop=True).summary(planned=4_800, elapsed=60, end="complete", reason="")
    assert (summary.read("dropped", "count"), summary.samples("response")) == (705, 4_095)
    assert summary.read("response", "p", 95) == within_hdr(50)
