"""What a run document knows of the figure that a gate is about: from its histogram, or from the punctual part of its timeline."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pytest_cio_load.baseline.clustering import inflation
from pytest_cio_load.baseline.grammar import RESPONSE
from pytest_cio_load.baseline.intervals import Estimate, exact_quantile, mean, mean_between, quantile, ranks, student
from pytest_cio_load.baseline.parts import Part
from pytest_cio_load.reports.histograms import trend_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.baseline.grammar import Gate

LATE = 1 / 5
"""Of the baseline's figure: an interval in which an iteration began later than that says more about the machine than about the code."""

_HALF = 0.0005  # figures stand in a document with three decimals
_MANY = 1_000_000
_OF_A_MEAN = (Fraction(1, 2), Fraction(95, 100))  # it is moved by the middle and by the tail


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one run.

    Attributes:
        estimate: the figure with its bounds, in *unit*.
        samples: how many it rests on.
        clustered: how many of them are worth one; None where no timeline shows it.
        unit: "ms", "/s" or "".
        punctual: on which share of the run's samples it rests: 1 but where the machine was late itself.
    """

    estimate: Estimate
    samples: int
    clustered: float | None
    unit: str
    punctual: float = 1.0


def figure_of(
    doc: Mapping[str, Any], gate: Gate, confidence: float, *, clustered: float | None = None, exact: bool = False
) -> Figure | None:
    """The figure that *gate* is about, from the whole run; None without a sample.

    Args:
        doc: a run document.
        gate: says which figure.
        confidence: of its bounds.
        clustered: how many samples are worth one, if that is known; see `clustering_of`.
        exact: of the very samples, and not of what they were drawn from.

    Raises:
        DocumentError: the histogram is damaged.
    """
    if gate.is_rate:
        return _rate(doc, confidence, exact)
    metric = doc["metrics"].get(gate.metric)
    if metric is None or metric["kind"] != "trend" or not metric["samples"]:
        return None
    trend = trend_of(metric, gate.metric)
    worth = None if clustered is None else math.floor(trend.samples / clustered)
    if gate.percentile is not None:
        share = gate.percentile / 100
        found = exact_quantile(trend, share) if exact else quantile(trend, share, confidence, independent=worth)
    elif exact:
        found = Estimate(metric["avg"], max(0.0, metric["avg"] - _HALF), metric["avg"] + _HALF)
    else:
        found = mean(trend, metric["avg"], confidence, independent=worth)
    return Figure(found, trend.samples, clustered, metric["unit"])


def punctual_pair(was: Mapping[str, Any], now: Mapping[str, Any], gate: Gate, confidence: float) -> tuple[Figure, Figure] | None:
    """The figure of two runs from their punctual parts alone; None where both were punctual throughout, or have no timeline.

    Both are taken from the timeline, also where one of them was late nowhere: what the timeline knows less well it knows less well of both.
    A part may be empty; its figure has no bounds then.

    Raises:
        DocumentError: the histogram is damaged.
    """
    wholes = [Part.whole(doc) for doc in (was, now)]
    if gate.metric != RESPONSE or wholes[0] is None or wholes[1] is None:
        return None
    late = LATE * typical(was, gate)
    parts = [whole.punctual(late) for whole in wholes if whole is not None]
    shares = [part.samples / whole.samples for part, whole in zip(parts, wholes, strict=True) if whole is not None]
    if min(shares) == 1:
        return None
    clustered = _clustered(parts, gate, confidence)
    one, other = (_of_part(part, gate, confidence, clustered, share) for part, share in zip(parts, shares, strict=True))
    return one, other


def clustering_of(was: Mapping[str, Any], now: Mapping[str, Any], gate: Gate, confidence: float) -> float | None:
    """How many samples are worth one, for the figure that *gate* is about, by the run that shows more clusters; None without a timeline.

    The timeline has the response time's percentiles; what is slow together there, is so in the calls that it is made of. For these the
    clusters that come of a late generator are left out: they are the response time's, and what they may mean for a call `lateness` says.
    """
    if gate.is_rate:
        return None
    parts = [part for doc in (was, now) if (part := Part.whole(doc))]
    if gate.metric != RESPONSE and len(parts) == 2:
        late = LATE * typical(was, _of_response(gate))
        parts = [part.punctual(late) if part.punctual(late).samples else part for part in parts]
    return _clustered(parts, gate, confidence)


def lateness(was: Mapping[str, Any], now: Mapping[str, Any], gate: Gate, confidence: float) -> float:
    """By how much the machine's own lateness moved the same figure of the response time, as a logarithm: 0 where it did not.

    A call has no percentiles on the timeline, so its punctual part is not known. What moved the response time by so much may have moved the
    call by as much, within either run.
    """
    alike = _of_response(gate)
    pair = None if gate.metric == RESPONSE or gate.is_rate else punctual_pair(was, now, alike, confidence)
    if pair is None:
        return 0.0
    wholes = [max(_HALF, typical(doc, alike)) for doc in (was, now)]
    if any(not figure.samples for figure in pair):
        return math.inf
    return math.hypot(*(math.log(whole / max(_HALF, part.estimate.value)) for whole, part in zip(wholes, pair, strict=True)))


def typical(doc: Mapping[str, Any], gate: Gate) -> float:
    """The figure itself, of the response time, in ms. Raises DocumentError."""
    metric = doc["metrics"][RESPONSE]
    return float(metric["avg"]) if gate.percentile is None else trend_of(metric, RESPONSE).quantile(gate.percentile)


def _of_response(gate: Gate) -> Gate:
    """The same figure of the response time."""
    return replace(gate, metric=RESPONSE)


def _of_part(part: Part, gate: Gate, confidence: float, clustered: float | None, punctual: float) -> Figure:
    if not part.samples:
        return Figure(Estimate(0.0, None, None), 0, clustered, "ms", 0.0)
    worth = max(1, math.floor(part.samples / (clustered or 1.0)))
    if gate.percentile is None:
        average, variance = part.moments
        return Figure(mean_between(average, variance, worth, confidence), part.samples, clustered, "ms", punctual)
    share = gate.percentile / 100
    bounds = [None if rank is None else part.quantile(Fraction(rank, worth)) for rank in ranks(worth, share, confidence)]
    return Figure(Estimate(part.quantile(share), *bounds), part.samples, clustered, "ms", punctual)


def _clustered(parts: Sequence[Part], gate: Gate, confidence: float) -> float | None:
    shares = _OF_A_MEAN if gate.percentile is None else (gate.percentile / 100,)
    found = [inflation(part, part.quantile(share), confidence) for part in parts if part.samples for share in shares]
    return max((each for each in found if each is not None), default=None)


def _rate(doc: Mapping[str, Any], confidence: float, exact: bool) -> Figure | None:
    """Iterations begun per second. An even schedule has no chance in it but for its ends; a Poisson process counts as one."""
    rate, seconds = doc["rate"]["achieved"], doc["rate"]["seconds"]
    if not seconds or not rate:
        return None
    begun = round(rate * seconds)
    by_chance = 1.0 if doc["contract"]["arrivals"] == "even" else student(confidence, _MANY) * math.sqrt(begun)
    reach = 0.0 if exact else by_chance / seconds
    return Figure(Estimate(rate, rate - reach if reach < rate else None, rate + reach), begun, 1.0, "/s")
