"""Run documents in the shape of k6's ``--summary-export``, so that dashboards and scripts made for k6 go on working.

The shape is k6's own, oddities included:

- **Thresholds are inverted**: ``"thresholds": {"p(95)<500": false}`` says that the threshold was *not crossed*, so it was kept; ``true``
  says that it was broken. One that cannot be judged (no samples, too few) is ``true`` here: k6 has no third verdict, and it must not be
  green.
- A rate has ``value`` (its share of 1), ``passes`` (samples that were true) and ``fails`` (samples that were not). For
  ``http_req_failed`` a *pass* is therefore a failure.
- Trends are in milliseconds, a counter's ``rate`` is per second.

What stands under k6's names, and how it differs from what k6 puts there:

``iteration_duration``
    our ``response``: from the moment an iteration was *due* to its end. k6 starts its clock when the iteration starts, and so leaves out
    what waited; that figure is our ``service``, which is here under its own name.
``http_req_duration``
    the latency of all calls, those of every Customer.io operation and of instrumented clients added up, each with its retries and its wait
    for our own limiter; by operation as ``http_req_duration{name:identify}``. Absent when nothing was called. k6's is of one request.
``http_reqs``
    our ``calls``: Customer.io calls, of which each may take several requests. k6 counts requests.
``http_req_failed``
    our ``errors``: the share of *iterations* in which something failed. k6's is the share of requests.
``http_req_blocked``, ``http_req_connecting``, ``http_req_tls_handshaking``
    our ``pool_wait``, ``connecting`` and ``tls_handshaking``, of every request as in k6, with 0 for those that did not wait. Absent where
    the engine does not tell, and on the mock, which has no connections.
``dropped_iterations``
    our ``dropped``, as a count. k6 drops what finds no idle VU; here only ``on_saturation="drop"`` does.
``iterations``
    iterations begun and measured; those interrupted or timed out are among them. k6's are those that completed.
``checks``, ``group_duration``
    ``cio_load.check`` and ``cio_load.group``, as in k6. Single checks are in ``root_group`` and under ``checks{check:NAME}``, single groups
    under ``group_duration{group:::NAME}``.

Everything else stands under our own name. With several runs in one file, plain metrics are those of all runs together, and each run is a
scenario: ``iteration_duration{scenario:tests/test_x.py::test_y}`` has its figures and its thresholds.
"""

from __future__ import annotations

from fractions import Fraction
from hashlib import md5
from typing import TYPE_CHECKING, Any

from pytest_cio_load.metrics.kinds import OPERATIONS
from pytest_cio_load.metrics.measured import Counter, Delivery, Gauge, Rate, Trend
from pytest_cio_load.reports.rebuilt import Rebuilt, added, metrics_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.reports.document import Document

_NAMES = {
    **{"response": "iteration_duration", "calls": "http_reqs", "errors": "http_req_failed", "dropped": "dropped_iterations"},
    **{"pool_wait": "http_req_blocked", "connecting": "http_req_connecting", "tls_handshaking": "http_req_tls_handshaking"},
}
_CALLS = (*OPERATIONS, "http")
_COLUMNS = ("avg", "min", "med", "max", "p(90)", "p(95)")
_CHECK, _GROUP = "check:", "group:"


def k6_summary(documents: Sequence[Document]) -> dict[str, Any]:
    """*documents* as k6's summary: ``{"root_group": {…}, "metrics": {…}}``. Raises DocumentError when a histogram is damaged."""
    metrics: dict[str, Any] = {}
    runs = [(doc, _renamed(metrics_of(doc))) for doc in documents]
    names = dict.fromkeys(name for _, measured in runs for name in measured)
    seconds = sum(doc["rate"]["seconds"] for doc in documents)
    for name in names:
        metrics[name] = _figures(added([measured[name] for _, measured in runs if name in measured]), seconds)
    for doc, measured in runs:
        if len(runs) > 1:
            for name, metric in measured.items():
                metrics[_scenario(name, doc)] = _figures(metric, doc["rate"]["seconds"])
        for clause in doc["thresholds"]:
            _tell(clause, metrics, doc if len(runs) > 1 else None)
    return {"root_group": _root_group([metrics_of(doc) for doc in documents]), "metrics": dict(sorted(metrics.items()))}


