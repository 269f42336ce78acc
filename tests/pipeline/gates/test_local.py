"""A gate in one process: what is more than its limiter and its circuit."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.pipeline.gates.gate import Failure, Gate, GateState, Kind, Phase
from pytest_cio_load.pipeline.gates.local import LocalGate

OUTAGE, SERVER = Failure(Kind.OUTAGE), Failure(Kind.SERVER)
pytestmark = pytest.mark.asyncio


class Steady(Random):
    """No chance."""

    def random(self) -> float:
        return 0.0


def gate(hand: Any, **settings: Any) -> LocalGate:
    return LocalGate(80, now=hand, rng=Steady(), **settings)


async def test_it_is_a_gate(hand: Any) -> None:
    """The protocol's, and it holds nothing that must be closed."""
    made: Gate = gate(hand)
    assert await made.aclose() is None


@pytest.mark.parametrize("kind", [Kind.OUTAGE, Kind.SERVER])
async def test_a_poison_is_told_from_an_outage(hand: Any, kind: Kind) -> None:
    """The first failure may be an outage; those after a success of others are its own."""
    made = gate(hand)
    uncounted = []
    for _ in range(4):
        grant = await made.ask()
        uncounted.append(await made.failed(grant, Failure(kind), "poison"))
        hand.now += 1
        await made.succeeded(await made.ask())
    assert uncounted == [kind is Kind.OUTAGE, False, False, False]
    assert made.state().opened == (kind is Kind.OUTAGE)


async def test_without_a_key_a_failure_is_never_the_operation_s_own(hand: Any) -> None:
    """And every one is another operation's."""
    made = gate(hand)
    assert [await made.failed(await made.ask(), SERVER) for _ in range(3)] == [False, False, True]


async def test_a_previous_failure_is_forgotten(hand: Any) -> None:
    """After ten minutes the next one is the first again; so little is remembered."""
    made = gate(hand)
    await made.failed(await made.ask(), OUTAGE, "a")
    hand.now = 1
    await made.succeeded(await made.ask())
    hand.now = 601
    assert await made.failed(await made.ask(), OUTAGE, "a")
    assert list(made._failures) == ["a"]


async def test_the_state_through_an_outage(hand: Any) -> None:
    """Closed, open, half-open, closed again."""
    made = gate(hand)
    states = [made.state()]
    await made.failed(await made.ask(), OUTAGE)
    states.append(made.state())
    hand.now = 0.75
    states.append(made.state())
    await made.succeeded(await made.ask())
    states.append(made.state())
    assert states == [
        GateState(Phase.CLOSED, 0.0, 80, 80, 0.0, 0),
        GateState(Phase.OPEN, 0.5, 80, 80, 0.0, 1),
        GateState(Phase.HALF_OPEN, 0.0, 80, 80, 0.0, 1),
        GateState(Phase.CLOSED, 0.0, 80, 80, 0.0, 1),
    ]


async def test_waits_are_added_up(hand: Any) -> None:
    """Those of the limiter, for whatever was granted."""
    made = gate(hand)
    for _ in range(6):
        await made.ask()
    assert made.state().waited == pytest.approx(0.0375)


async def test_waiting_for_an_outage_is_not_waiting_for_the_limiter(hand: Any) -> None:
    """It is Customer.io's doing."""
    made = gate(hand)
    await made.failed(await made.ask(), OUTAGE)
    assert (await made.ask()).wait == 0.5
    assert made.state().waited == 0


async def test_a_backlog_has_an_end(hand: Any) -> None:
    """Whoever would wait longer than a minute is told when to ask again."""
    made = LocalGate(1, 1, now=hand)
    for _ in range(61):
        await made.ask()
    grant = await made.ask()
    assert (grant.granted, grant.wait) == (False, 1)


async def test_on_the_loop_s_own_clock() -> None:
    """When none is given; asked for its state before, it is closed."""
    made = LocalGate(80)
    assert made.state().phase is Phase.CLOSED
    assert (await made.ask()).wait == 0
    assert made.state().opened == 0


async def test_the_loop_s_clock_may_be_replaced() -> None:
    """Time that is virtual from some moment on is the gate's time too."""
    made = LocalGate(0.1, 1)
    await made.ask()
    with VirtualClock(asyncio.get_running_loop()):
        await asyncio.sleep(10)
        assert (await made.ask()).wait == 0
