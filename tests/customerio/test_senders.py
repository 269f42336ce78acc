"""Sending in batches: an outcome per operation, what is refused is reported, what fails is repeated as a whole or reported as a whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.batch import Outcome
from pytest_cio_load.customerio.client import CallRecord, Client, SyncClient
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.senders import BatchSender, SyncBatchSender
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.errors import InvalidOperation, Refused, ServerFailed, Unauthorized, Unreachable

WORKSPACE = api.Workspace("site", "key", limit=1_000_000)
OK = Answer(200, {}, b"{}\n")
NOW_OR_NEVER = Retry(base=0.0)

Answers = Callable[[list[dict[str, Any]]], Answer | NoAnswer]


class Wire:
    """Both kinds of wire: notes the items of each request and answers as told."""

    def __init__(self, answers: Answers = lambda _: OK, delay: float = 0.0) -> None:
        self.answers, self.delay = answers, delay
        self.batches: list[list[dict[str, Any]]] = []
        self.flying = self.most_flying = 0

    def answer(self, request: Request) -> Answer:
        items = json.loads(request.body or b"")["batch"]
        self.batches.append(items)
        answer = self.answers(items)
        if isinstance(answer, NoAnswer):
            raise answer
        return answer


class AsyncWire(Wire):
    async def send(self, request: Request) -> Answer:
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            await asyncio.sleep(self.delay)
            return self.answer(request)
        finally:
            self.flying -= 1

    async def aclose(self) -> None:
        pass


class SyncWire(Wire):
    def send(self, request: Request) -> Answer:
        return self.answer(request)

    def close(self) -> None:
        pass


def send_both(
    operations: Callable[[], Iterable[api.Operation]], answers: Answers = lambda _: OK, *, items: int = 10, in_flight: int = 4
) -> list[tuple[list[Outcome], Wire, list[CallRecord]]]:
    """Send through either shell: the outcomes, in the order of the operations, the wire, and the records."""

    async def gather(client: Client) -> list[Outcome]:
        return [outcome async for outcome in BatchSender(client, items=items, in_flight=in_flight).send(operations())]

    played: list[tuple[list[Outcome], Wire, list[CallRecord]]] = []
    for wire in (AsyncWire(answers), SyncWire(answers)):
        records: list[CallRecord] = []
        if isinstance(wire, AsyncWire):
            found = asyncio.run(gather(Client(WORKSPACE, wire, retry=NOW_OR_NEVER, on_call=records.append)))
        else:
            client = SyncClient(WORKSPACE, wire, retry=NOW_OR_NEVER, on_call=records.append)
            found = list(SyncBatchSender(client, items=items, in_flight=in_flight).send(operations()))
        played.append((sorted(found, key=lambda outcome: outcome.index), wire, records))
    return played


def deletions(count: int) -> Iterator[api.Operation]:
    return (api.delete(f"u{number}") for number in range(count))


def test_every_operation_has_its_outcome() -> None:
    """All accepted, in full batches, each recorded as one call."""
    for found, wire, records in send_both(lambda: deletions(35)):
        assert [outcome.index for outcome in found] == list(range(35))
        assert all(outcome.accepted for outcome in found)
        assert sorted(map(len, wire.batches)) == [5, 10, 10, 10]
        assert [(record.operation, record.attempts) for record in records] == [("batch", 1)] * 4


def test_nothing_is_sent_for_nothing() -> None:
    """No operation, no request."""
    for found, wire, _ in send_both(lambda: []):
        assert (found, wire.batches) == ([], [])


def test_what_207_refuses_is_reported_and_never_sent_again() -> None:
    """Its neighbours are accepted."""
    refusal = Answer(207, {}, b'{"errors":[{"batch_index":2,"reason":"invalid","field":"name","message":"too bad"}]}')
    for found, wire, records in send_both(lambda: deletions(5), lambda _: refusal):
        assert [outcome.accepted for outcome in found] == [True, True, False, True, True]
        assert isinstance(found[2].error, Refused)
        assert (found[2].field, found[2].reason) == ("name", "too bad; expected acceptance; mend the operation")
        assert (len(wire.batches), records[0].error) == (1, None)


@pytest.mark.parametrize("failure", [NoAnswer("reset"), Answer(503, {}, b""), Answer(429, {"retry-after": "0"}, b""), Answer(408, {}, b"")])
def test_a_batch_without_an_acceptance_is_sent_again_as_a_whole(failure: Answer | NoAnswer) -> None:
    """The same bytes, so the same ULIDs."""
    seen: list[Answer | NoAnswer] = []

    def answers(_: list[dict[str, Any]]) -> Answer | NoAnswer:
        seen.append(failure)
        return failure if len(seen) % 2 else OK

    for found, wire, records in send_both(lambda: [api.track("u", "e"), api.delete("u")], answers):
        assert [outcome.accepted for outcome in found] == [True, True]
        assert len(wire.batches) == 2
        assert wire.batches[0] == wire.batches[1]
        assert records[0].attempts == 2


@pytest.mark.parametrize(
    ("failure", "kind", "requests"),
    [
        (NoAnswer("reset"), Unreachable, 4),
        (Answer(503, {}, b""), ServerFailed, 4),
        (Answer(401, {}, b""), Unauthorized, 1),
        (Answer(400, {}, b'{"errors":[{"reason":"invalid","field":"batch","message":"malformed"}]}'), Refused, 1),
        (Answer(301, {}, b""), Refused, 1),
    ],
)
def test_a_batch_that_fails_is_reported_as_a_whole(failure: Answer | NoAnswer, kind: type[Exception], requests: int) -> None:
    """Every operation in it has the error; the next batch is sent all the same."""

    def answers(items: list[dict[str, Any]]) -> Answer | NoAnswer:
        return failure if items[0]["identifiers"]["id"] == "u0" else OK

    for found, wire, _ in send_both(lambda: deletions(20), answers):
        assert [type(outcome.error) for outcome in found] == [kind] * 10 + [type(None)] * 10
        assert len(wire.batches) == requests + 1


def test_a_batch_that_cannot_be_repeated_is_not() -> None:
    """A push metric has nothing to be known by."""
    for found, wire, _ in send_both(lambda: [api.report_push("d", "opened", "t")], lambda _: Answer(503, {}, b"")):
        assert (len(wire.batches), found[0].accepted) == (1, False)


def test_what_has_no_form_in_a_batch_is_an_outcome() -> None:
    """In its place, with the reason; everything around it is sent."""
    asked = [api.delete("a"), api.unsubscribe("d"), api.track("b", "e", {"x": "y" * 40_000}), api.delete("c")]
    for found, wire, _ in send_both(lambda: asked):
        assert [outcome.accepted for outcome in found] == [True, False, False, True]
        assert isinstance(found[1].error, InvalidOperation)
        assert "send it alone" in found[1].reason
        assert "cannot be larger than 32000 bytes" in found[2].reason
        assert len(wire.batches[0]) == 2


def test_a_person_never_overtakes_themself() -> None:
    """Many batches under way, and each person's events arrive in order."""
    asked = [api.track(f"u{number % 3}", f"e{number:03d}") for number in range(60)]
    for _, wire, _ in send_both(lambda: asked, items=2):
        arrived = [item for batch in wire.batches for item in batch]
        for person in ("u0", "u1", "u2"):
            names = [item["name"] for item in arrived if item["identifiers"]["id"] == person]
            assert names == sorted(names)
            assert len(names) == 20


