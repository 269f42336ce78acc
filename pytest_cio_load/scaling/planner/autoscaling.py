"""The rules about what an autoscaler is told."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from pytest_cio_load.scaling.hpa.spec import ExternalMetric, PodsMetric, PolicyKind, ResourceMetric, ScalingRules, Select, TargetKind
from pytest_cio_load.scaling.planner.demand import CPU_PER_JOB, up
from pytest_cio_load.scaling.planner.facts import Facts
from pytest_cio_load.scaling.planner.findings import Contradiction
from pytest_cio_load.units import show_count, show_duration, show_rate

SYNC = 15.0
"""Seconds between two looks of the controller at its metrics."""

SCRAPE = 30.0
"""Seconds between two looks at a pod's figures, unless told otherwise."""

LATE = 120.0
"""Seconds that an autoscaler may take from few pods to as many as it may have, before a warning is due."""

_SHARED = re.compile(r"queue|depth|backlog|lag|pending|waiting|outstanding", re.IGNORECASE)
_SUMMED = re.compile(r"\bcio_queue_depth\b")
_ONCE = re.compile(r"\b(?:max|min|avg|topk|quantile|group)\b")
_OWN = re.compile(r"\bcio_queue_(?:depth|oldest_age_seconds|rate|latency_seconds\w*)\b")
_BULLMQ = re.compile(r"[^:]+:.+:wait")
_TOLERANCE = Fraction(1, 10)


def is_shared(name: str) -> bool:
    """Whether a metric of that name tells of a whole queue, by its name."""
    return _SHARED.search(name) is not None


def summed_over_pods(query: str) -> bool:
    """Whether a query of Prometheus adds up what every pod exports of the one queue."""
    return _SUMMED.search(query) is not None and _ONCE.search(query) is None


def pods_metric_of_a_shared_depth(facts: Facts) -> Contradiction | None:
    """Every pod reports the same depth of the one queue, so the mean never falls, however many pods there are."""
    metric = next((each for each in facts.metrics if isinstance(each, PodsMetric) and is_shared(each.name)), None)
    if metric is None:
        return None
    fewest, most = facts.min_replicas or 1, facts.max_replicas or 20
    target = metric.target.value
    depth = target * Fraction(11, 5)
    asked = [fewest]
    while asked[-1] < most and len(asked) < 8:
        asked.append(min(most, max(asked[-1] + 1, math.ceil(asked[-1] * depth / target))))
    ratio = depth / (target * fewest)
    outside = fewest if abs(ratio - 1) <= _TOLERANCE else max(fewest, math.ceil(depth / target))
    chain = " → ".join(map(str, asked))
    arithmetic = (
        f"{metric.name} tells of the whole queue and every pod reports the same: at a constant depth of {show_count(float(depth))} "
        f"the mean stays {float(depth / target):g} times the target of {float(target):g}, and {chain} pods are asked for; "
        f"as one External metric it is {outside}"
    )
    remedy = "make it type External with AverageValue, or a KEDA ScaledObject: then the depth is divided by the number of pods"
    return Contradiction("pods-metric-of-a-shared-depth", arithmetic, remedy, facts.places.get(f"metric {metric.name}"))


def depth_summed_over_pods(facts: Facts) -> Contradiction | None:
    """A query that sums what every pod exports of the one queue counts it once per pod."""
    summed = next((query for query in facts.queries if summed_over_pods(query)), None)
    if summed is None:
        return None
    fewest, most = facts.min_replicas or 1, facts.max_replicas or 20
    arithmetic = (
        f"every pod exports the depth of the whole queue, and the query sums them: with {fewest} pod{'s' * (fewest != 1)} it is "
        f"{fewest} × the depth, with {most} it is {most} ×, and more pods ask for more pods"
    )
    remedy = 'take each state once, then sum: sum(max by (state) (cio_queue_depth{queue="…",state=~"waiting|prioritized"}))'
    return Contradiction("depth-summed-over-pods", arithmetic, remedy, facts.places.get("queries"))


def asleep_for_good(facts: Facts) -> Contradiction | None:
    """While no worker runs, nobody exports what would have one started."""
    outside = sum(1 for metric in facts.metrics if isinstance(metric, ExternalMetric))
    own = [found[0] for query in facts.queries if (found := _OWN.search(query))]
    if facts.idle_replicas != 0 or not own or len(own) < outside:
        return None
    arithmetic = (
        f"workers export {own[0]}, and of 0 workers 0 do: a query without a result is 0 for KEDA, 0 is not active, and so 0 they stay, "
        f"however many jobs wait"
    )
    remedy = "keep minReplicaCount: 1 without idleReplicaCount, or export the depth from something that always runs as well"
    return Contradiction("asleep-for-good", arithmetic, remedy, facts.place("queries", "idle_replicas", "min_replicas"))


