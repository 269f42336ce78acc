"""A performance promise is a marker on a test: this body runs 80 times a second for a minute, and 95 % of it within 500 ms."""

import pytest


@pytest.mark.cio_load(rate=80, duration=60, p95=500)
async def test_identify(cio, cio_load):
    await cio.identify(cio_load.user.id, email=cio_load.user.email, plan="pro")
