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

In virtual time nothing but the seed is random. Two runs of one seed are compared exactly, on whatever machines they were made: what changed
was changed by somebody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_cio_load.baseline import wording
from pytest_cio_load.baseline.comparison import Comparison, State
from pytest_cio_load.baseline.figures import Figure, clustering_of, figure_of
from pytest_cio_load.baseline.intervals import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.baseline.grammar import Gate
    from pytest_cio_load.baseline.noise import Noise

CONFIDENCE = 0.95

_SLACK = 1e-9  # a change that is the tolerance itself is within it, whatever binary fractions make of it


@dataclass(frozen=True, slots=True)
class Change:
    """How much worse a figure is, on the gate's scale: the logarithm of the ratio, or ms. *low* and *high* bound it."""

    worse: float
    low: float
    high: float


def compare(
    was: Mapping[str, Any], now: Mapping[str, Any], gates: Sequence[Gate], *, noise: Noise | None = None, confidence: float = CONFIDENCE
) -> tuple[Comparison, ...]:
    """Every gate's comparison, in their order.

    That the two belong together is not asked here: `Store.load` did, and `differences` tells in what they differ.

    Args:
        was, now: the baseline's run document and the run's.
        gates: what is compared, and how much worse it may be.
        noise: how much runs of the same code differ on this machine, if that is known.
        confidence: of the intervals.

    Raises:
        DocumentError: a histogram in one of them is damaged.
    """
    exact = is_exact(was, now)
    return tuple(_compare(was, now, gate, None if exact else noise, exact, confidence) for gate in gates)


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


def _compare(
    was: Mapping[str, Any], now: Mapping[str, Any], gate: Gate, noise: Noise | None, exact: bool, confidence: float
) -> Comparison:
    clustered = None if exact else clustering_of(was, now, gate, confidence)
    before, after = (figure_of(doc, gate, confidence, clustered=clustered, exact=exact) for doc in (was, now))
    if before is None or after is None or after.inconclusive:
        return _untold(gate, before, after)
    share = gate.tolerance.share is not None
    known = [each.estimate if not share else _positive(each.estimate) for each in (before, after)]
    floor = noise.floor(gate, before.estimate.value, confidence) if noise is not None else None
    reach = 0.0 if floor is None else (math.log1p(floor.share) if share else floor.ms)
    change = joined(*known, fewer_is_worse=gate.is_rate, share=share, floor=reach)
    tolerance = math.log1p(float(gate.tolerance.share)) if gate.tolerance.share is not None else gate.tolerance.ms
    state = state_of(change, tolerance, exact=exact)
    shown = _shown(change, before.estimate.value, gate)
    return Comparison(
        gate.metric,
        gate.aggregation,
        before.estimate.value,
        after.estimate.value,
        shown[0],
        shown[1:],
        str(gate.tolerance),
        state,
        wording.why(state, change, tolerance, (before, after), gate, floor=reach, exact=exact, confidence=confidence),
        before.unit,
    )


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
    """What is 0 has no ratio to anything: it is taken for the least that can be told from 0."""
    least = 0.001
    bounds = (None if bound is None else max(least, bound) for bound in (estimate.low, estimate.high))
    return Estimate(max(least, estimate.value), *bounds)


def _shown(change: Change, was: float, gate: Gate) -> tuple[float | None, float | None, float | None]:
    """The change and its bounds as shares of what it was. A rate that is worse has fallen."""
    if was <= 0:
        return None, None, None
    if gate.tolerance.share is None:
        return change.worse / was, _finite(change.low / was), _finite(change.high / was)
    if gate.is_rate:
        return math.expm1(-change.worse), _finite(math.expm1(-change.high)), _finite(math.expm1(min(-change.low, 700.0)))
    return math.expm1(change.worse), _finite(math.expm1(change.low)), _finite(math.expm1(min(change.high, 700.0)))


def _finite(share: float) -> float | None:
    return share if -1 < share < 1e9 else None