def _renamed(measured: Mapping[str, Rebuilt]) -> dict[str, Rebuilt]:
    """By k6's names. A metric that is several there is told once for each."""
    told: dict[str, Rebuilt] = {}
    for name, metric in measured.items():
        if isinstance(metric, Delivery):
            for outcome, count in metric.counts.items():
                counter = Counter()
                counter.total, counter.samples = count, metric.samples
                told[_name(name, outcome)] = counter
            continue
        if name == "dropped" and isinstance(metric, Rate):
            counter = Counter()
            counter.total, counter.samples = metric.hits, metric.samples
            metric = counter
        told[_name(name)] = metric
    for whole, parts in (
        ("http_req_duration", [measured[name] for name in _CALLS if name in measured]),
        ("group_duration", [metric for name, metric in measured.items() if name.startswith(_GROUP)]),
    ):
        if parts:
            told[whole] = added(parts)
    return told


def _name(ours: str, aggregation: str = "") -> str:
    if ours in _CALLS:
        return f"http_req_duration{{name:{ours}}}"
    if ours.startswith(_GROUP):
        return f"group_duration{{group:::{ours.removeprefix(_GROUP)}}}"
    if ours.startswith(_CHECK):
        return f"checks{{check:{ours.removeprefix(_CHECK)}}}"
    return f"delivery_{aggregation}" if ours == "delivery" else _NAMES.get(ours, ours)


def _scenario(name: str, doc: Document) -> str:
    tag = f"scenario:{doc['test']}"
    return f"{name[:-1]},{tag}}}" if name.endswith("}") else f"{name}{{{tag}}}"


def _figures(metric: Rebuilt, seconds: float) -> dict[str, Any]:
    if isinstance(metric, Trend):
        return {column: round(_column(metric, column), 3) for column in _COLUMNS}
    if isinstance(metric, Rate):
        return {"value": metric.read("rate", None, seconds), "passes": metric.true, "fails": metric.samples - metric.true}
    if isinstance(metric, Counter):
        return {"count": metric.total, "rate": metric.read("rate", None, seconds)}
    if isinstance(metric, Gauge):
        return {"value": metric.last, "min": metric.lowest, "max": metric.highest}
    return {}


def _column(trend: Trend, column: str) -> float:
    if column.startswith("p("):
        return trend.quantile(Fraction(column[2:-1]))
    return trend.read(column, None, 0)


def _tell(clause: Mapping[str, Any], metrics: dict[str, Any], scenario: Document | None) -> None:
    """A threshold with its metric; one whose metric has no sample stands by itself."""
    name = _name(clause["metric"], clause["label"])
    name = name if scenario is None else _scenario(name, scenario)
    metrics.setdefault(name, {}).setdefault("thresholds", {})[clause["text"]] = clause["state"] != "ok"


def _root_group(runs: Sequence[Mapping[str, Rebuilt]]) -> dict[str, Any]:
    checks: dict[str, Any] = {}
    for name in sorted({name for run in runs for name in run if name.startswith(_CHECK)}):
        whole = added([run[name] for run in runs if name in run])
        label = name.removeprefix(_CHECK)
        if isinstance(whole, Rate):
            figures = {"passes": whole.true, "fails": whole.samples - whole.true}
            checks[label] = {"name": label, "path": f"::{label}", "id": _identity(f"::{label}"), **figures}
    return {"name": "", "path": "", "id": _identity(""), "groups": {}, "checks": checks}


def _identity(path: str) -> str:
    """k6's identity of a group or a check: nothing secret, so that MD5 will do."""
    return md5(path.encode(), usedforsecurity=False).hexdigest()
