"""Markers stack: module, class and function are merged, and the closest wins, keyword by keyword."""

import pytest

pytestmark = pytest.mark.cio_load(rate=40, duration="20s", p95=500, p99="1s")


async def test_identify(cio, cio_load):
    await cio.identify(cio_load.user.id, email=cio_load.user.email)


@pytest.mark.cio_load(p95=200)
class TestEvents:
    async def test_track(self, cio, cio_load):
        await cio.track(cio_load.user.id, "opened")

    @pytest.mark.cio_load(stages=[("10s", 60), ("0s", 20), ("10s", 20)])
    @pytest.mark.parametrize("name", ["bought", "returned"])
    async def test_track_in_a_wave(self, cio, cio_load, name):
        """Stages displace the module's rate and duration."""
        await cio.track(cio_load.user.id, name, {"wave": True})
