"""Terminal text: exact for one run of each verdict, within the width whatever the names, and honest about what is cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.kinds import Kind, Metric
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports.terminal import STYLES, Line, failure, plain, section, summary_line

SENT = {"sent": 200, "received": 200, "applied": 200, "rejected": 0, "dropped": 0, "duplicates": 0}
RECEIVED = "  • 200 requests received by the fake"
HOSTILE = ["x" * 200, "tests/" + "sehr_länglich-" * 14 + "ß.py::test_größe[→×✓ “a b”]", "a b " * 60, "p" * 79 + " " + "q" * 120]


def text_of(line: Line) -> str:
    """Without styles."""
    return "".join(text for text, _ in line)


KEPT = """\
contract kept: 4 of 4 promises
100/s for 1s, 100 planned, virtual clock, target mock, seed 7
100 iterations measured, 100/s achieved, 0.2 s of real time, 0.2 s of CPU

  ✓ response  p(95)<500     50.0 ms  100 samples
  ✓ errors    count==0            0
  ✓ dropped   count==0            0
  ✓ on_time   rate>=99%        100%

             samples       avg       med     p(95)     p(99)       max
  response       100   50.0 ms   50.0 ms   50.0 ms   50.0 ms   50.0 ms
  service        100   50.0 ms   50.0 ms   50.0 ms   50.0 ms   50.0 ms
  dropped 0%, errors 0%, iterations 100, on_time 100%

  • 200 requests received by the fake, 200 applied
  • 100 made-up people deleted"""

BROKEN = """\
contract broken: response p(95) was 7,088 ms, promised p(95)<500, and 1 more
100/s for 1s, 100 planned, virtual clock, target mock, seed 7

  ✗ response  p(95)<500    7,088 ms  100 samples
  ✗ errors    count==0            3
  ✓ dropped   count==0            0
  ✓ on_time   rate>=99%        100%

  • something else is worth knowing

  3 × ValueError, first in iteration 97, due at 97ms
    ValueError: no such person"""

INCONCLUSIVE = """\
inconclusive: the load generator was saturated: 95% of the iterations began
within 50.0 ms of when they were due, rate>=99% is needed (lag p(99) 200.0 ms)
100/s for 1s, 100 planned, virtual clock, target mock, seed 7

  ? the load generator was saturated: 95% of the iterations began within 50.0 ms
    of when they were due, rate>=99% is needed (lag p(99) 200.0 ms)
    → what was measured is this process as much as the target: lower the rate,
      take CPU work out of the body, or spread the load over more processes

  ✓ response  p(95)<500     50.0 ms  100 samples
  ✓ errors    count==0            0
  ✓ dropped   count==0            0
  ✗ on_time   rate>=99%         95%"""


def test_a_kept_contract_in_full(runs: Any) -> None:
    """Headline, circumstances, clauses, what was measured, what was delivered and cleaned up."""
    assert plain(section(runs.document(delivery=SENT, cleanup={"noted": 100, "left": 0}))) == KEPT


def test_a_broken_contract_in_full(runs: Any) -> None:
    """What was promised and not kept comes first; what failed, with its first traceback, last."""
    assert plain(failure(runs.document(ms=7_088, failed=3, notes=("something else is worth knowing",)))) == BROKEN


def test_an_inconclusive_run_in_full(runs: Any) -> None:
    """Each reason with its remedy, before the clauses."""
    assert plain(failure(runs.document(late=5))) == INCONCLUSIVE


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ({}, "kept          …test_it.py::test_identify  100 iterations  p(95) 50.0 ms  virtual"),
        ({"failed": 1}, "broken        …test_it.py::test_identify  100 iterations  p(95) 50.0 ms  virtual"),
        ({"late": 50, "clock": "wall"}, "inconclusive  …s/test_it.py::test_identify  100 iterations  p(95) 250.0 ms  wall"),
        ({"iterations": 0}, "inconclusive  tests/test_it.py::test_identify              0 iterations  virtual"),
    ],
)
def test_a_summary_line_in_full(runs: Any, how: dict[str, Any], line: str) -> None:
    """One for each verdict; of a long name its end."""
    assert text_of(summary_line(runs.document(**how))) == line
    assert len(line) == 80


def test_the_section_of_a_failed_test_does_not_repeat_its_failure(runs: Any) -> None:
    """Only what was measured is left to say."""
    assert plain(section(runs.document(ms=7_088, failed=3, notes=("once is enough",)))).splitlines() == [
        "100 iterations measured, 100/s achieved, 3 failed, 0.2 s of real time, 0.2 s of",
        "CPU",
        "",
        "             samples       avg       med     p(95)     p(99)       max",
        "  response       100  7,088 ms  7,088 ms  7,088 ms  7,088 ms  7,088 ms",
        "  service        100  7,088 ms  7,088 ms  7,088 ms  7,088 ms  7,088 ms",
        "  dropped 0%, errors 3%, iterations 100, on_time 100%",
    ]


# Widths.


def hostile(runs: Any, name: str) -> Any:
    """A document in which everything that has a name has this one."""

    def fill(book: Recorder) -> None:
        for kind in (Kind.TREND, Kind.COUNTER, Kind.RATE, Kind.GAUGE):
            book.add(f"{kind.value} {name}", kind, 7)
        book.add(name, Kind.TREND, 123_456_789.123)
        kinds = (type(f"E{number}{name.replace(' ', '_')}", (Exception,), {}) for number in range(2))
        for index, kind in enumerate(kinds):
            error = kind(f"{name} {name}\n\t{name}")
            book.finished(Sample(Arrival(index, 0), 0, 3_000_000_000, 0, Outcome.FAILED, error))
        book.finished(Sample(Arrival(3, 0), 0, 1, 0, Outcome.INTERRUPTED))

    promised = {
        "start_rate": 1,
        "stages": [("1m", rate) for rate in range(1, 40)],
        "p95": 1,
        "thresholds": {name: ["p(95)<1", "max < 123456789.123456789", "count>=1000000"]},
    }
    return runs.document(
        promised=promised,
        found={name: Metric(Kind.TREND)},
        fill=fill,
        test=name,
        target=f"http://127.0.0.1:8080/{name}",
        notes=(name, f"{name} {name}"),
        delivery=dict.fromkeys(SENT, 123_456_789),
        cleanup={"noted": 123_456, "left": 123_455},
        seed=10**15,
        aborted_by=0,
        summary={"end": "cut short", "reason": name},
    )


@pytest.mark.parametrize("width", [80, 100, 132, 300])
@pytest.mark.parametrize("name", HOSTILE, ids=["one word", "unicode", "many words", "two words"])
def test_no_line_is_wider_than_the_terminal(runs: Any, name: str, width: int) -> None:
    """Test ids, metrics, targets, notes, exceptions and tracebacks of any length, in failure, section and summary."""
    doc = hostile(runs, name)
    kept = doc | {"verdict": "kept"}
    lines: Iterator[Line] = chain(failure(doc, width), section(doc, width), section(kept, width), [summary_line(doc, width)])
    assert [line for line in map(text_of, lines) if len(line) > width or "\n" in line or "\t" in line] == []


def test_columns_never_run_into_each_other(runs: Any) -> None:
    """From 100 s up, times are told in seconds; large values of one's own in powers of ten."""

    def fill(book: Recorder) -> None:
        book.add("bytes", Kind.TREND, 12_345_678_901)
        book.add("slow", Kind.TREND, 123_456, "ms")

    table = [line.split() for line in plain(section(runs.document(fill=fill, ms=250_000))).splitlines() if line.startswith("  ")]
    rows = {row[0]: row[2:] for row in table}
    assert rows["response"] == ["250", "s"] * 5
    assert rows["bytes"] == ["1.23e+10"] * 5
    assert rows["slow"] == ["123", "s"] * 5


