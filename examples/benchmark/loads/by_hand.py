"""What one writes by hand: aiohttp, a task for every arrival, every duration in a list."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from time import perf_counter

import aiohttp

RATE, SECONDS, BASE = int(os.environ["BENCH_RATE"]), float(os.environ["BENCH_SECONDS"]), os.environ["BENCH_URL"]
HEADERS = {"content-type": "application/json", "authorization": "Basic c2l0ZTprZXk="}


async def main() -> None:
    """Send them all, each when it is due; what is measured is from when it was due."""
    durations: list[float] = []
    failed = 0

    async def identify(session: aiohttp.ClientSession, number: int, due: float) -> None:
        nonlocal failed
        body = json.dumps({"email": f"person-{number}@example.com", "plan": "pro", "created_at": 1700000000, "score": 12.5})
        try:
            async with session.put(f"{BASE}/api/v1/customers/person-{number}", data=body, headers=HEADERS) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            failed += 1
        durations.append(perf_counter() - due)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
        began = perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(round(RATE * SECONDS)):
                due = began + number / RATE
                wait = due - perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                tasks.create_task(identify(session, number, due))
    durations.sort()
    told = {f"p{share}": durations[int(len(durations) * share / 100)] * 1e3 for share in (50, 95, 99)}
    with open(os.environ["BENCH_TOLD"], "w", encoding="utf-8") as file:
        json.dump({"calls": len(durations), "failed": failed, "percentiles": told}, file)


factory = None
with suppress(ImportError):
    from uvloop import new_event_loop

    factory = new_event_loop
with asyncio.Runner(loop_factory=factory) as runner:
    runner.run(main())
