"""Before a load goes to a real workspace: what it will do there, and the checklist, of which no line is left to the reader."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.guard import Plan, Standing
from pytest_cio_load.safety.ledgers import ledgers_in
from pytest_cio_load.units import show_count, show_duration, show_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

BASELINES = ".cio-load/baselines"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the checklist.

    Attributes:
        done: whether it is seen to.
        what: what it is about.
        said: what was found.
        remedy: the nearest fix, or "" when it is done.
    """

    done: bool
    what: str
    said: str
    remedy: str = ""

    def describe(self) -> str:
        """One line of text."""
        fix = f"; {self.remedy}" if self.remedy else ""
        return f"{'done' if self.done else 'not done':<9}  {self.what}: {self.said}{fix}"


def total(tests: Sequence[Mapping[str, Any]]) -> Plan:
    """What all tests together will do.

    Args:
        tests: as ``--cio-plan`` writes them: ``rate``, ``iterations``, ``calls`` in one iteration, ``people``, ``seconds``.
    """
    return Plan(
        rate=max((test["rate"] for test in tests), default=0.0),
        calls=sum(calls_of(test) for test in tests),
        people=sum(test["people"] for test in tests),
        seconds=sum(test["seconds"] for test in tests),
    )


def calls_of(test: Mapping[str, Any]) -> int:
    """Calls that a test will make: of one iteration as it was tried, times all; one each where that is not known."""
    return int(test["iterations"] * (test["calls"] or 1))


def plan_lines(tests: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The plan: a line per test, and what it comes to."""
    for test in tests:
        tried = "" if test["passed"] else " (it failed when it was tried once on the mock: its calls are not known)"
        yield (
            f"  {test['test']}: {test['profile']}, {show_count(test['iterations'])} iterations, {show_count(calls_of(test))} calls, "
            f"{show_count(test['people'])} people{tried}"
        )
    plan = total(tests)
    yield (
        f"  in all: {show_count(plan.calls)} calls at up to {show_rate(plan.rate)} iterations, {show_duration(plan.seconds)}, "
        f"{show_count(plan.people)} people"
    )
    yield f"  cost: {show_count(plan.people)} profiles, which count in the current billing cycle even though they are deleted again"


def checklist(standings: Sequence[Standing], tests: Sequence[Mapping[str, Any]], *, root: Path, ledgers: Path) -> list[Line]:
    """Every line of the checklist.

    Args:
        standings: how the guard's rules stand.
        tests: as of `total`.
        root: the project's folder.
        ledgers: the folder of the ledgers.
    """
    unmet = [standing.rule for standing in standings if standing.state != "met"]
    said = f"the guard says no: {', '.join(unmet)}" if unmet else "every rule of the guard is met"
    return [
        Line(not unmet, "staging, not production", said, "see the rules above" if unmet else ""),
        _tests("start at 10 % of the rate", tests, lambda test: test["ramps_up"], "add warmup_ramp=True to the marker"),
        _tests("watch 429s", tests, _bounds("rate_limited"), "add thresholds={'rate_limited': 'count==0'}"),
        _tests("watch processing lag", tests, _bounds("processing_lag"), "add thresholds={'processing_lag': 'p(95)<30s'}"),
        _cleaned(ledgers),
        _baselines(tests, root / BASELINES),
    ]


def _bounds(metric: str) -> Any:
    return lambda test: metric in test["bounds"]


def _tests(what: str, tests: Sequence[Mapping[str, Any]], holds: Any, remedy: str) -> Line:
    if not tests:
        return Line(False, what, "no marked test was found", "name a file with one: cio-load check tests/load")
    missing = [str(test["test"]) for test in tests if not holds(test)]
    if not missing:
        return Line(True, what, f"{_all(len(tests))} of the tests" if len(tests) > 1 else "the test does")
    return Line(False, what, f"not in {_listed(missing)}", remedy)


def _all(number: int) -> str:
    return "both" if number == 2 else f"all {number}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _cleaned(folder: Path) -> Line:
    what = "clean up and verify"
    try:
        due = [entry for entry in ledgers_in(folder) if not entry.is_cleaned]
    except LedgerError as error:
        return Line(False, what, str(error), "see to that first")
    left, live = [entry.run for entry in due if not entry.is_live], [entry.run for entry in due if entry.is_live]
    if left:
        more = f"; run {_listed(live)} goes on" if live else ""
        return Line(False, what, f"people may be left of {_listed(left)}{more}", "run: cio-load cleanup")
    if live:
        return Line(False, what, f"run {_listed(live)} goes on", "wait until it has ended and cleaned up")
    return Line(True, what, "nobody is left of an earlier run; each run cleans up after itself")


def _baselines(tests: Sequence[Mapping[str, Any]], folder: Path) -> Line:
    kept = set(_tests_with_baseline(folder.rglob("*.json") if folder.is_dir() else ()))
    return _tests("keep the baseline", tests, lambda test: test["test"] in kept, "run on the mock or the fake with --cio-save")


def _tests_with_baseline(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        try:
            content = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(content, dict):
            found = content.get("document", content)
            if isinstance(found, dict) and isinstance(found.get("test"), str):
                yield found["test"]
