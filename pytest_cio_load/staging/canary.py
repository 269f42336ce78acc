"""Processing lag, and what a 200 does not say: canaries are sent beside a run, and followed until they can be seen through the App API.

A canary is an event of one made-up person, sent every second. Its lag is the time from the answer that accepted it to the answer that
first showed it, on our own clock. Of a run's other people, those activities are counted that tell what was accepted and not applied.
The App API allows ten requests a second in all: at most seven of them are asked for here.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.operations.operation import new_ulid
from pytest_cio_load.errors import CustomerIOError, SafetyError
from pytest_cio_load.staging.sightings import Gleaning, Outstanding, Pace, Sightings, is_hopeless
from pytest_cio_load.units import show_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cio_load.customerio.client import AppClient, Client
    from pytest_cio_load.customerio.replies import Activity, Page
    from pytest_cio_load.safety.ledger import User

EVENT = "cio_load_canary"
"""The name of a canary's event."""

FOLLOW_EVERY = 0.2
"""Seconds between two looks for canaries: what their lag can be told to."""

GLEAN_EVERY = 0.5
"""Seconds between two requests for what was not applied."""

PAGE = 100
"""Activities asked for at once: as many as the App API gives."""


class Canary:
    """Watches one run. Runs in one loop; everything that waits goes by that loop's time.

    Args:
        track: sends the canaries.
        app: looks for them. Best one that tries once: the canary itself asks again, and what a client waits between its tries makes the
            canaries wait too.
        person: whose events they are: of this run, and noted for cleanup.
        run: the run's id, which the person carries as an attribute.
        prefix: begins the id of everyone that the run made up, with a dash after it; by default what the person's id says.
        every: seconds between two canaries.
        patience: seconds after which a canary is given up, and an App API that does not answer as well.
        warmup: seconds until the first canary is sent, so that none is measured in the warmup of a run.

    Raises:
        ValueError: seconds that are none, or a person whose id does not begin with the prefix.
    """

    def __init__(
        self,
        track: Client,
        app: AppClient,
        *,
        person: User,
        run: str,
        prefix: str | None = None,
        every: float = 1.0,
        patience: float = 120.0,
        warmup: float = 0.0,
    ) -> None:
        for name, seconds, least in (("every", every, 0.001), ("patience", patience, 0.001), ("warmup", warmup, 0.0)):
            if not (math.isfinite(seconds) and seconds >= least):
                nearest = {"every": 1, "patience": 120, "warmup": 0}[name]
                raise ValueError(f"{name}: got {seconds}; expected seconds, at least {least:g}; try {nearest}")
        prefix = person.id.rpartition("-")[0] if prefix is None else prefix
        if not prefix or not person.id.startswith(f"{prefix}-"):
            raise ValueError("person: got an id without the prefix of the run; expected one the ledger made up; try ledger.user(0)")
        self._track, self._app, self._person, self._run = track, app, person, run
        self._every, self._patience, self._warmup = every, patience, warmup
        self._outstanding, self._gleaning = Outstanding(patience), Gleaning(prefix, person.id)
        self._over = asyncio.Event()
        self._sent = self._unsent = self._trouble = 0
        self._reason = self._last_trouble = ""
        self._answered = self._deadline = math.inf

    async def run(self) -> None:
        """Send, follow and count until `stop`, or until something happens that waiting cannot mend: `finish` tells the reason."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_all(group))
            group.create_task(self._follow(self._over.is_set))
            group.create_task(self._glean(Pace(GLEAN_EVERY), self._over.is_set))

    def stop(self) -> None:
        """Send no more canaries. What is under way is waited for, and then `run` returns."""
        self._over.set()

    async def finish(self) -> Sightings:
        """Once `run` has ended: follow every canary until it is seen or given up, then look once more for what was not applied.

        Takes no more than twice the patience.
        """
        if not self._reason:
            self._over = asyncio.Event()
            self._answered = self._now()
            self._deadline = self._answered + 2 * self._patience
            await self._follow(lambda: self._has_given_up() or not self._outstanding)
            self._gleaning.again()
            await self._glean(Pace(FOLLOW_EVERY), lambda: self._has_given_up() or self._gleaning.is_whole)
        seen = self._outstanding
        return Sightings(
            sent=self._sent,
            unsent=self._unsent,
            applied=seen.applied,
            unseen=seen.unseen,
            lags=dict(seen.lags),
            resolution=round(seen.resolution, 6),
            not_applied=dict(self._gleaning.counts),
            trouble=self._trouble,
            reason=self._reason,
        )

    async def aclose(self) -> None:
        """Close both clients."""
        await self._track.aclose()
        await self._app.aclose()

    async def _send_all(self, group: asyncio.TaskGroup) -> None:
        due, number = self._now() + self._warmup, 0
        await self._introduce()
        while not await self._paused(due - self._now()):
            number += 1
            # Beside each other, so that one that is accepted late does not hold up the next.
            group.create_task(self._send(number))
            due = max(due + self._every, self._now())

    async def _introduce(self) -> None:
        """Make the person, with the attribute by which a cleanup finds them: an event alone would make one without it."""
        pace = Pace(self._every)
        while not self._over.is_set():
            try:
                await self._track.identify(self._person.id, email=self._person.email, cio_load_run=self._run)
                return
            except (CustomerIOError, SafetyError) as error:
                wait = self._wait_after(error, pace, 0.0)
            await self._paused(wait)

    async def _send(self, number: int) -> None:
        mark = new_ulid()
        try:
            await self._track.track(self._person.id, EVENT, {"canary": mark, "sequence": number}, id=mark)
        except (CustomerIOError, SafetyError) as error:
            self._unsent += 1
            if is_hopeless(error):
                self._end(str(error))
        else:
            self._sent += 1
            self._outstanding.accepted(mark, number, self._now())

    async def _follow(self, is_over: Callable[[], bool]) -> None:
        pace, start, asked = Pace(FOLLOW_EVERY), "", self._now()
        while not is_over():
            wait = FOLLOW_EVERY
            if self._outstanding:
                asked = asked if start else self._now()
                page, wait = await self._ask(pace, type="event", name=EVENT, customer_id=self._person.id, start=start or None)
                if page is not None:
                    start = self._outstanding.read(page, asked, self._now())
            await self._paused(wait)

    async def _glean(self, pace: Pace, is_over: Callable[[], bool]) -> None:
        while not is_over():
            kind, start = self._gleaning.next()
            page, wait = await self._ask(pace, type=kind, start=start or None)
            if page is not None:
                self._gleaning.read(kind, page)
            await self._paused(wait)

    async def _ask(self, pace: Pace, **query: Any) -> tuple[Page[Activity] | None, float]:
        """A page of activities, or None after trouble; and how long to wait before the next."""
        asked = self._now()
        try:
            page = await self._app.activities(**query, limit=PAGE)
        except (CustomerIOError, SafetyError) as error:
            self._trouble += 1
            self._last_trouble = str(error)
            return None, self._wait_after(error, pace, self._now() - asked)
        self._answered = self._now()
        return page, pace.after(self._answered - asked, None)

    def _wait_after(self, error: CustomerIOError | SafetyError, pace: Pace, spent: float) -> float:
        if isinstance(error, SafetyError) or is_hopeless(error):
            self._end(str(error))
            return 0.0
        return pace.after(spent, error)

    def _has_given_up(self) -> bool:
        """Whether there is no use in finishing what is left."""
        now = self._now()
        if now - self._answered >= self._patience:
            last = f"; the last of it: {self._last_trouble}" if self._last_trouble else ""
            self._end(f"the App API: got no answer for {show_duration(self._patience)}; expected what it had seen of the run{last}")
        elif now >= self._deadline:
            longest = show_duration(2 * self._patience)
            fix = "keep others off this workspace, or load it less"
            self._end(f"the App API: got more activities than can be read in {longest}; expected fewer; {fix}")
        return bool(self._reason)

    def _end(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._over.set()

    async def _paused(self, seconds: float) -> bool:
        """Wait, but not beyond the end; whether that has come."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._over.wait()
        return self._over.is_set()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
