"""A gate: how much worse than its baseline a figure may be. Text, of the command line and of the marker alike::

    gates       ::= gate {"," gate}
    gate        ::= [metric "."] aggregation ":" tolerance
    aggregation ::= "p" percentile | "p(" percentile ")" | "med" | "mean" | "avg" | "rate"
    tolerance   ::= ["+"] number ("%" | time-unit)             a share of what it was, or a time on top of it

Without a metric it is about ``response``, and ``rate`` about the iterations begun per second. Examples: ``p95:10%``, ``p99:+5ms``,
``rate:1%``, ``identify.p95:10%``. In the marker: ``regress={"p95": "10%", "identify.p95": "+5ms"}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pytest_cio_load.contract.hints import percentile_from_digits
from pytest_cio_load.errors import near_miss
from pytest_cio_load.metrics.kinds import BUILTIN, Kind
from pytest_cio_load.units import UnitError, show_number, show_value

if TYPE_CHECKING:
    from pytest_cio_load.contract.marker import Problems
    from pytest_cio_load.metrics.kinds import Metric

MEAN, RATE = "mean", "rate"
RESPONSE, ITERATIONS = "response", "iterations"

_GATE = "a gate such as 'p95:10%', 'p99:+5ms' or 'identify.p95:10%'"
_AGGREGATION = "p50 to p99.99, mean, or rate"
_TOLERANCE = "a tolerance such as '10%' or '+5ms'"
_FIGURE = re.compile(r"(?:(?P<metric>.+)\.)?(?P<aggregation>p\(\s*[0-9.]+\s*\)|p[0-9.]+|[a-z_]+)", re.DOTALL)
_PERCENTILE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_AMOUNT = re.compile(r"\+?\s*([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})\s*(%|[a-zµμ]*)")
_PER_MS = {"us": Fraction(1, 1000), "µs": Fraction(1, 1000), "μs": Fraction(1, 1000), "ms": Fraction(1), "s": Fraction(1000)}
_MEANT = {"avg": MEAN, "average": MEAN, "med": "p50", "median": "p50", "throughput": RATE, "rps": RATE}
_ONE_SAMPLE = {"max": "p99", "maximum": "p99", "p100": "p99", "min": "p50", "minimum": "p50", "p0": "p50"}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much worse is let pass: a *share* of what it was, or, when that is None, so many *ms* on top of it."""

    share: Fraction | None
    ms: float = 0.0

    def __str__(self) -> str:
        """As it is written: ``10%``, ``+5ms``."""
        return f"+{show_number(self.ms)}ms" if self.share is None else f"{show_number(float(self.share * 100))}%"


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure, and how much worse it may be.

    Attributes:
        metric: a trend; ``iterations`` for the rate.
        percentile: from 0 to 100, neither included; None for the mean of a trend, and for the rate.
        tolerance: what is let pass.
    """

    metric: str
    percentile: Fraction | None
    tolerance: Tolerance

    @property
    def is_rate(self) -> bool:
        """Whether it is about iterations per second, of which fewer are worse."""
        return self.metric == ITERATIONS

    @property
    def aggregation(self) -> str:
        """As reports print it: ``p(95)``, ``mean``, ``rate``."""
        if self.percentile is not None:
            return f"p({show_number(float(self.percentile))})"
        return RATE if self.is_rate else MEAN

    def __str__(self) -> str:
        """Text that reads back to an equal gate: ``p95:10%``, ``identify.p99:+5ms``."""
        before = "" if self.metric in (RESPONSE, ITERATIONS) else f"{self.metric}."
        figure = self.aggregation.replace("(", "").replace(")", "")
        return f"{before}{figure}:{self.tolerance}"


def read_gates(text: str, where: str, problems: Problems, metrics: Mapping[str, Metric] = BUILTIN) -> tuple[Gate, ...]:
    """The gates of a text such as ``p95:10%,identify.p99:+5ms``; those that do not read are noted in *problems*.

    Args:
        text: what was written.
        where: what it is called: ``--cio-compare-fail``.
        problems: takes what is wrong.
        metrics: those there are, by name, with the author's own.
    """
    gates: list[Gate] = []
    for part in text.split(","):
        figure, colon, tolerance = part.strip().rpartition(":")
        if colon and figure:
            _take(gates, where, part.strip(), (figure.strip(), tolerance), problems, metrics)
        else:
            problems.add(where, show_value(part.strip()), _GATE, _repaired(part.strip()))
    return tuple(gates)


def read_regress(value: object, problems: Problems, metrics: Mapping[str, Metric] = BUILTIN) -> tuple[Gate, ...]:
    """The gates of the marker's ``regress``: ``{"p95": "10%"}``, or text as on the command line. See `read_gates`."""
    where = "regress"
    if isinstance(value, str):
        return read_gates(value, where, problems, metrics)
    if not isinstance(value, Mapping) or not value:
        problems.add(where, show_value(value), "figures and what they may lose, such as {'p95': '10%'}", "try regress={'p95': '10%'}")
        return ()
    gates: list[Gate] = []
    for figure, tolerance in value.items():
        place = f"{where}[{figure!r}]"
        if not isinstance(figure, str):
            problems.add(place, "", f"text as the key: {_AGGREGATION}", f"did you mean 'p{figure}'?" if isinstance(figure, int) else "")
        elif not isinstance(tolerance, str):
            guess = f"did you mean '{show_value(tolerance)}%'?" if type(tolerance) in (int, float) else ""
            problems.add(place, show_value(tolerance), _TOLERANCE, guess)
        else:
            _take(gates, place, tolerance, (figure.strip(), tolerance), problems, metrics)
    return tuple(gates)


