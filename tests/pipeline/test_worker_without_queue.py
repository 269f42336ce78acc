"""A worker whose queue is gone for a while, or for good, and errors that no job is to blame for."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import people
from pytest_cio_load.errors import QueueFull, QueueMismatch, QueueReadOnly, QueueUnavailable
from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.engines.engine import Back, Delivery, Settlement, State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.engines.memory_consumer import MemoryConsumer
from pytest_cio_load.pipeline.worker import Phase, Worker

WAYS = [pytest.param({}, id="single"), pytest.param({"batching": Batching(items=20, linger=0.02)}, id="batches")]


class Flaky(MemoryEngine):
    """A queue that is gone while :attr:`gone` says what is raised."""

    gone: Exception | None = None

    def consumer(self, worker: str) -> Any:
        return FlakyConsumer(self)


class FlakyConsumer(MemoryConsumer):
    """Raises while its queue is gone, sometimes with the deed done and only the answer lost."""

    asked = 0

    def _raise(self) -> None:
        error = self._engine.gone  # type: ignore[attr-defined]
        if error is not None:
            raise error

    async def start(self) -> None:
        self._raise()
        await super().start()

    async def take(self, most: int, wait: float) -> list[Delivery]:
        self._raise()
        found = await super().take(most, min(wait, 0.2))
        if self._engine.gone is not None:  # type: ignore[attr-defined]
            await super().settle([Back(each) for each in found])
            self._raise()
        return found

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        self.asked += 1
        if self.asked % 2:
            await super().settle(settlements)
        self._raise()
        await super().settle(settlements)

    async def note_failure(self, delivery: Delivery, attempts: int, reason: str) -> None:
        self._raise()
        await super().note_failure(delivery, attempts, reason)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize(
    "error",
    [
        QueueUnavailable("127.0.0.1:6379: got no connection; expected a Redis; start it"),
        QueueReadOnly("127.0.0.1:6379: got an answer that it is a replica; expected the primary; use its URL"),
        QueueFull("127.0.0.1:6379: got an answer that its memory is full; expected room; raise maxmemory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_queue_that_is_gone_for_a_while(play: Any, how: dict[str, Any], error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """It says so, keeps asking, and goes on: nothing is lost, nothing is sent twice."""

    async def body(stage: Any) -> None:
        worker = stage.worker(**how)
        await stage.put(*stage.mixed(500, persons=25))
        await asyncio.sleep(1)
        stage.engine.gone = error
        await asyncio.sleep(10)
        assert (worker.phase, worker.trouble) == (Phase.UNREACHABLE, str(error))
        stage.engine.gone = None
        await stage.until(lambda: worker.phase is Phase.WORKING)
        assert worker.trouble == ""
        await stage.until_settled(500)
        delivery = stage.fake.delivery()
        assert (delivery.received, delivery.applied, delivery.out_of_order) == (500, 500, 0)

    play(body, engine=Flaky)
    assert [str(error) in record.getMessage() for record in caplog.records] == [True, False]
    assert "the queue cio-events is back" in caplog.text


def test_a_queue_that_is_gone_while_draining(play: Any) -> None:
    """Within the grace it is waited for; then the worker ends all the same."""

    async def body(stage: Any) -> None:
        first, second = stage.worker(grace=8), stage.worker(grace=8)
        await stage.put(*stage.mixed(500, persons=25))
        await asyncio.sleep(1)
        stage.engine.gone = QueueUnavailable("gone")
        first.stop()
        await asyncio.sleep(5)
        assert first.phase is Phase.DRAINING
        stage.engine.gone = None
        await stage.tasks[first]
        stage.engine.gone = QueueUnavailable("gone")
        began = stage.now()
        await stage.end(second)
        assert stage.now() - began == pytest.approx(8, abs=0.1)

    play(body, engine=Flaky)


def test_a_queue_that_is_gone_at_the_start(play: Any) -> None:
    """Whoever starts the worker is told at once."""

    async def body(stage: Any) -> None:
        stage.engine.gone = QueueUnavailable("gone")
        with pytest.raises(QueueUnavailable, match="gone"):
            await Worker(stage.engine, stage.fleet).run()

    play(body, engine=Flaky)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("where", ["take", "settle", "told", "home"])
@pytest.mark.parametrize("error", [QueueMismatch("other"), ZeroDivisionError("a mistake")], ids=["mismatch", "mistake"])
def test_an_error_that_no_job_is_to_blame_for(play: Any, how: dict[str, Any], where: str, error: Exception) -> None:
    """The worker ends with it, rather than wait for ever or give jobs up; they are all in the queue, or done."""

    async def body(stage: Any) -> None:
        def mistaken(*_: object) -> Any:
            raise error

        async def failing(*_: object) -> Any:
            raise error

        worker = stage.worker(**how, **({"on_settled": mistaken} if where == "told" else {}))
        if where in ("take", "settle"):
            setattr(worker.consumer, where, failing)
        if where == "home":
            object.__setattr__(stage.fleet, "home_of", mistaken)
        await stage.put(*stage.mixed(50))
        with pytest.raises(type(error)):
            await stage.tasks[worker]
        assert worker.phase is Phase.STOPPED
        depth = await stage.engine.depth()
        assert depth[State.ACTIVE] == depth[State.FAILED] == 0
        assert depth[State.WAITING] + depth[State.COMPLETED] == 50

    play(body)


def test_nothing_of_a_job_is_logged(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong, no attribute and no identifier is in the log."""
    caplog.set_level(logging.DEBUG)

    async def body(stage: Any) -> None:
        worker = stage.worker(grace=1)
        stage.fake.at(0).fail(500, ratio=0.5)
        await stage.put(*[people.identify(f"somebody-{number}", {"plan": "hidden"}) for number in range(50)])
        await asyncio.sleep(5)
        stage.engine.gone = QueueUnavailable("gone")
        await stage.end(worker)
        letters = await stage.engine.dead_letters()
        assert "hidden" not in repr(letters) + repr(stage.settled)

    play(body, engine=Flaky)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("pytest_cio_load")]
    assert "hidden" not in json.dumps(ours)
    assert "somebody" not in json.dumps(ours)
