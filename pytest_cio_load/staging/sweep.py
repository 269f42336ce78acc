"""Cleaning up a real workspace: wait until what was sent has been processed, delete everyone, and look whether nobody is left.

That nobody is seen proves nothing by itself: the key may belong to another workspace, or a deletion may overtake an event that makes the
person anew. So a *witness* is made up last. Once it is seen, the App API is known to show this very workspace, and what was accepted before
it to have been processed; it is deleted last, and once it is gone, so are they who were deleted before it. Only then is a look one that
counts, and it takes two of them, some time apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pytest_cio_load.customerio.limits import refuse_identifier
from pytest_cio_load.customerio.operations.people import delete
from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.header import ATTRIBUTE
from pytest_cio_load.staging.looking import Found, Looking, batched
from pytest_cio_load.staging.patience import GaveUp, Patience
from pytest_cio_load.units import show_count, show_duration

if TYPE_CHECKING:
    from pytest_cio_load.customerio.client import AppClient, Client
    from pytest_cio_load.safety.journal import Ticket
    from pytest_cio_load.safety.ledger import User

WITNESS = "witness"
"""What the witness is called, after the run's prefix and a dash."""

MARK = "cio_load_witness"
"""The attribute that tells the witness of this sweep from one that an earlier sweep left."""

PATIENCE = 120.0
"""Seconds that Customer.io has for processing what was sent, and that trouble with it may last."""

Sleep = Callable[[float], Awaitable[object]]


class People(Protocol):
    """A ledger, as far as cleaning up needs it."""

    @property
    def prefix(self) -> str:
        """Begins every made-up id, with a dash after it."""

    @property
    def noted(self) -> list[User]:
        """Everyone who may exist."""

    def note(self, identifier: str, *, capped: bool = True) -> Ticket:
        """Write down one more."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a sweep goes about it. Requests are paced by the clients' own limiters beside.

    Attributes:
        at_once: people deleted by one request.
        tries: how often a deletion that is refused is asked for.
        poll: seconds between two glances for the witness.
        apart: seconds between two looks for everyone, at least; longer when processing is seen to take longer.
        looks: how many, at most.
    """

    at_once: int = 400
    tries: int = 3
    poll: float = 1.0
    apart: float = 5.0
    looks: int = 12


@dataclass(frozen=True, slots=True)
class Swept:
    """What a cleaning up came to.

    Attributes:
        noted: people who may have existed.
        deleted: how many of them Customer.io accepted the deletion of, existing or not.
        recreated: people who were there again after it, and were deleted again.
        left: people who may still be there; their names are in the ledger.
        verified: whether nobody was seen, in a way that proves that nobody is there.
        reason: why that is not so; "" when it is.
    """

    noted: int
    deleted: int
    recreated: int
    left: int
    verified: bool
    reason: str = ""

    @property
    def outcome(self) -> Literal["clean", "left", "unverified"]:
        """Nobody is there; somebody may be; nobody is known to be, and nobody knows."""
        if self.left:
            return "left"
        return "clean" if self.verified else "unverified"

    def as_values(self) -> dict[str, Any]:
        """For a ledger's closing entry, and for documents."""
        return asdict(self)

    def describe(self) -> str:
        """One line, without names."""
        again = f", {show_count(self.recreated)} of them again" if self.recreated else ""
        told = f"{self.outcome}: {show_count(self.deleted)} of {show_count(self.noted)} made-up people deleted{again}"
        left = f"; {show_count(self.left)} may be left" if self.left else ""
        return f"{told}{left}{'; ' * bool(self.reason)}{self.reason}"


