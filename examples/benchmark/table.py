"""The results as text: medians of the rounds, beside k6's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from examples.benchmark.arrivals import constant_between
from examples.benchmark.plan import Outcome, Plan

_PEER = "k6"
_HEAD = (
    *("tool", "kept", "CPU µs/call", "× k6's", "with start", "lag p50 ms", "lag p99 ms", "× k6's", "MB"),
    *("told p50 / p95 / p99 ms", "truth p50 / p95 / p99 ms", "constant ms", "off by at most"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one tool's rounds at one rate.

    Attributes:
        tool: its name.
        rounds: how many.
        kept: share of the plan.
        cpu_us: per call.
        cpu_all_us: per call, with the tool's start.
        lag_ms: by "p50" and "p99".
        megabytes: resident.
        told_ms: what it says, by percentile.
        truth_ms: what the server knows.
    """

    tool: str
    rounds: int
    kept: float
    cpu_us: float
    cpu_all_us: float
    lag_ms: Mapping[str, float]
    megabytes: float
    told_ms: Mapping[str, float]
    truth_ms: Mapping[str, float]

    @property
    def constant(self) -> float:
        """Milliseconds that lie between its percentiles and the truth for good: the way there and back, and its own work."""
        return constant_between(self.told_ms, self.truth_ms)

    @property
    def off(self) -> tuple[float, float]:
        """How far its percentiles are from the truth and the constant, the worst of them: in milliseconds, and as a share; NaN for none."""
        real = {name: self.truth_ms[name] + self.constant for name in self.told_ms}
        gaps = {name: abs(self.told_ms[name] - real[name]) for name in real}
        return max(gaps.values(), default=math.nan), max((gaps[name] / real[name] for name in real if real[name]), default=math.nan)


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """A row for each tool, in the order in which they first ran. All outcomes are of one plan."""
    by_tool: dict[str, list[Outcome]] = {}
    for each in outcomes:
        by_tool.setdefault(each.tool, []).append(each)
    return [_row(tool, runs) for tool, runs in by_tool.items()]


def _row(tool: str, runs: Sequence[Outcome]) -> Row:
    def middle(maps: Sequence[Mapping[str, float]]) -> dict[str, float]:
        return {name: median(each[name] for each in maps) for name in maps[0]} if maps else {}

    return Row(
        tool,
        len(runs),
        median(each.kept for each in runs),
        median(each.cpu_us for each in runs),
        median(each.cpu_all_us for each in runs),
        middle([each.lag_ms for each in runs]),
        median(each.megabytes for each in runs),
        middle([each.told.percentiles for each in runs if each.told is not None]),
        middle([each.truth_ms for each in runs]),
    )


def describe(plan: Plan) -> str:
    """The plan in one line."""
    answers = (
        "answers at once" if not plan.delay else f"answers after {plan.delay * 1e3:g} ms{', some 3 and 6 times that' if plan.mixed else ''}"
    )
    frozen = f"; the server stands still from {plan.freeze.at:g} s for {plan.freeze.seconds:g} s" if plan.freeze else ""
    return f"{plan.rate}/s for {plan.seconds:g} s, {answers}{frozen}"


def markdown(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The lines of one plan's table, and what is to be said of it."""
    found = rows(outcomes)
    peer = next((row for row in found if row.tool == _PEER), None)
    yield f"### {describe(plan)}"
    yield ""
    yield "| " + " | ".join(_HEAD) + " |"
    yield "|" + "---|" * len(_HEAD)
    for row in found:
        gap, share = row.off
        off = "–" if math.isnan(gap) else f"{gap:.2f} ms, {share:.1%}"
        cells = (
            row.tool,
            f"{row.kept:.2%}",
            f"{row.cpu_us:.0f}",
            _ratio(row.cpu_us, peer.cpu_us if peer else None),
            f"{row.cpu_all_us:.0f}",
            *_lag(plan, row, peer),
            f"{row.megabytes:.0f}",
            _three(row.told_ms),
            _three(row.truth_ms),
            f"{row.constant:.2f}",
            off,
        )
        yield "| " + " | ".join(cells) + " |"
    yield ""
    yield from _remarks(outcomes)


def _lag(plan: Plan, row: Row, peer: Row | None) -> tuple[str, str, str]:
    """p50, p99, and p99 beside k6's. A server that stands still sees nobody arrive, and cannot tell."""
    if plan.freeze is not None:
        return "–", "–", "–"
    ratio = _ratio(row.lag_ms["p99"], peer.lag_ms["p99"] if peer else None)
    return f"{row.lag_ms['p50']:.3f}", f"{row.lag_ms['p99']:.3f}", ratio


def _remarks(outcomes: Sequence[Outcome]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for each in outcomes:
        for complaint in each.complaints:
            said = f"{each.tool}: {complaint}"
            seen[said] = seen.get(said, 0) + 1
    for said, times in seen.items():
        first, *more = said.strip().splitlines() or [""]
        yield f"- {first}{' …' if more else ''} ({times} of the runs)"
    if seen:
        yield ""


def capacity(found: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """The lines of the table of highest kept rates: of each tool, what every search found."""
    peer = median(found[_PEER]) if found.get(_PEER) else None
    yield "### Highest rate kept: at least 99.5 % of it, lag p99 under 5 ms"
    yield ""
    yield "| tool | calls/s | × k6's | all searches |"
    yield "|---|---|---|---|"
    for tool, rates in found.items():
        yield f"| {tool} | {median(rates):.0f} | {_ratio(median(rates), peer)} | {', '.join(map(str, rates))} |"
    yield ""


def _ratio(value: float, peer: float | None) -> str:
    return f"{value / peer:.2f}" if peer else "–"


def _three(values: Mapping[str, float]) -> str:
    return " / ".join(f"{values[name]:.2f}" for name in ("p50", "p95", "p99")) if values else "–"
