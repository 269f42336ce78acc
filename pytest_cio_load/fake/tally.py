"""Counts what arrived and what became of it."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pytest_cio_load.errors import near_miss

Outcome = Literal["applied", "rejected", "dropped", "duplicate"]
"""What became of a request; every request has exactly one."""

OPERATIONS = ("identify", "track", "delete", "unknown")


class Tally:
    """Requests by operation and outcome. What was received is not kept apart: it is the sum, so nothing can be lost between the two."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Outcome]] = Counter()

    def add(self, operation: str, outcome: Outcome) -> None:
        """Note one request."""
        self._counts[operation, outcome] += 1

    def count(self, operation: str | None = None, outcome: Outcome | None = None) -> int:
        """How many there were; None stands for any.

        Raises:
            ValueError: an operation that does not exist.
        """
        if operation is not None and operation not in OPERATIONS:
            hint = near_miss(operation, OPERATIONS) or "leave it out to count all"
            raise ValueError(f"operation: got {operation!r}; expected one of {', '.join(OPERATIONS)}; {hint}")
        return sum(
            number for (counted, became), number in self._counts.items() if operation in (None, counted) and outcome in (None, became)
        )
