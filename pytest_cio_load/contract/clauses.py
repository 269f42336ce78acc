"""The clauses: thresholds from ``thresholds=``, from the shorthands, and from the contract that every run has by default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from pytest_cio_load.contract.marker import AMOUNT_SHORTHANDS, RESPONSE_SHORTHANDS, Problems, flag
from pytest_cio_load.contract.threshold import Threshold, parse
from pytest_cio_load.errors import near_miss
from pytest_cio_load.metrics.kinds import BUILTIN, Kind, Metric
from pytest_cio_load.units import Count, UnitError, amount, duration, latency, show_number, show_value

_DEFAULTS = {"errors": "count==0", "dropped": "count==0", "on_time": "rate>=99%"}
_KINDS = ("trend", "counter", "rate", "gauge", "trend:ms", "gauge:ms")
_FROM_K6 = {
    "http_req_duration": "response",
    "iteration_duration": "service",
    "http_req_failed": "errors",
    "http_reqs": "calls",
    "dropped_iterations": "dropped",
}
_OBJECT_KEYS = {
    "threshold": "threshold",
    "abortOnFail": "abort",
    "abort_on_fail": "abort",
    "delayAbortEval": "delay",
    "delay_abort": "delay",
}


@dataclass(frozen=True, slots=True)
class Abort:
    """Whether a threshold that does not hold ends the run, and from how many seconds after the start."""

    on_fail: bool = False
    delay: float = 0.0


_NEVER = Abort()


def read_metrics(keywords: Mapping[str, object], found: Mapping[str, Metric], problems: Problems) -> dict[str, Metric]:
    """Custom metrics by name: those *found* in the test's code, and those that ``metrics=`` declares."""
    declared = keywords.get("metrics", {})
    custom = {name: metric for name, metric in found.items() if name not in BUILTIN}
    if not isinstance(declared, Mapping):
        problems.add("metrics", show_value(declared), "a dict of names and kinds such as {'my_trend': 'trend'}")
        return custom
    for name, value in declared.items():
        where = f"metrics[{name!r}]"
        metric = problems.read(where, value, _metric)
        if not isinstance(name, str) or not name.strip() or re.search(r"[<>=!,]", name):
            problems.add(where, show_value(value), "a name without < > = ! or a comma", "did you mean 'my_trend'?")
        elif name in BUILTIN:
            problems.add(where, show_value(value), f"a name of its own, because every run has {name}", f"did you mean 'my_{name}'?")
        elif metric is None:
            # Known all the same, or each threshold on it would be one more problem.
            custom.setdefault(name, Metric(Kind.TREND))
        elif name in found and found[name].kind is not metric.kind:
            kind = found[name].kind.value
            problems.add(where, show_value(value), f"{kind!r}, because the test uses it as one", f"did you mean {kind!r}?")
        else:
            custom[name] = replace(metric, unit=metric.unit or found[name].unit) if name in found else metric
    return custom


def _metric(value: object) -> Metric:
    if isinstance(value, Metric):
        return value
    kind, _, unit = value.partition(":") if isinstance(value, str) else ("", "", "")
    if value not in _KINDS:
        hint = near_miss(kind, _KINDS[:4]) if kind not in _KINDS else f"did you mean {kind!r}?"
        raise UnitError(value, "'trend', 'counter', 'rate' or 'gauge' ('trend:ms' and 'gauge:ms' for times)", hint)
    return Metric(Kind(kind), unit)


def read_clauses(keywords: Mapping[str, object], custom: Mapping[str, Metric], problems: Problems) -> tuple[Threshold, ...]:
    """Every threshold of the contract, in the order stated: the author's, the shorthands, the defaults."""
    on_fail = problems.read("abort_on_fail", keywords.get("abort_on_fail", False), flag)
    delay = problems.read("delay_abort", keywords.get("delay_abort", 0), duration)
    clauses = _Clauses({**BUILTIN, **custom}, Abort(bool(on_fail), float(delay or 0)), problems)
    if "thresholds" in keywords:
        clauses.author(keywords["thresholds"])
    for keyword in keywords:
        if keyword in RESPONSE_SHORTHANDS:
            clauses.response(keyword, keywords[keyword])
        elif keyword in AMOUNT_SHORTHANDS:
            clauses.amount(keyword, keywords[keyword])
    clauses.defaults()
    return tuple(clauses.stated)


