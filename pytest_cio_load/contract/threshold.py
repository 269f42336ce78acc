"""A threshold: one clause of a contract, such as ``p(95)<500``.

The grammar is k6's, with units, ``count`` on trends, and nothing left to chance. Whitespace between tokens is free::

    threshold    ::= aggregation operator bound
    aggregation  ::= "avg" | "min" | "max" | "med" | "count" | "rate" | "value" | "p" "(" percentile ")"
                   | "lost" | "duplicates" | "out_of_order"
    percentile   ::= "0" | number from 1 to 100, with decimals
    operator     ::= ">" | ">=" | "<" | "<=" | "==" | "===" | "!="
    bound        ::= float | float time-unit | duration | float "%"
    time-unit    ::= "h" | "m" | "s" | "ms" | "us"          only for a time of an ``ms`` metric, where none means ms
    "%"                                                     only for the ``rate`` of a rate

What a metric may be asked follows from its kind: see `pytest_cio_load.metrics.kinds.AGGREGATIONS`.
"""

from __future__ import annotations

import math
import operator as comparison
import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pytest_cio_load.contract.hints import percentile_from_digits, repaired
from pytest_cio_load.metrics.kinds import AGGREGATIONS, BUILTIN, Kind, Metric
from pytest_cio_load.units import UnitError, latency, show_count, show_ms, show_number, show_rate, show_share

if TYPE_CHECKING:
    from collections.abc import Callable

Origin = Literal["author", "shorthand", "default"]
Unit = Literal["ms", "%", "/s", ""]

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": comparison.lt,
    "<=": comparison.le,
    ">": comparison.gt,
    ">=": comparison.ge,
    "==": comparison.eq,
    "!=": comparison.ne,
}
_SHAPE = re.compile(r"([a-z_]*)\s*(?:\(([^()]*)\))?\s*(===|==|!=|<=|>=|<|>)\s*([^<>=!]+)")
_ONLY = {Kind.COUNTER: "count", Kind.GAUGE: "value"}
"""What a threshold without an aggregation is about, as in ``drain_time: "<5m"``, for kinds where it can be but one thing."""
_PERCENTILE = re.compile(r"\s*(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*")
_BOUND = re.compile(r"([+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?)\s*([a-zA-Zµμ%/]*)")
_TIME_UNITS = {
    "": Fraction(1),
    "us": Fraction(1, 1000),
    "µs": Fraction(1, 1000),
    "μs": Fraction(1, 1000),
    "ms": Fraction(1),
    "s": Fraction(1000),
    "m": Fraction(60_000),
    "h": Fraction(3_600_000),
}
_EXAMPLES = {
    Kind.TREND: "'p(95)<500' or 'avg<100'",
    Kind.COUNTER: "'count<50' or 'rate>10'",
    Kind.RATE: "'rate<1%' or 'count<50'",
    Kind.GAUGE: "'value<10' or 'max<20'", Kind.DELIVERY: "'lost==0' or 'duplicates==0'",
}
_SMALLEST_PERCENT = 1e-6


