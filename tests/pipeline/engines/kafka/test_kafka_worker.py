"""The worker itself on Kafka, while a person's job fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from pytest_cio_load.customerio.client import Client
from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.customerio.operations import people
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.fake.doors import async_door
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply
from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.engines.engine import Again, Dead, Done, Settlement, State
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine
from pytest_cio_load.pipeline.fleet import ONE_TRY, Fleet, fleet_of, unpaced
from pytest_cio_load.pipeline.gates.local import LocalGate
from pytest_cio_load.pipeline.policy import Policy
from pytest_cio_load.pipeline.producer import Producer
from pytest_cio_load.pipeline.worker import Worker

pytestmark = pytest.mark.asyncio

Until = Callable[[Callable[[], object]], Awaitable[None]]

BOB = b"bob"
OTHERS = 200


class Door:
    """A workspace; requests about bob fail three times, and until all others have been accepted."""

    def __init__(self) -> None:
        self.fake = FakeWorkspace(site_id="site", api_key="key", limit=100_000)
        self.fake.begin(time.monotonic())
        self.fails = 3

    def answer(self, method: str, path: str, headers: Any, body: bytes, now: float) -> Any:
        """As a workspace does."""
        if (BOB in path.encode() or BOB in body) and (self.fails > 0 or len(self.fake.people) < OTHERS):
            self.fails -= 1
            return Reply(500, {}, b"{}", 0.0)
        return self.fake.answer(method, path, headers, body, now)


@pytest_asyncio.fixture
async def fleets() -> AsyncIterator[Callable[[Door], Fleet]]:
    """Makes fleets of one workspace behind a door."""
    made: list[Fleet] = []

    def fleet(door: Door) -> Fleet:
        workspace = Workspace("site", "key")
        opened = async_door(door, host=urlsplit(workspace.base_url).netloc, now=time.monotonic, sleep=asyncio.sleep)
        client = Client(workspace, make_wire(workspace, timeout=10.0, transport=opened), bucket=unpaced(), retry=ONE_TRY)
        made.append(fleet_of([client], lambda _: LocalGate(2_000, 100, rng=Random(3))))
        return made[-1]

    yield fleet
    for each in made:
        await each.aclose()


@pytest.mark.parametrize("batching", [None, Batching(items=20, linger=0.01)], ids=["single", "batches"])
async def test_a_person_whose_job_fails(
    engine: KafkaEngine, fleets: Callable[[Door], Fleet], until: Until, batching: Batching | None
) -> None:
    """Until everything of 200 others is done: it is put aside, and what follows it goes behind it, in order."""
    settled: list[Settlement] = []
    producer, fleet = Producer(engine), fleets(Door())
    policy = Policy(attempts=1_000, base=0.5, cap=1.0, jitter=0.0)
    worker = Worker(engine, fleet, batching=batching, policy=policy, rng=Random(11), on_settled=settled.append)
    running = asyncio.create_task(worker.run())
    (failing,) = await producer.enqueue_many([people.identify("bob", {"n": 0})])
    await until(lambda: worker.figures.failed_tries)
    mixed = [people.identify(f"u{number}", {"n": number}) for number in range(OTHERS)]
    mine = [people.identify("bob", {"n": number}) for number in range(1, 21)]
    later = [each for place, other in enumerate(mixed) for each in ([other] if place % 10 else [mine[place // 10], other])]
    ids = await producer.enqueue_many(later)
    bobs = [failing, *(id for id, each in zip(ids, later, strict=True) if each in mine)]
    await until(lambda: sum(isinstance(each, Done) for each in settled) >= 221)
    worker.stop()
    await running
    done = [each.delivery.id for each in settled if isinstance(each, Done)]
    assert [id for id in done if id in bobs] == bobs
    assert len(done) == len(set(done)) == 221
    assert {each.delivery.id for each in settled if isinstance(each, Again) and each.reason} == {failing}
    assert not [each for each in settled if isinstance(each, Dead)]
    assert (await engine.depth())[State.WAITING] == (await engine.depth())[State.DELAYED] == 0
    totals = await engine.totals()
    assert (totals.done, totals.retried, totals.dead, totals.redelivered) == (221, worker.figures.failed_tries, 0, 0)
