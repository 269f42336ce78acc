"""Whether workers live and work, for whoever decides to restart them or to wait for them. Nothing here asks or waits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_cio_load.pipeline.health.figures import WorkerFigures
from pytest_cio_load.pipeline.worker import Phase

_REASONS = {
    Phase.STARTING: "it has not reached the queue yet",
    Phase.UNREACHABLE: "the queue cannot be reached",
    Phase.DRAINING: "it was asked to stop",
    Phase.STOPPED: "it has ended",
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether there is a worker that works.

    Attributes:
        ready: there is.
        phase: of the worker that is furthest, as its value.
        reason: why there is none, or "".
        paused: why those that work send nothing, or "".
    """

    ready: bool
    phase: str
    reason: str = ""
    paused: str = ""

    def line(self) -> str:
        """As one line of JSON."""
        said: dict[str, object] = {"ready": self.ready, "phase": self.phase}
        if self.reason:
            said["reason"] = self.reason
        if self.paused:
            said["paused"] = self.paused
        return json.dumps(said, ensure_ascii=False) + "\n"


def readiness(workers: Sequence[WorkerFigures]) -> Readiness:
    """What to answer for these workers: ready as soon as one of them works."""
    working = [each for each in workers if each.phase is Phase.WORKING]
    if working:
        return Readiness(True, Phase.WORKING.value, paused=_paused(working))
    order = list(_REASONS)
    best = min(workers, key=lambda each: order.index(each.phase), default=None)
    if best is None:
        return Readiness(False, Phase.STARTING.value, "no worker runs yet")
    return Readiness(False, best.phase.value, best.trouble or _REASONS[best.phase])


def died(workers: Sequence[WorkerFigures]) -> str:
    """Why the process should be started again, or ""."""
    return "" if any(each.is_up for each in workers) else "no worker runs"


def _paused(working: Sequence[WorkerFigures]) -> str:
    gates = [gate for worker in working for gate in worker.gates]
    shut = sorted({gate.workspace for gate in gates if gate.is_open})
    if not shut:
        return ""
    until = max(gate.until for gate in gates if gate.is_open)
    return f"the circuit is open for {', '.join(shut)}; next try in {until:.1f} s"
