"""Deletes the people that a run made up, and knows when to stop trying."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pytest_cio_load.errors import CustomerIOError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pytest_cio_load.safety.ledger import Ledger, User

CLEANERS = 32
"""Deletions under way at once."""

HOPELESS = 20
"""So many failures in a row mean that the target is gone: thousands of retries would only hold up the verdict."""


class Cleanup:
    """One cleaning up. Whoever is deleted is struck off the ledger; who is left on it could not be deleted."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._people: Iterator[User] = iter(ledger.noted)
        self._noted = len(ledger.noted)
        self._failed_in_a_row = 0

    async def run(self, delete: Callable[[str], Awaitable[None]]) -> dict[str, int]:
        """Delete everyone, several at once: how many were ``noted``, ``deleted`` and are ``left``."""

        async def clean() -> None:
            for user in self._people:
                try:
                    await delete(user.id)
                except CustomerIOError:
                    if self._is_hopeless():
                        return
                else:
                    self._settle(user)

        await asyncio.gather(*(clean() for _ in range(min(CLEANERS, self._noted))))
        return self._tally()

    def run_blocking(self, delete: Callable[[str], None]) -> dict[str, int]:
        """As `run`, one after the other."""
        for user in self._people:
            try:
                delete(user.id)
            except CustomerIOError:
                if self._is_hopeless():
                    break
            else:
                self._settle(user)
        return self._tally()

    def _settle(self, user: User) -> None:
        self._ledger.settle(user.id)
        self._failed_in_a_row = 0

    def _is_hopeless(self) -> bool:
        self._failed_in_a_row += 1
        return self._failed_in_a_row >= HOPELESS

    def _tally(self) -> dict[str, int]:
        left = len(self._ledger.noted)
        return {"noted": self._noted, "deleted": self._noted - left, "left": left}
