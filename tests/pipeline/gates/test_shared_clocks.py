"""A gate in Redis: workers that declare different rates, servers whose clock goes back, clients whose clock is off."""

from __future__ import annotations

import time
from random import Random
from types import SimpleNamespace

import pytest
from redis.asyncio import Redis

from pytest_cio_load.pipeline.gates import shared as module
from pytest_cio_load.pipeline.gates.gate import Failure, Grant, Kind, Rules, pass_through
from pytest_cio_load.pipeline.gates.shared import SharedGate, script

OUTAGE = Failure(Kind.OUTAGE)
QUICK = Rules(cool_down=0.01, longest=0.01, lease=0.05)
STATE = "cio-load:gate:{site}"
pytestmark = pytest.mark.asyncio


def gate(redis: Redis, key: str = "site", rate: float = 80, **settings: object) -> SharedGate:
    return SharedGate(redis, key, rate=rate, **settings)


async def asks(made: SharedGate, count: int) -> None:
    for _ in range(count):
        await made.ask()


async def server_now(redis: Redis) -> float:
    seconds, micros = await redis.time()
    return float((seconds - 1767225600) * 1_000_000 + micros)


async def test_the_lowest_rate_wins(store: Redis, caplog: pytest.LogCaptureFixture) -> None:
    """The other is told, once, and says so in its state."""
    low, high = gate(store, rate=20), gate(store, rate=80)
    await asks(high, 2)
    await asks(low, 2)
    await asks(high, 2)
    assert [(each.state().rate, each.state().declared) for each in (low, high)] == [(20, 20), (20, 80)]
    assert [record.getMessage() for record in caplog.records] == [
        "rate: got 80 requests/s; expected 20, the least that a worker of this workspace declares, and keep to it; "
        "try the same rate for all of them"
    ]


async def test_a_rate_nobody_declares_any_more_is_forgotten(store: Redis) -> None:
    """A minute after its last worker asked; so a new rate can be rolled out."""
    await gate(store, rate=20).ask()
    await store.hset(STATE, "rated", await server_now(store) - 61e6)
    await (high := gate(store, rate=80)).ask()
    assert high.state().rate == 80


async def test_reservations_of_a_clock_that_went_back_are_forgotten(store: Redis) -> None:
    """An hour ahead is none that anybody waits for."""
    made = gate(store)
    await made.ask()
    await store.hset(STATE, "due", await server_now(store) + 3600e6)
    assert (await made.ask()).granted


async def test_reservations_less_than_a_minute_ahead_are_kept(store: Redis) -> None:
    """They may be real; nobody waits longer for them."""
    made = gate(store)
    await made.ask()
    await store.hset(STATE, "due", await server_now(store) + 59e6)
    assert 0 < (await made.ask()).wait <= 60


async def test_a_pause_of_a_clock_that_went_back_is_over(store: Redis) -> None:
    """It began in what is the future now: somebody may probe."""
    made = gate(store)
    await made.failed(await made.ask(), OUTAGE)
    ahead = await server_now(store) + 3600e6
    await store.hset(STATE, mapping={"since": ahead, "until": ahead + 1e6})
    assert (await made.ask()).probe


async def test_a_lease_of_a_clock_that_went_back_is_over(store: Redis) -> None:
    """It is further ahead than any probe's."""
    made = gate(store, rules=QUICK)
    await made.failed(await made.ask(), OUTAGE)
    await pass_through(made)
    await store.hset(STATE, "lease", await server_now(store) + 3600e6)
    assert (await made.ask()).probe


@pytest.mark.parametrize("shift", [-3600.0, 3600.0])
async def test_the_client_s_clock_does_not_matter(store: Redis, monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    """The twin whose clocks are an hour off is granted the same."""

    async def story(key: str) -> list[Grant]:
        made = gate(store, key, rng=Random(1))
        made._script = store.register_script(script(f"local now = tonumber(redis.call('GET', '{{{key}}}'))\n"))
        grants = []
        for at in range(0, 2_000_000, 40_000):
            await store.set(f"{{{key}}}", at)
            grants += [await made.ask(), await made.ask(2)]
            if at == 1_000_000:
                await made.failed(grants[-1], OUTAGE, "a")
            await made.succeeded(grants[-1])
        return grants

    plain = await story("plain")
    real, steady = time.time, time.monotonic
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=time.time, monotonic=lambda: steady() + shift))
    assert await story("twin") == plain
