"""``cio-load worker --workers N``: several processes, kept running."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as read_text

from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.pipeline.commands import crowd
from pytest_cio_load.pipeline.commands.command import Said
from pytest_cio_load.pipeline.commands.crowd import LONGEST, SHORTEST, SOUND, Member, Restarts
from pytest_cio_load.pipeline.commands.serving import Stop
from pytest_cio_load.pipeline.engines.engine import State, Totals
from pytest_cio_load.pipeline.health.figures import WorkerFigures
from pytest_cio_load.pipeline.worker import Phase

Start = Callable[..., Any]
Until = Callable[[Callable[[], object], str], None]


def children(pid: int) -> list[int]:
    """The processes that this one has started, those that have ended left out."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if runs(int(each))]


def runs(pid: int) -> bool:
    """Whether it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def phases(worker: Any) -> dict[str, str]:
    """What each of the processes is doing."""
    samples = [each for family in read_text(worker.get("/metrics").text) for each in family.samples]
    return {each.labels["worker"]: each.labels["cio_worker_phase"] for each in samples if each.name == "cio_worker_phase" and each.value}


@pytest.mark.parametrize(
    ("lived", "waits"),
    [
        ([0.1] * 7, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]),
        ([0.1, 0.1, SOUND, 0.1], [1.0, 2.0, 1.0, 2.0]),
        ([SOUND] * 3, [1.0, 1.0, 1.0]),
    ],
)
def test_how_soon_it_is_started_again(lived: list[float], waits: list[float]) -> None:
    """Later each time, unless it ran for long."""
    restarts = Restarts()
    assert [restarts.after(each) for each in lived] == waits
    assert (min(waits), max(waits)) >= (SHORTEST, SHORTEST)
    assert max(waits) <= LONGEST


@pytest.mark.asyncio
async def test_one_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not called working: it may be suspended."""
    member = Member(Said(until_empty=False), "mine-1", Stop())
    assert member.figures.phase is Phase.STARTING
    member._note(WorkerFigures("mine-1", Phase.WORKING))
    assert member.figures.phase is Phase.WORKING
    monkeypatch.setattr(crowd, "SILENT", 0.0)
    assert member.figures.phase is Phase.UNREACHABLE
    assert member.figures.trouble == "worker mine-1 has not reported for 0 s"


@pytest.mark.asyncio
async def test_counts_of_one_that_was_started_again() -> None:
    """Those of the process before it are kept, where each process counts alone."""
    member = Member(Said(until_empty=False), "mine-1", Stop())
    for done in (3, 5):
        member._heard({**WorkerFigures("mine-1", Phase.WORKING).plain(), "totals": {"done": done, "latency": {"1000": done}}})
    member._died()
    member._heard({**WorkerFigures("mine-1", Phase.WORKING).plain(), "totals": {"done": 2, "latency": {"1000": 2}}})
    assert member.totals == Totals(done=7, latency={1000: 7})


def test_one_of_them_is_killed(start: Start, queue: list[str], fake: ServedFake, events: Callable[..., Path], until: Until) -> None:
    """It is started again under its name; together they do everything, in order, and then end."""
    assert start("enqueue", events(200), *queue).ended() == 0
    two = ["--workers", "2", "--name", "mine"]
    worker = start("worker", *queue, "--url", fake.url, *two, "--rate", "40/s", "--until-empty", "--listen", "0")
    until(lambda: phases(worker) == {"mine-1": "working", "mine-2": "working"}, "both work")
    until(lambda: fake.delivery().applied >= 10, "some are sent")
    os.kill(children(worker.process.pid)[0], signal.SIGKILL)
    until(lambda: "ended with exit code -9; it is started again in 1s" in worker.err, "its end is told")
    assert worker.ended() == 0, worker.err
    assert (fake.delivery().applied, fake.delivery().out_of_order) == (200, 0)


def test_all_are_asked_to_stop(start: Start, queue: list[str], fake: ServedFake, until: Until) -> None:
    """Through the one that started them; it says how they are until then."""
    worker = start("worker", *queue, "--url", fake.url, "--workers", "2", "--listen", "0", "--name", "mine")
    until(lambda: phases(worker) == {"mine-1": "working", "mine-2": "working"}, "both work")
    assert worker.get("/readyz").json() == {"ready": True, "phase": "working"}
    assert "cio-load worker mine, 2 processes" in worker.out
    pids = children(worker.process.pid)
    worker.terminate()
    assert worker.ended() == 0, worker.err
    assert not any(runs(each) for each in pids)


def test_a_second_signal(
    start: Start, queue: list[str], fake: ServedFake, events: Callable[..., Path], asked: Callable[..., Any], until: Until
) -> None:
    """Ends all of them at once."""
    assert start("enqueue", events(20), *queue).ended() == 0
    fake.at("0s").freeze("10m")
    fake.begin()
    worker = start("worker", *queue, "--url", fake.url, "--workers", "2", "--grace", "10m", "--listen", "off")
    until(lambda: asked(lambda engine: engine.depth())[State.ACTIVE] > 0, "some are under way")
    pids = children(worker.process.pid)
    worker.terminate()
    until(lambda: "asked to stop" in worker.err, "the first signal is heard")
    worker.terminate()
    assert worker.ended() == 1
    until(lambda: not any(runs(each) for each in pids), "all have ended")


def test_the_one_that_started_them_is_killed(start: Start, queue: list[str], fake: ServedFake, until: Until) -> None:
    """They drain and end, for nobody looks after them any more."""
    worker = start("worker", *queue, "--url", fake.url, "--workers", "2", "--listen", "0", "--name", "mine")
    until(lambda: phases(worker) == {"mine-1": "working", "mine-2": "working"}, "both work")
    pids = children(worker.process.pid)
    worker.kill()
    until(lambda: not any(runs(each) for each in pids), "all have ended")


def test_no_queue(start: Start, fake: ServedFake) -> None:
    """It is said once, before any of them is started."""
    worker = start("worker", "--url", fake.url, "--workers", "2", "--queue-url", "redis://127.0.0.1:1", "--listen", "off")
    assert worker.ended() == 2
    assert worker.err.count("got no connection") == 1
