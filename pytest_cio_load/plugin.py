"""Every hook and option. Loaded in every pytest run of everyone who installed us, so it imports nothing but pytest:

each hook asks a cheap question first, and only a run that has a marked test, or uses one of our fixtures, imports the rest.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_cio_load.fixtures import cio, cio_app, cio_batch, cio_fake, cio_load, cio_queue, cio_scale, cio_sync, cio_target

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["cio", "cio_app", "cio_batch", "cio_fake", "cio_load", "cio_queue", "cio_scale", "cio_sync", "cio_target"]

MARK, SCALE_MARK = "cio_load", "cio_scale"
FIXTURES = frozenset(__all__) - {"cio_scale"}
UNTOLD = pytest.StashKey[list[dict[str, Any]]]()
"""Runs that Ctrl-C ended: pytest writes no report of their tests."""

_MARKER_HELP = (
    "cio_load(*, rate, duration | start_rate, stages, arrivals, p50..p999, mean, max, errors, dropped, thresholds, abort_on_fail, "
    "delay_abort, max_in_flight, on_saturation, warmup, graceful_stop, timeout, seed, target, clock, latency, metrics): "
    "drive the test's body as an open-model load and hold it to these promises."
)
_WORKSPACE_HELP = (
    "cio_workspace(*, limit, pace, over_budget, region, timeout, workspaces, processing_lag): what cio, cio_sync and the fake "
    "stand for, how long a request may take, and how many such workspaces share the people."
)
_QUEUE_HELP = (
    "cio_queue(*, engine, workers, processes, concurrency, batch, linger, shards, max_depth, when_full, attempts, backoff, drain): "
    "the pipeline that the fixture cio_queue stands for."
)
_SCALE_HELP = (
    "cio_scale(*, hpa, traffic, limit, per_pod, rtt, batch, workspaces, max_depth, drain_time, pod_hours, flaps, …): "
    "replay an autoscaler against traffic and hold it to these promises."
)

_SETTINGS = {
    "target": "What calls reach: mock (default), fake (the same, served on loopback) or the URL of a server on loopback",
    "clock": "virtual (default where the mock is used), or wall",
    "latency": "The mock's latency: 40ms (default), lognormal(p50=40ms,p99=180ms), uniform(10ms,50ms)",
    "seed": "Seed of arrivals, latency, jitter and cio_load.rng (default: made from the test's name)",
    "workspace_limit": "Requests per second that the workspace declares as its budget (default: 100)",
    "over_budget": "What the mock does over its budget: accept (default), reject, throttle or drop",
    "region": "The account's region: us (default) or eu",
    "wire": "What carries requests to a server: auto (default), pyreqwest, aiohttp or httpx",
    "timeout": "How long one request may wait for its answer (default: 10s)",
    "queue_engine": "What keeps the jobs of cio_queue: memory (default), embedded, or the URL of a Redis or Kafka on loopback",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options ``--cio-…`` with their ini twins ``cio_…``."""
    group = parser.getgroup("cio-load", "performance contracts for Customer.io")
    group.addoption(
        "--cio-load-mode",
        choices=("load", "once", "skip"),
        default="load",
        help="load: drive marked tests as a load (default); once: run each once, as a functional test; skip: skip them",
    )
    group.addoption(
        "--cio-load",
        metavar="SPEC",
        help="Drive every selected test that has no marker, as in --cio-load='80/s,60s,p(95)<500'",
    )
    for name, text in _SETTINGS.items():
        group.addoption(f"--cio-{name.replace('_', '-')}", dest=f"cio_{name}", metavar=name.split("_")[-1].upper(), help=text)
        parser.addini(f"cio_{name}", text, default="")
    group.addoption("--cio-json", metavar="FILE", help="Write every run, with its histograms, to FILE")
    patterns = "Contracts of unmarked tests, a line each: PATTERN = SPEC, as in tests/test_api.py::* = 80/s,60s"
    parser.addini("cio_load", patterns, type="linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known; refuse contracts of the command line and the ini file that are none.

    Here, because what a worker of pytest-xdist refuses while it collects is not told by anyone.
    """
    config.addinivalue_line("markers", _MARKER_HELP)
    config.addinivalue_line("markers", _WORKSPACE_HELP)
    config.addinivalue_line("markers", _QUEUE_HELP)
    config.addinivalue_line("markers", _SCALE_HELP)
    if _drives_unmarked(config):
        from pytest_cio_load.collecting import read_specs

        read_specs(config)


def _drives_unmarked(config: pytest.Config) -> bool:
    return config.getoption("cio_load") is not None or bool(config.getini("cio_load"))


def pytest_report_header(config: pytest.Config) -> str:
    """One line: what marked tests will do."""
    said = [f"mode={config.getoption('cio_load_mode')}"]
    for name in ("target", "clock", "latency", "seed", "workspace_limit"):
        value = config.getoption(f"cio_{name}") or config.getini(f"cio_{name}")
        if value or name == "target":
            said.append(f"{name}={value or 'mock'}")
    return "cio-load: " + ", ".join(said)


def _is_ours(item: pytest.Item) -> bool:
    return item.get_closest_marker(MARK) is not None or not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


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
    if call.when == "call" and isinstance(item, pytest.Function) and _is_ours(item):
        from pytest_cio_load.session import attach

        attach(item, call, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A failure that crossed from a pytest-xdist worker arrives as bare text; give it back its colours and its headline."""
    document = getattr(report, MARK, None)
    if document is not None and document["verdict"] != "kept" and isinstance(report.longrepr, str):
        from pytest_cio_load.reports.terminal import Telling

        report.longrepr = cast("Any", Telling(document))


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
    documents, untold = _documents(terminalreporter), config.stash.get(UNTOLD, [])
    if documents or untold:
        from pytest_cio_load.reports.closing import summarize

        summarize(terminalreporter, [*documents, *untold], untold)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """``--cio-json``: written where the terminal is, so in pytest-xdist's controller and not in its workers."""
    path, reporter = session.config.getoption("cio_json"), session.config.pluginmanager.getplugin("terminalreporter")
    if path and reporter is not None and not hasattr(session.config, "workerinput"):
        from pytest_cio_load import __version__
        from pytest_cio_load.reports.file import write_json

        try:
            write_json(path, [*_documents(reporter), *session.config.stash.get(UNTOLD, [])], version=__version__)
        except OSError as error:  # raised on, it would take the summary of all that was measured with it
            reporter.ensure_newline()
            told = f"--cio-json={path!r}: got {error.strerror}, expected a file that can be written, such as 'runs.json'"
            reporter.write_line(told, red=True)
            session.exitstatus = session.exitstatus or pytest.ExitCode.USAGE_ERROR
