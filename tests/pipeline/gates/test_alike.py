"""The local gate and the shared one decide alike: the same story, told to both at the same times."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from pytest_cio_load.pipeline.gates.gate import Failure, Grant, Kind, Rules
from pytest_cio_load.pipeline.gates.local import LocalGate
from pytest_cio_load.pipeline.gates.shared import SharedGate, script

HAND_CLOCK = "local now = tonumber(redis.call('GET', KEYS[1] .. ':now'))\n"
RULES = Rules(cool_down=0.3, longest=2, unauthorized=3, lease=1)

KINDS = [Kind.SERVER] * 4 + [Kind.OUTAGE] * 3 + [Kind.LIMITED, Kind.UNAUTHORIZED]
GAPS = [0] * 8 + [10_000, 12_500, 250_000, 300_000, 375_000, 1_000_000, 2_000_000, 599_999_999, 600_000_000]
STEPS = ["ask"] * 6 + ["succeeded"] * 4 + ["failed"] * 5 + ["give back"]


def story(rng: Random, length: int) -> list[tuple[int, Any]]:
    """Steps, each with the microseconds since the one before; most of them close together, so that they bear on each other."""
    told = []
    for _ in range(length):
        what = rng.choice(STEPS)
        # Mostly the newest grant; sometimes one of before an outage.
        which = min(rng.randrange(6), rng.randrange(6))
        step: tuple[Any, ...] = (what,)
        if what == "ask":
            step = (what, rng.choice([1, 1, 1, 2, 4]))
        elif what == "succeeded":
            step = (what, which)
        elif what == "failed":
            failure = Failure(rng.choice(KINDS), rng.choice([None, None, None, 0.0, 0.7, 1 / 3, 4.0]))
            step = (what, which, failure, rng.choice(["", "a", "b", "c", "d"]))
        told.append((rng.choice([rng.choice(GAPS), rng.randrange(50_000)]), step))
    return told


async def tell(gate: Any, step: Any, grants: list[Grant]) -> Any:
    """One step, and what the gate answers to it."""
    what, *rest = step
    if what == "ask":
        grants.append(await gate.ask(*rest))
        answer = grants[-1]
        return answer.wait, answer.granted, answer.probe, answer.era
    granted = [grant for grant in grants if grant.granted]
    if not granted:
        return None
    if what == "give back":
        # Only the last one, since the shared gate keeps no list.
        return await gate.give_back(grants.pop()) if grants[-1].granted else None
    which, *rest = rest
    return await getattr(gate, what)(granted[-1 - which % len(granted)], *rest)


async def both(port: int, told: list[tuple[int, Any]], rate: float, burst: int, seed: int) -> list[Any]:
    """Tell both; they must answer the same, and that is returned."""
    async with Redis(port=port) as redis:
        await redis.delete(*(await redis.keys("cio-load:gate:{alike}*")), "")
        at = [1_000_000]
        local = LocalGate(rate, burst, rules=RULES, rng=Random(seed), now=lambda: at[0] / 1e6)
        shared = SharedGate(redis, "alike", rate=rate, burst=burst, rules=RULES, rng=Random(seed))
        shared._script = redis.register_script(script(HAND_CLOCK))
        here: list[Grant] = []
        there: list[Grant] = []
        answers = []
        for number, (gap, step) in enumerate(told):
            at[0] += gap
            await redis.set("cio-load:gate:{alike}:now", at[0])
            answers.append(await tell(local, step, here))
            assert await tell(shared, step, there) == answers[-1], (number, step)
        return answers


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.integers(1, 120), st.sampled_from([80, 300, 3, 0.7, 999.9, 0.1]), st.integers(4, 6))
def test_the_same_story(server: Any, seed: int, length: int, rate: float, burst: int) -> None:
    """Waits to the microsecond, grants, probes, eras, and what is not counted."""
    asyncio.run(both(server.port, story(Random(seed), length), rate, burst, seed))


def test_the_lease_of_a_probe_that_waits_for_its_slot(server: Any) -> None:
    """It begins with the request, not with the wait for it."""
    ask = ("ask", 1)
    outage = ("failed", 0, Failure(Kind.LIMITED, 0.3), "")
    told = [*[(0, ask)] * 8, (0, outage), (300_000, ask), (4_000_000, ask), (1_600_000, ask), (100_000, ask)]
    answers = asyncio.run(both(server.port, told, 1, 4, 0))[-4:]
    # A slot in 4.7 s, then a second for its answer; then another one probes.
    assert answers == [(4.7, True, True, 1), (0.25, False, False, 0), (0.1, False, False, 0), (0.0, True, True, 1)]
