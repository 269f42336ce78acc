"""A pipeline whose workers are killed and whose server dies: what was lost, doubled or out of order afterwards. Nothing, it should say.

    python examples/soak_queue.py [--engine embedded|kafka] [--operations 20000] [--workers 4] [--kills 5] [--seed 1]

Mixed operations of some thousand people are enqueued. Workers, each a process as ``cio-load worker`` starts it, send them to a fake
workspace. Every worker is killed with SIGKILL so many times, at random, and another one takes its place; the queue's server is killed once,
and started again on its files (Kafka's stand-in is one process's memory, so there only workers die). Then the fake is asked what it has
applied. Needs the extra ``queue`` or ``kafka``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from pytest_cio_load.customerio.calls import identify
from pytest_cio_load.customerio.operations import events
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.pipeline.engines.engine import Engine, State
from pytest_cio_load.pipeline.opening import open_queue
from pytest_cio_load.pipeline.producer import Producer

RATE = 400
"""Requests per second that the workers may send together."""

UNFINISHED = (State.WAITING, State.PRIORITIZED, State.DELAYED, State.ACTIVE)


@contextmanager
def kafka() -> Iterator[str]:
    """The URL of a cluster in this process's memory: librdkafka's own stand-in, over real sockets."""
    from confluent_kafka import Producer as Cluster

    cluster = Cluster({"bootstrap.servers": "none:1", "test.mock.num.brokers": 1, "log_level": 0})
    yield "kafka://" + ",".join(f"{each.host}:{each.port}" for each in cluster.list_topics(timeout=30).brokers.values())
    cluster.flush(0)


def mixed(count: int, rng: Random) -> tuple[list[Operation], dict[str, list[int]], dict[str, int]]:
    """Operations; and for each person the numbers of their events in order, and the number their last identify set."""
    people = [f"person-{number}" for number in range(max(1, count // 10))]
    operations: list[Operation] = []
    told: dict[str, list[int]] = {}
    last: dict[str, int] = {}
    for number in range(count):
        person = rng.choice(people)
        if person not in last or rng.random() < 0.3:
            operations.append(identify(person, email=f"{person}@example.com", number=number))
            last[person] = number
        else:
            operations.append(events.track(person, "happened", {"number": number}))
            told.setdefault(person, []).append(number)
    return operations, told, last


class Workers:
    """Processes that work on one queue."""

    def __init__(self, folder: Path, queue_url: str, name: str, fake_url: str) -> None:
        self._folder, self._url, self._name, self._fake = folder, queue_url, name, fake_url
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int) -> None:
        """Start the worker of that number."""
        environment = {**os.environ, "CIO_SITE_ID": "site", "CIO_TRACK_API_KEY": "key", "CIO_QUEUE_URL": self._url}
        command = ["worker", "--queue", self._name, "--url", self._fake, "--rate", f"{RATE}/s", "--listen", "off"]
        with (self._folder / f"worker-{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(
                [sys.executable, "-m", "pytest_cio_load.cli", *command], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def kill(self, number: int) -> None:
        """SIGKILL."""
        self.processes[number].kill()
        self.processes[number].wait()

    def stop(self) -> None:
        """SIGTERM for all, and what they end with."""
        for process in self.processes.values():
            process.terminate()
        print("workers asked to stop ended with", [process.wait(60) for process in self.processes.values()])


async def chaos(workers: Workers, count: int, kills: int, rng: Random, kill_server: Callable[[], None] | None) -> None:
    """Kill every worker *kills* times, at random, and the server once in the middle."""
    deaths = [number for number in range(count) for _ in range(kills)]
    rng.shuffle(deaths)
    for turn, number in enumerate(deaths):
        await asyncio.sleep(rng.uniform(0.5, 3.0))
        if kill_server is not None and turn == len(deaths) // 2:
            kill_server()
            print(f"{time.strftime('%X')} the server was killed, and is back")
        workers.kill(number)
        workers.start(number)
    print(f"{time.strftime('%X')} {len(deaths)} workers were killed")


async def unsettled(engine: Engine) -> int:
    """Jobs that are not settled; a queue that cannot be reached has some."""
    try:
        depth = await engine.depth()
    except OSError:
        return -1
    return sum(depth.get(state, 0) for state in UNFINISHED)


async def drive(said: argparse.Namespace, url: str, fake: ServedFake, folder: Path, kill_server: Callable[[], None] | None) -> bool:
    """The whole soak; whether everything is as it should be."""
    rng = Random(said.seed)
    operations, told, last = mixed(said.operations, rng)
    engine = open_queue(url, name="cio-soak")
    workers = Workers(folder, url, "cio-soak", fake.url)
    began = time.monotonic()
    await Producer(engine).enqueue_many(operations)
    print(f"{len(operations):,} operations of {len(last):,} people enqueued in {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    for number in range(said.workers):
        workers.start(number)
    dying = asyncio.create_task(chaos(workers, said.workers, said.kills, rng, kill_server))
    while await unsettled(engine) or not dying.done():
        await asyncio.sleep(0.5)
        if time.monotonic() - began > said.patience:
            break
    await dying
    took = time.monotonic() - began
    left, totals = await unsettled(engine), await engine.totals()
    dead = await engine.dead_letters()
    workers.stop()
    await engine.aclose()
    print(f"settled in {took:.1f} s; left {left}, dead letters {len(dead)}, redelivered {totals.redelivered:,}")
    return judged(fake, told, last) and not left and not dead


def judged(fake: ServedFake, told: dict[str, list[int]], last: dict[str, int]) -> bool:
    """Compare what the fake applied with what was enqueued."""
    applied: dict[str, list[int]] = {}
    for event in fake.events:
        applied.setdefault(event.person, []).append(event.data["number"])
    people = fake.people
    lost = sum(len(set(numbers) - set(applied.get(person, []))) for person, numbers in told.items())
    lost += sum(person not in people for person in last)
    doubled = sum(len(numbers) - len(set(numbers)) for numbers in applied.values())
    disordered = sum(numbers != sorted(numbers) for numbers in applied.values())
    stale = sum(person in people and people[person]["number"] != number for person, number in last.items())
    counts = fake.delivery()
    print(f"the fake: {counts.received:,} operations received, {counts.applied:,} applied, {counts.duplicates:,} events ignored as doubled")
    print(f"lost {lost}, applied twice {doubled}, people with events out of order {disordered}, people with an older identify {stale}")
    print(f"events applied before their person was there: {counts.out_of_order}")
    return not (lost or doubled or disordered or stale)


def main() -> int:
    """Run it; 0 when nothing was lost, doubled or out of order."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--engine", choices=("embedded", "kafka"), default="embedded")
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=600.0)
    said = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fake = stack.enter_context(ServedFake([{"site_id": "site", "api_key": "key", "latency": "10ms", "limit": 100_000}]))
        if said.engine == "kafka":
            return 0 if asyncio.run(drive(said, stack.enter_context(kafka()), fake, folder, None)) else 1
        from pytest_cio_load.pipeline.engines.embedded import Embedded

        server = stack.enter_context(Embedded(folder / "queue"))

        def kill_server() -> None:
            server.kill()
            server.start()

        return 0 if asyncio.run(drive(said, server.url, fake, folder, kill_server)) else 1


if __name__ == "__main__":
    sys.exit(main())
