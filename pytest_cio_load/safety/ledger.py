"""Made-up people: each one is unique, and each one is noted until it has been deleted again.

A `Ledger` keeps them in memory; a `DurableLedger` has every one of them on disk before it gives them out, so that they can be deleted after
a kill as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Literal

from pytest_cio_load.errors import GuardRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_cio_load.safety.journal import Journal, Ticket

DOMAIN = "example.com"
"""Of every made-up email: reserved, so that no mail reaches anyone (RFC 2606)."""

BLOCK = 1_000
"""People that are reserved at once: at 1,000/s one entry a second, asked for half a second ahead."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")

_PREFIX = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")
# Kept short, so that "<prefix>-<index>" is a valid local part of an email (64 characters) for any index a run can reach.


@dataclass(frozen=True, slots=True)
class User:
    """A made-up person.

    Attributes:
        id: unique within the workspace.
        email: unique as well, under a domain that no mail reaches.
    """

    id: str
    email: str


class Ledger:
    """Makes people up and keeps the list of those that may still exist in the workspace. May be shared by threads.

    Args:
        prefix: begins every id; unique per run, so that two runs never share a person.

    Raises:
        ValueError: a prefix that would not make a valid id and email.
    """

    def __init__(self, prefix: str) -> None:
        if not _PREFIX.fullmatch(prefix):
            nearest = re.sub(r"[^A-Za-z0-9._-]+", "-", prefix)[:40].strip("._-") or "load-test"
            expected = "expected 1 to 40 letters, digits, '.', '_' or '-', with a letter or digit at both ends"
            raise ValueError(f"prefix: got {prefix[:80]!r}; {expected}; try {nearest!r}")
        self.prefix = prefix
        self._noted: dict[str, User] = {}
        self._lock = Lock()

    def user(self, index: int) -> User:
        """The person of this index, noted; the same person every time.

        Args:
            index: 0 or more; iterations use their own.

        Raises:
            ValueError: a negative index.
        """
        if index < 0:
            raise ValueError(f"index: got {index}; expected 0 or more; try {-index}")
        with self._lock:
            return self._enter(f"{self.prefix}-{index}")

    def person(self, name: str) -> User:
        """The made-up person with a name in place of an index, noted; the same person every time.

        Args:
            name: letters and digits; comes after the prefix and a dash.
        """
        with self._lock:
            return self._enter(f"{self.prefix}-{name}")

    def _enter(self, identifier: str) -> User:
        """Note a person, once. The lock is held."""
        user = self._noted.get(identifier)
        if user is None:
            user = self._noted[identifier] = User(identifier, identifier if "@" in identifier else f"{identifier}@{DOMAIN}")
        return user

    @property
    def noted(self) -> list[User]:
        """Everyone who was made up and not settled since, in the order they were made up."""
        with self._lock:
            return list(self._noted.values())

    def settle(self, id: str) -> None:
        """Strike a person off, now that they are deleted. One who is not noted is no error: deleting twice is none either."""
        with self._lock:
            self._noted.pop(id, None)


Kind = Literal["reserved", "emails"]
"""Of a block of people by index: those who are called by their ids, or those who have no other name than their email."""


