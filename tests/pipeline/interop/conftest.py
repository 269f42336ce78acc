"""What tests of the wire to Node share: BullMQ from npm, Node processes that use it, a server, and our side of the queue.

The package is installed once, in a temporary folder; without Node, or without a network, these tests are skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from pytest_cio_load.customerio.client import Client
from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.fake.doors import async_door
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply
from pytest_cio_load.pipeline.engines.bullmq.engine import BullMQEngine
from pytest_cio_load.pipeline.engines.embedded import Embedded
from pytest_cio_load.pipeline.engines.engine import Dead, Done, Settlement
from pytest_cio_load.pipeline.fleet import ONE_TRY, fleet_of, unpaced
from pytest_cio_load.pipeline.gates.local import LocalGate
from pytest_cio_load.pipeline.policy import Policy
from pytest_cio_load.pipeline.producer import Producer
from pytest_cio_load.pipeline.worker import Worker

NEWEST, OLDER = "6.7.0", "5.81.5"
"""Versions of BullMQ on Node: one of each major that is in use."""

LIMIT = 60.0
"""Seconds until a condition that must come true has come too late."""

IOREDIS = "ioredis@5"
"""The client of Redis: a dependency of BullMQ 5, and to be chosen with BullMQ 6."""

INSTALL_LIMIT = 180

Until = Callable[[Callable[[], Any]], Awaitable[None]]


def install(folder: Path, version: str) -> str:
    """Install that version of BullMQ into *folder*, unless it is there; "" or why it cannot be had. One process does it for all."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        verdict = folder / "verdict"
        if not verdict.exists():
            verdict.write_text(_npm_install(folder, version))
        return verdict.read_text()


def _npm_install(folder: Path, version: str) -> str:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "Node and npm are not installed"
    (folder / "package.json").write_text("{}")
    shutil.copy(Path(__file__).with_name("node.mjs"), folder)
    said = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=60000"]
    try:
        ended = subprocess.run(
            [npm, "install", *said, f"bullmq@{version}", IOREDIS],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT,
        )
    except subprocess.TimeoutExpired:
        return f"npm install bullmq@{version} took more than {INSTALL_LIMIT} s"
    if ended.returncode == 0:
        return ""
    last = (ended.stderr.strip() or ended.stdout.strip() or f"exit code {ended.returncode}").splitlines()[-1]
    return f"npm install bullmq@{version}: {last}"