def test_when_the_operations_break_off_what_came_before_is_sent_first() -> None:
    """Then the exception is raised."""

    def broken() -> Iterator[api.Operation]:
        yield from deletions(3)
        raise RuntimeError("out of ids")

    async def gather(wire: AsyncWire, found: list[Outcome]) -> None:
        async for outcome in BatchSender(Client(WORKSPACE, wire)).send(broken()):
            found.append(outcome)  # noqa: PERF401  # a comprehension would keep nothing

    def gather_blocking(wire: SyncWire, found: list[Outcome]) -> None:
        found.extend(SyncBatchSender(SyncClient(WORKSPACE, wire)).send(broken()))

    for wire, run in ((AsyncWire(), lambda *given: asyncio.run(gather(*given))), (SyncWire(), gather_blocking)):
        found: list[Outcome] = []
        with pytest.raises(RuntimeError, match="out of ids"):
            run(wire, found)  # type: ignore[arg-type]
        assert len(wire.batches[0]) == 3
        assert [outcome.accepted for outcome in found] == [True] * 3


@pytest.mark.parametrize("stranger", [None, {"type": "person"}, "delete"])
def test_what_is_no_operation_breaks_off(stranger: object) -> None:
    """After everything before it was sent; a None does not end the stream unseen."""
    wire = SyncWire()
    with pytest.raises(TypeError, match=r"operations: got \w+; expected operations such as api.identify\(…\)"):
        list(SyncBatchSender(SyncClient(WORKSPACE, wire)).send([api.delete("a"), stranger]))  # type: ignore[list-item]
    assert len(wire.batches[0]) == 1