class DurableLedger(Ledger):
    """A ledger that has everyone on disk before they can be sent. May be shared by threads and coroutines, not by processes.

    People by index are reserved in blocks, and the next block is asked for when half of the present one is used, so that giving them out
    costs no look at the disk. A block that was reserved says who may exist, not who does.

    Args:
        journal: where it is written.
        prefix: begins every id.
        most: people that may be made up in all, or None for as many as are asked for.
        block: people reserved at once; no more than *most*.
        known: identifiers that are on disk already, and may still exist.

    Raises:
        ValueError: a prefix that would not make a valid id and email, or *most* or *block* below 1.
    """

    def __init__(
        self, journal: Journal, prefix: str, *, most: int | None = 10_000, block: int = BLOCK, known: Iterable[str] = ()
    ) -> None:
        super().__init__(prefix)
        for name, number in (("most", most), ("block", block)):
            if number is not None and number < 1:
                raise ValueError(f"{name}: got {number}; expected 1 or more; try {BLOCK}")
        self._journal = journal
        self._most, self._size = most, block if most is None else min(block, most)
        self._blocks: dict[tuple[Kind, int], Ticket] = {}
        self._on_disk = journal.on_disk()
        self._named: dict[str, Ticket] = {}
        self._made: set[str] = set()
        for identifier in known:
            self._named[identifier] = self._on_disk
            self._made.add(identifier)
            self._enter(identifier)

    @property
    def made(self) -> int:
        """How many people were made up so far."""
        return len(self._made)

    @property
    def journal(self) -> Journal:
        """Where it is written."""
        return self._journal

    def reserve(self, index: int) -> Ticket:
        """Have the block of this index on its way to the disk. A run reserves its first one before it begins."""
        with self._lock:
            return self._block(index)

    def user(self, index: int) -> User:
        """The person of this index, noted and on disk; the same person every time.

        Waits for the disk only when it is slower than half a block of people.

        Args:
            index: 0 or more; iterations use their own.

        Raises:
            ValueError: a negative index.
            GuardRefused: it would be one more person than the run may make up.
            LedgerError: they cannot be written down, so they are not made up.
        """
        if index < 0:
            raise ValueError(f"index: got {index}; expected 0 or more; try {-index}")
        name = f"{self.prefix}-{index}"
        with self._lock:
            user = self._made_up(name, capped=True)
            ticket = self._block(index)
        if not ticket.done:
            ticket.wait()
        return user

    def person(self, name: str) -> User:
        """As of `Ledger`; on disk when this returns, and no one that the caps count. Raises LedgerError."""
        self.note(f"{self.prefix}-{name}", capped=False).wait()
        return super().person(name)

    def note(self, identifier: str, *, capped: bool = True) -> Ticket:
        """Note a made-up name of the author's own, once. They may be sent as soon as the ticket is done.

        Args:
            identifier: begins with the prefix and a dash; or the email ``<such a name>@example.com``, of a person that has no other id.
            capped: whether *most* holds for them. Not for whom the cleaning up itself needs: it must go on when a run has made up its most.

        Raises:
            ValueError: it is none of this run's.
            GuardRefused: it would be one more person than the run may make up.
        """
        if not self.is_ours(identifier):
            got = f"one that does not begin with {self.prefix + '-'!r}, or an email outside {DOMAIN}"
            raise ValueError(f"identifier: got {got}; expected a name of this run; try cio_load.user.id, or f'{{cio_load.user.id}}-friend'")
        with self._lock:
            self._made_up(identifier, capped=capped)
            ticket = self._named.get(identifier)
            if ticket is not None:
                return ticket
            index, at, _ = identifier[len(self.prefix) + 1 :].partition("@")
            if _INDEX.fullmatch(index):
                return self._block(int(index), "emails" if at else "reserved")
            ticket = self._named[identifier] = self._journal.append({"named": identifier})
            return ticket

    def is_ours(self, identifier: object) -> bool:
        """Whether it can only be of this run: a name that begins with the prefix and a dash, or its email under example.com."""
        return is_made_up(identifier, self.prefix)

    def cleaned(self, outcome: Mapping[str, object]) -> None:
        """Write down, as the last entry, what a cleaning up came to.

        Args:
            outcome: at least ``left``, how many people may still exist, and ``verified``, whether that was looked up. With nobody left and
                verified the ledger is done with; with anything else it stays one to clean up.

        Raises:
            ValueError: one of the two is missing, or no such thing.
            LedgerError: it cannot be written.
        """
        left, verified = outcome.get("left"), outcome.get("verified")
        if type(left) is not int or left < 0 or type(verified) is not bool:
            got = f"left={left!r} and verified={verified!r}"
            raise ValueError(f"outcome: got {got}; expected a number from 0 up, and True or False; try left=0, verified=True")
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._journal.append({"cleaned": dict(outcome), "at": at}).wait()

    def close(self) -> None:
        """Let go of the file, with everything written that could be. Closing twice is no error."""
        self._journal.close()

    def _made_up(self, identifier: str, *, capped: bool) -> User:
        """Note and count a person. The lock is held."""
        if identifier not in self._made:
            if capped and self._most is not None and len(self._made) >= self._most:
                got = f"one more person than the {self._most:,} that cio_max_people allows"
                fix = "raise cio_max_people, or make up fewer"
                raise GuardRefused(f"the guard refuses staging, rule 'caps': got {got}; expected at most {self._most:,}; {fix}")
            self._made.add(identifier)
        return self._enter(identifier)

    def _block(self, index: int, kind: Kind = "reserved") -> Ticket:
        """The ticket of the block of this index; the one after it is asked for in time. The lock is held."""
        number, place = divmod(index, self._size)
        ticket = self._blocks.get((kind, number))
        if ticket is None:
            ticket = self._ask(kind, number)
        following = number + 1
        is_allowed = self._most is None or following * self._size < self._most
        if place >= self._size // 2 and (kind, following) not in self._blocks and is_allowed:
            self._ask(kind, following)
        return ticket

    def _ask(self, kind: Kind, number: int) -> Ticket:
        first = number * self._size
        ticket = self._blocks[kind, number] = self._journal.append({kind: [first, first + self._size]})
        return ticket


def is_made_up(identifier: object, prefix: str) -> bool:
    """Whether *identifier* can only be of the run with this prefix, as an id or as an email: never of a real person.

    Customer.io takes what holds an @ for an email, so such a one counts only under the domain that no mail reaches.
    """
    if not isinstance(identifier, str) or not identifier.isprintable() or identifier != identifier.strip():
        return False
    name, at, domain = identifier.partition("@")
    return name.startswith(f"{prefix}-") and len(name) > len(prefix) + 1 and (not at or domain == DOMAIN)