def test_a_long_name_is_cut_at_its_beginning(runs: Any) -> None:
    """The end of a test id says more."""
    line = text_of(summary_line(runs.document(test="tests/" + "deep/" * 40 + "test_it.py::test_identify[eu]")))
    assert "…_it.py::test_identify[eu]  100 iterations" in line


def test_a_wider_terminal_shows_more_of_a_name(runs: Any) -> None:
    """The room that is there is used."""
    assert "tests/test_it.py::test_identify " in text_of(summary_line(runs.document(), 120))


def test_a_long_traceback_is_cut_in_its_middle(runs: Any) -> None:
    """Its beginning says where, its end what; how much is missing is said."""

    def fill(book: Recorder) -> None:
        error = ValueError("\n".join(f"line {number}" for number in range(100)))
        book.finished(Sample(Arrival(0, 0), 0, 1, 0, Outcome.FAILED, error))

    shown = plain(failure(runs.document(fill=fill))).splitlines()
    assert "    line 1" in shown
    assert "    … 60 lines …" in shown
    assert shown[-1] == "    line 99"


# What is said when.


def test_a_clause_that_ended_the_run_is_marked(runs: Any) -> None:
    """Beside its samples."""
    assert "✗ response  p(95)<500     50.0 ms  100 samples  ended the run" in plain(failure(runs.document(aborted_by=0)))


