"""The worker in batches, against the fake in virtual time: few requests, an outcome for every operation, order per person."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import deliveries, forms, people
from pytest_cio_load.fake.workspace import Reply
from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.engines.engine import Parcel

BATCHES = Batching(items=100, linger=0.05)


def sizes(stage: Any) -> list[int]:
    """Operations in every batch from now on, as they arrive."""
    found: list[int] = []
    stage.door.before = lambda body: found.append(len(json.loads(body)["batch"])) if body.startswith(b'{"batch"') else None
    return found


def fails_with(stage: Any, word: bytes, status: int) -> None:
    """Whatever request has *word* in it fails as a whole."""
    answer = stage.fake.answer

    def picky(method: str, path: str, headers: Any, body: bytes, now: float) -> Reply:
        return Reply(status, {}, b"{}", 0.02) if word in body else answer(method, path, headers, body, now)

    stage.door.fake.answer = picky


def test_everything_is_sent(play: Any) -> None:
    """In few requests, every operation once, every person's in order."""

    async def body(stage: Any) -> None:
        stage.worker(batching=BATCHES)
        ids = await stage.put(*stage.mixed(3000, persons=40))
        await stage.until_settled(3000)
        assert sorted(stage.done) == sorted(ids)
        delivery = stage.fake.delivery()
        assert (delivery.received, delivery.applied, delivery.out_of_order) == (3000, 3000, 0)
        assert [stage.fake.person(f"u{number}").attributes["n"] for number in range(40)] == [2960 + number for number in range(40)]
        assert stage.fake.requests <= 40

    play(body, latency="uniform(5ms,300ms)")


def test_one_person_fills_batches(play: Any) -> None:
    """Several operations of a person travel in one batch, in order; the next batch waits for it."""

    async def body(stage: Any) -> None:
        found = sizes(stage)
        ids = await stage.put(*[people.identify("u0", {"n": number}) for number in range(1000)])
        stage.worker(batching=BATCHES)
        await stage.until_settled(1000)
        assert stage.done == ids
        assert found == [100] * 10
        assert stage.fake.person("u0").attributes["n"] == 999

    play(body)


def test_it_lingers(play: Any) -> None:
    """The first of a batch waits for more, and no longer than it may; a full batch goes at once."""

    async def body(stage: Any) -> None:
        found = sizes(stage)
        stage.worker(batching=Batching(items=3, linger=2))
        await asyncio.sleep(0.5)
        began = stage.now()
        for number in range(2):
            await stage.put(people.delete(f"u{number}"))
            await asyncio.sleep(0.5)
        await stage.until_settled(2)
        await stage.put(*[people.delete(f"v{number}") for number in range(4)])
        await stage.until_settled(6)
        assert found == [2, 3, 1]
        assert [round(moment - began, 1) for moment in stage.door.arrived] == pytest.approx([2.0, 2.1, 4.1], abs=0.11)

    play(body)


def test_some_are_refused(play: Any) -> None:
    """207: those it lists are dead letters with Customer.io's reason, the others are done, each exactly once."""

    async def body(stage: Any) -> None:
        stage.worker(batching=BATCHES)
        ids = await stage.put(*stage.mixed(50))
        bad = '{"v":1,"data":{"name":" "},"method":"POST","path":"/api/v1/customers/u1/events"}'
        await stage.engine.put([Parcel(f"bad-{number}", "track", bad, "u1") for number in range(3)])
        await stage.put(*stage.mixed(50))
        await stage.until_settled(103)
        assert sorted(stage.dead) == ["bad-0", "bad-1", "bad-2"]
        assert {(letter.attempts, letter.reason[:4]) for letter in stage.dead.values()} == {(1, "207 ")}
        assert (len(stage.done), set(ids) <= set(stage.done)) == (100, True)
        assert stage.fake.requests <= 4

    play(body)


@pytest.mark.parametrize("place", [0, 17, 99])
def test_one_spoils_its_batch(play: Any, place: int) -> None:
    """A batch refused as a whole is halved until the one at fault is alone: it is dead, all others are done."""

    async def body(stage: Any) -> None:
        fails_with(stage, b"poison", 400)
        operations = [people.identify(f"u{number}", {"n": number}) for number in range(100)]
        operations[place] = people.identify("bob", {"n": "poison"})
        stage.worker(batching=BATCHES)
        ids = await stage.put(*operations)
        await stage.until_settled(100)
        assert list(stage.dead) == [ids[place]]
        assert (stage.dead[ids[place]].attempts, stage.fake.delivery().applied) == (1, 99)
        assert stage.now() < 2

    play(body)


