"""What failed, and what it was compared with: all that may be shown, and nothing twice."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pytest_cio_load.reports.html.comparison import compared
from pytest_cio_load.reports.html.facts import circumstances, metrics
from pytest_cio_load.reports.html.failures import MOST_GROUPS, failures

GROUP = {
    **{"kind": "RateLimited", "where": "test_x.py:12", "message": "identify: 429 slow down", "count": 7, "first_index": 1601},
    **{"first_due": 20.0125, "trace": "Traceback (most recent call last):\n  line"},
}
CALL = {"operation": "identify", "request": "PUT /api/v1/customers/{identifier}", "status": 429, "attempts": 4, "reason": "slow down"}


def sample(**more: Any) -> dict[str, Any]:
    """A failed iteration."""
    return {"index": 1601, "due": 20.0125, "ended": 21.5, "message": "identify: 429 slow down", "trace": "", "call": CALL} | more


def test_failures_are_folded(page: Any) -> None:
    """With how many, what, where and when; the traceback inside."""
    seen = page(failures([GROUP]))
    assert "7 × RateLimited at test_x.py:12, first in iteration 1,601, due at 20.012s" in seen.text
    assert "Traceback (most recent call last)" in seen.text
    assert [tag for tag, _ in seen.tags][:2] == ["details", "summary"]


@pytest.mark.parametrize(
    ("message", "paragraphs"),
    [("slow down", []), ("", []), ("every 97th\nassert 1 == 2", ["assert 1 == 2"]), ("x" * 300, ["x" * 300])],
)
def test_what_was_raised_stands_on_the_fold(page: Any, message: str, paragraphs: list[str]) -> None:
    """Its first line, and inside only what is not said there; of a long line the two ends, and inside the whole."""
    html = failures([GROUP | {"message": message}])
    summary = html[: html.index("</summary>")]
    assert page(f"{summary}</summary></details>").text.endswith(message.partition("\n")[0][-50:])
    assert len(summary) < 500
    assert re.findall('<p class="message">(.*?)</p>', html) == paragraphs


def test_tracebacks_can_be_left_out(page: Any) -> None:
    """Where there is little room."""
    assert "Traceback" not in page(failures([GROUP], traces=False)).text


def test_a_failed_iteration_tells_of_its_call(page: Any) -> None:
    """Request, answer and attempts."""
    rows = page(failures([GROUP | {"samples": [sample()]}])).rows
    told = ["1,601", "20.012s", "21.5s", "identify PUT /api/v1/customers/{identifier}", "429 slow down", "4", "identify: 429 slow down"]
    assert rows[1] == told


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (None, ["–", "–", "–"]),
        (
            {**CALL, "status": None, "reason": "connection reset"},
            ["identify PUT /api/v1/customers/{identifier}", "no answer: connection reset", "4"],
        ),
        ({"operation": "track", "status": 500, "attempts": 1, "reason": "oops"}, ["track", "500 oops", "1"]),
    ],
)
def test_calls_of_every_kind(page: Any, call: dict[str, Any] | None, told: list[str]) -> None:
    """None, unanswered, and without a request."""
    assert page(failures([GROUP | {"samples": [sample(call=call)]}])).rows[1][3:6] == told


@pytest.mark.parametrize(("count", "said"), [(7, "The first 1 of 7."), (1, "All of them.")])
def test_how_many_are_shown_is_said(page: Any, count: int, said: str) -> None:
    """Of how many."""
    assert said in page(failures([GROUP | {"count": count, "samples": [sample()]}])).text


def test_a_long_text_keeps_its_ends(page: Any) -> None:
    """A traceback of a megabyte is no help."""
    text = page(failures([GROUP | {"trace": "begin" + "x" * 10**6 + "end"}])).text
    assert "begin" in text
    assert "end" in text
    assert len(text) < 25_000


def test_many_kinds_are_counted(page: Any) -> None:
    """Those that are not shown."""
    assert "And 2 more kinds of failure." in page(failures([GROUP] * (MOST_GROUPS + 2))).text


@pytest.mark.parametrize(
    ("state", "sign"), [("worse", "✗worse"), ("better", "✓better"), ("same", "✓same"), ("cannot tell", "?cannot tell")]
)
def test_a_state_has_a_sign_and_a_word(page: Any, state: str, sign: str) -> None:
    """Never a colour alone."""
    assert page(compared([{"metric": "response", "was": 1.0, "now": 2.0, "change": 1.0, "state": state}])).rows[1][1] == sign


@pytest.mark.parametrize(
    ("unit", "was", "change", "tolerance", "told"),
    [
        ("ms", 50.0, -0.05, "+5ms", ["50.0 ms", "−5.0%", "+5ms"]),
        ("/s", 80.0, 0.0, 0.1, ["80/s", "+0.0%", "10%"]),
        ("", None, None, None, ["–", "–", "–"]),
    ],
)
def test_compared_values_as_text(page: Any, unit: str, was: Any, change: Any, tolerance: Any, told: list[str]) -> None:
    """In their unit; what is not known is a dash."""
    one = {"metric": "m", "was": was, "now": 1.0, "change": change, "tolerance": tolerance, "unit": unit, "state": "same"}
    row = page(compared([one])).rows[1]
    assert [row[2], row[4], row[6]] == told


def test_nothing_to_compare_is_nothing() -> None:
    """No heading over nothing."""
    assert compared([]) == ""


def test_metrics_of_every_kind(runs: Any, page: Any) -> None:
    """Each with its own figures; those without a sample are named."""
    doc = runs.document(failed=1)
    metrics_of = doc["metrics"]
    metrics_of["depth"] = {"kind": "gauge", "unit": "", "samples": 3, "value": 1.0, "min": 0.0, "max": 9.0}
    metrics_of["delivery"] = {"kind": "delivery", "unit": "", "samples": 5, "lost": 0, "duplicates": 2, "out_of_order": 0}
    metrics_of["silent"] = {"kind": "counter", "unit": "", "samples": 0, "count": 0, "rate": 0}
    seen = page(metrics(doc))
    values = {row[0]: row[2] for row in seen.rows if len(row) == 4}
    assert values["depth"] == "1 at last, from 0 to 9"
    assert values["deliverywhat the fake applied, against what the client says it delivered"] == "lost 0, duplicates 2, out of order 0"
    assert next(value for name, value in values.items() if name.startswith("errors")) == "1%, 1 in all"
    assert "silent" in seen.text.rpartition("Without a sample: ")[2]


def test_the_machine_is_told_by_its_fingerprint(full: Any, page: Any) -> None:
    """Where a document has one."""
    doc = full()
    doc["machine"]["fingerprint"] = {"cpu": "A CPU", "cpus": 2, "platform": "Linux-6", "python": "CPython 3.11.7", "plugin": "0.1.0"}
    text = page(circumstances(doc)).text
    assert "A CPU, 2 CPUs, Linux-6" in text
    assert "CPython 3.11.7" in text


@pytest.mark.parametrize(
    ("cleanup", "said"),
    [
        ({"noted": 5, "deleted": 5, "verified": True, "left": 0}, "5 noted, 5 deleted; nobody is left, as seen through the App API"),
        ({"noted": 5, "deleted": 4, "left": 1}, "5 noted, 4 deleted; 1 could not be deleted"),
        ({"noted": 5, "verified": False, "left": 2, "run": "R"}, "cleanup failed: 2 of 5"),
    ],
)
def test_what_became_of_made_up_people(full: Any, page: Any, cleanup: dict[str, Any], said: str) -> None:
    """In one line."""
    assert said in page(circumstances(full(cleanup=cleanup))).text


def test_a_spread_has_the_digits_that_a_histogram_keeps(runs: Any, page: Any) -> None:
    """4.001 attempts are 4; times have their unit, and what is large all its digits."""
    doc = runs.document()
    doc["metrics"]["size"] = doc["metrics"]["response"] | {"unit": "", "avg": 4.001, "min": 0.0214, "med": 12345.0}
    assert next(row for row in page(metrics(doc)).rows if row[0] == "size")[2:5] == ["4", "0.0214", "12,345"]
