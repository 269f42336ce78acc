"""What KEDA finds when it asks, and how late: a reading for each trigger of a ScaledObject.

Prometheus knows what it scraped last; a list, a stream and a topic know how much is in them. cpu and memory the autoscaler reads by itself,
as late as everything that goes through an adapter. While no worker runs, somebody else has to export what Prometheus is asked for, and here
somebody does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_cio_load.scaling.hpa.triggers import (
    Entries,
    ExternalTrigger,
    KafkaTrigger,
    PrometheusTrigger,
    RedisStreamsTrigger,
    ResourceTrigger,
    TriggerReading,
)
from pytest_cio_load.scaling.model.seen import MILLIS, Meaning, Seen, read_meaning, series, suggested
from pytest_cio_load.scaling.planner.autoscaling import summed_over_pods
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from pytest_cio_load.scaling.hpa.keda import ScaledObject
    from pytest_cio_load.scaling.hpa.pods import PodState
    from pytest_cio_load.scaling.hpa.recommend import Reading
    from pytest_cio_load.scaling.model.pipeline import Pipeline
    from pytest_cio_load.scaling.model.run import Samples

Ask = Callable[[int], TriggerReading]

_NOT_NAMES = re.compile(
    r'"(?:\\.|[^"\\])*"' r"|'(?:\\.|[^'\\])*'" r"|`[^`]*`|#[^\n]*|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)"
)
_SELECTED = re.compile(r"\{[^{}]*\}|\[[^\][]*\]")
_NAME = re.compile(r"(?<![a-zA-Z0-9_:.])[a-zA-Z_:][a-zA-Z0-9_:]*(?![a-zA-Z0-9_:]|\s*\()")
_RATED = re.compile(r"\b(?:rate|irate|increase|delta|idelta|deriv)\s*\(")
_WORDS = {"by", "without", "and", "or", "unless", "on", "ignoring", "group_left", "group_right", "bool", "offset", "inf", "nan"}


def metrics_of(query: str) -> tuple[str, ...]:
    """Names of the metrics in a query of Prometheus, in order, each once."""
    left = _SELECTED.sub(" ", _NOT_NAMES.sub(" ", query))
    return tuple(dict.fromkeys(name for name in _NAME.findall(left) if name.lower() not in _WORDS))


def trigger_meaning(name: str, trigger: ExternalTrigger, said: Mapping[str, str]) -> Meaning:
    """What *trigger* tells, which goes by *name*.

    As *said* by that name, by what it asks for, or by a metric of its query; else a list, a stream and a lag tell of the depth, and a query
    tells what the names of its metrics suggest.

    Raises:
        ValueError: neither says anything, or what is said is no meaning.
    """
    names = metrics_of(trigger.source) if isinstance(trigger, PrometheusTrigger) else ()
    for known in (name, trigger.source, *names):
        if known in said:
            return read_meaning(known, said[known])
    if not isinstance(trigger, PrometheusTrigger) or not trigger.source:
        return Meaning.DEPTH
    found = {suggested(each) for each in names}
    # How fast a depth changes is no depth.
    if len(found) == 1 and (one := found.pop()) is not None and not (one is Meaning.DEPTH and _RATED.search(trigger.source)):
        return one
    got, expected = show_value(trigger.source), "one that tells of the queue, as cio_queue_depth does"
    raise ValueError(f"trigger {name}: got a query that says nothing here, {got}; expected {expected}; say what it means: {name}=depth")


class Asked:
    """Readings of a ScaledObject's triggers.

    Args:
        scaled: the ScaledObject.
        pipeline: how late readings are, and what pods request.
        samples: of the run, which grow.
        meanings: what triggers tell, where they do not say it themselves; see `trigger_meaning`.

    Raises:
        ValueError: a query of which nobody says what it means.
    """

    def __init__(self, scaled: ScaledObject, pipeline: Pipeline, samples: Samples, meanings: Mapping[str, str]) -> None:
        self._pipeline, self._samples = pipeline, samples
        named = tuple(zip(scaled.names, scaled.triggers, strict=True))
        self._asks = {
            name: self._ask(trigger, trigger_meaning(name, trigger, meanings))
            for name, trigger in named
            if not isinstance(trigger, ResourceTrigger)
        }
        resources = {name: trigger.metric(name) for name, trigger in named if isinstance(trigger, ResourceTrigger)}
        self._keys = {name: metric.key for name, metric in resources.items()}
        self._seen = Seen(tuple(resources.values()), pipeline, samples, {})

    def readings(self, now: int, pods: Sequence[PodState]) -> dict[str, TriggerReading | Reading]:
        """A reading for each trigger's name, as they are found at second *now*."""
        found: dict[str, TriggerReading | Reading] = {name: ask(now) for name, ask in self._asks.items()}
        if self._keys:
            seen = self._seen.readings(now, pods)
            found |= {name: seen[key] for name, key in self._keys.items()}
        return found

    def _ask(self, trigger: ExternalTrigger, meaning: Meaning) -> Ask:
        value = self._values(meaning)
        if isinstance(trigger, KafkaTrigger):
            return lambda now: self._spread(round(value(now)))
        if isinstance(trigger, RedisStreamsTrigger) and trigger.entries is Entries.PENDING:
            # As many as are served in a second, for as long as a request takes.
            served = self._values(Meaning.SERVED)
            return lambda now: round(served(now) * self._pipeline.rtt)
        if not isinstance(trigger, PrometheusTrigger):
            return lambda now: round(value(now))
        late = int(self._pipeline.scrape)
        if summed_over_pods(trigger.source):
            return lambda now: value(now - late) * self._exporters(now - late)
        scale = 1_000 if meaning is Meaning.AGE and any(MILLIS.search(name) for name in metrics_of(trigger.source)) else 1
        return lambda now: value(now - late) * scale

    def _values(self, meaning: Meaning) -> Callable[[int], float]:
        values = series(self._samples, meaning)
        return lambda at: values[at - 1] if at > 0 else 0.0

    def _exporters(self, at: int) -> int:
        return max(1, self._samples.ready[at - 1]) if at > 0 else 1

    def _spread(self, lag: int) -> list[int]:
        parts = self._pipeline.partitions
        return [lag // parts + (number < lag % parts) for number in range(parts)]
