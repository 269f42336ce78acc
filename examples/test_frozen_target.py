"""A target that freezes for 10 s of a minute breaks the contract, however many iterations may be in flight.

Whoever times requests from when they are sent sees little of such a freeze: with few slots, few requests are in flight when it begins, and
the hundreds that should have been sent meanwhile are never timed. Here response time counts from when an iteration was due.
"""

import pytest

from pytest_cio_load import ContractBroken

MINUTE = {"rate": 80, "duration": 60, "latency": "50ms", "p95": 500}

pytestmark = [
    pytest.mark.cio_workspace(limit="1000/s", timeout="30s"),
    pytest.mark.xfail(raises=ContractBroken, reason="the target froze for 10 s"),
]


@pytest.fixture(autouse=True)
def frozen(cio_fake):
    """The workspace stands still from 20 s to 30 s."""
    cio_fake.at("20s").freeze("10s")


@pytest.mark.cio_load(**MINUTE)
async def test_nothing_capped(cio, cio_load):
    """Response p(95) is 7.09 s."""
    await cio.identify(cio_load.user.id, email=cio_load.user.email)


@pytest.mark.cio_load(**MINUTE, max_in_flight=20, on_saturation="queue")
async def test_twenty_in_flight_then_queue(cio, cio_load):
    """Service p(95) is 50 ms, response p(95) is 7.65 s; both are printed."""
    await cio.identify(cio_load.user.id, email=cio_load.user.email)


@pytest.mark.cio_load(**MINUTE, max_in_flight=100, on_saturation="drop")
async def test_a_hundred_in_flight_then_drop(cio, cio_load):
    """Response p(95) of those that began is 50 ms; the 705 that were dropped break the contract."""
    await cio.identify(cio_load.user.id, email=cio_load.user.email)
