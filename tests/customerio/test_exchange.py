"""The core of the client on a clock that only moves when it is told to: pacing, retry, errors and records."""

from __future__ import annotations

import asyncio
import gc
from random import Random

import pytest

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.client import CallRecord, Client, SyncClient
from pytest_cio_load.customerio.exchange import Core
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.errors import CustomerIOError, InvalidOperation, RateLimited, ServerFailed, Unreachable

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
    exchange = core._exchange(clock.now, "identify", identify)
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


class Script:
    """A wire for both clients that gives the next outcome, or never answers."""

    def __init__(self, *outcomes: Answer | NoAnswer) -> None:
        self.outcomes = list(outcomes)
        self.requests: list[Request] = []
        self.closed = False

    def next(self, request: Request) -> Answer:
        self.requests.append(request)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, NoAnswer):
            raise outcome
        return outcome


class AsyncScript(Script):
    async def send(self, request: Request) -> Answer:
        if not self.outcomes:
            await asyncio.Event().wait()
        return self.next(request)

    async def aclose(self) -> None:
        self.closed = True


class SyncScript(Script):
    def send(self, request: Request) -> Answer:
        return self.next(request)

    def close(self) -> None:
        self.closed = True


NOW_OR_NEVER = Retry(base=0.0)
THREE_CALLS = [("identify", 3, None), ("track", 1, None), ("delete", 1, None)]


@pytest.mark.asyncio
async def test_the_async_client_retries_and_records() -> None:
    """The shell plays the whole script."""
    records: list[CallRecord] = []
    wire = AsyncScript(NoAnswer("reset"), OUTAGE, OK, OK, OK)
    client = Client(WORKSPACE, wire, retry=NOW_OR_NEVER, on_call=records.append)
    await client.identify("u1", plan="pro")
    await client.track("u1", "bought", {"n": 1})
    await client.delete("u1")
    await client.aclose()
    assert [(record.operation, record.attempts, record.error) for record in records] == THREE_CALLS
    assert wire.closed


def test_the_sync_client_retries_and_records() -> None:
    """The blocking twin plays the same script."""
    records: list[CallRecord] = []
    wire = SyncScript(NoAnswer("reset"), OUTAGE, OK, OK, OK)
    client = SyncClient(WORKSPACE, wire, retry=NOW_OR_NEVER, on_call=records.append)
    client.identify("u1", plan="pro")
    client.track("u1", "bought", {"n": 1})
    client.delete("u1")
    client.close()
    assert [(record.operation, record.attempts, record.error) for record in records] == THREE_CALLS
    assert wire.closed


def test_both_clients_send_the_same_bytes() -> None:
    """One core: the same seed and the same time give the same requests."""
    sent = []

    async def ask(client: Client) -> None:
        await client.track("u 1", "bought", {"n": 1})

    for wire in (AsyncScript(OK), SyncScript(OK)):
        if isinstance(wire, AsyncScript):
            asyncio.run(ask(Client(WORKSPACE, wire, rng=Random(5), today=lambda: 9.0)))
        else:
            SyncClient(WORKSPACE, wire, rng=Random(5), today=lambda: 9.0).track("u 1", "bought", {"n": 1})
        sent.append(wire.requests)
    assert sent[0] == sent[1]


@pytest.mark.asyncio
async def test_a_retried_event_keeps_its_ulid() -> None:
    """So that Customer.io can ignore the second one."""
    wire = AsyncScript(NoAnswer("reset"), OK)
    await Client(WORKSPACE, wire, retry=NOW_OR_NEVER).track("u1", "bought")
    assert wire.requests[0].body == wire.requests[1].body


@pytest.mark.asyncio
async def test_what_is_refused_here_is_recorded_and_never_sent() -> None:
    """No attempt, no slot of the limiter."""
    records: list[CallRecord] = []
    wire = AsyncScript()
    with pytest.raises(InvalidOperation, match="must not be blank"):
        await Client(WORKSPACE, wire, on_call=records.append).track("u1", "")
    assert isinstance(records[0].error, InvalidOperation)
    assert (records[0].operation, records[0].attempts, wire.requests) == ("track", 0, [])


@pytest.mark.asyncio
async def test_cancelling_a_call_in_flight_passes_through() -> None:
    """The task ends cancelled; the record says so."""
    records: list[CallRecord] = []
    task = asyncio.create_task(Client(WORKSPACE, AsyncScript(), on_call=records.append).identify("u1"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert str(records[0].error) == "identify: cancelled"


@pytest.mark.asyncio
async def test_cancelling_a_paced_call_gives_its_slot_back() -> None:
    """Whoever asks next gets it."""
    bucket = Bucket(0.001, burst=1)
    now = asyncio.get_running_loop().time()
    bucket.reserve(now)
    task = asyncio.create_task(Client(WORKSPACE, AsyncScript(), bucket=bucket).identify("u1"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bucket.reserve(now) == 1_000.0


def test_a_call_torn_down_after_its_loop_closed_is_still_recorded() -> None:
    """An abandoned coroutine is closed without complaint."""
    records: list[CallRecord] = []
    client = Client(WORKSPACE, AsyncScript(), on_call=records.append)

    async def begin() -> object:
        call = client.identify("u1")
        call.send(None)
        return call

    call = asyncio.run(begin())
    del call
    gc.collect()
    assert str(records[0].error) == "identify: cancelled"


@pytest.mark.asyncio
async def test_an_error_hides_what_was_underneath() -> None:
    """The traceback is of our error alone."""
    with pytest.raises(Unreachable) as caught:
        await Client(WORKSPACE, AsyncScript(NoAnswer("reset")), retry=Retry(attempts=1)).identify("u1")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.asyncio
async def test_429_to_the_last_attempt() -> None:
    """RateLimited, with what the server asked for."""
    with pytest.raises(RateLimited) as caught:
        await Client(WORKSPACE, AsyncScript(Answer(429, {"retry-after": "60"}, b"")), retry=Retry(attempts=1)).identify("u1")
    assert (caught.value.retry_after, caught.value.attempts) == (60.0, 1)


def test_a_client_shows_no_key() -> None:
    """Its repr is safe to log."""
    assert "secret-key" not in repr(SyncClient(WORKSPACE, SyncScript()))


def test_clients_of_one_workspace_may_share_a_bucket() -> None:
    """Four at once are all there is, for both of them together."""
    bucket = Bucket(0.001)
    for _ in range(2):
        client = SyncClient(WORKSPACE, SyncScript(OK, OK), bucket=bucket, now=lambda: 0.0)
        client.identify("u1")
        client.identify("u1")
    assert bucket.reserve(0.0) > 0
