"""The clocks and the world outside: threads, sockets, the loop they borrow, frozen time, other loops."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pytest_cio_load.load.clock import VirtualClock, cpu_seconds, real_seconds, supports_virtual_time

HOUR = 3_600_000_000
PATCHED = ("time", "call_later", "call_at", "run_in_executor")


def test_a_thread_is_waited_for_without_counting_it(bench: Any) -> None:
    """to_thread really runs, and no virtual time passes meanwhile, though a timer is set."""

    async def body(clock: VirtualClock) -> tuple[int, float]:
        timer = asyncio.get_running_loop().call_later(3600, lambda: None)
        await asyncio.to_thread(time.sleep, 0.02)
        timer.cancel()
        return clock.now(), clock.waited_for_sockets

    assert bench.virtually(body) == (0, 0.0)


def test_a_thread_that_fails_is_no_longer_waited_for(bench: Any) -> None:
    """After an exception in a thread, sleeps are skipped again."""

    async def body(clock: VirtualClock) -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        await asyncio.sleep(3600)
        return clock.now()

    assert bench.virtually(body) == HOUR


def test_an_executor_of_the_authors_own_is_waited_for(bench: Any) -> None:
    """run_in_executor with a pool counts as much as the loop's default."""

    async def body(clock: VirtualClock) -> tuple[str, int]:
        with ThreadPoolExecutor(1) as pool:
            answer = await asyncio.get_running_loop().run_in_executor(pool, lambda: time.sleep(0.02) or "done")
        return str(answer), clock.now()

    assert bench.virtually(body) == ("done", 0)


def test_a_callback_from_a_thread_wakes_a_loop_with_nothing_else_to_do(bench: Any) -> None:
    """call_soon_threadsafe from a plain thread gets through while the loop has no timer."""

    async def body(clock: VirtualClock) -> str:
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        threading.Timer(0.02, lambda: told.get_loop().call_soon_threadsafe(told.set_result, "told")).start()
        return await told

    assert bench.virtually(body) == "told"


def test_an_open_connection_is_waited_for_and_counted(bench: Any) -> None:
    """Real sockets take real time: the answer comes, virtual time goes on by at least the wait, and the wait is owned up to."""

    async def body(clock: VirtualClock) -> tuple[bytes, int, float]:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        threading.Timer(0.05, theirs.sendall, (b"answer",)).start()
        answer = await reader.readexactly(6)
        writer.close()
        await writer.wait_closed()
        theirs.close()
        return answer, clock.now(), clock.waited_for_sockets

    answer, now, waited = bench.virtually(body)
    assert answer == b"answer"
    assert waited > 0
    assert now == pytest.approx(waited * 1e6, abs=100)


def test_a_timer_beside_an_open_connection_fires_at_its_own_moment(bench: Any) -> None:
    """With a silent connection open a sleep is waited for in real time, and still ends on its microsecond."""

    async def body(clock: VirtualClock) -> tuple[int, float]:
        ours, theirs = socket.socketpair()
        _, writer = await asyncio.open_connection(sock=ours)
        await asyncio.sleep(0.03)
        now = clock.now()
        writer.close()
        await writer.wait_closed()
        theirs.close()
        return now, clock.waited_for_sockets

    now, waited = bench.virtually(body)
    assert now == 30_000
    assert waited >= 0.03 * 0.999


def test_sleeps_are_skipped_again_once_the_connection_is_closed(bench: Any) -> None:
    """Only while it is open does a connection slow virtual time down."""

    async def body(clock: VirtualClock) -> float:
        ours, theirs = socket.socketpair()
        _, writer = await asyncio.open_connection(sock=ours)
        writer.close()
        await writer.wait_closed()
        theirs.close()
        before = clock.waited_for_sockets
        await asyncio.sleep(3600)
        return clock.waited_for_sockets - before

    assert bench.virtually(body) == 0


def test_time_never_goes_back() -> None:
    """Before, within, between and after two virtual blocks the loop's time only grows."""
    seen: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        seen.append(loop.time())
        for _ in range(2):
            with VirtualClock(loop):
                for delay in (0, 0.001, 5):
                    seen.append(loop.time())
                    await asyncio.sleep(delay)
                seen.append(loop.time())
            seen.append(loop.time())
            await asyncio.sleep(0.001)
            seen.append(loop.time())

    asyncio.run(main())
    assert seen == sorted(seen)
    assert seen[-1] - seen[0] >= 10


