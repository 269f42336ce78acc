"""Virtual time: idle waits are skipped, timers keep their moments, and nothing is left to chance."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pytest_cio_load.load import clock as clock_module
from pytest_cio_load.load.clock import VirtualClock, WallClock, cpu_seconds, real_seconds

HOUR = 3_600_000_000
GENEROUS = 20.0
"""Real seconds that even a busy machine stays far below, and that a wait which is not skipped would far exceed."""


def test_a_sleep_is_skipped(bench: Any) -> None:
    """An hour asleep takes an hour of virtual time, and next to none of real time."""

    async def body(clock: VirtualClock) -> int:
        await asyncio.sleep(3600)
        return clock.now()

    began = real_seconds()
    assert bench.virtually(body) == HOUR
    assert real_seconds() - began < GENEROUS


def test_sleeps_side_by_side_overlap(bench: Any) -> None:
    """Each wakes at its own moment, to the microsecond."""

    async def body(clock: VirtualClock) -> list[tuple[float, int]]:
        woke = []

        async def nap(seconds: float) -> None:
            await asyncio.sleep(seconds)
            woke.append((seconds, clock.now()))

        await asyncio.gather(*map(nap, (3, 0.000001, 2.5, 0.1)))
        return woke

    assert bench.virtually(body) == [(0.000001, 1), (0.1, 100_000), (2.5, 2_500_000), (3, 3_000_000)]


def test_many_sleeps_add_up_exactly(bench: Any) -> None:
    """Ten thousand tenths of a second are a thousand seconds: no float error gathers."""

    async def body(clock: VirtualClock) -> int:
        for _ in range(10_000):
            await asyncio.sleep(0.1)
        return clock.now()

    assert bench.virtually(body) == 1_000_000_000


@pytest.mark.parametrize(("delay", "expected"), [(1e-9, 1), (1e-7, 1), (4.2e-7, 1), (1e-6, 1), (1.5e-6, 2), (0.0000025, 3)])
def test_a_tiny_sleep_makes_progress(bench: Any, delay: float, expected: int) -> None:
    """A delay above 0 takes at least a microsecond, and rounds up: a loop that polls gets somewhere."""

    async def body(clock: VirtualClock) -> int:
        await asyncio.sleep(delay)
        return clock.now()

    assert bench.virtually(body) == expected


def test_a_poll_of_tiny_sleeps_ends(bench: Any) -> None:
    """Waiting for a moment a nanosecond at a time gets there, because each nanosecond takes a microsecond."""

    async def body(clock: VirtualClock) -> int:
        polls = 0
        while clock.now() < 1_000:
            await asyncio.sleep(1e-9)
            polls += 1
        return polls

    assert bench.virtually(body) == 1_000


def test_a_sleep_of_nothing_takes_no_time(bench: Any) -> None:
    """sleep(0) yields to the others, and time stands still."""

    async def body(clock: VirtualClock) -> int:
        for _ in range(100):
            await asyncio.sleep(0)
        return clock.now()

    assert bench.virtually(body) == 0


def test_cpu_time_is_not_counted(bench: Any) -> None:
    """What the process computes takes no virtual time."""

    async def body(clock: VirtualClock) -> int:
        began = cpu_seconds()
        while cpu_seconds() - began < 0.01:
            pass
        return clock.now()

    assert bench.virtually(body) == 0


def test_the_loop_tells_virtual_time(bench: Any) -> None:
    """What asks the loop for the time sees it pass as the clock does."""

    async def body(clock: VirtualClock) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(12.5)
        return loop.time() - began

    assert bench.virtually(body) == 12.5


def test_the_origin_is_where_the_clock_is_started(bench: Any) -> None:
    """now() counts from start(), not from the beginning of virtual time."""

    async def body(clock: VirtualClock) -> list[int]:
        await asyncio.sleep(7)
        before = clock.now()
        clock.start()
        after = clock.now()
        await asyncio.sleep(1)
        return [before, after, clock.now()]

    assert bench.virtually(body) == [7_000_000, 0, 1_000_000]


def test_a_timeout_expires_on_time(bench: Any) -> None:
    """asyncio.timeout cuts a wait at its virtual moment."""

    async def body(clock: VirtualClock) -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.sleep(100)
        return clock.now()

    assert bench.virtually(body) == 30_000_000


def test_a_timeout_by_the_moment_expires_on_time(bench: Any) -> None:
    """asyncio.timeout_at takes a time of the loop's, which is virtual too."""

    async def body(clock: VirtualClock) -> int:
        await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + 0.25):
                await asyncio.Event().wait()
        return clock.now()

    assert bench.virtually(body) == 1_250_000


