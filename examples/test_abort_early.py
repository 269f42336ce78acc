"""A contract that cannot be kept any more need not run to its end: the target is gone after 5 s, and the run ends soon after."""

import pytest

from pytest_cio_load import ContractBroken


@pytest.fixture
def frozen(cio_fake):
    cio_fake.at("5s").freeze("10m")


@pytest.mark.xfail(raises=ContractBroken, reason="the target is gone")
@pytest.mark.cio_load(rate=50, duration="5m", p95=500, warmup="2s", timeout="1s", abort_on_fail=True, delay_abort="3s")
@pytest.mark.usefixtures("frozen")
async def test_ends_soon(cio, cio_load):
    await cio.track(cio_load.user.id, "opened")
