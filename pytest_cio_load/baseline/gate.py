"""The gate: is a figure worse than its baseline by more than what is let pass, and by more than noise?

The rule. Of each figure the change from the baseline is estimated, with an interval in which it lies with 95 % confidence:

- *worse* when the estimate is beyond the tolerance, and the whole interval is above no change at all;
- *better* the same way round;
- *cannot tell* when the estimate is beyond the tolerance but no change at all would explain it too, or when the interval is so wide that
  a change as large as the tolerance could hide in it;
- *same* otherwise.

The tolerance is held against the estimate and noise against no change. To ask for the whole interval to be beyond the tolerance would
sound stricter, and would miss most of what it is for: to prove that +15 % is more than +10 % takes an interval of ±4 %, and 1,600 samples
of a p95 do not give one on any machine. This way a run of the same code is called with a probability of 2.5 % at most, and less the
wider the tolerance is than the noise; a change well beyond the tolerance is called whenever noise is narrower than the tolerance, and
where it is not, that is said instead of a guess.

The interval is made of three things: what so few samples say (`intervals`), that they come in clusters (`clustering`), and how much runs
of the same code differ on this machine (`noise`), which one pair of runs cannot show. The bounds of the two runs are joined by the square
root of their squares, on a logarithmic scale for a share and as they are for a time: the ends of both intervals together would hold 99.4 %
where 95 % was asked for.

Where the load generator was late itself, a response time says more about the machine than about the code. So response times are compared
over the parts of both runs in which it was not (`parts`). If the whole runs are worse and these parts are not, nothing can be told: it may
be the machine, and it may be code that keeps the generator waiting.

In virtual time nothing but the seed is random. Two runs of one seed are compared exactly, on whatever machines they were made: what changed
was changed by somebody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_cio_load.baseline import wording
from pytest_cio_load.baseline.comparison import Comparison, State
from pytest_cio_load.baseline.figures import Figure, clustering_of, figure_of, lateness, punctual_pair
from pytest_cio_load.baseline.intervals import Estimate
from pytest_cio_load.contract.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.baseline.grammar import Gate
    from pytest_cio_load.baseline.noise import Noise

CONFIDENCE = 0.95

_SLACK = 1e-9  # a change that is the tolerance itself is within it, whatever binary fractions make of it
_LEAST = 0.001  # what is 0 has no ratio to anything: it is taken for the least that can be told from 0
_FURTHEST = 700.0  # the logarithm of nearly the largest float


@dataclass(frozen=True, slots=True)
class Change:
    """How much worse a figure is, on the gate's scale: the logarithm of the ratio, or ms. *low* and *high* bound it."""

    worse: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an interval reaches at least, on the gate's scale.

    Attributes:
        far: to either side.
        late: because the generator's lateness moved the response time by as much, and not because runs of the same code differ so.
    """

    far: float = 0.0
    late: bool = False


def compare(
    was: Mapping[str, Any], now: Mapping[str, Any], gates: Sequence[Gate], *, noise: Noise | None = None, confidence: float = CONFIDENCE
) -> tuple[Comparison, ...]:
    """Every gate's comparison, in their order.

    Whether the two belong together is not asked here: the store does, when it gives out a baseline.

    Args:
        was, now: the baseline's run document and the run's.
        gates: what is compared, and how much worse it may be.
        noise: how much runs of the same code differ on this machine, if that is known.
        confidence: of the intervals.

    Raises:
        DocumentError: a histogram in one of them is damaged.
    """
    return tuple(_compare(was, now, gate, noise, confidence) for gate in gates)


def is_exact(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether nothing is random between the two: virtual time, and one seed."""
    return bool(was["clock"] == now["clock"] == "virtual" and was["contract"]["seed"] == now["contract"]["seed"])


def state_of(change: Change, tolerance: float, *, exact: bool = False) -> State:
    """What a change says, against a tolerance on the same scale; see the module's own words.

    Exact figures have no noise, but a bucket's width: they differ when they do so wherever in their buckets they are.
    """
    allowed = tolerance + _SLACK
    if exact:
        return "worse" if change.low > allowed else "better" if change.high < -allowed else "same"
    if change.worse > allowed:
        return "worse" if change.low > 0 else "cannot tell"
    if change.worse < -allowed and change.high < 0:
        return "better"
    blind = change.worse - change.low > allowed
    return "cannot tell" if blind and change.high > allowed else "same"


def joined(was: Estimate, now: Estimate, *, fewer_is_worse: bool = False, share: bool = True, floor: float = 0.0) -> Change:
    """The change between two figures that a run knows each by itself.

    Args:
        was, now: the figures; above 0 when *share*.
        fewer_is_worse: a rate.
        share: on a logarithmic scale, for a tolerance that is a share; else as they are.
        floor: the interval reaches at least so far to either side.
    """
    one, other = (now, was) if fewer_is_worse else (was, now)
    middle = _distance(one.value, other.value, share)
    down = math.hypot(_distance(other.low, other.value, share), _distance(one.value, one.high, share))
    up = math.hypot(_distance(other.value, other.high, share), _distance(one.low, one.value, share))
    return Change(middle, middle - max(down, floor), middle + max(up, floor))


