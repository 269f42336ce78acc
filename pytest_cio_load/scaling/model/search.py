"""The cheapest policy that keeps its promises: a bounded search, one field of the manifest after the other.

From the policy as it is, and from some drawn at random, every field is tried at each of its values while the others stay, and the best one
is kept, until nothing gets better or all tries are used up. Then each change that saves next to nothing is undone, for a policy is easier
to trust the nearer it is to the one that is known, and what every other change does is told. The same input and the same seed give the same
answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.spec import Hpa
from pytest_cio_load.scaling.model.keda_moves import keda_fields_for
from pytest_cio_load.scaling.model.moves import Field, fields_for, useful_pods
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.promises import Promise, broken
from pytest_cio_load.scaling.model.replay import replay
from pytest_cio_load.scaling.model.run import Run
from pytest_cio_load.scaling.model.traffic import Traffic, read_traffic
from pytest_cio_load.scaling.planner.demand import FEWEST
from pytest_cio_load.units import show_rate

TRIES = 200
"""Policies that are replayed at most, but for the few that explain the answer: two a field."""

NOTHING = 0.01
"""Part of the pod hours: what is saved beyond it is worth a change."""

_RESTARTS = 3

Score = tuple[int, float, float, int, int]
"""Promises without end, by how much the others are broken, pod hours, flaps, fields changed: less is better, the first one first."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that the search would change.

    Attributes:
        path: its place in the manifest.
        before: as it is.
        after: as it should be.
        why: what happens without this one change, all others made.
    """

    path: str
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search came to.

    Attributes:
        scaler: the best policy that was met.
        run: of it.
        before: of the policy as it was.
        promises: that are to be kept.
        changes: from the one to the other, field by field.
        tried: policies that were replayed.
        reason: why no policy that was met keeps the promises; "" when this one does.
    """

    scaler: Hpa | ScaledObject
    run: Run
    before: Run
    promises: tuple[Promise, ...]
    changes: tuple[Change, ...]
    tried: int
    reason: str

    @property
    def kept(self) -> bool:
        """Whether the promises are kept."""
        return not self.reason


def tune(
    scaler: Hpa | ScaledObject,
    traffic: Traffic | str | Path | Iterable[Sequence[object]],
    promises: Sequence[Promise],
    pipeline: Pipeline | None = None,
    *,
    fewest: int | None = None,
    meanings: Mapping[str, str] | None = None,
    tries: int = TRIES,
    seed: int = 0,
) -> Tuned:
    """The cheapest policy, in pod hours, that keeps *promises*.

    Args:
        scaler: the policy as it is.
        traffic: see `read_traffic`.
        promises: at least one; without any, no pod at all would be the cheapest.
        pipeline: workers and workspaces.
        fewest: pods that always have to run, 0 only for a ScaledObject; None for two, or for what *scaler* has when that is fewer.
        meanings: see `replay`.
        tries: policies that are replayed at most.
        seed: of what is drawn at random.

    Raises:
        ValueError: no promise, no try, or what `replay` raises.
        OSError: traffic from a file that cannot be read.
    """
    if not isinstance(scaler, Hpa | ScaledObject):
        got = type(scaler).__name__
        raise ValueError(f"autoscaler: got {got}; expected an Hpa or a ScaledObject; try read_scaler('hpa.yaml')")
    if not promises:
        raise ValueError("promises: got none; expected at least one to keep; try max_depth<20000,drain_time<10m")
    if tries < 1:
        raise ValueError(f"tries: got {tries}; expected at least 1; try {TRIES}")
    may_sleep = isinstance(scaler, ScaledObject) and not scaler.others
    least = max(0 if may_sleep else 1, min(FEWEST, always(scaler))) if fewest is None else fewest
    if least < 0 or (least < 1 and not may_sleep):
        raise ValueError(f"fewest: got {least}; expected at least {int(not may_sleep)} pod{'s' * may_sleep}; try {FEWEST}")
    given = scaler.awake if isinstance(scaler, ScaledObject) and scaler.others else scaler
    search = _Search(given, read_traffic(traffic), tuple(promises), pipeline or Pipeline(), least, meanings or {}, tries)
    return search.run(Random(f"tune:{seed}"))


