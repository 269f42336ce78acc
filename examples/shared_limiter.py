"""Four worker processes, one workspace, one limiter: what arrives at the server, counted where it arrives.

    python examples/shared_limiter.py [seconds]

The workers are processes as ``cio-load worker`` starts them, on a queue that always holds more than they may send. A bundled Valkey keeps
queue and gate, so this needs the extra ``queue``; the fake workspace, in a process of its own, notes when each request arrives. Prints
the steady rate, and the most in any sliding second and in any 100 ms.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from tempfile import TemporaryDirectory

from pytest_cio_load.customerio.operations import events
from pytest_cio_load.fake.server import serve, url_of
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply
from pytest_cio_load.pipeline.engines.engine import State
from pytest_cio_load.pipeline.opening import open_queue
from pytest_cio_load.pipeline.producer import Producer

RATE, WORKERS = 80, 4
STARTING = 8.0
"""Seconds until all workers are up and hold their shards: what arrives before is not counted as steady."""


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


def server_process(pipe: Connection) -> None:
    """Entry of the server's process."""
    asyncio.run(be_the_server(pipe))


def start_worker(number: int, queue_url: str, server_url: str) -> subprocess.Popen[bytes]:
    """One more ``cio-load worker``."""
    environment = {**os.environ, "CIO_SITE_ID": "fake-site-id", "CIO_TRACK_API_KEY": "fake-api-key", "CIO_QUEUE_URL": queue_url}
    said = ["--queue", "limited", "--url", server_url, "--rate", f"{RATE}/s", "--listen", "off", "--name", f"worker-{number}"]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest_cio_load.cli", "worker", *said],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def work(seconds: float, folder: str, server_url: str) -> list[int]:
    """Enqueue more than can be sent, let the workers work for *seconds*, and stop them; what they ended with."""
    engine = open_queue(f"embedded:{folder}", name="limited")
    many = int((seconds + STARTING) * RATE * 1.5)
    await Producer(engine).enqueue_many(events.track(f"person-{number % 200}", "opened") for number in range(many))
    workers = [start_worker(number, f"embedded:{folder}", server_url) for number in range(WORKERS)]
    await asyncio.sleep(seconds + STARTING)
    left = (await engine.depth())[State.WAITING]
    for worker in workers:
        worker.terminate()
    ended = [await asyncio.to_thread(worker.wait, 60) for worker in workers]
    await engine.aclose()
    assert left, "the queue ran empty: nothing was limited"
    return ended


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
    with TemporaryDirectory() as folder:
        ended = asyncio.run(work(seconds, folder, url))
    ours.send("stop")
    arrivals = sorted(ours.recv())
    server.join()
    steady = [arrival for arrival in arrivals if arrivals[0] + STARTING <= arrival <= arrivals[0] + STARTING + seconds - 1]
    rate = (len(steady) - 1) / (steady[-1] - steady[0])
    took = arrivals[-1] - arrivals[0]
    print(f"{WORKERS} worker processes, {RATE}/s: {len(arrivals):,} requests in {took:.1f} s; the workers ended with {ended}")
    print(f"steady {rate:.1f}/s · most in any second {most(arrivals, 1.0)} · most in any 100 ms {most(arrivals, 0.1)}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
