"""The run document: one run as plain values. Everything that is shown or kept is made from it.

Plain, because it crosses from a pytest-xdist worker to its controller inside a test report, and ends in a JSON file. Everything that
depends on the machine or the moment is under ``machine``: two virtual runs with one seed differ nowhere else.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_cio_load.contract.verdict import Outcome
from pytest_cio_load.load.schedule import planned
from pytest_cio_load.metrics.kinds import AGGREGATIONS
from pytest_cio_load.metrics.measured import Trend
from pytest_cio_load.reports.requests import request_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.contract.verdict import Finding, Verdict
    from pytest_cio_load.load.pauses import Pauses
    from pytest_cio_load.metrics.failures import Failure
    from pytest_cio_load.metrics.summary import Summary
    from pytest_cio_load.metrics.timeline import Mark

SCHEMA = 2
"""1 had no ``timeline``, no ``samples`` of failures, and no ``fingerprint`` of the machine."""

TREND_COLUMNS = ("avg", "min", "med", "p(90)", "p(95)", "p(99)", "max")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One contract's run, with its verdict and the circumstances.

    Attributes:
        test: the node id.
        location: "tests/test_x.py:12".
        contract, summary, verdict: what was promised, measured and judged.
        clock: "wall" or "virtual".
        target: "mock", a URL, or "none" when the test uses none of our fixtures.
        seed: of arrivals, latency, jitter and the iterations' random numbers.
        max_in_flight: the limit in force.
        started_at: ISO 8601, UTC.
        real_seconds, cpu_seconds: what the run took of this machine.
        delivery: what the fake workspace counted, when it is the target.
        cleanup: how many made-up people were noted, deleted, and could not be.
        notes: sentences the report must not leave out.
        marks: moments to be seen on the timeline, in order of time.
        fingerprint: of the machine; see `machine.fingerprint`.
        pauses: what garbage collections took of it, on the wall clock.
        loop: whose event loop it ran on, "threads" for none, or "".
    """

    test: str
    location: str
    contract: Contract
    summary: Summary
    verdict: Verdict
    clock: str
    target: str
    seed: int
    max_in_flight: int
    started_at: str
    real_seconds: float
    cpu_seconds: float
    delivery: Mapping[str, int] = field(default_factory=dict)
    cleanup: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    pauses: Pauses | None = None
    loop: str = ""


def document(run: Run) -> Document:
    """*run* as nested dicts, lists, texts and numbers. Histograms are HdrHistogram base64."""
    return {
        "schema": SCHEMA,
        "test": run.test,
        "location": run.location,
        "verdict": run.verdict.outcome.value,
        "headline": run.verdict.headline,
        "reasons": [asdict(reason) for reason in run.verdict.reasons],
        "contract": _contract(run),
        "clock": run.clock,
        "target": run.target,
        "thresholds": [_finding(finding) for finding in run.verdict.findings],
        "iterations": _iterations(run),
        "rate": _rate(run.summary),
        "omission_gap_ms": round(run.summary.omission_gap, 3),
        "metrics": {name: _metric(run.summary, name) for name in run.summary.metrics},
        **_timeline(run),
        "failures": [_failure(failure) for failure in run.summary.failures],
        "warmup": {
            "iterations": run.summary.warmup.iterations,
            "failures": [_failure(failure) for failure in run.summary.warmup.failures],
        },
        "delivery": dict(run.delivery),
        "cleanup": dict(run.cleanup),
        "notes": list(run.notes),
        "machine": {
            "started_at": run.started_at,
            "real_seconds": round(run.real_seconds, 3),
            "cpu_seconds": round(run.cpu_seconds, 3),
            **({} if run.pauses is None else {"pauses": _pauses(run.pauses)}),
            **({"loop": run.loop} if run.loop else {}),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            **({"fingerprint": dict(run.fingerprint)} if run.fingerprint else {}),
        },
    }


def _pauses(pauses: Pauses) -> Document:
    """What garbage collections took: ``in_gaps`` are those that were done where nothing was due, and are in none of the others."""
    times = {"total_ms": pauses.total / 1000, "longest_ms": pauses.longest / 1000}
    return {"count": pauses.count, **times, "in_gaps": pauses.in_gaps}


