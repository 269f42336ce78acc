"""How fast it may go: stabilisation windows, policies, and the limits of an autoscaler without `behavior`.

The history is the controller's: recommendations with their times, and changes of the count with theirs. "Within a window" excludes what is
exactly as old as the window, except in the one window of an autoscaler without `behavior`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from pytest_cio_load.scaling.hpa.spec import MAX_REPLICAS, Behavior, Policy, PolicyKind, ScalingRules, Select


class Limit(StrEnum):
    """What kept the count from what was wanted; the reason of Kubernetes' `ScalingLimited` condition."""

    NONE = "DesiredWithinRange"
    SCALE_UP = "ScaleUpLimit"
    TOO_MANY = "TooManyReplicas"
    SCALE_DOWN = "ScaleDownLimit"
    TOO_FEW = "TooFewReplicas"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the metrics asked for at a time, before anything held it back."""

    at: float
    replicas: int


class Window:
    """The extreme recommendation of the last *seconds*.

    Args:
        seconds: how far back; 0 is no window.
        highest: keep the highest one, else the lowest.
        inclusive: whether one that is exactly as old still counts.
    """

    def __init__(self, seconds: float, *, highest: bool, inclusive: bool = False) -> None:
        self._seconds = seconds
        self._highest = highest
        self._inclusive = inclusive
        self._held: deque[Recommendation] = deque()

    def extreme(self, now: float) -> Recommendation | None:
        """The highest or lowest one in the window, the newest of equals; None when the window is empty."""
        held, cutoff = self._held, now - self._seconds
        while held and (held[0].at < cutoff or (held[0].at == cutoff and not self._inclusive)):
            held.popleft()
        return held[0] if held else None

    def add(self, made: Recommendation) -> None:
        """Remember one; times never fall. Those that can be no extreme any more are forgotten."""
        held, replicas = self._held, made.replicas
        if self._highest:
            while held and held[-1].replicas <= replicas:
                held.pop()
        else:
            while held and held[-1].replicas >= replicas:
                held.pop()
        held.append(made)


class Events:
    """Changes of the count in one direction.

    A new one takes the place of the last one in the list that is older than *longest*, as in the controller. So one that only a policy of
    the other direction still counts may be lost.

    Args:
        longest: the longest period of this direction's policies, in seconds.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._events: list[tuple[float, int]] = []

    def add(self, now: float, change: int) -> None:
        """Remember a change; *change* is above 0 in either direction."""
        cutoff = now - self._longest
        outdated = [index for index, (at, _) in enumerate(self._events) if at < cutoff]
        if outdated:
            self._events[outdated[-1]] = (now, change)
        else:
            self._events.append((now, change))

    def within(self, seconds: float, now: float) -> int:
        """The sum of changes in the last *seconds*."""
        cutoff = now - seconds
        return sum(change for at, change in self._events if at > cutoff)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the rate of change leaves of a wanted count.

    Attributes:
        replicas: how many it may be.
        limit: what cut it.
        policy: the policy behind ScaleUpLimit and ScaleDownLimit; None when the direction is disabled, and without `behavior`.
    """

    replicas: int
    limit: Limit
    policy: Policy | None = None


class Pace:
    """The history of one autoscaler with `behavior`, and what it allows.

    Args:
        behavior: its rules.
        downscale_stabilization: the controller's own window downwards, in seconds, for rules that give none.
    """

    def __init__(self, behavior: Behavior, downscale_stabilization: float) -> None:
        up, down = behavior.scale_up, behavior.scale_down
        self._behavior = behavior
        self._lowest = Window(up.stabilization or 0, highest=False)
        self._highest = Window(downscale_stabilization if down.stabilization is None else down.stabilization, highest=True)
        self._ups = Events(max(policy.period for policy in up.policies))
        self._downs = Events(max(policy.period for policy in down.policies))

    def remember(self, now: float, recommended: int) -> None:
        """Note what the metrics asked for."""
        made = Recommendation(now, recommended)
        self._lowest.add(made)
        self._highest.add(made)

    def stabilize(self, now: float, current: int, recommended: int) -> tuple[int, Recommendation | None]:
        """Hold *current* between the lowest recommendation of the window upwards and the highest of the window downwards.

        Returns:
            The stabilised count, and the past recommendation that holds it; None when it is what is asked for now.
        """
        lowest, highest = self._lowest.extreme(now), self._highest.extreme(now)
        low = lowest.replicas if lowest is not None and lowest.replicas < recommended else recommended
        high = highest.replicas if highest is not None and highest.replicas > recommended else recommended
        stabilized = min(max(current, low), high)
        if stabilized == recommended:
            return stabilized, None
        return stabilized, lowest if recommended > stabilized else highest

    def limit(self, now: float, current: int, wanted: int, low: int, high: int) -> Allowed:
        """Let the policies of the direction, and min and max, cut *wanted*."""
        if wanted > current:
            most, policy = self._reach(self._behavior.scale_up, now, current, up=True)
            most = max(most, current)
            ceiling, limit = (most, Limit.SCALE_UP) if high > most else (high, Limit.TOO_MANY)
            if wanted > ceiling:
                return Allowed(ceiling, limit, policy if limit is Limit.SCALE_UP else None)
        elif wanted < current:
            least, policy = self._reach(self._behavior.scale_down, now, current, up=False)
            least = min(least, current)
            floor, limit = (least, Limit.SCALE_DOWN) if low < least else (low, Limit.TOO_FEW)
            if wanted < floor:
                return Allowed(floor, limit, policy if limit is Limit.SCALE_DOWN else None)
        return Allowed(wanted, Limit.NONE)

    def changed(self, now: float, before: int, after: int) -> None:
        """Note that the count was changed."""
        if after > before:
            self._ups.add(now, after - before)
        else:
            self._downs.add(now, before - after)

    def _reach(self, rules: ScalingRules, now: float, current: int, *, up: bool) -> tuple[int, Policy | None]:
        """How far the policies let it go in a direction, and which of them says so.

        A policy counts from what there was at the start of its period. Percent is rounded up upwards and cut downwards. `Max` takes the
        policy that lets it go farthest, `Min` the one that lets it go least.
        """
        if rules.select_policy is Select.DISABLED:
            return current, None
        farthest = rules.select_policy is Select.MAX
        upper = farthest is up
        reach, chosen = None, None
        for policy in rules.policies:
            base = current - self._ups.within(policy.period, now) + self._downs.within(policy.period, now)
            proposed = _step(policy, base, up=up)
            if reach is None or (proposed > reach if upper else proposed < reach):
                reach, chosen = proposed, policy
        return (current if reach is None else reach), chosen


class PlainPace:
    """The history of one autoscaler without `behavior`: one window downwards, and one limit upwards.

    Args:
        downscale_stabilization: the controller's window, in seconds.
    """

    def __init__(self, downscale_stabilization: float) -> None:
        self._highest = Window(downscale_stabilization, highest=True, inclusive=True)

    def remember(self, now: float, recommended: int) -> None:
        """Note what the metrics asked for."""
        self._highest.add(Recommendation(now, recommended))

    def stabilize(self, now: float, current: int, recommended: int) -> tuple[int, Recommendation | None]:
        """The highest recommendation of the window; see `Pace.stabilize`."""
        highest = self._highest.extreme(now)
        if highest is None or highest.replicas <= recommended:
            return recommended, None
        return highest.replicas, highest

    def limit(self, now: float, current: int, wanted: int, low: int, high: int) -> Allowed:
        """At most twice as many as now, or 4 when that is more; at least *low*, at most *high*."""
        most = max(2 * current, 4)
        ceiling, limit = (most, Limit.SCALE_UP) if high > most else (high, Limit.TOO_MANY)
        if wanted < low:
            return Allowed(low, Limit.TOO_FEW)
        return Allowed(ceiling, limit) if wanted > ceiling else Allowed(wanted, Limit.NONE)

    def changed(self, now: float, before: int, after: int) -> None:
        """Changes are not remembered: no policy asks for them."""


def _step(policy: Policy, base: int, *, up: bool) -> int:
    """How many *policy* allows, from *base* at the start of its period; in floats as the controller, so 100 + 10 % is 111."""
    if policy.kind is PolicyKind.PODS:
        return base + policy.value if up else base - policy.value
    if up:
        return math.ceil(min(float(base) * (1 + policy.value / 100), MAX_REPLICAS))
    return math.trunc(float(base) * (1 - policy.value / 100))
