"""How ``cio-load worker`` ends: asked, killed, or asked twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.pipeline.engines.engine import State

Start = Callable[..., Any]
Events = Callable[..., Path]
Asked = Callable[..., Any]
Until = Callable[[Callable[[], object], str], None]


def fill(start: Start, queue: list[str], path: Path) -> None:
    """Enqueue a file."""
    assert start("enqueue", path, *queue).ended() == 0


def test_being_asked_to_stop(start: Start, queue: list[str], fake: ServedFake, events: Events, until: Until, asked: Asked) -> None:
    """It ends what is under way and gives the rest back; another one does it, and nothing was lost or done twice."""
    fill(start, queue, events(80))
    worker = start("worker", *queue, "--url", fake.url, "--rate", "40/s", "--listen", "0")
    until(lambda: fake.delivery().applied >= 10, "some are sent")
    worker.terminate()
    assert worker.ended() == 0, worker.err
    assert "asked to stop" in worker.err
    left = asked(lambda engine: engine.depth())
    assert left[State.ACTIVE] == 0
    assert left[State.WAITING] + fake.delivery().applied == 80
    assert start("worker", *queue, "--url", fake.url, "--rate", "40/s", "--until-empty", "--listen", "off").ended() == 0
    assert (fake.delivery().applied, fake.delivery().duplicates, fake.delivery().out_of_order) == (80, 0, 0)


def test_being_killed(start: Start, queue: list[str], fake: ServedFake, events: Events, until: Until) -> None:
    """What it had is done by the next one, in order."""
    fill(start, queue, events(80))
    worker = start("worker", *queue, "--url", fake.url, "--rate", "40/s", "--listen", "off", "--name", "same")
    until(lambda: fake.delivery().applied >= 10, "some are sent")
    worker.kill()
    again = start("worker", *queue, "--url", fake.url, "--rate", "40/s", "--until-empty", "--listen", "off", "--name", "same")
    assert again.ended() == 0, again.err
    assert (fake.delivery().applied, fake.delivery().out_of_order) == (80, 0)


def test_a_second_signal(start: Start, queue: list[str], fake: ServedFake, events: Events, until: Until) -> None:
    """Ends it at once, whatever is under way."""
    fill(start, queue, events(5))
    fake.at("0s").freeze("10m")
    fake.begin()
    worker = start("worker", *queue, "--url", fake.url, "--grace", "10m", "--listen", "off")
    until(lambda: fake.requests > 0, "a request is under way")
    worker.terminate()
    until(lambda: "asked to stop" in worker.err, "the first signal is heard")
    worker.terminate()
    assert worker.ended() == 1


def test_a_queue_of_another_form(start: Start, queue: list[str], fake: ServedFake, events: Events) -> None:
    """A worker that was started with another number of shards says so and ends, by itself."""
    fill(start, queue, events(5))
    worker = start("worker", *queue, "--shards", "3", "--url", fake.url, "--listen", "off")
    assert worker.ended() == 2
    assert "got 'v1 shards=3'; expected 'v1 shards=2'" in worker.err
