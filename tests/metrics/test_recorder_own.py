"""The recorder: metrics of the author's own, and what is read from it."""

from __future__ import annotations

import pytest

from pytest_cio_load.metrics.kinds import BUILTIN, Kind, Metric
from pytest_cio_load.metrics.measured import Delivery
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.summary import Summary

SECOND = 1_000_000


def recorder(warmup: int = 0, declared: dict[str, Metric] | None = None) -> Recorder:
    """An empty one, that takes an iteration for on time up to 20 ms after it was due."""
    return Recorder(declared or {}, warmup=warmup, lag_tolerance=20_000, home=__file__)


def summary(book: Recorder, elapsed: float = 60.0) -> Summary:
    """What it holds."""
    return book.summary(planned=10, elapsed=elapsed, end="complete", reason="")


@pytest.mark.parametrize(
    ("kind", "values", "aggregation", "expected"),
    [
        (Kind.TREND, [1, 5], "max", 5),
        (Kind.COUNTER, [1, 5], "count", 6),
        (Kind.RATE, [1, 0, 5, 0], "rate", 0.5),
        (Kind.GAUGE, [1, 5, -2], "value", -2),
    ],
)
def test_own_metrics_of_every_kind(kind: Kind, values: list[float], aggregation: str, expected: float) -> None:
    """They appear in the summary with their kind."""
    book = recorder()
    for value in values:
        book.add("mine", kind, value)
    found = summary(book)
    assert (found.read("mine", aggregation), found.kinds["mine"].kind, found.samples("mine")) == (expected, kind, len(values))


def test_a_metric_that_was_declared_before_the_run_keeps_its_kind_and_unit() -> None:
    """What the marker says wins over what the body leaves out."""
    book = recorder(declared={"render": Metric(Kind.TREND, "ms")})
    book.declare("render", Kind.TREND)
    book.add("render", Kind.TREND, 3)
    assert summary(book).kinds["render"] == Metric(Kind.TREND, "ms")


@pytest.mark.parametrize("used", [kind for kind in Kind if kind is not Kind.TREND])
def test_one_name_has_one_kind(used: Kind) -> None:
    """Whoever declared it first, marker or body."""
    message = f"metric 'mine' is a trend, used here as a {used.value}: expected one kind for one name"
    book = recorder(declared={"mine": Metric(Kind.TREND)})
    with pytest.raises(ValueError, match=message):
        book.declare("mine", used)
    book = recorder()
    book.declare("mine", Kind.TREND)
    with pytest.raises(ValueError, match=message):
        book.declare("mine", used)


@pytest.mark.parametrize("name", sorted(BUILTIN))
def test_a_name_that_every_run_has_cannot_be_ones_own(name: str) -> None:
    """The message offers one that can."""
    with pytest.raises(ValueError) as caught:
        recorder().declare(name, BUILTIN[name].kind)
    assert str(caught.value) == f"metric {name!r} is one that every run has: expected a name of your own, such as 'my_{name}'"


def test_delivery_is_told_once_and_whole() -> None:
    """At the end, by the fake: 0 lost is a finding, as long as anything was received."""
    book = recorder()
    assert summary(book).samples("delivery") == 0
    book.delivered(Delivery(10, lost=3, duplicates=2))
    told = summary(book)
    assert told.samples("delivery") == 10
    assert [told.read("delivery", name) for name in ("lost", "duplicates", "out_of_order")] == [3, 2, 0]


def test_an_absent_metric_reads_0_and_has_no_samples() -> None:
    """Both in the summary and while it runs."""
    book = recorder()
    assert (summary(book).read("identify", "p", 95), summary(book).samples("identify"), book.read("identify")) == (0.0, 0, None)


def test_the_summary_tells_how_the_run_ended() -> None:
    """As it was given."""
    found = recorder().summary(planned=7, elapsed=3, end="aborted", reason="too slow")
    assert (found.planned, found.elapsed, found.end, found.reason) == (7, 3, "aborted", "too slow")


def test_a_metrics_order_is_that_of_their_names() -> None:
    """So that two runs tell them alike, whatever came first."""
    book = recorder()
    for name in ("zebra", "ant"):
        book.add(name, Kind.COUNTER, 1)
    names = list(summary(book).metrics)
    assert names == sorted(names)
