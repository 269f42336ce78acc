"""How many independent samples a run's samples are worth.

Latencies come in clusters: a slow second is slow for everybody in it. A binomial interval that takes them for independent is too narrow
then. The timeline shows the clusters. Of each stretch of the run the samples above the quantile are counted; if these counts vary from
stretch to stretch by more than chance would have it, each sample is worth that much less. A run without a slow second says nothing about
how often there is one, so of two runs the clusters of the one that shows more of them count for both.

It sees what changes within a run. What differs from one run to the next, such as a neighbour who is busy for all of it, only several runs
can show: see `noise`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_cio_load.baseline.intervals import student
from pytest_cio_load.units import show_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STRETCHES = 20
"""Into how many a run is cut: long enough to hold a slow second each, and enough of them to see how much they vary."""

_KNOWN = (50, 95, 99)
_NORMAL = 1_000_000  # degrees of freedom
_JUST_BELOW = 1 - 1 / 200  # by more than a bucket is wide


def inflation(timeline: Mapping[str, Any] | None, value: float, least: float, confidence: float) -> float | None:
    """How many samples of a run are worth one, for a quantile at *value*: at least 1; None where there is no timeline to see it by.

    Args:
        timeline: a run document's.
        value: the quantile, in ms.
        least: the least value of the run, in ms.
        confidence: of the interval that is made of it: how much the stretches vary is known only from the few there are.
    """
    # Where many samples are equal to the quantile, it is those from it up that come together, and not those above it.
    found = [] if timeline is None else [_varied(list(_stretches(timeline, at, least)), confidence) for at in (value, value * _JUST_BELOW)]
    return max((each for each in found if each is not None), default=None)


def _varied(stretches: Sequence[tuple[int, float]], confidence: float) -> float | None:
    """By how much counts vary more than chance would have it."""
    if len(stretches) < 2:
        return None
    seen, above = (math.fsum(column) for column in zip(*stretches, strict=True))
    share = above / seen
    if not 0 < share < 1:
        return 1.0
    squares = math.fsum((each_above - each_seen * share) ** 2 for each_seen, each_above in stretches)
    varied = squares * len(stretches) / (len(stretches) - 1) / (seen * share * (1 - share))
    # Student's quantile for the normal one, because the variance is an estimate.
    return max(1.0, varied * (student(confidence, max(4, len(stretches) - 1)) / student(confidence, _NORMAL)) ** 2)


def _stretches(timeline: Mapping[str, Any], value: float, least: float) -> Iterator[tuple[int, float]]:
    """Of each stretch: how many samples, and how many of them above *value*."""
    shown = [at for at in range(len(timeline["due"])) if at * timeline["step"] >= timeline["warmup"] and _samples(timeline, at)]
    size = max(1, math.ceil(len(shown) / STRETCHES))
    for begin in range(0, len(shown), size):
        part = shown[begin : begin + size]
        yield sum(_samples(timeline, at) for at in part), math.fsum(_above(timeline, at, value, least) for at in part)


def _samples(timeline: Mapping[str, Any], at: int) -> int:
    return 0 if timeline["response"]["max"][at] is None else max(1, timeline["due"][at] - timeline["dropped"][at])


def _above(timeline: Mapping[str, Any], at: int, value: float, least: float) -> float:
    """How many samples of an interval are above *value*.

    The percentiles that the timeline has bound it from both sides; between the bounds it is taken to fall as an exponential tail does.
    """
    samples, response = _samples(timeline, at), timeline["response"]
    known: Sequence[tuple[int, float]] = [
        (0, least),
        *((math.ceil(percentile * samples / 100), response[f"p{show_number(percentile)}"][at]) for percentile in _KNOWN),
        (samples, response["max"][at]),
    ]
    below = max((point for point in known if point[1] <= value), default=(0, value))
    beyond = min((point for point in known if point[1] > value), default=None)
    if beyond is None:
        return 0.0
    most, fewest = samples - below[0], samples - beyond[0] + 1
    if below[1] <= 0 or most <= fewest:
        return float(max(most, fewest)) if below[1] > 0 else (most + fewest) / 2
    way = math.log(beyond[1] / value) / math.log(beyond[1] / below[1])
    return float(fewest ** (1 - way) * most**way)