def _timeline(run: Run) -> Document:
    """The run over time, where it was kept."""
    if run.summary.timeline is None:
        return {}
    return {"timeline": {**run.summary.timeline, "marks": [asdict(mark) for mark in run.marks]}}


def _failure(failure: Failure) -> Document:
    told = asdict(failure)
    return told | {"samples": [_failure_sample(sample) for sample in told["samples"]]}


def _failure_sample(told: Document) -> Document:
    """One failed iteration, with the request that its call made: by the operation alone, so that it holds nobody's data."""
    call = told["call"]
    shown = told | {"call": None if call is None else {**call, "request": request_of(call["operation"])}}
    if not shown.get("trace"):
        shown.pop("trace", None)
    return shown


def _contract(run: Run) -> Document:
    contract = run.contract
    return {
        "text": contract.describe(),
        "profile": contract.profile.describe(),
        "planned": planned(contract.profile) if contract.arrivals == "even" else run.summary.planned,
        "duration": float(contract.profile.duration),
        "arrivals": contract.arrivals,
        "max_in_flight": run.max_in_flight,
        "on_saturation": contract.on_saturation,
        "warmup": float(contract.warmup),
        "graceful_stop": float(contract.graceful_stop),
        "timeout": contract.timeout,
        "seed": run.seed,
    }


def _finding(finding: Finding) -> Document:
    threshold = finding.threshold
    return {
        "metric": threshold.metric,
        "text": threshold.text,
        "clause": str(threshold),
        "label": threshold.label,
        "bound": threshold.bound,
        "unit": threshold.unit,
        "state": finding.state.value,
        "value": finding.value,
        "shown": finding.shown,
        "samples": finding.samples,
        "aborted": finding.aborted,
        "origin": threshold.origin,
    }


def _iterations(run: Run) -> Document:
    summary = run.summary
    count = {name: round(summary.read(name, "count")) for name in ("iterations", "dropped", "interrupted", "timed_out", "errors")}
    failed = round(summary.read("errors", "rate") * summary.samples("errors"))
    return {
        "planned": summary.planned,
        "seen": summary.seen,
        "measured": count["iterations"],
        "failed": failed,
        "errors": count["errors"],
        "dropped": count["dropped"],
        "waited": summary.waited,
        "interrupted": count["interrupted"],
        "timed_out": count["timed_out"],
        "ended": summary.end,
        "reason": summary.reason,
    }


def _rate(summary: Summary) -> Document:
    """Iterations begun per second of the measured part of the run."""
    return {"achieved": round(summary.read("iterations", "rate"), 3), "seconds": round(summary.measured, 6)}


def _metric(summary: Summary, name: str) -> Document:
    metric, declared = summary.metrics[name], summary.kinds[name]
    shown: Document = {"kind": declared.kind.value, "unit": declared.unit, "samples": metric.samples}
    if isinstance(metric, Trend):
        for column in TREND_COLUMNS:
            shown[column] = round(read_column(summary, name, column), 3)
        shown["histogram"] = metric.encode()
        return shown
    for aggregation in AGGREGATIONS[metric.kind]:
        shown[aggregation] = round(summary.read(name, aggregation), 6)
    return shown


def read_column(summary: Summary, name: str, column: str) -> float:
    """A trend's column: "avg", or "p(95)"."""
    if column.startswith("p("):
        return summary.read(name, "p", float(column[2:-1]))
    return summary.read(name, column)


def is_kept(doc: Document) -> bool:
    """Whether the verdict in a run document is *kept*."""
    return bool(doc["verdict"] == Outcome.KEPT.value)


def properties(doc: Document) -> list[tuple[str, object]]:
    """The run in a few plain values, for JUnit and whoever reads reports."""
    response = doc["metrics"].get("response", {})
    return [
        ("cio_load.verdict", doc["verdict"]),
        ("cio_load.headline", doc["headline"]),
        ("cio_load.clock", doc["clock"]),
        ("cio_load.target", doc["target"]),
        *((f"cio_load.{name}", doc["iterations"][name]) for name in ("planned", "measured", "failed", "dropped")),
        *((f"cio_load.{name}", response[column]) for name, column in _COLUMNS.items() if response),
    ]


_COLUMNS = {"p95_ms": "p(95)", "p99_ms": "p(99)"}
