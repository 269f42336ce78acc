"""One library of `bench_queue.py`, measured in a process of its own: python bench_queue_sides.py NAME URL JOBS. Prints JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

CONCURRENCY = 10
"""Jobs that a worker has under way at once."""

TOGETHER = 500
"""Jobs in one call, where a library has one for many."""

IDLE_RATE, IDLE_JOBS = 80, 400
"""How often, and how many times, a job is enqueued that finds the queue empty and the worker waiting."""

LONGEST = 600

Handled = Callable[[int], None]


def job(number: int) -> dict[str, Any]:
    """What the peers' jobs hold: as much as ours."""
    data = {"email": f"person-{number}@example.com", "plan": "professional", "visits": number}
    return {"userId": f"u{number}", "number": number, "data": data, "enqueuedAt": round(time.time() * 1000)}


class Side(Protocol):
    """One library under measurement."""

    async def one(self, number: int) -> None:
        """Enqueue a job."""

    async def many(self, numbers: range) -> None:
        """Enqueue many: 500 in one call where the library can, else 20 at once."""

    async def work(self, handled: Handled) -> None:
        """Start a worker, which tells the number of each job it is given."""

    async def close(self) -> None:
        """Stop the worker, and close everything."""


class Ours:
    """This package. *shards*: 1 for the plain form."""

    def __init__(self, url: str, shards: int) -> None:
        from pytest_cio_load.pipeline.opening import open_queue
        from pytest_cio_load.pipeline.producer import Producer

        self.engine = open_queue(url, name="bench", shards=shards)
        self.producer = Producer(self.engine)
        self._running: list[Awaitable[None]] = []

    def _operation(self, number: int) -> Any:
        from pytest_cio_load.customerio.calls import identify

        return identify(f"u{number}", **job(number)["data"])

    async def one(self, number: int) -> None:
        await self.producer.enqueue(self._operation(number))

    async def many(self, numbers: range) -> None:
        await self.producer.enqueue_many(self._operation(number) for number in numbers)

    async def work(self, handled: Handled) -> None:
        from pytest_cio_load.pipeline.worker import Worker

        self._worker = Worker(self.engine, NoFleet(handled), concurrency=CONCURRENCY)
        self._running.append(asyncio.create_task(self._worker.run()))

    async def close(self) -> None:
        self._worker.stop()
        await asyncio.gather(*self._running)
        await self.engine.aclose()


class NoFleet:
    """Sends nothing, through a gate that is always open."""

    def __init__(self, handled: Handled) -> None:
        from pytest_cio_load.pipeline.gates.gate import Grant

        self.gates, self._handled, self._grant = (self,), handled, Grant(0.0, True)

    def home_of(self, operation: Any) -> int:
        return 0

    async def send(self, home: int, operation: Any) -> None:
        self._handled(int(operation.people[0][1:]))

    async def ask(self, requests: int = 1) -> Any:
        return self._grant

    async def succeeded(self, grant: Any) -> None:
        return None


class BullMQ:
    """The official port, with its own worker."""

    def __init__(self, url: str) -> None:
        from bullmq import Queue

        self.url, self.queue = url, Queue("bench", {"connection": url})
        self.opts = {"attempts": 5, "backoff": {"type": "exponential", "delay": 2000}, "removeOnComplete": {"count": 10_000}}

    async def one(self, number: int) -> None:
        await self.queue.add("identify", job(number), self.opts)

    async def many(self, numbers: range) -> None:
        for start in range(0, len(numbers), TOGETHER):
            group = numbers[start : start + TOGETHER]
            await self.queue.addBulk([{"name": "identify", "data": job(number), "opts": self.opts} for number in group])

    async def work(self, handled: Handled) -> None:
        from bullmq import Worker

        async def process(taken: Any, _: str) -> None:
            handled(taken.data["number"])

        self.worker = Worker("bench", process, {"connection": self.url, "concurrency": CONCURRENCY})

    async def close(self) -> None:
        await self.worker.close()
        await self.queue.close()