def test_a_clause_without_samples_is_marked(runs: Any) -> None:
    """With a dash, and neither a tick nor a cross."""
    doc = runs.document(promised={"rate": 100, "duration": 1, "thresholds": {"identify": "p(95)<500"}})
    assert "  ? identify  p(95)<500           –  0 samples" in plain(failure(doc))


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ({"cleanup": {"noted": 7, "left": 0}}, "  • 7 made-up people deleted"),
        ({"cleanup": {"noted": 7, "left": 2}}, "  • 2 of 7 made-up people could not be deleted"),
        ({"delivery": SENT | {"applied": 150, "rejected": 50}}, f"{RECEIVED}, 150 applied, 50 rejected"),
        (
            {"delivery": SENT | {"dropped": 3, "duplicates": 4}},
            "  • 200 requests received by the fake, 200 applied, 3 dropped, 4 duplicates",
        ),
        ({"notes": ("look here",)}, "  • look here"),
    ],
)
def test_delivery_cleanup_and_notes_are_told(runs: Any, how: dict[str, Any], line: str) -> None:
    """Under a kept contract as under a broken one."""
    for doc in (runs.document(**how), runs.document(failed=1, **how)):
        told = chain(failure(doc) if doc["verdict"] == "broken" else section(doc))
        assert line in plain(told).splitlines()


def test_nobody_made_up_is_not_told(runs: Any) -> None:
    """No line about nothing."""
    assert "made-up" not in plain(section(runs.document(cleanup={"noted": 0, "left": 0})))


def test_what_became_of_the_iterations_is_told(runs: Any) -> None:
    """Dropped, interrupted and timed out, if there are any."""

    def fill(book: Recorder) -> None:
        book.dropped(Arrival(0, 0))
        book.finished(Sample(Arrival(1, 0), 0, 1, 0, Outcome.INTERRUPTED))
        book.finished(Sample(Arrival(2, 0), 0, 1, 0, Outcome.TIMED_OUT))

    told = plain(section(runs.document(fill=fill))).replace("\n", " ")
    assert told.startswith("102 iterations measured, 102/s achieved, 2 failed, 1 dropped, 1 interrupted, 1 timed out, 0.2 s")


def test_poisson_arrivals_are_told(runs: Any) -> None:
    """Even ones go without saying."""
    doc = runs.document(promised={"rate": 100, "duration": 1, "arrivals": "poisson"})
    assert "100/s for 1s, 100 planned, poisson arrivals, virtual clock" in plain(failure(doc))


def test_own_metrics_are_told(runs: Any) -> None:
    """Trends in the table, the rest in a line, each in its own way."""

    def fill(book: Recorder) -> None:
        for name, kind, value in (
            ("size", Kind.TREND, 2.5),
            ("bytes", Kind.COUNTER, 12_345),
            ("cached", Kind.RATE, 1),
            ("depth", Kind.GAUGE, -1.5),
        ):
            book.add(name, kind, value)

    told = plain(section(runs.document(fill=fill)))
    assert "  size             1       2.5       2.5       2.5       2.5       2.5" in told
    assert "bytes 12,345, cached 100%, depth -1.5, dropped 0%" in told


def test_every_style_that_is_used_is_known(runs: Any) -> None:
    """A span without a style would end the report."""
    for doc in (hostile(runs, "x"), runs.document(), runs.document(late=50)):
        for line in chain(failure(doc), section(doc), section(doc | {"verdict": "kept"}), [summary_line(doc)]):
            assert all(style in STYLES for _, style in line)


@pytest.mark.parametrize(("took", "told"), [(3_000, True), (1_000, True), (900, False)])
def test_what_requests_waited_for_is_below_the_calls(runs: Any, took: int, told: bool) -> None:
    """Where it is worth a line."""

    def fill(book: Recorder) -> None:
        book.watches(["pool_wait", "connecting"])
        book.waited("connecting", 0, took)
        book.call("track", iteration=0, due=0, times=(10_000, 0), attempts=1, error=None, watched=1)

    rows = [line.split()[0] for line in plain(section(runs.document(fill=fill))).splitlines() if line.startswith("  ") and line.split()]
    assert ("pool_wait" in rows, "connecting" in rows) == (False, told)
    assert not told or rows.index("connecting") == rows.index("track") + 1
