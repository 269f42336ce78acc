"""How a worker sends many operations per request: what is ready is gathered per workspace, for some milliseconds or until a batch is full.

Several operations of a person may travel in one batch, in order; while it is under way no other batch holds any of theirs. A batch that
fails as a whole, the service being well, is halved and each half tried again, until what is at fault is alone and only its tries count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_cio_load.customerio.batch import ITEMS, Batch, Filling, outcomes
from pytest_cio_load.customerio.operations.items import Item, item_of
from pytest_cio_load.errors import CustomerIOError, InvalidOperation
from pytest_cio_load.pipeline.crew import Failed, Setting, SingleCrew
from pytest_cio_load.pipeline.engines.engine import Again, Settlement
from pytest_cio_load.pipeline.jobs import Job
from pytest_cio_load.pipeline.policy import given_up


@dataclass(frozen=True, slots=True)
class Batching:
    """How operations are gathered.

    Attributes:
        items: operations per batch at most.
        linger: seconds that the first of a batch waits for more at most.
        in_flight: batches under way at once, per worker.

    Raises:
        ValueError: one of them is out of range.
    """

    items: int = ITEMS
    linger: float = 0.05
    in_flight: int = 2

    def __post_init__(self) -> None:
        Filling(self.items)
        if not 0 <= self.linger <= 60:
            raise ValueError(f"linger: got {self.linger}; expected seconds, 0 to 60; try 0.05")
        if self.in_flight < 1:
            raise ValueError(f"in_flight: got {self.in_flight}; expected at least 1 batch under way; try 2")

    @property
    def window(self) -> int:
        """Jobs that a worker takes ahead."""
        return self.items * (self.in_flight + 1)


@dataclass(slots=True, eq=False)
class _Group:
    """Jobs that travel together."""

    home: int
    jobs: list[Job] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    sending: bool = False
    withdrawn: bool = False


class _Gathering:
    """The batch of one workspace that is being filled."""

    def __init__(self, home: int, most: int) -> None:
        self.group, self.filling = _Group(home), Filling(most)
        self.timer: asyncio.TimerHandle | None = None


class BatchCrew:
    """Sends many operations per request; what has no form in a batch travels alone.

    Args:
        setting: what it works with.
        batching: how operations are gathered.
    """

    def __init__(self, setting: Setting, batching: Batching) -> None:
        self._with, self._batching = setting, batching
        self._slots = asyncio.Semaphore(batching.in_flight)
        self._alone = SingleCrew(setting, batching.in_flight)
        self._gathering: dict[int, _Gathering] = {}
        self._place: dict[int, _Group] = {}
        self._groups: dict[int, _Group] = {}

    @property
    def busy(self) -> int:
        """Jobs that have started."""
        return len(self._place) + self._alone.busy

    def may_start(self, job: Job, ahead: Sequence[Job]) -> bool:
        """Whether everything before it is settled, or in the very batch that is being filled."""
        if not ahead:
            return True
        try:
            gathering = self._gathering.get(self._with.fleet.home_of(job.operation))
            item = item_of(job.operation)
        except InvalidOperation:
            return False
        if gathering is None or not gathering.filling.fits(item):
            return False
        return all(self._place.get(id(each)) is gathering.group for each in ahead)

    def start(self, job: Job) -> None:
        """Put it into the batch that is being filled."""
        try:
            home, item = self._with.fleet.home_of(job.operation), item_of(job.operation)
        except InvalidOperation:
            self._alone.start(job)
            return
        gathering = self._gathering.get(home)
        if gathering is not None and not gathering.filling.fits(item):
            self._depart(home)
            gathering = None
        if gathering is None:
            gathering = self._gathering[home] = _Gathering(home, self._batching.items)
            gathering.timer = asyncio.get_running_loop().call_later(self._batching.linger, self._depart, home)
        gathering.filling.add(item)
        gathering.group.jobs.append(job)
        gathering.group.items.append(item)
        self._place[id(job)] = gathering.group
        if len(gathering.group.jobs) == self._batching.items:
            self._depart(home)

    def _depart(self, home: int) -> None:
        gathering = self._gathering.pop(home)
        if gathering.timer is not None:
            gathering.timer.cancel()
        group = gathering.group
        self._groups[id(group)] = group
        group.task = asyncio.create_task(self._fly(group))

    def withdraw(self) -> None:
        """Leave everything unsent that is not being sent right now."""
        for gathering in self._gathering.values():
            if gathering.timer is not None:
                gathering.timer.cancel()
        self._gathering.clear()
        for group in self._groups.values():
            group.withdrawn = True
            if not group.sending and group.task is not None:
                group.task.cancel()
        self._alone.withdraw()

    def abandon(self) -> None:
        """Cancel everything."""
        for group in self._groups.values():
            if group.task is not None:
                group.task.cancel()
        self._alone.abandon()

    async def landed(self) -> None:
        """Wait until nothing is being sent any more."""
        await asyncio.gather(*[group.task for group in self._groups.values() if group.task is not None], return_exceptions=True)
        await self._alone.landed()

    async def _fly(self, group: _Group) -> None:
        parts = [list(zip(group.jobs, group.items, strict=True))]
        tries = {id(job): job.delivery.attempts for job in group.jobs}
        try:
            while parts:
                part = parts.pop(0)
                found, rest = await self._carry(group, part, tries)
                for job, _ in found:
                    del self._place[id(job)]
                self._with.settled(found)
                parts[:0] = rest
        except asyncio.CancelledError:
            return
        finally:
            del self._groups[id(group)]
            for job in group.jobs:
                self._place.pop(id(job), None)

    async def _carry(self, group: _Group, part: Part, tries: dict[int, int]) -> tuple[list[tuple[Job, Settlement | None]], list[Part]]:
        """Send one batch: what is settled by it, and what is to be sent again, in parts."""
        setting = self._with
        try:
            return await self._try(group, part), []
        except Failed as failed:
            trouble = failed
        if group.withdrawn:
            raise asyncio.CancelledError
        if trouble.is_outage:
            setting.figures.outage_tries += 1
            return [], [part]
        job = part[0][0]
        if len(part) > 1 and trouble.is_key:
            # A revoked key must not drag everything that waits into the dead letters: one of them tells it, the rest waits for the gate.
            return [(job, setting.dead(job, trouble.error, tries[id(job)] + 1))], [part[1:]]
        if len(part) > 1:
            middle = len(part) // 2
            if not trouble.for_good:
                await asyncio.sleep(setting.policy.delay(1, setting.rng))
            return [], [part[:middle], part[middle:]]
        tries[id(job)] += 1
        failed_tries = tries[id(job)]
        if trouble.for_good or failed_tries >= setting.policy.limit(job.delivery.limit):
            return [(job, setting.dead(job, trouble.error, failed_tries))], []
        setting.figures.failed_tries += 1
        delay, reason = setting.policy.delay(failed_tries, setting.rng), given_up(trouble.error, failed_tries)
        if setting.puts_aside(failed_tries - job.delivery.attempts):
            return [(job, Again(job.delivery, delay, reason))], []
        await setting.told(setting.consumer.note_failure(job.delivery, failed_tries, reason))
        await asyncio.sleep(delay)
        return [], [part]

    async def _try(self, group: _Group, part: Part) -> list[tuple[Job, Settlement | None]]:
        """One request. Raises Failed when all of it failed."""
        setting, figures = self._with, self._with.figures
        async with self._slots:
            grant = await setting.permit(group.home)
            ours = [(job, item) for job, item in part if setting.consumer.holds(job.delivery)]
            figures.lost += len(part) - len(ours)
            gone: list[tuple[Job, Settlement | None]] = [(job, None) for job, _ in part if not setting.consumer.holds(job.delivery)]
            if not ours:
                await setting.told(setting.fleet.gates[group.home].give_back(grant))
                return gone
            batch = Batch(tuple(item for _, item in ours), sum(len(item.body) + 1 for _, item in ours))
            group.sending = True
            figures.sending += 1
            figures.requests += 1
            try:
                refused = await setting.fleet.send_batch(group.home, batch)
            except CustomerIOError as error:
                raise await setting.verdict(group.home, grant, error, ours[0][0].delivery.id) from None
            finally:
                group.sending = False
                figures.sending -= 1
            await setting.told(setting.fleet.gates[group.home].succeeded(grant))
        results = outcomes(setting.fleet.clients[group.home].workspace, batch, refused)
        settled: list[tuple[Job, Settlement | None]] = []
        for (job, _), outcome in zip(ours, results, strict=True):
            refusal = outcome.error
            settled.append((job, setting.done(job) if refusal is None else setting.dead(job, refusal, job.delivery.attempts + 1)))
        return [*gone, *settled]


Part = list[tuple[Job, Item]]
"""Jobs that are sent in one request, each with its form in it."""
