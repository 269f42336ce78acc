"""``cio-load top`` as a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.commands.top import look
from pytest_cio_load.pipeline.engines.engine import Dead, DeadLetter, Parcel, State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.health.top import LETTERS, History
from pytest_cio_load.pipeline.health.watching import Watch

Start = Callable[..., Any]


@pytest.mark.parametrize("once", [["--once"], []], ids=["once", "no terminal"])
def test_one_picture(start: Start, queue: list[str], events: Callable[..., Path], once: list[str]) -> None:
    """As plain text, of 80 columns."""
    assert start("enqueue", events(1500), *queue).ended() == 0
    command = start("top", *queue, *once)
    assert command.ended() == 0, command.err
    lines = command.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"{queue[3]}  Redis at 127.0.0.1:")
    assert any(line.startswith("waiting      1,500") for line in lines)
    assert "not getting emptier" in command.out
    assert "since it began: 1,500 enqueued, 0 done, 0 retried, 0 redelivered, 0 dead" in command.out
    assert "\x1b" not in command.out


def test_newest_dead_letters(start: Start, queue: list[str], bury: Callable[[list[Parcel]], None]) -> None:
    """Their reasons are shown, and nobody."""
    bury([Parcel("01ARZ3NDEKTSV4RRFFQ69G5FAV", "track", '{"v": 9, "userId": "somebody"}', "somebody")])
    command = start("top", *queue, "--once")
    assert command.ended() == 0, command.err
    assert "ago  track  v: got 9; expected 1; update the worker" in command.out
    assert "somebody" not in command.out


def test_no_queue(start: Start) -> None:
    """It is said, without the password."""
    command = start("top", "--once", env={"CIO_QUEUE_URL": "redis://:secret@127.0.0.1:1"})
    assert command.ended() == 2
    assert "cio-load top: redis 127.0.0.1:1: got no connection" in command.err
    assert "secret" not in command.err


def test_a_terminal(queue: list[str], environment: dict[str, str], program: str, until: Callable[..., None]) -> None:
    """Is drawn on, again and again, until Ctrl-C, which is the proper end."""
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    drawn = bytearray()

    def draws(times: int) -> bool:
        with contextlib.suppress(BlockingIOError):
            drawn.extend(os.read(ours, 65_536))
        return drawn.count(b"nothing waits") >= times

    command = [sys.executable, "-c", program, "top", *queue]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**environment, "TERM": "xterm"})
    try:
        until(lambda: draws(2), "two pictures")
        process.send_signal(signal.SIGINT)
        until(lambda: draws(2) and process.poll() is not None, "it ends")
        assert process.returncode == 0, drawn.decode()
        assert b"Traceback" not in drawn
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


class Counted(MemoryEngine):
    """Counts how often its dead letters are asked for, and fails as told."""

    times = 0
    error: QueueUnavailable | None = None

    async def dead_letters(self, start: int = 0, most: int = 100) -> list[DeadLetter]:
        """Or the error."""
        self.times += 1
        if self.error is not None:
            raise self.error
        return await super().dead_letters(start, most)


async def bury(engine: MemoryEngine, ids: Sequence[str]) -> None:
    """Have jobs given up."""
    consumer = engine.consumer("w")
    await consumer.start()
    for each in ids:
        await engine.put([Parcel(each, "track", "{}", "x")])
        await consumer.settle([Dead(taken, "so", 1) for taken in await consumer.take(1, 0.0)])
    await consumer.close()


@pytest.mark.asyncio
async def test_dead_letters_are_asked_for_when_there_are_new_ones() -> None:
    """And only then: each may be large."""
    engine, history = Counted(), History()
    watch = Watch(engine, every=0.0)
    await look(engine, watch, history)
    await bury(engine, [f"id{number}" for number in range(LETTERS + 2)])
    for _ in range(3):
        await asyncio.sleep(0.001)
        await look(engine, watch, history)
    assert engine.times == 1
    assert [letter.id for _, letter in history.letters] == [f"id{number}" for number in range(LETTERS + 1, 1, -1)]
    await bury(engine, ["new"])
    await look(engine, watch, history)
    assert (engine.times, history.letters[0][1].id) == (2, "new")


@pytest.mark.asyncio
async def test_dead_letters_that_cannot_be_had() -> None:
    """The rest is shown, and why."""
    engine, history = Counted(), History()
    await bury(engine, ["id"])
    engine.error = QueueUnavailable("gone")
    await look(engine, Watch(engine), history)
    assert (history.trouble, history.moments[-1].depth[State.FAILED]) == ("gone", 1)
