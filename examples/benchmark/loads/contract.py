"""Our load: a contract like any other. What is asked of it comes through the environment, since it is one test for every rate.

Its bounds are so wide that it is kept whatever the machine does: it is the figures that are compared.
"""

import os

import pytest

RATE, SECONDS = int(os.environ["BENCH_RATE"]), float(os.environ["BENCH_SECONDS"])
KEEP_GOING = {"on_time": "rate>=0%"}


@pytest.fixture
def cio_target():
    return os.environ["BENCH_URL"]


@pytest.mark.asyncio
@pytest.mark.cio_load(rate=RATE, duration=SECONDS, max="1h", errors="100%", thresholds=KEEP_GOING, graceful_stop="60s")
async def test_identify(cio, cio_load):
    number = cio_load.index
    await cio.identify(f"person-{number}", email=f"person-{number}@example.com", plan="pro", created_at=1700000000, score=12.5)
