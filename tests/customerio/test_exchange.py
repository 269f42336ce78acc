"""The core of the client on a clock that only moves when it is told to: pacing, retry, errors and records."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.exchange import CallRecord, Core
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.replies import nothing
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.errors import CustomerIOError, ServerFailed, Unreachable

WORKSPACE = api.Workspace("site", "secret-key")
OK = Answer(200, {}, b"{}\n")
OUTAGE = Answer(503, {}, b"")


class Clock:
    """Time that passes only when somebody sleeps, or a request is served."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time


def identify() -> api.Operation:
    return api.identify("u1", {"email": "u1@example.com"})


def play(
    outcomes: list[Answer | BaseException], *, bucket: Bucket | None = None, retry: Retry | None = None, service: float = 0.05
) -> tuple[list[float | str], CallRecord]:
    """Play one identify against *outcomes*: the steps it asked for, and its record."""
    clock, records, steps = Clock(), [], []
    core = Core(WORKSPACE, None, bucket=bucket, retry=retry, on_call=records.append, rng=Random(1), now=clock.now, today=lambda: 0.0)
    exchange = core._exchange(clock.now, "identify", identify, nothing)
    left = iter(outcomes)
    try:
        step = next(exchange)
        while True:
            if isinstance(step, Request):
                steps.append(step.method)
                clock.time += service
                outcome = next(left)
                step = exchange.throw(outcome) if isinstance(outcome, BaseException) else exchange.send(outcome)
            else:
                steps.append(step)
                clock.time += step
                step = exchange.send(None)
    except (StopIteration, CustomerIOError, asyncio.CancelledError, RuntimeError):
        pass
    (record,) = records
    return steps, record


def test_a_call_that_is_accepted_sends_once() -> None:
    """No sleep, one request, a record without an error."""
    steps, record = play([OK])
    assert steps == ["PUT"]
    assert record == CallRecord("identify", 1_000.0, 1_000.05, 0.0, 1, None)


@pytest.mark.parametrize("answer", [OK, Answer(204, {}, b""), Answer(207, {}, b"no json"), Answer(200, {}, b"<html>")])
def test_every_2xx_is_accepted(answer: Answer) -> None:
    """Whatever its body."""
    assert play([answer])[1].error is None


def test_an_outage_that_ends_is_retried_through() -> None:
    """Two failures, two waits, then accepted: three attempts."""
    steps, record = play([OUTAGE, NoAnswer("reset"), OK])
    assert [step for step in steps if step == "PUT"] == ["PUT"] * 3
    assert [type(step) for step in steps] == [str, float, str, float, str]
    assert (record.attempts, record.error, record.paced) == (3, None, 0.0)


def test_an_outage_that_stays_is_given_up() -> None:
    """The error is that of the last attempt and knows how many there were."""
    _, record = play([NoAnswer("reset"), NoAnswer("reset"), NoAnswer("reset"), OUTAGE])
    assert isinstance(record.error, ServerFailed)
    assert (record.error.attempts, record.error.status, record.attempts) == (4, 503, 4)


def test_no_answer_at_all_is_unreachable() -> None:
    """With the network's words."""
    _, record = play([NoAnswer("connection refused")], retry=Retry(attempts=1))
    assert isinstance(record.error, Unreachable)
    assert "no answer: connection refused" in str(record.error)


def test_retry_after_is_waited_for() -> None:
    """In place of jitter."""
    steps, record = play([Answer(429, {"retry-after": "2"}, b""), OK])
    assert steps == ["PUT", 2.0, "PUT"]
    assert record.ended - record.began == pytest.approx(2.1)


def test_retry_after_now_does_not_sleep() -> None:
    """A wait of 0 s is no wait."""
    assert play([Answer(429, {"retry-after": "0"}, b""), OK])[0] == ["PUT", "PUT"]


def test_a_spent_budget_gives_up() -> None:
    """Slow failures use it up."""
    _, record = play([OUTAGE, OUTAGE], service=20.0, retry=Retry(budget=30.0, base=0.0))
    assert record.attempts == 2


def test_every_attempt_takes_a_slot() -> None:
    """A retry is a request like any other: three attempts at 10/s are 0.2 s of pacing."""
    steps, record = play([OUTAGE, OUTAGE, OK], bucket=Bucket(10, burst=1), retry=Retry(base=0.0), service=0.0)
    assert steps == ["PUT", 0.1, "PUT", 0.1, "PUT"]
    assert record.paced == 0.2


def test_pacing_does_not_use_up_the_retry_budget() -> None:
    """Waiting for our own limiter is not time the server took."""
    bucket = Bucket(0.01, burst=1)
    bucket.reserve(1_000.0)
    _, record = play([OUTAGE, OK], bucket=bucket, retry=Retry(budget=1.0))
    assert (record.attempts, record.paced) == (2, pytest.approx(200.0, abs=0.2))


def test_a_cancelled_request_is_an_error_not_a_success() -> None:
    """It is recorded as cancelled, with the attempts made."""
    _, record = play([asyncio.CancelledError()])
    assert str(record.error) == "identify: cancelled"
    assert record.attempts == 1


def test_a_bug_below_is_recorded_by_its_class() -> None:
    """And passes through."""
    _, record = play([RuntimeError("u1@example.com")])
    assert str(record.error) == "identify: stopped by RuntimeError"
