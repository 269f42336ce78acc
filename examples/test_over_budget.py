"""What a workspace does with more requests than its budget; the mock can do each of the four. Here nothing of ours paces the calls."""

import pytest

from pytest_cio_load import ContractBroken

pytestmark = pytest.mark.cio_load(rate=120, duration="10s", p95="500ms")


@pytest.mark.cio_workspace(limit="100/s", pace="1000/s", over_budget="accept")
async def test_accepted(cio, cio_load):
    """As Customer.io documents it: the limit is soft."""
    await cio.track(cio_load.user.id, "clicked")


@pytest.mark.xfail(raises=ContractBroken, reason="429s are retried, and retries are requests too")
@pytest.mark.cio_workspace(limit="100/s", pace="1000/s", over_budget="reject")
async def test_rejected(cio, cio_load):
    await cio.track(cio_load.user.id, "clicked")


@pytest.mark.xfail(raises=ContractBroken, reason="answers come as late as the budget asks")
@pytest.mark.cio_workspace(limit="100/s", pace="1000/s", over_budget="throttle")
async def test_throttled(cio, cio_load):
    await cio.track(cio_load.user.id, "clicked")


@pytest.mark.xfail(raises=ContractBroken, reason="every answer is 200 and in time, and events are lost all the same")
@pytest.mark.cio_workspace(limit="100/s", pace="1000/s", over_budget="drop")
async def test_dropped(cio, cio_load):
    """200 is no proof of delivery: the mock knows what it applied, and by default nothing may be lost."""
    await cio.track(cio_load.user.id, "clicked")
