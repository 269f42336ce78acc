"""How a worker sends one operation per request: a slot, the gate, the request, and what its end means for the job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, TypeVar

from pytest_cio_load.errors import CustomerIOError, InvalidOperation
from pytest_cio_load.pipeline.engines.engine import Again, Consumer, Dead, Done, Settlement
from pytest_cio_load.pipeline.fleet import Fleet
from pytest_cio_load.pipeline.gates.gate import Grant, Kind, failure_of, pass_through
from pytest_cio_load.pipeline.jobs import Job
from pytest_cio_load.pipeline.policy import Policy, given_up

T = TypeVar("T")

IN_PLACE = 2
"""Failed tries after which a job is put aside, by engines that put aside."""

_LOST_GATE = 0.5


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
        today: unix seconds.
        rng: of jitter.
    """

    fleet: Fleet
    consumer: Consumer
    policy: Policy
    figures: Figures
    settled: Callable[[Sequence[tuple[Job, Settlement | None]]], None]
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

    async def verdict(self, home: int, grant: Grant, error: CustomerIOError, key: str) -> Failed:
        """What a failed request means for its job, once the gate has been told."""
        gate = self.fleet.gates[home]
        failure = failure_of(error)
        if failure is None:
            await self.told(gate.succeeded(grant))
            return Failed(error, is_outage=False, for_good=True)
        is_outage = bool(await self.told(gate.failed(grant, failure, key)))
        is_key = failure.kind is Kind.UNAUTHORIZED
        return Failed(error, is_outage=is_outage and not is_key, for_good=is_key, is_key=is_key)

    @staticmethod
    async def told(telling: Awaitable[T]) -> T | None:
        """Tell the gate or the queue; None when it cannot be reached, and does without."""
        try:
            return await telling
        except OSError:
            return None

    async def permit(self, home: int) -> Grant:
        """Wait until a request may be sent."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            while True:
                try:
                    return await pass_through(self.fleet.gates[home])
                except OSError:
                    # The gate is kept where the queue is: what ails it is told by the worker, which asks the queue too.
                    await asyncio.sleep(_LOST_GATE)
        finally:
            self.figures.limited += loop.time() - began


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

    def withdraw(self) -> None:
        """Leave everything unsent that is not being sent right now."""

    async def landed(self) -> None:
        """Wait until nothing is being sent any more."""

    def abandon(self) -> None:
        """Cancel everything."""


@dataclass(slots=True, eq=False)
class _Flight:
    job: Job
    task: asyncio.Task[None] | None = None
    sending: bool = False
    backing_off: bool = False
    withdrawn: bool = False


class SingleCrew:
    """Sends one operation per request.

    Args:
        setting: what it works with.
        concurrency: requests under way at once.

    Raises:
        ValueError: concurrency is under 1.
    """

    def __init__(self, setting: Setting, concurrency: int) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency: got {concurrency}; expected at least 1 request under way; try 10")
        self._with = setting
        self._slots = asyncio.Semaphore(concurrency)
        self._flights: dict[int, _Flight] = {}

    @property
    def busy(self) -> int:
        """Jobs that have started, those that wait for another try left out."""
        return len(self._flights) - self._with.figures.backing_off

    def may_start(self, job: Job, ahead: Sequence[Job]) -> bool:
        """Whether everything before it is settled."""
        return not ahead

    def start(self, job: Job) -> None:
        """Send it, as soon as there is a slot and the gate is open."""
        flight = _Flight(job)
        self._flights[id(job)] = flight
        flight.task = asyncio.create_task(self._fly(flight))

    def withdraw(self) -> None:
        """Leave everything unsent that is not being sent right now."""
        for flight in self._flights.values():
            flight.withdrawn = True
            if not flight.sending and flight.task is not None:
                flight.task.cancel()

    def abandon(self) -> None:
        """Cancel everything."""
        for flight in self._flights.values():
            if flight.task is not None:
                flight.task.cancel()

    async def landed(self) -> None:
        """Wait until nothing is being sent any more."""
        tasks = [flight.task for flight in self._flights.values() if flight.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fly(self, flight: _Flight) -> None:
        settlement: Settlement | None = None
        try:
            settlement = await self._carry(flight)
        except asyncio.CancelledError:
            return
        finally:
            del self._flights[id(flight.job)]
        self._with.settled([(flight.job, settlement)])

    async def _carry(self, flight: _Flight) -> Settlement | None:
        """Try until it is settled; None when it is no longer ours."""
        job, setting = flight.job, self._with
        tries = job.delivery.attempts
        try:
            home = setting.fleet.home_of(job.operation)
        except InvalidOperation as error:
            return setting.dead(job, error, tries)
        while True:
            try:
                if await self._try(flight, home):
                    return setting.done(job)
                return None
            except Failed as failed:
                trouble = failed
            if trouble.is_outage:
                setting.figures.outage_tries += 1
            else:
                tries += 1
                if trouble.for_good or tries >= setting.policy.limit(job.delivery.limit):
                    return setting.dead(job, trouble.error, tries)
                setting.figures.failed_tries += 1
            if flight.withdrawn:
                raise asyncio.CancelledError
            if trouble.is_outage:
                continue
            delay, reason = setting.policy.delay(tries, setting.rng), given_up(trouble.error, tries)
            if setting.puts_aside(tries - job.delivery.attempts):
                return Again(job.delivery, delay, reason)
            await self._rest(flight, tries, delay, reason)

    async def _try(self, flight: _Flight, home: int) -> bool:
        """One request: True when it was accepted, False when the job was no longer ours before it. Raises Failed."""
        setting, figures = self._with, self._with.figures
        async with self._slots:
            grant = await setting.permit(home)
            if not setting.consumer.holds(flight.job.delivery):
                figures.lost += 1
                return False
            flight.sending = True
            figures.sending += 1
            figures.requests += 1
            try:
                await setting.fleet.send(home, flight.job.operation)
            except CustomerIOError as error:
                raise await setting.verdict(home, grant, error, flight.job.delivery.id) from None
            finally:
                flight.sending = False
                figures.sending -= 1
            await setting.told(setting.fleet.gates[home].succeeded(grant))
            return True

    async def _rest(self, flight: _Flight, tries: int, delay: float, reason: str) -> None:
        """Wait for another try, without a slot."""
        figures = self._with.figures
        flight.backing_off = True
        figures.backing_off += 1
        try:
            await self._with.told(self._with.consumer.note_failure(flight.job.delivery, tries, reason))
            await asyncio.sleep(delay)
        finally:
            flight.backing_off = False
            figures.backing_off -= 1
