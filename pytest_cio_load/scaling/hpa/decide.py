"""Several metrics → one number, or none; and the cases that no metric is asked in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.scaling.hpa.recommend import Proposal


class Cause(StrEnum):
    """What decided, at the top: `METRICS`, or what came before them."""

    METRICS = "metrics"
    DISABLED = "ScalingDisabled"
    ABOVE_MAX = "above maxReplicas"
    BELOW_MIN = "below minReplicas"
    INVALID = "invalid metrics"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the metrics ask for together.

    Attributes:
        replicas: None when too many of them are invalid: then nothing changes.
        winner: the proposal that gave the number; None when all are invalid.
        invalid: how many are.
    """

    replicas: int | None
    winner: Proposal | None
    invalid: int


def bounds(current: int, low: int, high: int) -> tuple[Cause, int] | None:
    """What is decided without a metric: nothing at all for a target that somebody set to zero, and back between min and max.

    With a minimum of 0 the metrics are asked at zero too. The newest controllers do that only when it was they who scaled to zero; here
    that is taken for granted.
    """
    if current == 0 and low != 0:
        return Cause.DISABLED, 0
    if current > high:
        return Cause.ABOVE_MAX, high
    if current < low:
        return Cause.BELOW_MIN, low
    return None


def combine(proposals: Sequence[Proposal], current: int) -> Choice:
    """The largest of the valid proposals.

    None when all are invalid, and when some are and the rest would scale down: one metric that works may raise the count, never lower it.
    """
    winner: Proposal | None = None
    replicas, invalid = 0, 0
    for proposal in proposals:
        asked = proposal.replicas
        if asked is None:
            invalid += 1
        elif replicas == 0 or asked > replicas:
            replicas, winner = asked, proposal
    if winner is None or (invalid and replicas < current):
        return Choice(None, winner, invalid)
    return Choice(replicas, winner, invalid)