def test_a_timeout_that_is_not_needed_takes_no_time(bench: Any) -> None:
    """What ends before its timeout leaves no timer behind to jump to."""

    async def body(clock: VirtualClock) -> int:
        async with asyncio.timeout(100):
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        return clock.now()

    assert bench.virtually(body) == 2_000_000


def test_wait_for_expires_on_time(bench: Any) -> None:
    """asyncio.wait_for is held to virtual time as well."""

    async def body(clock: VirtualClock) -> int:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 5)
        return clock.now()

    assert bench.virtually(body) == 5_000_000


def test_a_timer_in_the_past_fires_now(bench: Any) -> None:
    """call_at with a time gone by does not pull the clock back."""

    async def body(clock: VirtualClock) -> int:
        await asyncio.sleep(2)
        fired: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_at(0, lambda: fired.set_result(clock.now()))
        return await fired

    assert bench.virtually(body) == 2_000_000


def test_a_timer_that_is_cancelled_does_not_fire(bench: Any) -> None:
    """The handle that call_later gives is an ordinary one."""

    async def body(clock: VirtualClock) -> list[str]:
        fired: list[str] = []
        handle = asyncio.get_running_loop().call_later(1, fired.append, "cancelled")
        asyncio.get_running_loop().call_later(2, fired.append, "kept")
        handle.cancel()
        await asyncio.sleep(3)
        return fired

    assert bench.virtually(body) == ["kept"]


def test_timers_of_one_moment_all_fire_then_and_always_in_the_same_order(bench: Any) -> None:
    """Ties are settled by the loop's heap, which is the same every time."""

    async def body(clock: VirtualClock) -> list[tuple[int, int]]:
        fired: list[tuple[int, int]] = []
        for number in range(50):
            asyncio.get_running_loop().call_later(0.3, lambda number=number: fired.append((number, clock.now())))
        await asyncio.sleep(1)
        return fired

    first = bench.virtually(body)
    assert sorted(first) == [(number, 300_000) for number in range(50)]
    assert bench.virtually(body) == first


def test_a_task_group_and_queues_work(bench: Any) -> None:
    """Producers and consumers that sleep meet where arithmetic says."""

    async def body(clock: VirtualClock) -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue()
        taken: list[int] = []

        async def produce() -> None:
            for number in range(5):
                await asyncio.sleep(1)
                queue.put_nowait(number)

        async def consume() -> None:
            for _ in range(5):
                await queue.get()
                await asyncio.sleep(1.5)
                taken.append(clock.now())

        async with asyncio.TaskGroup() as group:
            tasks: list[Coroutine[Any, Any, None]] = [produce(), consume()]
            for task in tasks:
                group.create_task(task)
        return taken

    assert bench.virtually(body) == [2_500_000, 4_000_000, 5_500_000, 7_000_000, 8_500_000]


@pytest.mark.parametrize("base", [0.0, 0.3, 1234.567891, 86_400.1 * 365, 2.0**31 + 0.123456789])
def test_results_do_not_depend_on_how_long_the_machine_has_been_up(base: float) -> None:
    """Whatever the loop's own time was, the same microseconds come out."""

    async def body(clock: VirtualClock) -> list[int]:
        seen = []
        for delay in (0.1, 0.2, 0.0000001, 1 / 3, 2.7182818, 0.0125, 0.05):
            await asyncio.sleep(delay)
            seen.append(clock.now())
        loop = asyncio.get_running_loop()
        async with asyncio.timeout_at(loop.time() + 10):
            await asyncio.wait([asyncio.ensure_future(asyncio.sleep(0.7)), asyncio.ensure_future(asyncio.sleep(0.9))])
        return [*seen, clock.now()]

    async def main() -> list[int]:
        loop: Any = asyncio.get_running_loop()
        began, real = loop.time(), type(loop).time
        loop.time = lambda: base + real(loop) - began
        with VirtualClock(loop) as clock:
            clock.start()
            return await body(clock)

    assert asyncio.run(main()) == [100_000, 300_000, 300_001, 633_335, 3_351_617, 3_364_117, 3_414_117, 4_314_117]


def test_the_wall_clock_counts_microseconds_from_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from the machine's nanoseconds, rounded down."""
    readings = iter([5_000_000_000, 5_000_000_000, 5_000_001_999, 65_000_000_000])
    monkeypatch.setattr(clock_module._Real, "nanoseconds", staticmethod(lambda: next(readings)))
    clock = WallClock()
    clock.start()
    assert (clock.now(), clock.now()) == (1, 60_000_000)


def test_the_clocks_have_names() -> None:
    """Reports always say which clock it was."""

    async def name() -> str:
        return VirtualClock(asyncio.get_running_loop()).name

    assert (WallClock().name, asyncio.run(name())) == ("wall", "virtual")
