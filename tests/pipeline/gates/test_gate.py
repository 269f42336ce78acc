"""What an error says of the service, waiting at a gate, and settings that make no sense."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from pytest_cio_load.errors import CustomerIOError, InvalidOperation, RateLimited, Refused, ServerFailed, Unauthorized, Unreachable
from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.pipeline.gates.gate import LATE, Failure, GateState, Grant, Kind, Phase, Rules, failure_of, pass_through
from pytest_cio_load.pipeline.gates.local import LocalGate


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unreachable("track", "no answer"), Kind.OUTAGE),
        (ServerFailed("track", "bad gateway", status=502), Kind.OUTAGE),
        (ServerFailed("track", "unavailable", status=503), Kind.OUTAGE),
        (ServerFailed("track", "gateway time-out", status=504), Kind.OUTAGE),
        (RateLimited("track", "too many", status=429), Kind.LIMITED),
        (ServerFailed("track", "internal", status=500), Kind.SERVER),
        (ServerFailed("track", "strange", status=599), Kind.SERVER),
        (Refused("track", "too slow", status=408), Kind.SERVER),
        (Unauthorized("track", "who?", status=401), Kind.UNAUTHORIZED),
        (Refused("track", "forbidden", status=403), Kind.UNAUTHORIZED),
        (Refused("track", "elsewhere", status=301), Kind.UNAUTHORIZED),
        (Refused("track", "malformed", status=400), None),
        (Refused("track", "unknown", status=404), None),
        (Refused("track", "this item", status=207), None),
        (CustomerIOError("track", "cannot be read", status=200), None),
        (InvalidOperation("track", "no name"), None),
    ],
)
def test_what_an_error_says_of_the_service(error: CustomerIOError, kind: Kind | None) -> None:
    """By its class and its status; None where the operation itself is at fault."""
    found = failure_of(error)
    assert (found and found.kind) == kind


def test_what_the_answer_asked_to_wait_is_kept() -> None:
    """For the circuit to obey."""
    assert failure_of(RateLimited("track", "too many", status=429, retry_after=7)) == Failure(Kind.LIMITED, 7)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"cool_down": 0}, "cool_down: got 0; expected seconds, more than 0 and 3600 at most; try 0.5"),
        ({"longest": float("inf")}, "longest: got inf; expected seconds, more than 0 and 3600 at most; try 30.0"),
        ({"unauthorized": -1}, "unauthorized: got -1; expected seconds, more than 0 and 3600 at most; try 30.0"),
        ({"lease": float("nan")}, "lease: got nan; expected seconds, more than 0 and 3600 at most; try 45.0"),
    ],
)
def test_rules_that_make_no_sense(settings: dict[str, float], said: str) -> None:
    """What was got, what was expected, and what to try."""
    with pytest.raises(ValueError) as caught:
        Rules(**settings)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0,), "rate: got 0; expected requests per second, more than 0; try 100"),
        ((80, 0), "burst: got 0; expected at least 1 request; try 4"),
    ],
)
def test_limits_that_make_no_sense(arguments: tuple[float, int], said: str) -> None:
    """Said when the gate is made."""
    with pytest.raises(ValueError) as caught:
        LocalGate(*arguments)
    assert str(caught.value) == said


async def through(gate: LocalGate, hand: Any, count: int) -> list[float]:
    starts = []
    for _ in range(count):
        await pass_through(gate, hand.sleep)
        starts.append(hand.now)
    return starts


@pytest.mark.asyncio
async def test_passing_waits_for_the_slot(hand: Any) -> None:
    """A burst at once, then the rate."""
    assert await through(LocalGate(80, now=hand), hand, 7) == [0, 0, 0, 0, 0.0125, 0.025, 0.0375]


@pytest.mark.asyncio
async def test_passing_waits_for_the_end_of_an_outage(hand: Any) -> None:
    """Then it is the probe."""
    gate = LocalGate(80, now=hand)
    await gate.failed(await gate.ask(), Failure(Kind.LIMITED, 3))
    grant = await pass_through(gate, hand.sleep)
    assert (hand.now, grant.probe) == (3, True)


@pytest.mark.asyncio
async def test_a_slot_is_passed_up_when_the_circuit_opens_during_the_wait(hand: Any) -> None:
    """The request is not sent into the outage."""
    gate = LocalGate(10, 1, now=hand)
    first = await gate.ask()

    async def sleep(seconds: float) -> None:
        if not gate.state().opened:
            await gate.failed(first, Failure(Kind.LIMITED, 3))
        await hand.sleep(seconds)

    assert (await pass_through(gate, sleep)).probe
    assert hand.now == 3


@pytest.mark.asyncio
async def test_a_probe_waits_for_its_slot_as_well(hand: Any) -> None:
    """And then goes, though the circuit is not closed: closing it is what it is for."""
    gate = LocalGate(1, 1, now=hand)
    first, *_ = [await gate.ask() for _ in range(2)]
    await gate.failed(first, Failure(Kind.LIMITED, 0.5))
    assert (await pass_through(gate, hand.sleep)).probe
    assert hand.now == 2


@pytest.mark.asyncio
async def test_cancelled_while_it_waits() -> None:
    """The slot is the next one's, in whatever order the waiting are cancelled."""
    gate = LocalGate(0.1, 1)
    with VirtualClock(asyncio.get_running_loop()):
        await gate.ask()
        waiting = [asyncio.ensure_future(pass_through(gate)) for _ in range(3)]
        await asyncio.sleep(1)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (await gate.ask()).wait == 9


