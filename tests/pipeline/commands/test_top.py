"""``cio-load top`` as a process."""

from __future__ import annotations

import asyncio
import contextlib
import json
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
from pytest_cio_load.pipeline.commands.unused import is_unused, said_of_unused
from pytest_cio_load.pipeline.engines.engine import Dead, DeadLetter, Parcel, State, Totals
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.health.top import LETTERS, History
from pytest_cio_load.pipeline.health.watching import Watch
from pytest_cio_load.pipeline.opening import open_queue, read_address

Start = Callable[..., Any]
HERE, AWAY = read_address("memory:"), read_address("redis://127.0.0.1:1")


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


def test_a_mistyped_name(start: Start, queue: list[str], events: Callable[..., Path]) -> None:
    """An empty picture says that nothing was ever there, and what is."""
    assert start("enqueue", events(1), *queue).ended() == 0
    command = start("top", *queue[:3], "mistyped", *queue[4:], "--once")
    assert command.ended() == 0, command.err
    said = " ".join(command.out.split())
    assert f"nothing was ever enqueued into mistyped here (Redis at {queue[1].removeprefix('redis://')}); there are {queue[3]} " in said


def test_other_queues(queue: list[str], asked: Callable[..., Any]) -> None:
    """A few of them, of either form, and nothing else that is on the server."""

    async def several(engine: Any) -> list[str]:
        for number in (3, 1, 2, 4):
            other = open_queue(queue[1], name=f"q{number}", shards=number)
            await other.put([Parcel(f"id{number}", "track", "{}", "x")])
            await other.aclose()
        await engine.put([Parcel("id0", "track", "{}", "x")])
        return list(await engine.others())

    found = asked(several)
    assert len(found) == 3
    assert set(found) < {"q1", "q2", "q3", "q4"}
    assert found == sorted(found)


@pytest.mark.asyncio
async def test_a_server_that_is_gone() -> None:
    """Then no other queues are named."""
    engine = open_queue("redis://127.0.0.1:1", name="mine")
    try:
        assert (await said_of_unused(engine, AWAY)) == "nothing was ever enqueued into mine here (Redis at 127.0.0.1:1)"
    finally:
        await engine.aclose()


@pytest.mark.parametrize(
    ("address", "depth", "totals", "unused"),
    [
        ("memory:", {}, Totals(), True),
        ("memory:", {State.WAITING: 0}, Totals(), True),
        ("memory:", {State.COMPLETED: 1}, Totals(), False),
        ("memory:", {}, Totals(enqueued=1), False),
        ("memory:", {}, Totals(done=1), False),
        ("kafka://127.0.0.1", {}, Totals(), False),
    ],
)
def test_what_is_unused(address: str, depth: dict[State, int], totals: Totals, unused: bool) -> None:
    """Nothing there and nothing counted, where it is counted for everybody; producers on Node count nothing, their workers do."""
    assert is_unused(read_address(address), depth, totals) is unused


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
    await look(engine, HERE, watch, history)
    assert history.note == "nothing was ever enqueued into cio-events here (this process's memory)"
    await bury(engine, [f"id{number}" for number in range(LETTERS + 2)])
    for _ in range(3):
        await asyncio.sleep(0.001)
        await look(engine, HERE, watch, history)
    assert (engine.times, history.note) == (1, "")
    assert [letter.id for _, letter in history.letters] == [f"id{number}" for number in range(LETTERS + 1, 1, -1)]
    await bury(engine, ["new"])
    await look(engine, HERE, watch, history)
    assert (engine.times, history.letters[0][1].id) == (2, "new")


@pytest.mark.asyncio
async def test_dead_letters_that_cannot_be_had() -> None:
    """The rest is shown, and why."""
    engine, history = Counted(), History()
    await bury(engine, ["id"])
    engine.error = QueueUnavailable("gone")
    await look(engine, HERE, Watch(engine), history)
    assert (history.trouble, history.moments[-1].depth[State.FAILED]) == ("gone", 1)


def test_one_picture_for_programs(start: Start, queue: list[str], events: Callable[..., Path]) -> None:
    """The same figures, as one JSON document."""
    assert start("enqueue", events(12), *queue).ended() == 0
    command = start("top", *queue, "--json")
    assert command.ended() == 0, command.err
    said = json.loads(command.out)
    assert (said["queue"], said["unfinished"], said["depth"]["waiting"], said["time_to_empty"]) == (queue[3], 12, 12, None)
    assert said["totals"] == {"enqueued": 12, "done": 0, "retried": 0, "redelivered": 0, "dead": 0}
    assert said["place"] == f"Redis at {queue[1].removeprefix('redis://')}"
    assert said["rates"].keys() == {"came", "went", "shrinks"}


def test_no_picture_for_programs(start: Start) -> None:
    """Nothing on standard output that would be read as one."""
    command = start("top", "--queue-url", "redis://127.0.0.1:1", "--json")
    assert (command.ended(), command.out) == (2, "")
    assert "cio-load top: " in command.err
