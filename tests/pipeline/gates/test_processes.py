"""One gate over several processes, on one server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

import pytest_cio_load
from pytest_cio_load.pipeline.gates.gate import Failure, Kind, Rules, pass_through
from pytest_cio_load.pipeline.gates.shared import SharedGate

RATE, BURST, PROCESSES, TASKS, EACH = 200, 4, 4, 10, 12

WITNESSED = """
from pytest_cio_load.pipeline.gates.shared import SERVER_CLOCK
# The server writes down when it was asked: what it then grants is counted from there.
CLOCK = SERVER_CLOCK + "redis.call('RPUSH', KEYS[1] .. ':asked', string.format('%.17g', now))\\n"
"""

SATURATE = f"""
import asyncio, json, sys
from redis.asyncio import Redis
from pytest_cio_load.pipeline.gates.shared import SharedGate, script
{WITNESSED}
async def main():
    async with Redis(port=int(sys.argv[1])) as redis:
        gate = SharedGate(redis, "site", rate={RATE}, burst={BURST})
        gate._script = redis.register_script(script(CLOCK))
        print("ready", flush=True)
        sys.stdin.readline()

        async def slot():
            # Not pass_through, which passes up the slots that a slow machine misses by far.
            grant = await gate.ask()
            await asyncio.sleep(grant.wait)
            return grant

        async def worker():
            return [await slot() for _ in range({EACH})]

        grants = [grant for done in await asyncio.gather(*(worker() for _ in range({TASKS}))) for grant in done]
        print(json.dumps([(grant.due, grant.wait * 1e6) for grant in grants]))

asyncio.run(main())
"""

PROBE = """
import asyncio, sys
from redis.asyncio import Redis
from pytest_cio_load.pipeline.gates.gate import pass_through
from pytest_cio_load.pipeline.gates.shared import SharedGate
from pytest_cio_load.pipeline.gates.gate import Rules

async def main():
    async with Redis(port=int(sys.argv[1])) as redis:
        grant = await pass_through(SharedGate(redis, "site", rate=80, rules=Rules(lease=0.5)))
        print(grant.probe, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def start(text: str, port: int) -> subprocess.Popen[str]:
    """A process that runs *text* with the package that is tested here."""
    paths = [str(Path(pytest_cio_load.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-c", text, str(port)]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.asyncio
async def test_no_sliding_second_holds_more_than_rate_and_burst(server: Any, store: Redis) -> None:
    """Over four processes that ask for more than there is: by the server's own times, none lost, none kept waiting needlessly."""
    processes = [start(SATURATE, server.port) for _ in range(PROCESSES)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        said = await asyncio.gather(*(asyncio.to_thread(process.communicate, "go\n", 120) for process in processes))
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    grants = sorted((due, wait) for out, _ in said for due, wait in json.loads(out))
    asked = [float(at) for at in await store.lrange("cio-load:gate:{site}:asked", 0, -1)]
    assert len(grants) == len(asked) == PROCESSES * TASKS * EACH
    starts = [at + wait for at, (_, wait) in zip(asked, grants, strict=True)]
    assert starts == sorted(starts)
    assert max(sum(first <= each < first + 1e6 for each in starts) for first in starts) <= RATE + BURST


@pytest.mark.asyncio
async def test_a_prober_that_is_killed(server: Any, store: Redis) -> None:
    """Its lease ends, and another process probes."""
    gate = SharedGate(store, "site", rate=80, rules=Rules(cool_down=0.01))
    await gate.failed(await gate.ask(), Failure(Kind.OUTAGE))
    process = start(PROBE, server.port)
    try:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "True\n"
    finally:
        process.kill()
        process.communicate()
    grant = await pass_through(gate)
    assert grant.probe
    await gate.succeeded(grant)
    assert not (await pass_through(gate)).probe
