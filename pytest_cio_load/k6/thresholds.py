"""k6's thresholds as ours: metrics by their names here, tag selectors where there is a metric of its own for them.

k6 judges a threshold once, over all scenarios; a selector ``{scenario:NAME}`` makes it one of that scenario, so of that test. Without a
selector it becomes a promise of every test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_cio_load.contract.threshold import Threshold, ThresholdError, parse
from pytest_cio_load.k6.notation import k6_duration, our_duration
from pytest_cio_load.metrics.kinds import BUILTIN, OPERATIONS, Kind, Metric
from pytest_cio_load.units import UnitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_cio_load.k6.leftover import Leftovers

_OURS = {
    "http_req_duration": "response",
    "iteration_duration": "service",
    "http_req_failed": "errors",
    "http_reqs": "calls",
    "iterations": "iterations",
    "dropped_iterations": "dropped",
    "checks": "checks",
    "http_req_blocked": "pool_wait",
    "http_req_connecting": "connecting",
    "http_req_tls_handshaking": "tls_handshaking",
}
MEANING = {
    "http_req_duration": "one request in k6; `response` is a whole iteration, from the moment it was due",
    "iteration_duration": "`service` is the same: an iteration from its start to its end",
    "http_req_failed": "the share of requests in k6; `errors` is the share of iterations in which something failed",
    "http_reqs": "requests in k6; `calls` counts Customer.io calls, retries not apart",
    "iterations": "completed ones in k6; here also those that timed out or were interrupted",
    "dropped_iterations": "the same",
    "checks": "the same: the share of cio_load.check() that held",
    "http_req_blocked": "`pool_wait` is the same: a request's wait for a free connection",
    "http_req_connecting": "the same",
    "http_req_tls_handshaking": "the same",
}
"""What a metric is in k6 and what it becomes, for the file's comments."""

_NOT_MEASURED = re.compile(
    r"http_req_(sending|waiting|receiving)|data_(sent|received)|vus(_max)?|group_duration"
    r"|(ws|grpc|browser|webvital)_.*"
)
_SELECTOR = re.compile(r"([^{}\s]+)\s*(?:\{(.*)\})?")
_NAME = re.compile(r"[^<>=!,]+")
_AGGREGATION = re.compile(r"\s*([a-z]+)")
_BOUND = re.compile(r"[<>=!]\s*([0-9.]+)\s*$")
_EXPECTED_RESPONSE = {"expected_response": "true"}


@dataclass(slots=True)
class Promises:
    """What a test promises beside its load: the marker's ``thresholds`` and ``metrics``.

    Attributes:
        thresholds: by metric; each a text, or an object with ``threshold``, ``abort_on_fail`` and ``delay_abort``.
        metrics: the kinds of those that are no metric of every run.
        came_from: what each of them is called in k6.
    """

    thresholds: dict[str, list[object]] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    came_from: dict[str, str] = field(default_factory=dict)
    _keys: set[object] = field(default_factory=set)

    def add(self, k6_name: str, threshold: Threshold, stated: object, declared: str | None) -> bool:
        """Take a threshold in; False when one with the same meaning is there already."""
        if threshold.key in self._keys:
            return False
        self._keys.add(threshold.key)
        self.thresholds.setdefault(threshold.metric, []).append(stated)
        self.came_from.setdefault(threshold.metric, k6_name)
        if declared is not None:
            self.metrics[threshold.metric] = declared
        return True


@dataclass(frozen=True, slots=True)
class _Aim:
    """What a selector becomes: a metric of ours, its kind, how it is declared, and the one scenario it is about."""

    ours: str
    metric: Metric
    declared: str | None = None
    scenario: str | None = None


def read_thresholds(value: object, scenarios: Sequence[str], left: Leftovers) -> dict[str, Promises]:
    """The promises of each scenario, by its name. What does not carry over is noted in *left*."""
    promises = {name: Promises() for name in scenarios}
    if not isinstance(value, Mapping):
        left.add("thresholds", value, "an object of metrics and lists of thresholds is expected")
        return promises
    lists = {str(selector): stated if isinstance(stated, list) else [stated] for selector, stated in value.items()}
    for selector, items in lists.items():
        where = f"thresholds[{selector!r}]"
        # All that is asked of a metric, under whichever selector, tells its one kind.
        asked = [item for other, more in lists.items() if _name(other) == _name(selector) for item in more]
        aim = _aim(selector, asked, scenarios)
        if isinstance(aim, str):
            left.add(where, items, aim)
            continue
        for index, item in enumerate(items):
            _carry(f"{where}[{index}]", str(selector), item, aim, promises, left)
    return promises


