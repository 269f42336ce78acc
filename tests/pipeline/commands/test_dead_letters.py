"""``cio-load dead-letters`` as a process."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import events, people
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.pipeline.commands.dead_letters import table
from pytest_cio_load.pipeline.engines.engine import DeadLetter, Parcel, State
from pytest_cio_load.pipeline.jobs import parcel

Start = Callable[..., Any]
Asked = Callable[..., Any]
Bury = Callable[[list[Parcel]], None]
IDS = ["01ARZ3NDEKTSV4RRFFQ69G5FA0", "01ARZ3NDEKTSV4RRFFQ69G5FA1", "01ARZ3NDEKTSV4RRFFQ69G5FA2"]
OF_A_NEWER_VERSION = Parcel(IDS[2], "track", '{"v": 9}', "other", enqueued_at=1.0)


@pytest.fixture
def letters(bury: Bury, fake: ServedFake) -> list[str]:
    """Three: two that Customer.io refused, one that is no job."""
    refused = [
        parcel(people.identify("somebody", {"plan": "secret"}), id=IDS[0], enqueued_at=1.0),
        parcel(events.track("somebody", "bought", {"what": "secret"}, id=IDS[1]), id=IDS[1], enqueued_at=1.0),
    ]
    fake.at("0s").fail(400)
    fake.begin()
    bury([*refused, OF_A_NEWER_VERSION])
    fake.reset()
    return IDS


def test_a_list(start: Start, queue: list[str], letters: list[str]) -> None:
    """Id, operation, tries, age and reason; nobody is shown."""
    command = start("dead-letters", "list", *queue)
    assert command.ended() == 0, command.err
    lines = command.out.splitlines()
    assert lines[0].split() == ["id", "operation", "tries", "ago", "reason"]
    assert {line.split()[0]: line.split()[1] for line in lines[1:]} == dict(zip(letters, ["identify", "track", "track"], strict=True))
    assert "v: got 9; expected 1; update the worker and replay this dead letter" in command.out
    assert not any(word in command.out for word in ("somebody", "secret"))


def test_a_list_for_programs(start: Start, queue: list[str], letters: list[str]) -> None:
    """A JSON object a line; nobody is shown."""
    command = start("dead-letters", "list", *queue, "--json", "--operation", "identify")
    assert command.ended() == 0, command.err
    (found,) = [json.loads(line) for line in command.out.splitlines()]
    assert (found["id"], found["operation"], found["attempts"]) == (letters[0], "identify", 1)
    assert set(found) == {"id", "operation", "reason", "attempts", "failed_at", "enqueued_at"}


def test_a_short_list(start: Start, queue: list[str], letters: list[str]) -> None:
    """That there are more is said."""
    command = start("dead-letters", "list", *queue, "--limit", "2")
    assert command.ended() == 0
    assert len(command.out.splitlines()) == 3
    assert "there are more than 2: --limit shows more of them" in command.err


def test_no_dead_letters(start: Start, queue: list[str], asked: Asked) -> None:
    """Is said beside the list."""
    asked(lambda engine: engine.put([parcel(people.identify("somebody", {}), id=IDS[0], enqueued_at=1.0)]))
    command = start("dead-letters", "list", *queue)
    assert (command.ended(), command.out) == (0, "")
    assert command.err == f"{queue[3]}: no dead letters\n"


def test_a_mistyped_name(start: Start, queue: list[str], asked: Asked) -> None:
    """That nothing was ever there, and what is."""
    asked(lambda engine: engine.put([parcel(people.identify("somebody", {}), id=IDS[0], enqueued_at=1.0)]))
    command = start("dead-letters", "list", *queue[:3], "mistyped", *queue[4:])
    assert (command.ended(), command.out) == (0, "")
    where = f"Redis at {queue[1].removeprefix('redis://')}"
    assert command.err == f"mistyped: no dead letters; nothing was ever enqueued into mistyped here ({where}); there are {queue[3]}\n"


def test_replay(start: Start, queue: list[str], letters: list[str], fake: ServedFake, asked: Asked) -> None:
    """They are tried again, and accepted this time."""
    command = start("dead-letters", "replay", *letters[:2], *queue)
    assert (command.ended(), command.out) == (0, "2 dead letters are tried again\n")
    assert start("worker", *queue, "--url", fake.url, "--until-empty", "--listen", "off").ended() == 1
    assert fake.delivery().applied == 2
    assert [each.id for each in asked(lambda engine: engine.dead_letters())] == [letters[2]]


def test_discard(start: Start, queue: list[str], letters: list[str], asked: Asked) -> None:
    """Only when it is meant."""
    command = start("dead-letters", "discard", *queue, "--reason", "got 9")
    assert command.ended() == 2
    assert command.err == "discard: got no --yes; expected it, for 1 dead letters would be gone for good; try export first\n"
    command = start("dead-letters", "discard", *queue, "--reason", "got 9", "--yes")
    assert (command.ended(), command.out) == (0, "1 dead letters were deleted\n")
    assert asked(lambda engine: engine.depth())[State.FAILED] == 2


def test_export(start: Start, queue: list[str], letters: list[str], fake: ServedFake, tmp_path: Path) -> None:
    """A file for nobody else, that enqueue reads; what has no such form is named."""
    path = tmp_path / "dead.jsonl"
    command = start("dead-letters", "export", path, *queue)
    assert command.ended() == 1
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert f"2 dead letters written to {path}; they stay in the queue until they are replayed or discarded" in command.out
    assert f"{path} holds attributes and ids of people: only you can read it; delete it when it is done with" in command.err
    assert f"not written: {letters[2]}: v: got 9" in command.err
    assert "1 have no form as a line: replay them, or discard them" in command.err
    again = [*queue[:3], "again", *queue[4:]]
    assert start("enqueue", path, *again).ended() == 0
    assert start("worker", *again, "--url", fake.url, "--until-empty", "--listen", "off").ended() == 0
    assert fake.delivery().applied == 2


def test_what_was_done_for_programs(start: Start, queue: list[str], letters: list[str], tmp_path: Path) -> None:
    """A JSON object each."""
    path = tmp_path / "dead.jsonl"
    for arguments, code, said in (
        (["export", path], 1, {"count": 2, "file": str(path), "without_a_line": 1}),
        (["replay", letters[0], "other"], 1, {"count": 1, "missing": ["other"]}),
        (["discard", "--all", "--yes"], 0, {"count": 2, "missing": []}),
    ):
        command = start("dead-letters", *arguments, *queue, "--json")
        assert command.ended() == code, command.err
        assert json.loads(command.out) == said


def test_ids_that_are_not_there(start: Start, queue: list[str], letters: list[str]) -> None:
    """They are named, and the exit code says it."""
    command = start("dead-letters", "replay", letters[0], "other", *queue)
    assert (command.ended(), command.out, command.err) == (1, "1 dead letters are tried again\n", "not found: other\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["replay"], "replay: got nothing to choose by; expected ids, --reason, --operation or --all; try --all for all of them"),
        (["discard", "--yes"], "discard: got nothing to choose by"),
        (["replay", "some-id", "--all"], "--all: got ids too; expected one of them; leave out --all for those ids only"),
        (["export", "."], "file: got one that exists, '.'; expected a new one; choose another name"),
        (["list", "--queue", "a:b"], "expected a name without a colon"),
    ],
)
def test_mistakes(start: Start, arguments: list[str], message: str) -> None:
    """They are said."""
    command = start("dead-letters", *arguments, "--queue-url", "memory:")
    assert command.ended() == 2
    assert message in command.err


def bare(text: str) -> list[str]:
    """Lines as they are seen, without what makes them bold."""
    return [re.sub("\x1b\\[[0-9;]*m", "", line) for line in text.splitlines()]


def test_a_table_fits() -> None:
    """A long reason is cut on a terminal, and is one line; a narrow one loses no column."""
    letter = DeadLetter(IDS[0], "track", "a long\nreason " * 20, 5, 100.0, 0.0, "{}")
    lines = bare(table([letter], 165.4, 80))
    assert lines[0].split() == ["id", "operation", "tries", "ago", "reason"]
    assert len(lines[1]) == 80
    assert lines[1].endswith("…")
    assert "1m5s  a long reason" in lines[1]
    assert "1m5s  a long reas…" in bare(table([letter], 165.4, 20))[1]
    assert len(table([letter], 165.4, None).splitlines()[1]) > 300


def test_a_table_shows_what_a_reason_says() -> None:
    """Nothing in it is taken for markup; only a terminal gets bold heads."""
    letter = DeadLetter(IDS[0], "track", "[bold]got[/bold] [red]9", 5, 100.0, 0.0, "{}")
    assert "[bold]got[/bold] [red]9" in bare(table([letter], 165.4, 120))[1]
    assert "\x1b" in table([letter], 165.4, 120)
    assert "\x1b" not in table([letter], 165.4, None)
