"""Traffic, an autoscaler and a pipeline together, second by second."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_cio_load.scaling.hpa.controller import SYNC_PERIOD, Controller
from pytest_cio_load.scaling.hpa.decision import Decision
from pytest_cio_load.scaling.hpa.keda import Keda, Poll, ScaledObject
from pytest_cio_load.scaling.hpa.spec import Behavior, Hpa
from pytest_cio_load.scaling.hpa.triggers import PrometheusTrigger, RedisTrigger
from pytest_cio_load.scaling.model.asked import Asked
from pytest_cio_load.scaling.model.pipeline import Backlog, Pipeline
from pytest_cio_load.scaling.model.pods import Pods
from pytest_cio_load.scaling.model.run import Run, Samples, figures_of
from pytest_cio_load.scaling.model.seen import Seen, requests_of
from pytest_cio_load.scaling.model.traffic import Traffic, read_traffic
from pytest_cio_load.scaling.planner.facts import Facts
from pytest_cio_load.scaling.planner.findings import Contradiction
from pytest_cio_load.scaling.planner.warnings import contradictions

AFTER = 6 * 3_600.0
"""Seconds for which a run goes on after the traffic, as long as jobs wait."""


def replay(
    scaler: Hpa | ScaledObject,
    traffic: Traffic | str | Path | Iterable[Sequence[object]],
    pipeline: Pipeline | None = None,
    *,
    replicas: int | None = None,
    sync: float = SYNC_PERIOD,
    meanings: Mapping[str, str] | None = None,
    after: float = AFTER,
) -> Run:
    """What *scaler* makes of *traffic*.

    At the beginning the queue is empty and all pods are ready. Every metric is read as late as it can be, by one scrape and one look of the
    adapter; what KEDA asks for is read as `asked` says. The run ends with the traffic, or as soon afterwards as nothing waits.

    Args:
        scaler: an autoscaler, or a ScaledObject with the autoscaler that KEDA makes of it. Of one with triggers that nobody here can
            measure, only that autoscaler is replayed, on the other triggers; a warning says so.
        traffic: see `read_traffic`.
        pipeline: workers and workspaces; one workspace of 100/s without batches when None.
        replicas: pods at the beginning; the least that *scaler* allows when None.
        sync: seconds between two looks of the controller.
        meanings: what metrics and triggers tell ("depth", "age", "served") by their names, where these do not say it themselves.
        after: seconds for which the run goes on at most after the traffic.

    Raises:
        ValueError: traffic that is none, a metric of which nobody says what it means, or a number out of its range.
        OSError: traffic from a file that cannot be read.
    """
    if not 1 <= sync < math.inf:
        raise ValueError(f"sync: got {sync:g}; expected at least 1 s; try {SYNC_PERIOD:g}")
    if not 0 <= after < math.inf:
        raise ValueError(f"after: got {after:g}; expected seconds, at least 0; try {AFTER:g}")
    read, workers = read_traffic(traffic), pipeline or Pipeline()
    played = scaler.awake if isinstance(scaler, ScaledObject) and scaler.others else scaler
    made = _Replay(played, workers, replicas, sync, meanings or {})
    made.work(read, after)
    hpa = scaler.hpa if isinstance(scaler, ScaledObject) else scaler
    decisions, polls = tuple(made.decisions), tuple(made.polls)
    figures: dict[str, Any] = figures_of(made.samples, workers, decisions, polls)
    warnings = warnings_for(scaler, read, workers)
    return Run(hpa, read, workers, samples=made.samples, decisions=decisions, polls=polls, warnings=warnings, **figures)


def warnings_for(scaler: Hpa | ScaledObject, traffic: Traffic, pipeline: Pipeline) -> tuple[Contradiction, ...]:
    """What the planner's rules find in this autoscaler when this arrives at this pipeline, and what of it cannot be replayed."""
    scaled = scaler if isinstance(scaler, ScaledObject) else None
    hpa = scaler.hpa if isinstance(scaler, ScaledObject) else scaler
    behavior, triggers = hpa.behavior or Behavior(), scaled.triggers if scaled else ()
    facts = Facts(
        arrival=traffic.peak,
        limit=pipeline.limit,
        workspaces=pipeline.workspaces,
        rtt=pipeline.rtt,
        batch=pipeline.batch,
        concurrency=pipeline.concurrency,
        worker_rate=pipeline.worker_rate,
        min_replicas=hpa.min_replicas,
        max_replicas=hpa.max_replicas,
        idle_replicas=scaled.least if scaled and not scaled.others else None,
        metrics=hpa.metrics,
        queries=tuple(trigger.source for trigger in triggers if isinstance(trigger, PrometheusTrigger)),
        lists=tuple(trigger.source for trigger in triggers if isinstance(trigger, RedisTrigger)),
        scale_up=behavior.scale_up,
        scale_down=behavior.scale_down,
        cpu_request=pipeline.cpu_request,
        scrape=pipeline.scrape,
    )
    found = contradictions(facts)
    return (_not_replayed(scaled), *found) if scaled and scaled.others else found


