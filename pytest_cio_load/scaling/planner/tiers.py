"""Which architecture a volume asks for, and why."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction

from pytest_cio_load.scaling.planner.volumes import show_volume


class Tier(Enum):
    """An architecture, from the smallest up."""

    DIRECT = "direct"
    BATCHED = "batched"
    QUEUE_BACKED = "queue-backed"
    DISTRIBUTED = "distributed"

    @property
    def below(self) -> int | None:
        """Operations a day that it is not meant for any more; None for the largest."""
        return _BELOW.get(self)

    @property
    def parts(self) -> str:
        """What it is made of."""
        return _PARTS[self]

    @property
    def has_queue(self) -> bool:
        """Whether jobs outlive the process that made them."""
        return self in (Tier.QUEUE_BACKED, Tier.DISTRIBUTED)


_BELOW = {Tier.DIRECT: 100_000, Tier.BATCHED: 1_000_000, Tier.QUEUE_BACKED: 10_000_000}
_PARTS = {
    Tier.DIRECT: "one client per process, retries, a connection pool",
    Tier.BATCHED: "operations collected into batches, one rate limiter",
    Tier.QUEUE_BACKED: "a queue on Redis or Kafka, workers that share one limiter",
    Tier.DISTRIBUTED: "several workspaces, a queue in shards, workers for each",
}


def tier_of(daily: float | Fraction) -> Tier:
    """The architecture for *daily* operations a day."""
    return next((tier for tier, most in _BELOW.items() if daily < most), Tier.DISTRIBUTED)


def why(tier: Tier, daily: float | Fraction) -> str:
    """Why *tier* is the one for *daily* operations a day, as arithmetic."""
    tiers = list(Tier)
    place = tiers.index(tier)
    least = tiers[place - 1].below if place else None
    bounds = [f"not below {show_volume(least)}"] if least else []
    if tier.below:
        bounds.append(f"below {show_volume(tier.below)}")
    return f"{show_volume(daily)} a day is {' and '.join(bounds)}"
