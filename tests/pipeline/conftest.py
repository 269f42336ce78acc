"""What tests of the pipeline's core share: a stage with a queue, workers and the fake behind them, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_cio_load.customerio.client import Client
from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.customerio.operations import events, people
from pytest_cio_load.customerio.operations.operation import Operation, Ulids
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.fake.doors import async_door
from pytest_cio_load.fake.workspace import FakeWorkspace
from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.pipeline.engines.engine import Dead, Done, Settlement
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.fleet import ONE_TRY, fleet_of, unpaced
from pytest_cio_load.pipeline.gates.local import LocalGate
from pytest_cio_load.pipeline.producer import Producer
from pytest_cio_load.pipeline.worker import Worker

NEVER = 4 * 3600.0


class Watched:
    """The fake, and when every request arrived, on the stage's clock."""

    def __init__(self, fake: FakeWorkspace, now: Callable[[], float]) -> None:
        self.fake, self.now = fake, now
        self.arrived: list[float] = []
        self.statuses: list[int] = []
        self.before: Callable[[bytes], None] = lambda _: None

    def answer(self, method: str, path: str, headers: Any, body: bytes, now: float) -> Any:
        """As the fake does."""
        self.before(body)
        self.arrived.append(round(self.now(), 6))
        reply = self.fake.answer(method, path, headers, body, now)
        self.statuses.append(reply.status)
        return reply

    def busiest_second(self) -> int:
        """The most requests that arrived in any sliding second."""
        most = first = 0
        for place, moment in enumerate(self.arrived):
            while self.arrived[first] <= moment - 1:
                first += 1
            most = max(most, place - first + 1)
        return most


class Stage:
    """A queue in memory, a fleet that sends to fakes, and any number of workers, on the running loop's clock."""

    def __init__(
        self,
        *,
        rate: float = 80,
        burst: int = 4,
        workspaces: int = 1,
        timeout: float = 10.0,
        engine: Callable[..., Any] = MemoryEngine,
        lease: float = 5.0,
        **fake: Any,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._origin = self._loop.time()
        self.engine = engine(lease=lease, today=self.today)
        self.doors: list[Watched] = []
        clients = [self._client(f"site-{number}", timeout, fake) for number in range(workspaces)]
        self.gates: list[LocalGate] = []
        self.fleet = fleet_of(clients, lambda _: self._gate(rate, burst))
        self.new_id = Ulids(Random(7), self.today)
        self.producer = Producer(self.engine, new_id=self.new_id, today=self.today)
        self.settled: list[Settlement] = []
        self.moments: list[float] = []
        self.tasks: dict[Worker, asyncio.Task[None]] = {}

    def _client(self, site: str, timeout: float, fake: dict[str, Any]) -> Client:
        workspace = Workspace(site, "key")
        made = FakeWorkspace(**({"site_id": site, "api_key": "key"} | fake))
        made.begin(self._loop.time())
        self.doors.append(Watched(made, self.now))
        door = async_door(self.doors[-1], host=urlsplit(workspace.base_url).netloc, now=self._loop.time, sleep=asyncio.sleep)
        return Client(workspace, make_wire(workspace, timeout=timeout, transport=door), bucket=unpaced(), retry=ONE_TRY)

    def _gate(self, rate: float, burst: int) -> LocalGate:
        self.gates.append(LocalGate(rate, burst, rng=Random(3)))
        return self.gates[-1]

    @property
    def door(self) -> Watched:
        """Of the first workspace."""
        return self.doors[0]

    @property
    def fake(self) -> FakeWorkspace:
        """Of the first workspace."""
        return self.doors[0].fake

    def now(self) -> float:
        """Seconds since the stage was set."""
        return self._loop.time() - self._origin

    def today(self) -> float:
        """Unix seconds."""
        return 1_700_000_000 + self.now()

    def worker(self, **how: Any) -> Worker:
        """Start one more worker."""
        made = Worker(self.engine, self.fleet, **({"rng": Random(11), "today": self.today, "on_settled": self._note} | how))
        self.tasks[made] = asyncio.create_task(made.run())
        return made

    def _note(self, settlement: Settlement) -> None:
        self.settled.append(settlement)
        self.moments.append(round(self.now(), 6))

    def track(self, person: str, name: str = "bought", **data: Any) -> Operation:
        """An event with a ULID of the stage's own time."""
        return events.track(person, name, data, new_id=self.new_id)

    def mixed(self, count: int, persons: int = 5) -> list[Operation]:
        """Identifies and events of some people, one after the other."""
        made = []
        for number in range(count):
            person = f"u{number % persons}"
            made.append(people.identify(person, {"n": number}) if number // persons % 2 == 0 else self.track(person, n=number))
        return made

    async def put(self, *operations: Operation) -> list[str]:
        """Enqueue some; the ids of their jobs."""
        return await self.producer.enqueue_many(operations)

    async def until(self, met: Callable[[], bool], every: float = 0.05) -> None:
        """Wait until something is so."""
        give_up = self.now() + NEVER
        while not met():
            assert self.now() < give_up, f"it never came: {[worker.figures for worker in self.tasks]}"
            await asyncio.sleep(every)

    async def until_settled(self, count: int) -> None:
        """Wait until so many jobs are done or dead."""
        await self.until(lambda: len(self.done) + len(self.dead) >= count)

    async def end(self, worker: Worker) -> None:
        """Ask a worker to stop, and wait until it has."""
        worker.stop()
        await self.tasks[worker]

    @property
    def done(self) -> list[str]:
        """The ids of the jobs that were accepted, in order."""
        return [each.delivery.id for each in self.settled if isinstance(each, Done)]

    @property
    def dead(self) -> dict[str, Dead]:
        """The jobs that were given up."""
        return {each.delivery.id: each for each in self.settled if isinstance(each, Dead)}

    async def close(self) -> None:
        """End what still runs."""
        for worker, task in self.tasks.items():
            worker.stop()
            await asyncio.gather(task, return_exceptions=True)
        await self.fleet.aclose()


Play = Callable[..., Any]


@pytest.fixture
def play() -> Play:
    """``play(body, **settings)``: what *body* gives when it is run on a stage, in virtual time. Nothing may be left running after it."""

    def run(body: Callable[[Stage], Awaitable[Any]], **settings: Any) -> Any:
        async def main() -> Any:
            with VirtualClock(asyncio.get_running_loop()):
                stage = Stage(**settings)
                try:
                    result = await body(stage)
                finally:
                    await stage.close()
                left = asyncio.all_tasks() - {asyncio.current_task()}
                assert not left
                return result

        return asyncio.run(main())

    return run
