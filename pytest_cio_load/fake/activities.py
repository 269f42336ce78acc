"""The activity log: what happened to whom, as the App API tells it, the failures of what was accepted among it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cio_load.fake.persons import Person


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry.

    Attributes:
        number: counts up from 1, in the order of acceptance.
        type: ``event``, ``attribute_change``, ``failed_event``, …
        name: of an event, else "".
        at: when the request was accepted, on the clock of the requests.
        person: whose it is; None for nobody known.
        named: how the person was named then: id, email and cio_id.
        data: what was sent.
        failed: why it was not applied, or "".
    """

    number: int
    type: str
    name: str
    at: float
    person: str | None
    named: tuple[str | None, str | None, str | None] = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)
    failed: str = ""


class Activities:
    """The newest *remember* entries, or all of them when it is None. Not for several threads at once."""

    def __init__(self, remember: int | None = None) -> None:
        self._log: deque[Activity] = deque(maxlen=remember)
        self._number = 0

    def add(self, type_: str, at: float, person: Person | None, data: Mapping[str, Any], *, name: str = "", failed: str = "") -> None:
        """Note one."""
        self._number += 1
        cio_id: str | None = None
        called: tuple[str | None, str | None, str | None] = (None, None, None)
        if person is not None:
            attributes, cio_id = person.attributes, person.cio_id
            called = (attributes.get("id"), attributes.get("email"), cio_id)
        self._log.append(Activity(self._number, type_, name, at, cio_id, called, data, failed))

    def page(self, keep: Callable[[Activity], bool], start: int | None, limit: int) -> tuple[list[Activity], int | None]:
        """The newest *limit* that *keep* lets through.

        Args:
            keep: the filter.
            start: the number of the newest entry to look at; None for the newest of all.
            limit: at least 1.

        Returns:
            The entries, newest first, and the *start* of the next page, or None when there is none.
        """
        found: list[Activity] = []
        for activity in reversed(self._log):
            if (start is not None and activity.number > start) or not keep(activity):
                continue
            if len(found) == limit:
                return found, activity.number
            found.append(activity)
        return found, None
