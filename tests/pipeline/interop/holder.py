"""A worker process for tests: takes three jobs, writes their ids into a file, and holds them. Its argument is one JSON object."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from pytest_cio_load.pipeline.engines.bullmq.engine import BullMQEngine


async def main(log: str, url: str, name: str) -> None:
    """Until it is killed."""
    engine = BullMQEngine(url, name, shards=1, lock=1.5)
    consumer = engine.consumer("holder")
    await consumer.start()
    ids: list[str] = []
    while len(ids) < 3:
        ids += [each.id for each in await consumer.take(3 - len(ids), 1.0)]
    Path(log).write_text("\n".join(ids))
    await asyncio.Event().wait()


asyncio.run(main(**json.loads(sys.argv[1])))