def _distance(low: float | None, high: float | None, share: bool) -> float:
    """From *low* to *high*; without end when one of them has no bound."""
    if low is None or high is None:
        return math.inf
    return math.log(high / low) if share else high - low


def _compare(was: Mapping[str, Any], now: Mapping[str, Any], gate: Gate, noise: Noise | None, confidence: float) -> Comparison:
    exact = is_exact(was, now)
    clustered = None if exact else clustering_of(was, now, gate, confidence)
    before, after = (figure_of(doc, gate, confidence, clustered=clustered, exact=exact) for doc in (was, now))
    if before is None or after is None or now["verdict"] == Outcome.INCONCLUSIVE.value:
        return _untold(gate, before, after)
    if exact:
        return _judged(gate, (before, after), Reach(), confidence, exact=True)
    whole = _judged(gate, (before, after), _reach(gate, before, noise, lateness(was, now, gate, confidence), confidence), confidence)
    pair = punctual_pair(was, now, gate, confidence)
    if pair is None:
        return whole
    if not pair[0].samples or not pair[1].samples:
        return replace(whole, state="cannot tell", why=wording.never_punctual(pair))
    found = _judged(gate, pair, _reach(gate, pair[0], noise, 0.0, confidence), confidence)
    if whole.state == "worse" and found.state in ("same", "better"):
        return replace(found, state="cannot tell", why=wording.only_when_late(whole, pair))
    return found


def _judged(gate: Gate, figures: tuple[Figure, Figure], reach: Reach, confidence: float, *, exact: bool = False) -> Comparison:
    before, after = figures
    share = gate.tolerance.share
    known = [_positive(each.estimate) if share is not None else each.estimate for each in figures]
    change = joined(*known, fewer_is_worse=gate.is_rate, share=share is not None, floor=reach.far)
    tolerance = gate.tolerance.ms if share is None else math.log1p(float(share))
    state = state_of(change, tolerance, exact=exact)
    middle, low, high = _shown(change, before.estimate.value, gate)
    return Comparison(
        gate.metric,
        gate.aggregation,
        was=round(before.estimate.value, 3),
        now=round(after.estimate.value, 3),
        change=middle,
        interval=(low, high),
        tolerance=str(gate.tolerance),
        state=state,
        why=wording.EXACT if exact else wording.why(state, change, tolerance, figures, gate, reach, confidence),
        unit=before.unit,
    )


def _reach(gate: Gate, before: Figure, noise: Noise | None, moved: float, confidence: float) -> Reach:
    """*moved*: by how much lateness may have moved the figure, a logarithm."""
    floor = None if noise is None else noise.floor(gate, before.estimate.value, confidence)
    if gate.tolerance.share is not None:
        known = 0.0 if floor is None else math.log1p(floor.share)
    else:
        known = 0.0 if floor is None else floor.ms
        moved = before.estimate.value * math.expm1(min(moved, _FURTHEST))
    return Reach(max(known, moved), moved > known)


def _untold(gate: Gate, before: Figure | None, after: Figure | None) -> Comparison:
    if before is not None and after is not None:
        said = "the run itself is inconclusive"
    else:
        where = "either run" if before is None and after is None else "the baseline" if before is None else "the run"
        said = f"there is no sample of {gate.metric} in {where}"
    return Comparison(
        gate.metric,
        gate.aggregation,
        was=None if before is None else before.estimate.value,
        now=None if after is None else after.estimate.value,
        change=None,
        interval=(None, None),
        tolerance=str(gate.tolerance),
        state="cannot tell",
        why=said,
        unit=next((each.unit for each in (before, after) if each is not None), ""),
    )


def _positive(estimate: Estimate) -> Estimate:
    low, high = (None if bound is None else max(_LEAST, bound) for bound in (estimate.low, estimate.high))
    return Estimate(max(_LEAST, estimate.value), low, high)


def _shown(change: Change, was: float, gate: Gate) -> tuple[float | None, float | None, float | None]:
    """The change and its bounds as shares of what it was. A rate that is worse has fallen."""
    if was <= 0:
        return None, None, None
    if gate.tolerance.share is None:
        return change.worse / was, _finite(change.low / was), _finite(change.high / was)
    middle, low, high = (-change.worse, -change.high, -change.low) if gate.is_rate else (change.worse, change.low, change.high)
    return math.expm1(middle), _finite(math.expm1(low)), _finite(math.expm1(min(high, _FURTHEST)))


def _finite(share: float) -> float | None:
    return share if math.isfinite(share) and abs(share) < 1e9 and share != -1 else None
