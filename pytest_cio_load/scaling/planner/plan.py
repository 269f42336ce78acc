"""Plain values in, a frozen plan out; every number of it with its formula. Nothing here waits or asks anybody."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from pytest_cio_load.customerio.workspaces import HOUSE_BUDGET
from pytest_cio_load.scaling.planner.demand import STEADY, Demand, figures_of
from pytest_cio_load.scaling.planner.facts import Facts
from pytest_cio_load.scaling.planner.figures import Figure
from pytest_cio_load.scaling.planner.findings import Contradiction
from pytest_cio_load.scaling.planner.rates import volume_past_a_workspace
from pytest_cio_load.scaling.planner.tiers import Tier, tier_of, why
from pytest_cio_load.scaling.planner.volumes import show_volume
from pytest_cio_load.scaling.planner.warnings import contradictions

BATCH = 50
"""Operations per request unless told otherwise, wherever there are batches at all."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An architecture for a volume.

    Attributes:
        demand: what was asked.
        tier: which architecture.
        why: the tier's reason, as arithmetic.
        figures: every number, in the order in which they follow from each other.
        warnings: what contradicts itself in what was asked.
    """

    demand: Demand
    tier: Tier
    why: str
    figures: tuple[Figure, ...]
    warnings: tuple[Contradiction, ...]

    def figure(self, name: str) -> Figure:
        """The figure of that name. Raises KeyError when the plan has none."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)

    def number(self, name: str) -> float:
        """The value of the figure of that name; infinite for what never ends."""
        value = self.figure(name).value
        return math.inf if value is None else value

    @property
    def workspaces(self) -> int:
        """How many there are or, where nothing was said of it, how many are needed."""
        return self.demand.workspaces or int(self.number("workspaces needed"))

    @property
    def min_replicas(self) -> int:
        """Pods that always run."""
        return int(self.number("fewest pods"))

    @property
    def steady_replicas(self) -> int:
        """Pods that, always running, leave the autoscaler nothing to do in a peak: with fewer it adds some and takes them away in turn."""
        return max((int(figure.value or 0) for figure in self.figures if figure.name == STEADY), default=self.min_replicas)

    @property
    def max_replicas(self) -> int:
        """Pods at most: more would add nothing."""
        return int(self.number("most pods"))

    @property
    def depth_per_pod(self) -> int:
        """Jobs waiting per pod from which on another pod is asked for."""
        return int(self.number("jobs per pod"))

    def plain(self) -> dict[str, object]:
        """For JSON."""
        return {
            "tier": self.tier.value,
            "why": self.why,
            "parts": self.tier.parts,
            "figures": [figure.plain() for figure in self.figures],
            "warnings": [warning.plain() for warning in self.warnings],
        }


def plan(
    daily: float | Fraction,
    *,
    peak: float = 4.0,
    rtt: float = 0.12,
    batch: int | None = None,
    limit: float = HOUSE_BUDGET,
    workspaces: int | None = None,
    outage: float = 600.0,
    concurrency: int = 10,
    per_worker_rate: float = 1_500.0,
    payload: int = 150,
    delay: float = 60.0,
) -> Plan:
    """The architecture for *daily* operations a day.

    Args:
        daily: operations a day.
        peak: the busiest rate over the mean rate.
        rtt: seconds that a request takes, from being sent to its answer.
        batch: operations per request; None for 50, or 1 where the tier has no batches.
        limit: requests per second of each workspace.
        workspaces: how many there are; None for as many as are needed.
        outage: seconds for which Customer.io may be gone.
        concurrency: requests under way at once, per pod.
        per_worker_rate: jobs per second that one pod takes off the queue when nothing else holds it up.
        payload: bytes of one operation.
        delay: seconds that a job may wait while pods are added.

    Raises:
        ValueError: a number that is none, is not finite, or is out of its range.
    """
    chosen = batch if batch is not None else 1 if daily < (Tier.DIRECT.below or 0) else BATCH
    demand = Demand(
        daily=float(daily),
        peak=float(peak),
        rtt=float(rtt),
        batch=chosen,
        limit=float(limit),
        workspaces=workspaces,
        outage=float(outage),
        concurrency=concurrency,
        per_worker_rate=float(per_worker_rate),
        payload=payload,
        delay=float(delay),
    )
    tier = tier_of(daily)
    draft = Plan(demand, tier, f"{why(tier, daily)}: {tier.parts}", figures_of(demand, has_queue=tier.has_queue), ())
    return replace(draft, warnings=_warnings(draft))


def _warnings(draft: Plan) -> tuple[Contradiction, ...]:
    demand = draft.demand
    known = Facts(
        daily=demand.daily,
        peak=demand.peak,
        arrival=draft.number("peak rate"),
        limit=demand.limit,
        workspaces=draft.workspaces,
        rtt=demand.rtt,
        batch=demand.batch,
        concurrency=demand.concurrency,
        worker_rate=demand.per_worker_rate,
        outage=demand.outage,
        min_replicas=draft.min_replicas,
        max_replicas=draft.max_replicas,
    )
    found = contradictions(known)
    if demand.workspaces is None and (early := volume_past_a_workspace(replace(known, workspaces=None))):
        # As many as are needed are planned, and it is still worth a word that they are needed so early.
        found = (early, *found)
    return found


def title(made: Plan) -> str:
    """``5M operations a day, 4 times as many at the peak``."""
    return f"{show_volume(made.demand.daily)} operations a day, {made.demand.peak:g} times the mean at the peak"
