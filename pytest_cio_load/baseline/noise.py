"""How much runs of the same code differ on a machine: what no pair of runs can show, and every gate has to allow for.

It is measured by running one contract several times with nothing changed (A/A) and taking, of each figure, the spread from run to run.
Other work on the machine, its clock speed, where memory happens to lie: whatever differs between runs is in it, and so is what so few
samples leave to chance.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import starmap
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Any

from pytest_cio_load.baseline.figures import LATE
from pytest_cio_load.baseline.grammar import ITERATIONS, MEAN, RATE, RESPONSE
from pytest_cio_load.baseline.intervals import student
from pytest_cio_load.baseline.parts import Part
from pytest_cio_load.errors import DocumentError
from pytest_cio_load.reports.histograms import trend_of
from pytest_cio_load.units import show_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cio_load.baseline.grammar import Gate

LEAST_RUNS = 5
"""From fewer, a spread is little more than a guess."""

PERCENTILES = tuple(map(Fraction, ("50", "75", "90", "95", "99", "99.9")))

_LEAST = 0.001  # of what is 0 there is no logarithm


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure, over several runs of the same code.

    Attributes:
        metric: its name; ``iterations`` for the rate.
        aggregation: ``50`` to ``99.9`` for percentiles, ``mean``, ``rate``.
        typical: the mean of all runs, in the metric's unit.
        share: the standard deviation of its logarithm: about the share of *typical* by which runs differ.
        absolute: the standard deviation, in the unit.
    """

    metric: str
    aggregation: str
    typical: float
    share: float
    absolute: float


@dataclass(frozen=True, slots=True)
class Floor:
    """How far an interval reaches at least: as a *share* of the figure, and in *ms*."""

    share: float
    ms: float


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise floor of a machine.

    Attributes:
        test: the node id of what was run; "" for a load that stands for the machine rather than for a test.
        runs: how many there were.
        spreads: of every figure.
    """

    test: str
    runs: int
    spreads: tuple[Spread, ...]

    def floor(self, gate: Gate, was: float, confidence: float) -> Floor | None:
        """How far the interval of the change between two runs reaches at least; None when nothing is known of such a figure.

        A test's own noise counts as a share: it grows with the figure. A machine's is what the machine adds, so it counts in ms: what moves
        a test of a millisecond by a third of it does not move one of half a second.

        Args:
            gate: what is compared.
            was: the figure in the baseline, in its unit.
            confidence: of the interval.
        """
        spread = self._of(gate)
        if spread is None:
            return None
        # Two runs differ, so the variance is twice that of one; and it is itself known from so many runs only.
        reach = student(confidence, self.runs - 1) * math.sqrt(2)
        if self.test or gate.is_rate:
            share = math.expm1(min(50.0, reach * spread.share))
            return Floor(share, share * was)
        return Floor(reach * spread.absolute / max(was, _LEAST), reach * spread.absolute)

    def _of(self, gate: Gate) -> Spread | None:
        known = {spread.aggregation: spread for spread in self.spreads if spread.metric == gate.metric}
        if not known and not self.test:
            # What the machine does to a response, it does to each call.
            known = {spread.aggregation: spread for spread in self.spreads if spread.metric == RESPONSE}
        if gate.percentile is None:
            return known.get(RATE if gate.is_rate else MEAN)
        # The next percentile further out is as noisy at least.
        further = [each for each in PERCENTILES if each >= gate.percentile and _name(each) in known]
        nearest = further[0] if further else max((each for each in PERCENTILES if _name(each) in known), default=None)
        return None if nearest is None else known[_name(nearest)]

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return {"test": self.test, "runs": self.runs, "spreads": [asdict(spread) for spread in self.spreads]}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Noise:
        """What `plain` gave. Raises KeyError, TypeError or ValueError when it is something else."""
        spreads = tuple(
            Spread(str(each["metric"]), str(each["aggregation"]), *(_finite(each[name]) for name in ("typical", "share", "absolute")))
            for each in plain["spreads"]
        )
        if isinstance(plain["runs"], bool) or not isinstance(plain["runs"], int) or plain["runs"] < LEAST_RUNS:
            raise ValueError(f"runs: got {plain['runs']!r}; expected at least {LEAST_RUNS}; measure it again")
        return cls(str(plain["test"]), plain["runs"], spreads)


def measure(documents: Sequence[Mapping[str, Any]], *, whole_machine: bool = False) -> Noise:
    """The noise floor, from runs of the same code.

    Args:
        documents: run documents of one test and load, on one machine, by the wall clock.
        whole_machine: they stand for the machine, not for their test.

    Raises:
        DocumentError: there are too few; they are not of one test; one is inconclusive, or in virtual time, which has no noise.
    """
    if len(documents) < LEAST_RUNS:
        raise DocumentError(f"noise: got {len(documents)} runs; expected at least {LEAST_RUNS} of the same code; run it more often")
    first = documents[0]
    for number, doc in enumerate(documents, start=1):
        if doc["test"] != first["test"]:
            raise DocumentError(f"noise: got {doc['test']} in run {number}; expected {first['test']} in all; name runs of one test")
        if doc["clock"] != "wall":
            raise DocumentError(f"noise: got virtual time in run {number}; expected the wall clock; virtual time has no noise")
        if doc["verdict"] == "inconclusive":
            raise DocumentError(f"noise: got an inconclusive run {number}; expected runs that were measured; run it again")
    figures = [dict(_figures(doc)) for doc in documents]
    everywhere = {key: [each[key] for each in figures] for key in figures[0] if all(key in each for each in figures)}
    everywhere |= _punctual(documents, everywhere)
    return Noise("" if whole_machine else first["test"], len(documents), tuple(starmap(_spread, everywhere.items())))


def _figures(doc: Mapping[str, Any]) -> Iterable[tuple[tuple[str, str], float]]:
    yield (ITERATIONS, RATE), doc["rate"]["achieved"]
    for name, metric in doc["metrics"].items():
        if metric["kind"] == "trend" and metric["samples"]:
            trend = trend_of(metric, name)
            yield (name, MEAN), metric["avg"]
            for percentile in PERCENTILES:
                yield (name, _name(percentile)), trend.quantile(percentile)


def _punctual(
    documents: Sequence[Mapping[str, Any]], found: Mapping[tuple[str, str], Sequence[float]]
) -> dict[tuple[str, str], list[float]]:
    """The response time's figures as the gate takes them: where the generator was late itself, from the other parts of the runs."""
    wholes = [whole for doc in documents if (whole := Part.whole(doc)) is not None]
    punctual: dict[tuple[str, str], list[float]] = {}
    for name, share in ((MEAN, None), *((_name(percentile), percentile / 100) for percentile in PERCENTILES)):
        key = (RESPONSE, name)
        if key not in found or len(wholes) < len(documents):
            continue
        parts = [whole.punctual(LATE * median(found[key])) for whole in wholes]
        late = any(part.samples < whole.samples for part, whole in zip(parts, wholes, strict=True))
        if late and all(part.samples for part in parts):
            punctual[key] = [part.moments[0] if share is None else part.quantile(share) for part in parts]
    return punctual


def _spread(key: tuple[str, str], values: Sequence[float]) -> Spread:
    share = stdev(math.log(max(value, _LEAST)) for value in values)
    return Spread(*key, round(fmean(values), 6), round(share, 6), round(stdev(values), 6))


def _name(percentile: Fraction) -> str:
    return show_number(float(percentile))


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"got {value!r}; expected a number from 0 up")
    return float(value)