async def sweep(
    track: Client,
    app: AppClient,
    ledger: People,
    *,
    run: str,
    attribute: str = ATTRIBUTE,
    pace: Pace | None = None,
    patience: float = PATIENCE,
    now: Callable[[], float] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Swept:
    """Delete everyone of *ledger*, and verify that nobody is left. May be done again at any time, also after it was broken off.

    Args:
        track: sends deletions, and identifies the witness.
        app: reads the same workspace.
        ledger: who was made up; that of a run whose load is over. It is not closed, and its closing entry is left to the caller.
        run: the run's id.
        attribute: in which everyone who was identified carries it.
        pace: how to go about it.
        patience: seconds that processing, or trouble, may take.
        now: seconds on a monotonic clock; the running loop's by default.
        sleep: waits for seconds of the same clock.

    Raises:
        GuardRefused: no request may leave (any more).
    """
    if not ledger.noted:
        return Swept(0, 0, 0, 0, True)
    clock = now or asyncio.get_running_loop().time
    looking = Looking(app, Patience("the App API", patience, clock, sleep), prefix=ledger.prefix, attribute=attribute, run=run)
    made = _Sweep(track, looking, ledger, {attribute: run}, pace or Pace(), patience, clock, sleep)
    return await made.run()


class _Sweep:
    """One sweep under way."""

    def __init__(
        self,
        track: Client,
        looking: Looking,
        ledger: People,
        carries: dict[str, str],
        pace: Pace,
        patience: float,
        now: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._track, self._looking, self._ledger, self._carries = track, looking, ledger, carries
        self._pace, self._patience, self._now, self._sleep = pace, patience, now, sleep
        self._bears = Patience("the Track API", patience, now, sleep)
        self._witness = f"{ledger.prefix}-{WITNESS}"
        # Whom no request can name was never in one.
        self._names = [user.id for user in ledger.noted if user.id != self._witness and refuse_identifier(user.id) is None]
        self._accepted: set[str] = set()
        self._again: set[str] = set()
        self._last: Found | None = None
        self._doubts: list[str] = []

    async def run(self) -> Swept:
        lag = await self._drain()
        await self._delete([*self._names, self._witness])
        verified = False
        if lag is not None:
            try:
                verified = await self._verify(lag)
            except GaveUp as error:
                self._doubts.append(str(error))
        deleted = len(self._accepted.difference((self._witness,)))
        left = 0 if verified else self._left()
        return Swept(len(self._names), deleted, len(self._again), left, verified, "" if verified else "; ".join(self._doubts))

    def _left(self) -> int:
        """Who may be there: those who were seen last, or those whose deletion was not accepted."""
        if self._last is not None:
            return len(self._last.ours) + self._last.strangers
        return len(set(self._names) - self._accepted)

    async def _drain(self) -> float | None:
        """Make the witness up and wait until it is seen: seconds that it took, or None when there is no such proof."""
        mark = token_hex(8)
        try:
            await asyncio.to_thread(self._ledger.note(self._witness, capped=False).wait)
            await self._bears.ask(lambda: self._track.identify(self._witness, **{**self._carries, MARK: mark}))
            began = self._now()
            if await self._until(lambda: self._looking.sees(self._witness, MARK, mark)):
                return self._now() - began
            got = f"no sight of a person made up {show_duration(round(self._patience))} before"
            expected = "everything processed by then, in the workspace of the App API key"
            self._doubts.append(f"the App API: got {got}; expected {expected}; check that the key is of this very workspace, or try later")
        except (GaveUp, LedgerError) as error:
            self._doubts.append(str(error))
        return None

    async def _until(self, happened: Callable[[], Awaitable[bool]]) -> bool:
        """Ask until it has happened: whether it did in time."""
        until = self._now() + self._patience
        while not await happened():
            if self._now() >= until:
                return False
            await self._sleep(min(self._pace.poll, max(0.0, until - self._now())))
        return True

    async def _delete(self, names: Iterable[str]) -> None:
        """Delete these, in this order; who was refused is tried again."""
        pending = list(names)
        for left in reversed(range(self._pace.tries)):
            refused: list[str] = []
            for some in batched(pending, self._pace.at_once):
                try:
                    missed = await self._delete_at_once(some)
                except GaveUp as error:
                    self._doubts.append(str(error))
                    return
                self._accepted.update(name for name in some if name not in missed)
                refused += missed
            if not refused:
                return
            pending = refused
            if left:
                await self._sleep(self._pace.poll)
        got = f"{show_count(len(pending))} deletions refused, {self._pace.tries} times"
        self._doubts.append(f"the Track API: got {got}; expected them accepted; run the cleanup again, or delete these people by hand")

    async def _delete_at_once(self, names: Sequence[str]) -> list[str]:
        """Delete up to *at_once* people: whose deletion was refused. Raises GaveUp."""
        refusals = await self._bears.ask(lambda: self._track.batch([delete(name) for name in names]))
        if any(not 0 <= refusal.index < len(names) for refusal in refusals):
            return list(names)  # which of them was meant is not known
        return [names[index] for index in sorted({refusal.index for refusal in refusals})]

    async def _verify(self, lag: float) -> bool:
        """Look until nobody is seen twice in a row: whether that came to be. Who is seen is deleted again. Raises GaveUp."""
        everyone, apart = [*self._names, self._witness], max(self._pace.apart, min(lag, self._patience))
        if not await self._until(self._witness_is_gone):
            self._doubts.append(f"the App API: got a deletion not processed within {show_duration(round(self._patience))}; try again later")
        quiet = 0
        for _ in range(self._pace.looks):
            self._last = await self._looking.look(everyone)
            if self._last.is_nobody:
                quiet += 1
                if quiet == 2:
                    return True
            else:
                quiet = 0
                self._again |= self._last.ours - {self._witness}
                await self._delete(sorted(self._last.ours))
            await self._sleep(apart)
        self._doubts.append(self._seen_to_the_end(self._last))
        return False

    async def _witness_is_gone(self) -> bool:
        return not await self._looking.sees_any(self._witness, MARK)

    def _seen_to_the_end(self, found: Found | None) -> str:
        """Why no two looks in a row were quiet."""
        if found is not None and found.strangers:
            got = f"{show_count(found.strangers)} who carry the run's id under names that it did not make up"
            return f"the App API: got {got}; expected nobody; look at them yourself, for real people are never deleted here"
        got = f"people who are there again and again, in {self._pace.looks} looks"
        return f"the App API: got {got}; expected nobody twice in a row; stop what sends about them, then run the cleanup again"
