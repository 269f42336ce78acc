"""Schema 2 of the run document: the run over time with its marks, samples of failures, and the machine's fingerprint."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.contract.contract import build
from pytest_cio_load.customerio.client import CallRecord
from pytest_cio_load.errors import RateLimited
from pytest_cio_load.load.clock import VirtualClock, WallClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.iteration import CURRENT, Iteration
from pytest_cio_load.load.run import End, Ending, Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.measurement import Measurement, Subject
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.timeline import Mark
from pytest_cio_load.reports.document import Document, document
from pytest_cio_load.reports.machine import cpu_model, fingerprint
from pytest_cio_load.reports.marks import marks_of
from pytest_cio_load.reports.merging import merge
from pytest_cio_load.reports.reading import documents_in
from pytest_cio_load.safety.ledger import Ledger

MS, SECOND = 1_000, 1_000_000
SUBJECT = Subject("tests/test_it.py::test_it", "tests/test_it.py:3", __file__, "none", 7, 4, None)


def limited() -> RateLimited:
    """A new one each time: one that was raised keeps everything alive that its traceback passes through."""
    return RateLimited("identify", "too many; expected room for 100 requests/s", status=429, attempts=3)


def measured(promised: dict[str, Any], *, fault: float | None = None) -> Document:
    """A whole run in virtual time, with a call in each iteration; every tenth call fails with 429."""

    async def main() -> Document:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            measurement = Measurement(build(promised), SUBJECT, clock)
            if fault is not None:
                measurement.mark(fault, "fault", "frozen for 1s")

            async def body(arrival: Arrival) -> None:
                CURRENT.set(Iteration(arrival, measurement.recorder, now=clock.now, user=Ledger("run").user, seed=7))
                await asyncio.sleep(0.05)
                error = limited() if arrival.index % 10 == 9 else None
                measurement.on_call(CallRecord("identify", 100.0, 100.05, 0.01, 3 if error else 1, error, 3 if error else 0))
                if error is not None:
                    raise error

            ending = await Driver(measurement.load(let_through=(), progress=None), body, measurement.recorder, clock).run()
            return document(measurement.conclude(ending, delivery={}, cleanup={}))

    return asyncio.run(main())


BUSY = {"rate": 20, "duration": 20, "warmup": 2, "errors": 100, "thresholds": {"rate_limited": "count<1000"}}


def test_a_run_tells_of_itself_over_time() -> None:
    """Everything that fell due is done, in order; calls stand where they ended on the run's clock, whatever the client's was."""
    shown = measured(BUSY)["timeline"]
    assert (shown["step"], shown["warmup"]) == (0.2, 2.0)
    assert (shown["due"], shown["done"]) == ([4] * 100 + [0], [3] + [4] * 99 + [1])
    assert (sum(shown["done"]), sum(shown["failed"]), sum(shown["calls"]), sum(shown["rate_limited"])) == (400, 40, 400, 120)
    assert shown["calls"] == shown["done"]
    assert shown["in_flight"] == [1] * 101
    assert {*shown["response"]["p95"], *shown["service"]["p95"]} == {50.0, None}
    assert ({*shown["lag"]["max"]}, {*shown["paced"]["max"]}) == ({0.0, None}, {10.0, None})


def test_a_document_with_a_timeline_is_read_back() -> None:
    """As it was."""
    doc = json.loads(json.dumps(measured(BUSY), allow_nan=False))
    assert documents_in(doc, "runs.json") == [doc]


# Marks.


def marks(doc: Document) -> list[tuple[float, str, str]]:
    """What is marked, and where."""
    return [(mark["at"], mark["kind"], mark["text"]) for mark in doc["timeline"]["marks"]]


def test_a_constant_rate_marks_what_it_was_told_and_the_warmups_end() -> None:
    """In order of time."""
    assert marks(measured(BUSY, fault=1.5)) == [(1.5, "fault", "frozen for 1s"), (2.0, "warmup", "the warmup is over")]


@pytest.mark.parametrize(
    ("promised", "stages"),
    [
        ({"rate": 80, "duration": 60}, []),
        (
            {"start_rate": 10, "stages": [("30s", 50), ("0s", 80), ("1m", 80), ("30s", 10)]},
            [(0.0, "10/s → 50/s in 30s"), (30.0, "50/s → 80/s at once"), (30.0, "80/s for 1m"), (90.0, "80/s → 10/s in 30s")],
        ),
        ({"rate": 80, "duration": 60, "warmup_ramp": True}, [(0.0, "8/s → 80/s in 10s"), (10.0, "80/s for 1m")]),
    ],
)
def test_stages_are_marked_where_they_begin(promised: dict[str, Any], stages: list[tuple[float, str]]) -> None:
    """A rate that stays the same has none."""
    found = marks_of(build(promised), Ending(End.COMPLETE, "", 120 * SECOND))
    assert [(mark.at, mark.text) for mark in found if mark.kind == "stage"] == stages


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (Ending(End.ABORTED, "errors count<1 was broken", 3 * SECOND), "aborted: errors count<1 was broken"),
        (Ending(End.CUT, "Ctrl-C", 3 * SECOND), "cut short: Ctrl-C"),
        (Ending(End.CUT, "", 3 * SECOND), "cut short"),
    ],
)
def test_what_ended_a_run_is_its_last_mark(ending: Ending, text: str) -> None:
    """What was to come after it did not."""
    contract = build({"start_rate": 1, "stages": [("1s", 2), ("5s", 3), ("5s", 1)], "warmup": "4s"})
    found = marks_of(contract, ending, [Mark(2.0, "fault", "frozen"), Mark(8.0, "fault", "reset")])
    assert [(mark.at, mark.kind) for mark in found] == [(0.0, "stage"), (1.0, "stage"), (2.0, "fault"), (3.0, "abort")]
    assert found[-1].text == text


def test_a_run_that_aborts_is_marked() -> None:
    """At the moment it did."""
    doc = measured({"rate": 20, "duration": 20, "errors": 0, "abort_on_fail": True})
    (mark,) = doc["timeline"]["marks"]
    assert (mark["kind"], mark["at"]) == ("abort", doc["rate"]["seconds"])
    assert len(doc["timeline"]["due"]) < 10


# Size.


def long_run(minutes: int) -> Document:
    """The document of 20/s for so many minutes, of which an odd one fails."""
    promised = {"rate": 20, "duration": 60 * minutes, "p95": 500, "errors": "10%"}
    measurement = Measurement(build(promised), SUBJECT, WallClock())
    book = measurement.recorder
    for index in range(20 * 60 * minutes):
        due, took = index * 50 * MS, 20 * MS + index * 7_919 % (60 * MS)
        book.call("identify", iteration=index, due=due, times=(took, index % 900), attempts=1, error=None, ended=due + took)
        error = ValueError(f"no {index}") if index % 100 == 99 else None
        book.finished(Sample(Arrival(index, due), due + index % 700, due + took, 0, Outcome.FAILED if error else Outcome.OK, error))
    return document(measurement.conclude(Ending(End.COMPLETE, "", 60 * minutes * SECOND), delivery={}, cleanup={}))


def test_documents_of_short_and_long_runs_are_of_about_one_size() -> None:
    """1, 10 and 60 minutes differ by less than 3×, and so do their timelines."""
    docs = [long_run(minutes) for minutes in (1, 10, 60)]
    for part in (docs, [doc["timeline"] for doc in docs]):
        sizes = [len(json.dumps(one)) for one in part]
        assert max(sizes) < 3 * min(sizes)


# Failures.


def test_a_failed_call_is_shown_as_far_as_it_may_be() -> None:
    """Operation, request as a template, status, attempts and the scrubbed reason."""
    (group,) = measured(BUSY)["failures"]
    assert [sample["index"] for sample in group["samples"]] == [49, 59, 69, 79, 89]
    assert [set(sample) for sample in group["samples"][:2]] == [
        {"index", "due", "ended", "message", "trace", "call"},
        {"index", "due", "ended", "message", "call"},
    ]
    first = group["samples"][0]
    assert (first["due"], first["ended"], first["message"], first["trace"]) == (2.45, 2.5, str(limited()), group["trace"])
    assert first["call"] == {
        "operation": "identify",
        "status": 429,
        "attempts": 3,
        "reason": "too many; expected room for 100 requests/s",
        "request": "PUT /api/v1/customers/{identifier}",
    }


def test_samples_of_shards_are_joined() -> None:
    """The earliest of all; the requests of their calls stay."""
    docs = [measured(BUSY) for _ in range(2)]
    for number, doc in enumerate(docs):
        doc["machine"]["started_at"] = f"2026-02-03T04:05:0{number}.000+00:00"
    (group,) = merge(docs)["failures"]
    assert (group["count"], [sample["index"] for sample in group["samples"]]) == (72, [49, 49, 59, 59, 69])
    assert {sample["call"]["request"] for sample in group["samples"]} == {"PUT /api/v1/customers/{identifier}"}


def test_a_document_of_schema_1_has_no_samples(runs: Any) -> None:
    """It gets a place for them, in the warmup as well, and can be merged."""
    old = runs.document(failed=2) | {"schema": 1}
    for group in old["failures"]:
        del group["samples"]
    old["warmup"]["failures"] = [dict(old["failures"][0])]
    (doc,) = documents_in(old, "runs.json")
    assert (doc["schema"], doc["failures"][0]["samples"], doc["warmup"]["failures"][0]["samples"]) == (2, [], [])
    later = doc | {"machine": doc["machine"] | {"started_at": "2026-02-03T05:00:00.000+00:00"}}
    assert merge([doc, later])["failures"][0]["count"] == 4


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"samples": None}, "run.failures[0].samples: got None; expected a list"),
        ({"samples": [{}]}, "run.failures[0].samples[0]: got no 'index'; expected one"),
    ],
)
def test_damaged_samples_are_refused(runs: Any, damage: dict[str, Any], said: str) -> None:
    """As everything of a document that something is made of."""
    doc = runs.document(failed=2)
    doc["failures"][0] |= damage
    with pytest.raises(ValueError) as error:
        documents_in(doc, "runs.json")
    assert said in str(error.value)


def test_a_recorder_without_a_timeline_makes_a_document_without_one(runs: Any) -> None:
    """It is optional."""

    def fill(book: Recorder) -> None:
        book.dropped(Arrival(0, 0))

    assert "timeline" not in runs.document(fill=fill)


# The machine.


def test_a_run_names_its_machine() -> None:
    """Processor, system, Python and our own version."""
    told = measured(BUSY)["machine"]["fingerprint"]
    assert told == fingerprint()
    assert list(told) == ["cpu", "cpus", "platform", "python", "plugin"]
    assert all(told.values())


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("processor\t: 0\nmodel name\t: Fast 9000 @ 3.2GHz\nprocessor\t: 1\nmodel name\t: Fast 9000 @ 3.2GHz\n", "Fast 9000 @ 3.2GHz"),
        ("processor\t: 0\nBogoMIPS\t: 50.00\nModel\t\t: Board 4\n", "Board 4"),
    ],
)
def test_a_processor_is_named_as_linux_names_it(tmp_path: Path, text: str, model: str) -> None:
    """On one architecture and another."""
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu_model(str(tmp_path / "cpuinfo")) == model


@pytest.mark.parametrize("text", [None, "", "no such line\n"])
def test_a_processor_that_linux_does_not_name_is_named_otherwise(tmp_path: Path, text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the operating system says, or not at all."""
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert cpu_model(str(tmp_path / "cpuinfo")) == "riscv64"
    monkeypatch.setattr("platform.machine", lambda: "")
    assert cpu_model(str(tmp_path / "cpuinfo")) == "unknown"
