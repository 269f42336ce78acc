"""One run being measured, from the first arrival to the document; two identical ones differ in nothing but the machine."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from pytest_cio_load.contract.contract import build
from pytest_cio_load.customerio.client import CallRecord
from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.iteration import CURRENT, Iteration
from pytest_cio_load.load.run import End, Ending
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.measurement import Measurement, Subject, count_planned, delivered, with_delivery
from pytest_cio_load.reports.document import Document, document
from pytest_cio_load.safety.ledger import Ledger

SUBJECT = Subject("tests/test_it.py::test_it", "tests/test_it.py:3", __file__, "none", 7, 100, None)
DELIVERED = {"sent": 10, "received": 10, "requests": 10, "applied": 10, "rejected": 0, "dropped": 0, "duplicates": 0}


def measured(promised: dict[str, Any], *, seed: int = 7) -> tuple[Document, Measurement]:
    """A whole run in virtual time: arrivals by chance, a body with random waits, calls, checks, failures."""

    async def main() -> tuple[Document, Measurement]:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            contract = build(promised)
            measurement = Measurement(contract, replace(SUBJECT, seed=seed), clock)
            ledger = Ledger("run")

            async def body(arrival: Arrival) -> None:
                one = Iteration(arrival, measurement.recorder, now=clock.now, user=ledger.user, seed=seed)
                CURRENT.set(one)
                with one.group("all"):
                    began = asyncio.get_running_loop().time()
                    await asyncio.sleep(one.rng.uniform(0.01, 0.2))
                    one.trend("size").add(one.rng.randrange(1_000))
                    one.check("lucky", one.rng.random() < 0.9)
                    ended = asyncio.get_running_loop().time()
                measurement.on_call(CallRecord("identify", began, ended, 0.001, 1, None))
                if one.rng.random() < 0.05:
                    raise ValueError(f"iteration {arrival.index}")

            load = measurement.load(let_through=(), progress=None)
            ending = await Driver(load, body, measurement.recorder, clock).run()
            return document(measurement.conclude(ending, delivery={}, cleanup={})), measurement

    return asyncio.run(main())


POISSON = {"rate": 50, "duration": 10, "arrivals": "poisson", "p95": 500, "errors": 100, "max_in_flight": 8, "warmup": 1}


def test_two_runs_differ_nowhere_but_in_the_machine() -> None:
    """Chance, failures and queueing included: letter for letter the same JSON."""
    texts = []
    for _ in range(2):
        doc, _ = measured(POISSON)
        known = {"started_at", "real_seconds", "cpu_seconds", "loop", "python", "system", "fingerprint"}
        assert set(doc.pop("machine")) == known
        texts.append(json.dumps(doc))
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["failures"]


def test_another_seed_is_another_run() -> None:
    """Or the test above would show nothing."""
    assert measured(POISSON)[0]["metrics"] != measured(POISSON, seed=8)[0]["metrics"]


def test_poisson_plans_what_its_seed_makes() -> None:
    """By making the schedule: the number is exact, and it is what the run then goes through."""
    doc, _ = measured(POISSON)
    contract = build(POISSON)
    assert doc["contract"]["planned"] == doc["iterations"]["planned"] == doc["iterations"]["seen"] == count_planned(contract, 7)
    assert doc["iterations"]["planned"] == doc["iterations"]["measured"] + doc["warmup"]["iterations"]
    assert doc["warmup"]["iterations"] > 0


def test_a_run_aborts_as_soon_as_a_clause_marked_so_breaks() -> None:
    """Not before its delay; the reason names clause and moment; the clause is the one that ended the run."""
    doc, _ = measured({"rate": 50, "duration": 10, "p50": 1, "abort_on_fail": True, "delay_abort": "2s", "errors": 500})
    assert (doc["verdict"], doc["iterations"]["ended"]) == ("broken", "aborted")
    assert doc["iterations"]["reason"] == "response p(50)<1 was broken 2.0 s into the run"
    assert [clause["metric"] for clause in doc["thresholds"] if clause["aborted"]] == ["response"]


def test_calls_outside_an_iteration_are_no_load() -> None:
    """What fixtures and the cleanup send is not recorded."""
    _, measurement = measured({"rate": 10, "duration": 1, "errors": 100})
    before = measurement.recorder.seen
    measurement.on_call(CallRecord("delete", 0.0, 1.0, 0.0, 1, None))
    assert measurement.recorder.read("delete") is None
    assert measurement.recorder.seen == before


def test_progress_is_told_the_time() -> None:
    """Several times a second, and the run goes on."""
    told: list[int] = []

    async def main() -> Ending:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            measurement = Measurement(build({"rate": 10, "duration": 1}), SUBJECT, clock)

            async def body(_: Arrival) -> None:
                await asyncio.sleep(0.01)

            load = measurement.load(let_through=(), progress=told.append)
            return await Driver(load, body, measurement.recorder, clock).run()

    assert asyncio.run(main()).end is End.COMPLETE
    assert told == list(range(0, 900_001, 100_000))


def test_nobody_watches_a_run_without_need() -> None:
    """Neither a clause that may end it nor a progress to show: no timer is set."""

    async def main() -> Any:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            return Measurement(build({"rate": 10, "duration": 1}), SUBJECT, clock).load(let_through=(), progress=None).watch

    assert asyncio.run(main()) is None


def test_what_the_run_took_is_noted_once() -> None:
    """Before the cleaning up, and not again after it."""

    async def main() -> tuple[tuple[float, float], tuple[float, float]]:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            measurement = Measurement(build({"rate": 10, "duration": 1}), SUBJECT, clock)
            return measurement.stop(), measurement.stop()

    first, second = asyncio.run(main())
    assert first == second


def test_only_the_mock_promises_delivery() -> None:
    """It alone can be asked; an author who says something about it has said it."""
    contract = build({"rate": 10, "duration": 1})
    promised = with_delivery(contract)
    assert [str(clause) for clause in promised.thresholds if clause.metric == "delivery"] == ["lost==0"]
    own = build({"rate": 10, "duration": 1, "thresholds": {"delivery": "lost<5"}})
    assert with_delivery(own) is own


LOST = [({}, 0), ({"dropped": 3, "applied": 7}, 3), ({"requests": 8}, 2), ({"requests": 8, "dropped": 1}, 3), ({"sent": 0}, 0)]


@pytest.mark.parametrize(("changes", "lost"), LOST)
def test_lost_is_what_was_answered_and_not_applied_or_never_arrived(changes: dict[str, int], lost: int) -> None:
    """200 is no proof of delivery."""
    assert delivered(DELIVERED | changes).counts["lost"] == lost
