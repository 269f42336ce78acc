"""A worker process for tests: takes jobs, writes what it has sent into a file, settles. Its argument is one JSON object."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines.engine import Again, Done, Settlement
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine


async def main(log: str, name: str, bootstrap: str, queue: str, group: str, pace: float = 0.0, most: int = 8) -> None:
    """Until SIGTERM. A job whose data say ``poison`` kills the process; one whose data say ``again`` is parked at its first try."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    engine = KafkaEngine(bootstrap, queue, group=group, session_timeout=3.0)
    consumer = engine.consumer(name)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    await consumer.start()
    while not stop.is_set():
        try:
            settlements: list[Settlement] = []
            for each in await consumer.take(most, 0.2):
                os.write(file, f"taken {each.id} {name}\n".encode())
                if "poison" in each.data:
                    os.kill(os.getpid(), signal.SIGKILL)
                if "again" in each.data and not each.attempts and consumer.holds(each):
                    await consumer.settle([*settlements, Again(each, 0.05, "a first try that fails")])
                    settlements = []
                elif consumer.holds(each):
                    await asyncio.sleep(pace)
                    os.write(file, f"sent {each.id} {name}\n".encode())
                    settlements.append(Done(each, 0.0))
            await consumer.settle(settlements)
        except QueueUnavailable:
            await asyncio.sleep(0.1)
    await consumer.close()
    await engine.aclose()


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
