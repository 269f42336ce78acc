"""Counts what arrived and what became of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from pytest_cio_load.errors import near_miss

Outcome = Literal["applied", "rejected", "dropped", "duplicate"]
"""What became of an operation; every one has exactly one."""

WRITES = (
    "identify",
    "track",
    "page",
    "screen",
    "track_anonymous",
    "delete",
    "add_device",
    "delete_device",
    "suppress",
    "unsuppress",
    "merge_customers",
    "report_metric",
    "report_push",
    "submit_form",
    "add_customers_to_segment",
    "remove_customers_from_segment",
    "unsubscribe",
    "identify_object",
    "delete_object",
    "add_relationships",
    "delete_relationships",
    "create_segment",
    "delete_segment",
    "entity",
    "batch",
)
"""Operations that change a workspace. ``entity`` and ``batch`` count only what names no other operation, such as a malformed body."""

READS = (
    "account_region",
    "auth",
    "customers_by_email",
    "customers_by_filter",
    "customers_attributes",
    "customer_attributes",
    "customer_segments",
    "customer_messages",
    "customer_activities",
    "activities",
    "workspaces",
    "segments",
    "segment",
    "segment_count",
    "segment_membership",
)
"""Operations that change nothing."""

OPERATIONS = (*WRITES, *READS, "unknown")
"""Every operation the fake counts; ``unknown`` is a path that Customer.io does not have."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of everything that was sent to change the workspace; reads are left out.

    An operation is one, whether it came alone or in a batch. ``received == applied + rejected + dropped + duplicates``, always.

    Attributes:
        received: operations that arrived.
        applied: did what they asked for.
        rejected: answered with an error, or not at all.
        dropped: answered as accepted, and not applied.
        duplicates: events ignored, since one of their ULID had been applied.
        out_of_order: applied events whose ULID is older, by its milliseconds, than that of an event applied to the same person before.
    """

    received: int
    applied: int
    rejected: int
    dropped: int
    duplicates: int
    out_of_order: int


class Tally:
    """Operations by what they were and what became of them.

    What was received is not kept apart: it is the sum, so nothing can be lost between the two.
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Outcome]] = Counter()

    def add(self, operation: str, outcome: Outcome) -> None:
        """Note one operation."""
        self._counts[operation, outcome] += 1

    def count(self, operation: str | None = None, outcome: Outcome | None = None) -> int:
        """How many there were; None stands for any.

        Raises:
            ValueError: an operation that does not exist.
        """
        check_operation(operation)
        return sum(
            number for (counted, became), number in self._counts.items() if operation in (None, counted) and outcome in (None, became)
        )

    def delivery(self, out_of_order: int) -> Delivery:
        """The writes among them."""
        became: Counter[Outcome] = Counter()
        for (operation, outcome), number in self._counts.items():
            if operation not in _NOT_DELIVERED:
                became[outcome] += number
        counts = became["applied"], became["rejected"], became["dropped"], became["duplicate"]
        return Delivery(sum(counts), *counts, out_of_order)


_NOT_DELIVERED = frozenset({*READS, "unknown"})


def check_operation(operation: str | None) -> None:
    """Raise ValueError unless *operation* is one the fake counts, or None."""
    if operation is not None and operation not in OPERATIONS:
        hint = near_miss(str(operation), OPERATIONS) or "leave it out to count all"
        raise ValueError(f"operation: got {operation!r}; expected an operation such as identify, track or delete; {hint}")
