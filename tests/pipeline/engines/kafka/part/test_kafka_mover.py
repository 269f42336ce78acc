"""Jobs on their way to other topics: in order, only while they are ours, and none holds up others for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines.kafka.link import Link
from pytest_cio_load.pipeline.engines.kafka.mover import Mover
from pytest_cio_load.pipeline.engines.kafka.picks import Move
from pytest_cio_load.pipeline.engines.kafka.sender import Unfit
from pytest_cio_load.pipeline.engines.kafka.wire import Outgoing

pytestmark = pytest.mark.asyncio

World = Any


class Broker:
    """Takes messages, unless told what to answer instead; one list of answers per call."""

    def __init__(self, *answers: list[int | str]) -> None:
        self.answers = list(answers)
        self.asked: list[list[str]] = []
        self.log: list[Outgoing] = []

    async def send(self, messages: Sequence[Outgoing]) -> list[int | str]:
        """For each the offset, or why not."""
        self.asked.append([dict(message.headers)["id"] for message in messages])
        given = self.answers.pop(0) if self.answers else [0] * len(messages)
        self.log += [message for message, answer in zip(messages, given, strict=True) if isinstance(answer, int)]
        return given


class Setting:
    """A mover, the world whose jobs it moves, and what it has told."""

    def __init__(self, world: World, broker: Broker, timeout: float = 60.0) -> None:
        self.world, self.broker, self.sure = world, broker, True
        self.told: list[str] = []
        self.mover = Mover(Link("127.0.0.1:9", timeout), broker, "q", lambda: 1.0, lambda: self.sure, self._moved)

    def _moved(self, move: Move, offset: int) -> None:
        move.part.moved(move, len(self.told))
        self.told.append(move.record.id)

    async def put_aside(self, *ids: str) -> None:
        """Move jobs to the retry topic, and wait."""
        self.world.put(*ids)
        self.world.take()
        places = [self.world.of(id) for id in ids]
        for place in places:
            self.mover.add(self.world.part.park(place, 0.0, counts=True))
        await self.mover.written(places)


async def test_in_order_and_at_once(world: World) -> None:
    """What is decided together is written together."""
    setting = Setting(world, Broker())
    await setting.put_aside("a-0", "b-0", "a-1")
    assert setting.told == setting.broker.asked[0] == ["a-0", "a-1", "b-0"]


async def test_what_follows_one_that_was_not_written_is_written_again(world: World) -> None:
    """That of the same person; others' is not."""
    setting = Setting(world, Broker(["down", 0, 0]))
    with pytest.raises(QueueUnavailable, match="got down while moving jobs to another topic"):
        await setting.put_aside("a-0", "b-0", "a-1")
    await setting.mover.written([world.of_any("a-0"), world.of_any("a-1")])
    assert setting.broker.asked == [["a-0", "a-1", "b-0"], ["a-0", "a-1"]]
    assert setting.told == ["b-0", "a-0", "a-1"]


async def test_one_that_was_refused_among_others_is_tried_alone(world: World) -> None:
    """The batch may have been too large."""
    setting = Setting(world, Broker([Unfit("too large")] * 3, [0]))
    await setting.put_aside("a-0", "b-0", "c-0")
    assert setting.broker.asked == [["a-0", "b-0", "c-0"], ["a-0"], ["b-0"], ["c-0"]]
    assert setting.told == ["a-0", "b-0", "c-0"]


async def test_one_that_no_topic_takes_holds_up_nobody(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Refused alone, dead, bare: it is dropped with an error, and what is behind it is written."""
    no: list[int | str] = [Unfit("too large")]
    setting = Setting(world, Broker([*no, 0], no, no, no))
    await setting.put_aside("a-0", "b-0")
    assert setting.told == ["b-0", "a-0"]
    assert [message.topic for message in setting.broker.log] == ["q.retry"]
    assert "q: job a-0 is dropped: got too large for its dead letter" in caplog.text


async def test_nothing_is_written_while_it_may_be_somebody_elses(world: World) -> None:
    """It waits until it is ours for sure."""
    setting = Setting(world, Broker())
    setting.sure = False
    waiting = asyncio.create_task(setting.put_aside("a-0"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert setting.broker.asked == []
    setting.sure = True
    await waiting
    assert setting.told == ["a-0"]


async def test_waiting_for_the_group_is_told_in_time(world: World) -> None:
    """And ends with the partition."""
    setting = Setting(world, Broker(), timeout=0.1)
    setting.sure = False
    with pytest.raises(QueueUnavailable, match="got no word of the group while moving jobs"):
        await setting.put_aside("a-0")
    setting.mover.forget(world.part)
    await setting.mover.written([world.of_any("a-0")])
    assert setting.broker.asked == []
    await setting.mover.aclose()
