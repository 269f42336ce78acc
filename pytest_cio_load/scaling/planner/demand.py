"""What is asked of a design, and the arithmetic from there to its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from pytest_cio_load.customerio.batch import ITEMS
from pytest_cio_load.customerio.limits import BATCH_BYTES
from pytest_cio_load.scaling.planner.figures import Figure, show_bytes
from pytest_cio_load.scaling.planner.volumes import show_volume
from pytest_cio_load.units import show_count, show_duration, show_rate

DAY = 86_400
"""Seconds."""

JOB_BYTES = 875
"""Memory of one waiting job in Redis, measured with BullMQ's own form of a job and `MEASURED_PAYLOAD` bytes of content."""

MEASURED_PAYLOAD = 150
"""Bytes of content of the jobs that `JOB_BYTES` was measured with."""

CPU_PER_JOB = 0.00036
"""Seconds of CPU that a worker spends on one job, without the request: measured, 0.339 to 0.385 ms."""

STEADY = "pods without flaps"
"""Name of the figure that only plans have whose fewest pods are not enough for the peak."""

SCALE_DOWN = 300.0
"""Seconds for which an autoscaler waits before it takes pods away; Kubernetes' own, and that of the planner's manifests."""

FEWEST = 2
"""Pods that always run: one may be moved or killed while the other goes on."""

_RANGES = {
    "daily": "operations a day, more than 0; try 5M",
    "peak": "a factor of at least 1; try 4",
    "rtt": "seconds, more than 0; try 0.12",
    "limit": "requests per second, more than 0; try 100",
    "outage": "seconds, 0 or more; try 600",
    "per_worker_rate": "jobs per second, more than 0; try 1500",
    "delay": "seconds, more than 0; try 60",
}


@dataclass(frozen=True, slots=True)
class Demand:
    """What a design has to bear; see :func:`pytest_cio_load.scaling.planner.plan.plan` for each of them.

    Raises:
        ValueError: a number that is none, is not finite, or is out of its range.
    """

    daily: float
    peak: float
    rtt: float
    batch: int
    limit: float
    workspaces: int | None
    outage: float
    concurrency: int
    per_worker_rate: float
    payload: int
    delay: float

    def __post_init__(self) -> None:
        for name, expected in _RANGES.items():
            value = getattr(self, name)
            least = 1.0 if name == "peak" else 0.0
            sound = math.isfinite(value) and (value >= least if name in ("peak", "outage") else value > least)
            if not sound:
                raise ValueError(f"{name}: got {value:g}; expected {expected}")
        for name, most in (("batch", ITEMS), ("concurrency", 10_000), ("workspaces", 10_000), ("payload", BATCH_BYTES)):
            number = getattr(self, name)
            if number is not None and not 1 <= number <= most:
                raise ValueError(f"{name}: got {number}; expected a whole number from 1 to {most}; try {max(1, min(10, most))}")
        if self.batch * self.payload > BATCH_BYTES:
            got = f"{self.batch} operations of {self.payload} bytes in one request"
            raise ValueError(f"batch: got {got}; expected at most {BATCH_BYTES} bytes; try {BATCH_BYTES // self.payload}")


def requests_in(seconds_of_one: float, at_once: int) -> float:
    """Requests per second of one pod that has *at_once* under way, each for *seconds_of_one*."""
    return at_once / seconds_of_one


def up(number: float) -> int:
    """Rounded up, except for what is only the error of floating-point arithmetic."""
    return math.ceil(Fraction(number).limit_denominator(10**9))


def needed(requests: float, limit: float) -> int:
    """Workspaces with which *requests* per second leave something over for draining: with exactly as much, a queue never empties."""
    return math.floor(Fraction(requests / limit).limit_denominator(10**9)) + 1


def figures_of(demand: Demand, *, has_queue: bool) -> tuple[Figure, ...]:
    """Every number that follows from *demand*; the memory of Redis only where there *is* a queue."""
    return (*_traffic(demand), *_workers(demand), *_outage(demand, has_queue))


def _traffic(demand: Demand) -> Iterator[Figure]:
    mean, batch, limit = demand.daily / DAY, demand.batch, demand.limit
    peak = mean * demand.peak
    requests = peak / batch
    workspaces = needed(requests, limit)
    there = demand.workspaces or workspaces
    yield Figure("mean rate", mean, "/s", f"{show_volume(demand.daily)} a day / {DAY:,} s")
    yield Figure("peak rate", peak, "/s", f"{show_rate(mean)} × {demand.peak:g}")
    yield Figure("requests at the peak", requests, "/s", f"{show_rate(peak)} / {batch} operations a request")
    yield Figure("requests a day", float(up(demand.daily / batch)), "requests", f"{show_volume(demand.daily)} / {batch}, rounded up")
    formula = f"⌊{show_rate(requests)} / {show_rate(limit)}⌋ + 1, so that some is left for draining"
    yield Figure("workspaces needed", float(workspaces), "workspaces", formula)
    formula = f"{there} × {show_rate(limit)} × {batch} operations a request"
    yield Figure("capacity", there * limit * batch, "/s", formula)


