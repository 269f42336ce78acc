"""``cio-load enqueue`` as a process."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.commands.enqueue import Tally
from pytest_cio_load.pipeline.engines.engine import State, Totals
from pytest_cio_load.pipeline.engines.memory import MemoryEngine

Start = Callable[..., Any]
Asked = Callable[..., Any]
Events = Callable[..., Path]


def waiting(asked: Asked) -> int:
    """Jobs that wait."""
    return int(asked(lambda engine: engine.depth())[State.WAITING])


def test_a_file(start: Start, queue: list[str], events: Events, asked: Asked) -> None:
    """Every line is a job; count and rate are said."""
    command = start("enqueue", events(1200), *queue)
    assert command.ended() == 0, command.err
    assert waiting(asked) == 1200
    said = command.out.split("events.jsonl: ")[1]
    assert said.startswith("1,200 lines; 1,200 stored in ")
    assert said.endswith(f"/s); queue {queue[3]}, Redis at {queue[1].removeprefix('redis://')}\n")


def test_the_same_file_again(start: Start, queue: list[str], events: Events, asked: Asked) -> None:
    """Nothing is stored twice, unless it is asked for."""
    path = events(100)
    assert start("enqueue", path, *queue).ended() == 0
    again = start("enqueue", path, *queue)
    assert again.ended() == 0
    assert "100 lines; 0 new, 100 were there already, in " in again.out
    assert waiting(asked) == 100
    assert start("enqueue", path, *queue, "--again").ended() == 0
    assert waiting(asked) == 200


def test_what_was_stored_for_programs(start: Start, queue: list[str], events: Events) -> None:
    """As one JSON object, of which nothing is new the second time."""
    path = events(30)
    for new in (30, 0):
        command = start("enqueue", path, *queue, "--json")
        assert command.ended() == 0, command.err
        said = json.loads(command.out)
        assert said.pop("seconds") >= 0
        counts = {"lines": 30, "stored": 30, "new": new, "bad": 0, "shed": 0, "refused": 0}
        assert said == {"file": str(path), **counts, "queue": queue[3], "place": f"Redis at {queue[1].removeprefix('redis://')}"}


def test_csv(start: Start, queue: list[str], tmp_path: Path, asked: Asked) -> None:
    """Compressed, too."""
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(b"id,plan\na,pro\nb,free\n"))
    assert start("enqueue", path, *queue).ended() == 0
    assert waiting(asked) == 2


def test_standard_input(queue: list[str], environment: dict[str, str], events: Events, asked: Asked, program: str) -> None:
    """As it comes."""
    command = [sys.executable, "-c", program, "enqueue", "-", *queue]
    done = subprocess.run(command, input=events(50).read_bytes(), env=environment, capture_output=True, timeout=90, check=False)
    assert (done.returncode, done.stdout[:22]) == (0, b"-: 50 lines; 50 stored")
    assert waiting(asked) == 50


def test_bad_lines(start: Start, queue: list[str], tmp_path: Path, asked: Asked) -> None:
    """They are named, the others are stored, and the exit code says it; nothing of a person is shown."""
    path = tmp_path / "mixed.jsonl"
    good, bad = '{"type": "identify", "userId": "a", "data": {}}\n', '{"type": "identify", "userId": "", "data": {"x": "secret"}}\n'
    path.write_text(good + bad * 25 + "secret\n" + good, encoding="utf-8")
    command = start("enqueue", path, *queue)
    assert command.ended() == 1
    assert waiting(asked) == 2
    assert f"{path}:2: identify: " in command.err
    assert "… and 6 more" in command.err
    assert "28 lines; 2 stored" in command.out
    assert ", 26 bad; queue" in command.out
    assert "secret" not in command.err + command.out


@pytest.mark.parametrize(
    ("when", "code", "out", "err"),
    [("shed", 1, "900 shed", ""), ("refuse", 1, "refused", "expected fewer than 100 jobs; add workers")],
)
def test_a_full_queue(start: Start, queue: list[str], events: Events, asked: Asked, when: str, code: int, out: str, err: str) -> None:
    """What is not stored is counted."""
    command = start("enqueue", events(1000), *queue, "--max-depth", "100", "--when-full", when)
    assert command.ended() == code
    assert waiting(asked) == 100
    assert out in command.out
    assert err in command.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.jsonl"], "cio-load enqueue: file: got a file that does not exist, 'nothing.jsonl'"),
        (["-", "--queue", "cio:events"], "expected a name without a colon"),
        (["-", "--max-depth", "0"], "cio-load enqueue: --max-depth: got '0', expected a whole number from 1"),
    ],
)
def test_mistakes(start: Start, arguments: list[str], message: str) -> None:
    """They are said."""
    command = start("enqueue", "--queue-url", "embedded:", *arguments)
    assert command.ended() == 2
    assert message in command.err


def test_a_file_that_has_grown(start: Start, queue: list[str], events: Events, asked: Asked) -> None:
    """Lines with ids of their own are known again, and what is new is counted."""
    ids = [f"01ARZ3NDEKTSV4RRFFQ69G5FA{number}" for number in range(3)]
    path = events(0)
    for count, said in ((2, "2 lines; 2 stored in "), (3, "3 lines; 1 new, 2 were there already, in ")):
        lines = [{"type": "track", "userId": "u1", "name": "bought", "id": each} for each in ids[:count]]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        command = start("enqueue", path, *queue)
        assert command.ended() == 0, command.err
        assert said in command.out
    assert waiting(asked) == 3


def test_a_queue_that_would_be_gone(start: Start, events: Events) -> None:
    """It ends with the command, and the jobs with it."""
    command = start("enqueue", events(1), "--queue-url", "memory:")
    assert command.ended() == 2
    assert command.err == (
        "cio-load enqueue: queue url: got memory:, which is gone when this command ends; expected a queue that outlives it; "
        "try 'embedded:'\n"
    )


class Flaky(MemoryEngine):
    """Its count cannot be had any more."""

    async def totals(self) -> Totals:
        """Never."""
        raise QueueUnavailable("gone")


@pytest.mark.asyncio
async def test_a_count_that_cannot_be_had() -> None:
    """What was stored was stored; how much of it is new is not made up."""
    tally = Tally(MemoryEngine())
    await tally.end()
    assert tally.added is None
    await tally.begin()
    tally._engine = Flaky()
    await tally.end()
    assert tally.added is None
    unknown = Tally(None)
    await unknown.begin()
    await unknown.end()
    assert unknown.added is None


def test_no_queue(start: Start, events: Events) -> None:
    """How much was stored is said, and that the same command may be run again."""
    command = start("enqueue", events(10), "--queue-url", "redis://:secret@127.0.0.1:1")
    assert command.ended() == 2
    assert "10 lines; 0 stored" in command.err
    assert "got no connection" in command.err
    assert "run the same command again, and no line is stored twice" in command.err
    assert "secret" not in command.err