def _not_replayed(scaled: ScaledObject) -> Contradiction:
    """What a run leaves out of *scaled*."""
    arithmetic = (
        f"{' and '.join(scaled.others)} cannot be replayed: this is what the HorizontalPodAutoscaler that KEDA makes of the other triggers "
        f"does, with never fewer than {scaled.awake.min_replica_count}; activation, cooldownPeriod and idleReplicaCount do not come into it"
    )
    return Contradiction("not-replayed", arithmetic, "replay a copy without it to see when the others alone let it sleep")


class _Replay:
    """One run under way."""

    def __init__(
        self, scaler: Hpa | ScaledObject, pipeline: Pipeline, replicas: int | None, sync: float, meanings: Mapping[str, str]
    ) -> None:
        self._keda = Keda(scaler, replicas=replicas) if isinstance(scaler, ScaledObject) else None
        self._controller = self._keda.controller if self._keda else Controller(_plain(scaler), replicas=replicas)
        self._pipeline, self._sync = pipeline, sync
        self.samples = Samples()
        metrics = self._controller.hpa.metrics
        self._asked = Asked(scaler, pipeline, self.samples, meanings) if isinstance(scaler, ScaledObject) else None
        self._seen = Seen(() if self._keda else metrics, pipeline, self.samples, meanings)
        requests = requests_of(metrics, pipeline)
        self._pods = Pods(self._controller.replicas, start=pipeline.start, grace=pipeline.grace, requests=requests)
        self.decisions: list[Decision] = []
        self.polls: list[Poll] = []
        self._next = self._next_sync = self._next_poll = 0.0

    def work(self, traffic: Traffic, after: float) -> None:
        """Go through the traffic, and on until nothing waits."""
        backlog, pods, samples = Backlog(), self._pods, self.samples
        rate, capacity = self._pipeline.pod_rate, self._pipeline.capacity
        depth, age, arrived, served = samples.depth.append, samples.age.append, samples.arrived.append, samples.served.append
        wanted, ready, there = samples.wanted.append, samples.ready.append, samples.there.append
        for now, arriving in enumerate(_then_nothing(traffic, after, backlog)):
            pods.advance(now)
            if now >= self._next:
                self._decide(now)
            served(backlog.step(arriving, min(pods.ready * rate, capacity)))
            depth(backlog.depth)
            age(backlog.age)
            arrived(arriving)
            wanted(pods.wanted)
            ready(pods.ready)
            there(pods.there)

    def _decide(self, now: int) -> None:
        """KEDA polls, the controller syncs, each when it is due; then the Deployment has as many replicas as they want."""
        if self._keda is None or self._asked is None:
            self.decisions.append(self._controller.sync(now, self._pods.states, self._seen.readings(now, self._pods.states)))
            self._next_sync += self._sync
            self._next = self._next_sync
        else:
            found = self._asked.readings(now, self._pods.states)
            if now >= self._next_poll:
                self.polls.append(self._keda.poll(now, found))
                self._next_poll += self._keda.scaled.polling_interval
            if now >= self._next_sync:
                self.decisions.append(self._keda.sync(now, self._pods.states, found))
                self._next_sync += self._sync
            self._next = min(self._next_sync, self._next_poll)
        self._pods.scale(now, self._controller.replicas)


def _then_nothing(traffic: Traffic, after: float, backlog: Backlog) -> Iterable[float]:
    """What arrives each second, and nothing after the traffic for as long as something waits."""
    yield from traffic.arrivals()
    left = math.ceil(after)
    while backlog.depth > 0 and left > 0:
        yield 0.0
        left -= 1


def _plain(scaler: object) -> Hpa:
    """Raises ValueError for what is no autoscaler."""
    if isinstance(scaler, Hpa):
        return scaler
    got = type(scaler).__name__
    raise ValueError(f"autoscaler: got {got}; expected an Hpa or a ScaledObject; try read_scaler('hpa.yaml')")
