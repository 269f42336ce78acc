"""The rules about how much can be sent."""

from __future__ import annotations

import math

from pytest_cio_load.scaling.hpa.spec import PodsMetric
from pytest_cio_load.scaling.planner.demand import DAY, FEWEST, needed, up
from pytest_cio_load.scaling.planner.facts import Facts
from pytest_cio_load.scaling.planner.findings import Contradiction
from pytest_cio_load.scaling.planner.tiers import Tier, tier_of
from pytest_cio_load.scaling.planner.volumes import show_volume
from pytest_cio_load.units import show_count, show_duration, show_rate

HOUR = 3_600


def useful_pods(facts: Facts) -> int:
    """Pods from which on the workspaces' limit is what holds everybody up."""
    waiting = facts.allowed * facts.assumed("rtt") / facts.assumed("concurrency")
    taking = facts.allowed * facts.assumed("batch") / facts.assumed("worker_rate")
    return up(max(waiting, taking) / (facts.processes or 1))


def pods_past_the_limit(facts: Facts) -> Contradiction | None:
    """Pods add no throughput past the limit of the workspaces."""
    useful, allowed, requests = useful_pods(facts), facts.allowed, facts.requests
    too_many = facts.max_replicas is not None and facts.max_replicas > max(useful, FEWEST)
    too_much = requests is not None and requests > allowed
    if not too_many and not too_much:
        return None
    said = []
    if too_many:
        enough = _useful(facts, useful)
        said.append(f"maxReplicas is {facts.max_replicas}, but {enough} already use up the {show_rate(allowed)} of {_workspaces(facts)}")
    if too_much and requests is not None:
        batch = facts.assumed("batch")
        left = (requests - allowed) * batch
        said.append(
            f"{show_rate(requests * batch)} arrive and {show_rate(allowed * batch)} can be sent, by any number of pods: the queue grows by "
            f"{show_rate(left)}, to {show_count(left * HOUR)} jobs after 1h"
        )
    remedy = f"set maxReplicas to {max(useful, FEWEST)}" if too_many else "add no pods"
    if too_much and requests is not None:
        remedy += f"; send in batches, or through {needed(requests, facts.assumed('limit'))} workspaces, each with workers of its own"
    return Contradiction("pods-past-the-limit", "; ".join(said), remedy, facts.places.get("max_replicas"))


def _useful(facts: Facts, useful: int) -> str:
    pods = f"{useful} pod{'s' * (useful != 1)}"
    processes = f" / {facts.processes} processes" if (facts.processes or 1) > 1 else ""
    waiting = facts.allowed * facts.assumed("rtt") / facts.assumed("concurrency")
    if up(waiting / (facts.processes or 1)) == useful:
        under_way = f"{show_rate(facts.allowed)} × {show_duration(facts.assumed('rtt'))}"
        return f"⌈{under_way} / {facts.assumed('concurrency'):g}{processes}⌉ = {pods}"
    taken = facts.allowed * facts.assumed("batch")
    return f"⌈{show_rate(taken)} of jobs / {show_rate(facts.assumed('worker_rate'))} of a process{processes}⌉ = {pods}"


def _workspaces(facts: Facts) -> str:
    count = int(facts.assumed("workspaces"))
    return "the workspace" if count == 1 else f"all {count} workspaces"


def limiter_per_process(facts: Facts) -> Contradiction | None:
    """A limiter in every process allows as many times its rate as there are processes."""
    most = facts.max_replicas or facts.min_replicas
    if facts.shared_limiter is not False or most is None:
        return None
    pace = facts.pace if facts.pace is not None else facts.reservoir or facts.assumed("limit")
    processes = facts.processes or 1
    if most * processes * pace <= facts.allowed:
        return None
    fewest = facts.min_replicas or 1
    each = f" × {processes} processes" if processes > 1 else ""
    arithmetic = f"every process keeps to {show_rate(pace)} by itself: {most} pods{each} send {show_rate(most * processes * pace)}"
    if fewest != most:
        arithmetic += f", and the {fewest} of minReplicas {show_rate(fewest * processes * pace)}"
    arithmetic += f", where {show_rate(facts.allowed)} are allowed"
    remedy = "share one limiter on a Redis that all workers reach, as cio-load worker does: with a queue on Redis, or by --limiter-url"
    return Contradiction("limiter-per-process", arithmetic, remedy, facts.place("shared_limiter", "pace", "reservoir"))


def double_burst(facts: Facts) -> Contradiction | None:
    """A reservoir empties just before a refill and again just after it."""
    if facts.reservoir is None:
        return None
    every = facts.refill or 1.0
    refills = max(2, math.floor(1 / every + 1e-9) + 1)
    burst = refills * facts.reservoir
    if burst <= facts.allowed:
        return None
    arithmetic = (
        f"a reservoir of {facts.reservoir:g} refilled every {show_duration(every)} lets {refills} × {facts.reservoir:g} = {burst:g} "
        f"requests through in one sliding second, where {show_rate(facts.allowed)} are allowed"
    )
    rate = max(1, round(facts.allowed * 0.8))
    remedy = f"limit by a bucket whose rate and burst together stay within the limit, such as {rate}/s and a burst of 4"
    return Contradiction("double-burst", arithmetic, remedy, facts.places.get("reservoir"))


def volume_past_a_workspace(facts: Facts) -> Contradiction | None:
    """A volume that asks for several workspaces long before its tier does."""
    if facts.daily is None:
        return None
    batch, limit, peak = facts.assumed("batch"), facts.assumed("limit"), facts.peak or 1.0
    count = needed(facts.daily * peak / DAY / batch, limit)
    tier = tier_of(facts.daily)
    there = facts.workspaces
    if count <= (there or 1) or (there is None and tier is Tier.DISTRIBUTED):
        return None
    flat = limit * DAY * batch
    per_request = f" × {batch:g} operations a request" if batch > 1 else ""
    arithmetic = (
        f"one workspace takes {show_rate(limit)} × {DAY:,} s{per_request} = {show_volume(flat)} a day when every second is used; "
        f"{show_volume(facts.daily)} a day with a peak of {peak:g} arrive at the rate of {show_volume(facts.daily * peak)}"
    )
    if tier is not Tier.DISTRIBUTED:
        arithmetic += f": the {tier.value} tier needs {count} workspaces already"
    enough = needed(facts.daily * peak / DAY, limit)
    remedy = f"use {count} workspaces" if batch > 1 else f"send batches of {enough} operations or more, or use {count} workspaces"
    return Contradiction("volume-past-a-workspace", arithmetic, remedy, facts.places.get("workspaces"))


def remedies_in_sum(facts: Facts) -> Contradiction | None:
    """What it takes altogether, where several things stand in the way of what arrives."""
    requests = facts.requests
    shared = any(isinstance(metric, PodsMetric) for metric in facts.metrics)
    if requests is None or requests <= facts.allowed or not shared:
        return None
    limit, batch = facts.assumed("limit"), facts.assumed("batch")
    count = needed(requests, limit)
    busy = up(max(requests * facts.assumed("rtt") / facts.assumed("concurrency"), requests * batch / facts.assumed("worker_rate")))
    arithmetic = (
        f"no single change is enough: ⌊{show_rate(requests)} / {show_rate(limit)}⌋ + 1 = {count} workspaces take "
        f"{show_rate(count * limit)}, and their {max(busy, FEWEST)} busy pods have to be asked for by a metric of the whole queue"
    )
    remedy = f"{count} workspaces, one External metric of the depth in place of the Pods metric, and a limiter that all workers share"
    return Contradiction("remedies-in-sum", arithmetic, remedy, facts.places.get("max_replicas"))