def test_a_sleep_after_the_block_takes_real_time_again() -> None:
    """Once left, virtual time skips nothing: the loop counts on from where it was, at the machine's pace."""

    async def main() -> float:
        with VirtualClock(asyncio.get_running_loop()):
            await asyncio.sleep(1000)
        began = real_seconds()
        await asyncio.sleep(0.02)
        return real_seconds() - began

    assert asyncio.run(main()) >= 0.02 * 0.9


def test_a_timer_set_before_the_block_keeps_its_distance() -> None:
    """A timer of the loop's owner, set in real time, fires within the block when virtual time has come that far."""

    async def main() -> tuple[list[str], list[str]]:
        loop = asyncio.get_running_loop()
        fired: list[str] = []
        loop.call_later(50, fired.append, "before")
        with VirtualClock(loop):
            await asyncio.sleep(48)
            early = list(fired)
            await asyncio.sleep(4)
        return early, fired

    assert asyncio.run(main()) == ([], ["before"])


def test_a_timer_that_outlives_the_block_is_not_lost() -> None:
    """Set in virtual time, due after the block: it fires in real time, from where virtual time ended."""

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        fired: list[str] = []
        with VirtualClock(loop):
            await asyncio.sleep(100)
            loop.call_later(0.01, fired.append, "late")
        while not fired:
            await asyncio.sleep(0.005)
        return fired

    assert asyncio.run(asyncio.wait_for(main(), 200)) == ["late"]


def test_the_loop_is_left_as_it_was() -> None:
    """Every patched attribute is gone, but for a time that must not run backwards."""

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        select, resolution = loop._selector.select, loop._clock_resolution
        with VirtualClock(loop):
            assert all(name in vars(loop) for name in PATCHED)
            assert loop._selector.select != select
        assert [name for name in PATCHED if name in vars(loop)] in ([], ["time"])
        assert (loop._selector.select, loop._clock_resolution) == (select, resolution)

    asyncio.run(main())


def test_the_loop_is_left_as_it_was_after_an_exception() -> None:
    """A body that raises unpatches no less."""

    async def failing(loop: asyncio.AbstractEventLoop) -> None:
        with VirtualClock(loop):
            await asyncio.sleep(5)
            raise ZeroDivisionError

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        await asyncio.gather(failing(loop), return_exceptions=True)
        assert "call_later" not in vars(loop)
        assert "select" not in vars(loop._selector)

    asyncio.run(main())


def test_a_block_is_not_kept_alive_by_the_loop() -> None:
    """Many blocks on one loop leave no chain of clocks behind: a session-wide loop may see thousands."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        for _ in range(50):
            with VirtualClock(loop):
                await asyncio.sleep(10)
        gc.collect()
        return sum(isinstance(thing, VirtualClock) for thing in gc.get_objects())

    assert asyncio.run(main()) <= 1


def test_many_blocks_on_one_loop_do_not_stack_up() -> None:
    """After two thousand blocks the loop's time is still one call deep: it neither slows down nor overflows the stack."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(2_000):
            with VirtualClock(loop):
                await asyncio.sleep(10)
        return loop.time() - began

    assert asyncio.run(main()) >= 20_000


def test_frozen_time_does_not_matter(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that freeze time replace attributes of the time module; ours were taken before."""
    for name in ("monotonic", "monotonic_ns", "perf_counter", "time", "time_ns", "process_time"):
        monkeypatch.setattr(time, name, lambda: 42)

    async def body(clock: VirtualClock) -> int:
        await asyncio.sleep(5)
        return clock.now()

    before = real_seconds()
    assert bench.virtually(body) == 5_000_000
    assert real_seconds() > before
    assert cpu_seconds() != 42


def test_a_loop_of_another_make_is_refused() -> None:
    """uvloop waits in C, out of reach: the message names it and the way out."""
    uvloop = pytest.importorskip("uvloop")

    async def main() -> str:
        assert not supports_virtual_time(asyncio.get_running_loop())
        with pytest.raises(ValueError) as caught:
            VirtualClock(asyncio.get_running_loop())
        return str(caught.value)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        message = runner.run(main())
    assert message == ("clock='virtual' on uvloop.Loop: expected asyncio's own event loop; use clock='wall', or run without uvloop")


def test_asyncios_own_loop_is_supported() -> None:
    """The loop that asyncio makes can be told not to wait."""

    async def main() -> bool:
        return supports_virtual_time(asyncio.get_running_loop())

    assert asyncio.run(main())
