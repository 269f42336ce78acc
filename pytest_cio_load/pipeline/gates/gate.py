"""What every gate can do, the values that pass, waiting at a gate, and what an error says of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from pytest_cio_load.customerio.pacing import BURST, check_rate
from pytest_cio_load.errors import CustomerIOError, InvalidOperation, RateLimited, ServerFailed, Unauthorized, Unreachable

LATE = 0.1
"""Seconds that a request may start later than its slot: more than a busy machine's delays, less than a standstill."""

_NO_ANSWER_BEHIND = frozenset({502, 503, 504})


class Phase(Enum):
    """Of a circuit."""

    CLOSED = "closed"
    """Requests flow."""
    OPEN = "open"
    """None may start."""
    HALF_OPEN = "half-open"
    """One may start, to try whether the service is back; or is under way."""


class Kind(Enum):
    """What a failure says of the service."""

    OUTAGE = "outage"
    """No answer, a time-out, 502, 503 or 504."""
    LIMITED = "limited"
    """429."""
    SERVER = "server"
    """500 and every other 5xx, and 408: the service's fault, or this one operation's."""
    UNAUTHORIZED = "unauthorized"
    """401, 403 and redirects: whoever asks, or where, is wrong; so is every other operation's."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed, as far as the gate is concerned.

    Attributes:
        kind: what it says of the service.
        retry_after: seconds the answer asked to wait, or None.
    """

    kind: Kind
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a gate answered. It is handed back with what became of the request.

    Attributes:
        wait: seconds until the request may start, 0.0 for at once; or, when nothing was granted, until it is worth asking again.
        granted: False when nothing was reserved: the circuit is open, somebody else probes, or too many wait already.
        probe: this request is the one that tries whether the service is back.
        era: how often the circuit had opened when this was granted.
        due: the reservation, in the gate's own terms.
        requests: how many may start.
    """

    wait: float
    granted: bool
    probe: bool = False
    era: int = 0
    due: float = 0.0
    requests: int = 1


@dataclass(frozen=True, slots=True)
class GateState:
    """How a gate stands, for metrics and for people.

    Attributes:
        phase: of the circuit.
        until: seconds until the next request may probe; 0.0 when the circuit is not open.
        rate: requests per second that are kept to.
        declared: what this gate was made with; more than ``rate`` where another worker of the workspace declares less.
        waited: seconds, in total, that the limiter told the requests of this gate to wait.
        opened: how often the circuit has opened; a probe that fails opens it again.
    """

    phase: Phase
    until: float
    rate: float
    declared: float
    waited: float
    opened: int


@dataclass(frozen=True, slots=True)
class Rules:
    """How long a circuit stays open.

    Attributes:
        cool_down: seconds after an outage; doubled with every probe that fails, and up to a quarter longer by chance.
        longest: seconds; the doubling ends here.
        unauthorized: seconds after an UNAUTHORIZED failure.
        lease: seconds that a probe has for its answer before another one may probe: the request's time-out and a margin.

    Raises:
        ValueError: one of them is not a finite number above 0, or more than an hour.
    """

    cool_down: float = 0.5
    longest: float = 30.0
    unauthorized: float = 30.0
    lease: float = 45.0

    def __post_init__(self) -> None:
        for name in ("cool_down", "longest", "unauthorized", "lease"):
            seconds = getattr(self, name)
            if not 0 < seconds <= 3600:
                default = Rules.__dataclass_fields__[name].default
                raise ValueError(f"{name}: got {seconds}; expected seconds, more than 0 and 3600 at most; try {default}")


class Gate(Protocol):
    """The limiter and the circuit of one workspace. May be shared by any number of tasks of one event loop."""

    async def ask(self, requests: int = 1) -> Grant:
        """May a request start, and when? Whoever is granted something starts it after the wait, then tells how it went.

        Args:
            requests: how many are to start together, from 1 to the burst.

        Raises:
            ValueError: it is out of range.
        """

    async def succeeded(self, grant: Grant) -> None:
        """The service works: 2xx, 207, or an answer that finds fault with the operation itself, such as 400."""

    async def failed(self, grant: Grant, failure: Failure, key: str = "") -> bool:
        """The request failed.

        Args:
            grant: what it was granted.
            failure: why, see :func:`failure_of`.
            key: of the operation, the same one each time it is tried: its job's id. Without one a failure is never the operation's own.

        Returns:
            True when it is an outage, and the operation's try is not to be counted.
        """

    async def give_back(self, grant: Grant) -> bool:
        """The request is not going to start. True when the slot is free again; so is a probe, in any case."""

    def state(self) -> GateState:
        """How it stands, as far as is known here; asks nobody."""

    async def aclose(self) -> None:
        """Let go of whatever the gate made for itself."""


async def pass_through(gate: Gate, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep, *, requests: int = 1) -> Grant:
    """Ask, wait, and ask again until the request may start: now.

    A slot is passed up when the circuit is found to have opened during the wait. A shared gate learns this from its own requests only, so
    after an outage has begun a few more may start: no more than were waiting in other processes.

    A slot is passed up, too, when it is reached more than :data:`LATE` seconds late, once: after a standstill of the process those whose
    slots are over would otherwise start together, beside those whose slots are now.

    Cancelled while it waits, the slot is given back if possible, and the probe is left to another.

    Args:
        gate: of the workspace.
        sleep: waits for seconds.
        requests: how many are to start together.

    Raises:
        ValueError: *requests* is out of range.
    """
    late = False
    while True:
        asked = _loop_time()
        grant = await gate.ask(requests)
        if grant.wait:
            try:
                await sleep(grant.wait)
            except BaseException:
                if grant.granted:
                    # What cannot be given back runs out by itself; how the wait ended matters more.
                    with suppress(Exception):
                        await gate.give_back(grant)
                raise
        if not grant.granted or (grant.wait and not grant.probe and gate.state().phase is not Phase.CLOSED):
            continue
        if grant.probe or late or _loop_time() - asked - grant.wait <= LATE:
            return grant
        late = True


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def failure_of(error: CustomerIOError) -> Failure | None:
    """What *error* says of the service; None when the operation itself is at fault.

    The service has then proved that it works, unless the operation was not even sent (InvalidOperation): its grant is given back.
    A redirect counts as UNAUTHORIZED: the account is in another region, and every operation would be redirected.
    """
    status = error.status or 0
    if isinstance(error, InvalidOperation):
        return None
    if isinstance(error, RateLimited) or status == 429:
        return Failure(Kind.LIMITED, error.retry_after)
    if isinstance(error, Unauthorized) or status in (401, 403) or 300 <= status < 400:
        return Failure(Kind.UNAUTHORIZED, error.retry_after)
    if isinstance(error, Unreachable) or status in _NO_ANSWER_BEHIND:
        return Failure(Kind.OUTAGE, error.retry_after)
    if isinstance(error, ServerFailed) or status == 408 or status >= 500:
        return Failure(Kind.SERVER, error.retry_after)
    return None


def check_limits(rate: float, burst: int) -> None:
    """Raise ValueError unless *rate* is a finite number above 0 and *burst* at least 1."""
    check_rate("rate", rate)
    if burst < 1:
        raise ValueError(f"burst: got {burst}; expected at least 1 request; try {BURST}")


def check_requests(requests: int, burst: int) -> None:
    """Raise ValueError unless *requests* may start together."""
    if not 1 <= requests <= burst:
        raise ValueError(f"requests: got {requests}; expected 1 to {burst}, the burst; try asking for one after the other")
