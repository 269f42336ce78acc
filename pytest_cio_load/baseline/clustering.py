"""How many samples of a run are worth one.

Latencies come in clusters: a slow second is slow for everybody in it. A binomial interval that takes them for independent is too narrow
then. The timeline shows the clusters. Of each stretch of the run the samples above the quantile are counted; if these counts vary from
stretch to stretch by more than chance would have it, each sample is worth that much less. A run without a slow second says nothing about
how often there is one, so of two runs the clusters of the one that shows more of them count for both.

It sees what changes within a run. What differs from one run to the next, such as a neighbour who is busy for all of it, only several runs
can show: see `noise`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_cio_load.baseline.intervals import student

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cio_load.baseline.parts import Part

STRETCHES = 20
"""Into how many a run is cut: long enough to hold a slow second each, and enough of them to see how much they vary."""

_NORMAL = 1_000_000  # degrees of freedom
_JUST_BELOW = 1 - 1 / 200  # by more than a bucket is wide


def inflation(part: Part, value: float, confidence: float) -> float | None:
    """How many samples are worth one, for a quantile at *value*: at least 1; None where there are no stretches to compare.

    Args:
        part: of a run.
        value: the quantile, in ms.
        confidence: of the interval that is made of it: how much the stretches vary is known only from the few there are.
    """
    # Where many samples are equal to the quantile, it is those from it up that come together, and not those above it.
    found = [_varied(list(_stretches(part, at)), confidence) for at in (value, value * _JUST_BELOW)]
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


def _stretches(part: Part, value: float) -> Iterator[tuple[int, float]]:
    """Of each stretch: how many samples, and how many of them above *value*."""
    size = max(1, math.ceil(len(part.intervals) / STRETCHES))
    for begin in range(0, len(part.intervals), size):
        stretch = part.intervals[begin : begin + size]
        yield sum(each.samples for each in stretch), math.fsum(each.above(value) for each in stretch)
