"""Every hook. Loaded in every pytest run of everyone who installed us, so it imports nothing but pytest and the options:

each hook asks a cheap question first, and only a run that has a marked test, or uses one of our fixtures, imports the rest.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_cio_load.fixtures import cio, cio_app, cio_batch, cio_fake, cio_load, cio_queue, cio_scale, cio_sync, cio_target
from pytest_cio_load.options import MARKERS, REPORTS, add_options

if TYPE_CHECKING:
    import warnings
    from collections.abc import Generator

__all__ = ["cio", "cio_app", "cio_batch", "cio_fake", "cio_load", "cio_queue", "cio_scale", "cio_sync", "cio_target"]

MARK, SCALE_MARK = "cio_load", "cio_scale"
FIXTURES = frozenset(__all__) - {"cio_scale"}
UNTOLD = pytest.StashKey[list[dict[str, Any]]]()
"""Runs that Ctrl-C ended: pytest writes no report of their tests."""

def pytest_addoption(parser: pytest.Parser) -> None:
    """Options ``--cio-…`` with their ini twins ``cio_…``."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known; refuse contracts of the command line and the ini file that are none.

    Here, because what a worker of pytest-xdist refuses while it collects is not told by anyone.
    """
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if _drives_unmarked(config):
        from pytest_cio_load.collecting import read_specs

        read_specs(config)
    if config.getoption("cio_compare_fail") is not None:
        from pytest_cio_load.comparing import Comparing

        Comparing.of(config)  # a gate that makes no sense is better told now
    if config.getoption("cio_otel") or config.getoption("cio_prometheus") is not None:
        from pytest_cio_load.observing import begin

        begin(config)
    if config.getini("cio_block_network"):
        from pytest_cio_load.blocking import block

        block(config)


def _drives_unmarked(config: pytest.Config) -> bool:
    return config.getoption("cio_load") is not None or bool(config.getini("cio_load"))


def pytest_report_header(config: pytest.Config) -> str:
    """One line: what marked tests will do."""
    said = [f"mode={config.getoption('cio_load_mode')}"]
    for name in ("target", "clock", "latency", "seed", "workspace_limit", "uvloop"):
        value = config.getoption(f"cio_{name}") or config.getini(f"cio_{name}")
        if value or name == "target":
            said.append(f"{name}={value or 'mock'}")
    if config.getoption("cio_otel") or config.getoption("cio_prometheus") is not None:
        from pytest_cio_load.observing import where

        said += [f"observed at {place}"] if (place := where(config)) else []
    return "cio-load: " + ", ".join(said)


def _is_ours(item: pytest.Item) -> bool:
    marked = item.get_closest_marker(MARK) is not None or not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
    return marked or hasattr(item, "cio_load_case")  # a fixture of ours that was asked for as late as in the body


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> None:
    """Give marked async tests the ``asyncio`` mark that pytest-asyncio's strict mode wants: ours says enough."""
    function = getattr(obj, "__func__", obj)
    marks = {mark.name for mark in getattr(function, "pytestmark", ())}
    if not inspect.iscoroutinefunction(function) or not collector.funcnamefilter(name):
        return
    driven = MARK in marks or collector.get_closest_marker(MARK) is not None or collector.config.getoption("cio_load") is not None
    others = ("asyncio", "anyio", "trio")
    if not driven or marks.intersection(others) or any(collector.get_closest_marker(other) for other in others):
        return
    if collector.config.pluginmanager.hasplugin("asyncio") and not _anyio_takes_all(collector.config):
        pytest.mark.asyncio(function)


def _anyio_takes_all(config: pytest.Config) -> bool:
    try:
        return bool(config.getini("anyio_mode") == "auto")
    except (KeyError, ValueError):  # anyio's plugin is not there
        return False


