"""How a worker sends many operations per request: what is ready is gathered per workspace, for some milliseconds or until a batch is full.

Several operations of a person may travel in one batch, in order; while it is under way no other batch holds any of theirs. A batch that
fails as a whole, the service being well, is halved and each half tried again, until what is at fault is alone and only its tries count. It
then waits for its next try apart, and with it the jobs of the same people that were behind it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pytest_cio_load.customerio.batch import ITEMS, Batch, Filling, outcomes
from pytest_cio_load.customerio.operations.items import Item
from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.pipeline.crew import OUTAGES, Failed, Setting
from pytest_cio_load.pipeline.engines.engine import Again, Settlement
from pytest_cio_load.pipeline.jobs import Job
from pytest_cio_load.pipeline.policy import given_up
from pytest_cio_load.pipeline.single_crew import SingleCrew


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


Part = list[tuple[Job, Item]]
"""Jobs that are sent in one request, each with its form in it."""


@dataclass(slots=True, eq=False)
class _Group:
    """Jobs that travel together, in order, in one request or, once that has failed, in several."""

    home: int
    jobs: Part = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    sending: bool = False
    withdrawn: bool = False
    outages: int = 0


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
        self._groups: dict[int, _Group] = {}
        # Job → the group it travels in, and the tries of those that have failed alone.
        self._place: dict[int, _Group] = {}
        self._tries: dict[int, int] = {}
        self._resting = 0

    @property
    def busy(self) -> int:
        """Jobs that have started, those that wait for another try left out."""
        return len(self._place) - self._resting + self._alone.busy

    def may_start(self, job: Job, ahead: Sequence[Job]) -> bool:
        """Whether everything before it is settled, or in the very batch that is being filled."""
        if not ahead:
            return True
        group = self._place.get(id(ahead[0]))
        gathering = None if group is None else self._gathering.get(group.home)
        if gathering is None or any(self._place.get(id(each)) is not gathering.group for each in ahead):
            return False
        form = self._form(job)
        return form is not None and form[0] == gathering.group.home and gathering.filling.fits(form[1])

    def _form(self, job: Job) -> tuple[int, Item] | None:
        """Its workspace and its form in a batch; None when it has none, or none can be made of what is in it."""
        try:
            return self._with.fleet.item_of(job.operation)
        except (InvalidOperation, KeyError, TypeError, ValueError, AttributeError):
            return None

    def start(self, job: Job) -> None:
        """Put it into the batch that is being filled."""
        form = self._form(job)
        if form is None:
            self._alone.start(job)
            return
        home, item = form
        if home in self._gathering and not self._gathering[home].filling.fits(item):
            self._depart(home)
        gathering = self._gathering.get(home)
        if gathering is None:
            gathering = self._gathering[home] = _Gathering(home, self._batching.items)
            gathering.timer = asyncio.get_running_loop().call_later(self._batching.linger, self._depart, home)
        gathering.filling.add(item)
        gathering.group.jobs.append((job, item))
        self._place[id(job)] = gathering.group
        if len(gathering.group.jobs) == self._batching.items:
            self._depart(home)

    def _depart(self, home: int) -> None:
        gathering = self._gathering.pop(home)
        if gathering.timer is not None:
            gathering.timer.cancel()
        group = gathering.group
        self._groups[id(group)] = group
        group.task = asyncio.create_task(self._fly(group, deque([group.jobs])))

    def drop(self, jobs: Sequence[Job]) -> None:
        """Send none of these, which are not being sent right now: somebody else is going to."""
        for job in jobs:
            self._place.pop(id(job), None)

    def withdraw(self) -> None:
        """Leave everything unsent that is not being sent right now."""
        for gathering in self._gathering.values():
            if gathering.timer is not None:
                gathering.timer.cancel()
            self.drop([job for job, _ in gathering.group.jobs])
        self._gathering.clear()
        for group in self._groups.values():
            group.withdrawn = True
            if not group.sending and group.task is not None:
                group.task.cancel()
        self._alone.withdraw()

    def abandon(self) -> None:
        """Cancel everything."""
        self.withdraw()
        for group in self._groups.values():
            if group.task is not None:
                group.task.cancel()
        self._alone.abandon()

    async def landed(self) -> None:
        """Wait until nothing is being sent any more."""
        # A group may part from another one meanwhile; a task that was cancelled before it began stays among them.
        while tasks := [group.task for group in self._groups.values() if group.task is not None and not group.task.done()]:
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._alone.landed()

    async def _fly(self, group: _Group, parts: deque[Part], rest: Callable[[], Awaitable[None]] | None = None) -> None:
        """Send a group, in parts where needed; *rest* comes before."""
        try:
            if rest is not None:
                await rest()
            while parts and not group.withdrawn:
                part = self._present(group, parts.popleft())
                if part:
                    parts.extendleft(reversed(await self._carry(group, part)))
        except asyncio.CancelledError:
            return
        except Exception as error:
            self._with.broken(error)
        finally:
            del self._groups[id(group)]
            self.drop([job for job, _ in self._present(group, group.jobs)])

    def _present(self, group: _Group, part: Part) -> Part:
        """What of *part* still travels in this group."""
        return [each for each in part if self._place.get(id(each[0])) is group]

    def _leave(self, results: Sequence[tuple[Job, Settlement | None]]) -> None:
        """These are settled."""
        for job, _ in results:
            del self._place[id(job)]
            self._tries.pop(id(job), None)
        self._with.settled(results)

    async def _carry(self, group: _Group, part: Part) -> list[Part]:
        """Send one batch: what of it is to be sent again, in parts."""
        try:
            results = await self._try(group, part)
        except Failed as failed:
            trouble = failed
        else:
            self._leave(results)
            return []
        part = self._present(group, part)
        middle = len(part) // 2
        if trouble.is_outage:
            self._with.figures.outage_tries += 1
            group.outages += 1
            return [part] if group.outages % OUTAGES else [part[:middle], part[middle:]]
        if len(part) == 1:
            await self._failed_alone(group, part[0], trouble)
            return []
        if trouble.is_key:
            # A revoked key must not drag everything that waits into the dead letters: one of them tells it, the rest waits for the gate.
            job = part[0][0]
            self._leave([(job, self._with.dead(job, trouble.error, self._tried(job) + 1))])
            return [part[1:]]
        if not trouble.for_good and not group.withdrawn:
            await asyncio.sleep(self._with.policy.delay(1, self._with.rng))
        return [part[:middle], part[middle:]]

    def _tried(self, job: Job) -> int:
        return self._tries.get(id(job), job.delivery.attempts)

    async def _failed_alone(self, group: _Group, each: tuple[Job, Item], trouble: Failed) -> None:
        """One job failed, and it alone is to blame."""
        setting, job = self._with, each[0]
        tries = self._tries[id(job)] = self._tried(job) + 1
        if trouble.for_good or tries >= setting.policy.limit(job.delivery.limit):
            self._leave([(job, setting.dead(job, trouble.error, tries))])
            return
        setting.figures.failed_tries += 1
        delay, reason = setting.policy.delay(tries, setting.rng), given_up(trouble.error, tries)
        if setting.puts_aside(tries - job.delivery.attempts):
            self._leave([(job, Again(job.delivery, delay, reason))])
            return
        await setting.told(setting.consumer.note_failure(job.delivery, tries, reason))
        if not group.withdrawn:
            self._go_apart(group, job, delay)

    def _go_apart(self, group: _Group, job: Job, delay: float) -> None:
        """Try one job again later, and after it those of the same people; the rest of the group does not wait for them."""
        keys, apart = set(job.keys), _Group(group.home)
        for each in self._present(group, group.jobs):
            if each[0] is job or not keys.isdisjoint(each[0].keys):
                keys.update(each[0].keys)
                apart.jobs.append(each)
                self._place[id(each[0])] = apart

        async def rest() -> None:
            self._resting += len(apart.jobs)
            self._with.figures.backing_off += 1
            try:
                await asyncio.sleep(delay)
            finally:
                self._resting -= len(apart.jobs)
                self._with.figures.backing_off -= 1

        self._groups[id(apart)] = apart
        parts = deque(part for part in (apart.jobs[:1], apart.jobs[1:]) if part)
        apart.task = asyncio.create_task(self._fly(apart, parts, rest))

    async def _try(self, group: _Group, part: Part) -> list[tuple[Job, Settlement | None]]:
        """One request. Raises Failed when all of it failed."""
        setting, gate = self._with, self._with.fleet.gates[group.home]
        async with self._slots:
            grant = await setting.permit(group.home)
            if lost := [(job, None) for job, _ in part if not setting.consumer.holds(job.delivery)]:
                setting.figures.lost += len(lost)
                self._leave(lost)
            ours = self._present(group, part)
            if not ours:
                await setting.told(gate.give_back(grant))
                return []
            batch = Batch(tuple(item for _, item in ours), sum(len(item.body) + 1 for _, item in ours))
            # Until the gate has been told: what was accepted must not be withdrawn.
            group.sending = True
            try:
                refused = await setting.request(group.home, grant, ours[0][0].delivery.id, setting.fleet.send_batch(group.home, batch))
            finally:
                group.sending = False
        results = outcomes(setting.fleet.clients[group.home].workspace, batch, refused)
        return [
            (job, setting.done(job) if outcome.error is None else setting.dead(job, outcome.error, self._tried(job) + 1))
            for (job, _), outcome in zip(ours, results, strict=True)
        ]
