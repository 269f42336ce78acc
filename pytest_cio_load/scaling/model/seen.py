"""What the autoscaler sees of the pipeline, and how late: a reading for each of its metrics."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_cio_load.errors import near_miss
from pytest_cio_load.scaling.hpa.metric import Metric, PodsMetric, ResourceMetric
from pytest_cio_load.scaling.hpa.pods import PodState, Sample
from pytest_cio_load.scaling.planner.autoscaling import is_shared
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from pytest_cio_load.scaling.hpa.recommend import Reading
    from pytest_cio_load.scaling.model.pipeline import Pipeline
    from pytest_cio_load.scaling.model.run import Samples

MEMORY_USED, MEMORY_REQUESTED = 100 * 2**20, 256 * 2**20
"""Bytes of a pod: a worker's memory hardly depends on what it does."""


class Meaning(StrEnum):
    """What a metric tells of the pipeline."""

    DEPTH = "depth"
    """Jobs that wait in the whole queue; as a Pods metric every pod reports this same number."""
    AGE = "age"
    """Seconds that the oldest job has waited; milliseconds where the metric's name ends so."""
    SERVED = "served"
    """Jobs that were served in a second: by all pods, or as a Pods metric by each of them."""


MILLIS = re.compile(r"_(ms|millis|milliseconds)$", re.IGNORECASE)
"""Ends of names of what is told in milliseconds."""

_NAMES = (
    (Meaning.AGE, re.compile(r"(^|_)(age|oldest|latency)(_|$)", re.IGNORECASE)),
    (Meaning.SERVED, re.compile(r"per_second|_rate$|throughput|processed", re.IGNORECASE)),
    (Meaning.DEPTH, re.compile(r"wait|jobs|messages|length|^(prometheus|redis|redis-streams|kafka)$|^s[0-9]+-", re.IGNORECASE)),
)


def meaning_of(metric: Metric, said: Mapping[str, str]) -> Meaning:
    """What *metric* tells: as *said* by its name, else as its name suggests.

    Raises:
        ValueError: neither says anything, or what is said is no meaning.
    """
    name = metric.name
    if name in said:
        return read_meaning(name, said[name])
    found = suggested(name)
    if found is None:
        expected = "one that tells of the queue, as cio_queue_depth does"
        raise ValueError(f"metric {metric.key}: got a name that says nothing here; expected {expected}; say what it means: {name}=depth")
    return found


def read_meaning(name: str, text: str) -> Meaning:
    """What is *said* of the metric *name*. Raises ValueError for what is no meaning."""
    known = [each.value for each in Meaning]
    try:
        return Meaning(text)
    except ValueError:
        got, nearest = show_value(text), near_miss(text, known) or "try depth"
        raise ValueError(f"meaning of metric {name}: got {got}; expected one of {', '.join(known)}; {nearest}") from None


def suggested(name: str) -> Meaning | None:
    """What a metric of that name tells; None where the name does not say."""
    found = next((meaning for meaning, pattern in _NAMES[:2] if pattern.search(name)), None)
    return Meaning.DEPTH if found is None and (is_shared(name) or _NAMES[2][1].search(name)) else found


def series(samples: Samples, meaning: Meaning) -> array[float]:
    """What *meaning* was in every second of a run."""
    return {Meaning.DEPTH: samples.depth, Meaning.AGE: samples.age, Meaning.SERVED: samples.served}[meaning]


class Seen:
    """Readings of an autoscaler's metrics.

    Args:
        metrics: of the autoscaler.
        pipeline: how late readings are, and what pods request.
        samples: of the run, which grow.
        meanings: what metrics tell, by their names, where names alone do not say.

    Raises:
        ValueError: a metric of which nobody says what it means.
    """

    def __init__(self, metrics: Sequence[Metric], pipeline: Pipeline, samples: Samples, meanings: Mapping[str, str]) -> None:
        self._pipeline, self._samples = pipeline, samples
        self._readers = {metric.key: self._reader(metric, meanings) for metric in metrics}

    def readings(self, now: int, pods: Sequence[PodState]) -> dict[str, Reading | None]:
        """A reading for each metric's key, as they are read at second *now*."""
        return {key: read(now, pods) for key, read in self._readers.items()}

    def _reader(self, metric: Metric, meanings: Mapping[str, str]) -> Callable[[int, Sequence[PodState]], Reading]:
        if isinstance(metric, ResourceMetric):
            return self._cpu if metric.name == "cpu" else self._memory
        meaning = meaning_of(metric, meanings)
        late, value = self._pipeline.late, self._values(meaning, 1_000 if MILLIS.search(metric.name) else 1)
        if not isinstance(metric, PodsMetric):
            return lambda now, pods: value(now - late)

        def each(now: int, pods: Sequence[PodState]) -> Reading:
            then = now - late
            one = value(then)
            if meaning is Meaning.SERVED:
                one /= max(1, self._ready(then))
            return {pod.name: one for pod in _scraped(pods, then)}

        return each

    def _values(self, meaning: Meaning, thousand: int) -> Callable[[int], int | float]:
        values = series(self._samples, meaning)
        # What is at index n stands for the end of second n; before the beginning there was nothing.
        scale = thousand if meaning is Meaning.AGE else 1
        return lambda at: _whole(values[at - 1] * scale) if at > 0 else 0

    def _ready(self, at: int) -> int:
        return self._samples.ready[at - 1] if at > 0 else 0

    def _cpu(self, now: int, pods: Sequence[PodState]) -> Reading:
        """The share of its time in which a pod computes; while it waits for answers and for the limiter it uses none."""
        then = now - self._pipeline.late
        served = self._samples.served[then - 1] if then > 0 else 0.0
        cores = served * self._pipeline.cpu_per_job / max(1, self._ready(then))
        one = Sample(cores, then, self._pipeline.scrape)
        return {pod.name: one for pod in _scraped(pods, then)}

    def _memory(self, now: int, pods: Sequence[PodState]) -> Reading:
        return {pod.name: MEMORY_USED for pod in _scraped(pods, now - self._pipeline.late)}


def requests_of(metrics: Sequence[Metric], pipeline: Pipeline) -> dict[str, float]:
    """What a pod requests, also by container where a metric asks for one."""
    requests = {"cpu": pipeline.cpu_request, "memory": float(MEMORY_REQUESTED)}
    for metric in metrics:
        if isinstance(metric, ResourceMetric) and metric.container and metric.name in requests:
            requests[metric.key.partition("/")[2]] = requests[metric.name]
    return requests


def _scraped(pods: Sequence[PodState], at: int) -> list[PodState]:
    """Pods that were ready and looked at by then."""
    return [pod for pod in pods if pod.ready and pod.ready_changed <= at]


def _whole(value: float) -> int | float:
    """Whole numbers as such: the controller counts exactly, and reads these faster."""
    return int(value) if value.is_integer() else value
