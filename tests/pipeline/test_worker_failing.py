"""The worker when Customer.io, the gate or this program fails: what counts as a try, what waits, and what is given up."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import people
from pytest_cio_load.pipeline.policy import Policy

BOB = b"/bob"


def plans(stage: Any, persons: int) -> list[int]:
    """The last number that each person was identified with."""
    return [stage.fake.person(f"u{number}").attributes["n"] for number in range(persons)]


def fails_for(stage: Any, person: str, status: int = 500) -> None:
    """From now on every request about *person* fails, and nobody else's."""
    watched = stage.door
    answer = watched.fake.answer

    def picky(method: str, path: str, headers: Any, body: bytes, now: float) -> Any:
        reply = answer(method, path, headers, body, now)
        return type(reply)(status, reply.headers, b"{}", reply.delay) if f"/{person}" in path else reply

    watched.fake.answer = picky


def test_a_400_is_dead_at_once(play: Any) -> None:
    """With what was said; what follows of the same person goes on."""

    async def body(stage: Any) -> None:
        stage.worker()
        stage.fake.at(0).fail(400, lasting="1s")
        (first,) = await stage.put(people.delete("a"))
        await asyncio.sleep(1)
        await stage.put(people.delete("a"))
        await stage.until_settled(2)
        assert list(stage.dead) == [first]
        assert stage.dead[first].reason.startswith("400 ")
        assert stage.dead[first].attempts == 1
        assert len(stage.door.arrived) == 2

    play(body)


def test_a_401_is_dead_and_closes_the_gate(play: Any) -> None:
    """What was under way is dead at once; the rest waits until the key is right again."""

    async def body(stage: Any) -> None:
        worker = stage.worker(concurrency=3)
        stage.fake.at(0).unauthorized(lasting="20s")
        await stage.put(*[people.delete(f"u{number}") for number in range(50)])
        await asyncio.sleep(19)
        assert len(stage.dead) == worker.figures.requests == 3
        assert {letter.reason[:4] for letter in stage.dead.values()} == {"401 "}
        await stage.until_settled(50)
        assert len(stage.dead) == 3

    play(body, burst=100, rate=1000)


def test_a_person_who_always_fails(play: Any) -> None:
    """Five tries with growing, jittered gaps, then dead; their later jobs come after; others are not held up."""

    async def body(stage: Any) -> None:
        worker = stage.worker()
        for number in range(20):
            await stage.put(people.identify(f"u{number}", {"n": 0}))
        await stage.until_settled(20)
        fails_for(stage, "bob")
        tried: list[float] = []
        stage.door.before = lambda body: tried.append(stage.now()) if b"bad" in body else None
        bad, later = await stage.put(people.identify("bob", {"bad": 1}), people.delete("bob"))
        others = [await stage.put(people.identify(f"u{number % 20}", {"n": number})) for number in range(200)]
        await stage.until(lambda: len(stage.done) >= 220)
        assert stage.now() < 10
        await stage.until_settled(222)
        assert (stage.dead[bad].attempts, stage.dead[bad].reason[:3], stage.dead[bad].reason[-9:]) == (5, "500", "(5 tries)")
        gaps = [round(after - before, 2) for before, after in pairwise(tried)]
        assert all(low <= gap <= low * 2 + 1 for low, gap in zip((1, 2, 4, 8), gaps, strict=True))
        assert list(stage.dead) == [bad, later]
        assert len(others) + 20 == len(stage.done)
        assert worker.figures.failed_tries == 8
        assert (await stage.engine.totals()).retried == 8

    play(body, rate=100, latency="10ms")


@pytest.mark.parametrize("how", ["503", "500", "reset", "freeze", "never"])
@pytest.mark.parametrize("workers", [1, 3])
def test_an_outage(play: Any, how: str, workers: int) -> None:
    """A minute of it at 80/s in: nothing is dead, next to no try is burnt, few requests are wasted, and it drains at the budget."""

    async def body(stage: Any) -> None:
        for _ in range(workers):
            stage.worker()
        moment = stage.fake.at("10s")
        arrange = {"reset": moment.reset_connections, "never": moment.times_out}
        if how == "freeze":
            moment.freeze("60s")
        elif how in arrange:
            arrange[how](lasting="60s")
        else:
            moment.fail(int(how), lasting="60s")
        for number in range(1200):
            await stage.put(people.identify(f"u{number % 200}", {"n": number}))
            await asyncio.sleep(1 / 80 if number % 80 else 3)
        await stage.until_settled(1200)
        assert not stage.dead
        assert plans(stage, 200) == [1000 + number for number in range(200)]
        assert (await stage.engine.totals()).retried <= 4
        outage = [moment for moment in stage.door.arrived if 10 <= moment < 70]
        assert len(outage) < 40 * workers
        assert stage.door.busiest_second() <= 104
        assert stage.now() < 110

    play(body, rate=100, timeout=5.0, latency="10ms")


