"""What one worker and all workspaces get done, and the queue before them."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass

from pytest_cio_load.customerio.workspaces import HOUSE_BUDGET
from pytest_cio_load.scaling.planner.demand import CPU_PER_JOB, requests_in

_ABOVE_ZERO = ("limit", "rtt", "worker_rate", "cpu_request")
_FROM_ZERO = ("start", "grace", "scrape", "adapter", "cpu_per_job")
_WHOLE = ("workspaces", "batch", "concurrency", "partitions")
_TRY = {"limit": 100, "rtt": 0.12, "worker_rate": 1_500, "cpu_request": 0.25}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Workers, workspaces, and how late the autoscaler hears of them.

    Attributes:
        limit: requests per second of each workspace, by all workers together.
        workspaces: how many there are.
        batch: operations per request.
        rtt: seconds that a request takes.
        concurrency: requests under way at once, per pod.
        worker_rate: jobs per second that a pod takes off the queue when nothing else holds it up.
        per_pod: jobs per second of a pod as measured, in place of what *rtt*, *concurrency* and *worker_rate* come to; None for those.
        start: seconds from a pod's creation until it is ready and works.
        grace: seconds that a pod goes on existing after it was told to end; it takes no new jobs then, but it costs.
        scrape: seconds between two looks at a pod's figures.
        adapter: seconds between two looks of the metrics adapter at what was scraped.
        cpu_request: cores that a pod requests.
        cpu_per_job: seconds of CPU for one job; the rest of its time a worker waits.
        partitions: of a Kafka topic, over which the lag is spread evenly.

    Raises:
        ValueError: a number out of its range.
    """

    limit: float = HOUSE_BUDGET
    workspaces: int = 1
    batch: int = 1
    rtt: float = 0.12
    concurrency: int = 10
    worker_rate: float = 1_500.0
    per_pod: float | None = None
    start: float = 15.0
    grace: float = 5.0
    scrape: float = 15.0
    adapter: float = 15.0
    cpu_request: float = 0.25
    cpu_per_job: float = CPU_PER_JOB
    partitions: int = 8

    def __post_init__(self) -> None:
        for name in (*_ABOVE_ZERO, *(("per_pod",) if self.per_pod is not None else ())):
            number = getattr(self, name)
            if not 0 < number < math.inf:
                raise ValueError(f"{name}: got {number:g}; expected a number above 0; try {_TRY.get(name, 80)}")
        for name in _FROM_ZERO:
            number = getattr(self, name)
            if not 0 <= number <= 86_400:
                raise ValueError(f"{name}: got {number:g}; expected seconds from 0 to a day; try {Pipeline.default(name):g}")
        for name in _WHOLE:
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 1_000_000:
                raise ValueError(f"{name}: got {number}; expected a whole number from 1 up; try {Pipeline.default(name):g}")

    @staticmethod
    def default(name: str) -> float:
        """What a field is unless told otherwise."""
        return float(getattr(Pipeline(), name))

    @property
    def pod_rate(self) -> float:
        """Jobs per second of one pod, as long as no limit holds it up."""
        if self.per_pod is not None:
            return self.per_pod
        return min(requests_in(self.rtt, self.concurrency) * self.batch, self.worker_rate)

    @property
    def capacity(self) -> float:
        """Jobs per second that the workspaces take, from any number of pods."""
        return self.workspaces * self.limit * self.batch

    @property
    def late(self) -> int:
        """Whole seconds by which a figure is old when the autoscaler reads it, at worst: one scrape, and one look of the adapter."""
        return math.ceil(self.scrape + self.adapter)


class Backlog:
    """The queue as a fluid, first in, first out; one step is one second.

    Attributes:
        depth: jobs that wait.
        age: seconds that the oldest of them has waited; 0 for an empty queue.
    """

    def __init__(self) -> None:
        self.depth = 0.0
        self.age = 0.0
        self._arrived = array("d")
        self._total = 0.0
        self._head = 0

    def step(self, arriving: float, most: float) -> float:
        """A second in which *arriving* jobs come and at most *most* are served: how many were.

        Jobs that come within the second can be served within it.
        """
        there = self.depth + arriving
        self._total += arriving
        self._arrived.append(self._total)
        if there <= most:
            self.depth = self.age = 0.0
            return there
        self.depth = there - most
        self.age = self._oldest()
        return most

    def _oldest(self) -> float:
        arrived, done = self._arrived, self._total - self.depth
        head, last = self._head, len(self._arrived) - 1
        while head < last and arrived[head] <= done:
            head += 1
        self._head = head
        before = arrived[head - 1] if head else 0.0
        came = arrived[head] - before
        within = (done - before) / came if came > 0 else 0.0
        return last + 1 - head - min(max(within, 0.0), 1.0)
