"""One figure of a run beside the same figure of its baseline, and what the difference says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["same", "better", "worse", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of one figure.

    Attributes:
        metric: its name: "response".
        aggregation: ``p(95)``, ``mean`` or ``rate``.
        was, now: the figure in the baseline and in the run, in *unit*; None where there is no sample.
        change: now against was, as a share of 1: 0.15 is 15 % more; None where there is nothing to take a share of.
        interval: the least and the greatest change that noise leaves possible, shares of 1; None where it has no bound.
        tolerance: as it was asked for: ``10%``, ``+5ms``.
        state: whether that is better or worse by more than the tolerance and the noise, the same, or cannot be told.
        why: one phrase that says what the state rests on.
        unit: "ms", "/s", or "" for plain numbers.
    """

    metric: str
    aggregation: str
    was: float | None
    now: float | None
    change: float | None
    interval: tuple[float | None, float | None]
    tolerance: str
    state: State
    why: str
    unit: str = "ms"

    @property
    def label(self) -> str:
        """The figure's name: ``response p(95)``."""
        return f"{self.metric} {self.aggregation}"

    def plain(self) -> dict[str, Any]:
        """As plain values, for a run document's ``comparisons`` and the reports made of it. What has no bound is None."""
        low, high = self.interval
        return {
            "metric": self.metric,
            "aggregation": self.aggregation,
            "was": self.was,
            "now": self.now,
            "change": _rounded(self.change),
            "low": _rounded(low),
            "high": _rounded(high),
            "tolerance": self.tolerance,
            "state": self.state,
            "why": self.why,
            "unit": self.unit,
        }


def _rounded(share: float | None) -> float | None:
    return None if share is None or not math.isfinite(share) else round(share, 6)
