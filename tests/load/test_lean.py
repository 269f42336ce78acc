"""What an iteration costs does not depend on how many there are; neither does memory. Only ratios are asserted, never times."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from fractions import Fraction
from typing import Any

import pytest

from pytest_cio_load.contract.profile import Profile
from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import Load
from pytest_cio_load.load.schedule import Arrival, schedule

SECOND = 1_000_000
RATIO = 1.3
TRIES = 8


class Forgetful:
    """A sink that keeps nothing."""

    def finished(self, sample: object) -> None:
        """Forget it."""

    def dropped(self, arrival: object) -> None:
        """Forget it."""


def cost(iterations: int, *, in_flight: int = 1) -> float:
    """CPU seconds for each of so many virtual iterations at 1,000/s, of which so many run at a time."""
    lasts = in_flight / 1_000 - 0.0005
    seconds = iterations // 1_000
    made = Load(
        schedule(Profile.flat(Fraction(1_000), Fraction(seconds))),
        seconds * SECOND,
        max_in_flight=10_000,
        drop=False,
        graceful_stop=30 * SECOND,
        timeout=None,
    )

    async def body(_: Arrival) -> None:
        await asyncio.sleep(lasts)

    async def main() -> None:
        with VirtualClock(asyncio.get_running_loop()) as clock:
            await Driver(made, body, Forgetful(), clock).run()

    gc.collect()
    began = time.process_time()
    asyncio.run(main())
    return (time.process_time() - began) / iterations


@pytest.mark.parametrize(
    ("one", "other"),
    [({"iterations": 3_000}, {"iterations": 60_000}), ({"iterations": 20_000}, {"iterations": 20_000, "in_flight": 1_000})],
    ids=["3,000 or 60,000 in all", "1 or 1,000 in flight"],
)
def test_the_cost_of_an_iteration_is_flat(one: dict[str, int], other: dict[str, int]) -> None:
    """The best of several tries of each in turn: noise only ever adds."""
    costs: list[tuple[float, float]] = []
    for _ in range(TRIES):
        costs.append((cost(**one), cost(**other)))
        if min(second for _, second in costs) <= RATIO * min(first for first, _ in costs):
            return
    raise AssertionError(f"µs of CPU for each iteration: {[(first * 1e6, second * 1e6) for first, second in costs]}")


GROWTH = """
import asyncio, sys
from fractions import Fraction
from pytest_cio_load.contract.profile import Profile
from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import Load
from pytest_cio_load.load.schedule import schedule

iterations, settled = map(int, sys.argv[1:])

class Sink:
    seen = 0
    def finished(self, sample):
        self.seen += 1
        if self.seen in (settled, iterations):
            print([line for line in open("/proc/self/status") if line.startswith("VmRSS")][0].split()[1])
    def dropped(self, arrival):
        raise AssertionError

seconds = iterations // 1_000
load = Load(schedule(Profile.flat(Fraction(1_000), Fraction(seconds))), seconds * 1_000_000, max_in_flight=64, drop=False,
            graceful_stop=30_000_000, timeout=None)

async def body(arrival):
    await asyncio.sleep(0.002)

async def main():
    with VirtualClock(asyncio.get_running_loop()) as clock:
        await Driver(load, body, Sink(), clock).run()

asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_memory_is_flat() -> None:
    """After the first 10,000 of 150,000 iterations a process of its own grows by no more than 3 MB."""
    command = [sys.executable, "-c", GROWTH, "150000", "10000"]
    result: Any = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    early, late = map(int, result.stdout.split())
    assert late - early <= 3_000
