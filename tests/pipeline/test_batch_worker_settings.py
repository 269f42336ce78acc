"""Settings of batches, and batches of some jobs only."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import people
from pytest_cio_load.fake.workspace import Reply
from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.policy import Policy

BATCHES = Batching(items=100, linger=0.05)


def sizes(stage: Any) -> list[int]:
    """Operations in every batch from now on, as they arrive."""
    found: list[int] = []
    stage.door.before = lambda body: found.append(len(json.loads(body)["batch"])) if body.startswith(b'{"batch"') else None
    return found


def fails_with(stage: Any, word: bytes, status: int) -> None:
    """Whatever request has *word* in it fails as a whole."""
    answer = stage.fake.answer

    def picky(method: str, path: str, headers: Any, body: bytes, now: float) -> Reply:
        return Reply(status, {}, b"{}", 0.02) if word in body else answer(method, path, headers, body, now)

    stage.door.fake.answer = picky


def test_lost_ones_are_left_out(play: Any) -> None:
    """What is no longer ours when its batch may go is not in it."""

    async def body(stage: Any) -> None:
        found = sizes(stage)
        stage.fake.at(0).fail(503, lasting="3s")
        worker = stage.worker(batching=BATCHES)
        ids = await stage.put(*[people.delete(f"u{number}") for number in range(10)])
        await asyncio.sleep(1)
        for id in ids[:4]:
            worker.consumer._mine.pop(id)
        await stage.until_settled(6)
        assert (found[-1], worker.figures.lost) == (6, 4)
        assert sorted(stage.done) == sorted(ids[4:])

    play(body)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"items": 0}, "items: got 0; expected at least 1 operation per batch; try 1000"),
        ({"linger": -1}, "linger: got -1; expected seconds, 0 to 60; try 0.05"),
        ({"linger": float("nan")}, "linger: got nan; expected seconds, 0 to 60; try 0.05"),
        ({"in_flight": 0}, "in_flight: got 0; expected at least 1 batch under way; try 2"),
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, Any], says: str) -> None:
    """Each with the nearest fix."""
    with pytest.raises(ValueError) as caught:
        Batching(**wrong)
    assert str(caught.value) == says


def test_tries_of_its_own(play: Any) -> None:
    """A producer's or the policy's number of tries is kept to in batches too."""

    async def body(stage: Any) -> None:
        stage.worker(batching=BATCHES, policy=Policy(attempts=2, base=1))
        fails_with(stage, b"poison", 500)
        ids = await stage.put(*stage.mixed(30), people.identify("bob", {"n": "poison"}))
        await stage.until_settled(31)
        assert stage.dead[ids[-1]].attempts == 2

    play(body)