def test_one_fails_its_batch(play: Any) -> None:
    """500 because of one: five tries of it alone, then dead; of all others only the same person's wait for it, and come after it."""

    async def body(stage: Any) -> None:
        worker = stage.worker(batching=BATCHES)
        stage.door.before = lambda body: None
        operations = [people.identify(f"u{number % 50}", {"n": number}) for number in range(100)]
        operations[42] = people.identify("u42", {"n": "poison"})
        fails_with(stage, b"poison", 500)
        ids = await stage.put(*operations)
        await stage.until(lambda: len(stage.done) == 98)
        assert stage.now() < 15
        assert not stage.dead
        assert (worker.figures.backing_off, stage.fake.person("u42")) == (1, None)
        await stage.until_settled(100)
        assert (list(stage.dead), stage.dead[ids[42]].attempts) == ([ids[42]], 5)
        assert stage.fake.person("u42").attributes["n"] == 92
        assert (await stage.engine.totals()).retried == 4

    play(body)


@pytest.mark.parametrize("how", ["503", "500", "reset", "429"])
def test_an_outage(play: Any, how: str) -> None:
    """A minute of it: nothing is dead, no try is burnt, few requests are wasted, and it drains at once afterwards."""

    async def body(stage: Any) -> None:
        stage.worker(batching=BATCHES)
        moment = stage.fake.at("5s")
        if how == "reset":
            moment.reset_connections(lasting="60s")
        else:
            moment.fail(int(how), lasting="60s", retry_after=2 if how == "429" else None)
        for number in range(3000):
            await stage.put(people.identify(f"u{number % 60}", {"n": number}))
            await asyncio.sleep(0.02)
        await stage.until_settled(3000)
        assert not stage.dead
        assert [stage.fake.person(f"u{number}").attributes["n"] for number in range(60)] == [2940 + number for number in range(60)]
        assert (await stage.engine.totals()).retried <= 2
        assert len([moment for moment in stage.door.arrived if 5 <= moment < 65]) < 50
        assert stage.now() < 75

    play(body)


def test_a_revoked_key(play: Any) -> None:
    """One dead letter tells of it; all others wait at the gate."""

    async def body(stage: Any) -> None:
        stage.worker(batching=Batching(items=100, in_flight=1))
        stage.fake.at(0).unauthorized(lasting="20s")
        ids = await stage.put(*stage.mixed(300, persons=30))
        await asyncio.sleep(15)
        (letter,) = stage.dead.values()
        assert letter.delivery.id in ids
        assert letter.reason.startswith("401 ")
        await stage.until_settled(300)
        assert len(stage.done) == 299

    play(body)


def test_what_travels_alone(play: Any) -> None:
    """What has no form in a batch has a request of its own, in its place in the order of its person."""

    async def body(stage: Any) -> None:
        order: list[str] = []
        stage.door.before = lambda body: order.append(body.decode())
        stage.worker(batching=BATCHES)
        form = forms.submit_form("f", {"email": "a@b.c"})
        first, last = people.identify("a@b.c", {"n": 1}), people.identify("a@b.c", {"n": 2})
        await stage.put(first, form, last, deliveries.report_metric("d", "opened"))
        await stage.until_settled(4)
        assert len(stage.done) == 4
        mine = ["batch" if each.startswith('{"batch"') else "form" for each in order if "a@b.c" in each]
        assert mine == ["batch", "form", "batch"]

    play(body)


@pytest.mark.parametrize(
    ("name", "path", "data"),
    [
        ("report_push", "/api/v1/push/events", {}),
        ("add_device", "/api/v1/customers/a/devices", {"x": 1}),
        ("add_device", "/api/v1/customers/a/devices", None),
        ("identify", "/api/v1/customers/a", {"cio_relationships": 7}),
    ],
)
def test_what_no_item_can_be_made_of(play: Any, name: str, path: str, data: object) -> None:
    """It goes alone, so that Customer.io says what is wrong with it; no worker ends because of it."""

    async def body(stage: Any) -> None:
        stage.worker(batching=BATCHES)
        method = "POST" if name == "report_push" else "PUT"
        await stage.engine.put([Parcel("bad", name, json.dumps({"v": 1, "data": data, "method": method, "path": path}), "a")])
        await stage.put(*stage.mixed(10))
        await stage.until_settled(11)
        assert len(stage.done) >= 10

    play(body)


def test_merges_keep_both_in_order(play: Any) -> None:
    """A merge comes after what was before it of both people, and before what follows."""

    async def body(stage: Any) -> None:
        stage.worker(batching=Batching(items=7, linger=0.01))
        await stage.put(*stage.mixed(100, persons=10))
        await stage.until_settled(100)
        for number in range(20):
            await stage.put(
                people.identify(f"a{number}", {"n": number}),
                people.identify(f"b{number}", {"m": number}),
                people.merge_customers("id", f"a{number}", "id", f"b{number}"),
            )
        await stage.until_settled(160)
        assert stage.fake.delivery().rejected == 0
        assert len(stage.done) == 160

    play(body)


def test_several_workspaces(play: Any) -> None:
    """A batch is of one workspace."""

    async def body(stage: Any) -> None:
        stage.worker(batching=BATCHES)
        await stage.put(*stage.mixed(900, persons=60))
        await stage.until_settled(900)
        assert sum(door.fake.delivery().applied for door in stage.doors) == 900
        assert all(door.fake.delivery().out_of_order == 0 for door in stage.doors)
        assert all(door.fake.requests <= 25 for door in stage.doors)

    play(body, workspaces=3)
