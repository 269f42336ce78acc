"""A gate for one process, on any clock: the event loop's own, so also virtual time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from random import Random

from pytest_cio_load.customerio.pacing import BURST
from pytest_cio_load.pipeline.gates.circuit import MEMORY, Circuit
from pytest_cio_load.pipeline.gates.gate import Failure, GateState, Grant, Kind, Phase, Rules
from pytest_cio_load.pipeline.gates.slots import SECOND, Slots


class LocalGate:
    """A :class:`~pytest_cio_load.pipeline.gates.gate.Gate` that is kept in this process. Not for several threads.

    Args:
        rate: requests per second.
        burst: how many may start at once after a pause.
        rules: how long the circuit stays open.
        rng: makes the jitter of the cool-down.
        now: seconds on a monotonic clock; None for the time of the loop that first asks.

    Raises:
        ValueError: a rate that is not a finite number above 0, or a burst under 1.
    """

    def __init__(
        self,
        rate: float,
        burst: int = BURST,
        *,
        rules: Rules | None = None,
        rng: Random | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._slots = Slots(rate, burst)
        self._circuit = Circuit(rules)
        self._rate = rate
        self._rng = rng or Random()
        self._clock = now
        self._waited = 0.0
        # Operation → when it failed last, and how many successes there had been. The oldest come first.
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._nameless = count()

    async def ask(self, requests: int = 1) -> Grant:
        """See `Gate`."""
        now = self._now()
        refused = self._circuit.refuses(now)
        if refused is not None:
            return Grant(refused / SECOND, granted=False)
        slot = self._slots.reserve(now, requests)
        if not slot.reserved:
            return Grant(slot.wait / SECOND, granted=False)
        probe = self._circuit.is_open
        if probe:
            self._circuit.probing(now + slot.wait)
        self._waited += slot.wait / SECOND
        return Grant(slot.wait / SECOND, True, probe, self._circuit.opened, slot.due, requests)

    async def succeeded(self, grant: Grant) -> None:
        """See `Gate`."""
        self._circuit.succeeded(grant.era)

    async def failed(self, grant: Grant, failure: Failure, key: str = "") -> bool:
        """See `Gate`."""
        now = self._now()
        previous = self._previous(now, key) if key and failure.kind in (Kind.OUTAGE, Kind.SERVER) else None
        name = key or f" {next(self._nameless)}"
        return self._circuit.failed(now, failure, grant.era, key=name, previous=previous, chance=self._rng.random())

    async def give_back(self, grant: Grant) -> bool:
        """See `Gate`."""
        if grant.probe:
            self._circuit.probe_ended(grant.era)
        return self._slots.give_back(grant.due, self._now())

    def state(self) -> GateState:
        """See `Gate`."""
        if self._clock is None:
            return GateState(Phase.CLOSED, 0.0, self._rate, self._rate, 0.0, 0)
        now, circuit = self._now(), self._circuit
        until = max(0.0, circuit.until - now) / SECOND
        return GateState(circuit.phase(now), until, self._rate, self._rate, self._waited, circuit.opened)

    async def aclose(self) -> None:
        """Nothing: it holds nothing."""

    def _now(self) -> float:
        if self._clock is None:
            loop = asyncio.get_running_loop()
            # Looked up at every call: virtual time replaces it.
            self._clock = lambda: loop.time()
        return float(round(self._clock() * SECOND))

    def _previous(self, now: float, key: str) -> int | None:
        """The successes at the previous failure of *key*; this one is remembered, and what is too old is forgotten."""
        while self._failures and next(iter(self._failures.values()))[0] + MEMORY <= now:
            self._failures.popitem(last=False)
        _, previous = self._failures.pop(key, (0.0, None))
        self._failures[key] = (now, self._circuit.successes)
        return previous