def test_a_storm_of_429(play: Any) -> None:
    """Nothing is dead and no try counts; Retry-After is obeyed."""

    async def body(stage: Any) -> None:
        stage.worker()
        stage.fake.at("1s").fail(429, lasting="10s", retry_after=4)
        await stage.put(*stage.mixed(400, persons=40))
        await stage.until_settled(400)
        assert not stage.dead
        assert (await stage.engine.totals()).retried == 0
        refused = [moment for moment, status in zip(stage.door.arrived, stage.door.statuses, strict=True) if status == 429]
        waves = [moment for before, moment in zip([-9, *refused], refused, strict=False) if moment - before > 1]
        assert len(waves) == 3
        assert all(4 <= after - before < 4.5 for before, after in pairwise(waves))

    play(body)


def test_a_budget_below_ours(play: Any) -> None:
    """Whoever is told to slow down again and again still sends everything, once and in order."""

    async def body(stage: Any) -> None:
        stage.worker()
        stage.fake.at(0).rate_limit("40/s", lasting="30s")
        await stage.put(*stage.mixed(800, persons=80))
        await stage.until_settled(800)
        delivery = stage.fake.delivery()
        assert (delivery.applied, delivery.duplicates, delivery.out_of_order, len(stage.dead)) == (800, 0, 0, 0)

    play(body)


def test_answers_that_are_lost(play: Any) -> None:
    """Applied, and the answer never came: sent again, and an event is recognised by its ULID."""

    async def body(stage: Any) -> None:
        stage.worker()
        stage.fake.at(0).reset_connections(ratio=0.2, lasting="20s", applied=True)
        await stage.put(*[stage.track(f"u{number % 50}", n=number) for number in range(500)])
        await stage.until_settled(500)
        delivery = stage.fake.delivery()
        assert (delivery.applied, len(stage.dead), delivery.out_of_order) == (500, 0, 0)
        assert delivery.duplicates > 10

    play(body, rate=1000, burst=10)


def test_an_error_of_ours(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A request that fails by a mistake in this program is tried as one that failed with 500, and then dead; nothing secret is logged."""

    async def body(stage: Any) -> None:
        stage.worker(policy=Policy(attempts=2))

        def mistaken(body: bytes) -> None:
            if b"bad" in body:
                raise LookupError(body)

        stage.door.before = mistaken
        bad, *_ = await stage.put(people.identify("bob", {"bad": "hidden"}), *stage.mixed(20))
        await stage.until_settled(21)
        assert list(stage.dead) == [bad]
        assert stage.dead[bad].reason == "got LookupError while it was sent; expected an answer; look at the log (2 tries)"
        assert len(stage.done) == 20

    play(body)
    assert "a request failed by an error of ours:" in caplog.text
    assert "raise LookupError(body)\nLookupError" in caplog.text
    assert "hidden" not in caplog.text


def test_a_job_that_is_no_longer_ours(play: Any) -> None:
    """It is not sent, and what it would have used at the gate is given back: a probe, so that another may probe."""

    async def body(stage: Any) -> None:
        worker = stage.worker(concurrency=1)
        stage.fake.at(0).fail(503, lasting="5s")
        lost, kept = await stage.put(people.delete("a"), people.delete("b"))
        await asyncio.sleep(1)
        worker.consumer._mine.pop(lost, None)
        await stage.until(lambda: stage.done == [kept])
        assert stage.now() < 15
        assert (worker.figures.lost, worker.figures.taken) == (1, 2)

    play(body)


def test_it_asks_the_gate_again(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A gate that cannot be reached lets nothing pass, and nothing fails of it, whatever its errors are; it is said once."""

    async def body(stage: Any) -> None:
        worker, gate = stage.worker(), stage.gates[0]
        ask, succeeded = gate.ask, gate.succeeded

        async def gone(*_: object) -> Any:
            raise LookupError("redis://:hidden@127.0.0.1")

        gate.ask = gate.succeeded = gone
        await stage.put(people.delete("a"))
        await asyncio.sleep(10)
        assert (worker.figures.requests, stage.settled) == (0, [])
        gate.ask = ask
        await stage.until_settled(1)
        gate.succeeded = succeeded
        assert worker.figures.limited == pytest.approx(10, abs=1)

    play(body)
    assert [record.getMessage() for record in caplog.records] == [
        "a gate could not be asked: got LookupError; expected an answer; it is asked again"
    ]


def test_an_outage_the_gate_cannot_be_told(play: Any) -> None:
    """No try is burnt by what looks like an outage, even when the gate is gone as well."""

    async def body(stage: Any) -> None:
        stage.worker()
        gate = stage.gates[0]

        async def gone(*_: object) -> Any:
            raise ConnectionResetError

        gate.failed, failed = gone, gate.failed
        stage.fake.at(0).fail(503, lasting="2s")
        await stage.put(people.delete("a"))
        await asyncio.sleep(1)
        gate.failed = failed
        await stage.until_settled(1)
        assert len(stage.done) == 1
        assert (await stage.engine.totals()).retried == 0

    play(body, latency="100ms")
