"""The rate limiter and the retry, by tables and properties, without a clock."""

from __future__ import annotations

from random import Random
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.pacing import Bucket, Retry, retry_after
from pytest_cio_load.customerio.wire import Answer

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
TEN_LATER = "Wed, 21 Oct 2026 07:28:10 GMT"
UNIX = 1792567680.0


def starts(bucket: Bucket, asked: list[float]) -> list[float]:
    return [now + bucket.reserve(now) for now in asked]


@pytest.mark.parametrize(
    ("rate", "burst", "asked", "expected"),
    [
        (80, 4, [0.0] * 6, [0, 0, 0, 0, 0.0125, 0.025]),
        (10, 1, [0.0] * 3, [0, 0.1, 0.2]),
        (10, 2, [0.0, 0.0, 0.5, 0.5, 0.5], [0, 0, 0.5, 0.5, 0.6]),
        (10, 1, [0.0, 0.05, 0.3], [0, 0.1, 0.3]),
        (3, 1, [0.0] * 3, [0, 0.333334, 0.666667]),
    ],
)
def test_when_requests_may_start(rate: float, burst: int, asked: list[float], expected: list[float]) -> None:
    """A burst at once, then one every 1/rate, at whole microseconds."""
    assert starts(Bucket(rate, burst), asked) == pytest.approx(expected, abs=1e-12)


gaps = st.lists(st.integers(0, 300_000), min_size=1, max_size=120)


@given(st.floats(0.5, 2_000), st.integers(1, 12), gaps, st.floats(0, 1e6))
def test_never_more_than_rate_and_burst_in_any_sliding_second(rate: float, burst: int, gaps: list[int], origin: float) -> None:
    """Whatever arrives when: count from every start."""
    bucket, now, begun = Bucket(rate, burst), origin, []
    for gap in gaps:
        now += gap / 1e6
        begun.append(now + bucket.reserve(now))
    for first in range(len(begun)):
        inside = [start for start in begun[first:] if start - begun[first] <= 1 - 1e-6]
        assert len(inside) <= rate + burst


@given(st.floats(0.5, 2_000), st.integers(1, 12), gaps)
def test_first_come_first_served(rate: float, burst: int, gaps: list[int]) -> None:
    """Nobody starts before someone who asked earlier."""
    bucket, now, begun = Bucket(rate, burst), 0.0, []
    for gap in gaps:
        now += gap / 1e6
        begun.append(now + bucket.reserve(now))
    assert begun == sorted(begun)


@given(st.floats(0.5, 2_000), st.integers(1, 5), st.integers(1, 40))
def test_a_full_queue_keeps_the_exact_rate(rate: float, burst: int, count: int) -> None:
    """Rounding up to a microsecond does not add up: the n-th start is at its time, never a microsecond late."""
    last = starts(Bucket(rate, burst), [0.0] * (count + burst))[-1]
    assert count / rate - 1e-8 <= last <= count / rate + 1e-6


@given(st.floats(0.5, 2_000), st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_every_wait_is_a_whole_number_of_microseconds(rate: float, asked: list[float]) -> None:
    """Virtual time adds waits up, and must get the same sum in every run."""
    bucket = Bucket(rate)
    assert all((wait := bucket.reserve(now)) == round(wait * 1e6) / 1e6 for now in sorted(asked))


def test_cancelling_the_last_reservation_frees_its_slot() -> None:
    """The next to ask starts when the cancelled one would have."""
    bucket = Bucket(10, burst=1)
    bucket.reserve(0.0)
    start = bucket.reserve(0.0)
    assert bucket.cancel(start)
    assert bucket.reserve(0.0) == start


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]])
def test_a_queue_cancelled_in_any_order_is_free_again(order: list[int]) -> None:
    """An aborted run does not leave its queue in the way of the cleanup."""
    bucket = Bucket(10, burst=1)
    bucket.reserve(0.0)
    waiting = [bucket.reserve(0.0) for _ in range(3)]
    for each in order:
        bucket.cancel(waiting[each])
    assert bucket.reserve(0.0) == waiting[0]


def test_a_slot_in_the_middle_stays_taken_while_later_ones_are() -> None:
    """Nobody who was told a time is moved."""
    bucket = Bucket(10, burst=1)
    first, second, third = (bucket.reserve(0.0) for _ in range(3))
    assert not bucket.cancel(second)
    assert (first, third, bucket.reserve(0.0)) == (0.0, 0.2, 0.3)


@pytest.mark.parametrize("start", [0.0, 0.05, 99.0])
def test_what_is_not_ahead_cannot_be_cancelled(start: float) -> None:
    """Unknown times, and times that have passed."""
    bucket = Bucket(10, burst=1)
    bucket.reserve(0.0)
    assert not bucket.cancel(start)


def test_a_reservation_that_has_passed_cannot_be_cancelled() -> None:
    """Its request has been sent."""
    bucket = Bucket(10, burst=1)
    bucket.reserve(0.0)
    start = bucket.reserve(0.0)
    bucket.reserve(0.15)
    assert not bucket.cancel(start)


