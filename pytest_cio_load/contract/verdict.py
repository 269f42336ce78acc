"""Whether a contract was kept: kept, broken, or inconclusive. Pure: a contract and a summary in, a verdict out.

Inconclusive is not a soft failure. It says that this run cannot tell, so that neither "kept" nor "the target is slow" may be concluded:

- nothing was measured, or the run ended before its schedule did;
- the load generator was late itself, so that the load was not the one that was promised;
- a clause has no sample, or asks a percentile that so few samples cannot support.

A clause that is broken on enough evidence breaks the contract even if another clause cannot be judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pytest_cio_load.metrics.kinds import CONNECTION_WAITS
from pytest_cio_load.units import show_count, show_ms

if TYPE_CHECKING:
    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.contract.threshold import Threshold
    from pytest_cio_load.metrics.measured import Measured
    from pytest_cio_load.metrics.summary import Summary

GUARD = "on_time"
"""The metric that says whether the generator kept to the schedule: its clause can make a run inconclusive, never broken."""

UNTOLD = "choose a wire that tells of it (--cio-wire=direct); the mock has no connections, and plain http no handshakes"
"""What to do when nothing is known of what connections cost."""

LEAST_TOLERANCE_MS = 20.0
UNBOUNDED_TOLERANCE_MS = 50.0


class Outcome(Enum):
    """What a verdict says."""

    KEPT = "kept"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"


class State(Enum):
    """What was found about one clause."""

    OK = "ok"
    BROKEN = "broken"
    NO_SAMPLES = "no samples"
    TOO_FEW = "too few samples"


@dataclass(frozen=True, slots=True)
class Finding:
    """One clause, judged.

    Attributes:
        threshold: the clause.
        state: ok, broken, no samples, or too few.
        value: what was measured, in the threshold's unit; None without a sample.
        samples: how many samples it rests on.
        aborted: whether this clause ended the run.
    """

    threshold: Threshold
    state: State
    value: float | None
    samples: int
    aborted: bool = False

    @property
    def shown(self) -> str:
        """The value as text: "612 ms", "0.2%", "17"; "–" without one."""
        return "–" if self.value is None else self.threshold.show(self.value)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a run is inconclusive, and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict with everything it rests on."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    reasons: tuple[Reason, ...]

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The clauses that were broken."""
        return tuple(finding for finding in self.findings if finding.state is State.BROKEN)

    @property
    def headline(self) -> str:
        """One line: "contract broken: response p(95) 612 ms, promised p(95)<500"."""
        if self.outcome is Outcome.KEPT:
            return f"contract kept: {len(self.findings)} of {len(self.findings)} promises"
        if self.outcome is Outcome.INCONCLUSIVE:
            return f"inconclusive: {self.reasons[0].what}"
        first = self.broken[0]
        more = f", and {len(self.broken) - 1} more" if len(self.broken) > 1 else ""
        return f"contract broken: {first.threshold.metric} {first.threshold.label} was {first.shown}, promised {first.threshold.text}{more}"


_NOTHING_CALLED = Reason(
    "no call to Customer.io was made, though the test holds the client",
    "await what cio gives: `await cio.identify(…)`; or take the client out of the test",
)
_NOTHING_TOOK_TIME = Reason(
    "in virtual time every iteration took 0 ms: nothing it did waits, and CPU time does not count there",
    "use clock='wall' to measure CPU work, or give the mock a latency",
)


def lag_tolerance(contract: Contract) -> float:
    """How late, in ms, the generator may begin an iteration that still counts as on time.

    A tenth of the tightest bound on response time, at least 20 ms; 50 ms where response time has no bound. Lag is part of response time,
    so lateness within this cannot decide a verdict that is not within a tenth of its bound.
    """
    bounds = [t.bound for t in contract.thresholds if t.metric == "response" and t.operator in ("<", "<=") and t.aggregation != "count"]
    return max(LEAST_TOLERANCE_MS, min(bounds) / 10) if bounds else UNBOUNDED_TOLERANCE_MS


def find(threshold: Threshold, summary: Summary, *, aborted: bool = False) -> Finding:
    """Judge one clause."""
    samples = summary.samples(threshold.metric)
    if not samples:
        return Finding(threshold, State.NO_SAMPLES, None, 0)
    value = summary.read(threshold.metric, threshold.aggregation, threshold.percentile)
    if samples < threshold.minimum_samples:
        return Finding(threshold, State.TOO_FEW, value, samples)
    state = State.OK if threshold.holds(value) and not aborted else State.BROKEN
    return Finding(threshold, state, value, samples, aborted)


