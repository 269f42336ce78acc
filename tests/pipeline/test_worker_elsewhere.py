"""Engines that put what failed aside: a plain queue, which keeps no order, and one that parks a person's jobs in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import people
from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.engines.engine import Again, Settlement
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.engines.memory_consumer import MemoryConsumer

WAYS = [pytest.param({}, id="single"), pytest.param({"batching": Batching(items=20, linger=0.02)}, id="batches")]


class Aside(MemoryEngine):
    """Keeps what is put aside, each for its delay; what comes without a reason follows the one before it."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.put_aside: list[tuple[str, float, str]] = []

    def consumer(self, worker: str) -> Any:
        return Plain(self)


class Parking(Aside):
    def consumer(self, worker: str) -> Any:
        return Parks(self)


class Plain(MemoryConsumer):
    repeats_in_place = False

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        engine: Any = self._engine
        groups: list[tuple[float, list[Any]]] = []
        for each in settlements:
            if isinstance(each, Again):
                delivery = self._mine.pop(each.delivery.id)
                engine.put_aside.append((delivery.id, each.delay, each.reason))
                if each.reason:
                    groups.append((each.delay, [replace(delivery, attempts=delivery.attempts + 1)]))
                else:
                    groups[-1][1].append(delivery)
        await super().settle([each for each in settlements if not isinstance(each, Again)])
        for delay, group in groups:
            asyncio.get_running_loop().call_later(delay, engine.give_back, group)
        self._free([each.delivery.place for each in settlements])


class Parks(Plain):
    repeats_in_place = True
    parks = True


def fails_for(stage: Any, word: bytes, until: float) -> None:
    """Whatever request has *word* in it fails until then."""
    answer = stage.fake.answer

    def picky(method: str, path: str, headers: Any, body: bytes, now: float) -> Any:
        reply = answer(method, path, headers, body, now) if word not in body or stage.now() >= until else None
        if reply is None:
            reply = answer("GET", "/auth", headers, b"", now)
            return type(reply)(500, {}, b"{}", 0.01)
        return reply

    stage.door.fake.answer = picky


@pytest.mark.parametrize("how", WAYS)
def test_a_plain_queue(play: Any, how: dict[str, Any]) -> None:
    """A try that failed goes back with its delay; nothing waits for it; it counts over all takings, and is dead in the end."""

    async def body(stage: Any) -> None:
        worker = stage.worker(**how)
        fails_for(stage, b"poison", 1e9)
        ids = await stage.put(people.identify("u3", {"n": "poison"}), *stage.mixed(40))
        await stage.until_settled(41)
        assert list(stage.dead) == ids[:1]
        assert stage.dead[ids[0]].attempts == 5
        assert [id for id, *_ in stage.engine.put_aside] == ids[:1] * 4
        for number, (_, delay, reason) in enumerate(stage.engine.put_aside):
            assert 2**number <= delay <= 2 ** (number + 1)
            assert reason.startswith("500 ")
        assert (worker.figures.failed_tries, worker.figures.backing_off) == (4, 0)

    play(body, engine=Aside)


@pytest.mark.parametrize("how", WAYS)
def test_a_queue_that_parks(play: Any, how: dict[str, Any]) -> None:
    """After two tries in place a job is put aside, and with it all that must not overtake it, in order and uncounted; others go on."""

    async def body(stage: Any) -> None:
        stage.worker(**how)
        fails_for(stage, b"poison", 12)
        mine = [people.identify("bob", {"n": "poison"}), people.identify("bob", {"n": 1}), people.merge_customers("id", "bob", "id", "eve")]
        ids = await stage.put(*mine, people.identify("bob", {"n": 2}), *[people.identify(f"u{n}", {"n": n}) for n in range(20)])
        await stage.until(lambda: len(stage.engine.put_aside) >= 4)
        assert [id for id, *_ in stage.engine.put_aside[:4]] == ids[:4]
        delays = [(delay, reason) for _, delay, reason in stage.engine.put_aside[:4]]
        assert 2 <= delays[0][0] <= 4
        assert delays[0][1].endswith("(2 tries)")
        assert delays[1:] == [(0.0, "")] * 3
        assert stage.fake.person("bob") is None
        await stage.until_settled(24)
        assert not stage.dead
        assert [id for id in stage.done if id in ids[:4]] == ids[:4]
        assert stage.fake.person("bob").attributes["n"] == 2

    play(body, engine=Parking)
