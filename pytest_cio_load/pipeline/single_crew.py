"""Sends one operation per request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.pipeline.crew import Failed, Setting
from pytest_cio_load.pipeline.engines.engine import Again, Settlement
from pytest_cio_load.pipeline.jobs import Job
from pytest_cio_load.pipeline.policy import given_up


@dataclass(slots=True, eq=False)
class _Flight:
    job: Job
    task: asyncio.Task[None] | None = None
    sending: bool = False
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
        self._resting = 0

    @property
    def busy(self) -> int:
        """Jobs that have started, those that wait for another try left out."""
        return len(self._flights) - self._resting

    def may_start(self, job: Job, ahead: Sequence[Job]) -> bool:
        """Whether everything before it is settled."""
        return not ahead

    def start(self, job: Job) -> None:
        """Send it, as soon as there is a slot and the gate is open."""
        flight = _Flight(job)
        self._flights[id(job)] = flight
        flight.task = asyncio.create_task(self._fly(flight))

    def drop(self, jobs: Sequence[Job]) -> None:
        """Nothing: what stands behind another job has not started."""

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
        try:
            try:
                settlement = await self._carry(flight)
            finally:
                del self._flights[id(flight.job)]
            self._with.settled([(flight.job, settlement)])
        except asyncio.CancelledError:
            return
        except Exception as error:
            self._with.broken(error)

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
                return setting.done(job) if await self._try(flight, home) else None
            except Failed as failed:
                trouble = failed
            if trouble.is_outage:
                setting.figures.outage_tries += 1
                if flight.withdrawn:
                    raise asyncio.CancelledError
                continue
            tries += 1
            if trouble.for_good or tries >= setting.policy.limit(job.delivery.limit):
                return setting.dead(job, trouble.error, tries)
            setting.figures.failed_tries += 1
            delay, reason = setting.policy.delay(tries, setting.rng), given_up(trouble.error, tries)
            if setting.puts_aside(tries - job.delivery.attempts):
                return Again(job.delivery, delay, reason)
            await self._rest(flight, tries, delay, reason)

    async def _try(self, flight: _Flight, home: int) -> bool:
        """One request: True when it was accepted, False when the job was no longer ours before it. Raises Failed."""
        setting, job = self._with, flight.job
        async with self._slots:
            grant = await setting.permit(home)
            if not setting.consumer.holds(job.delivery):
                setting.figures.lost += 1
                await setting.told(setting.fleet.gates[home].give_back(grant))
                return False
            # Until the gate has been told: what was accepted must not be withdrawn.
            flight.sending = True
            try:
                await setting.request(home, grant, job.delivery.id, setting.fleet.send(home, job.operation))
            finally:
                flight.sending = False
            return True

    async def _rest(self, flight: _Flight, tries: int, delay: float, reason: str) -> None:
        """Wait for another try, without a slot."""
        figures = self._with.figures
        figures.backing_off += 1
        self._resting += 1
        try:
            await self._with.told(self._with.consumer.note_failure(flight.job.delivery, tries, reason))
            if flight.withdrawn:
                raise asyncio.CancelledError
            await asyncio.sleep(delay)
        finally:
            figures.backing_off -= 1
            self._resting -= 1
