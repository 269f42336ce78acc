"""What came of a replay: figures, samples of every second, and every decision with its reason."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pytest_cio_load import units
from pytest_cio_load.scaling.hpa.decision import Decision
from pytest_cio_load.scaling.hpa.keda import Poll
from pytest_cio_load.scaling.hpa.spec import Hpa
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.traffic import Traffic
from pytest_cio_load.scaling.planner.findings import Contradiction

FLAP = 600.0
"""Seconds: pods that are added so soon after others were taken away should not have been taken away."""

HOUR = 3_600.0

KEPT = 400
"""Points of each line in JSON and in SVG."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One entry for each second; what is at index n stands for the end of second n.

    Attributes:
        depth: jobs that wait.
        age: seconds that the oldest of them has waited.
        arrived: jobs that came within the second.
        served: jobs that were served within it.
        wanted: pods that the autoscaler wants.
        ready: pods that work.
        there: pods that exist, also those that start or end.
    """

    depth: array[float] = field(default_factory=lambda: array("d"))
    age: array[float] = field(default_factory=lambda: array("d"))
    arrived: array[float] = field(default_factory=lambda: array("d"))
    served: array[float] = field(default_factory=lambda: array("d"))
    wanted: array[int] = field(default_factory=lambda: array("l"))
    ready: array[int] = field(default_factory=lambda: array("l"))
    there: array[int] = field(default_factory=lambda: array("l"))

    def __len__(self) -> int:
        """Seconds."""
        return len(self.depth)


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """A replay.

    Attributes:
        hpa: the autoscaler; for a ScaledObject the one that KEDA makes.
        traffic: what arrived.
        pipeline: what it was worked off with.
        max_depth: jobs that waited at the worst moment.
        drain_time: seconds from then until the queue was empty; infinite when it never was.
        max_age: seconds that the oldest job had waited at the worst moment.
        latency: seconds from arrival to answer that 95 % of the jobs served took at most.
        throughput: jobs served per second, in seconds in which any were served or waited.
        max_pods: pods that were ready at once.
        pod_hours: of all pods that existed: what it costs.
        flaps: how often pods were added within ten minutes after some were taken away.
        left: jobs that waited at the end.
        samples: of every second. To be read only.
        decisions: of the autoscaler, at every sync.
        polls: of KEDA.
        warnings: what contradicts itself in the autoscaler, with this traffic and this pipeline.
    """

    hpa: Hpa
    traffic: Traffic
    pipeline: Pipeline
    max_depth: int
    drain_time: float
    max_age: float
    latency: float
    throughput: float
    max_pods: int
    pod_hours: float
    flaps: int
    left: int
    samples: Samples
    decisions: tuple[Decision, ...]
    polls: tuple[Poll, ...] = ()
    warnings: tuple[Contradiction, ...] = ()

    def __repr__(self) -> str:
        """Short: pytest shows it in every assertion that fails."""
        return f"<Run of {self.hpa.name or 'an autoscaler'}: {self.shown}>"

    @property
    def shown(self) -> str:
        """The figures on one line."""
        drained = f"drained in {units.show_duration(self.drain_time)}"
        if not math.isfinite(self.drain_time):
            drained = f"never empty, {self.left:,} left"
        return (
            f"at most {self.max_depth:,} jobs waiting, {drained}, {self.max_pods} pod{'s' * (self.max_pods != 1)} at most, "
            f"{self.pod_hours:.2f} pod hours, {self.flaps} flap{'s' * (self.flaps != 1)}"
        )

    @property
    def seconds(self) -> int:
        """How long it was: the traffic, and what it took to empty the queue."""
        return len(self.samples)

    @property
    def changes(self) -> tuple[Decision | Poll, ...]:
        """Every change of the count in order, of the autoscaler and of KEDA; each has its `reason`."""
        return _changes(self.decisions, self.polls)

    @property
    def growing(self) -> bool:
        """Whether the queue was at its deepest when the last jobs arrived: it grew for as long as any came."""
        last = max((at for at, came in enumerate(self.samples.arrived) if came), default=0)
        return self.max_depth > 0 and self.samples.depth[last] >= max(self.samples.depth) - 1e-6

    def plain(self) -> dict[str, Any]:
        """For JSON: figures, changes with their reasons, warnings, and the lines of the plot, points of the most of their time."""
        lines = {
            name: [round(float(most), 3) for most in most_of(getattr(self.samples, name), KEPT)] for name in ("depth", "wanted", "ready")
        }
        return {
            "autoscaler": self.hpa.name,
            "shown": self.shown,
            "traffic": str(self.traffic),
            "seconds": self.seconds,
            "figures": {name: _finite(getattr(self, name)) for name in FIGURES},
            "left": self.left,
            "changes": [{"at": each.at, "from": each.current, "to": each.desired, "reason": each.reason} for each in self.changes],
            "warnings": [warning.plain() for warning in self.warnings],
            "lines": lines,
        }


FIGURES = ("max_depth", "drain_time", "max_age", "latency", "throughput", "max_pods", "pod_hours", "flaps")
"""Figures of a run that a promise can be about."""


def figures_of(samples: Samples, pipeline: Pipeline, decisions: tuple[Decision, ...], polls: tuple[Poll, ...]) -> dict[str, Any]:
    """The figures of `Run` by name."""
    depth = samples.depth
    deepest = max(depth, default=0.0)
    busy = sum(1 for done, waiting in zip(samples.served, depth, strict=True) if done or waiting)
    served = math.fsum(samples.served)
    return {
        # Half a thousandth of a job is the arithmetic's own noise.
        "max_depth": math.ceil(deepest - 5e-4),
        "drain_time": _drain_time(depth, deepest),
        "max_age": max(samples.age, default=0.0),
        "latency": _latency(samples, pipeline.rtt),
        "throughput": served / busy if busy else 0.0,
        "max_pods": max(samples.ready, default=0),
        "pod_hours": sum(samples.there) / HOUR,
        "flaps": flaps(decisions, polls),
        "left": math.ceil((depth[-1] if depth else 0.0) - 5e-4),
    }


def flaps(decisions: tuple[Decision, ...], polls: tuple[Poll, ...] = ()) -> int:
    """How often a count went up within `FLAP` seconds after it had gone down."""
    changed = [(each.at, each.desired > each.current) for each in _changes(decisions, polls)]
    return sum(1 for (before, up_before), (after, up) in pairwise(changed) if up and not up_before and after - before <= FLAP)


def _changes(decisions: tuple[Decision, ...], polls: tuple[Poll, ...]) -> tuple[Decision | Poll, ...]:
    # Of two at the same time KEDA's was the first one.
    every: list[Decision | Poll] = [*polls, *decisions]
    return tuple(sorted((each for each in every if each.rescaled), key=lambda each: each.at))


def most_of(values: Sequence[float], parts: int) -> list[float]:
    """The largest value of each of so many equal parts; fewer values are spread over them."""
    if not values:
        return []
    edges = [number * len(values) // parts for number in range(parts + 1)]
    return [max(values[low : max(high, low + 1)]) for low, high in pairwise(edges)]


def _drain_time(depth: array[float], deepest: float) -> float:
    """Seconds from the last of the deepest moments until nothing waits; infinite when something always does."""
    if deepest <= 0:
        return 0.0
    last = len(depth) - 1 - depth[::-1].index(deepest)
    for at in range(last, len(depth)):
        if depth[at] <= 0:
            return float(at - last)
    return math.inf


def _latency(samples: Samples, rtt: float, part: float = 0.95) -> float:
    """The age of what is served in a second stands for all of that second."""
    waited = sorted(zip(samples.age, samples.served, strict=True))
    wanted, so_far = part * math.fsum(samples.served), 0.0
    for age, served in waited:
        so_far += served
        if served and so_far >= wanted - 1e-9:
            return age + rtt
    return 0.0


def _finite(value: float) -> float | None:
    """JSON has no infinity."""
    return round(float(value), 6) if math.isfinite(value) else None
