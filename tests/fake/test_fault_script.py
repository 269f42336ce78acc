"""Faults that strike: each as a pair of twins, one workspace with the fault and one without, that get the same requests."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.fake.faults import Faults, Moment
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply
from pytest_cio_load.units import UnitError

AUTHORIZED = {"authorization": "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()}
LATENCY = "uniform(10ms,50ms)"


def run(fake: FakeWorkspace, requests: int = 200, step: float = 0.1) -> list[Reply]:
    """A person each, every *step* seconds from 0 on."""
    fake.begin(0.0)
    return [fake.answer("PUT", f"/api/v1/customers/u{number}", AUTHORIZED, b"{}", number * step) for number in range(requests)]


def twins(arrange: Callable[[Moment], object], **options: Any) -> tuple[FakeWorkspace, list[Reply], list[Reply]]:
    """The workspace with a fault from 5 s on, its replies, and those of its twin."""
    fake, twin = (FakeWorkspace(**{"latency": LATENCY, "seed": 3, **options}) for _ in range(2))
    arrange(fake.at("5s"))
    return fake, run(fake), run(twin)


def struck(replies: list[Reply], others: list[Reply]) -> list[int]:
    return [number for number, pair in enumerate(zip(replies, others, strict=True)) if pair[0] != pair[1]]


def test_after_the_end_nothing_goes_wrong() -> None:
    """No fault, no freeze, no slowness, no budget; until a run begins again."""
    fake = FakeWorkspace(latency="40ms", limit=1, over_budget="reject")
    fake.at(0).fail().at(0).slow(5).at(0).freeze("1h")
    fake.begin(0.0)
    fake.end()
    replies = [fake.answer("DELETE", "/api/v1/customers/u", AUTHORIZED, b"", 0.0) for _ in range(50)]
    assert {(reply.status, reply.delay) for reply in replies} == {(200, 0.04)}
    assert run(fake, 1)[0].status == 503


LASTING: list[tuple[str, Callable[[Moment], object], int, str]] = [
    ("fail", lambda at: at.fail(503, lasting="5s"), 503, "answer"),
    ("reset", lambda at: at.reset_connections(lasting="5s"), 0, "reset"),
    ("never", lambda at: at.times_out(lasting=5), 0, "never"),
    ("unauthorized", lambda at: at.unauthorized(lasting="5s"), 401, "answer"),
]


@pytest.mark.parametrize(("name", "arrange", "status", "action"), LASTING)
def test_a_fault_strikes_while_it_lasts(name: str, arrange: Callable[[Moment], object], status: int, action: str) -> None:
    """Every request that arrives from 5 s to 10 s, the beginning included and the end not; nothing of it is applied."""
    fake, replies, others = twins(arrange)
    assert struck(replies, others) == list(range(50, 100))
    assert {(reply.status, reply.action) for reply in replies[50:100]} == {(status, action)}
    assert (fake.rejected(), fake.applied(), len(fake.people)) == (50, 150, 150)


def test_errors_take_as_long_as_answers() -> None:
    """A fault changes the answer and not the chance of latency; a reset comes at once, and what never comes has no time."""
    _, replies, others = twins(lambda at: at.fail(500))
    assert [reply.delay for reply in replies] == [reply.delay for reply in others]
    _, replies, _ = twins(lambda at: at.reset_connections())
    assert {reply.delay for reply in replies[50:]} == {0.0}
    _, replies, _ = twins(lambda at: at.times_out())
    assert {reply.delay for reply in replies[50:]} == {math.inf}


def test_dropping() -> None:
    """Nothing tells the client: the answers are those of the twin; only the workspace knows."""
    fake, replies, others = twins(lambda at: at.drop(lasting="5s"))
    assert struck(replies, others) == []
    assert (fake.dropped(), fake.applied(), len(fake.people)) == (50, 150, 150)


def test_what_would_be_refused_is_not_dropped() -> None:
    """It is refused."""
    fake = FakeWorkspace()
    fake.at(0).drop()
    assert fake.answer("PUT", "/api/v1/customers/u1", AUTHORIZED, b"[", 0.0).status == 400
    assert fake.answer("PUT", "/api/v1/customers/u1", {}, b"{}", 0.0).status == 401
    assert (fake.rejected(), fake.dropped()) == (2, 0)


def test_slowness() -> None:
    """What arrives meanwhile takes five times as long, and is applied."""
    fake, replies, others = twins(lambda at: at.slow(5, lasting="5s"))
    assert struck(replies, others) == list(range(50, 100))
    assert [reply.delay for reply in replies[50:100]] == [pytest.approx(5 * reply.delay) for reply in others[50:100]]
    assert fake.applied() == 200


def test_slowness_multiplies() -> None:
    """Two of them at once."""
    faults = Faults().at(0).slow(2).at(1).slow(3, lasting=1)
    assert [round(faults.finish(now, 0.1) - now, 6) for now in (0.0, 1.0, 2.0)] == [0.2, 0.6, 0.2]


def test_a_slow_answer_is_frozen_too() -> None:
    """The freeze holds what is left of it."""
    assert Faults().at(0).slow(5).at(1).freeze(10).finish(0.9, 0.1) == 11.4


def test_a_rate_limit() -> None:
    """100/s asked of 50/s: about half pass, at most 51 in a second but for those let in at once; the others are 429 and not applied."""
    fake = FakeWorkspace(latency="0ms")
    fake.at("1s").rate_limit("50/s", lasting="4s")
    replies = run(fake, 600, 0.01)
    assert {reply.status for reply in replies[:100] + replies[500:]} == {200}
    refused = [reply for reply in replies[100:500] if reply.status == 429]
    assert 185 <= len(refused) <= 200
    assert (refused[0].headers["retry-after"], json.loads(refused[0].body)) == (
        "1",
        {"meta": {"error": "rate limited to 50 requests per second"}},
    )
    assert fake.rejected() == len(refused)


@pytest.mark.parametrize(
    ("arrange", "status", "action", "delayed"),
    [
        (lambda at: at.fail(504, applied=True), 504, "answer", True),
        (lambda at: at.reset_connections(applied=True), 0, "reset", True),
        (lambda at: at.times_out(applied=True), 0, "never", False),
    ],
)
def test_applied_though_not_answered(arrange: Callable[[Moment], object], status: int, action: str, delayed: bool) -> None:
    """The work is done and only the answer is lost, so that a second try of an event is a duplicate."""
    fake = FakeWorkspace(latency="40ms")
    arrange(fake.at(0))
    event = api.track("u1", "e", id="01ARZ3NDEKTSV4RRFFQ69G5FAV")
    replies = [fake.answer("POST", event.path, AUTHORIZED, event.body or b"", 0.0) for _ in range(2)]
    assert [(reply.status, reply.action, reply.delay == 0.04) for reply in replies] == [(status, action, delayed)] * 2
    assert (fake.applied(), fake.duplicates(), fake.rejected()) == (1, 1, 0)


@pytest.mark.parametrize("ratio", [0.25, "25%"])
def test_a_share_is_struck_by_seeded_chance(ratio: float | str) -> None:
    """About as many as asked; the same ones with the same seed, others with another."""

    def failures(seed: int) -> list[int]:
        fake = FakeWorkspace(seed=seed)
        fake.at(0).fail(ratio=ratio)
        return [number for number, reply in enumerate(run(fake, 1_000)) if reply.status == 503]

    assert failures(1) == failures(1) != failures(2)
    assert 200 <= len(failures(1)) <= 300


def test_one_fault_does_not_change_the_chance_of_another() -> None:
    """What is struck by the second is struck with or without the first."""
    alone, together = FakeWorkspace(), FakeWorkspace()
    together.at(0).drop(ratio=0.5).at(0).fail(ratio=0.5)
    alone.at(0).drop(ratio=0.5)
    run(alone)
    run(together)
    assert alone.dropped() == together.dropped()


def test_the_fault_arranged_first_strikes() -> None:
    """Where two would."""
    fake = FakeWorkspace()
    fake.at(0).unauthorized(lasting=5).at(0).fail(500)
    assert [reply.status for reply in run(fake, 100)] == [401] * 50 + [500] * 50


@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (2, "2"), ("1m", "60"), (0, "0")])
def test_a_failure_may_ask_to_wait(retry_after: str | float | None, header: str | None) -> None:
    """In whole seconds."""
    fake = FakeWorkspace()
    fake.at(0).fail(503, retry_after=retry_after)
    (reply,) = run(fake, 1)
    assert (reply.headers.get("retry-after"), json.loads(reply.body)) == (header, {"meta": {"error": "service unavailable"}})


def test_the_app_api_fails_in_its_own_shape() -> None:
    """Faults strike every request."""
    fake = FakeWorkspace()
    fake.at(0).fail(599)
    reply = fake.answer("GET", "/v1/workspaces", {"authorization": "Bearer fake-app-key"}, b"", 0.0)
    assert (reply.status, json.loads(reply.body)) == (599, {"errors": [{"detail": "error", "status": "599"}]})


def test_a_batch_that_is_struck_counts_what_is_in_it() -> None:
    """Nothing is lost from the count."""
    fake = FakeWorkspace()
    fake.at(0).fail()
    item = {"type": "person", "action": "identify", "identifiers": {"id": "u1"}}
    fake.answer("POST", "/api/v2/batch", AUTHORIZED, json.dumps({"batch": [item] * 3}).encode(), 0.0)
    fake.answer("POST", "/api/v2/entity", AUTHORIZED, json.dumps(item).encode(), 0.0)
    assert (fake.rejected("identify"), fake.received()) == (4, 4)


@pytest.mark.parametrize(
    ("arrange", "line"),
    [
        (lambda at: at.freeze("10s"), "from 5s to 15s: frozen"),
        (lambda at: at.fail(), "from 5s on: every request answered 503"),
        (
            lambda at: at.fail(500, ratio=0.1, lasting="10s", retry_after=1),
            "from 5s to 15s: 10% of requests answered 500, Retry-After 1",
        ),
        (lambda at: at.fail(504, applied=True), "from 5s on: every request answered 504, though applied"),
        (lambda at: at.reset_connections(ratio="5%"), "from 5s on: 5% of requests reset by the server"),
        (lambda at: at.times_out(lasting=0.5), "from 5s to 5.5s: every request never answered"),
        (lambda at: at.slow(2.5), "from 5s on: answers take 2.5 times as long"),
        (lambda at: at.drop(), "from 5s on: every request answered 200 and not applied"),
        (lambda at: at.unauthorized(), "from 5s on: every request answered 401"),
        (lambda at: at.rate_limit("3000/m"), "from 5s on: beyond 50/s requests answered 429, Retry-After 1"),
    ],
)
def test_a_script_can_be_read(arrange: Callable[[Moment], object], line: str) -> None:
    """A line a fault."""
    faults = Faults()
    arrange(faults.at("5s"))
    assert faults.describe() == (line,)


def test_a_script_is_read_in_the_order_of_time() -> None:
    """Chained in any order."""
    faults = Faults().at("9s").fail().at("1s").freeze("1s").at("5s").slow(2)
    assert [line.split(":")[0] for line in faults.describe()] == ["from 1s to 2s", "from 5s on", "from 9s on"]
    assert repr(faults).startswith("Faults(from 1s to 2s: frozen; from 5s on")


SHARE = "expected a share above 0 and up to 1 such as 0.1 or '10%'"


@pytest.mark.parametrize(
    ("arrange", "message"),
    [
        (lambda at: at.fail(200), "got 200, expected a status from 400 to 599 such as 503; .drop() answers 200 without applying"),
        (lambda at: at.fail("503"), "got '503', expected a status from 400 to 599 such as 503; did you mean 503?"),
        (lambda at: at.fail(True), "got True, expected a status from 400 to 599 such as 503"),
        (lambda at: at.fail(99), "got 99, expected a status from 400 to 599 such as 503"),
        (lambda at: at.fail(ratio=10), f"got 10, {SHARE}; did you mean '10%'?"),
        (lambda at: at.fail(ratio=0), f"got 0, {SHARE}; leave the fault out for no request at all"),
        (lambda at: at.fail(ratio=-0.1), f"got -0.1, {SHARE}"),
        (lambda at: at.drop(ratio="0%"), f"got '0%', {SHARE}"),
        (lambda at: at.drop(ratio="10"), f"got '10', {SHARE}; did you mean 10 or '10%'?"),
        (lambda at: at.drop(ratio=math.nan), f"got nan, {SHARE}"),
        (lambda at: at.times_out(ratio=1_000), f"got 1000, {SHARE}"),
        (
            lambda at: at.fail(retry_after=1.5),
            "got 1.5, expected whole seconds, which is all Retry-After can say; did you mean 2?",
        ),
        (
            lambda at: at.slow(math.inf),
            "got inf, expected a factor above 0 such as 5; for an answer that never comes use .times_out()",
        ),
        (lambda at: at.slow(0), "got 0, expected a factor above 0 such as 5"),
        (lambda at: at.unauthorized(lasting="5"), "did you mean '5s'?"),
        (lambda at: at.reset_connections(lasting=0), "got 0, expected a duration above 0"),
        (lambda at: at.rate_limit(0), "got 0, expected a rate above 0 such as 80 (per second), '80/s' or '4800/m'"),
        (lambda at: at.rate_limit("50"), "did you mean '50/s'?"),
    ],
)
def test_a_fault_that_makes_no_sense(arrange: Callable[[Moment], object], message: str) -> None:
    """Got, expected, nearest; and nothing is arranged."""
    faults = Faults()
    with pytest.raises(UnitError) as caught:
        arrange(faults.at(0))
    assert message in str(caught.value)
    assert faults.describe() == ()


@given(st.floats(0, 100), st.one_of(st.none(), st.floats(0.001, 50)), st.lists(st.floats(0, 200), max_size=30))
def test_a_fault_strikes_exactly_in_its_span(start: float, lasting: float | None, arrivals: list[float]) -> None:
    """To the microsecond."""
    faults = Faults().at(start).fail(lasting=lasting)
    (fault,) = faults.arranged
    for arrived in arrivals:
        micros = round(arrived * 1e6)
        inside = fault.start <= micros and (fault.end is None or micros < fault.end)
        assert (faults.strike(arrived) is not None) is inside
