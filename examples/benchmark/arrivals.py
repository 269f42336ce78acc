"""What a server's log says of a tool: how much of its plan it kept, how far off the schedule it was, what its users really waited.

Pure: a log goes in, numbers come out. Times are seconds unless a name says milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from examples.benchmark.plan import Freeze, Plan, Seen

_GRACE = 0.005
"""Seconds after the planned end in which an arrival still counts as kept."""

_SLOW = 1.25
_SLOWER = 0.003
_BUSY = 0.9
_MANY = 3


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of *values* that is not under *share* of them; NaN for no values."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def by_percentile(values: Sequence[float], scale: float = 1.0) -> dict[str, float]:
    """p50, p95 and p99 of *values*, each times *scale*."""
    return {name: percentile(values, share) * scale for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}


def deviations(arrivals: Iterable[float], rate: float, planned: int) -> list[float]:
    """How far each arrival was off an even schedule, the best constant offset removed; never negative.

    A request that never came would make all after it seem late by one interval more: what stays for good, and is no more than what is
    missing explains, is taken for that and not for lag.

    Args:
        arrivals: seconds on any clock, in any order.
        rate: arrivals per second of the schedule.
        planned: how many there were to be; what comes after so many is left out.
    """
    ordered = sorted(arrivals)[:planned]
    if not ordered:
        return []
    off = [moment - number / rate for number, moment in enumerate(ordered)]
    base = min(off)
    at_most = base + max(0, planned - len(ordered)) / rate
    lasting = math.inf
    lags = [0.0] * len(off)
    for number in range(len(off) - 1, -1, -1):
        lasting = min(lasting, off[number])
        lags[number] = off[number] - min(lasting, at_most)
    middle = median(lags)
    return [abs(each - middle) for each in lags]


def kept(arrivals: Iterable[float], plan: Plan) -> float:
    """The share of the planned arrivals that came within the planned time of the first."""
    ordered = sorted(arrivals)
    if not ordered:
        return 0.0
    last = ordered[0] + plan.seconds + _GRACE
    return min(1.0, sum(moment <= last for moment in ordered) / plan.planned)


def frozen_truth(plan: Plan, freeze: Freeze, service: float) -> list[float]:
    """What each user of *plan* waits for, had nobody been held back while the server stood still.

    Args:
        plan: the schedule.
        freeze: when the server really stood still.
        service: seconds of an undisturbed answer.
    """
    thaw = freeze.at + freeze.seconds
    waits = []
    for number in range(plan.planned):
        due = number / plan.rate
        # On the way when it began: it is answered after the thaw as well, unless its answer had left by then.
        held = freeze.at - service < due < thaw
        waits.append(max(thaw - due, service) if held else service)
    return waits


def truth(seen: Sequence[Seen], plan: Plan, froze: Freeze | None, *, from_due: bool) -> list[float]:
    """Seconds that users waited by the server's account, but for a constant: the way there and back.

    Args:
        seen: the server's log.
        plan: the schedule.
        froze: when the server really stood still, from the first arrival; None when it did not.
        from_due: count from when each request was due, as the plan says; else from when it arrived. With a freeze it is always the former:
            by the log where every planned request is in it, else by what the plan would have met.
    """
    ends = {each.index: each.ended for each in seen}
    is_whole = len(seen) == plan.planned and set(ends) == set(range(plan.planned))
    if is_whole and (from_due or froze is not None):
        # The first that is due may come late, when connections are made: the most punctual one says when the schedule began.
        began = min(each.arrived - each.index / plan.rate for each in seen)
        return [ended - began - number / plan.rate for number, ended in ends.items()]
    if froze is None:
        return [each.ended - each.arrived for each in seen]
    first = min((each.arrived for each in seen), default=0.0)
    thaw = froze.at + froze.seconds
    undisturbed = [each.ended - each.arrived for each in seen if not froze.at - 1 < each.arrived - first < thaw + 1]
    return frozen_truth(plan, froze, median(undisturbed) if undisturbed else plan.delay)


def constant_between(told: Mapping[str, float], true: Mapping[str, float]) -> float:
    """What is added to the *true* percentiles before they are compared with the *told* ones: the smallest difference between any two.

    It may be less than nothing: the server cannot tell a schedule that begins early from one whose requests are sent early.
    """
    return min((told[name] - true[name] for name in told), key=abs, default=0.0)


def complaints(seen: Sequence[Seen], plan: Plan, *, server_cpu: float, failed: int = 0) -> tuple[str, ...]:
    """Why a run says more of its server than of the tool; empty when it does not.

    Args:
        seen: the server's log.
        plan: what was asked.
        server_cpu: share of a core that the server used.
        failed: requests that the tool says failed.
    """
    found: list[str] = []
    if not seen:
        return ("no request arrived",)
    if server_cpu > _BUSY:
        found.append(f"the server used {server_cpu:.0%} of its core: it may be the bottleneck")
    if plan.freeze is None:
        asked, took = median(plan.delay_of(each.index) for each in seen), median(each.ended - each.arrived for each in seen)
        if took > asked * _SLOW + _SLOWER:
            found.append(f"the server took {took * 1e3:.1f} ms at the median where {asked * 1e3:.1f} ms were asked of it")
    refused = sum(not 200 <= each.status < 300 for each in seen)
    if refused:
        found.append(f"the server answered {refused} of {len(seen)} requests with an error")
    if failed > refused:
        found.append(f"{failed - refused} requests failed without an answer: reset, refused or timed out")
    connections = len({each.connection for each in seen})
    if connections > _MANY * (most_at_once(seen) + 1) and connections > len(seen) / 10:
        found.append(f"connections were not kept: {connections} for {len(seen)} requests")
    return tuple(found)


def most_at_once(seen: Sequence[Seen]) -> int:
    """How many requests were in the server at the same time, at most."""
    moments = sorted([(each.arrived, 1) for each in seen] + [(each.ended, -1) for each in seen])
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most


def highest(keeps: Callable[[int], bool], low: int, high: int, precision: float = 0.05) -> int:
    """The highest rate that is kept, to within *precision* of it: doubled from *low* while kept, then halved in between. 0 for none.

    Args:
        keeps: whether a rate is kept.
        low: where to begin, per second.
        high: no rate above it is tried.
        precision: as a share of the rate.
    """
    best, bad, rate = 0, None, low
    while bad is None and best < high:
        if keeps(rate):
            best, rate = rate, min(rate * 2, high)
        else:
            bad = rate
    if bad is None or (best == 0 and bad == low):
        return best
    while bad - best > precision * bad:
        middle = (best + bad) // 2
        if keeps(middle):
            best = middle
        else:
            bad = middle
    return best
