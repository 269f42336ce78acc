"""The garbage collector during a run: kept out of the way, counted, and left as it was."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_cio_load.load import pauses as pauses_module
from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.pauses import BUDGET, NO_PAUSES, PYTHONS_OWN, WORTHWHILE, Collector, Pauses, generation_for
from pytest_cio_load.load.run import Outcome
from pytest_cio_load.load.schedule import Arrival

SECOND = 1_000_000


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Every test here leaves the collector as it found it, whatever it did to it."""
    gc.enable()
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    yield
    assert gc.get_freeze_count() < PYTHONS_OWN
    gc.enable()
    assert (gc.get_threshold(), gc.callbacks) == (thresholds, callbacks)


@pytest.mark.parametrize(
    ("counts", "gap", "took", "expected"),
    [
        ((WORTHWHILE - 1, 0, 0), 10_000, (0, 0, 0), None),
        ((WORTHWHILE - 1, 20, 20), 10_000, (0, 0, 0), None),
        ((WORTHWHILE, 0, 0), 10_000, (0, 0, 0), 0),
        ((WORTHWHILE, 9, 9), 10_000, (0, 0, 0), 0),
        ((WORTHWHILE, 10, 0), 10_000, (0, 0, 0), 1),
        ((WORTHWHILE, 0, 10), 10_000, (0, 0, 0), 2),
        ((WORTHWHILE, 0, 10), 10_000, (0, 0, 2_500), 1),
        ((WORTHWHILE, 0, 10), 10_000, (0, 2_500, 2_500), 0),
        ((WORTHWHILE, 0, 10), 10_000, (2_500, 2_500, 2_500), None),
        ((WORTHWHILE, 0, 10), 10_001, (2_500, 2_500, 2_500), 2),
        ((WORTHWHILE, 0, 0), 0, (0, 0, 0), None),
    ],
)
def test_which_generation_a_gap_is_worth(counts: Any, gap: int, took: Any, expected: int | None) -> None:
    """The oldest whose turn it is and that fits, four times over; none while there is little to collect."""
    assert generation_for(counts, gap, took) == expected


def test_what_is_alive_is_frozen_and_the_budget_raised_while_it_lasts() -> None:
    """Generations one and two keep their numbers."""
    own = gc.get_threshold()
    with Collector(at_once=False):
        assert gc.get_freeze_count() > PYTHONS_OWN
        assert gc.get_threshold() == (max(own[0], BUDGET), *own[1:])
    assert gc.get_threshold() == own


def test_it_is_left_as_it_was_after_an_exception() -> None:
    """Whatever happens: what this file's fixture asks after every test."""
    with pytest.raises(ZeroDivisionError), Collector(at_once=True):
        raise ZeroDivisionError


def test_a_callback_that_somebody_has_removed_is_no_error() -> None:
    """Nor is a list of callbacks that was emptied."""
    others = list(gc.callbacks)
    with Collector(at_once=False):
        gc.callbacks[:] = others


def test_one_collection_before_the_run_if_asked_for() -> None:
    """What the run would feel later is done before it, and is no pause of it."""
    gone = weakref.ref(Node())
    with Collector(at_once=True) as collector:
        assert gone() is None
        assert collector.pauses == NO_PAUSES


