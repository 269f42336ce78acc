"""The run document: plain values, complete, and the same for two identical runs but for the machine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_cio_load.load.pauses import Pauses
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.measured import Trend
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports.document import is_kept, read_column

DELIVERED = {"sent": 10, "received": 10, "applied": 10, "rejected": 0, "dropped": 0, "duplicates": 0}


def test_a_document_is_plain(runs: Any) -> None:
    """What JSON makes of it and back is equal: no tuples, no fractions, no enums, no NaN."""

    def fill(book: Recorder) -> None:
        book.add("größe", Kind.TREND, 2.5)
        book.add("depth", Kind.GAUGE, -1)
        book.finished(Sample(Arrival(0, 0), 0, 1, 0, Outcome.FAILED, ValueError("no")))

    promised = {"start_rate": "1/m", "stages": [("10s", 3)], "timeout": "1m", "warmup": "0s", "p999": 5}
    for doc in (
        runs.document(fill=fill, notes=("one", "two"), delivery=DELIVERED, cleanup={"noted": 1, "left": 0}),
        runs.document(promised=promised, late=50, failed=3, aborted_by=0),
        runs.document(0),
    ):
        assert json.loads(json.dumps(doc, allow_nan=False)) == doc


def test_a_document_holds_everything(runs: Any) -> None:
    """Its sections, by name: what reads the file relies on them."""
    doc = runs.document(failed=1)
    assert list(doc) == [
        "schema",
        "test",
        "location",
        "verdict",
        "headline",
        "reasons",
        "contract",
        "clock",
        "target",
        "thresholds",
        "iterations",
        "rate",
        "omission_gap_ms",
        "metrics",
        "failures",
        "warmup",
        "delivery",
        "cleanup",
        "notes",
        "machine",
    ]
    assert (doc["schema"], doc["verdict"], doc["clock"], doc["target"]) == (2, "broken", "virtual", "mock")
    assert doc["contract"] == {
        "text": "100/s for 1s; response p(95)<500ms, errors count==0 (default), dropped count==0 (default), on_time rate>=99% (default)",
        "profile": "100/s for 1s",
        "planned": 100,
        "duration": 1.0,
        "arrivals": "even",
        "max_in_flight": 10_000,
        "on_saturation": "queue",
        "warmup": 0.0,
        "graceful_stop": 30.0,
        "timeout": None,
        "seed": 7,
    }


def test_a_threshold_says_what_was_found(runs: Any) -> None:
    """As written, as read, and as measured."""
    assert runs.document()["thresholds"][0] == {
        "metric": "response",
        "text": "p(95)<500",
        "clause": "p(95)<500ms",
        "label": "p(95)",
        "bound": 500.0,
        "unit": "ms",
        "state": "ok",
        "value": 50.0,
        "shown": "50.0 ms",
        "samples": 100,
        "aborted": False,
        "origin": "shorthand",
    }


def test_iterations_are_accounted_for(runs: Any) -> None:
    """Failed iterations are not errors: one may hold several."""

    def fill(book: Recorder) -> None:
        book.call("identify", iteration=500, due=0, times=(1, 1), attempts=1, error=OSError())
        book.call("identify", iteration=500, due=0, times=(1, 1), attempts=1, error=OSError())
        book.finished(Sample(Arrival(500, 0), 5, 6, 5, Outcome.OK))
        book.finished(Sample(Arrival(501, 0), 0, 1, 0, Outcome.TIMED_OUT))
        book.finished(Sample(Arrival(502, 0), 0, 1, 0, Outcome.INTERRUPTED))
        book.dropped(Arrival(503, 0))

    assert runs.document(fill=fill, failed=2)["iterations"] == {
        "planned": 100,
        "seen": 104,
        "measured": 103,
        "failed": 5,
        "errors": 6,
        "dropped": 1,
        "waited": 1,
        "interrupted": 1,
        "timed_out": 1,
        "ended": "complete",
        "reason": "",
    }


def test_a_trend_holds_its_histogram(runs: Any) -> None:
    """Every sample of it, in HdrHistogram's own coding, beside the usual columns."""
    metric = runs.document()["metrics"]["response"]
    assert Trend.decode(metric.pop("histogram")).samples == 100
    assert metric == {"kind": "trend", "unit": "ms", "samples": 100} | dict.fromkeys(
        ("avg", "min", "med", "p(90)", "p(95)", "p(99)", "max"), 50.0
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("iterations", {"kind": "counter", "unit": "", "samples": 100, "count": 100.0, "rate": 100.0}),
        ("errors", {"kind": "rate", "unit": "", "samples": 100, "rate": 0.0, "count": 0.0}),
        ("depth", {"kind": "gauge", "unit": "", "samples": 2, "value": -1.0, "min": -1.0, "max": 4.0}),
    ],
)
def test_the_other_kinds_hold_their_figures(runs: Any, name: str, expected: dict[str, Any]) -> None:
    """Each what may be asked of it."""

    def fill(book: Recorder) -> None:
        book.add("depth", Kind.GAUGE, 4)
        book.add("depth", Kind.GAUGE, -1)

    assert runs.document(fill=fill)["metrics"][name] == expected


def test_failures_and_reasons_are_told(runs: Any) -> None:
    """With everything that the terminal shows of them."""
    doc = runs.document(failed=2, late=50)
    assert [set(group) for group in doc["failures"]] == [
        {"kind", "where", "message", "count", "first_index", "first_due", "trace", "samples"}
    ]
    assert [set(reason) for reason in doc["reasons"]] == [{"what", "remedy"}]


@pytest.mark.parametrize(("how", "kept"), [({}, True), ({"failed": 1}, False), ({"late": 50}, False)])
def test_only_kept_is_kept(runs: Any, how: dict[str, Any], kept: bool) -> None:
    """Inconclusive is not."""
    assert is_kept(runs.document(**how)) is kept


def test_a_column_is_read_by_its_name(runs: Any) -> None:
    """Percentiles with decimals too."""
    summary = runs.run().summary
    assert [read_column(summary, "response", column) for column in ("avg", "p(95)", "p(99.9)", "max")] == [50] * 4


def test_what_garbage_collections_took_is_the_machines(runs: Any) -> None:
    """In ms; absent where it costs nothing, or nobody knows."""
    told = runs.document(clock="wall", pauses=Pauses(3, 12_345, 9_001, 7))["machine"]["pauses"]
    assert told == {"count": 3, "total_ms": 12.345, "longest_ms": 9.001, "in_gaps": 7}
    assert "pauses" not in runs.document()["machine"]


def test_what_it_ran_on_is_the_machines(runs: Any) -> None:
    """Absent where nobody knows."""
    assert runs.document(loop="uvloop")["machine"]["loop"] == "uvloop"
    assert "loop" not in runs.document()["machine"]
