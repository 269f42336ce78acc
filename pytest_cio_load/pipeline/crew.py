"""What every crew, which sends a worker's jobs, stands on: the gate, the request, and what its end means for a job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from traceback import format_tb
from typing import Protocol, TypeVar

from pytest_cio_load.errors import CustomerIOError, InvalidOperation, ServerFailed
from pytest_cio_load.pipeline.engines.engine import Consumer, Dead, Done, Settlement
from pytest_cio_load.pipeline.fleet import Fleet
from pytest_cio_load.pipeline.gates.gate import Gate, Grant, Kind, Phase, failure_of, pass_through
from pytest_cio_load.pipeline.jobs import Job
from pytest_cio_load.pipeline.policy import Policy, given_up

T = TypeVar("T")

IN_PLACE = 2
"""Failed tries after which a job is put aside, by engines that put aside."""

OUTAGES = 4
"""Failures of a batch by an outage after which it is halved: it may be too large to be answered in time, and keep the circuit open."""

_LOST_GATE = 0.5

log = logging.getLogger("pytest_cio_load.pipeline")


@dataclass(slots=True)
class Figures:
    """What a worker has done so far, and is doing.

    Attributes:
        taken: jobs taken.
        done: sent and accepted.
        failed_tries: tries that failed and counted.
        outage_tries: tries that failed with the whole service, and did not count.
        dead: jobs given up.
        given_back: taken and given back untried.
        lost: no longer ours when it was their turn, or when they had been sent.
        requests: sent to Customer.io.
        sending: requests under way.
        backing_off: jobs that wait for another try.
        limited: seconds spent waiting at the gate, over all jobs.
    """

    taken: int = 0
    done: int = 0
    failed_tries: int = 0
    outage_tries: int = 0
    dead: int = 0
    given_back: int = 0
    lost: int = 0
    requests: int = 0
    sending: int = 0
    backing_off: int = 0
    limited: float = 0.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What every crew works with.

    Attributes:
        fleet: where operations go.
        consumer: where jobs come from.
        policy: when a job is tried again.
        figures: counted here.
        settled: is told what became of jobs, in order.
        broken: is told an error that no job is to blame for: the worker ends with it.
        today: unix seconds.
        rng: of jitter.
    """

    fleet: Fleet
    consumer: Consumer
    policy: Policy
    figures: Figures
    settled: Callable[[Sequence[tuple[Job, Settlement | None]]], None]
    broken: Callable[[BaseException], None]
    today: Callable[[], float]
    rng: Random

    def done(self, job: Job) -> Settlement:
        """It was accepted, just now."""
        self.figures.done += 1
        return Done(job.delivery, max(0.0, self.today() - job.delivery.enqueued_at))

    def dead(self, job: Job, error: CustomerIOError, tries: int) -> Settlement:
        """It is given up."""
        self.figures.dead += 1
        return Dead(job.delivery, given_up(error, tries), tries)

    def puts_aside(self, tries: int) -> bool:
        """Whether a job that failed *tries* times in place leaves the worker until its next try."""
        return not self.consumer.repeats_in_place or (self.consumer.parks and tries >= IN_PLACE)

    async def request(self, home: int, grant: Grant, key: str, sending: Awaitable[T]) -> T:
        """Send one request, and tell the gate how it went.

        Args:
            home: the workspace it goes to.
            grant: what the gate granted.
            key: the id of the job it is for; of the first one, when it is for several.
            sending: does it.

        Raises:
            Failed: it was not accepted.
        """
        gate = self.fleet.gates[home]
        self.figures.sending += 1
        self.figures.requests += 1
        try:
            result = await sending
        except CustomerIOError as error:
            raise await self._verdict(gate, grant, error, key) from None
        except Exception as error:
            log.error("a request failed by an error of ours:\n%s%s", "".join(format_tb(error.__traceback__)), type(error).__name__)
            reason = f"got {type(error).__name__} while it was sent; expected an answer; look at the log"
            raise await self._verdict(gate, grant, ServerFailed("request", reason), key) from None
        except BaseException:
            if grant.probe:
                # Whether the service is back stays unknown: somebody else may find out.
                await self.told(gate.give_back(grant))
            raise
        finally:
            self.figures.sending -= 1
        await self.told(gate.succeeded(grant))
        return result

    async def _verdict(self, gate: Gate, grant: Grant, error: CustomerIOError, key: str) -> Failed:
        """What a failed request means for its job, once the gate has been told."""
        failure = failure_of(error)
        if failure is None:
            was_sent = not isinstance(error, InvalidOperation)
            await self.told(gate.succeeded(grant) if was_sent else gate.give_back(grant))
            return Failed(error, is_outage=False, for_good=True)
        was_closed = gate.state().phase is Phase.CLOSED
        is_outage = await self.told(gate.failed(grant, failure, key))
        if was_closed and gate.state().phase is not Phase.CLOSED:
            log.warning("the circuit is open, jobs wait: %s", error)
        if is_outage is None:
            # The gate cannot be told, and cannot say. A try is rather counted too seldom than lost.
            is_outage = failure.kind in (Kind.OUTAGE, Kind.LIMITED)
        is_key = failure.kind is Kind.UNAUTHORIZED
        return Failed(error, is_outage=is_outage and not is_key, for_good=is_key, is_key=is_key)

    async def told(self, telling: Awaitable[T]) -> T | None:
        """Tell the gate or the queue; None when it cannot be told, and does without."""
        try:
            return await telling
        except Exception as error:
            # Whatever client it stands on has errors of its own. That the queue is gone is noticed by the worker, which asks it too.
            log.debug("the gate or the queue could not be told: %s", type(error).__name__)
            return None

    async def permit(self, home: int) -> Grant:
        """Wait until a request may be sent."""
        clock = asyncio.get_running_loop().time
        began, warned = clock(), False
        try:
            while True:
                try:
                    return await pass_through(self.fleet.gates[home])
                except Exception as error:
                    if not warned:
                        log.warning("a gate could not be asked: got %s; expected an answer; it is asked again", type(error).__name__)
                    warned = True
                    await asyncio.sleep(_LOST_GATE)
        finally:
            self.figures.limited += clock() - began


class Failed(Exception):
    """A request failed: with the whole service (`is_outage`), for a reason no other try can mend (`for_good`), by our key (`is_key`)."""

    def __init__(self, error: CustomerIOError, *, is_outage: bool, for_good: bool, is_key: bool = False) -> None:
        self.error, self.is_outage, self.for_good, self.is_key = error, is_outage, for_good, is_key
        super().__init__(error.operation)


class Crew(Protocol):
    """Sends the jobs that may be sent."""

    def may_start(self, job: Job, ahead: Sequence[Job]) -> bool:
        """Whether a job may start while the ones right before it in its lanes are not settled."""

    def start(self, job: Job) -> None:
        """Send it, as soon as there is a slot and the gate is open."""

    @property
    def busy(self) -> int:
        """Jobs that have started, those that wait for another try left out."""

    def drop(self, jobs: Sequence[Job]) -> None:
        """Send none of these, which are not being sent right now: somebody else is going to."""

    def withdraw(self) -> None:
        """Leave everything unsent that is not being sent right now. Nothing is started afterwards."""

    async def landed(self) -> None:
        """Wait until nothing is being sent any more."""

    def abandon(self) -> None:
        """Cancel everything."""