class Node:
    """A Node process with BullMQ, which runs snippets of JavaScript; see ``node.mjs`` for what they know.

    Args:
        process: with pipes.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def __call__(self, code: str, **values: Any) -> Any:
        """What *code* returns; *values* are known to it by name. Raises RuntimeError with what it threw."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn, asyncio.timeout(LIMIT):
            self._process.stdin.write(json.dumps({"code": code, "values": values}).encode() + b"\n")
            answer = json.loads(await self._process.stdout.readline() or '{"error": "it has ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    async def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def end(self) -> None:
        """Have it end, and wait for that."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(LIMIT):
                await self._process.wait()
        finally:
            await self.kill()


class Witness(FakeWorkspace):
    """The fake, which notes when the number in a request arrived, and answers 500 to as many requests about a person as it is told to.

    Attributes:
        troubles: requests about a person that are still to fail.
        arrived: unix seconds, by the event's number.
    """

    def __init__(self) -> None:
        super().__init__(latency=0)
        self.troubles: Counter[str] = Counter()
        self.arrived: dict[int, float] = {}

    def answer(self, method: str, path: str, headers: Any, body: bytes, now: float) -> Reply:
        """As the fake does, but for what is in trouble."""
        person = path.removeprefix("/api/v1/customers/").split("/")[0]
        if self.troubles[person] > 0:
            self.troubles[person] -= 1
            return Reply(500, {}, b"{}", 0.0)
        asked = json.loads(body or b"{}")
        number = (asked.get("data") or asked.get("attributes") or {}).get("n")
        if number is not None:
            self.arrived.setdefault(number, time.time())
        return super().answer(method, path, headers, body, now)


class Ours:
    """Our side of a queue: its engine, a producer, and workers that send to a fake.

    Attributes:
        engine, producer, fake: as they are called.
        settled: what became of jobs, in order.
    """

    def __init__(self, engine: BullMQEngine) -> None:
        self.engine, self.producer, self.fake = engine, Producer(engine), Witness()
        workspace = Workspace("fake-site-id", "fake-api-key")
        client = Client(workspace, make_wire(workspace, timeout=10.0, transport=async_door(self.fake)), bucket=unpaced(), retry=ONE_TRY)
        self._fleet = fleet_of([client], lambda _: LocalGate(1e6, 1000))
        self.settled: list[Settlement] = []
        self._running: dict[Worker, asyncio.Task[None]] = {}

    def worker(self, **how: Any) -> Worker:
        """Start one more worker; what failed is tried again soon."""
        made = Worker(self.engine, self._fleet, **{"policy": Policy(base=0.02), "on_settled": self.settled.append, **how})
        self._running[made] = asyncio.create_task(made.run())
        return made

    def done(self) -> list[str]:
        """Ids of the jobs that were accepted, in order."""
        return [each.delivery.id for each in self.settled if isinstance(each, Done)]

    def finished(self) -> int:
        """Jobs that are done or dead."""
        return sum(isinstance(each, (Done, Dead)) for each in self.settled)

    async def close(self) -> None:
        """Stop the workers, and close everything."""
        for worker in self._running:
            worker.stop()
        try:
            await asyncio.gather(*self._running.values())
        finally:
            await self._fleet.aclose()
            await self.engine.aclose()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A server for all tests of this process."""
    with Embedded(tmp_path_factory.mktemp("interop") / "queue") as server:
        yield server


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder with a version of BullMQ; the test is skipped when it cannot be had."""
    base = tmp_path_factory.getbasetemp()
    # Workers of xdist have folders of their own in one that they share.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder_of(version: str) -> Path:
        folder = shared / f"bullmq-{version}"
        if why_not := install(folder, version):
            pytest.skip(why_not)
        return folder

    return folder_of


@pytest.fixture
def queue_name() -> str:
    """A queue that no other test uses."""
    return f"cio-events-{uuid4().hex[:12]}"


@pytest_asyncio.fixture
async def nodes(installed: Callable[[str], Path], valkey: Embedded, queue_name: str) -> AsyncIterator[Callable[..., Awaitable[Node]]]:
    """Starts Node processes on this test's queue, with the newest BullMQ or another version of it."""
    started: list[Node] = []

    async def start(version: str = NEWEST, name: str = queue_name) -> Node:
        pipe = asyncio.subprocess.PIPE
        folder = await asyncio.to_thread(installed, version)
        command = ["node", str(folder / "node.mjs"), valkey.url, name]
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdin=pipe, stdout=pipe, limit=2**26)
        started.append(Node(process))
        return started[-1]

    yield start
    for each in started:
        await each.end()


@pytest_asyncio.fixture
async def node(nodes: Callable[..., Awaitable[Node]]) -> Node:
    """A Node process on this test's queue."""
    return await nodes()


@pytest_asyncio.fixture
async def our_side(valkey: Embedded, queue_name: str) -> AsyncIterator[Callable[..., Ours]]:
    """Makes our side of this test's queue, with settings of the engine; closed afterwards."""
    made: list[Ours] = []

    def side(**settings: Any) -> Ours:
        made.append(Ours(BullMQEngine(valkey.url, settings.pop("name", queue_name), **{"shards": 1, **settings})))
        return made[-1]

    yield side
    for each in made:
        await each.close()


@pytest.fixture
def ours(our_side: Callable[..., Ours]) -> Ours:
    """Our side of this test's queue, in the plain form."""
    return our_side()


@pytest.fixture
def until() -> Until:
    """Waits for a condition, which may be a coroutine function."""

    async def wait(condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(LIMIT):
            while True:
                met = condition()
                if await met if asyncio.iscoroutine(met) else met:
                    return
                await asyncio.sleep(0.05)

    return wait
