"""A gate in Redis: what is more than the local one's decisions. Several gates of one key, servers, keys."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Gone
from redis.exceptions import ReadOnlyError

from pytest_cio_load.pipeline.gates import shared as module
from pytest_cio_load.pipeline.gates.gate import Failure, Gate, Grant, Kind, Phase, Rules, pass_through
from pytest_cio_load.pipeline.gates.shared import SharedGate

OUTAGE, SERVER = Failure(Kind.OUTAGE), Failure(Kind.SERVER)
QUICK = Rules(cool_down=0.01, longest=0.01, lease=0.05)
STATE = "cio-load:gate:{site}"
pytestmark = pytest.mark.asyncio


def gate(redis: Redis, key: str = "site", rate: float = 80, **settings: Any) -> SharedGate:
    return SharedGate(redis, key, rate=rate, **settings)


async def asks(made: Gate, count: int) -> list[Grant]:
    return [await made.ask() for _ in range(count)]


async def test_it_is_a_gate(store: Redis) -> None:
    """The protocol's, and the client stays the caller's."""
    made: Gate = gate(store)
    assert await made.aclose() is None
    assert await store.ping()


async def test_two_gates_of_one_key_are_one_limiter(store: Redis) -> None:
    """Their reservations follow each other, a step of the rate apart at least."""
    here, there = gate(store), gate(store)
    dues = [grant.due for _ in range(20) for grant in (await here.ask(), await there.ask())]
    assert min(later - sooner for sooner, later in pairwise(dues)) >= 12_499


async def test_gates_of_two_keys_know_nothing_of_each_other(store: Redis) -> None:
    """Another workspace has its own budget and its own outages."""
    await asks(one := gate(store, "one", rate=0.1), 5)
    await one.failed(await one.ask(), OUTAGE)
    assert [grant.wait for grant in await asks(gate(store, "two", rate=0.1), 4)] == [0, 0, 0, 0]


async def test_a_client_that_decodes_answers(server: Any, store: Redis) -> None:
    """Text or bytes: the same grants."""
    async with Redis(port=server.port, decode_responses=True) as other:
        assert [grant.wait for grant in await asks(gate(other, rate=0.1), 4)] == [0, 0, 0, 0]


async def test_asking_is_one_round_trip(store: Redis) -> None:
    """A success travels with the next question; whoever passes asks once."""
    made = gate(store, rate=1000)
    await made.ask()

    async def scripts() -> int:
        return int((await store.info("commandstats"))["cmdstat_evalsha"]["calls"])

    before = await scripts()
    for _ in range(20):
        await made.succeeded(await pass_through(made))
    assert await scripts() - before == 20


async def test_all_keys_share_a_slot_and_expire(store: Redis) -> None:
    """The site id can be read on the server, an operation's key can not."""
    made = gate(store)
    await made.failed(await made.ask(), SERVER, "ada@example.com")
    keys = [key.decode() for key in await store.keys()]
    assert len(keys) == 2
    assert all(key.startswith(STATE) and "ada" not in key for key in keys)
    assert all([await store.pttl(key) > 0 for key in keys])


async def test_one_probes_over_all_gates(store: Redis) -> None:
    """Fifty ask at the same time, after the cool-down."""
    gates = [gate(store, rules=Rules(cool_down=0.01, longest=0.01)) for _ in range(50)]
    await gates[0].failed(await gates[0].ask(), OUTAGE)
    while (grant := await gates[0].ask()).wait and not grant.granted:
        await asyncio.sleep(grant.wait)
    others = await asyncio.gather(*(each.ask() for each in gates))
    assert grant.probe
    assert not any(other.granted for other in others)
    assert all(0 < other.wait <= 0.25 for other in others)


async def test_a_success_of_the_probe_lets_everyone_through(store: Redis) -> None:
    """And the gates learn it when they ask."""
    here, there = gate(store, rules=QUICK), gate(store, rules=QUICK)
    await here.failed(await here.ask(), OUTAGE)
    await here.succeeded(probe := await pass_through(here))
    assert probe.probe
    assert here.state().phase is Phase.CLOSED
    assert not (await pass_through(there)).probe


async def test_a_prober_that_is_never_heard_of_again(store: Redis) -> None:
    """Its lease ends, and another one probes."""
    here, there = gate(store, rules=QUICK), gate(store, rules=QUICK)
    await here.failed(await here.ask(), OUTAGE)
    assert (await pass_through(here)).probe
    assert (await pass_through(there)).probe


async def test_a_probe_given_back_is_left_to_another(store: Redis) -> None:
    """At once, not when its lease ends."""
    here, there = gate(store, rules=Rules(cool_down=0.01)), gate(store)
    await here.failed(await here.ask(), OUTAGE)
    await here.give_back(await pass_through(here))
    assert (await there.ask()).probe


