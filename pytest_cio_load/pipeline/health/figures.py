"""A queue and a worker at one moment, and what lies between two moments. Nothing here asks or waits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pytest_cio_load.pipeline.engines.engine import State, Totals
from pytest_cio_load.pipeline.gates.gate import Phase as Circuit
from pytest_cio_load.pipeline.worker import Phase

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Workspace
    from pytest_cio_load.pipeline.worker import Worker

WAITING = (State.WAITING, State.PRIORITIZED)
UNFINISHED = (*WAITING, State.DELAYED, State.ACTIVE)
"""What has yet to be sent."""

_SHOWN = 4


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """A queue at one moment.

    Attributes:
        queue: its name.
        at: seconds on a monotonic clock.
        depth: jobs by state.
        age: seconds since the oldest job that waits was enqueued.
        totals: what has become of jobs since the queue began.
    """

    queue: str
    at: float
    depth: Mapping[State, int]
    age: float
    totals: Totals

    def count(self, *states: State) -> int:
        """Jobs in any of these states."""
        return sum(self.depth.get(state, 0) for state in states)

    @property
    def unfinished(self) -> int:
        """Jobs that have yet to be sent."""
        return self.count(*UNFINISHED)


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast jobs came and went between two moments.

    Attributes:
        seconds: between them.
        came: jobs per second that were enqueued; None where nobody counts them: on Kafka, and of producers on Node.
        went: jobs per second that were sent, or given up.
        shrinks: jobs per second by which what is left became less; below 0 when it became more.
    """

    seconds: float
    came: float | None
    went: float
    shrinks: float


@dataclass(frozen=True, slots=True)
class GateFigures:
    """The limiter and the circuit of a workspace, as a worker sees them.

    Attributes:
        workspace: stands for the site id, most of which it hides.
        circuit: closed, open or half-open.
        until: seconds until the next request may try whether the service is back.
        rate: requests per second that are kept to.
        waited: seconds, in total, that the limiter told requests to wait.
        opened: how often the circuit has opened.
    """

    workspace: str
    circuit: Circuit
    until: float = 0.0
    rate: float = 0.0
    waited: float = 0.0
    opened: int = 0

    @property
    def is_open(self) -> bool:
        """Whether requests wait for the service to come back."""
        return self.circuit is not Circuit.CLOSED


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """A worker at one moment.

    Attributes:
        worker: its name.
        phase: what it is doing.
        trouble: why it cannot do it, or "".
        requests: sent to Customer.io.
        in_flight: requests under way.
        backing_off: jobs that wait for another try.
        outage_tries: tries that failed with the whole service.
        failed_tries: tries that failed and counted.
        limited: seconds that jobs spent waiting at the gate.
        gates: one per workspace.
    """

    worker: str
    phase: Phase
    trouble: str = ""
    requests: int = 0
    in_flight: int = 0
    backing_off: int = 0
    outage_tries: int = 0
    failed_tries: int = 0
    limited: float = 0.0
    gates: tuple[GateFigures, ...] = ()

    @property
    def is_up(self) -> bool:
        """Whether it has not ended."""
        return self.phase is not Phase.STOPPED

    def plain(self) -> dict[str, Any]:
        """As JSON has it, for another process."""
        gates = [{**asdict(gate), "circuit": gate.circuit.value} for gate in self.gates]
        return {**asdict(self), "phase": self.phase.value, "gates": gates}

    @classmethod
    def from_plain(cls, said: Mapping[str, Any]) -> WorkerFigures:
        """What :meth:`plain` made. Raises KeyError, TypeError or ValueError for anything else."""
        gates = tuple(GateFigures(**{**gate, "circuit": Circuit(gate["circuit"])}) for gate in said["gates"])
        return cls(**{**said, "phase": Phase(said["phase"]), "gates": gates})


def figures_of(worker: Worker, name: str, workspaces: Sequence[str]) -> WorkerFigures:
    """A worker of this process, now.

    Args:
        worker: the worker.
        name: what it is called in metrics.
        workspaces: what stands for each workspace of its fleet, in order; see :func:`hidden`.
    """
    figures = worker.figures
    gates = []
    for shown, gate in zip(workspaces, worker.fleet.gates, strict=True):
        state = gate.state()
        gates.append(GateFigures(shown, state.phase, state.until, state.rate, state.waited, state.opened))
    return WorkerFigures(
        name,
        worker.phase,
        worker.trouble,
        figures.requests,
        figures.sending,
        figures.backing_off,
        figures.outage_tries,
        figures.failed_tries,
        figures.limited,
        tuple(gates),
    )


def hidden(workspaces: Sequence[Workspace]) -> tuple[str, ...]:
    """What stands for each workspace in public: the first letters of its site id, and a number where they are the same."""
    shown: list[str] = []
    for workspace in workspaces:
        short = workspace.site_id[: min(_SHOWN, len(workspace.site_id) // 3)] + "…"
        same = sum(each.split("#")[0] == short for each in shown)
        shown.append(f"{short}#{same + 1}" if same else short)
    return tuple(shown)


def rates_between(before: QueueFigures | None, now: QueueFigures) -> Rates | None:
    """How fast jobs came and went; None without a moment before. A queue that was emptied by hand begins again at 0."""
    if before is None or now.at <= before.at:
        return None
    seconds = now.at - before.at
    came = max(0, now.totals.enqueued - before.totals.enqueued)
    went = max(0, now.totals.done + now.totals.dead - before.totals.done - before.totals.dead)
    counted = came / seconds if now.totals.enqueued else None
    return Rates(seconds, counted, went / seconds, (before.unfinished - now.unfinished) / seconds)


def latency_between(before: QueueFigures | None, now: QueueFigures) -> dict[int, int]:
    """Of the jobs that were sent between two moments: µs between enqueued and accepted → how many; of all jobs without a moment before."""
    if before is None:
        return dict(now.totals.latency)
    earlier = before.totals.latency
    found = {micros: count - earlier.get(micros, 0) for micros, count in now.totals.latency.items()}
    return {micros: count for micros, count in found.items() if count > 0}


def percentile(latency: Mapping[int, int], percent: float) -> float | None:
    """Seconds that *percent* of the jobs took at most, to the 3 digits that were kept; None when there are none."""
    total = sum(latency.values())
    if total <= 0:
        return None
    rank, seen = max(1, math.ceil(total * percent / 100)), 0
    for micros in sorted(latency):
        seen += latency[micros]
        if seen >= rank:
            break
    return micros / 1e6


def time_to_empty(now: QueueFigures, rates: Rates | None) -> float | None:
    """Seconds until nothing is left, should it go on to become less as fast; None when it does not."""
    if not now.unfinished:
        return 0.0
    if rates is None or rates.shrinks <= 0:
        return None
    return now.unfinished / rates.shrinks


def added(several: Iterable[Totals]) -> Totals:
    """What has become of jobs, over several counts."""
    counts = dict.fromkeys(("enqueued", "done", "retried", "redelivered", "dead"), 0)
    latency: dict[int, int] = {}
    for totals in several:
        for name in counts:
            counts[name] += getattr(totals, name)
        for micros, count in totals.latency.items():
            latency[micros] = latency.get(micros, 0) + count
    return Totals(**counts, latency=latency)


def totals_from_plain(said: Mapping[str, Any]) -> Totals:
    """What ``asdict`` and JSON made of a count. Raises KeyError, TypeError or ValueError for anything else."""
    return Totals(**{**said, "latency": {int(micros): int(count) for micros, count in said["latency"].items()}})