@pytest.mark.asyncio
async def test_an_async_stream_is_sent_as_well() -> None:
    """With the same outcomes."""

    async def stream() -> AsyncIterator[api.Operation]:
        for operation in deletions(25):
            await asyncio.sleep(0)
            yield operation

    wire = AsyncWire()
    found = [outcome async for outcome in BatchSender(Client(WORKSPACE, wire), items=10).send(stream())]
    assert sorted(outcome.index for outcome in found) == list(range(25))


@pytest.mark.asyncio
async def test_batches_are_under_way_together() -> None:
    """As many as told, and no more: nothing is answered until three are."""
    three = asyncio.Event()

    class Waits(AsyncWire):
        async def send(self, request: Request) -> Answer:
            if self.flying == 2:
                three.set()
            self.flying += 1
            self.most_flying = max(self.most_flying, self.flying)
            await three.wait()
            await asyncio.sleep(0)
            self.flying -= 1
            return self.answer(request)

    wire = Waits()
    sender = BatchSender(Client(WORKSPACE, wire), items=5, in_flight=3)
    assert len([outcome async for outcome in sender.send(deletions(100))]) == 100
    assert wire.most_flying == 3


@pytest.mark.asyncio
async def test_the_stream_is_read_no_faster_than_it_is_sent() -> None:
    """Before the first batch has landed no more is held than two batches per lane."""
    read = []

    def counted() -> Iterator[api.Operation]:
        for operation in deletions(10_000):
            read.append(operation)
            yield operation

    sender = BatchSender(Client(WORKSPACE, AsyncWire(delay=0.001)), items=10, in_flight=2)
    async for _ in sender.send(counted()):
        break
    assert len(read) <= 2 * 2 * 10 + 1


@pytest.mark.asyncio
async def test_who_stops_asking_stops_the_sending() -> None:
    """What is under way is cancelled, and recorded so."""
    records: list[CallRecord] = []
    client = Client(WORKSPACE, AsyncWire(delay=3600.0), on_call=records.append)
    sending = BatchSender(client, items=1).send([api.unsubscribe("d"), *deletions(3), api.unsubscribe("d")])
    assert not (await anext(sending)).accepted
    assert not (await anext(sending)).accepted
    await sending.aclose()  # type: ignore[attr-defined]
    assert [str(record.error) for record in records] == ["batch: cancelled"] * 2


def test_who_stops_asking_of_the_blocking_one_waits_for_what_is_under_way() -> None:
    """Nothing is left running."""
    wire = SyncWire()
    sending = SyncBatchSender(SyncClient(WORKSPACE, wire), items=1).send(deletions(100))
    next(sending)
    sending.close()  # type: ignore[attr-defined]
    assert 1 <= len(wire.batches) <= 8


@pytest.mark.parametrize("kind", [BatchSender, SyncBatchSender])
def test_bad_settings_are_refused_at_once(kind: Any) -> None:
    """Not when the first operation comes."""
    client = SyncClient(WORKSPACE, SyncWire())
    with pytest.raises(ValueError, match="in_flight: got 0; expected at least 1 batch under way; try 4"):
        kind(client, in_flight=0)
    with pytest.raises(ValueError, match="items: got -1; expected at least 1 operation per batch; try 1000"):
        kind(client, items=-1)


def test_batches_are_paced_like_any_call() -> None:
    """One request, one slot of the limiter."""
    bucket = Bucket(0.001, burst=3)
    records: list[CallRecord] = []
    client = SyncClient(WORKSPACE, SyncWire(), bucket=bucket, now=lambda: 0.0, on_call=records.append)
    list(SyncBatchSender(client, items=10).send(deletions(30)))
    assert (len(records), bucket.reserve(0.0)) == (3, 1_000.0)
