"""What a test asks the workspace after the run: who is there, what arrived, what became of it."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import Any

from pytest_cio_load.fake.people import Event, People
from pytest_cio_load.fake.persons import Profile
from pytest_cio_load.fake.tally import Delivery, Outcome, Tally, check_operation


class Views:
    """Questions, answered by the state as applied; a processing lag does not hide anything from them. Every answer is a copy.

    Args:
        people: who there is.
        counts_by_person: whether :meth:`received` can tell people and events apart, which costs memory for each.
    """

    def __init__(self, people: People, counts_by_person: bool) -> None:
        self._people = people
        self._tally = Tally()
        self._sent: Counter[tuple[str, str, str]] | None = Counter() if counts_by_person else None
        self._requests = 0
        self._lock = Lock()

    @property
    def people(self) -> dict[str, dict[str, Any]]:
        """Everyone in the workspace: their id (their email, if they have none) to their attributes."""
        with self._lock:
            return self._people.snapshot()

    @property
    def events(self) -> list[Event]:
        """Every event applied, in order; the newest ones, when not all are remembered."""
        with self._lock:
            return list(self._people.events)

    @property
    def deletions(self) -> list[str]:
        """The identifier of every deletion applied, in order; the newest ones, when not all are remembered."""
        with self._lock:
            return list(self._people.deletions)

    @property
    def requests(self) -> int:
        """HTTP requests that arrived; a batch is one."""
        return self._requests

    def person(self, identifier: str) -> Profile | None:
        """Who is called that, by id, email, or ``cio_`` and a cio_id; None for nobody."""
        with self._lock:
            return self._people.profile(identifier)

    def events_of(self, person: str) -> list[Event]:
        """The events applied to a person, in order: also those of people merged into them, and those sent anonymously before."""
        with self._lock:
            return self._people.events_of(person)

    def received(self, operation: str | None = None, *, person: str | None = None, name: str | None = None) -> int:
        """Operations that arrived, whatever became of them; each one in a batch counts.

        Always equal to ``applied + rejected + dropped + duplicates``.

        Args:
            operation: such as ``identify`` or ``track``; None for any.
            person: the identifier they were sent with, as it was sent; None for any. Merges, and what is refused inside or with a batch
                or an entity, name nobody.
            name: of the event; None for any. An event that was refused has no name.

        Raises:
            ValueError: an operation the fake does not know; or a person or name, when the workspace does not remember everything.
        """
        if person is None and name is None:
            return self._count(operation, None)
        check_operation(operation)
        if self._sent is None:
            which = "person" if person is not None else "name"
            raise ValueError(f"{which}: got one, while remember limits what is kept; expected none; leave remember out to count by {which}")
        with self._lock:
            return sum(
                number
                for (kind, who, title), number in self._sent.items()
                if operation in (None, kind) and person in (None, who) and name in (None, title)
            )

    def applied(self, operation: str | None = None) -> int:
        """Operations that did what they asked for."""
        return self._count(operation, "applied")

    def rejected(self, operation: str | None = None) -> int:
        """Operations answered with an error, or not answered and not applied."""
        return self._count(operation, "rejected")

    def dropped(self, operation: str | None = None) -> int:
        """Operations answered as accepted and not applied: over the budget, by a fault, or as Customer.io does with some."""
        return self._count(operation, "dropped")

    def duplicates(self, operation: str | None = None) -> int:
        """Events answered with 200 and ignored, since one of their ULID had been applied."""
        return self._count(operation, "duplicate")

    def delivery(self) -> Delivery:
        """What became of everything sent to change the workspace, reads left out: counts, and how many events came out of order."""
        with self._lock:
            return self._tally.delivery(self._people.out_of_order)

    def _count(self, operation: str | None, outcome: Outcome | None) -> int:
        with self._lock:
            return self._tally.count(operation, outcome)

    def _note(self, operation: str, outcome: Outcome, identifier: str, name: str = "") -> None:
        self._tally.add(operation, outcome)
        if self._sent is not None:
            self._sent[operation, identifier, name] += 1