@pytest.hookimpl(wrapper=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Generator[None, object, object]:
    """While a load on the wall clock is collected, tell pytest-asyncio, which asks then, to make uvloop's loop for it."""
    if metafunc.definition.get_closest_marker(MARK) is None and not _drives_unmarked(metafunc.config):
        return (yield)
    from pytest_cio_load.collecting import loop_chosen

    with loop_chosen(metafunc.definition):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Check every contract as it is collected; a bad one is a collection error that names the test."""
    report = yield
    items = [node for node in report.result or () if isinstance(node, pytest.Function)]
    if not items:
        return report
    if _drives_unmarked(collector.config):
        from pytest_cio_load.collecting import mark_unmarked

        mark_unmarked(collector.config, items)
    marked = [item for item in items if item.get_closest_marker(MARK) is not None]
    if marked:
        from pytest_cio_load.collecting import check

        told = check(marked)
        if told:
            report.outcome, report.longrepr, report.result = "failed", told, []
    scaled = [item for item in items if item.get_closest_marker(SCALE_MARK) is not None]
    if scaled:
        from pytest_cio_load.replays import check as check_scale

        told = check_scale(scaled)
        if told:
            report.outcome, report.longrepr, report.result = "failed", told, []
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``--cio-load-mode=skip``."""
    if config.getoption("cio_load_mode") == "skip":
        for item in items:
            if item.get_closest_marker(MARK) is not None:
                item.add_marker(pytest.mark.skip(reason="--cio-load-mode=skip"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Which tests run together is known: let uvloop's loops stand beside the others, or not."""
    uvloops = sys.modules.get("pytest_cio_load.uvloops")
    if uvloops is not None:
        uvloops.settle(session)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """The plan: what load the selected tests will make."""
    marked = [item for item in items if isinstance(item, pytest.Function) and item.get_closest_marker(MARK) is not None]
    if not marked or config.getoption("cio_load_mode") != "load":
        return []
    from pytest_cio_load.session import plan

    full = bool(config.getoption("collectonly"))
    return plan(marked, full=full) if full or config.option.verbose >= 0 else []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Put the driver in the place of the test's function, so that whichever plugin runs async tests runs it in its own loop."""
    if not isinstance(item, pytest.Function):
        return (yield)
    if _is_ours(item):
        from pytest_cio_load.session import conduct

        with conduct(item, untold=item.config.stash.setdefault(UNTOLD, [])):
            result = yield
    else:
        result = yield
    if item.get_closest_marker(SCALE_MARK) is not None:
        from pytest_cio_load.replays import judge

        judge(item)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Keep nothing of a test that is over: its run is in its report, and plugins that run it again get a run of its own."""
    try:
        return (yield)
    finally:
        if isinstance(item, pytest.Function) and _is_ours(item):
            from pytest_cio_load.session import forget

            forget(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send the run home with the report, and let the contract's own text be the failure's text."""
    report = yield
    if isinstance(item, pytest.Function) and _is_ours(item):
        from pytest_cio_load.session import attach

        attach(item, call, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A failure that crossed from a pytest-xdist worker arrives as bare text; give it back its colours and its headline."""
    document = getattr(report, MARK, None)
    if document is not None and report.failed and isinstance(report.longrepr, str) and report.when == "call":
        from pytest_cio_load.reports.terminal import Telling

        report.longrepr = cast("Any", Telling(document))


@pytest.hookimpl(tryfirst=True)
def pytest_warning_recorded(warning_message: warnings.WarningMessage) -> None:
    """Hide in warnings, too, what was sent to a real workspace."""
    secrets = sys.modules.get("pytest_cio_load.safety.secrets")
    if secrets is not None:
        said = str(warning_message.message)
        hidden = secrets.hide_all(said)
        if hidden != said:
            warning_message.message = warning_message.category(hidden)


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """An inconclusive run is an error, not a failure: it says nothing about the target."""
    document = getattr(report, MARK, None)
    if document is None or not report.failed or getattr(report, "wasxfail", None) is not None or document["verdict"] != "inconclusive":
        return None
    return "error", "I", ("INCONCLUSIVE", {"red": True})


def _documents(reporter: pytest.TerminalReporter) -> list[dict[str, Any]]:
    reports = (report for reports in reporter.stats.values() for report in reports)
    return [document for report in reports if (document := getattr(report, MARK, None)) is not None]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line per contract."""
    if config.getini("cio_block_network"):
        from pytest_cio_load.blocking import tell

        tell(terminalreporter)
    if config.getoption("cio_otel") or config.getoption("cio_prometheus") is not None:
        from pytest_cio_load.observing import tell as tell_of_observers

        tell_of_observers(config, terminalreporter)
    documents, untold = _documents(terminalreporter), config.stash.get(UNTOLD, [])
    if documents or untold:
        from pytest_cio_load.reports.closing import summarize

        summarize(terminalreporter, [*documents, *untold], untold)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Reports that are files: written where the terminal is, so in pytest-xdist's controller and not in its workers."""
    config, reporter = session.config, session.config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    if config.getoption("cio_plan") and session.testscollected:
        from pytest_cio_load.plans import write_plan

        write_plan(config, [report for reports in reporter.stats.values() for report in reports])
    if left := _left_behind(config, reporter):
        for line in left:
            reporter.ensure_newline()
            reporter.write_line(line, red=True)
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    documents = [*_documents(reporter), *config.stash.get(UNTOLD, [])]
    wanted = {kind: path for kind in REPORTS if (path := config.getoption(f"cio_{kind.replace('-', '_')}"))}
    if not wanted and not documents:
        return
    from pytest_cio_load.reports.writing import tell_github, write_all

    told = write_all(wanted, documents)
    for line in (*told, *tell_github(documents, str(config.rootpath))):
        reporter.ensure_newline()
        reporter.write_line(line, red=line in told)
    if told:  # raised, it would take the summary of all that was measured with it
        session.exitstatus = session.exitstatus or pytest.ExitCode.USAGE_ERROR


def _left_behind(config: pytest.Config, reporter: pytest.TerminalReporter) -> list[str]:
    """Whose people may be left in a real workspace. Skipped, expected and repeated failures have none to tell it but this."""
    reports = [report for reports in reporter.stats.values() for report in reports]
    if "pytest_cio_load.session" not in sys.modules and not any(hasattr(report, "cio_cleanup") for report in reports):
        return []
    from pytest_cio_load.session import left_behind

    return left_behind(config, reports)