def _take(
    gates: list[Gate], where: str, got: str, parts: tuple[str, str], problems: Problems, metrics: Mapping[str, Metric]
) -> None:
    try:
        gate = _gate(*parts, metrics)
    except UnitError as error:
        problems.add(where, show_value(got), error.expected, error.nearest)
        return
    if any((other.metric, other.percentile) == (gate.metric, gate.percentile) for other in gates):
        problems.add(where, show_value(got), f"one tolerance for {gate.metric} {gate.aggregation}", "leave one of the two out")
    else:
        gates.append(gate)


def _gate(figure: str, tolerance: str, metrics: Mapping[str, Metric]) -> Gate:
    found = _FIGURE.fullmatch(figure)
    if found is None:
        raise UnitError(figure, _GATE, _repaired(f"{figure}:{tolerance}"))
    name, word = found["metric"], found["aggregation"]
    word = _MEANT.get(word, word) if word in ("avg", "med") else word
    allowed = _tolerance(tolerance)
    if word == RATE:
        return _rate(name, figure, allowed)
    if name is not None:
        _check_metric(name, word, metrics, allowed)
    percentile = None if word == MEAN else _percentile(word)
    return Gate(name or RESPONSE, percentile, allowed)


def _rate(name: str | None, figure: str, allowed: Tolerance) -> Gate:
    if name not in (None, ITERATIONS):
        raise UnitError(figure, "the rate of the iterations, which is 'rate'", f"did you mean 'rate:{allowed}'?")
    if allowed.share is None:
        raise UnitError(figure, "a share for a rate, such as 'rate:1%'", "try 'rate:1%'")
    return Gate(ITERATIONS, None, allowed)


def _check_metric(name: str, word: str, metrics: Mapping[str, Metric], allowed: Tolerance) -> None:
    if name.startswith(("group:", "check:")) and name not in metrics:
        if name.startswith("check:"):
            raise UnitError(name, "a trend, which a check is not", "promise it in thresholds instead")
        return
    metric = metrics.get(name)
    trends = [known for known, each in metrics.items() if each.kind is Kind.TREND]
    if metric is None or metric.kind is not Kind.TREND:
        missing = "a metric that every run has or that the test declares"
        raise UnitError(name, missing if metric is None else f"a trend, and {name} is a {metric.kind.value}", near_miss(name, trends))
    if allowed.share is None and metric.unit != "ms":
        raise UnitError(str(allowed), f"a share, because {name} is no time", f"try '{name}.{word}:10%'")


def _percentile(word: str) -> Fraction:
    if word in _ONE_SAMPLE:
        raise UnitError(word, f"{_AGGREGATION}: {word} is one sample, and no run can tell whether it moved", f"try {_ONE_SAMPLE[word]}")
    digits = word[1:].strip("() ")
    if not word.startswith("p") or _PERCENTILE.fullmatch(digits) is None:
        near = _MEANT.get(word) or ""
        raise UnitError(word, _AGGREGATION, f"did you mean {near}?" if near else near_miss(word, ("p50", "p90", "p95", "p99", MEAN, RATE)))
    value = Fraction(percentile_from_digits(digits))
    if 0 < value < 1:
        raise UnitError(word, "a percentile above 1, not a share of 1", f"did you mean p{show_number(float(value * 100))}?")
    if not 1 <= value < 100:
        raise UnitError(word, "a percentile from 1 up and below 100", "try p99")
    return value


def _tolerance(text: str) -> Tolerance:
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        plain = text.strip().lstrip("-–−±")
        guess = f"did you mean '{plain}'?" if plain != text.strip() and _AMOUNT.fullmatch(plain) else ""
        raise UnitError(text, _TOLERANCE, guess or "the units are %, s, ms and us")
    number, unit = Fraction(found[1]), found[2]
    if unit == "%":
        return Tolerance(number / 100)
    if unit in _PER_MS:
        return Tolerance(None, float(number * _PER_MS[unit]))
    shown = found[1]
    raise UnitError(text, _TOLERANCE, "the units are %, s, ms and us" if unit else f"did you mean '{shown}%' or '+{shown}ms'?")


def _repaired(text: str) -> str:
    """What was meant by a gate without its colon: ``p95=10%``, ``p95 10%``, ``p95>10%``, ``p95``."""
    loose = re.fullmatch(r"([\w.()]+?)\s*(?:[=<>]+|\s)\s*\+?([0-9.]+\s*(?:%|[a-z]+))", text)
    if loose is not None:
        return f"did you mean '{loose[1]}:{loose[2]}'?"
    return f"did you mean '{text}:10%'?" if re.fullmatch(r"(?:[\w.]+\.)?(?:p[0-9.]+|mean|rate)", text) else ""