def judge(
    contract: Contract,
    summary: Summary,
    *,
    clock: str = "wall",
    calls_expected: bool = False,
    aborted_by: Threshold | None = None,
) -> Verdict:
    """Judge a run.

    Args:
        contract: what was promised.
        summary: what was measured.
        clock: "wall" or "virtual".
        calls_expected: whether the body holds our client, and so is expected to call Customer.io.
        aborted_by: the clause that ended the run early, which is broken whatever it reads now.
    """
    findings = tuple(find(clause, summary, aborted=clause is aborted_by) for clause in contract.thresholds if clause.metric != GUARD)
    guards = tuple(find(clause, summary) for clause in contract.thresholds if clause.metric == GUARD)
    whole_run = tuple(_about_the_run(contract, summary, guards, aborted=aborted_by is not None))
    # To enqueue takes no time where the queue is in memory; what is measured then is what became of its jobs.
    took_time = summary.read("response", "max") or summary.samples("drain_time")
    if clock == "virtual" and summary.samples("response") and not took_time:
        whole_run += (_NOTHING_TOOK_TIME,)
    if calls_expected and summary.samples("response") and not summary.read("calls", "count"):
        whole_run += (_NOTHING_CALLED,)
    clauses = tuple(_about_clauses(findings))
    broken = any(finding.state is State.BROKEN for finding in findings)
    if whole_run or (clauses and not broken):
        return Verdict(Outcome.INCONCLUSIVE, findings + guards, whole_run + clauses)
    return Verdict(Outcome.BROKEN if broken else Outcome.KEPT, findings + guards, clauses)


def _about_the_run(contract: Contract, summary: Summary, guards: tuple[Finding, ...], *, aborted: bool) -> list[Reason]:
    reasons: list[Reason] = []
    if summary.end == "cut short":
        reasons.append(Reason(f"the run was cut short: {summary.reason}", "let it run to its end"))
    elif summary.seen < summary.planned and not aborted:
        missing = f"{show_count(summary.planned - summary.seen)} of {show_count(summary.planned)} planned iterations never fell due"
        reasons.append(Reason(f"the run did not get through its schedule: {missing}", "let it run to its end"))
    if not summary.samples("response"):
        reasons.append(Reason("no iteration was measured", _remedy_for_nothing(summary)))
        return reasons
    return reasons + [_saturated(contract, summary, guard) for guard in guards if guard.state is State.BROKEN]


def _remedy_for_nothing(summary: Summary) -> str:
    if summary.warmup.iterations:
        return "every iteration fell due in the warmup: make it shorter, or the run longer"
    return "raise max_in_flight, the rate or the duration, until at least one iteration begins"


def _saturated(contract: Contract, summary: Summary, guard: Finding) -> Reason:
    lag = summary.read("lag", "p", 99)
    what = (
        f"the load generator was saturated: {guard.shown} of the iterations began within {show_ms(lag_tolerance(contract))} "
        f"of when they were due, {guard.threshold.text} is needed (lag p(99) {show_ms(lag)})"
    )
    remedy = (
        "what was measured is this process as much as the target: lower the rate, take CPU work out of the body, "
        "or spread the load over more processes"
    )
    return Reason(what, remedy)


def _about_clauses(findings: tuple[Finding, ...]) -> list[Reason]:
    reasons: list[Reason] = []
    for finding in findings:
        name, text = finding.threshold.metric, finding.threshold.text
        if finding.state is State.NO_SAMPLES:
            remedy = f"{UNTOLD if name in CONNECTION_WAITS else f'let the body record {name!r}'}, or take the promise out"
            reasons.append(Reason(f"{name} {text}: no samples", remedy))
        elif finding.state is State.TOO_FEW:
            needed = show_count(finding.threshold.minimum_samples)
            what = f"{name} {text}: {show_count(finding.samples)} samples cannot support {finding.threshold.label}, which needs {needed}"
            reasons.append(Reason(what, "run longer or at a higher rate, or promise a lower percentile or max"))
    return reasons


def breaks_now(threshold: Threshold, metric: Measured | None, elapsed: float) -> bool:
    """Whether a clause marked to abort the run is broken already, *elapsed* seconds into it.

    A percentile is not asked before there are enough samples for it. A count only grows, so a count that is still too low may yet be
    reached, and is no reason to end the run.
    """
    if not threshold.abort_on_fail or elapsed < threshold.delay_abort or metric is None or metric.samples < threshold.minimum_samples:
        return False
    value = metric.read(threshold.aggregation, threshold.percentile, elapsed)
    if threshold.aggregation == "count" and threshold.operator in (">", ">=", "==") and value <= threshold.bound:
        return False
    return not threshold.holds(value)
