"""What the ledger on disk costs: the same load with it and without it, in turn.

    python examples/bench_ledger.py [--pairs 5] [--rate 1000] [--seconds 10] [--named] [--folder FOLDER]

Each iteration makes up one person and identifies them at a fake workspace, which a process of its own serves on loopback. With the ledger
everyone is on disk before they are sent. Pairs alternate which of the two comes first. Printed are, of each run, the response time's median
and 99th percentile and the CPU time of this process as a share of one core; then the medians of all runs, their differences, and what the
ledger's own thread took. On a machine that is busy with something else many short pairs say more than a few long ones. ``--named`` gives
everyone a name of the author's own, so that each is an entry by itself and is waited for.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from math import ceil
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pytest_cio_load.customerio.client import Client
from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.customerio.pacing import Bucket
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import Load, Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.safety.header import new_header
from pytest_cio_load.safety.ledger import DurableLedger, Ledger
from pytest_cio_load.safety.ledgers import begin

MICROSECONDS = 1_000_000
BARELY = 20_000
"""People made up, and nothing else, to see what one of them costs."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One run: response times in ms, CPU times as shares of one core, syncs of the disk in all."""

    p50: float
    p99: float
    process: float
    writer: float
    syncs: float


class Responses:
    """Takes what the driver measures."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.failed = 0

    def finished(self, sample: Sample) -> None:
        """An iteration ended."""
        self.times.append(sample.response)
        self.failed += sample.outcome is not Outcome.OK

    def dropped(self, arrival: Arrival) -> None:
        """Nothing is dropped: there is no limit."""

    def quantile(self, share: float) -> float:
        """In ms."""
        ordered = sorted(self.times)
        return ordered[ceil(share * len(ordered)) - 1] / 1000


def by_index(ledger: Ledger, client: Client) -> Callable[[Arrival], Awaitable[object]]:
    """The body that uses ``cio_load.user``; a guarded client notes whom it is about once more."""

    async def body(arrival: Arrival) -> None:
        user = ledger.user(arrival.index)
        if isinstance(ledger, DurableLedger):
            assert ledger.note(user.id).done
        await client.identify(user.id, email=user.email)

    return body


def by_name(ledger: Ledger, client: Client) -> Callable[[Arrival], Awaitable[object]]:
    """The body that uses names of its own; they are waited for as a guarded client does."""

    async def body(arrival: Arrival) -> None:
        name = f"{ledger.prefix}-friend-{arrival.index}"
        if isinstance(ledger, DurableLedger):
            ticket = ledger.note(name)
            while not ticket.done:
                assert ticket.error is None
                await asyncio.sleep(0.001)
        await client.identify(name, email=f"{name}@example.com")

    return body


async def run(ledger: Ledger, url: str, said: argparse.Namespace) -> Figures:
    """The load once."""
    workspace = Workspace("fake-site-id", "fake-api-key", url=url)
    client = Client(workspace, make_wire(workspace), bucket=Bucket(1_000_000.0))
    await asyncio.gather(*(client.identify("warm") for _ in range(50)))
    count = round(said.rate * said.seconds)
    arrivals = [Arrival(index, round(index * MICROSECONDS / said.rate)) for index in range(count)]
    load = Load(arrivals, round(said.seconds * MICROSECONDS), 10_000, drop=False, graceful_stop=30 * MICROSECONDS, timeout=None)
    responses = Responses()
    body = (by_name if said.named else by_index)(ledger, client)
    gc.collect()
    syncs, cpu, real = syncs_of(ledger), time.process_time(), time.perf_counter()
    writer = writer_cpu(ledger)
    await Driver(load, body, responses, WallClock()).run()
    lasted = time.perf_counter() - real
    process, writer = (time.process_time() - cpu) / lasted, (writer_cpu(ledger) - writer) / lasted
    await client.aclose()
    assert not responses.failed, f"{responses.failed} iterations failed"
    return Figures(responses.quantile(0.5), responses.quantile(0.99), process, writer, syncs_of(ledger) - syncs)


def syncs_of(ledger: Ledger) -> int:
    """How often the disk was synced so far."""
    return ledger.journal.commits if isinstance(ledger, DurableLedger) else 0


def writer_cpu(ledger: Ledger) -> float:
    """CPU seconds of the thread that writes, where threads have clocks."""
    ident = ledger.journal.writer.ident if isinstance(ledger, DurableLedger) else None
    return time.clock_gettime(time.pthread_getcpuclockid(ident)) if ident is not None and hasattr(time, "pthread_getcpuclockid") else 0.0


def new_ledger(folder: Path) -> DurableLedger:
    """A ledger on disk."""
    return begin(folder, new_header(test="bench", site="0" * 64, environment_id=1, region="us"), most=None)


def barely(ledger: Ledger) -> float:
    """Microseconds that making one person up takes, with nothing else going on."""
    began = time.perf_counter()
    for index in range(BARELY):
        ledger.user(index)
    return (time.perf_counter() - began) / BARELY * 1e6


def one(with_ledger: bool, folder: Path, url: str, said: argparse.Namespace) -> Figures:
    """One run, with a ledger of its own."""
    with ExitStack() as stack:
        ledger = Ledger("cio-load-00000000")
        if with_ledger:
            ledger = new_ledger(folder)
            stack.callback(ledger.close)
        figures = asyncio.run(run(ledger, url, said))
    cpu = f"process {figures.process:6.1%} of a core, writer {figures.writer:6.2%}"
    times = f"p50 {figures.p50:7.2f} ms  p99 {figures.p99:7.2f} ms"
    print(f"  {'on ' if with_ledger else 'off'}  {times}  {cpu}  {figures.syncs:,.0f} syncs", flush=True)
    return figures


def middle(runs: list[Figures]) -> Figures:
    """The median of each figure."""
    return Figures(*(median(getattr(each, field.name) for each in runs) for field in fields(Figures)))


def main() -> None:
    """Run the pairs and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--named", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the ledger is written; a temporary folder when not said")
    said = parser.parse_args()
    runs: dict[bool, list[Figures]] = {True: [], False: []}
    with TemporaryDirectory() as temporary, ServedFake([{"latency": "5ms", "limit": 1_000_000}]) as fake:
        folder = said.folder or Path(temporary)
        for pair in range(said.pairs):
            print(f"pair {pair + 1} of {said.pairs}")
            for with_ledger in (True, False) if pair % 2 else (False, True):
                fake.reset()
                runs[with_ledger].append(one(with_ledger, folder, fake.url, said))
        durable = new_ledger(folder)
        bare = barely(durable) - barely(Ledger("cio-load-00000000"))
        durable.close()
    on, off = middle(runs[True]), middle(runs[False])
    apart = [with_it.p99 - without.p99 for with_it, without in zip(runs[True], runs[False], strict=True)]
    print(f"median of the pairs' differences in p99: {median(apart):+.2f} ms, from {min(apart):+.2f} to {max(apart):+.2f}")
    print(f"medians  off p99 {off.p99:.2f} ms, on {on.p99:.2f} ms: {on.p99 - off.p99:+.2f} ms, × {on.p99 / off.p99:.3f}")
    more = f"{on.process - off.process:+.1%}, × {on.process / off.process:.3f}"
    print(f"         off CPU {off.process:.1%} of a core, on {on.process:.1%}: {more}")
    print(f"         the ledger's own thread {on.writer:.2%} of a core, {on.syncs:,.0f} syncs in {said.seconds:g} s")
    print(f"         making one person up takes {bare:+.2f} µs more: {bare * said.rate / 1e6:.2%} of a core at {said.rate:g}/s")


if __name__ == "__main__":
    main()
