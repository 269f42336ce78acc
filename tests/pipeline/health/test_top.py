"""What the live view shows."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pytest_cio_load.pipeline.engines.engine import DeadLetter
from pytest_cio_load.pipeline.health.figures import QueueFigures
from pytest_cio_load.pipeline.health.top import KEPT, History, frame, sparkline

MakeQueue = Callable[..., QueueFigures]
NOW = 1_800_000_000.0


def shown(history: History, width: int = 80) -> str:
    """The picture as plain text."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False).print(frame(history, "Redis at 127.0.0.1:6379", NOW))
    return out.getvalue()


def history_of(*moments: QueueFigures) -> History:
    """A view that has seen these."""
    history = History()
    for each in moments:
        history.add(each)
    return history


def busy(queue: MakeQueue) -> History:
    """A queue of which 80 jobs a second come and 100 go."""
    moments = [
        queue(
            float(second),
            waiting=2000 - 20 * second,
            active=10,
            failed=2,
            age=15.1,
            enqueued=9_000 + 80 * second,
            done=5_000 + 100 * second,
            dead=2,
            retried=12,
            redelivered=3,
            latency={40_000: 4_000 + 50 * second, 210_000: 1_000 + 50 * second},
        )
        for second in range(31)
    ]
    history = history_of(*moments)
    letter = DeadLetter("id", "track", "400 name: got an empty one;\nexpected text", 5, NOW - 75, 0.0, '{"userId": "somebody"}')
    history.letters = [("track", letter)]
    return history


@pytest.mark.parametrize(
    "line",
    [
        "cio-events  Redis at 127.0.0.1:6379",
        "waiting      1,400  █",
        "active          10  █",
        "delayed          0",
        "dead             2  █",
        "in    80.0/s  █",
        "out  100.0/s  █",
        "empty in 1m10s at this rate",
        "the oldest waits 15.1 s",
        "latency   p50 40.0 ms   p95 210.0 ms   p99 210.0 ms",
        "of 3,000 jobs in the last 30s",
        "since it began: 11,400 enqueued, 8,000 done, 12 retried, 3 redelivered, 2 dead",
        "1m15s ago  track  400 name: got an empty one; expected text",
    ],
)
def test_a_picture(queue: MakeQueue, line: str) -> None:
    """Depth, rates, time to empty, age, latency, totals and the newest dead letters."""
    assert any(each.strip().startswith(line) for each in shown(busy(queue)).splitlines())


@pytest.mark.parametrize("width", [40, 80, 132])
def test_it_fits(queue: MakeQueue, width: int) -> None:
    """Into every width."""
    assert all(len(line) <= width for line in shown(busy(queue), width).splitlines())


def test_nobody_is_shown(queue: MakeQueue) -> None:
    """A dead letter's data stays where it is."""
    assert "somebody" not in shown(busy(queue))


@pytest.mark.parametrize(
    ("moments", "line"),
    [
        ([{"at": 0.0, "waiting": 5, "age": 1.0}], "-"),
        ([{"at": 0.0}, {"at": 1.0}], "empty"),
        ([{"at": 0.0, "waiting": 5}, {"at": 1.0, "waiting": 5, "enqueued": 5}], "not getting emptier"),
        ([{"at": 0.0, "waiting": 50}, {"at": 1.0, "waiting": 5, "done": 45}], "empty in a moment"),
        ([{"at": 0.0}], "nothing waits"),
        ([{"at": 0.0, "latency": {1_000: 3}}], "of 3 jobs since it began"),
    ],
)
def test_other_pictures(queue: MakeQueue, moments: list[dict[str, float]], line: str) -> None:
    """What is not known is not made up."""
    assert line in [each.strip() for each in shown(history_of(*(queue(**each) for each in moments))).splitlines()]


@pytest.mark.parametrize(
    ("waiting", "lines"),
    [(150, ["10.0/s fewer", "empty in 15s at this rate"]), (250, ["10.0/s more", "not getting emptier"]), (200, ["as many as before"])],
)
def test_a_queue_that_counts_nothing(queue: MakeQueue, waiting: int, lines: list[str]) -> None:
    """Shows how its depth changes, and says where the rest is."""
    history = history_of(queue(0.0, waiting=200), queue(5.0, waiting=waiting))
    history.counted = False
    picture = [line.strip() for line in shown(history).splitlines()]
    assert set(lines) < set(picture)
    assert "rates and latency are in the /metrics of each worker: this queue keeps none" in picture
    assert not any(line.startswith(("in ", "out ", "since")) for line in picture)


@pytest.mark.parametrize(("seconds", "span"), [(1, "1s"), (1.4, "1s"), (2, "2s"), (60, "minute")])
def test_how_long_was_watched(queue: MakeQueue, seconds: float, span: str) -> None:
    """No longer than it was."""
    history = history_of(queue(0.0, latency={1_000: 3}), queue(float(seconds), latency={1_000: 84}))
    assert f"of 81 jobs in the last {span}" in [each.strip() for each in shown(history).splitlines()]


def test_a_note(queue: MakeQueue) -> None:
    """Is shown above the depths, whole."""
    history = history_of(queue(0.0))
    history.note = "nothing was ever enqueued " * 5
    picture = " ".join(shown(history).split())
    assert 0 < picture.index(history.note.strip()) < picture.index("waiting 0")


def test_a_long_place_is_shown_whole(queue: MakeQueue) -> None:
    """It tells one embedded queue from another."""
    out, place = io.StringIO(), "embedded Valkey in /" + "/".join(f"folder{number}" for number in range(12))
    Console(file=out, width=80, color_system=None, force_terminal=False).print(frame(history_of(queue(0.0)), place, NOW))
    assert place.replace(" ", "") in re.sub(r"\s|[0-9]{2}:[0-9]{2}:[0-9]{2}", "", out.getvalue())


def test_before_the_first_answer() -> None:
    """It says that it asks, and then why there is none."""
    history = History()
    assert "asking the queue …" in shown(history)
    history.add(None, "redis 127.0.0.1:6379: got no connection")
    assert "got no connection" in shown(history)


def test_a_queue_that_is_away(queue: MakeQueue) -> None:
    """What is shown is said to be old."""
    history = busy(queue)
    history.add(None, "got no connection")
    assert "what is shown is old: got no connection" in shown(history)
    assert "1,400" in shown(history)


def test_a_minute_is_remembered(queue: MakeQueue) -> None:
    """And every moment once."""
    history = history_of(*(queue(float(second // 2)) for second in range(400)))
    assert [len(history.moments), history.moments[0].at] == [KEPT, 139.0]


@pytest.mark.parametrize(("values", "line"), [([], ""), ([0, 0], "▁▁"), ([1, 4, 8], "▁▄█"), ([0, 1000, 1], "▁█▁"), ([5] * 40, "█" * 30)])
def test_sparklines(values: list[float], line: str) -> None:
    """The highest is full, and what is not 0 is there."""
    assert sparkline(values) == line


@given(st.lists(st.floats(0, 1e9), max_size=50))
def test_a_sparkline_has_a_bar_for_every_value(values: list[float]) -> None:
    """As many as there is room for."""
    assert len(sparkline(values)) == min(30, len(values))
