"""A gate for all processes of a workspace, kept in Redis or Valkey and read by the server's clock: no client's clock matters."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from hashlib import blake2b
from importlib.resources import files
from random import Random
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.pacing import BURST
from pytest_cio_load.pipeline.gates import circuit, slots
from pytest_cio_load.pipeline.gates.gate import Failure, GateState, Grant, Kind, Phase, Rules, check_limits, check_requests
from pytest_cio_load.pipeline.gates.slots import SECOND

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger(__name__)

PREFIX = "cio-load:gate:"
"""Begins the keys of every gate."""

RATE_MEMORY = 60 * SECOND
"""A rate that nobody has declared by asking for so long no longer holds the others back."""

UNUSED = 2 * 3600 * SECOND
"""The state of a gate that nobody asks is gone after this; longer than any pause."""

PATIENCE = 1.0
"""Seconds that giving back may take: it happens while something else is being cancelled."""

SERVER_CLOCK = """
local time = redis.call('TIME')
-- Counted from 2026, so that fractions of a microsecond are kept.
local now = (time[1] - 1767225600) * 1000000 + time[2]
"""
"""Lua that sets ``now``."""

_CONSTANTS = {
    "SECOND": SECOND,
    "NANOSECOND": 1e-3,
    "BACKLOG": slots.BACKLOG,
    "ASK_AGAIN": circuit.ASK_AGAIN,
    "MEMORY": circuit.MEMORY,
    "IN_A_ROW": circuit.IN_A_ROW,
    "HIGHEST_LEVEL": circuit.HIGHEST_LEVEL,
    "RATE_MEMORY": RATE_MEMORY,
    "UNUSED": UNUSED / 1e3,
}


def script(clock: str = SERVER_CLOCK) -> str:
    """The Lua text of a gate whose time is what *clock* sets ``now`` to, in microseconds."""
    constants = "".join(f"local {name} = {value:.17g}\n" for name, value in _CONSTANTS.items())
    return clock + constants + files(__package__).joinpath("gate.lua").read_text(encoding="utf-8")


class SharedGate:
    """A :class:`~pytest_cio_load.pipeline.gates.gate.Gate` that is one for all processes which name the same key on the same server.

    Asking is one round trip, a failure and a probe's success are one; every other success travels with the next question. Whoever is
    limited is told how long to wait and does not ask again meanwhile.

    Where workers of a workspace declare different rates the lowest wins, from when its worker first asks until a minute after it last
    asked; the others warn once. Each keeps to its own burst.

    The server's clock may go back, for example when another server takes over: nobody then waits longer than a minute and ``burst``
    requests, and an open circuit allows a probe at once. When it goes forward a burst may start, or a probe, before its time.

    All keys of a workspace are in one slot of a cluster. They expire by themselves.

    Args:
        redis: the client; it stays the caller's, who closes it. How long it waits for an answer and how often it tries is its own setting.
        key: tells workspaces apart: the site id, which can be read on the server. Never an API key.
        rate: requests per second of all processes together.
        burst: how many may start at once after a pause.
        rules: how long the circuit stays open.
        rng: makes the jitter of the cool-down.

    Raises:
        ValueError: an empty key, a rate that is not a finite number above 0, or a burst under 1.

    Asking, succeeding and failing raise what the client raises, unchanged: ``redis.exceptions.ConnectionError`` or ``TimeoutError`` when
    the server is gone, ``ResponseError`` when it takes no writes. Whatever was granted to a question that was broken off, a slot or a
    probe, runs out by itself.
    """

    def __init__(
        self,
        redis: Redis,
        key: str,
        *,
        rate: float,
        burst: int = BURST,
        rules: Rules | None = None,
        rng: Random | None = None,
    ) -> None:
        check_limits(rate, burst)
        if not key:
            raise ValueError("key: got an empty one; expected what tells workspaces apart; try the site id")
        self._redis = redis
        self._key = f"{PREFIX}{{{key}}}"
        self._rate, self._burst = rate, burst
        self._rules = rules or Rules()
        self._rng = rng or Random()
        self._script: Any = redis.register_script(script())
        self._successes = 0
        self._kept = rate
        self._warned = False
        self._waited = 0.0
        # As of the last answer; the moment is on this process's clock, for show only.
        self._is_open, self._until, self._opened = False, 0.0, 0

    async def ask(self, requests: int = 1) -> Grant:
        """See `Gate`."""
        check_requests(requests, self._burst)
        granted, wait, probe, due = await self._run("ask", requests, math.ceil(self._rules.lease * SECOND))
        seconds = wait / SECOND
        if not granted:
            return Grant(seconds, granted=False)
        self._waited += seconds
        return Grant(seconds, True, bool(probe), self._opened, due, requests)

    async def succeeded(self, grant: Grant) -> None:
        """See `Gate`."""
        self._successes += 1
        if grant.probe:
            await self._run("succeeded", grant.era)

    async def failed(self, grant: Grant, failure: Failure, key: str = "") -> bool:
        """See `Gate`."""
        rules = self._rules
        asked = circuit.asked(failure)
        # Hashed, since nothing is known about the key: not its length, and not whether it may be read.
        name = blake2b(key.encode(), digest_size=16).hexdigest() if key else token_hex(16)
        remembered = [f"{self._key}:{name}"] if key and failure.kind in (Kind.OUTAGE, Kind.SERVER) else []
        pauses = (rules.cool_down * SECOND, rules.longest * SECOND, rules.unauthorized * SECOND)
        told = ("" if asked is None else asked, name, self._rng.random(), *pauses)
        answer, *_ = await self._run("failed", grant.era, failure.kind.value, *told, keys=remembered)
        return bool(answer)

    async def give_back(self, grant: Grant) -> bool:
        """See `Gate`. Only the last slot taken can be given back. What the server does not hear of within a second runs out by itself."""
        from redis.exceptions import RedisError

        try:
            async with asyncio.timeout(PATIENCE):
                answer, *_ = await self._run("back", grant.due, grant.era, int(grant.probe), grant.requests)
        except (TimeoutError, RedisError):
            return False
        return bool(answer)

    def state(self) -> GateState:
        """See `Gate`: as of the last answer of the server to this gate."""
        until = max(0.0, self._until - time.monotonic())
        phase = Phase.OPEN if until else Phase.HALF_OPEN if self._is_open else Phase.CLOSED
        return GateState(phase, until, self._kept, self._rate, self._waited, self._opened)

    async def aclose(self) -> None:
        """Nothing: the client is the caller's."""

    async def _run(self, what: str, *arguments: float | str, keys: Sequence[str] = ()) -> tuple[int, float, int, float]:
        """One round trip. The answer, the wait in microseconds, whether it is a probe, and the reservation."""
        successes, self._successes = self._successes, 0
        told = (what, successes, repr(self._rate), self._burst, *arguments)
        try:
            answer, wait, probe, due, rate, is_open, until, opened = await self._script(keys=[self._key, *keys], args=told)
        except BaseException:
            self._successes += successes
            raise
        self._is_open, self._opened = bool(is_open), opened
        self._until = time.monotonic() + until / SECOND if until else 0.0
        self._kept = float(rate)
        if self._kept < self._rate and not self._warned:
            self._warned = True
            _log.warning(
                "rate: got %g requests/s; expected %g, the least that a worker of this workspace declares, and keep to it; "
                "try the same rate for all of them",
                self._rate,
                self._kept,
            )
        return answer, wait, probe, float(due)