def _carry(where: str, selector: str, item: object, aim: _Aim, promises: Mapping[str, Promises], left: Leftovers) -> None:
    text = item.get("threshold") if isinstance(item, Mapping) else item
    if not isinstance(text, str):
        left.add(where, item, "text such as 'p(95)<500', or an object with a 'threshold', is expected")
        return
    if aim.ours == "dropped" and _aggregation(text) == "rate":
        left.add(where, text, "dropped iterations per second in k6, and a share of all here: bound their count")
        return
    try:
        threshold = parse(text, aim.ours, aim.metric)
        stated = threshold.text if not isinstance(item, Mapping) else _object(where, threshold.text, item, left)
    except ThresholdError as error:
        left.add(where, text, f"{aim.ours} takes {error.expected}{'; ' + error.nearest if error.nearest else ''}")
        return
    for scenario in [aim.scenario] if aim.scenario is not None else promises:
        if not promises[scenario].add(_name(selector), threshold, stated, aim.declared):
            left.add(where, text, f"{aim.ours} {threshold.label}{threshold.operator} is promised already by another metric of k6's")


def _object(where: str, text: str, item: Mapping[str, object], left: Leftovers) -> object:
    """k6's object form as ours, or the text alone when the run need not end for it."""
    for key in item:
        if key not in ("threshold", "abortOnFail", "delayAbortEval"):
            left.add(f"{where}[{key!r}]", item[key], "no part of a threshold")
    if item.get("abortOnFail") is not True:
        return text
    stated: dict[str, object] = {"threshold": text, "abort_on_fail": True}
    delay = item.get("delayAbortEval")
    if delay is not None:
        try:
            stated["delay_abort"] = our_duration(k6_duration(delay))
        except UnitError as error:
            left.add(f"{where}['delayAbortEval']", delay, f"{error.expected} is expected")
    return stated


def _aim(selector: str, items: Sequence[object], scenarios: Iterable[str]) -> _Aim | str:
    """Where a selector aims, or why it aims at nothing here."""
    found = _SELECTOR.fullmatch(selector.strip())
    tags = None if found is None else _tags(found[2])
    if found is None or tags is None:
        return "a metric such as 'http_req_duration' or 'http_req_duration{scenario:login}' is expected"
    name, scenario = found[1], tags.pop("scenario", None)
    if scenario is not None and scenario not in scenarios:
        return f"no scenario {scenario!r} was carried over"
    if tags:
        own = _own_metric(name, tags)
        return own if isinstance(own, str) else _Aim(*own, scenario)
    if name in _OURS:
        return _Aim(_OURS[name], BUILTIN[_OURS[name]], None, scenario)
    if _NOT_MEASURED.fullmatch(name):
        return "it is not measured here"
    if not _NAME.fullmatch(name):
        return "a metric's name is without < > = ! and commas"
    kind = _kind(items)
    # A name that every run has means something else there.
    return _Aim(f"my_{name}" if name in BUILTIN else name, Metric(kind), kind.value, scenario)


def _own_metric(name: str, tags: Mapping[str, str]) -> tuple[str, Metric, str | None] | str:
    """A metric that a selector of tags has for itself: of a group, a check, or an operation."""
    (key, value), *others = tags.items()
    value = value.removeprefix("::") if key == "group" else value
    fits = not others and bool(_NAME.fullmatch(value)) and "::" not in value
    if fits and (name, key) == ("group_duration", "group"):
        return f"group:{value}", Metric(Kind.TREND, "ms"), "trend:ms"
    if fits and (name, key) == ("checks", "check"):
        return f"check:{value}", Metric(Kind.RATE), "rate"
    if fits and (name, key) == ("http_req_duration", "name") and value in OPERATIONS:
        return value, BUILTIN[value], None
    if dict(tags) == _EXPECTED_RESPONSE:
        return "iterations that failed stay in the distribution here: take the selector away"
    return "metrics have no tags here: use cio_load.group(), cio_load.check() or a metric of your own for what they tell apart"


def _name(selector: str) -> str:
    return selector.partition("{")[0].strip()


def _tags(text: str | None) -> dict[str, str] | None:
    if text is None:
        return {}
    pairs = [part.partition(":") for part in text.split(",")]
    tags = {key.strip().strip("'\""): value.strip().strip("'\"") for key, _, value in pairs}
    return tags if all(colon for _, colon, _ in pairs) and all(tags) else None


def _kind(items: Sequence[object]) -> Kind:
    """The kind of a script's own metric, which the options do not say: from what is asked of it."""
    texts = [item.get("threshold") if isinstance(item, Mapping) else item for item in items]
    asked = {_aggregation(text): text for text in texts if isinstance(text, str)}
    if asked.keys() & {"avg", "min", "max", "med", "p"}:
        return Kind.TREND
    if "count" in asked:
        return Kind.COUNTER
    if "value" in asked:
        return Kind.GAUGE
    if "rate" in asked:
        bound = _BOUND.search(asked["rate"])
        return Kind.RATE if bound is None or bound[1].count(".") > 1 or float(f"0{bound[1]}") <= 1 else Kind.COUNTER
    return Kind.TREND


def _aggregation(text: str) -> str:
    found = _AGGREGATION.match(text)
    return found[1] if found else ""