@pytest.mark.parametrize("switch_off", [gc.disable, lambda: gc.set_threshold(0)], ids=["disabled", "threshold 0"])
def test_one_that_is_switched_off_stays_off(switch_off: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever did it has their reasons: nothing is frozen, no gap is used."""
    own = gc.get_threshold()
    switch_off()
    off = gc.isenabled(), gc.get_threshold()
    keep = [[] for _ in range(2 * WORTHWHILE)]  # type: ignore[var-annotated]
    with Collector(at_once=True) as collector:
        assert (gc.isenabled(), gc.get_threshold()) == off
        assert gc.get_freeze_count() < PYTHONS_OWN
        assert not collector.wants_gap
        collector.use(SECOND)
        assert collector.pauses == NO_PAUSES
    assert (gc.isenabled(), gc.get_threshold()) == off
    gc.set_threshold(*own)
    assert keep


def test_what_somebody_else_has_frozen_stays_frozen() -> None:
    """Within one run another may be driven, by a test of a plugin, say."""
    gc.freeze()
    frozen = gc.get_freeze_count()
    with Collector(at_once=False):
        keep = [[] for _ in range(100)]  # type: ignore[var-annotated]
    assert gc.get_freeze_count() == frozen
    gc.unfreeze()
    assert keep


def test_pauses_are_counted_and_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that came upon the run, in all and the longest; those in gaps only by their number."""
    readings = iter([0, 3_000_000, 10_000_000, 11_000_000, 20_000_000, 29_000_000])
    with Collector(at_once=False) as collector:
        monkeypatch.setattr(pauses_module, "real_nanoseconds", lambda: next(readings))
        gc.collect()
        gc.collect(0)
        keep = [[] for _ in range(WORTHWHILE)]  # type: ignore[var-annotated]
        collector.use(SECOND)
    assert collector.pauses == Pauses(count=2, total=4_000, longest=3_000, in_gaps=1)
    assert keep


def test_a_gap_too_short_for_what_was_seen_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection of the youngest took 3 ms once: a gap of 12 ms may be too short."""
    readings = iter([0, 3_000_000])
    with Collector(at_once=False) as collector:
        monkeypatch.setattr(pauses_module, "real_nanoseconds", lambda: next(readings))
        gc.collect(0)
        keep = [[] for _ in range(WORTHWHILE)]  # type: ignore[var-annotated]
        collector.use(12_000)
    assert (collector.pauses.count, collector.pauses.in_gaps, len(keep)) == (1, 0, WORTHWHILE)


# In runs.


class Node:
    """Rubbish that only a collection finds, and how much of it there is."""

    alive = most = 0

    def __init__(self) -> None:
        self.itself = self
        Node.alive += 1
        Node.most = max(Node.most, Node.alive)

    def __del__(self) -> None:
        Node.alive -= 1


async def litter(_: Arrival) -> None:
    """A body that leaves a cycle behind."""
    Node()


def test_memory_in_cycles_is_bounded(bench: Any) -> None:
    """Of four budgets' worth, no more than about one is ever alive, in the midst of a run without a gap."""
    Node.alive = Node.most = 0
    made = bench.load(*(number / 1_000 for number in range(4 * BUDGET)), duration=40)
    ending, _ = bench.drive(made, litter)
    assert 0 < Node.most <= 1.5 * BUDGET
    assert ending.pauses.count >= 2
    assert ending.pauses.longest <= ending.pauses.total
    gc.collect()


def test_pauses_do_not_make_two_endings_different(bench: Any) -> None:
    """They are real time: in virtual time all else is the same in every run."""
    endings = [bench.drive(bench.load(0, 1), lambda _, collect=collect: gentle(collect))[0] for collect in (True, False)]
    assert endings[0] == endings[1]
    assert endings[0].pauses.count > endings[1].pauses.count


async def gentle(collect: bool) -> None:
    """A body that collects if told so."""
    if collect:
        gc.collect()


def gaps_used(bench: Any, drive: Callable[[Any, Callable[[], None]], Any]) -> int:
    """How many gaps of a run were used in which each iteration makes more than is left alone."""
    keep: list[object] = []
    made = bench.load(*(number / 25 for number in range(5)), duration=0.2)
    return int(drive(made, lambda: keep.extend([] for _ in range(2 * WORTHWHILE))).pauses.in_gaps)


def test_gaps_of_an_async_run_are_used(bench: Any) -> None:
    """40 ms between iterations are enough for a collection of the youngest."""

    def drive(made: Any, act: Callable[[], None]) -> Any:
        async def body(_: Arrival) -> None:
            act()

        return asyncio.run(Driver(made, body, bench.seen(), WallClock()).run())

    assert any(gaps_used(bench, drive) for _ in range(10))


def test_gaps_of_a_run_on_threads_are_used(bench: Any) -> None:
    """The calling thread does it."""
    assert any(gaps_used(bench, lambda made, act: bench.threads(made, lambda _: act())[0]) for _ in range(10))


def test_a_run_without_gaps_uses_none(bench: Any) -> None:
    """At 1,000/s the next iteration is always near."""
    keep: list[object] = []

    async def body(_: Arrival) -> None:
        keep.extend([] for _ in range(20))

    made = bench.load(*(number / 1_000 for number in range(200)), duration=0.2)
    assert asyncio.run(Driver(made, body, bench.seen(), WallClock()).run()).pauses.in_gaps == 0


class Failing(Exception):
    """Can be weakly referred to."""


@pytest.mark.parametrize("how", [{}, {"timeout": 10 * SECOND}], ids=["untimed", "timed"])
@pytest.mark.parametrize("threads", [False, True], ids=["async", "threads"])
def test_a_failed_iteration_leaves_nothing_to_collect(bench: Any, how: dict[str, Any], threads: bool) -> None:
    """Once its sample is gone, so is its error, and all that its frames held."""
    alive: list[weakref.ref[BaseException]] = []

    class Forgetful:
        def finished(self, sample: Any) -> None:
            assert sample.outcome is Outcome.FAILED
            alive.append(weakref.ref(sample.error))

        def dropped(self, arrival: Arrival) -> None:
            raise AssertionError

    def fail(_: Arrival) -> None:
        raise Failing

    async def body(arrival: Arrival) -> None:
        await asyncio.sleep(0)
        fail(arrival)

    gc.disable()
    made = bench.load(0, 0.001, duration=0.002, **how)
    if threads:
        bench.threads(made, fail, Forgetful())
        until = time.monotonic() + 30
        while any(each() is not None for each in alive) and time.monotonic() < until:
            time.sleep(0.001)
    else:
        bench.drive(made, body, Forgetful())
    assert [each() for each in alive] == [None, None]
