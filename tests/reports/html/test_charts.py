"""Charts: the library takes every one of them, and draws what the document holds."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import vl_convert

from pytest_cio_load.errors import DocumentError
from pytest_cio_load.reports.html import vega
from pytest_cio_load.reports.html.bounds import Bound
from pytest_cio_load.reports.html.charts import HEIGHT, Series, histogram, in_sight, over_time, percentiles
from pytest_cio_load.reports.html.figures import show
from pytest_cio_load.reports.html.overlays import Span
from pytest_cio_load.reports.html.page import render
from pytest_cio_load.reports.html.shapes import curves, distribution
from pytest_cio_load.reports.html.timeline import over_the_run

SPAN = Span([0.5, 1.5, 2.5], 3.0, 1.0, [(1.0, 1, "orange")])


def titles(seen: Any) -> list[str]:
    """Of the charts."""
    return [said for level, said in seen.headings if level == 4]


@pytest.mark.parametrize("verdict", ["kept", "broken", "inconclusive"])
def test_the_library_takes_every_chart(full: Any, page: Any, verdict: str) -> None:
    """As a specification that it compiles, and whose data it can draw."""
    for one in page(render([full(verdict)])).specs():
        names, columns = list(one["columns"]), one["columns"]
        rows = [{name: columns[name][at] for name in names} for at in range(len(columns["at"]))]
        drawn = vl_convert.vegalite_to_svg(one["spec"] | {"width": 400, "datasets": {"rows": rows}})
        assert drawn.startswith("<svg")
        assert "NaN" not in drawn


def test_every_part_of_a_timeline_has_a_panel(full: Any, page: Any) -> None:
    """Those with something to show, in order."""
    assert [title.partition(",")[0].partition(":")[0] for title in titles(page(over_the_run(full(), "run-1")))] == [
        "Iterations per second",
        "Iterations per second that failed or were dropped",
        "Iterations in flight",
        "Response time",
        "Service time",
        "Calls to Customer.io per second",
        "Waits of our own",
        "Jobs in the queue",
    ]


def test_what_is_zero_throughout_is_not_drawn(full: Any, timeline: Any, page: Any) -> None:
    """A panel of zeros would only hide the others."""
    none = [0] * 120
    quiet = timeline(failed=none, dropped=none, calls=none, rate_limited=none, paced={"max": none}, lag={"max": none}, queue_depth=none)
    seen = page(over_the_run(full(timeline=quiet), "run-1"))
    assert len(titles(seen)) == 4
    assert "failed" not in seen.text


def test_counts_are_per_second(full: Any, page: Any) -> None:
    """40 in half a second are 80/s."""
    seen = page(over_the_run(full(), "run-1"))
    assert seen.specs()[0]["columns"]["due"] == [80] * 120
    assert "Due: 80/s throughout, 4,800 in all." in seen.text
    assert "Failed: 6/s at most, at 59.5s, 3 in all." in seen.text


def test_marks_are_numbered_in_order(full: Any, page: Any) -> None:
    """The numbers on the charts are those of the list."""
    seen = page(over_the_run(full(), "run-1"))
    assert seen.text.index("2s, warmup: over") < seen.text.index("20s, fault: frozen")
    layers = [layer["data"]["values"] for layer in seen.specs()[0]["spec"]["layer"] if "data" in layer]
    assert [(mark["x"], mark["text"]) for mark in layers[-1]] == [(2.0, "1"), (20.0, "2")]


def test_the_figures_of_a_timeline_are_in_a_table(full: Any, page: Any) -> None:
    """A row for each interval; what has no sample is a dash."""
    rows = page(over_the_run(full(), "run-1")).rows
    assert len(rows) == 121
    assert rows[1][:4] == ["0s to 500ms", "80", "80", "0"]
    assert rows[120][rows[0].index("response longest")] == "–"


def test_the_warmup_is_explained(full: Any, page: Any) -> None:
    """It is on the charts, and in no other figure."""
    assert "The first 2s, shaded, are the warmup" in page(over_the_run(full(), "run-1")).text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"timeline": None}, "This document holds no timeline"),
        ({"timeline": {}}, "This document holds no timeline"),
        ({"timeline": {"step": 1, "due": [0, 0]}}, "No iteration fell due."),
    ],
)
def test_no_timeline_is_said(full: Any, page: Any, more: dict[str, Any], said: str) -> None:
    """Older and merged documents have none."""
    assert said in page(over_the_run(full(**more), "run-1")).text


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        ({"step": 0}, r"timeline.step: got 0; expected a number above 0"),
        ({"due": ["x"]}, r"timeline.due\[0\]: got 'x'; expected a number or null"),
        ({"response": []}, r"timeline.response: got \[\]; expected an object"),
        ({"marks": [{"at": 1}]}, r"timeline.marks\[0\]: got no 'kind'; expected one"),
    ],
)
def test_a_damaged_timeline_is_an_error(full: Any, timeline: Any, damaged: dict[str, Any], said: str) -> None:
    """It names where, and the nearest fix."""
    with pytest.raises(DocumentError, match=rf"{said}; the run document is damaged: write it again with --cio-json"):
        over_the_run(full(timeline=timeline(**damaged)), "run-1")


def test_a_timeline_that_is_none_at_all_is_an_error(full: Any) -> None:
    """A list, say."""
    with pytest.raises(DocumentError, match=r"timeline: got .*; expected an object"):
        over_the_run(full(timeline=[1]), "run-1")


def test_bounds_far_away_are_told_not_drawn(full: Any, page: Any) -> None:
    """They would flatten the curve."""
    doc = full()
    doc["thresholds"][0] |= {"text": "p(95)<30s", "clause": "p(95)<30000ms", "bound": 30000.0}
    seen = page(curves(doc, "run-1"))
    assert "Far above what is drawn: p(95)<30s." in seen.text
    assert "30s" not in str(seen.specs()[0]["spec"])


def test_only_bounds_in_sight_are_drawn() -> None:
    """Up to three times what was measured."""
    near, far = Bound("p(95)<300", 300.0, 20.0), Bound("p(95)<301", 301.0, 20.0)
    assert in_sight([near, far], 100.0) == [near]


def test_the_omission_gap_is_explained(runs: Any, page: Any) -> None:
    """Where there is one that matters."""
    said = "the omission gap"
    assert said in page(curves(runs.document(late=50), "run-1")).text
    assert said not in page(curves(runs.document(), "run-1")).text


def test_times_of_0_are_said(runs: Any, page: Any) -> None:
    """Where nothing took time there is nothing to draw."""
    doc = runs.document(ms=0)
    assert "Every response time is 0 ms" in page(curves(doc, "run-1")).text
    assert distribution(doc, "run-1") == ""


def test_a_queue_s_jobs_have_a_curve(runs: Any, page: Any) -> None:
    """Beside response times that are over once a job is enqueued."""
    doc = runs.document()
    doc["metrics"]["queue_latency"] = doc["metrics"]["response"]
    assert list(page(curves(doc, "run-1")).specs()[0]["columns"]) == ["at", "response", "service", "queue_latency"]


@pytest.mark.parametrize(("values", "kind"), [([1.0, 100.0, 10.0], "log"), ([0.0, 100.0, 10.0], None), ([None, None, None], None)])
def test_an_axis_is_logarithmic_where_it_can_be(values: list[float | None], kind: str | None) -> None:
    """There is no 0 on one."""
    spec = over_time([Series("a", "a", "blue", "ms", values)], SPAN, logarithmic=True)
    scales = [layer["encoding"]["y"]["scale"].get("type") for layer in spec["layer"] if "field" in layer["encoding"].get("y", {})]
    assert set(scales) == {kind}
    assert spec["height"] == HEIGHT


def test_a_value_between_gaps_is_a_dot() -> None:
    """A line shows nothing of it."""
    spec = over_time([Series("a", "a", "blue", "ms", [None, 1.0, None])], SPAN)
    assert [layer["mark"]["type"] for layer in spec["layer"] if "point" in str(layer["mark"])] == ["point"]


@pytest.mark.parametrize(("low", "high", "ticks"), [(40.0, 120.0, [50, 100]), (0.001, 1000.0, [0.001, 0.01, 0.1, 1, 10, 100, 1000])])
def test_a_log_axis_has_round_marks(low: float, high: float, ticks: list[float]) -> None:
    """1, 2 and 5 of each power of ten, or the powers alone."""
    assert histogram(low, high, "blue")["layer"][0]["encoding"]["x"]["axis"]["values"] == ticks


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(None, "ms", "–"), (7088.0, "ms", "7,088 ms"), (80.0, "/s", "80/s"), (6150, "", "6,150"), (0.25, "", "0.25"), (1234.5, "", "1,234")],
)
def test_values_as_text(value: float | None, unit: str, said: str) -> None:
    """In their unit."""
    assert show(value, unit) == said


def test_a_missing_library_is_a_clear_error(full: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    vega.library.cache_clear()
    said = r"draws with vl-convert-python: got none .*; expected .*; try pip install 'pytest-cio-load\[html\]'"
    with pytest.raises(RuntimeError, match=said):
        render([full()])


def test_a_bound_below_everything_measured_is_on_the_axis() -> None:
    """Where it was broken from the beginning to the end."""
    spec = over_time([Series("a", "a", "blue", "ms", [2000.0, 9000.0, 3000.0])], SPAN, [Bound("p(95)<500", 500.0, 20.0)], logarithmic=True)
    low, high = spec["layer"][1]["encoding"]["y"]["scale"]["domain"]
    assert low < 500 < 9000 < high


@pytest.mark.parametrize(("ms", "side"), [(12.0, "left"), (900.0, "right")])
def test_the_name_of_a_bound_stands_where_there_is_room(ms: float, side: str) -> None:
    """Not across the axis."""
    spec = histogram(10.0, 1000.0, "blue", [Bound("max<x", ms, 20.0)])
    assert [layer["mark"]["align"] for layer in spec["layer"] if layer["mark"]["type"] == "text"] == [side]


def texts(spec: Any) -> list[str]:
    """Written on a chart."""
    layers = [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    return [value["text"] for layer in layers for value in layer["data"]["values"]]


def test_marks_that_would_touch_share_a_text() -> None:
    """On a narrow page; the most severe of them has the colour."""
    marks = [(0.0, 1, "quiet"), (2.0, 2, "orange"), (5.0, 3, "quiet"), (50.0, 4, "red"), (99.0, 5, "quiet"), (100.0, 6, "red")]
    spec = over_time([Series("a", "a", "blue", "ms", [1.0])], Span([0.5], 100.0, 0.0, marks))
    assert texts(spec) == ["1–3", "4", "5–6"]
    rules, numbers = (layer["data"]["values"] for layer in spec["layer"][-3:-1])
    assert len(rules) == len(marks)
    assert [value["colour"] for value in numbers] == ["var(--orange)", "var(--red)", "var(--red)"]


@pytest.mark.parametrize("least", [0.0, 10.0], ids=["linear", "logarithmic"])
def test_bounds_that_would_touch_share_a_text(least: float) -> None:
    """On the highest of them."""
    bounds = [Bound(f"b<{ms:g}", ms, 20.0) for ms in (50.0, 500.0, 520.0, 530.0)]
    spec = over_time([Series("a", "a", "blue", "ms", [least, 400.0, 300.0])], Span([0.5, 1.5, 2.5], 3.0, 0.0, []), bounds, logarithmic=True)
    assert texts(spec) == ["b<50", "b<500, b<520, b<530"]


def test_there_is_room_for_the_text_of_the_highest_bound() -> None:
    """Below the numbers of the marks."""
    spec = over_time([Series("a", "a", "blue", "ms", [10.0, 400.0])], SPAN, [Bound("p(95)<500", 500.0, 20.0)], logarithmic=True)
    low, high = spec["layer"][1]["encoding"]["y"]["scale"]["domain"]
    assert HEIGHT * math.log(high / 500) / math.log(high / low) > 15


def test_bounds_of_curves_that_would_touch_stand_on_both_sides() -> None:
    """The upper one's text above it, the lower one's below."""
    spec = percentiles([Series("a", "a", "blue", "ms", [400.0])], 1000.0, [Bound("low", 500.0, 20.0), Bound("high", 510.0, 100.0)])
    sides = {layer["data"]["values"][0]["text"]: layer["mark"]["baseline"] for layer in spec["layer"] if layer["mark"]["type"] == "text"}
    assert sides == {"high": "bottom", "low": "top"}


def test_bounds_of_a_histogram_stand_one_below_the_other() -> None:
    """However near they are, above all bars."""
    spec = histogram(10.0, 1000.0, "blue", [Bound("a", 500.0, 20.0), Bound("b", 501.0, 100.0)])
    assert [layer["mark"]["y"] for layer in spec["layer"] if layer["mark"]["type"] == "text"] == [-30, -15]


@pytest.mark.parametrize(
    ("least", "most", "ticks"),
    [(40.0, 300.0, [50, 100, 200]), (8.0, 9000.0, [10, 30, 100, 300, 1000, 3000]), (0.5, 90_000.0, [1, 10, 100, 1000, 10_000])],
)
def test_a_log_axis_of_a_panel_has_few_marks(least: float, most: float, ticks: list[float]) -> None:
    """Round ones, all of which are drawn."""
    spec = over_time([Series("a", "a", "blue", "ms", [least, most])], SPAN, logarithmic=True)
    axis = spec["layer"][1]["encoding"]["y"]["axis"]
    assert axis["values"] == ticks
    assert "tickCount" not in axis


def test_lines_that_are_the_same_are_one(full: Any, timeline: Any, page: Any) -> None:
    """Of few samples the 99th percentile is the longest; the key names both."""
    same = [float(at + 1) for at in range(120)]
    several = timeline(response={"p50": [1.0] * 120, "p95": [2.0] * 120, "p99": same, "max": same})
    seen = page(over_the_run(full(timeline=several), "run-1"))
    response = next(one for one in seen.specs() if "response_p95" in one["columns"])
    assert list(response["columns"]) == ["at", "response_p99", "response_p95", "response_p50"]
    assert "p(99), longest: 120.0 ms at most" in seen.text
    assert "response p(99), longest" in seen.rows[0]


@pytest.mark.parametrize("late", [0, 50])
def test_curves_that_are_the_same_are_said_to_be(runs: Any, page: Any, late: float) -> None:
    """One hides the other."""
    said = "Response time and service time are the same: every iteration began when it was due."
    assert (said in page(curves(runs.document(late=late), "run-1")).text) == (late == 0)
