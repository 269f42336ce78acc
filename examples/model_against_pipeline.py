"""The replay of an autoscaler against a real pipeline: do they agree on how deep the queue gets, and how long it takes to drain?

    python examples/model_against_pipeline.py [--runs 1] [--latency 100ms] [--concurrency 4]

Workers are processes as ``cio-load worker`` starts them, on a bundled Valkey; they send to a fake workspace in a process of its own, whose
answers take *latency*. Jobs are enqueued by a schedule. The controller of the replay decides, as it would in a cluster, how many workers
there are: they are really started, and really asked to stop. Ten minutes of policy take one minute: every period, window and sync is
divided by ten. First one worker alone is measured; then the run; then the replay with what was measured. Needs the extra ``queue``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pytest_cio_load.customerio.operations import events
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.pipeline.engines.embedded import Embedded
from pytest_cio_load.pipeline.engines.engine import Engine, State
from pytest_cio_load.pipeline.opening import open_queue
from pytest_cio_load.pipeline.producer import Producer
from pytest_cio_load.scaling.hpa.controller import SYNC_PERIOD, Controller
from pytest_cio_load.scaling.hpa.pods import PodState
from pytest_cio_load.scaling.hpa.spec import Behavior, ExternalMetric, Hpa, Policy, ScalingRules, Target
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.plot import plot_lines
from pytest_cio_load.scaling.model.replay import replay
from pytest_cio_load.scaling.model.traffic import Piece, Traffic
from pytest_cio_load.units import show_rate

FASTER = 10
"""Seconds of policy in one second of the run."""

LOOK, TICK = 0.1, 0.05
CALIBRATION = 10.0
ALLOWED = 0.15
NO_LIMIT = 100_000
UNFINISHED = (State.WAITING, State.PRIORITIZED, State.DELAYED, State.ACTIVE)

# 60 a pod, because no reading of this traffic is near where it would be decided otherwise. At 100 the first one is 112, the controller
# leaves everything up to 110 alone, and it is a matter of luck whether the real run is one sync later than the replay.
POLICY = Hpa(
    name="scaled-down",
    min_replicas=1,
    max_replicas=4,
    metrics=(ExternalMetric("cio_queue_depth", Target("AverageValue", 60)),),
    behavior=Behavior(
        ScalingRules.up(stabilization=0, policies=[Policy("Pods", 1, 60)]),
        ScalingRules.down(stabilization=60, policies=[Policy("Pods", 1, 60)]),
    ),
)


def traffic_for(rate: float) -> Traffic:
    """Ten minutes of policy: a worker half busy, then two and a half times what one does, then half busy again. Rates in policy time."""
    return Traffic((Piece(100, rate / 2, rate / 2), Piece(200, rate * 2.5, rate * 2.5), Piece(300, rate / 2, rate / 2)))


@dataclass
class Worker:
    """A worker's process.

    Attributes:
        process: of it.
        port: where it says whether it is ready.
        started: when, on the clock of this process.
        ready: how many seconds later it was ready; None until then.
    """

    process: subprocess.Popen[bytes]
    port: int
    started: float
    ready: float | None = None


@dataclass
class Fleet:
    """The workers of one queue."""

    folder: Path
    queue_url: str
    queue: str
    fake_url: str
    concurrency: int
    workers: list[Worker] = field(default_factory=list)
    gone: list[Worker] = field(default_factory=list)
    numbers: count[int] = field(default_factory=count)

    def scale(self, wanted: int) -> None:
        """Start as many as are missing, ask as many as are too many to stop: the newest first."""
        while len(self.workers) < wanted:
            self.workers.append(self._start())
        while len(self.workers) > wanted:
            last = self.workers.pop()
            last.process.terminate()
            self.gone.append(last)

    def _start(self) -> Worker:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "CIO_SITE_ID": "site", "CIO_TRACK_API_KEY": "key", "CIO_QUEUE_URL": self.queue_url}
        said = ["--queue", self.queue, "--shards", "1", "--url", self.fake_url, "--rate", f"{NO_LIMIT}/s", "--grace", "10s"]
        said += ["--concurrency", str(self.concurrency), "--listen", f"127.0.0.1:{port}"]
        with (self.folder / f"worker-{next(self.numbers)}.log").open("ab") as log:
            command = [sys.executable, "-m", "pytest_cio_load.cli", "worker", *said]
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return Worker(process, port, time.monotonic())

    async def look(self) -> None:
        """Ask those that are not ready whether they are."""
        for worker in [each for each in self.workers if each.ready is None]:
            if await answers(worker.port):
                worker.ready = time.monotonic() - worker.started

    def end(self) -> None:
        """Stop them all, and wait for their end."""
        self.scale(0)
        for worker in self.gone:
            worker.process.wait(60)


async def answers(port: int) -> bool:
    """Whether a worker says that it is ready."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n")
        line = await asyncio.wait_for(reader.readline(), 5)
        return b" 200 " in line
    except OSError:  # a time-out is one
        return False
    finally:
        writer.close()


async def left(engine: Engine) -> int:
    """Jobs that are not settled."""
    depth = await engine.depth()
    return sum(depth.get(state, 0) for state in UNFINISHED)


async def calibrate(fleet: Fleet) -> float:
    """Jobs per second of one worker alone that never waits for jobs."""
    engine = open_queue(fleet.queue_url, name=fleet.queue, shards=1)
    try:
        await Producer(engine).enqueue_many(events.track(f"person-{number}", "opened") for number in range(5_000))
        fleet.scale(1)
        while fleet.workers[0].ready is None or await left(engine) == 5_000:
            await fleet.look()
            await asyncio.sleep(LOOK)
        first, began = await left(engine), time.monotonic()
        await asyncio.sleep(CALIBRATION)
        last, ended = await left(engine), time.monotonic()
        assert last > 0, "the queue ran empty: the worker was not busy all the time"
        return (first - last) / (ended - began)
    finally:
        fleet.end()
        await engine.aclose()


