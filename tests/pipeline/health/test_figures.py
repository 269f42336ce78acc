"""A queue and a worker at one moment, and what lies between two moments."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.pipeline.engines.engine import Totals
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.fleet import Fleet
from pytest_cio_load.pipeline.gates.local import LocalGate
from pytest_cio_load.pipeline.health.figures import (
    QueueFigures,
    Rates,
    WorkerFigures,
    added,
    figures_of,
    hidden,
    latency_between,
    percentile,
    rates_between,
    time_to_empty,
    totals_from_plain,
)
from pytest_cio_load.pipeline.worker import Phase, Worker

MakeQueue = Callable[..., QueueFigures]
LATENCY = st.dictionaries(st.integers(0, 10**9), st.integers(1, 1000), max_size=20)


def test_what_is_unfinished(queue: MakeQueue) -> None:
    """Everything that has yet to be sent, and nothing else."""
    assert queue(waiting=1, prioritized=2, delayed=4, active=8, completed=16, failed=32).unfinished == 15


def test_rates(queue: MakeQueue) -> None:
    """Into and out of the queue, by second; what was given up is out too."""
    before, now = queue(10, enqueued=100, done=50, dead=1), queue(12.5, enqueued=300, done=145, dead=6)
    assert rates_between(before, now) == Rates(2.5, 80.0, 40.0, 0.0)


@pytest.mark.parametrize(("waiting", "shrinks"), [(100, 40.0), (300, -60.0)])
def test_how_fast_it_becomes_less(queue: MakeQueue, waiting: int, shrinks: float) -> None:
    """Or more: what is left is counted by every queue."""
    assert rates_between(queue(0, waiting=180), queue(2, waiting=waiting)) == Rates(2.0, None, 0.0, shrinks)


@pytest.mark.parametrize("before", [None, 12.5, 13.0], ids=["none", "the same", "later"])
def test_no_rates(queue: MakeQueue, before: float | None) -> None:
    """There have to be two moments, one after the other."""
    assert rates_between(None if before is None else queue(before), queue(12.5)) is None


def test_rates_of_a_queue_that_was_emptied_by_hand(queue: MakeQueue) -> None:
    """Its counts begin again, and no rate is below 0."""
    assert rates_between(queue(0, enqueued=100, done=100), queue(1, enqueued=5)) == Rates(1.0, 0.0, 0.0, 0.0)


def test_latency_between(queue: MakeQueue) -> None:
    """Only of the jobs that were sent in between."""
    before, now = queue(0, latency={100: 2, 300: 1}), queue(1, latency={100: 5, 200: 1, 300: 1})
    assert latency_between(before, now) == {100: 3, 200: 1}


def test_latency_from_the_beginning(queue: MakeQueue) -> None:
    """Without a moment before it is that of all jobs."""
    assert latency_between(None, queue(1, latency={100: 5})) == {100: 5}


@pytest.mark.parametrize(("percent", "seconds"), [(0, 0.001), (50, 0.001), (60, 0.002), (95, 0.1), (100, 0.1)])
def test_percentiles(percent: float, seconds: float) -> None:
    """The time that so many of the jobs took at most."""
    assert percentile({1000: 5, 2000: 3, 100_000: 2}, percent) == seconds


def test_no_percentile() -> None:
    """Of no jobs there is none."""
    assert percentile({}, 95) is None


@given(LATENCY.filter(bool), st.floats(0, 100))
def test_a_percentile_is_a_value_that_enough_jobs_keep(latency: dict[int, int], percent: float) -> None:
    """And no lower one is."""
    found = percentile(latency, percent)
    assert found is not None
    total = sum(latency.values())
    rank = max(1, math.ceil(total * percent / 100))
    micros = round(found * 1e6)
    assert sum(count for each, count in latency.items() if each <= micros) >= rank
    assert sum(count for each, count in latency.items() if each < micros) < rank


@pytest.mark.parametrize(
    ("waiting", "rates", "seconds"),
    [
        (0, None, 0.0),
        (100, None, None),
        (100, Rates(1, 80, 80, 0), None),
        (100, Rates(1, 80, 60, -20), None),
        (100, Rates(1, None, 0, 20), 5.0),
    ],
)
def test_time_to_empty(queue: MakeQueue, waiting: int, rates: Rates | None, seconds: float | None) -> None:
    """Only what leaves faster than it comes gets emptier."""
    assert time_to_empty(queue(waiting=waiting), rates) == seconds


@pytest.mark.parametrize(
    ("site_ids", "shown"),
    [
        (["0123456789abcdef"], ["0123…"]),
        (["abcdef"], ["ab…"]),
        (["ab"], ["…"]),
        (["0123456789ab", "9876543210ab", "0123xxxxxxxx", "0123yyyyyyyy"], ["0123…", "9876…", "0123…#2", "0123…#3"]),
    ],
)
def test_workspaces_are_hidden(site_ids: list[str], shown: list[str]) -> None:
    """Little is shown of a site id, and no two are the same."""
    assert list(hidden([Workspace(each, "key") for each in site_ids])) == shown


@given(st.lists(st.text("abc", min_size=1, max_size=15), min_size=1, max_size=8, unique=True))
def test_hidden_workspaces_are_told_apart(site_ids: list[str]) -> None:
    """Whatever their site ids are; a metric would be there twice."""
    shown = hidden([Workspace(each, "key") for each in site_ids])
    assert len(set(shown)) == len(site_ids)
    assert not set(shown) & set(site_ids)


def test_counts_are_added() -> None:
    """Of processes that count alone, and as they come from them: as JSON."""
    one, two = Totals(1, 2, 3, 4, 5, {100: 1, 200: 2}), Totals(10, 20, 30, 40, 50, {200: 1})
    crossed = [totals_from_plain(json.loads(json.dumps(asdict(each)))) for each in (one, two)]
    assert added(crossed) == Totals(11, 22, 33, 44, 55, {100: 1, 200: 3})


def test_figures_cross_processes(worker: Callable[..., WorkerFigures]) -> None:
    """As JSON."""
    figures = worker("two", phase="unreachable", circuit="half-open", trouble="no queue", requests=5, limited=1.5)
    assert WorkerFigures.from_plain(json.loads(json.dumps(figures.plain()))) == figures


@pytest.mark.parametrize("said", [{}, {"worker": "x", "phase": "asleep", "gates": []}, {"worker": "x", "phase": "working", "gates": [1]}])
def test_other_json(said: dict[str, object]) -> None:
    """What is none is refused."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        WorkerFigures.from_plain(said)


@pytest.mark.parametrize(("phase", "is_up"), [("starting", True), ("draining", True), ("stopped", False)])
def test_who_is_up(worker: Callable[..., WorkerFigures], phase: str, is_up: bool) -> None:
    """Whoever has not ended."""
    assert worker(phase=phase).is_up is is_up


@pytest.mark.asyncio
async def test_figures_of_a_worker() -> None:
    """What it counts, how its gates stand, and no site id."""
    worker = Worker(MemoryEngine(), Fleet((), (LocalGate(80.0),), lambda _: 0))
    worker.figures.requests, worker.figures.sending, worker.figures.limited = 7, 3, 2.5
    figures = figures_of(worker, "shown", ["abcd…"])
    assert (figures.worker, figures.phase, figures.requests, figures.in_flight, figures.limited) == ("shown", Phase.STARTING, 7, 3, 2.5)
    assert [(gate.workspace, gate.rate, gate.is_open) for gate in figures.gates] == [("abcd…", 80.0, False)]
