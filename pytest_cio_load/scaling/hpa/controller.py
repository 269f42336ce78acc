"""One sync after the other: the controller with the history that it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cio_load.scaling.hpa.behave import Pace, PlainPace
from pytest_cio_load.scaling.hpa.decide import Cause, bounds, combine
from pytest_cio_load.scaling.hpa.decision import Decision
from pytest_cio_load.scaling.hpa.pods import Flags, Observed
from pytest_cio_load.scaling.hpa.recommend import Tolerance, recommend
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.scaling.hpa.pods import PodState
    from pytest_cio_load.scaling.hpa.recommend import Reading
    from pytest_cio_load.scaling.hpa.spec import Hpa

SYNC_PERIOD = 15.0
"""Seconds from one sync to the next, unless the controller's flag says otherwise."""


class Controller:
    """The controller, for one autoscaler.

    The count that it wants is the target's `spec.replicas`: what comes true of it, and when, is the caller's: pods start and end in their
    own time.

    Args:
        hpa: the autoscaler.
        replicas: of the target before the first sync; *hpa*'s minimum when None.
        flags: of the controller.

    Attributes:
        hpa: the autoscaler.
        replicas: of the target now.
    """

    def __init__(self, hpa: Hpa, *, replicas: int | None = None, flags: Flags | None = None) -> None:
        self.hpa = hpa
        self.replicas = 0
        self.scale(hpa.min_replicas if replicas is None else replicas)
        self._flags = flags or Flags()
        window = self._flags.downscale_stabilization
        self._pace = PlainPace(window) if hpa.behavior is None else Pace(hpa.behavior, window)
        self._tolerance = _tolerance(hpa, self._flags)
        self._metrics = tuple((metric.key, metric) for metric in hpa.metrics)
        self._last: float | None = None

    def scale(self, replicas: int) -> None:
        """Somebody else sets the target's replicas. The history does not hear of it. Raises ValueError below 0."""
        if replicas < 0:
            raise ValueError(f"replicas: got {replicas}; expected at least 0; try 0")
        self.replicas = replicas

    def sync(self, now: float, pods: Sequence[PodState], metrics: Mapping[str, Reading | None]) -> Decision:
        """Decide once, and set :attr:`replicas`.

        Args:
            now: seconds; never less than at the sync before.
            pods: that the target's selector finds.
            metrics: for each metric's `key` a reading, None when it could not be read.

        Raises:
            ValueError: the clock ran back, a metric is not in *metrics*, or a reading is of the wrong shape.
        """
        current = self.replicas
        if self._last is None:
            self._pace.remember(now, current)
        elif now < self._last:
            raise ValueError(f"sync: got {now:g} s; expected at least {self._last:g} s, the time of the last one; try a steady clock")
        self._last = now
        forced = bounds(current, self.hpa.min_replicas, self.hpa.max_replicas)
        if forced is not None:
            cause, desired = forced
            return self._settle(Decision(now, current, desired, cause))
        return self._settle(self._weigh(now, current, pods, metrics))

    def _weigh(self, now: float, current: int, pods: Sequence[PodState], metrics: Mapping[str, Reading | None]) -> Decision:
        """Ask the metrics, then hold back what they ask for."""
        observed = Observed(now, current, pods, self._flags)
        try:
            readings = [(metric, metrics[key]) for key, metric in self._metrics]
        except KeyError as lacking:
            got = show_value(sorted(metrics))
            raise ValueError(f"metrics: got {got}; expected a reading of {lacking.args[0]}; try None when it could not be read") from None
        proposals = tuple([recommend(metric, reading, observed, self._tolerance) for metric, reading in readings])
        choice = combine(proposals, current)
        recommended = choice.replicas
        if recommended is None:
            return Decision(now, current, current, Cause.INVALID, proposals, choice.winner)
        stabilized, held_by = self._pace.stabilize(now, current, recommended)
        self._pace.remember(now, recommended)
        allowed = self._pace.limit(now, current, stabilized, self.hpa.min_replicas, self.hpa.max_replicas)
        return Decision(
            now,
            current,
            allowed.replicas,
            Cause.METRICS,
            proposals,
            choice.winner,
            recommended,
            stabilized,
            held_by,
            allowed.limit,
            allowed.policy,
        )

    def _settle(self, decision: Decision) -> Decision:
        if decision.rescaled:
            self._pace.changed(decision.at, decision.current, decision.desired)
            self.replicas = decision.desired
        return decision


def _tolerance(hpa: Hpa, flags: Flags) -> Tolerance:
    """Of each direction: its own where `behavior` gives one, else the controller's."""
    down = hpa.behavior.scale_down.tolerance if hpa.behavior else None
    up = hpa.behavior.scale_up.tolerance if hpa.behavior else None
    return Tolerance(flags.tolerance if down is None else float(down), flags.tolerance if up is None else float(up))
