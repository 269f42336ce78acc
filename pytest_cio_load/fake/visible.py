"""The workspace as the App API shows it: some time after a request was accepted, not at once."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pytest_cio_load.fake.persons import Register

if TYPE_CHECKING:
    from pytest_cio_load.fake.persons import Person


class Visible:
    """Everybody as of *lag* seconds ago. Without a lag it keeps nothing of its own. Not for several threads at once.

    Args:
        lag: seconds from acceptance until a change can be seen.
    """

    def __init__(self, lag: float) -> None:
        self.lag = lag
        self._shown = Register()
        self._coming: deque[tuple[float, str, Person | None]] = deque()

    def note(self, cio_id: str, person: Person | None, at: float) -> None:
        """A person changed, or is gone, *at* a time."""
        if self.lag:
            self._coming.append((at, cio_id, None if person is None else person.copied()))
            self._catch_up(at)

    def register(self, applied: Register, now: float) -> Register:
        """Who can be seen *now*, when *applied* is who there is."""
        if not self.lag:
            return applied
        self._catch_up(now)
        return self._shown

    def shows(self, at: float, now: float) -> bool:
        """Whether what was accepted *at* a time can be seen *now*."""
        # The nanosecond forgives what adding floats leaves behind.
        return at + self.lag <= now + 1e-9

    def _catch_up(self, now: float) -> None:
        while self._coming and self.shows(self._coming[0][0], now):
            _, cio_id, person = self._coming.popleft()
            if person is None:
                self._shown.remove(cio_id)
            else:
                self._shown.put(person)
