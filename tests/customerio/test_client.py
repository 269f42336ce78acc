"""The two shells over scripted wires: they play the same core, and stand being cancelled."""

from __future__ import annotations

import asyncio
import gc
from random import Random

import pytest

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.client import CallRecord, Client, SyncClient
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.errors import InvalidOperation, RateLimited, Unreachable

WORKSPACE = api.Workspace("site", "secret-key")
OK = Answer(200, {}, b"{}\n")
OUTAGE = Answer(503, {}, b"")


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
