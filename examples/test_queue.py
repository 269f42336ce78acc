"""Promises on a whole pipeline: applications enqueue, workers send, and the queue takes what Customer.io does not."""

import pytest


@pytest.fixture
def outage(cio_fake):
    """Customer.io is out for a minute."""
    cio_fake.at("60s").fail(503, lasting="60s")


@pytest.mark.cio_load(rate=80, duration="3m", thresholds={"drain_time": "<5m", "dead_letters": "==0", "queue_depth": "max<7500"})
@pytest.mark.cio_queue(workers=2)
@pytest.mark.usefixtures("outage")
async def test_an_outage_is_drained(cio_queue, cio_load):
    """Depth rises, no job uses up its tries, and afterwards the budget of 100/s drains what 80/s left."""
    await cio_queue.identify(cio_load.user.id, email=cio_load.user.email)


@pytest.fixture
def deaths(cio_queue):
    """Two of the three workers are killed in mid-run; others take their places 5 s later."""
    cio_queue.at("10s").kill(0)
    cio_queue.at("20s").kill(1)


@pytest.mark.cio_load(
    rate=40,
    duration="1m",
    thresholds={"redelivered": "count>=1", "dead_letters": "==0", "queue_latency": "p(99)<10s", "delivery": "out_of_order==0"},
)
@pytest.mark.cio_queue(workers=3)
@pytest.mark.usefixtures("deaths")
async def test_killed_workers_lose_nothing(cio_queue, cio_load):
    """What they had is sent by others, in each person's order; an event that is sent twice is applied once."""
    await cio_queue.identify(cio_load.user.id, email=cio_load.user.email)
    await cio_queue.track(cio_load.user.id, "signed_up")


@pytest.mark.cio_load(rate=400, duration="30s", thresholds={"queue_latency": "p(99)<500ms", "drain_time": "<1s", "dead_letters": "==0"})
@pytest.mark.cio_queue(workers=1, batch=200, linger="100ms")
@pytest.mark.cio_workspace(limit="100/s")
async def test_batches_go_beyond_the_budget(cio_queue, cio_load):
    """800 operations a second through a budget of 100 requests a second."""
    await cio_queue.identify(cio_load.user.id, email=cio_load.user.email)
    await cio_queue.track(cio_load.user.id, "signed_up", {"plan": "pro"})