class ThresholdError(UnitError):
    """Text that is no threshold, or none that its metric can be asked. Says what was got, expected, and the nearest fix."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """One clause of a contract.

    Attributes:
        metric: the name of the metric it bounds.
        aggregation: ``avg``, ``min``, ``max``, ``med``, ``count``, ``rate``, ``value``, or ``p`` for a percentile.
        percentile: from 0 to 100 when the aggregation is ``p``, else None.
        operator: one of ``<  <=  >  >=  ==  !=`` (k6's ``===`` is read as ``==``).
        bound: in *unit*.
        unit: ``ms``; ``%`` (the bound is a share of 1 all the same); ``/s`` (a counter's rate); or "" for a plain number or a count.
        text: what the author wrote, stripped. Takes no part in equality.
        abort_on_fail: end the run as soon as it does not hold.
        delay_abort: seconds from the start of the run before it may do so.
        origin: who asked for it: the ``author`` in thresholds, a ``shorthand`` such as p95, or the ``default`` contract.
            Takes no part in equality.
    """

    metric: str
    aggregation: str
    percentile: Fraction | None
    operator: str
    bound: float
    unit: Unit = ""
    text: str = field(default="", compare=False)
    abort_on_fail: bool = False
    delay_abort: float = 0.0
    origin: Origin = field(default="author", compare=False)

    def holds(self, value: float) -> bool:
        """Whether *value*, in this threshold's unit, is within the bound. NaN never is."""
        return not math.isnan(value) and _HOLDS[self.operator](value, self.bound)

    def show(self, value: float) -> str:
        """*value*, in this threshold's unit, as a report prints it: ``7,088 ms``, ``0.25%``, ``80/s``, ``6,150``."""
        if self.unit == "ms":
            return show_ms(value)
        if self.unit == "%":
            return show_share(value)
        if self.unit == "/s":
            return show_rate(value)
        if self.aggregation == "count" or abs(value) >= 1000:
            return show_count(value)
        return f"{value:.4g}"

    @property
    def label(self) -> str:
        """The aggregation as text: ``p(95)``, ``avg``."""
        return self.aggregation if self.percentile is None else f"p({show_number(float(self.percentile))})"

    @property
    def key(self) -> tuple[str, str, Fraction | None, str]:
        """Two thresholds of one contract with the same key are one promise made twice."""
        return (self.metric, self.aggregation, self.percentile, self.operator)

    @property
    def minimum_samples(self) -> int:
        """How many samples it takes before the percentile is more than another name for the maximum; 1 for all others.

        ``p(95)`` takes 20, ``p(99.9)`` takes 1000. ``p(100)`` is the maximum by intent and takes 1.
        """
        if self.percentile is None or self.percentile == 100:
            return 1
        return math.ceil(1 / (1 - self.percentile / 100))

    def __str__(self) -> str:
        """Canonical text, which `parse` reads back to an equal threshold: ``p(95)<500ms``, ``rate<1%``, ``count<50``."""
        return f"{self.label}{self.operator}{self._bound_text()}"

    def _bound_text(self) -> str:
        if self.unit == "ms":
            return f"{show_number(self.bound)}ms"
        if self.unit == "%" and (self.bound == 0 or self.bound >= _SMALLEST_PERCENT):
            text = format(Decimal(show_number(self.bound)) * 100, "f")
            return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"
        return show_number(self.bound)


def parse(
    text: str,
    metric_name: str,
    metric: Metric,
    *,
    abort_on_fail: bool = False,
    delay_abort: float = 0.0,
    origin: Origin = "author",
) -> Threshold:
    """Read one threshold on the metric of that name. Raises `ThresholdError`, with the nearest fix where there is one."""
    try:
        aggregation, percentile, operator, bound = _read(text, metric_name, metric)
    except ThresholdError as error:
        if error.nearest:
            raise
        raise ThresholdError(text, error.expected, _hint(text, metric_name, metric)) from None
    return Threshold(
        metric_name,
        aggregation,
        percentile,
        operator,
        bound,
        _unit(aggregation, metric),
        text.strip(),
        abort_on_fail,
        delay_abort,
        origin,
    )


def aggregations_of(kind: Kind) -> str:
    """Those a metric of this kind has, as a phrase: ``avg, min, max, med, p(N) or count``."""
    names = ["p(N)" if name == "p" else name for name in AGGREGATIONS[kind]]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _read(text: str, name: str, metric: Metric) -> tuple[str, Fraction | None, str, float]:
    found = _SHAPE.fullmatch(text.strip())
    if found is None:
        raise ThresholdError(text, f"a threshold such as {_EXAMPLES[metric.kind]}")
    aggregation, argument, operator, bound = found.groups()
    aggregation = aggregation or _ONLY.get(metric.kind, "")
    if not aggregation:
        raise ThresholdError(text, f"a threshold such as {_EXAMPLES[metric.kind]}")
    if aggregation not in AGGREGATIONS[metric.kind]:
        raise ThresholdError(text, f"an aggregation that {name}, a {metric.kind.value}, has: {aggregations_of(metric.kind)}")
    if (aggregation == "p") != (argument is not None):
        raise ThresholdError(text, "a percentile in parentheses after p, and only there, such as p(95)")
    percentile = None if argument is None else _percentile(text, argument)
    return aggregation, percentile, "==" if operator == "===" else operator, _bound(text, bound.strip(), aggregation, name, metric)


def _hint(text: str, name: str, metric: Metric) -> str:
    guess = repaired(text, AGGREGATIONS[metric.kind])
    if re.search(r"\band\b|\bor\b|&&|\|\||[,;]", text.strip(" ,;").lower()):
        return "write a list, with one threshold each"
    try:
        _read(guess, name, metric)
    except ThresholdError:
        return ""
    return f"did you mean '{guess}'?"


def _percentile(text: str, argument: str) -> Fraction:
    expected = "a percentile from 0 to 100, such as p(95)"
    found = _PERCENTILE.fullmatch(argument)
    if found is None:
        raise ThresholdError(text, expected, "write p(95)")
    value = Fraction(found[1])
    if value < 0:
        raise ThresholdError(text, expected, "the lowest is p(0), which is min")
    if value > 100:
        spoken = percentile_from_digits(found[1])
        raise ThresholdError(text, expected, f"did you mean p({spoken})?" if spoken != found[1] else "the highest is p(100), which is max")
    if 0 < value < 1:
        # p(0.95) reads, means almost the minimum, and would keep a promise that nobody made.
        raise ThresholdError(text, "a percentile from 0 to 100, not a share of 1", f"did you mean p({show_number(float(value * 100))})?")
    return value


def _unit(aggregation: str, metric: Metric) -> Unit:
    if aggregation == "rate":
        return "%" if metric.kind is Kind.RATE else "/s"
    return "ms" if metric.unit == "ms" and aggregation != "count" else ""


def _bound(text: str, bound: str, aggregation: str, name: str, metric: Metric) -> float:
    unit = _unit(aggregation, metric)
    found = _BOUND.fullmatch(bound)
    if unit == "ms":
        return _time(text, bound, found)
    head = text[: text.rindex(bound)].strip()
    if found is None:
        raise ThresholdError(text, "a finite number as the bound")
    number, suffix = found.groups()
    if unit == "%":
        return _share(text, head, number, suffix)
    if suffix == "%" and metric.kind is Kind.RATE:
        raise ThresholdError(
            text, "a plain number, because count is not a share", f"did you mean 'rate{head.removeprefix('count')}{bound}'?"
        )
    if suffix:
        what = "a percentile" if aggregation == "p" else aggregation
        declare = f", or declare it in ms: metrics={{{name!r}: '{metric.kind.value}:ms'}}" if _may_be_ms(name, aggregation, metric) else ""
        raise ThresholdError(text, f"a plain number, because {what} of {name} has no unit", f"did you mean '{head}{number}'?{declare}")
    return _finite(text, Fraction(number))


def _may_be_ms(name: str, aggregation: str, metric: Metric) -> bool:
    return name not in BUILTIN and aggregation != "count" and metric.kind in (Kind.TREND, Kind.GAUGE)


def _time(text: str, bound: str, found: re.Match[str] | None) -> float:
    expected = "a time of at least 0 as the bound, such as 500, 500ms or 2s"
    if found is None:
        try:
            return latency(bound)
        except UnitError as error:
            raise ThresholdError(text, expected, error.nearest) from None
    number, suffix = found.groups()
    if suffix not in _TIME_UNITS:
        raise ThresholdError(text, expected, "the units are h, m, s, ms and us")
    value = _finite(text, Fraction(number) * _TIME_UNITS[suffix])
    if value < 0:
        raise ThresholdError(text, expected)
    return value


def _share(text: str, head: str, number: str, suffix: str) -> float:
    expected = "a share as the bound, from 0% to 100% (or from 0 to 1)"
    if suffix not in ("", "%"):
        raise ThresholdError(text, expected, f"did you mean '{head}{number}%'?")
    value = _finite(text, Fraction(number) / (100 if suffix else 1))
    if not 0 <= value <= 1:
        raise ThresholdError(text, expected, f"did you mean '{head}{number}%'?" if not suffix and 1 < value <= 100 else "")
    return value


def _finite(text: str, exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        raise ThresholdError(text, "a finite number as the bound") from None