async def test_a_poison_is_known_to_every_process(store: Redis) -> None:
    """It fails here, others succeed there, it fails there: its own."""
    here, there = gate(store, rules=QUICK), gate(store, rules=QUICK)
    uncounted = [await here.failed(await here.ask(), OUTAGE, "poison")]
    await there.succeeded(await pass_through(there))
    uncounted.append(await there.failed(await there.ask(), OUTAGE, "poison"))
    assert uncounted == [True, False]
    assert there.state().phase is Phase.CLOSED


async def test_a_success_that_travels_with_a_failure_came_before_it(store: Redis) -> None:
    """It ends the row of failures: the next one is the first of another."""
    made = gate(store)
    grant = await made.ask()
    uncounted = [await made.failed(grant, SERVER, key) for key in "ab"]
    await made.succeeded(grant)
    uncounted += [await made.failed(grant, SERVER, key) for key in "cd"]
    assert (uncounted, made.state().opened) == ([False] * 4, 0)
    assert await made.failed(grant, SERVER, "e")


async def test_the_last_slot_can_be_given_back(store: Redis) -> None:
    """One in the middle cannot."""
    made = gate(store, rate=0.1, burst=1)
    _, middle, last = await asks(made, 3)
    assert [await made.give_back(middle), await made.give_back(last), await made.give_back(last)] == [False, True, False]
    assert (await made.ask()).due == last.due


async def test_the_state_is_what_was_last_heard(store: Redis) -> None:
    """Nothing is asked for it."""
    made = gate(store, rate=0.1)
    await asks(made, 5)
    await made.failed(await made.ask(), Failure(Kind.LIMITED, 100))
    state = made.state()
    assert (state.phase, state.opened, state.rate, state.declared) == (Phase.OPEN, 1, 0.1, 0.1)
    assert 60 < state.until <= 100
    assert state.waited > 1


async def test_after_its_pause_it_is_half_open(store: Redis) -> None:
    """As far as is known here, until somebody asks."""
    made = gate(store, rules=QUICK)
    await made.failed(await made.ask(), OUTAGE)
    while made.state().phase is Phase.OPEN:
        await asyncio.sleep(0.001)
    assert (made.state().phase, made.state().until) == (Phase.HALF_OPEN, 0.0)


async def test_a_server_that_was_started_anew(own_server: Any) -> None:
    """It does not know the script, and is told it."""
    async with Redis(port=own_server.port) as redis:
        made = gate(redis)
        assert (await made.ask()).granted
        await redis.script_flush()
        assert (await made.ask()).granted
        port = own_server.port
        own_server.stop()
        own_server._desired_port = port
        own_server.start(timeout=60)
        assert (await made.ask()).granted


async def test_a_server_that_is_gone(own_server: Any) -> None:
    """The client's own error, unchanged; what was not told is told later; giving back does without."""
    async with Redis(port=own_server.port, retry=Retry(NoBackoff(), 0)) as redis:
        made = gate(redis)
        await made.succeeded(grant := await made.ask())
        own_server.terminate()
        with pytest.raises(Gone):
            await made.ask()
        with pytest.raises(Gone):
            await made.failed(grant, OUTAGE)
        assert not await made.give_back(grant)
        assert made._successes == 1


async def test_a_server_that_takes_no_writes(own_server: Any) -> None:
    """The client's own error, unchanged."""
    async with Redis(port=own_server.port) as redis:
        await redis.replicaof("127.0.0.1", "1")
        with pytest.raises(ReadOnlyError):
            await gate(redis).ask()


async def test_giving_back_does_not_wait_for_a_silent_server(store: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives up: the slot runs out by itself."""
    made = gate(store)
    grant = await made.ask()
    monkeypatch.setattr(module, "PATIENCE", 0.01)

    async def silent(**_: Any) -> None:
        await asyncio.Event().wait()

    made._script = silent
    assert not await made.give_back(grant)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"key": ""}, "key: got an empty one; expected what tells workspaces apart; try the site id"),
        ({"rate": -1}, "rate: got -1; expected requests per second, more than 0; try 100"),
        ({"burst": 0}, "burst: got 0; expected at least 1 request; try 4"),
    ],
)
async def test_settings_that_make_no_sense(store: Redis, settings: dict[str, Any], said: str) -> None:
    """Said when the gate is made."""
    with pytest.raises(ValueError) as caught:
        gate(store, **settings)
    assert str(caught.value) == said


async def test_more_than_may_start_together(store: Redis) -> None:
    """Said before anything is asked."""
    with pytest.raises(ValueError) as caught:
        await gate(store).ask(5)
    assert str(caught.value) == "requests: got 5; expected 1 to 4, the burst; try asking for one after the other"
