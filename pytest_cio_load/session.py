"""Where pytest meets a case: the driver is put in the place of a test's function, and the run goes home with the test's report.

The driver is of the same kind as the function, ``async def`` or ``def``, so whichever plugin runs async tests runs the driver in its own
loop, and fixtures and iterations share that loop.
"""

from __future__ import annotations

import asyncio
import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_cio_load.case import LET_THROUGH, Case
from pytest_cio_load.collecting import contract_of, runs_own_loop, settings_of
from pytest_cio_load.driving import own_loop, run_async, run_sync
from pytest_cio_load.errors import CleanupFailed, ContractBroken, Inconclusive, SafetyError
from pytest_cio_load.measurement import count_planned
from pytest_cio_load.plans import as_values, planned
from pytest_cio_load.reports.hiding import hide
from pytest_cio_load.reports.terminal import Telling
from pytest_cio_load.units import show_count
from pytest_cio_load.uvloops import remarks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.reports.document import Document
    from pytest_cio_load.safety.secrets import Secrets
    from pytest_cio_load.settings import Settings

_CASE = pytest.StashKey[Case]()
_SECRETS: pytest.StashKey[Secrets | None] = pytest.StashKey()
"""What no report of a test may show, kept beyond its case: a report of its teardown comes after that."""
LEFT: pytest.StashKey[list[str]] = pytest.StashKey()
"""Of tests that Ctrl-C ended, and that no report is written of: whose people may be left in a real workspace."""
_NOT_RUN = (
    "inconclusive: no load was made: a plugin took the test without calling it, expected a call; "
    "find it with --trace-config, and keep it away from this test"
)


def case_of(item: pytest.Function) -> Case:
    """The case of an item; made once."""
    if _CASE not in item.stash:
        item.stash[_CASE] = Case(item, contract_of(item), settings_of(item))
        vars(item)["cio_load_case"] = True
    return item.stash[_CASE]


def forget(item: pytest.Function) -> None:
    """Let the case of an item go: recorder, fake and clients. The item may be run again, as a new case."""
    if _CASE in item.stash:
        item.stash[_SECRETS] = item.stash[_CASE].secrets
        del item.stash[_CASE]


@contextmanager
def conduct(item: pytest.Function, *, untold: list[Document]) -> Iterator[None]:
    """Put the driver in the place of the test's function while the item is called. A run that Ctrl-C ends is added to *untold*."""
    case, body = case_of(item), item.obj

    async def drive(**arguments: Any) -> None:
        __tracebackhide__ = True
        await run_async(case, body, arguments)

    def drive_alone(**arguments: Any) -> None:
        __tracebackhide__ = True
        with asyncio.Runner(loop_factory=own_loop(case)) as runner:
            runner.run(run_async(case, body, arguments))

    def drive_sync(**arguments: Any) -> None:
        __tracebackhide__ = True
        run_sync(case, body, arguments)

    driver = drive_sync if not case.is_async else drive_alone if runs_own_loop(item) else drive
    item.obj = functools.wraps(body)(driver)
    try:
        yield
        if case.drives and case.document is None and getattr(item, "_excinfo", None) is None:  # unittest keeps what it caught there
            raise Inconclusive(_NOT_RUN)
    except LET_THROUGH:
        raise
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        said = str(error) if case.secrets is None else case.secrets.hide(str(error))
        case.cut_short("Ctrl-C" if interrupted else f"{type(error).__name__}: {said}")
        if interrupted and case.document is not None:
            untold.append(case.document)
        if interrupted and case.cleanup_failed:
            item.config.stash.setdefault(LEFT, []).append(f"{item.nodeid}: {case.cleanup_failed}")
        raise
    finally:
        item.obj = body


def attach(item: pytest.Function, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Send the run home with the report, let the finding's own text be the failure's text, and hide what no report may show."""
    if call.when == "teardown":
        hide(report, item.stash.get(_SECRETS, None))
        return
    case = case_of(item)
    if call.when == "call" and case.cleanup_failed:
        vars(report)["cio_cleanup"] = f"{item.nodeid}: {case.cleanup_failed}"
    raised = call.excinfo.value if call.excinfo is not None else None
    interrupted = call.excinfo is not None and call.excinfo.errisinstance(KeyboardInterrupt)
    if call.when == "call" and case.document is not None and not interrupted:
        vars(report)["cio_load"] = case.document
    if isinstance(raised, ContractBroken | Inconclusive | CleanupFailed) and case.document is not None:
        report.longrepr = cast("Any", Telling(case.document))
    elif isinstance(raised, SafetyError):
        report.longrepr = cast("Any", f"{type(raised).__name__}: {raised}")
    if call.when == "call" and case.contract is not None and item.config.getoption("cio_plan"):
        vars(report)["cio_plan"] = as_values(planned(item), calls=case.calls, passed=report.passed)
    hide(report, case.secrets)


def plan(items: Sequence[pytest.Function], *, full: bool) -> list[str]:
    """What load *items* will make: one line in all, or with *full* a line for each; and what their size cannot support."""
    total, lines = 0, []
    doubts: list[str] = []
    cases: list[tuple[pytest.Function, Contract, Settings]] = []
    for item in items:
        case = case_of(item)
        if case.contract is None:
            continue
        number = count_planned(case.contract, case.seed)
        total += number
        lines.append(f"  {item.nodeid}: {show_count(number)} iterations, {case.contract.describe()}")
        doubts += _unsupported(item, case.contract, number)
        cases.append((item, case.contract, case.settings))
    head = f"cio-load: {show_count(total)} iterations planned in {show_count(len(items))} contract{'s' * (len(items) != 1)}"
    return [head, *(lines if full else []), *doubts, *remarks(cases)]


def _unsupported(item: pytest.Function, contract: Contract, number: int) -> Iterator[str]:
    """Percentiles of response time that so few iterations cannot support: better said before the run than after it."""
    for clause in contract.thresholds:
        if clause.metric == "response" and number < clause.minimum_samples:
            needed = show_count(clause.minimum_samples)
            yield f"  {item.nodeid}: {clause.text} needs {needed} samples, {show_count(number)} are planned: it will be inconclusive"


def left_behind(config: pytest.Config, reports: Sequence[object]) -> list[str]:
    """Whose made-up people may be left in a real workspace, whatever became of the tests themselves; a line each, with the remedy."""
    return [*(left for report in reports if (left := getattr(report, "cio_cleanup", None))), *config.stash.get(LEFT, [])]