@dataclass
class Seen:
    """What was seen of the real run; times in seconds of policy."""

    depth: list[tuple[float, int]] = field(default_factory=list)
    changes: list[tuple[float, str]] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)

    @property
    def max_depth(self) -> int:
        """The deepest."""
        return max(depth for _, depth in self.depth)

    @property
    def drain_time(self) -> float:
        """From the last of the deepest moments until nothing waited."""
        deepest = max(at for at, depth in self.depth if depth == self.max_depth)
        return min((at for at, depth in self.depth if at > deepest and depth == 0), default=float("inf")) - deepest

    def depth_at(self, at: float) -> int:
        """The depth as it was seen last by then; none before the beginning."""
        return next((depth for seen, depth in reversed(self.depth) if seen <= at), 0)


async def produce(producer: Producer, traffic: Traffic, began: float) -> None:
    """Enqueue what is due, in seconds of policy since *began*; what is late is made up for."""
    due = [0.0]
    for arriving in traffic.arrivals():
        due.append(due[-1] + arriving)
    sent = 0
    while sent < int(due[-1]):
        at = min((time.monotonic() - began) * FASTER, len(due) - 1.001)
        whole = int(at)
        wanted = int(due[whole] + (due[whole + 1] - due[whole]) * (at - whole)) if at < len(due) - 1.01 else int(due[-1])
        if wanted > sent:
            await producer.enqueue_many([events.track(f"person-{number % 500}", "opened") for number in range(sent, wanted)])
            sent = wanted
        await asyncio.sleep(TICK)


async def control(fleet: Fleet, late: float, seen: Seen, began: float) -> None:
    """Sync by sync, as the controller would; it reads the depth as late as the replay does."""
    controller = Controller(POLICY)
    for sync in count():
        at = sync * SYNC_PERIOD
        await asyncio.sleep(max(0.0, began + at / FASTER - time.monotonic()))
        pods = [PodState(str(worker.port)) for worker in fleet.workers]
        decision = controller.sync(at, pods, {POLICY.metrics[0].key: seen.depth_at(at - late)})
        if decision.rescaled:
            seen.changes.append((at, decision.reason))
            fleet.scale(decision.desired)


async def drive(fleet: Fleet, traffic: Traffic, late: float) -> Seen:
    """The real run: until everything was enqueued and nothing is left."""
    seen = Seen()
    engine = open_queue(fleet.queue_url, name=fleet.queue, shards=1)
    try:
        fleet.scale(1)
        while fleet.workers[0].ready is None:
            await fleet.look()
            await asyncio.sleep(LOOK)
        first, began = fleet.workers[0], time.monotonic()
        tasks = [asyncio.create_task(produce(Producer(engine), traffic, began)), asyncio.create_task(control(fleet, late, seen, began))]
        while not tasks[0].done() or await left(engine):
            waiting = (await engine.depth()).get(State.WAITING, 0)
            seen.depth.append(((time.monotonic() - began) * FASTER, waiting))
            await fleet.look()
            await asyncio.sleep(LOOK)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        started = [worker for worker in (*fleet.workers, *fleet.gone) if worker is not first]
        seen.starts = [worker.ready for worker in started if worker.ready is not None]
        return seen
    finally:
        fleet.end()
        await engine.aclose()


async def compare(said: argparse.Namespace, fleets: tuple[Fleet, Fleet]) -> bool:
    """One run and its replay; whether they agree."""
    rate = await calibrate(fleets[0])
    traffic = traffic_for(rate / FASTER)
    print(f"one worker alone: {show_rate(rate)}; ten minutes of policy in one: {traffic}")
    pipeline = Pipeline(limit=NO_LIMIT, per_pod=rate / FASTER, scrape=15, adapter=15)
    seen = await drive(fleets[1], traffic, pipeline.late)
    start = statistics.median(seen.starts) if seen.starts else 0.0
    print(f"workers were ready after {', '.join(f'{each:.1f} s' for each in seen.starts)}: {start * FASTER:.0f} s of policy")
    model = replay(
        POLICY, traffic, Pipeline(limit=NO_LIMIT, per_pod=rate / FASTER, scrape=15, adapter=15, start=start * FASTER), after=3_600
    )
    print("\n".join(plot_lines(model)))
    for name, changes in (("real", seen.changes), ("model", [(each.at, each.reason) for each in model.changes])):
        for at, reason in changes:
            print(f"{name:<6} {at:>4.0f} s  {reason}")
    agree = True
    for name, real, replayed in (("max_depth", seen.max_depth, model.max_depth), ("drain_time", seen.drain_time, model.drain_time)):
        apart = abs(replayed - real) / real
        agree &= apart <= ALLOWED
        print(f"{name:<10}  real {real:>7.0f}  model {replayed:>7.0f}  {apart:.1%} apart")
    return agree


def main() -> int:
    """Run it; 0 when every run and its replay agree within `ALLOWED`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--latency", default="100ms")
    parser.add_argument("--concurrency", type=int, default=4)
    said = parser.parse_args()
    agreed = []
    for _ in range(said.runs):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            settings = {"site_id": "site", "api_key": "key", "latency": said.latency, "limit": NO_LIMIT}
            fake = stack.enter_context(ServedFake([settings]))
            server = stack.enter_context(Embedded(folder / "queue"))
            fleets = tuple(Fleet(folder, server.url, name, fake.url, said.concurrency) for name in ("calibration", "scaled"))
            agreed.append(asyncio.run(compare(said, (fleets[0], fleets[1]))))
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main())
