"""Why a comparison came out as it did, in one phrase, with what would make it tell more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pytest_cio_load.baseline.intervals import LEAST_FOR_MEAN, least_samples
from pytest_cio_load.units import show_count, show_ms

if TYPE_CHECKING:
    from pytest_cio_load.baseline.comparison import Comparison, State
    from pytest_cio_load.baseline.figures import Figure
    from pytest_cio_load.baseline.gate import Change, Reach
    from pytest_cio_load.baseline.grammar import Gate

_CLUSTERED = 1.5


EXACT = "virtual time and one seed: exact"


def why(
    state: State, change: Change, tolerance: float, figures: tuple[Figure, Figure], gate: Gate, least: Reach, confidence: float
) -> str:
    """The phrase.

    Args:
        state: how it came out.
        change, tolerance, least: on the gate's scale; see `gate.Change` and `gate.Reach`.
        figures: the baseline's and the run's.
        gate: what was compared.
        confidence: of the interval.
    """
    if state == "cannot tell":
        return _remedy(change, tolerance, figures, gate, least, confidence) + _left_out(figures)
    noise = f"noise is ±{_reach(change.worse - change.low, gate)}"
    if least.far and least.far >= change.worse - change.low:
        noise += ", as late iterations moved the response time" if least.late else ", as runs of the same code differ here"
    if figures[0].clustered is None:
        noise += ", if samples are independent: there is no timeline to see it by"
    elif _clustering(figures) >= _CLUSTERED:
        noise += ", samples come in clusters"
    return noise + _left_out(figures)


def only_when_late(whole: Comparison, figures: tuple[Figure, Figure]) -> str:
    """The whole runs differ by more than their punctual parts."""
    change = "" if whole.change is None else f" ({whole.change:+.0%})"
    return f"it is worse{change} only while the load generator was late itself, {_late(figures)}: measure again on a quieter machine"


def never_punctual(figures: tuple[Figure, Figure]) -> str:
    """There is no punctual part to compare."""
    return f"the load generator was late itself, {_late(figures)}: measure again on a quieter machine"


def _left_out(figures: tuple[Figure, Figure]) -> str:
    """Which part of the runs the figures do not rest on."""
    return "" if min(each.punctual for each in figures) == 1 else f"; left out is when the load generator was late itself, {_late(figures)}"


def _late(figures: tuple[Figure, Figure]) -> str:
    was, now = (f"{1 - each.punctual:.0%}" for each in figures)
    return f"{was} of the baseline and {now} of the run"


def _remedy(change: Change, tolerance: float, figures: tuple[Figure, Figure], gate: Gate, least: Reach, confidence: float) -> str:
    reach = change.worse - change.low
    allowed = f"the tolerance is {gate.tolerance}"
    if least.far >= reach and tolerance < reach:
        if least.late:
            return "the load generator was late itself, and may have moved this as it moved the response time: measure on a quieter machine"
        return f"runs of the same code differ by ±{_reach(least.far, gate)} here, {allowed}: raise it, or measure on a quieter machine"
    samples = min(figure.samples for figure in figures)
    needed = _needed(change, tolerance, figures, gate, confidence)
    more = f"it takes about {show_count(needed)} samples in both runs, there are {show_count(samples)}" if needed > samples else ""
    told = "too few samples for an interval" if math.isinf(reach) else f"noise is ±{_reach(reach, gate)}, {allowed}"
    if _clustering(figures) >= _CLUSTERED:
        told += ", and samples come in clusters"
    return f"{told}: {more}" if more else told


def _needed(change: Change, tolerance: float, figures: tuple[Figure, Figure], gate: Gate, confidence: float) -> int:
    """About how many samples narrow the interval to the tolerance, in two significant digits, rounded up."""
    samples = min(figure.samples for figure in figures)
    reach = change.worse - change.low
    if math.isinf(reach):
        least = LEAST_FOR_MEAN if gate.percentile is None else least_samples(gate.percentile / 100, confidence)
        # Twice, because the least gives an interval that ends at the greatest sample.
        wanted = 2.0 * least * _clustering(figures)
    else:
        wanted = samples * (reach / tolerance) ** 2 if tolerance > 0 else math.inf
    if not math.isfinite(wanted) or wanted > 1e12:
        return 0
    digits: int = 10 ** max(0, math.floor(math.log10(max(1.0, wanted))) - 1)
    return math.ceil(wanted / digits) * digits


def _clustering(figures: tuple[Figure, Figure]) -> float:
    """How many samples of one run are worth one."""
    return figures[0].clustered or 1.0


def _reach(reach: float, gate: Gate) -> str:
    if gate.tolerance.share is None:
        return show_ms(reach)
    return f"{100 * math.expm1(min(reach, 50.0)):.2g}%"
