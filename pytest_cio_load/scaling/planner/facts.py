"""What is known of a design: from a plan, from manifests, or because somebody said so. None stands for what nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_cio_load.customerio.workspaces import HOUSE_BUDGET
from pytest_cio_load.scaling.hpa.spec import Metric, ScalingRules


@dataclass(frozen=True, slots=True)
class Place:
    """Where a manifest says something.

    Attributes:
        file: its name as it was given.
        line: counted from 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


ASSUMED: Mapping[str, float] = {"limit": HOUSE_BUDGET, "workspaces": 1, "rtt": 0.12, "batch": 1, "concurrency": 10, "worker_rate": 1_500.0}
"""What is taken for granted of a worker where nothing is known."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the rules look at.

    Attributes:
        daily: operations a day.
        peak: the busiest rate over the mean rate.
        arrival: operations per second that arrive when most arrive.
        limit: requests per second of each workspace.
        workspaces: how many there are.
        rtt: seconds that a request takes.
        batch: operations per request.
        concurrency: requests under way at once, per pod.
        worker_rate: jobs per second that one pod takes off the queue when nothing else holds it up.
        processes: worker processes in a pod.
        min_replicas: pods that always run.
        max_replicas: pods at most.
        idle_replicas: pods that KEDA leaves while there is nothing to do.
        metrics: what an autoscaler looks at.
        queries: what KEDA asks Prometheus.
        lists: lists in Redis whose length KEDA looks at.
        scale_up: how fast pods may be added.
        scale_down: how fast pods may be taken away.
        cpu_request: cores that a pod asks for.
        scrape: seconds between two looks at the metric.
        shared_limiter: whether one limiter holds for all processes.
        pace: requests per second that a limiter of one process allows.
        reservoir: requests that a limiter is refilled with.
        refill: seconds between two refills.
        max_concurrent: requests under way at once, as the limiter of a process allows.
        attempts: tries of a job.
        backoff: seconds after the first failed try, then doubled.
        pauses: whether workers stop taking jobs while the service is gone, so that tries are not used up.
        outage: seconds for which the service may be gone.
        queue: its name.
        shards: parts of the queue that each keep their order.
        termination: seconds that a pod has to end.
        grace: seconds that a worker takes to end what is under way.
        timeout: seconds that a job's handler takes at most.
        lock: seconds for which a job of a killed worker stays locked.
        stalled: seconds between two looks for such jobs.
        places: where a fact comes from, by its name here.
    """

    daily: float | None = None
    peak: float | None = None
    arrival: float | None = None
    limit: float | None = None
    workspaces: int | None = None
    rtt: float | None = None
    batch: int | None = None
    concurrency: int | None = None
    worker_rate: float | None = None
    processes: int | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    idle_replicas: int | None = None
    metrics: tuple[Metric, ...] = ()
    queries: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    scale_up: ScalingRules | None = None
    scale_down: ScalingRules | None = None
    cpu_request: float | None = None
    scrape: float | None = None
    shared_limiter: bool | None = None
    pace: float | None = None
    reservoir: float | None = None
    refill: float | None = None
    max_concurrent: int | None = None
    attempts: int | None = None
    backoff: float | None = None
    pauses: bool | None = None
    outage: float | None = None
    queue: str | None = None
    shards: int | None = None
    termination: float | None = None
    grace: float | None = None
    timeout: float | None = None
    lock: float | None = None
    stalled: float | None = None
    places: Mapping[str, Place] = field(default_factory=dict)

    def assumed(self, name: str) -> float:
        """The fact of that name or, when nobody knows it, what is taken for granted."""
        known: float | None = getattr(self, name)
        return ASSUMED[name] if known is None else known

    def place(self, *names: str) -> Place | None:
        """Where the first of these facts that has a place comes from."""
        return next((self.places[name] for name in names if name in self.places), None)

    @property
    def allowed(self) -> float:
        """Requests per second of all workspaces."""
        return self.assumed("limit") * self.assumed("workspaces")

    @property
    def requests(self) -> float | None:
        """Requests per second that what arrives comes to."""
        return None if self.arrival is None else self.arrival / self.assumed("batch")