def always(scaler: Hpa | ScaledObject) -> int:
    """Pods that run whatever happens."""
    return scaler.least if isinstance(scaler, ScaledObject) else scaler.min_replicas


def _steady(scaler: Hpa | ScaledObject, pods: int) -> Hpa | ScaledObject:
    """As *scaler*, with so many pods all the time."""
    if isinstance(scaler, ScaledObject):
        return replace(scaler, min_replica_count=pods, max_replica_count=pods, idle_replica_count=None)
    return replace(scaler, min_replicas=pods, max_replicas=pods)


def _with_fewest(scaler: Hpa | ScaledObject, pods: int) -> Hpa | ScaledObject:
    """As *scaler*, with no fewer than so many."""
    if always(scaler) >= pods:
        return scaler
    if isinstance(scaler, ScaledObject):
        low = max(pods, scaler.min_replica_count)
        return replace(scaler, min_replica_count=low, max_replica_count=max(low, scaler.max_replica_count), idle_replica_count=None)
    return replace(scaler, min_replicas=pods, max_replicas=max(pods, scaler.max_replicas))


class _Search:
    """One search under way."""

    def __init__(
        self,
        given: Hpa | ScaledObject,
        traffic: Traffic,
        promises: tuple[Promise, ...],
        pipeline: Pipeline,
        fewest: int,
        meanings: Mapping[str, str],
        tries: int,
    ) -> None:
        self._given, self._traffic, self._promises, self._pipeline = given, traffic, promises, pipeline
        self._fewest, self._meanings, self._tries = fewest, meanings, tries
        self._fields: tuple[Field[Any], ...]
        if isinstance(given, ScaledObject):
            self._fields = keda_fields_for(given, traffic, pipeline, fewest=fewest, meanings=meanings)
        else:
            self._fields = fields_for(given, traffic, pipeline, fewest=fewest, meanings=meanings)
        self._known: dict[Hpa | ScaledObject, tuple[Score, Run]] = {}

    def run(self, rng: Random) -> Tuned:
        """The whole of it."""
        before = self._look(self._given)
        start = _with_fewest(self._given, self._fewest)
        best = self._climb(start)
        for _ in range(_RESTARTS):
            if self._spent:
                break
            found = self._climb(self._drawn(start, rng))
            best = min(best, found, key=lambda scaler: self._look(scaler)[0])
        best = self._pruned(best)
        run = self._look(best)[1]
        reason = "; ".join(self._reasons(run))
        return Tuned(best, run, before[1], self._promises, self._changes(best), len(self._known), reason)

    @property
    def _spent(self) -> bool:
        return len(self._known) >= self._tries

    def _look(self, scaler: Hpa | ScaledObject) -> tuple[Score, Run]:
        if scaler not in self._known:
            run = replay(scaler, self._traffic, self._pipeline, meanings=self._meanings)
            self._known[scaler] = self._score(scaler, run), run
        return self._known[scaler]

    def _score(self, scaler: Hpa | ScaledObject, run: Run) -> Score:
        missed = [promise.excess(run) for promise in self._promises]
        endless = sum(1 for excess in missed if math.isinf(excess))
        # Of two that never end, the one that leaves less behind is nearer to an end.
        left = run.left / max(1.0, self._traffic.total) if endless else 0.0
        changed = sum(1 for field in self._fields if field.get(scaler) != field.get(self._given))
        return endless, round(math.fsum(excess for excess in missed if math.isfinite(excess)) + left, 9), run.pod_hours, run.flaps, changed

    def _climb(self, start: Hpa | ScaledObject) -> Hpa | ScaledObject:
        """The best that is met by changing one field at a time."""
        best, better = start, True
        while better and not self._spent:
            better = False
            for field in self._fields:
                found = self._best_of(field, best)
                if self._look(found)[0] < self._look(best)[0]:
                    best, better = found, True
        return best

    def _best_of(self, field: Field[Any], scaler: Hpa | ScaledObject) -> Hpa | ScaledObject:
        best = scaler
        for value in field.values:
            made = self._put(field, scaler, value)
            if made is None or (self._spent and made not in self._known):
                continue
            if self._look(made)[0] < self._look(best)[0]:
                best = made
        return best

    def _drawn(self, start: Hpa | ScaledObject, rng: Random) -> Hpa | ScaledObject:
        """One with a value drawn for every field."""
        drawn = start
        for field in self._fields:
            drawn = self._put(field, drawn, rng.choice(field.values)) or drawn
        return drawn

    def _pruned(self, scaler: Hpa | ScaledObject) -> Hpa | ScaledObject:
        """Without the changes that save next to nothing."""
        endless, missed, hours, flaps, _ = self._look(scaler)[0]
        worst = (endless, missed, hours * (1 + NOTHING), flaps)
        for field in self._fields:
            undone = self._put(field, scaler, field.get(self._given))
            if undone is not None and undone != scaler:
                score = self._look(undone)[0]
                if all(mine <= most for mine, most in zip(score, worst, strict=False)):
                    scaler = undone
        return scaler

    def _changes(self, scaler: Hpa | ScaledObject) -> tuple[Change, ...]:
        changes = []
        for field in self._fields:
            before, after = field.get(self._given), field.get(scaler)
            if before != after:
                undone = self._put(field, scaler, before)
                why = self._needed if undone is None else self._without(scaler, undone)
                changes.append(Change(field.path, field.show(before), field.show(after), why))
        return tuple(changes)

    @property
    def _needed(self) -> str:
        """Why a change cannot be undone."""
        return "the others need it" if always(self._given) >= self._fewest else f"the others need it, or the {self._fewest} that always run"

    def _without(self, scaler: Hpa | ScaledObject, undone: Hpa | ScaledObject) -> str:
        """What happens when one change is undone."""
        (_, run), (_, worse) = self._look(scaler), self._look(undone)
        newly = [promise.broken(worse) for promise in self._promises if promise.excess(worse) > promise.excess(run)]
        if newly:
            return "without it " + ", ".join(newly)
        more = worse.pod_hours - run.pod_hours
        return f"without it {more:.2f} pod hours more" if more >= 0.005 else f"without it {worse.flaps} flaps"

    def _reasons(self, run: Run) -> Iterable[str]:
        """Why the promises are not kept; nothing when they are."""
        missing = broken(self._promises, run)
        if not missing:
            return
        yield from missing
        peak, most = self._traffic.peak, self._pipeline.capacity
        pods = useful_pods(self._pipeline, self._fewest)
        always = replay(_steady(self._given, pods), self._traffic, self._pipeline, replicas=pods, meanings=self._meanings)
        costly = all(promise.figure in ("pod_hours", "max_pods") for promise in self._promises if not promise.kept(always))
        if not costly:
            yield f"even {pods} pods all the time do not keep them"
            if peak > most:
                yield f"{show_rate(peak)} arrive at the peak and {show_rate(most)} can be sent, by any number of pods"
        else:
            yield f"{len(self._known)} policies were tried; {self._tries} may be"

    def _put(self, field: Field[Any], scaler: Hpa | ScaledObject, value: object) -> Hpa | ScaledObject | None:
        """None for what no manifest may have, such as a minimum above the maximum, and for fewer pods than have to run."""
        try:
            made: Hpa | ScaledObject = field.put(scaler, value)
        except ValueError:
            return None
        return made if always(made) >= self._fewest else None