@pytest.mark.asyncio
async def test_a_cancelled_probe_is_left_to_another(hand: Any) -> None:
    """At once, not when its lease ends."""
    gate = LocalGate(1, 1, now=hand)
    await gate.failed(await gate.ask(), Failure(Kind.OUTAGE))
    hand.now = 0.8

    async def stop(_: float) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await pass_through(gate, stop)
    assert (await gate.ask()).probe


@pytest.mark.asyncio
async def test_what_cannot_be_given_back_does_not_hide_why_the_wait_ended(hand: Any) -> None:
    """The cancellation is what the caller sees."""

    class Broken(LocalGate):
        async def give_back(self, grant: Grant) -> bool:
            raise ConnectionError

    gate = Broken(1, 1, now=hand)
    await gate.ask()

    async def stop(_: float) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await pass_through(gate, stop)


@pytest.mark.asyncio
async def test_sixty_seconds_of_outage_in_virtual_time() -> None:
    """Only probes are sent meanwhile, further and further apart; then everything flows at the rate, without a burst of what waited."""
    gate = LocalGate(80)
    sent: list[tuple[float, bool]] = []
    with VirtualClock(loop := asyncio.get_running_loop()):
        began = loop.time()

        async def request(number: int) -> None:
            counted, done = 0, False
            while not done:
                grant = await pass_through(gate)
                now = loop.time() - began
                done = now >= 60
                sent.append((now, done))
                if done:
                    await gate.succeeded(grant)
                else:
                    counted += not await gate.failed(grant, Failure(Kind.OUTAGE), str(number))
            assert not counted

        await asyncio.gather(*(request(number) for number in range(200)))
    failures = [now for now, done in sent if not done]
    starts = [now for now, done in sent if done]
    assert len(failures) < 16
    assert max(sum(first <= start < first + 1 for start in starts) for first in starts) <= 84
    assert gate.state().phase is Phase.CLOSED


@pytest.mark.asyncio
async def test_a_slot_that_is_long_over_is_passed_up_once() -> None:
    """After a standstill a request asks again instead of starting beside those whose slots are now; but it does not ask for ever."""
    gate = Standstill()
    grant = await pass_through(gate, gate.stand_still)
    assert (gate.asked, grant.due) == (2, 2.0)


class Standstill:
    """Grants every request a slot that the process then misses by far."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, requests: int = 1) -> Grant:
        """Granted, a moment from now."""
        self.asked += 1
        return Grant(0.01, granted=True, due=float(self.asked), requests=requests)

    async def stand_still(self, _: float) -> None:
        """Wait for longer than was asked."""
        time.sleep(0.01 + LATE * 1.5)

    async def give_back(self, grant: Grant) -> bool:
        """It is over."""
        return False

    async def succeeded(self, grant: Grant) -> None:
        """Nothing."""

    async def failed(self, grant: Grant, failure: Failure, key: str = "") -> bool:
        """Nothing."""
        return False

    def state(self) -> GateState:
        """Closed."""
        return GateState(Phase.CLOSED, 0.0, 80.0, 80.0, 0.0, 0)

    async def aclose(self) -> None:
        """Nothing."""
