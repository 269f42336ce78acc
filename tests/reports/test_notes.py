"""The sentences that a report must not leave out, and that it leaves out when there is nothing to say."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cio_load.load.pauses import Pauses
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.summary import Warmup
from pytest_cio_load.metrics.timeline import Timeline
from pytest_cio_load.reports.notes import notes, pause_notes


def of(book: Recorder, *, pace: float | None = None, waited: float = 0.0) -> list[str]:
    """The notes on what it holds."""
    summary = book.summary(planned=100, elapsed=1.0, end="complete", reason="")
    return list(notes(summary, max_in_flight=1_000, pace=pace, waited_for_sockets=waited))


def queued(ms: float, service: float, times: int = 20) -> Recorder:
    """Iterations that waited so long for a slot."""
    book = Recorder({}, warmup=0, lag_tolerance=0, home="")
    for index in range(times):
        began = round(ms * 1_000)
        book.finished(Sample(Arrival(index, 0), began, began + round(service * 1_000), began, Outcome.OK))
    return book


def test_an_ordinary_run_needs_no_note(runs: Any) -> None:
    """Nothing waited, nothing was dropped: the figures speak for themselves."""
    assert of(runs.recorder(100, 50)) == []


def test_an_omission_gap_is_told_with_what_others_would_have_seen() -> None:
    """Response and service p(95) side by side; that slots were waited for is told too."""
    assert of(queued(7_600, 50)) == [
        "response p(95) is 7,650 ms, service p(95) 50.0 ms: whoever times requests from when they are sent, as k6 does, "
        "would have seen only the second",
        "max_in_flight=1,000 was reached: 20 iterations waited for a slot, up to 7,600 ms",
    ]


@pytest.mark.parametrize(
    ("wait", "service", "told"), [(10, 50, False), (10.5, 50, True), (10.5, 120, False), (40, 390, True), (38, 390, False)]
)
def test_a_gap_is_told_when_it_is_noticeable(wait: float, service: float, told: bool) -> None:
    """More than 10 ms, and more than a tenth of the service time."""
    assert any("as k6 does" in note for note in of(queued(wait, service))) is told


@pytest.mark.parametrize(("paced", "pace", "told"), [(1_500, 100.0, True), (1_000, 100.0, False), (1_500, None, False)])
def test_waiting_for_our_own_limiter_is_told(runs: Any, paced: int, pace: float | None, told: bool) -> None:
    """So that nobody takes it for Customer.io's time; not when the test makes no call of ours."""
    book = runs.recorder(20, 50)
    for index in range(20):
        book.call("identify", iteration=index, due=0, times=(40_000, paced), attempts=1, error=None)
    expected = (
        "calls waited for our own limiter of 100/s (p(95) 1.50 ms): that is not Customer.io's time; "
        "raise cio_workspace_limit if the workspace allows more"
    )
    assert of(book, pace=pace) == ([expected] if told else [])


def test_dropped_iterations_are_told(runs: Any) -> None:
    """With the limit that they met."""
    book = runs.recorder(20, 50)
    for index in range(1_705):
        book.dropped(Arrival(index, 0))
    assert of(book) == ["max_in_flight=1,000 was reached: 1,705 iterations were dropped"]


def test_real_connections_in_virtual_time_are_told(runs: Any) -> None:
    """Because then two runs may differ."""
    assert of(runs.recorder(20, 50), waited=1.25) == [
        "real connections were open, so 1.2 s of virtual time were really waited: figures hold, but can differ between runs"
    ]


def test_a_warmup_is_told() -> None:
    """Or the iterations would seem to be missing."""
    book = Recorder({}, warmup=1_000, lag_tolerance=0, home="")
    book.finished(Sample(Arrival(0, 0), 0, 1, 0, Outcome.OK))
    assert of(book) == ["1 iteration of the warmup ran, and count for nothing above"]


def test_an_empty_run_needs_no_note(runs: Any) -> None:
    """There is nothing to mistake."""
    assert of(runs.recorder(0, 50), pace=100.0) == []