def test_threads_share_one_bucket() -> None:
    """No slot is given twice."""
    bucket, waits = Bucket(1_000, burst=1), []
    threads = [Thread(target=lambda: waits.extend(bucket.reserve(0.0) for _ in range(200))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([n / 1_000 for n in range(800)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "rate: got 0; expected requests per second, more than 0; try 100"),
        ((float("inf"),), "rate: got inf; expected requests per second"),
        ((10, 0), "burst: got 0; expected at least 1 request; try 4"),
    ],
)
def test_a_bucket_that_makes_no_sense(arguments: tuple[float, ...], message: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match="expected") as caught:
        Bucket(*arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)


def answer(status: int, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


@pytest.mark.parametrize("outcome", [None, *map(answer, (408, 429, 500, 502, 503, 504, 599))])
def test_what_is_sent_again(outcome: Answer | None) -> None:
    """No answer, 408, 429 and every 5xx."""
    assert Retry().after(1, outcome, 0.0, Random(1)) is not None


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 413, 422])
def test_what_is_not_sent_again(status: int) -> None:
    """Another attempt would fare no better."""
    assert Retry().after(1, answer(status), 0.0, Random(1)) is None


def test_what_cannot_be_repeated_is_not() -> None:
    """Not even when nothing came back."""
    assert Retry().after(1, None, 0.0, Random(1), repeatable=False) is None


@pytest.mark.parametrize(("attempt", "again"), [(1, True), (3, True), (4, False), (9, False)])
def test_attempts_are_counted_with_the_first(attempt: int, again: bool) -> None:
    """Four attempts are three retries."""
    assert (Retry(attempts=4).after(attempt, None, 0.0, Random(1)) is not None) == again


@given(st.integers(1, 200), st.integers())
def test_jitter_is_full_and_bounded(attempt: int, seed: int) -> None:
    """Anything between 0 and the doubling bound, and never over the cap, in whole microseconds."""
    wait = Retry(attempts=1_000, base=0.1, cap=5.0).after(attempt, None, 0.0, Random(seed))
    assert wait is not None
    assert 0 <= wait <= min(5.0, 0.1 * 2 ** (attempt - 1))
    assert wait == round(wait * 1e6) / 1e6


def test_jitter_is_seeded() -> None:
    """The same seed waits the same."""
    waits = [[Retry().after(n, None, 0.0, rng) for n in (1, 2, 3)] for rng in (Random(3), Random(3))]
    assert waits[0] == waits[1]


@pytest.mark.parametrize(
    ("outcome", "wait"),
    [
        (answer(429, retry_after="2"), 2.0),
        (answer(503, retry_after="0"), 0.0),
        (answer(429, retry_after="1.5"), 1.5),
        (answer(429, retry_after="120"), 5.0),
        (answer(429, retry_after=TEN_LATER, date=DATE), 5.0),
        (answer(429, retry_after=DATE, date=TEN_LATER), 0.0),
    ],
)
def test_retry_after_is_kept_to_up_to_the_cap(outcome: Answer, wait: float) -> None:
    """Seconds or a date, in place of jitter."""
    assert Retry(cap=5.0).after(1, outcome, 0.0, Random(1)) == wait


@pytest.mark.parametrize(("spent", "wait"), [(0.0, 2.0), (28.0, 2.0), (28.1, None), (100.0, None)])
def test_a_wait_beyond_the_budget_is_not_begun(spent: float, wait: float | None) -> None:
    """The budget covers the call so far and the wait."""
    assert Retry(budget=30.0).after(1, answer(429, retry_after="2"), spent, Random(1)) == wait


@pytest.mark.parametrize(
    ("headers", "today", "seconds"),
    [
        ({}, UNIX, None),
        ({"retry-after": "soon"}, UNIX, None),
        ({"retry-after": "-3"}, UNIX, None),
        ({"retry-after": "nan"}, UNIX, None),
        ({"retry-after": "1e3"}, UNIX, None),
        ({"retry-after": "."}, UNIX, None),
        ({"retry-after": " 7 "}, None, 7.0),
        ({"retry-after": TEN_LATER, "date": DATE}, UNIX + 99, 10.0),
        ({"retry-after": TEN_LATER}, UNIX, 10.0),
        ({"retry-after": TEN_LATER}, UNIX + 60, 0.0),
        ({"retry-after": TEN_LATER}, None, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:10 -0000", "date": "nonsense"}, UNIX, 10.0),
    ],
)
def test_reading_retry_after(headers: dict[str, str], today: float | None, seconds: float | None) -> None:
    """Seconds, or a date by the server's clock before ours."""
    assert retry_after(headers, today) == seconds


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attempts": 0}, "attempts: got 0; expected at least 1, the first request itself; try 4"),
        ({"base": -1}, "base: got -1; expected seconds, 0 or more; try 0.1"),
        ({"cap": float("nan")}, "cap: got nan; expected seconds, 0 or more; try 5.0"),
        ({"budget": float("inf")}, "budget: got inf; expected seconds, 0 or more; try 30.0"),
    ],
)
def test_a_retry_that_makes_no_sense(arguments: dict[str, float], message: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match="expected") as caught:
        Retry(**arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)
