"""A worker process for tests: takes jobs, writes what it has sent into a file, settles. Its arguments are one JSON object."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines.bullmq.engine import BullMQEngine
from pytest_cio_load.pipeline.engines.engine import Done
from pytest_cio_load.pipeline.policy import together


async def main(log: str, name: str, url: str, pace: float = 0.002, **settings: object) -> None:
    """Until SIGTERM. A job whose data say ``poison`` kills the process."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    engine = BullMQEngine(url, **settings)
    consumer = engine.consumer(name)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    await consumer.start()
    os.write(file, f"started {name}\n".encode())
    most = 8
    while not stop.is_set():
        try:
            for each in (got := await consumer.take(most, 0.2)):
                if not consumer.holds(each):
                    continue
                os.write(file, f"sent {name} {each.id} {each.kills}\n".encode())
                if "poison" in each.data:
                    os.kill(os.getpid(), signal.SIGKILL)
                await asyncio.sleep(pace)
                await consumer.settle([Done(each, max(0.0, time.time() - each.enqueued_at))])
            most = min((together(8, each.kills) for each in got), default=8)
        except QueueUnavailable:
            await asyncio.sleep(0.1)
    await consumer.close()
    await engine.aclose()


asyncio.run(main(**json.loads(sys.argv[1])))
