"""What the controller sees of pods, and how it sorts them before it counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_cio_load.scaling.hpa.quantities import Number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Phase(StrEnum):
    """`status.phase` of a pod."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class PodState:
    """One pod at a sync; as it stands without arguments: running, and ready from the start.

    Attributes:
        name: its name, under which its readings are filed.
        phase: how far it got.
        ready: its Ready condition; None while it has none.
        started: `status.startTime` in seconds; None before the kubelet has seen it.
        ready_changed: when the Ready condition last changed, in seconds.
        deleting: it has a deletion timestamp.
        requests: what its containers request in sum, in cores and bytes: ``{"cpu": 0.5}``; that of one container as ``"cpu@worker"``.
    """

    name: str
    phase: Phase = Phase.RUNNING
    ready: bool | None = True
    started: float | None = 0.0
    ready_changed: float = 0.0
    deleting: bool = False
    requests: Mapping[str, Number] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """A pod's reading with its age, which matters for CPU while a pod is starting.

    Attributes:
        value: in the metric's unit.
        at: when it was taken, in seconds.
        window: over how many seconds.
    """

    value: Number
    at: float
    window: float


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags of kube-controller-manager, each `--horizontal-pod-autoscaler-…`; seconds, and *tolerance* a part of 1."""

    tolerance: float = 0.1
    downscale_stabilization: float = 300.0
    cpu_initialization_period: float = 300.0
    initial_readiness_delay: float = 30.0


@dataclass(frozen=True, slots=True)
class Observed:
    """What a sync sees of the target.

    Attributes:
        now: the time of the sync.
        replicas: `spec.replicas` of the target: how many there should be.
        pods: those that there are.
        flags: of the controller.
    """

    now: float
    replicas: int
    pods: Sequence[PodState]
    flags: Flags

    @property
    def status_replicas(self) -> int:
        """`status.replicas` of the target: pods that neither ended nor are being deleted."""
        running, pending = Phase.RUNNING, Phase.PENDING
        return len([pod for pod in self.pods if not pod.deleting and (pod.phase == running or pod.phase == pending)])

    @property
    def ready_pods(self) -> int:
        """Pods that run and are ready, also those that are being deleted."""
        return sum(1 for pod in self.pods if pod.phase == Phase.RUNNING and pod.ready)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Pods as the controller counts them for a metric of each pod.

    Attributes:
        ready: how many have a reading that counts.
        unready: not there yet: their readings do not count, and when it would scale up they count as idle.
        missing: should have a reading and have none.
        ignored: failed, or being deleted: as if they were not there.
    """

    ready: int
    unready: tuple[str, ...]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]


def group(observed: Observed, readings: Mapping[str, Number | Sample], *, cpu: bool) -> Grouped:
    """Sort the pods for a metric with *readings*; only for *cpu* does it matter whether they are ready."""
    ready = 0
    unready, missing, ignored = [], [], []
    for pod in observed.pods:
        if pod.deleting or pod.phase == Phase.FAILED:
            ignored.append(pod.name)
        elif pod.phase == Phase.PENDING:
            unready.append(pod.name)
        elif pod.name not in readings:
            missing.append(pod.name)
        elif cpu and _starting(pod, readings[pod.name], observed):
            unready.append(pod.name)
        else:
            ready += 1
    return Grouped(ready, tuple(unready), tuple(missing), tuple(ignored))


def _starting(pod: PodState, reading: Number | Sample, observed: Observed) -> bool:
    """Whether the pod's CPU says nothing yet.

    During `cpu-initialization-period` after its start: when it is not ready, or its reading began before it last became so. After that:
    when it is not ready and never was, which shows in a Ready condition last changed within `initial-readiness-delay` of the start.
    """
    if pod.ready is None or pod.started is None:
        return True
    if pod.started + observed.flags.cpu_initialization_period > observed.now:
        return not pod.ready or (isinstance(reading, Sample) and reading.at < pod.ready_changed + reading.window)
    return not pod.ready and pod.started + observed.flags.initial_readiness_delay > pod.ready_changed
