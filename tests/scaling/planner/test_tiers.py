"""Which architecture a volume asks for."""

from __future__ import annotations

import pytest

from pytest_cio_load.scaling.planner.tiers import Tier, tier_of, why


@pytest.mark.parametrize(
    ("daily", "tier", "reason"),
    [
        (1, Tier.DIRECT, "1 a day is below 100k"),
        (99_999, Tier.DIRECT, "99.99k a day is below 100k"),
        (100_000, Tier.BATCHED, "100k a day is not below 100k and below 1M"),
        (999_999, Tier.BATCHED, "999.99k a day is not below 100k and below 1M"),
        (1_000_000, Tier.QUEUE_BACKED, "1M a day is not below 1M and below 10M"),
        (9_999_999, Tier.QUEUE_BACKED, "9.99M a day is not below 1M and below 10M"),
        (10_000_000, Tier.DISTRIBUTED, "10M a day is not below 10M"),
    ],
)
def test_at_the_edges(daily: int, tier: Tier, reason: str) -> None:
    """A tier begins where the one below it ends."""
    assert tier_of(daily) is tier
    assert why(tier, daily) == reason


def test_each_says_what_it_is_made_of() -> None:
    """In words of its own."""
    assert len({tier.parts for tier in Tier}) == len(Tier)


def test_who_has_a_queue() -> None:
    """The two largest."""
    assert [tier for tier in Tier if tier.has_queue] == [Tier.QUEUE_BACKED, Tier.DISTRIBUTED]
