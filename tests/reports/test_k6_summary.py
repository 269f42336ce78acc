"""k6's summary: its shape, its inverted booleans, and what stands under its names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.measured import Delivery
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports.k6_summary import k6_summary

TREND = ["avg", "min", "med", "max", "p(90)", "p(95)"]


def fill(book: Recorder) -> None:
    """Calls, checks, groups, and metrics of the author's own."""
    for index in range(10):
        book.call("identify", iteration=index, due=0, times=(10_000, 0), attempts=1, error=None)
        book.call("track", iteration=index, due=0, times=(30_000, 0), attempts=2, error=None)
        book.add("check:is fine", Kind.RATE, index < 7)
        book.add("group:log in", Kind.TREND, 5.0, "ms")
        book.add("depth", Kind.GAUGE, index)
    book.delivered(Delivery(20, lost=1))


def metrics(*docs: Any) -> Any:
    """The summary's metrics, as JSON gives them back."""
    return json.loads(json.dumps(k6_summary(docs)))["metrics"]


def test_a_trend_has_k6s_columns(runs: Any) -> None:
    """In its order, in milliseconds."""
    told = metrics(runs.document(fill=fill))["iteration_duration"]
    assert [name for name in told if name != "thresholds"] == TREND
    assert told["p(95)"] == 50.0


def test_response_and_service_are_both_told(runs: Any) -> None:
    """From due, under k6's name; from the start, as k6 measures, under ours."""
    doc = runs.document(10, 50, late=10)
    told = metrics(doc)
    assert (told["iteration_duration"]["med"], told["service"]["med"]) == (
        doc["metrics"]["response"]["med"],
        doc["metrics"]["service"]["med"],
    )
    assert told["iteration_duration"]["med"] > told["service"]["med"]


def test_requests_are_all_calls_and_each_operation(runs: Any) -> None:
    """Added up without loss, and apart by name."""
    told = metrics(runs.document(fill=fill))
    assert (told["http_req_duration"]["min"], told["http_req_duration"]["max"], told["http_req_duration"]["avg"]) == (10.0, 30.0, 20.0)
    assert told["http_req_duration{name:identify}"]["max"] == 10.0
    assert told["http_reqs"] == {"count": 20, "rate": 20.0}


def test_without_calls_there_is_no_request(runs: Any) -> None:
    """Rather than one of 0 ms."""
    assert "http_req_duration" not in metrics(runs.document())


def test_a_rate_is_k6s(runs: Any) -> None:
    """A pass of http_req_failed is a failure."""
    told = metrics(runs.document(100, failed=4))["http_req_failed"]
    assert told | {"thresholds": None} == {"value": 0.04, "passes": 4, "fails": 96, "thresholds": None}


def test_dropped_is_a_counter(runs: Any) -> None:
    """As dropped_iterations is."""
    told = metrics(runs.document())["dropped_iterations"]
    assert (told["count"], told["rate"]) == (0, 0.0)


def test_the_other_kinds_have_k6s_shape(runs: Any) -> None:
    """Gauges, counters, and what was lost."""
    told = metrics(runs.document(fill=fill))
    assert told["depth"] == {"value": 9.0, "min": 0.0, "max": 9.0}
    assert told["iterations"] == {"count": 100, "rate": 100.0}
    assert told["delivery_lost"]["count"] == 1


def test_groups_are_submetrics(runs: Any) -> None:
    """Of group_duration, which is all of them."""
    told = metrics(runs.document(fill=fill))
    assert told["group_duration"]["avg"] == told["group_duration{group:::log in}"]["avg"] == 5.0


def test_checks_are_in_the_root_group(runs: Any) -> None:
    """With k6's path and identity, passes and fails."""
    root = k6_summary([runs.document(fill=fill)])["root_group"]
    assert root == {
        "name": "",
        "path": "",
        "id": "d41d8cd98f00b204e9800998ecf8427e",
        "groups": {},
        "checks": {"is fine": {"name": "is fine", "path": "::is fine", "id": root["checks"]["is fine"]["id"], "passes": 7, "fails": 3}},
    }
    assert len(root["checks"]["is fine"]["id"]) == 32


@pytest.mark.parametrize(("ms", "crossed"), [(50.0, False), (700.0, True)])
def test_a_threshold_is_true_when_it_was_crossed(runs: Any, ms: float, crossed: bool) -> None:
    """False says that it was kept: k6's way."""
    told = metrics(runs.document(100, ms))
    assert told["iteration_duration"]["thresholds"] == {"p(95)<500": crossed}
    assert told["http_req_failed"]["thresholds"] == {"count==0": False}


@pytest.mark.parametrize(
    ("promised", "metric"),
    [
        ({"identify": "p(95)<5"}, "http_req_duration{name:identify}"),
        ({"paced": "max<5"}, "paced"),
        ({"delivery": "lost==0"}, "delivery_lost"),
        ({"calls": "count>5"}, "http_reqs"),
    ],
)
def test_a_threshold_that_cannot_be_judged_is_not_green(runs: Any, promised: dict[str, str], metric: str) -> None:
    """k6 has no third verdict; nor does the summary need the metric."""
    told = metrics(runs.document(promised={"rate": 100, "duration": 1, "thresholds": promised}))
    assert told[metric]["thresholds"] == {next(iter(promised.values())): True}


def test_several_runs_are_scenarios(runs: Any) -> None:
    """All together under the plain names, without thresholds; each with its own."""
    told = metrics(runs.document(100, 50, test="t.py::a", fill=fill), runs.document(100, 700, test="t.py::b"))
    assert (told["iterations"]["count"], told["iterations"]["rate"]) == (200, 100.0)
    assert (told["iteration_duration"]["min"], told["iteration_duration"]["max"]) == (50.0, 700.0)
    assert "thresholds" not in told["iteration_duration"]
    assert told["iteration_duration{scenario:t.py::a}"]["thresholds"] == {"p(95)<500": False}
    assert told["iteration_duration{scenario:t.py::b}"]["thresholds"] == {"p(95)<500": True}
    assert told["http_req_duration{name:identify,scenario:t.py::a}"]["max"] == 10.0


def test_a_run_without_samples_has_a_summary(runs: Any) -> None:
    """And so has no run."""
    assert metrics(runs.document(0))["iterations"] == {"count": 0, "rate": 0.0}
    assert k6_summary([])["metrics"] == {}


def test_what_requests_waited_for_has_k6s_names(runs: Any) -> None:
    """Of every request, as there: those that did not wait have waited 0 ms. Its thresholds go with it."""

    def fill(book: Recorder) -> None:
        book.watches(["pool_wait", "connecting", "tls_handshaking"])
        for index in range(10):
            if not index:
                book.waited("connecting", 0, 2_000)
                book.waited("tls_handshaking", 0, 5_000)
            book.call("identify", iteration=index, due=0, times=(10_000, 0), attempts=1, error=None, watched=1)

    promised = {"rate": 100, "duration": 1, "thresholds": {"connecting": "max<1"}}
    told = metrics(runs.document(fill=fill, promised=promised))
    assert (told["http_req_connecting"]["max"], told["http_req_connecting"]["avg"], told["http_req_connecting"]["med"]) == (2.0, 0.2, 0.0)
    assert (told["http_req_tls_handshaking"]["max"], told["http_req_blocked"]["max"]) == (5.0, 0.0)
    assert told["http_req_connecting"]["thresholds"] == {"max<1": True}