async def twenty_at_once(enqueue: Callable[[int], Awaitable[None]], numbers: range) -> None:
    """For libraries that have no call for many."""
    left = iter(numbers)

    async def task() -> None:
        for number in left:
            await enqueue(number)

    await asyncio.gather(*(task() for _ in range(20)))


class Saq:
    """saq, with its own worker."""

    def __init__(self, url: str) -> None:
        from saq import Queue

        self.queue = Queue.from_url(url, name="bench")

    async def one(self, number: int) -> None:
        await self.queue.enqueue("identify", retries=5, **job(number))

    async def many(self, numbers: range) -> None:
        await twenty_at_once(self.one, numbers)

    async def work(self, handled: Handled) -> None:
        from saq import Worker

        async def identify(_: Any, *, number: int, **rest: Any) -> None:
            handled(number)

        self.worker = Worker(self.queue, [("identify", identify)], concurrency=CONCURRENCY)
        self.task = asyncio.create_task(self.worker.start())

    async def close(self) -> None:
        await self.worker.stop()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.queue.disconnect()


class Taskiq:
    """taskiq on Redis streams, with its own receiver."""

    def __init__(self, url: str) -> None:
        from taskiq_redis import RedisStreamBroker

        self.broker = RedisStreamBroker(url, consumer_id="0")
        self.started = False

        @self.broker.task(task_name="identify")
        async def identify(number: int, **rest: Any) -> None:
            self.handled(number)

        self.task = identify

    async def one(self, number: int) -> None:
        if not self.started:
            await self.broker.startup()
            self.started = True
        await self.task.kiq(**job(number))

    async def many(self, numbers: range) -> None:
        await twenty_at_once(self.one, numbers)

    async def work(self, handled: Handled) -> None:
        from taskiq.api import run_receiver_task

        self.handled = handled
        self.running = asyncio.create_task(run_receiver_task(self.broker, max_async_tasks=CONCURRENCY))

    async def close(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.broker.shutdown()


SIDES: dict[str, Callable[[str], Side]] = {
    "ours-plain": lambda url: Ours(url, 1),
    "ours-ordered": lambda url: Ours(url, 8),
    "bullmq-python": BullMQ,
    "saq": Saq,
    "taskiq": Taskiq,
}
"""What is measured in Python, by name."""


async def measured(side: Side, jobs: int) -> dict[str, Any]:
    """Jobs per second, and milliseconds between enqueueing and handling on an idle queue."""
    moments: dict[int, float] = {}

    def handled(number: int) -> None:
        moments.setdefault(number, time.perf_counter())

    async def until(many: int) -> None:
        async with asyncio.timeout(LONGEST):
            while len(moments) < many:
                await asyncio.sleep(0.005)

    await side.one(0)
    singles = jobs // 5
    began = time.perf_counter()
    for number in range(1, singles):
        await side.one(number)
    single = (singles - 1) / (time.perf_counter() - began)
    began = time.perf_counter()
    await side.many(range(singles, jobs))
    many = (jobs - singles) / (time.perf_counter() - began)
    await side.work(handled)
    await until(jobs)
    drain = (jobs - 1) / (max(moments.values()) - min(moments.values()))
    await asyncio.sleep(0.5)
    enqueued: dict[int, float] = {}
    began = time.perf_counter()
    for number in range(jobs, jobs + IDLE_JOBS):
        enqueued[number] = time.perf_counter()
        await side.one(number)
        await asyncio.sleep(max(0.0, began + len(enqueued) / IDLE_RATE - time.perf_counter()))
    await until(jobs + IDLE_JOBS)
    await side.close()
    return {"single": single, "many": many, "drain": drain, "waits": [(moments[each] - at) * 1000 for each, at in enqueued.items()]}


def main(name: str, url: str, jobs: str) -> None:
    """Measure one, and print what was found."""

    async def run() -> dict[str, Any]:
        return await measured(SIDES[name](url), int(jobs))

    print(json.dumps(asyncio.run(run())))


if __name__ == "__main__":
    main(*sys.argv[1:])
