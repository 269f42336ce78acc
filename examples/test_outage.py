"""Five seconds of outage at 80 events a second, in three ways: nothing is lost, nothing is applied twice, and retries stay bounded.

Every event carries a ULID from the start, so sending it again cannot duplicate it; waits grow and are spread by chance, so that clients
which failed together do not come back together.
"""

import pytest

pytestmark = [
    pytest.mark.cio_workspace(limit="1000/s"),
    pytest.mark.cio_load(
        rate=80,
        duration="20s",
        thresholds={
            "delivery": ["lost==0", "duplicates==0"],
            "amplification": "value<3",
            "response": "max<30s",
        },
    ),
]


@pytest.fixture
def refusing(cio_fake):
    cio_fake.at("5s").fail(503, lasting="5s")


@pytest.fixture
def hanging_up(cio_fake):
    cio_fake.at("5s").reset_connections(lasting="5s")


@pytest.fixture
def frozen(cio_fake):
    cio_fake.at("5s").freeze("5s")


async def test_refused_with_503(cio, cio_load, refusing):
    await cio.track(cio_load.user.id, "opened", {"iteration": cio_load.index})


async def test_connections_reset(cio, cio_load, hanging_up):
    await cio.track(cio_load.user.id, "opened", {"iteration": cio_load.index})


async def test_frozen(cio, cio_load, frozen):
    await cio.track(cio_load.user.id, "opened", {"iteration": cio_load.index})
