"""Reading in a thread: in order, bounded, and ended from either side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from pytest_cio_load.pipeline.sending.ahead import GROUP, Ahead
from pytest_cio_load.pipeline.sending.sources import Line


def lines(count: int, read: list[int], closed: threading.Event) -> Iterator[Line]:
    """Notes what was read, and that it was closed."""
    try:
        for number in range(count):
            read.append(number)
            yield Line(number, 0, None)
    finally:
        closed.set()


def test_all_lines_in_order() -> None:
    """In groups, and the file is closed afterwards."""
    closed = threading.Event()

    async def run() -> list[int]:
        ahead = Ahead(lines(GROUP * 7 + 3, [], closed))
        got = [line.number async for group in ahead for line in group]
        ahead.close()
        return got

    assert asyncio.run(run()) == list(range(GROUP * 7 + 3))
    assert closed.is_set()


def test_it_is_only_a_little_ahead() -> None:
    """Whoever takes one group finds a few read, and no more until the next is taken; then the end, which closes the file."""
    read: list[int] = []
    closed = threading.Event()

    async def run() -> None:
        ahead = Ahead(lines(GROUP * 100, read, closed))
        groups = aiter(ahead)
        await anext(groups)
        ahead.close()
        assert len(read) <= 4 * GROUP
        await groups.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())
    assert closed.is_set()


def test_what_the_reading_raises() -> None:
    """Comes after what was read."""

    def broken() -> Iterator[Line]:
        yield from [Line(1, 0, None)] * GROUP
        raise ValueError("expected more")

    async def run() -> int:
        ahead = Ahead(broken())
        groups = aiter(ahead)
        count = len(await anext(groups))
        with pytest.raises(ValueError, match="expected more"):
            await anext(groups)
        ahead.close()
        return count

    assert asyncio.run(run()) == GROUP


def test_a_pipe_that_says_nothing() -> None:
    """Whoever waits for it is let go; the thread is left behind."""
    silent = threading.Event()

    def waiting() -> Iterator[Line]:
        silent.wait(60)
        yield Line(1, 0, None)

    async def run() -> int:
        ahead = Ahead(waiting(), joins=False)
        asyncio.get_running_loop().call_soon(ahead.stop)
        count = len([group async for group in ahead])
        ahead.close()
        return count

    assert asyncio.run(run()) == 0
    silent.set()