class _Clauses:
    def __init__(self, metrics: Mapping[str, Metric], abort: Abort, problems: Problems) -> None:
        self.stated: list[Threshold] = []
        self._metrics = metrics
        self._abort = abort
        self._problems = problems
        self._places: dict[object, str] = {}
        self._bounded: set[str] = set()

    def author(self, value: object) -> None:
        """``thresholds=``: metric → text, object, or a list of them."""
        if not isinstance(value, Mapping):
            hint = (
                f"did you mean thresholds={{'response': {show_value(value)}}}?" if isinstance(value, str | list | tuple) and value else ""
            )
            self._problems.add("thresholds", show_value(value), "a dict of metrics such as {'response': ['p(95)<500']}", hint)
            return
        for name, stated in value.items():
            where = f"thresholds[{name!r}]"
            metric = self._metrics.get(name) if isinstance(name, str) else None
            if metric is None:
                self._unknown(where, name, stated)
                continue
            self._bounded.add(name)
            if not isinstance(stated, list | tuple):
                self._one(where, stated, name, metric)
            elif not stated:
                self._problems.add(where, show_value(stated), "at least one threshold", "add one, or leave the metric out")
            else:
                for index, item in enumerate(stated):
                    self._one(f"{where}[{index}]", item, name, metric)

    def response(self, keyword: str, value: object) -> None:
        """``p95=500`` and its like: an upper bound on response time."""
        ms = self._problems.read(keyword, value, partial(latency, zero=False))
        if ms is not None:
            bound = value.strip() if isinstance(value, str) else show_number(ms)
            self._shorthand(keyword, value, "response", f"{RESPONSE_SHORTHANDS[keyword]}<{bound}")

    def amount(self, keyword: str, value: object) -> None:
        """``errors=5`` and ``dropped="1%"``: at most so many, or so large a share."""
        self._bounded.add(keyword)
        most = self._problems.read(keyword, value, amount)
        if most is not None:
            text = f"count<={most.number}" if isinstance(most, Count) else f"rate<={str(value).strip()}"
            self._shorthand(keyword, value, keyword, text)

    def defaults(self) -> None:
        """What every contract demands of the metrics that the author left alone. None of it ends a run early."""
        for name, text in _DEFAULTS.items():
            if name not in self._bounded:
                self.stated.append(parse(text, name, self._metrics[name], origin="default"))

    def _shorthand(self, keyword: str, value: object, name: str, text: str) -> None:
        abort = self._abort
        threshold = parse(text, name, self._metrics[name], abort_on_fail=abort.on_fail, delay_abort=abort.delay, origin="shorthand")
        self._add(keyword, value, threshold)

    def _one(self, where: str, item: object, name: str, metric: Metric) -> None:
        text, abort = (item, self._abort) if not isinstance(item, Mapping) else self._object(where, item)
        if text is None:
            return
        where = f"{where}['threshold']" if isinstance(item, Mapping) else where
        if not isinstance(text, str):
            self._problems.add(where, show_value(text), "a threshold as text such as 'p(95)<500', or {'threshold': 'p(95)<500', …}")
            return
        threshold = self._problems.read(where, text, lambda _: parse(text, name, metric))
        if threshold is not None:
            self._add(where, text, replace(threshold, abort_on_fail=abort.on_fail, delay_abort=abort.delay))

    def _object(self, where: str, item: Mapping[object, object]) -> tuple[object, Abort]:
        """The text of k6's object form (None when it has none), and its abort settings, the marker's where it states none."""
        stated: dict[str, object] = {}
        for key, value in item.items():
            place = f"{where}[{key!r}]"
            role = _OBJECT_KEYS.get(key) if isinstance(key, str) else None
            if role is None:
                self._problems.add(
                    place, show_value(value), "'threshold', 'abortOnFail' or 'delayAbortEval'", near_miss(str(key), _OBJECT_KEYS)
                )
            elif role in stated:
                self._problems.add(place, show_value(value), "one spelling of it", "leave out the other")
            elif role == "threshold":
                stated[role] = value
            else:
                stated[role] = self._problems.read(place, value, flag if role == "abort" else duration)
        if stated.get("threshold") is None:
            self._problems.add(where, show_value(item), "a 'threshold' in it", "add 'threshold': 'p(95)<500'")
        on_fail, delay = stated.get("abort", self._abort.on_fail), stated.get("delay", self._abort.delay)
        return stated.get("threshold"), Abort(bool(on_fail), float(delay) if isinstance(delay, Fraction | float) else 0.0)

    def _add(self, where: str, value: object, threshold: Threshold) -> None:
        earlier = self._places.setdefault(threshold.key, where)
        if earlier != where:
            already = f"{threshold.metric} {threshold.label}{threshold.operator} is already bounded by {earlier}"
            self._problems.add(where, show_value(value), "each threshold once", f"{already}; leave one of them out")
            return
        self.stated.append(threshold)

    def _unknown(self, where: str, name: object, stated: object) -> None:
        kind = "rate" if str(name).startswith("check:") else "trend:ms" if str(name).startswith("group:") else "trend"
        meant = _FROM_K6.get(str(name))
        close = f"did you mean {meant}?" if meant else near_miss(str(name), self._metrics)
        declare = f"declare it: metrics={{{name!r}: '{kind}'}}"
        known = ", ".join(self._metrics)
        self._problems.add(where, show_value(stated), f"a metric ({known})", f"{close} or {declare}" if close else declare)
