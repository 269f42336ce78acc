"""Pods that start, work and end, as a Deployment has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_cio_load.scaling.hpa.pods import Phase, PodState

_BEFORE = -86_400.0
"""When the pods that are there at the beginning were started."""


@dataclass(slots=True)
class _Pod:
    """One pod.

    Attributes:
        name: its own.
        created: when.
        ready_at: when it begins to work.
        gone_at: when it is gone; infinite until it is told to end.
    """

    name: str
    created: float
    ready_at: float
    gone_at: float = math.inf


class Pods:
    """The pods of one Deployment.

    Args:
        count: ready at the beginning.
        start: seconds from a pod's creation until it is ready.
        grace: seconds from being told to end until it is gone.
        requests: what a pod requests, for the autoscaler.

    Attributes:
        wanted: the Deployment's replicas.
        ready: pods that work.
        there: pods that exist, also those that start and those that end: what costs.
        states: of all of them, as the autoscaler sees them.
    """

    def __init__(self, count: int, *, start: float, grace: float, requests: Mapping[str, float]) -> None:
        self._start, self._grace, self._requests = start, grace, dict(requests)
        self._made = count
        self._pods = [_Pod(f"pod-{number}", _BEFORE, _BEFORE) for number in range(count)]
        self.wanted = count
        self._look(0.0)

    def scale(self, now: float, wanted: int) -> None:
        """The autoscaler sets the replicas. The newest pods end first: those that are not ready, then those that were ready last."""
        self.advance(now)
        if wanted == self.wanted:
            return
        self.wanted = wanted
        staying = [pod for pod in self._pods if pod.gone_at == math.inf]
        for pod in staying[wanted:]:
            pod.gone_at = now + self._grace
        for _ in range(wanted - len(staying)):
            self._pods.append(_Pod(f"pod-{self._made}", now, now + self._start))
            self._made += 1
        self._look(now)

    def advance(self, now: float) -> None:
        """Time goes on: pods become ready, and others are gone."""
        if now >= self._next:
            self._look(now)

    def _look(self, now: float) -> None:
        self._pods = [pod for pod in self._pods if pod.gone_at > now]
        times = [at for pod in self._pods for at in (pod.ready_at, pod.gone_at) if at > now]
        self._next = min(times, default=math.inf)
        self.there = len(self._pods)
        self.ready = sum(1 for pod in self._pods if pod.ready_at <= now and pod.gone_at == math.inf)
        self.states = [self._state(pod, now) for pod in self._pods]

    def _state(self, pod: _Pod, now: float) -> PodState:
        ready, changed = pod.ready_at <= now, pod.ready_at if pod.ready_at <= now else pod.created
        # A container that is being pulled and started is Pending; from when it runs to its first probe is no time at all.
        phase = Phase.RUNNING if ready else Phase.PENDING
        return PodState(pod.name, phase, ready, pod.created, changed, pod.gone_at < math.inf, self._requests)
