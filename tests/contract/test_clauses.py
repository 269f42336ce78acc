"""Thresholds, shorthands, defaults, and the metrics they bound."""

from __future__ import annotations

import pytest

from pytest_cio_load.contract.contract import build
from pytest_cio_load.metrics.kinds import Kind, Metric

FLAT: dict[str, object] = {"rate": 80, "duration": 60}


def on(metric: str, stated: object) -> dict[str, object]:
    """A good contract with one author's threshold."""
    return FLAT | {"thresholds": {metric: stated}}


@pytest.mark.parametrize(
    ("keyword", "value", "text", "canonical"),
    [
        ("p50", 100, "p(50)<100", "p(50)<100ms"),
        ("p95", 500, "p(95)<500", "p(95)<500ms"),
        ("p95", "2s", "p(95)<2s", "p(95)<2000ms"),
        ("p99", "1m30s", "p(99)<1m30s", "p(99)<90000ms"),
        ("p999", 0.5, "p(99.9)<0.5", "p(99.9)<0.5ms"),
        ("p9999", 900, "p(99.99)<900", "p(99.99)<900ms"),
        ("mean", 100, "avg<100", "avg<100ms"),
        ("max", "1s", "max<1s", "max<1000ms"),
    ],
)
def test_shorthands_bound_response_time(keyword, value, text, canonical):
    """p95=500 is p(95)<500 on response."""
    (clause,) = [clause for clause in build(FLAT | {keyword: value}).thresholds if clause.origin == "shorthand"]
    assert (clause.metric, clause.text, str(clause)) == ("response", text, canonical)


@pytest.mark.parametrize(("value", "canonical"), [(0, "count<=0"), (5, "count<=5"), ("1%", "rate<=1%"), ("0.5 %", "rate<=0.5%")])
@pytest.mark.parametrize("keyword", ["errors", "dropped"])
def test_amounts_bound_their_own_metric(keyword, value, canonical):
    """errors=5 and dropped="1%" replace the default on that metric."""
    clauses = [clause for clause in build(FLAT | {keyword: value}).thresholds if clause.metric == keyword]
    assert [(str(clause), clause.origin) for clause in clauses] == [(canonical, "shorthand")]


@pytest.mark.parametrize(("metric", "text"), [("errors", "count<50"), ("dropped", "rate<1%"), ("on_time", "rate>=90%")])
def test_an_author_loosens_a_default_by_name(metric, text):
    """Any threshold of the author's on a metric stands in for the default there, and only there."""
    contract = build(on(metric, text))
    assert [str(clause) for clause in contract.thresholds if clause.metric == metric] == [text]
    assert {clause.metric for clause in contract.thresholds} == {"errors", "dropped", "on_time"}


def test_author_thresholds_come_as_text_object_or_list():
    """Text, k6's object, and lists of both read alike, in order."""
    contract = build(
        FLAT | {"thresholds": {"identify": ["p(95)<500", {"threshold": "p(99)<2s"}], "track": {"threshold": "avg<5"}, "calls": "count>3"}}
    )
    stated = [(clause.metric, str(clause)) for clause in contract.thresholds if clause.origin == "author"]
    assert stated == [("identify", "p(95)<500ms"), ("identify", "p(99)<2000ms"), ("track", "avg<5ms"), ("calls", "count>3")]


def test_abort_settings_of_the_marker():
    """abort_on_fail and delay_abort reach the author's thresholds and the shorthands, never the defaults."""
    contract = build(on("track", "avg<5") | {"p95": 500, "abort_on_fail": True, "delay_abort": "10s"})
    assert {clause.origin: (clause.abort_on_fail, clause.delay_abort) for clause in contract.thresholds} == {
        "author": (True, 10.0),
        "shorthand": (True, 10.0),
        "default": (False, 0.0),
    }


@pytest.mark.parametrize(
    ("stated", "abort"),
    [
        ({"abortOnFail": False}, (False, 10.0)),
        ({"abort_on_fail": False, "delay_abort": 5}, (False, 5.0)),
        ({"delayAbortEval": "1m"}, (True, 60.0)),
        ({}, (True, 10.0)),
    ],
)
def test_abort_settings_of_one_threshold(stated, abort):
    """The object form overrides the marker, setting by setting."""
    contract = build(on("response", {"threshold": "p(95)<5", **stated}) | {"abort_on_fail": True, "delay_abort": 10})
    assert (contract.thresholds[0].abort_on_fail, contract.thresholds[0].delay_abort) == abort


def test_custom_metrics_are_declared_or_found():
    """metrics= and what the test's code uses can both be bounded; a declared unit completes a found metric."""
    found = {
        "check:fine": Metric(Kind.RATE),
        "group:sign up": Metric(Kind.TREND, "ms"),
        "size": Metric(Kind.TREND),
        "wait": Metric(Kind.TREND, "ms"),
    }
    thresholds = {"check:fine": "rate>99%", "group:sign up": "p(95)<2s", "size": "avg<1s", "wait": "avg<1s", "depth": "value<9"}
    contract = build(FLAT | {"metrics": {"size": "trend:ms", "wait": "trend", "depth": "gauge"}, "thresholds": thresholds}, found=found)
    assert contract.declared == found | {"size": Metric(Kind.TREND, "ms"), "depth": Metric(Kind.GAUGE)}
    assert [clause.unit for clause in contract.thresholds[:5]] == ["%", "ms", "ms", "ms", ""]


def test_a_metric_may_be_declared_as_itself():
    """A Metric declares as well as its name does."""
    assert build(FLAT | {"metrics": {"size": Metric(Kind.GAUGE, "ms")}}).declared == {"size": Metric(Kind.GAUGE, "ms")}


def test_found_metrics_do_not_replace_those_every_run_has():
    """A body that records a trend named like a built-in metric does not redefine it."""
    contract = build(on("response", "p(95)<2s"), found={"response": Metric(Kind.COUNTER)})
    assert contract.declared == {}