def pod_rate(demand: Demand) -> float:
    """Jobs per second of one pod, as long as no limiter holds it up."""
    return min(requests_in(demand.rtt, demand.concurrency) * demand.batch, demand.per_worker_rate)


def capacity(demand: Demand) -> float:
    """Jobs per second of all workspaces."""
    return (demand.workspaces or needed(demand.daily * demand.peak / DAY / demand.batch, demand.limit)) * demand.limit * demand.batch


def _workers(demand: Demand) -> Iterator[Figure]:
    rate, most, peak = pod_rate(demand), capacity(demand), demand.daily * demand.peak / DAY
    worked = min(peak, most)
    useful, busy = up(most / rate), up(worked / rate)
    total = most / demand.batch
    by_waiting = f"{demand.concurrency} / {show_duration(demand.rtt)} × {demand.batch}"
    own = f"the smaller of {by_waiting} and {show_rate(demand.per_worker_rate)}"
    yield Figure("rate of a pod", rate, "/s", own)
    waiting = f"⌈{show_rate(total)} × {show_duration(demand.rtt)} / {demand.concurrency}⌉"
    held = up(total * demand.rtt / demand.concurrency)
    formula = waiting if held == useful else f"⌈{show_rate(most)} / {show_rate(rate)}⌉"
    yield Figure("useful pods", float(useful), "pods", f"{formula}; more add nothing")
    yield Figure("workers at the peak", float(busy), "pods", f"⌈{show_rate(worked)} / {show_rate(rate)}⌉")
    mean = min(demand.daily / DAY, most)
    fewest = max(FEWEST, up(mean / rate))
    yield Figure("fewest pods", float(fewest), "pods", f"the larger of {FEWEST} and the mean's ⌈{show_rate(mean)} / {show_rate(rate)}⌉")
    if busy > fewest:
        yield _steady(fewest, busy, rate, worked)
    largest = max(fewest, useful)
    yield Figure("most pods", float(largest), "pods", f"the larger of {fewest} and the useful {useful}")
    share = min(rate, most / largest)
    yield Figure("CPU of a pod", share * CPU_PER_JOB, "cores", f"{show_rate(share)} × {CPU_PER_JOB * 1000:g} ms, without the requests")
    depth = max(1, math.floor(share * demand.delay))
    yield Figure("jobs per pod", float(depth), "jobs", f"{show_rate(share)} of a pod × {show_duration(demand.delay)} that a job may wait")


def _steady(fewest: int, busy: int, rate: float, worked: float) -> Figure:
    """Pods from which on a peak is no reason to add any: with fewer, an autoscaler that sees only the depth never comes to rest in one."""
    formula = (
        f"⌈{show_rate(worked)} / {show_rate(rate)}⌉ as minimum: {fewest} work off {show_rate(fewest * rate)}, and in a peak longer than "
        f"{show_duration(SCALE_DOWN)} pods come and go, for the depth falls as soon as there are enough of them"
    )
    return Figure(STEADY, float(busy), "pods", formula)


def _outage(demand: Demand, has_queue: bool) -> Iterator[Figure]:
    mean, most = demand.daily / DAY, capacity(demand)
    peak = mean * demand.peak
    depth = up(peak * demand.outage)
    at_peak = f"{show_rate(peak)} × {show_duration(demand.outage)}"
    yield Figure("depth after an outage", float(depth), "jobs", f"{at_peak}, if it falls into the peak")
    yield _drain("drain while at the peak", depth, most, peak)
    yield _drain("drain at the mean rate", depth, most, mean)
    if peak > most:
        yield Figure("growth at the peak", peak - most, "/s", f"{show_rate(peak)} - {show_rate(most)}")
    if has_queue:
        content = max(0, demand.payload - MEASURED_PAYLOAD)
        each = JOB_BYTES + content
        more = f" + {content} B of content" if content else ""
        formula = f"{show_count(depth)} × ({JOB_BYTES} B{more})" if more else f"{show_count(depth)} × {show_bytes(each)} a waiting job"
        yield Figure("Redis memory", float(depth * each), "B", formula)


def _drain(name: str, depth: int, rate: float, arriving: float) -> Figure:
    formula = f"{show_count(depth)} / ({show_rate(rate)} - {show_rate(arriving)})"
    if depth == 0:
        return Figure(name, 0.0, "s", formula)
    return Figure(name, depth / (rate - arriving) if rate > arriving else None, "s", formula)