def list_without_some_jobs(facts: Facts) -> Contradiction | None:
    """The list that BullMQ keeps waiting jobs in holds neither those with a priority nor those that are delayed."""
    name = next((each for each in facts.lists if _BULLMQ.fullmatch(each)), None)
    if name is None:
        return None
    arithmetic = f"{name} is 1 of the 3 places where jobs wait: those with a priority and those that are delayed are in sorted sets"
    remedy = "ask Prometheus for cio_queue_depth{queue,state}, which has all of them"
    return Contradiction("list-without-some-jobs", arithmetic, remedy, facts.places.get("lists"))


def cpu_of_waiting_workers(facts: Facts) -> Contradiction | None:
    """Workers that wait for answers and for a limiter never use the CPU that would have pods added."""
    metric = next((each for each in facts.metrics if isinstance(each, ResourceMetric) and each.name == "cpu"), None)
    if metric is None or metric.target.kind is not TargetKind.UTILIZATION:
        return None
    fewest, cores = facts.min_replicas or 1, facts.cpu_request or 1.0
    jobs = facts.allowed * facts.assumed("batch")
    used = jobs * CPU_PER_JOB / fewest / cores
    if used * 100 >= metric.target.value:
        return None
    request = f"the {cores:g} core{'s' * (cores != 1)} that {'it requests' if facts.cpu_request else 'it may request'}"
    arithmetic = (
        f"{show_rate(jobs)} are all that may be sent, at {CPU_PER_JOB * 1000:g} ms of CPU a job: with {fewest} pod{'s' * (fewest != 1)} "
        f"{used * 100:.1f} % of {request}, where {float(metric.target.value):g} % would have pods added"
    )
    remedy = "leave CPU out; scale on the depth of the queue"
    return Contradiction("cpu-of-waiting-workers", arithmetic, remedy, facts.places.get("metric cpu"))


def late_reaction(facts: Facts) -> Contradiction | None:
    """What is scraped, synced and stabilised one after the other is late, and small steps come on top."""
    if facts.scale_up is None or facts.max_replicas is None:
        return None
    fewest, most = facts.min_replicas or 1, facts.max_replicas
    scrape, window = SCRAPE if facts.scrape is None else facts.scrape, float(facts.scale_up.stabilization or 0)
    first = scrape + SYNC + window
    steps = climb(facts.scale_up, fewest, most)
    total = first + steps
    if total <= LATE or fewest >= most:
        return None
    arithmetic = (
        f"{show_duration(scrape)} until it is seen + {show_duration(SYNC)} of sync + {show_duration(window)} of stabilisation = "
        f"{show_duration(first)} until the first pod, and {_time(steps)} of steps from {fewest} to {most}: {_time(total)}"
    )
    if facts.arrival is not None and math.isfinite(total):
        missing = facts.arrival - _worked(facts, fewest)
        if missing > 0:
            arithmetic += f", in which up to {show_count(missing * total)} jobs pile up"
    if facts.scale_down is not None:
        back = float(300 if facts.scale_down.stabilization is None else facts.scale_down.stabilization)
        arithmetic += f"; back down takes {_time(back)} + {_time(descent(facts.scale_down, most, fewest))}"
    remedy = "scale up without a window, by 100 % or 4 pods per 15 s, whichever is more; scrape every 15s; keep the window for scaling down"
    return Contradiction("late-reaction", arithmetic, remedy, facts.places.get("scale_up"))


def _worked(facts: Facts, pods: int) -> float:
    """Jobs per second of so many pods."""
    batch = facts.assumed("batch")
    one = min(facts.assumed("concurrency") / facts.assumed("rtt") * batch, facts.assumed("worker_rate"))
    return min(facts.allowed * batch, pods * (facts.processes or 1) * one)


def climb(rules: ScalingRules, start: int, end: int) -> float:
    """Seconds of steps from *start* up to *end* pods, the first of which is taken at once; infinite when it may not be climbed.

    One policy at a time, of which the fastest counts, or the slowest with selectPolicy Min.
    """
    return _steps(rules, start, end, upwards=True)


def descent(rules: ScalingRules, start: int, end: int) -> float:
    """Seconds of steps from *start* down to *end* pods, the last one awaited too; infinite when pods may not be taken away."""
    return _steps(rules, start, end, upwards=False)


def _steps(rules: ScalingRules, start: int, end: int, *, upwards: bool) -> float:
    if start == end:
        return 0.0
    if rules.select_policy is Select.DISABLED:
        return math.inf
    times = []
    for policy in rules.policies:
        now, steps = max(start, 1) if upwards else start, 0
        while (now < end if upwards else now > end) and steps < 10_000:
            share = Fraction(now * policy.value, 100)
            change = policy.value if policy.kind is PolicyKind.PODS else max(1, up(float(share)))
            now, steps = now + (change if upwards else -change), steps + 1
        times.append(float((steps - 1 if upwards else steps) * policy.period))
    return min(times) if rules.select_policy is Select.MAX else max(times)


def _time(seconds: float) -> str:
    return show_duration(seconds) if math.isfinite(seconds) else "no end"
