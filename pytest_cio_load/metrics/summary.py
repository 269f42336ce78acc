"""What a run measured, once it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.metrics.failures import Failure
    from pytest_cio_load.metrics.kinds import Metric
    from pytest_cio_load.metrics.measured import Measured


@dataclass(frozen=True, slots=True)
class Warmup:
    """Iterations that fell due before ``warmup`` was over: run, counted here, and in nothing else."""

    iterations: int
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything a verdict and a report need to know.

    Attributes:
        metrics: by name; a metric without a sample is absent or empty.
        kinds: each metric's kind and unit.
        planned: iterations in the schedule, warmup included.
        seen: iterations that ended or were dropped, warmup included. Less than planned: the run did not get through its schedule.
        waited: iterations that waited for one of ``max_in_flight`` slots.
        elapsed: seconds from the start to the end of the run.
        measured: seconds of it that count, without the warmup.
        end: "complete", "aborted" (by a threshold) or "cut short" (from outside).
        reason: why it ended, when not complete.
        failures: failed iterations and calls, grouped.
        warmup: what ran before measuring began.
        timeline: the run over time, as `Timeline.plain` gives it; None where none was kept.
    """

    metrics: Mapping[str, Measured]
    kinds: Mapping[str, Metric]
    planned: int
    seen: int
    waited: int
    elapsed: float
    measured: float
    end: str
    reason: str
    failures: tuple[Failure, ...]
    warmup: Warmup
    timeline: Mapping[str, Any] | None = None

    def read(self, name: str, aggregation: str, percentile: Fraction | float | None = None) -> float:
        """One value of one metric, in its unit; 0 when the metric is absent."""
        metric = self.metrics.get(name)
        wanted = None if percentile is None else Fraction(str(percentile))
        return metric.read(aggregation, wanted, self.measured) if metric is not None else 0.0

    def samples(self, name: str) -> int:
        """How many samples *name* holds."""
        metric = self.metrics.get(name)
        return metric.samples if metric is not None else 0

    @property
    def omission_gap(self) -> float:
        """How much more the 95th percentile of response time shows than that of service time, in ms: what k6 would not have shown."""
        return self.read("response", "p", 95) - self.read("service", "p", 95)
