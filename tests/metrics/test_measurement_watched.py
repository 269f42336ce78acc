"""What a measurement makes of answers 429, of a real workspace as the target, and of what a canary saw."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from pytest_cio_load.contract.contract import build
from pytest_cio_load.customerio.client import CallRecord
from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.iteration import CURRENT, Iteration
from pytest_cio_load.load.run import End, Ending, Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.measurement import NOT_APPLIED, Measurement, Subject
from pytest_cio_load.reports.document import Document, document
from pytest_cio_load.safety.ledger import Ledger
from pytest_cio_load.staging.sightings import Sightings

SUBJECT = Subject("tests/test_it.py::test_it", "tests/test_it.py:3", __file__, "staging", 7, 100, None)
CALM = Sightings(10, 0, 10, 0, {2_000_000: 10}, 0.24, dict.fromkeys((*NOT_APPLIED, "skipped_update"), 0), 0, "")


def measurement(target: str = "staging", **promised: Any) -> Measurement:
    """Of one iteration a second."""
    return Measurement(build({"rate": 1, "duration": 1, **promised}), replace(SUBJECT, target=target), WallClock())


def concluded(one: Measurement, sightings: Sightings | None) -> Document:
    """The run of one good iteration."""
    one.recorder.finished(Sample(Arrival(0, 0), 0, 50_000, 0, Outcome.OK))
    if sightings is not None:
        one.saw(sightings)
    return document(one.conclude(Ending(End.COMPLETE, "", 1_000_000), delivery={}, cleanup={}))


def clauses(one: Measurement) -> list[tuple[str, str, str]]:
    """What is promised of what was not applied."""
    promised = one.contract.thresholds
    return [(each.metric, each.text, each.origin) for each in promised if each.metric in (*NOT_APPLIED, "skipped_update")]


@pytest.mark.parametrize("target", ["mock", "fake", "http://127.0.0.1:1", "none"])
def test_only_a_real_workspace_promises_that_all_is_applied(target: str) -> None:
    """Elsewhere nobody looks, unless the author asks for it."""
    assert clauses(measurement(target)) == []


def test_a_real_workspace_applies_all_that_it_accepts() -> None:
    """By default; updates that change nothing are no fault."""
    assert clauses(measurement()) == [(name, "count==0", "default") for name in NOT_APPLIED]


def test_an_author_may_loosen_it() -> None:
    """By name, as every default."""
    loose = clauses(measurement(thresholds={"failed_event": "count<5"}))
    assert ("failed_event", "count<5", "author") in loose
    assert [name for name, _, origin in loose if origin == "default"] == ["failed_attribute_change", "failed_batch_update"]


@pytest.mark.parametrize(
    ("sightings", "verdict"),
    [
        (CALM, "kept"),
        (replace(CALM, not_applied={**CALM.not_applied, "failed_event": 1}), "broken"),
        (replace(CALM, not_applied={**CALM.not_applied, "skipped_update": 1}), "kept"),
        (replace(CALM, reason="activities: 401 no"), "inconclusive"),
        (None, "inconclusive"),
    ],
)
def test_what_was_seen_decides(sightings: Sightings | None, verdict: str) -> None:
    """And what nobody saw decides nothing."""
    assert concluded(measurement(), sightings)["verdict"] == verdict


def test_a_run_tells_what_its_canaries_saw() -> None:
    """Beside its own notes: how well the lag is known, or why nothing is."""
    notes = concluded(measurement(), CALM)["notes"]
    assert notes == ["processing lag is a sample, one canary at a time, told too long by 240.0 ms at most"]
    ended = concluded(measurement(), replace(CALM, reason="activities: 401 no"))
    assert ended["notes"] == ["processing lag and what was not applied are not known, for the watching ended early: activities: 401 no"]
    assert "processing_lag" not in ended["metrics"]


def test_a_call_reports_its_answers_429() -> None:
    """From the client's record to the metric."""
    one = measurement("none")

    async def body() -> None:
        CURRENT.set(Iteration(Arrival(0, 0), one.recorder, now=lambda: 0, user=Ledger("run").user, seed=7))
        one.on_call(CallRecord("track", 0.0, 0.2, 0.0, 3, None, 2))

    asyncio.run(body())
    assert concluded(one, None)["metrics"]["rate_limited"]["count"] == 2