def test_notes_come_in_a_fixed_order(runs: Any) -> None:
    """What concerns the figures first, what ran beside them last."""
    book = queued(7_600, 50)
    book.dropped(Arrival(99, 0))
    run = runs.run(fill=lambda other: None, summary={"warmup": Warmup(3, ())})
    assert [note.split()[0] for note in of(book, waited=1.0)] == ["response", "max_in_flight=1,000", "max_in_flight=1,000", "real"]
    assert list(notes(run.summary, max_in_flight=1, pace=None, waited_for_sockets=0.0))[-1].startswith("3 iterations of the warmup")


@pytest.mark.parametrize(("took", "told"), [(1_500, True), (1_000, False), (0, False)])
def test_waiting_for_a_free_connection_is_told(runs: Any, took: int, told: bool) -> None:
    """Where one in twenty requests had to, for more than a moment."""
    book = runs.recorder(20, 50)
    book.watches(["pool_wait"])
    for index in range(20):
        if took:
            book.waited("pool_wait", 0, 3 * took if index == 7 else took)
        book.call("identify", iteration=index, due=0, times=(40_000, 0), attempts=1, error=None, watched=1)
    expected = (
        "requests waited for a free connection, as all were busy (p(95) 1.50 ms, 4.50 ms at most): that is not Customer.io's time; "
        "lower the rate, or spread the load over more processes"
    )
    assert of(book) == ([expected] if told else [])


def connecting(made: int, *, of_requests: int = 100, at_once: int = 1) -> Recorder:
    """So many requests, of which some had to make a connection; *at_once* iterations in flight."""
    book = Recorder({}, warmup=0, lag_tolerance=0, home="", timeline=Timeline(lasts=1_000_000, warmup=0))
    book.watches(["connecting"])
    for index in range(of_requests):
        if index < made:
            book.waited("connecting", 0, 2_000)
        book.call("identify", iteration=index, due=0, times=(2_000, 0), attempts=1, error=None, watched=1)
        book.finished(Sample(Arrival(index, 0), 0 if index < at_once else 5_000 * index, 5_000 * index + 4_000, 0, Outcome.OK))
    return book


@pytest.mark.parametrize(
    ("made", "at_once", "told"),
    [(100, 1, True), (11, 1, True), (10, 1, False), (50, 40, False), (0, 1, False)],
    ids=["every request", "more than a tenth", "a tenth", "as many as ran at once", "none"],
)
def test_connections_that_do_not_last_are_told(made: int, at_once: int, told: bool) -> None:
    """A server that closes them, and not a load that needs many at the same time."""
    found = [note for note in of(connecting(made, at_once=at_once)) if note.startswith("connections did not last")]
    expected = (
        f"connections did not last: {made} of 100 requests had to make a new one (p(95) 2.00 ms); "
        "look at the keep-alive of the server, and of what stands before it"
    )
    assert found == ([expected] if told else [])


SECOND = 1_000_000


@pytest.mark.parametrize(
    ("pauses", "told"),
    [
        (None, False),
        (Pauses(), False),
        (Pauses(in_gaps=900), False),
        (Pauses(3, 60_000, 49_999), False),
        (Pauses(3, 60_000, 50_000), True),
        (Pauses(90, 599_999, 9_000), False),
        (Pauses(90, 600_000, 9_000), True),
    ],
    ids=["unknown", "none", "in gaps", "short", "as long as what is late", "few", "a hundredth of the run"],
)
def test_garbage_collections_are_told_when_they_matter(pauses: Pauses | None, told: bool) -> None:
    """One so long that iterations are not on time, or many."""
    assert bool(list(pause_notes(pauses, lasted=60 * SECOND, late=50_000))) is told


@pytest.mark.parametrize(("count", "times"), [(1, "1 time"), (1_200, "1,200 times")])
def test_garbage_collections_are_told_with_what_they_took(count: int, times: str) -> None:
    """And with what to do."""
    assert list(pause_notes(Pauses(count, 80_000, 45_000), lasted=SECOND, late=50_000)) == [
        f"garbage collection stopped everything {times}, for 45.0 ms at most and 80.0 ms in all: what fell due meanwhile began late; "
        "let the body keep fewer objects from one iteration to the next, or switch it off in a fixture (gc.disable()) where memory allows"
    ]
