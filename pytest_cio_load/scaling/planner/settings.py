"""The rules about what a worker and its queue are told."""

from __future__ import annotations

from pytest_cio_load.scaling.planner.facts import Facts
from pytest_cio_load.scaling.planner.findings import Contradiction
from pytest_cio_load.units import show_duration

OUTAGE = 600.0
"""Seconds for which the service may be gone, unless told otherwise."""

HOLE = 30.0
"""Seconds: jobs of a killed worker that lie untouched for longer are worth a warning."""

_TERMINATION = 30.0


def concurrency_out_of_reach(facts: Facts) -> Contradiction | None:
    """A limiter's maxConcurrent above the worker's own concurrency never holds anything up."""
    most, at_once = facts.max_concurrent, facts.concurrency
    if most is None or at_once is None or most <= at_once:
        return None
    arithmetic = f"the limiter's maxConcurrent is {most}, and a worker has at most {at_once} jobs under way: {most - at_once} never used"
    remedy = f"leave maxConcurrent out, or raise the worker's concurrency to {most}"
    return Contradiction("concurrency-out-of-reach", arithmetic, remedy, facts.places.get("max_concurrent"))


def retries_shorter_than_an_outage(facts: Facts) -> Contradiction | None:
    """Tries that are all used up before the service is back give up every job."""
    if facts.attempts is None or facts.pauses:
        return None
    base, outage = 2.0 if facts.backoff is None else facts.backoff, OUTAGE if facts.outage is None else facts.outage
    waits = [base * 2.0**place for place in range(min(facts.attempts - 1, 40))]
    budget = sum(waits)
    if budget >= outage:
        return None
    shown = " + ".join(show_duration(wait) for wait in waits[:6]) + (" + …" if len(waits) > 6 else "")
    spent = f"{shown} = {show_duration(budget)}" if waits else "0s, for there is only one"
    arithmetic = f"{facts.attempts} tries are used up after {spent}: an outage of {show_duration(outage)} gives up every job tried in it"
    remedy = "pause the queue while the service is gone, as cio-load worker does; keep dead letters apart, by age; count no 429 as a try"
    return Contradiction("retries-shorter-than-an-outage", arithmetic, remedy, facts.places.get("attempts"))


def colon_in_the_queue_name(facts: Facts) -> Contradiction | None:
    """BullMQ refuses such a name in Node, and takes it in Python."""
    if facts.queue is None or ":" not in facts.queue:
        return None
    colons = facts.queue.count(":")
    counted = f"{colons} colon{'s' * (colons > 1)}"
    arithmetic = f"the queue's name has {counted} in it, where BullMQ 5.12.12 and later allow none: no Node process can open it"
    remedy = f"call it {facts.queue.replace(':', '-')[:80]!r}"
    return Contradiction("colon-in-the-queue-name", arithmetic, remedy, facts.places.get("queue"))


def killed_before_its_time(facts: Facts) -> Contradiction | None:
    """A pod that is killed while it works leaves its jobs locked, and some of them are sent twice."""
    ending = _grace_too_short(facts)
    hole = (facts.lock or 0.0) + (facts.stalled or 0.0)
    if not ending and hole <= HOLE:
        return None
    said = [ending] if ending else []
    if hole > HOLE:
        parts = f"{show_duration(facts.lock or 0.0)} of lockDuration + {show_duration(facts.stalled or 0.0)} of stalledInterval"
        said.append(f"the jobs of a killed pod lie untouched for {parts} = {show_duration(hole)}")
    longest = max(facts.grace or 0.0, facts.timeout or 0.0)
    remedy = f"set terminationGracePeriodSeconds to {round(longest) + 10} or more" if ending else "lock for 10s and look every 5s"
    remedy += "; give every event an id, so that what is sent twice counts once"
    names = ("termination", "grace", "timeout") if ending else ("lock", "stalled")
    return Contradiction("killed-before-its-time", "; ".join(said), remedy, facts.place(*names))


def _grace_too_short(facts: Facts) -> str:
    longest = max(facts.grace or 0.0, facts.timeout or 0.0)
    if facts.termination is None and not longest:
        return ""
    given = _TERMINATION if facts.termination is None else facts.termination
    if longest and given <= longest:
        whose = "a worker takes to end" if (facts.grace or 0.0) >= (facts.timeout or 0.0) else "a job may take"
        return f"a pod is killed after {show_duration(given)}, and {whose} {show_duration(longest)}"
    if facts.grace is not None and facts.timeout is not None and facts.grace <= facts.timeout:
        return f"a worker drops its jobs after {show_duration(facts.grace)}, and a job may take {show_duration(facts.timeout)}"
    return ""


def order_not_kept(facts: Facts) -> Contradiction | None:
    """Several jobs of one person at once may overtake each other."""
    if facts.shards != 1:
        return None
    at_once = int(facts.assumed("concurrency")) * (facts.max_replicas or facts.min_replicas or 1)
    if at_once <= 1:
        return None
    pods = facts.max_replicas or facts.min_replicas or 1
    under_way = f"{facts.assumed('concurrency'):g} × {pods} pods = {at_once} jobs"
    arithmetic = f"one queue, and {under_way} under way at once: a person's event may overtake the identify"
    remedy = "divide the queue by person: --shards 8, or a Kafka key"
    return Contradiction("order-not-kept", arithmetic, remedy, facts.places.get("shards"))
