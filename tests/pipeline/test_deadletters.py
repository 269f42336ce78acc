"""What was given up: chosen, replayed, discarded, exported."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from pytest_cio_load.customerio.operations import entities, events, people
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.pipeline import deadletters
from pytest_cio_load.pipeline.deadletters import ALL, Choice, Moved, as_line, chosen, discard, exported, operation_name, replay
from pytest_cio_load.pipeline.engines.engine import Dead, DeadLetter, State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.jobs import parcel
from pytest_cio_load.pipeline.sending.lines import operation_of


async def buried(operations: Sequence[Operation], reasons: Sequence[str]) -> MemoryEngine:
    """A queue whose dead letters these are, in order; the reasons are used in turn."""
    engine = MemoryEngine()
    await bury(engine, operations, reasons)
    return engine


async def bury(engine: MemoryEngine, operations: Sequence[Operation], reasons: Sequence[str], first: int = 0) -> None:
    """More of them."""
    consumer = engine.consumer("w")
    await consumer.start()
    for number, operation in enumerate(operations):
        await engine.put([parcel(operation, id=f"id{first + number:04}", enqueued_at=1.0)])
        (taken,) = await consumer.take(1, 0.0)
        await consumer.settle([Dead(taken, reasons[number % len(reasons)], 5)])
    await consumer.close()


def letter(name: str, data: object) -> DeadLetter:
    """One with this content."""
    return DeadLetter("01ARZ3NDEKTSV4RRFFQ69G5FAV", name, "so", 5, 2.0, 1.0, json.dumps(data))


THREE = [people.identify("a", {"plan": "pro"}), people.delete("b"), people.identify("c", {})]
REASONS = ["400 name: too long", "Gone", "503 no answer"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("choice", "ids"),
    [
        (ALL, ["id0000", "id0001", "id0002"]),
        (Choice(ids=frozenset({"id0002", "id0000", "other"})), ["id0000", "id0002"]),
        (Choice(reason="NAME"), ["id0000"]),
        (Choice(operation="identify"), ["id0000", "id0002"]),
        (Choice(operation="identify", reason="503"), ["id0002"]),
        (Choice(ids=frozenset({"id0001"}), reason="503"), []),
    ],
)
async def test_chosen(choice: Choice, ids: list[str]) -> None:
    """Those that fulfil everything, the oldest first."""
    engine = await buried(THREE, REASONS)
    assert [each.id async for each in chosen(engine, choice)] == ids


@pytest.mark.asyncio
@pytest.mark.parametrize("move", [replay, discard])
@pytest.mark.parametrize("page", [1, 2, 3, 100])
async def test_some_of_many_are_moved(monkeypatch: pytest.MonkeyPatch, move: object, page: int) -> None:
    """Each of them once, and no other, however many are asked for at once."""
    monkeypatch.setattr(deadletters, "PAGE", page)
    engine = await buried([people.delete(f"p{number}") for number in range(20)], ["this", "that", "this"])
    moved = await move(engine, Choice(reason="this"))  # type: ignore[operator]
    assert moved == Moved(13)
    assert [each.reason async for each in chosen(engine)] == ["that"] * 7
    assert (await engine.depth())[State.WAITING] == (13 if move is replay else 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("move", [replay, discard])
async def test_ids_that_are_not_there(move: object) -> None:
    """They are named."""
    engine = await buried(THREE, REASONS)
    moved = await move(engine, Choice(ids=frozenset({"id0001", "other"})))  # type: ignore[operator]
    assert moved == Moved(1, frozenset({"other"}))


@pytest.mark.asyncio
async def test_what_fails_again_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would go round and round."""
    monkeypatch.setattr(deadletters, "PAGE", 2)
    engine = await buried(THREE, REASONS)
    again = iter(range(100, 200))

    async def fails_at_once(letters: Sequence[DeadLetter]) -> int:
        count = await MemoryEngine.replay(engine, letters)
        consumer = engine.consumer("w")
        await consumer.start()
        taken = await consumer.take(10, 0.0)
        await consumer.settle([Dead(each, f"again {next(again)}", 5) for each in taken])
        await consumer.close()
        return count

    monkeypatch.setattr(engine, "replay", fails_at_once)
    assert await replay(engine) == Moved(3)
    assert len([each async for each in chosen(engine)]) == 3


@pytest.mark.asyncio
async def test_nothing_to_move() -> None:
    """Is no trouble."""
    assert await replay(MemoryEngine()) == Moved(0)


@pytest.mark.parametrize(
    ("name", "data", "shown"),
    [
        ("track", {}, "track"),
        ("x" * 50, {}, "x" * 30),
        ("entity", {"type": "person", "action": "event", "identifiers": {"id": "a"}, "name": "bought"}, "track"),
        ("entity", {"type": "object", "action": "identify", "identifiers": {"object_type_id": "1", "object_id": "x"}}, "identify_object"),
        ("entity", {"nothing": 1}, "entity"),
    ],
)
def test_names_of_operations(name: str, data: object, shown: str) -> None:
    """Of an entity it says what it does."""
    assert operation_name(letter(name, data)) == shown


@pytest.mark.asyncio
async def test_an_export_can_be_read_again() -> None:
    """As the same operations; events keep their ULIDs."""
    operations = [
        people.identify("a@example.com", {"plan": "prö", "since": 1_700_000_000}),
        events.track("b", "bought", {"n": 1}, id="01ARZ3NDEKTSV4RRFFQ69G5FAV", timestamp=1_700_000_000),
        people.delete("c"),
        entities.entity({"type": "object", "action": "identify", "identifiers": {"object_type_id": "1", "object_id": "x"}}),
    ]
    engine = await buried(operations, REASONS)
    lines = [line.text async for line in exported(engine)]
    read = [operation_of(json.loads(line), lambda: "none") for line in lines]
    assert [json.loads(each.body or b"") for each in read] == [json.loads(entities.entity(each).body or b"") for each in operations]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("track_anonymous", {"v": 1, "method": "POST", "path": "/api/v1/events", "data": {"name": "x"}}, "without a form in a batch"),
        ("track", {"v": 2}, "v: got 2; expected 1"),
        ("report_push", {"v": 1, "method": "POST", "path": "/api/v1/push/events", "data": {"event": "opened", "delivery_id": "d",
         "device_id": "t", "timestamp": 1}}, "counts whenever it is sent"),
        ("track", [1], "data: got list; expected an object"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported(name: str, data: object, why: str) -> None:
    """It is said why, and nothing is written."""
    line = as_line(letter(name, data))
    assert line.text == ""
    assert why in line.why_not


@pytest.mark.asyncio
async def test_nobody_is_shown() -> None:
    """Neither by a letter nor by its line."""
    engine = await buried([people.identify("somebody", {"plan": "secret"})], REASONS)
    async for line in exported(engine, ALL):
        assert "secret" in line.text
        assert "somebody" not in repr(line)
        assert "secret" not in repr(line)
