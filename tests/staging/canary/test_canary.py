"""Canaries followed through the fake, in virtual time: what is measured is exact."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.staging.canary import EVENT
from pytest_cio_load.staging.sightings import NOT_APPLIED, Sightings

NOTHING = dict.fromkeys(NOT_APPLIED, 0)


def lags(seen: Sightings) -> dict[float, int]:
    """In seconds."""
    return {micros / 1e6: number for micros, number in seen.lags.items()}


@pytest.mark.parametrize(
    ("lag", "expected", "resolution"),
    [
        ("0s", {0.16: 1, 0.2: 9}, 0.2),
        ("150ms", {0.16: 1, 0.2: 9}, 0.2),
        ("2s", {2.06: 1, 2.1: 9}, 0.34),
        ("2.1s", {2.16: 1, 2.1: 9}, 0.34),
        ("30s", {30.06: 1, 30.1: 9}, 0.24),
    ],
)
def test_the_lag_is_measured_exactly(watch: Any, lag: str, expected: dict[float, int], resolution: float) -> None:
    """From accepted, 40 ms after it was sent, to the answer of the first look that shows it: told too long by the resolution at most."""
    seen, _ = watch(9.5, {"processing_lag": lag})
    assert lags(seen) == expected
    assert (seen.sent, seen.unsent, seen.applied, seen.unseen, seen.trouble, seen.reason) == (10, 0, 10, 0, 0, "")
    assert (seen.resolution, seen.not_applied) == (resolution, NOTHING)


def test_every_second_one_event_of_one_person(watch: Any) -> None:
    """Each with a ULID of its own, by which it is known again, and a number that counts up; the person carries the run's id."""
    _, stage = watch(4.5, {"processing_lag": "2s"})
    events = [event for event in stage.fake.events if event.name == EVENT]
    assert [event.data["sequence"] for event in events] == [1, 2, 3, 4, 5]
    assert [event.data["canary"] for event in events] == [event.id for event in events]
    assert len({event.id for event in events}) == 5
    assert {event.person for event in events} == {stage.person.id}
    person = stage.fake.people[stage.person.id]
    assert (person["email"], person["cio_load_run"]) == (stage.person.email, stage.run)
    sent = stage.asked_by("/events")
    assert sent[1:] == [1.0, 2.0, 3.0, 4.0]


def test_the_warmup_has_no_canary(watch: Any) -> None:
    """So none is measured in it."""
    seen, stage = watch(9.5, canary={"warmup": 7.0})
    assert stage.asked_by("/events") == [7.0, 8.0, 9.0]
    assert seen.applied == 3


def test_the_app_api_is_asked_within_its_budget(watch: Any) -> None:
    """At most five looks a second for canaries, one for all that are waited for, and two for failures."""
    seen, stage = watch(20, {"processing_lag": "8s"})
    asked = sorted(stage.asked_by("/v1/activities"))
    most = max(sum(at <= other < at + 1 for other in asked) for at in asked)
    assert 7 <= most <= 8  # a second that begins with both may end with both
    looks = [at for at in stage.asked_by(EVENT) if at < 20]
    assert len(looks) <= 101
    assert seen.applied == 20
    assert seen.trouble == 0


def test_nobody_is_looked_for_without_need(watch: Any) -> None:
    """When all are seen, no look is made until the next is accepted."""
    _, stage = watch(9.5, canary={"every": 3.0})
    assert len(stage.asked_by(EVENT)) <= 8


def test_a_canary_that_is_never_seen_counts_as_long_as_it_was_waited_for(watch: Any) -> None:
    """It stays in the distribution: a load test never drops its slowest samples."""
    seen, _ = watch(3.5, {"processing_lag": "1h"}, {"patience": 10.0})
    assert (seen.applied, seen.unseen, seen.reason) == (0, 4, "")
    assert all(10.0 <= lag < 10.3 for lag in lags(seen))
    assert seen.measured()["unseen"] == 4


def test_some_are_lost_and_the_others_are_seen(watch: Any) -> None:
    """A workspace that drops what it accepted, for a while."""

    async def dropping(stage: Any) -> None:
        await asyncio.sleep(2.5)
        stage.fake.at(2.5).drop(lasting="2s")

    seen, _ = watch(6.5, canary={"patience": 5.0}, meanwhile=dropping)
    assert (seen.sent, seen.applied, seen.unseen) == (7, 5, 2)
    assert sum(number for lag, number in lags(seen).items() if lag >= 5.0) == 2


def test_a_canary_accepted_late_does_not_hold_up_the_next(watch: Any) -> None:
    """They are sent beside each other, as an open model is."""
    _, stage = watch(5.5, {"latency": "2.5s"})
    assert stage.asked_by("/events") == [2.5, 2.5, 3.5, 4.5, 5.5]


def test_what_is_under_way_at_the_stop_is_waited_for(watch: Any) -> None:
    """A canary that was accepted counts, whenever its answer came."""
    seen, stage = watch(5.001, {"latency": "900ms"})
    assert seen.sent == len(stage.asked_by("/events")) == seen.applied


def test_cancelling_ends_it_at_once(watch: Any) -> None:
    """And what it knew till then can still be had."""

    async def main() -> tuple[Sightings, bool]:
        with VirtualClock(asyncio.get_running_loop()):
            stage = watch.stage()
            watching = asyncio.create_task(stage.canary.run())
            await asyncio.sleep(3.5)
            watching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await watching
            seen = await stage.canary.finish()
            await stage.canary.aclose()
            return seen, watching.cancelled()

    seen, cancelled = asyncio.run(main())
    assert (seen.sent, seen.applied, cancelled) == (4, 4, True)


def test_a_run_too_short_for_a_canary_measures_none(watch: Any) -> None:
    """Nothing was accepted, so nothing is known of the lag; what was not applied is."""
    seen, _ = watch(0.01)
    assert seen.sent == 0
    assert set(seen.measured()) == set(NOT_APPLIED)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"every": 0}, "every: got 0; expected seconds, at least 0.001; try 1"),
        ({"every": float("nan")}, "every: got nan; expected seconds, at least 0.001; try 1"),
        ({"patience": -1.0}, "patience: got -1.0; expected seconds, at least 0.001; try 120"),
        ({"warmup": float("inf")}, "warmup: got inf; expected seconds, at least 0; try 0"),
        ({"prefix": "other"}, "person: got an id without the prefix of the run; expected one the ledger made up; try ledger.user(0)"),
    ],
)
def test_arguments_that_make_no_sense(watch: Any, given: dict[str, Any], message: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError) as caught:
        watch.stage({}, given)
    assert str(caught.value) == message


def test_it_goes_by_the_wall_clock_too(watch: Any) -> None:
    """Nothing in it knows which clock it is on."""

    async def main() -> Sightings:
        stage = watch.stage({"latency": 0}, {"every": 0.01, "patience": 60.0})
        watching: asyncio.Task[None] = asyncio.create_task(stage.canary.run())
        while not any(event.name == EVENT for event in stage.fake.events):
            await asyncio.sleep(0.01)
        stage.canary.stop()
        await watching
        seen = await stage.canary.finish()
        await stage.canary.aclose()
        return seen

    seen = asyncio.run(main())
    assert seen.applied == seen.sent > 0
