"""What happens at collection: contracts are read from markers and checked, and the plan is told. No load is made here."""

from __future__ import annotations

import inspect
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cio_load.contract.contract import Contract, build, merge, parse_spec
from pytest_cio_load.contract.discovery import discover
from pytest_cio_load.errors import ContractError, Problem
from pytest_cio_load.safety.aim import MOCK, STAGING, problem_with, problem_with_clock
from pytest_cio_load.settings import Settings, read_settings
from pytest_cio_load.targets.target import used_by
from pytest_cio_load.uvloops import answered, is_given, is_wanted, take_back
from pytest_cio_load.uvloops import problems as problems_with_uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cio_load.metrics.kinds import Metric

MARK = "cio_load"
WORKSPACE_MARK, QUEUE_MARK = "cio_workspace", "cio_queue"


def settings_of(item: pytest.Function) -> Settings:
    """The settings of one test. What its contract says of target and latency comes first."""
    settings = read_settings(item.config, _said(item, WORKSPACE_MARK), _said(item, QUEUE_MARK))
    marks = merge([mark.kwargs for mark in item.iter_markers(MARK)])
    target, latency = marks.get("target"), marks.get("latency")
    if target is not None:
        settings = replace(settings, target=str(target))
    if latency is not None:
        settings = replace(settings, latency=latency if isinstance(latency, str) else f"{latency}ms")
    if item.config.getoption("cio_plan"):
        settings = replace(settings, target=MOCK, mode="once")
    return settings


def _said(item: pytest.Function, name: str) -> dict[str, object]:
    """The keywords of all markers of that name; the closest wins."""
    said: dict[str, object] = {}
    for mark in reversed(list(item.iter_markers(name))):
        said.update(mark.kwargs)
    return said


def contract_of(item: pytest.Function) -> Contract | None:
    """The contract of one test, or None when it has no marker. Raises ContractError."""
    marks = list(item.iter_markers(MARK))
    if not marks:
        return None
    positional = [argument for mark in marks for argument in mark.args]
    return build(merge([mark.kwargs for mark in marks]), found=_own_metrics(item), positional=positional)


def _own_metrics(item: pytest.Function) -> dict[str, Metric]:
    """Metrics that the test's file, and the files of the fixtures it uses, record."""
    files = {inspect.unwrap(item.function).__code__.co_filename: None}
    for name in item.fixturenames:
        for definition in item._fixtureinfo.name2fixturedefs.get(name, ()):
            code = getattr(inspect.unwrap(definition.func), "__code__", None)
            if code is not None and not definition.func.__module__.startswith("pytest_cio_load"):
                files[code.co_filename] = None
    return discover(files)


def arguments_of(item: pytest.Function) -> tuple[str, ...]:
    """The fixtures that the test's function itself takes."""
    return tuple(item._fixtureinfo.argnames)


def is_async(item: pytest.Function) -> bool:
    """Whether the test's function is a coroutine function."""
    return inspect.iscoroutinefunction(item.function)


def runs_own_loop(item: pytest.Function) -> bool:
    """Whether no plugin will run this async test in a loop of its own, so that we have to."""
    by_anyio = "anyio_backend" in item.fixturenames and item.config.pluginmanager.hasplugin("anyio")
    return not _is_pytest_asyncios(item) and not by_anyio


def _is_pytest_asyncios(item: pytest.Function) -> bool:
    marked = item.get_closest_marker("asyncio") is not None
    return marked and item.config.pluginmanager.hasplugin("asyncio") and type(item) is not pytest.Function


@contextmanager
def loop_chosen(item: pytest.Function) -> Iterator[None]:
    """While this is open, pytest-asyncio is told what loop to make for *item*, the test before it has its parameters."""
    mark_unmarked(item.config, [item])
    with answered(item.config) if _wants_uvloop(item) else nullcontext():
        yield


def _wants_uvloop(item: pytest.Function) -> bool:
    """Whether pytest-asyncio shall make uvloop's loop for this test; not where its contract makes no sense, which is told later."""
    try:
        contract, settings = contract_of(item), settings_of(item)
    except ContractError:
        return False
    return contract is not None and is_async(item) and is_wanted(item, contract, settings)


def check(items: Sequence[pytest.Function]) -> str:
    """Everything wrong with the contracts of *items*, as the text of a collection error; "" when all are well."""
    told = []
    for item in items:
        if is_given(item) and not _wants_uvloop(item):
            take_back(item)  # a parameter's own marker may say something else than the function's
        problems = list(_problems(item))
        if problems:
            told.append("\n".join([f"{item.nodeid}: bad contract", *(f"  {problem.describe()}" for problem in problems)]))
    return "\n\n".join(told)


def _problems(item: pytest.Function) -> Iterator[Problem]:
    yield from _problems_with_function(item)
    yield from _problems_with_client(item)
    contract, settings = None, None
    try:
        contract = contract_of(item)
    except ContractError as error:
        yield from error.problems
    try:
        settings = settings_of(item)
    except ContractError as error:
        yield from error.problems
    if contract is not None and settings is not None:
        yield from _problems_together(item, contract, settings)


def _problems_with_function(item: pytest.Function) -> Iterator[Problem]:
    function = item.function
    if inspect.isasyncgenfunction(function):
        yield Problem(item.name, "", "a coroutine function, not an async generator", "take the yield out of the test")
    if item.get_closest_marker("trio") is not None or _anyio_backend(item).startswith("trio"):
        yield Problem(item.name, "", "a test on asyncio, not on trio", "use pytest-asyncio, or anyio with the asyncio backend only")
    if getattr(function, "is_hypothesis_test", False):
        yield Problem(item.name, "", "a plain test, not one that Hypothesis runs many times", "take cio_load.rng for random data")


def _problems_with_client(item: pytest.Function) -> Iterator[Problem]:
    """The wrong one of the two clients: one is never awaited, the other stops the loop; either way nothing true is measured."""
    arguments = arguments_of(item)
    if "cio" in arguments and not is_async(item) and not inspect.isasyncgenfunction(item.function):
        yield Problem("cio", "", "an async test, which can await it", "use cio_sync, or make the test async def")
    if not is_async(item) and not inspect.isasyncgenfunction(item.function):
        for name in sorted({"cio_queue", "cio_batch"} & set(item.fixturenames)):
            yield Problem(name, "", "an async test, which can await it", "make the test async def")
    if "cio_sync" in arguments and is_async(item):
        yield Problem("cio_sync", "", "a sync test: it would stop the event loop of this one", "use cio, and await its calls")


def _anyio_backend(item: pytest.Function) -> str:
    callspec = getattr(item, "callspec", None)
    backend = callspec.params.get("anyio_backend", "") if callspec is not None else ""
    return str(backend[0] if isinstance(backend, tuple) else backend)


def _problems_together(item: pytest.Function, contract: Contract, settings: Settings) -> Iterator[Problem]:
    from pytest_cio_load.fake.latency import parse

    wrong = problem_with(settings.target)
    if wrong is not None:
        yield wrong
    if contract.regress is not None:
        yield from _problems_with_regress(contract)
    if settings.target == STAGING and settings.workspaces > 1:
        yield Problem("cio_workspace(workspaces)", repr(settings.workspaces), "one workspace behind the guard", "leave it out")
    if settings.target == STAGING and settings.queue.processes and "cio_queue" in item.fixturenames:
        yield Problem("cio_queue(processes)", "True", "workers in this process, behind the guard", "leave it out")
    if is_async(item):
        yield from problems_with_uvloop(item, contract, settings, by_asyncio=_is_pytest_asyncios(item))
    asked = contract.clock or settings.clock
    if asked == "virtual" and "cio_queue" in item.fixturenames and not settings.queue.skips_time:
        yield Problem("clock", "'virtual'", "cio_queue(engine='memory'): a server answers in real time", "use clock='wall'")
    if settings.queue.processes and settings.target == "mock" and "cio_queue" in item.fixturenames:
        yield Problem("cio_queue(processes)", "True", "a target that other processes can reach, not the mock", "add target='fake'")
    if asked == "virtual":
        yield from _problems_with_virtual_time(item, settings)
    try:
        parse(settings.latency)
    except ValueError as error:
        yield Problem("latency", repr(settings.latency), "a latency model", str(error))


def _problems_with_regress(contract: Contract) -> Iterator[Problem]:
    from pytest_cio_load.baseline.grammar import read_regress
    from pytest_cio_load.contract.marker import Problems
    from pytest_cio_load.metrics.kinds import BUILTIN

    problems = Problems()
    read_regress(contract.regress, problems, {**BUILTIN, **contract.declared})
    try:
        problems.raise_all()
    except ContractError as error:
        yield from error.problems


def _problems_with_virtual_time(item: pytest.Function, settings: Settings) -> Iterator[Problem]:
    if not is_async(item) and not inspect.isasyncgenfunction(item.function):
        yield Problem("clock", "'virtual'", "an async test: threads cannot skip time", "make it async def with cio, or use clock='wall'")
    wrong = problem_with_clock("virtual", settings.target)
    if wrong is not None and used_by(item.fixturenames):
        yield wrong
    if _on_uvloop(item):
        yield Problem("clock", "'virtual'", "asyncio's own event loop, not uvloop", "use clock='wall', or run this test without uvloop")


def _on_uvloop(item: pytest.Function) -> bool:
    """Whether the test will run on uvloop, as far as parameters and the event loop policy in force tell before it runs."""
    callspec = getattr(item, "callspec", None)
    params: dict[str, Any] = callspec.params if callspec is not None else {}
    backend = params.get("anyio_backend")
    if isinstance(backend, tuple) and backend[1].get("use_uvloop"):
        return True
    factory = params.get("_asyncio_loop_factory")
    if getattr(factory, "__module__", "").startswith("uvloop"):
        return True
    definitions = item._fixtureinfo.name2fixturedefs.get("event_loop_policy", ())
    codes = [getattr(definition.func, "__code__", None) for definition in definitions]
    return any(code is not None and "uvloop" in code.co_names for code in codes) or _uvloop_is_policy()


def _uvloop_is_policy() -> bool:
    import asyncio
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return type(asyncio.get_event_loop_policy()).__module__.startswith("uvloop")


def mark_unmarked(config: pytest.Config, items: Sequence[pytest.Function]) -> None:
    """Give unmarked tests the contract that ``--cio-load`` or an ini pattern has for them. Raises pytest.UsageError."""
    everywhere, patterns = read_specs(config)
    for item in items:
        matching = (keywords for pattern, keywords in patterns if fnmatch(item.nodeid, pattern))
        keywords = everywhere if everywhere is not None else next(matching, None)
        if keywords is not None and item.get_closest_marker(MARK) is None:
            item.add_marker(pytest.mark.cio_load(**keywords))


def read_specs(config: pytest.Config) -> tuple[dict[str, Any] | None, list[tuple[str, dict[str, Any]]]]:
    """Contracts of unmarked tests: the keywords that ``--cio-load`` states, or None; and those of each ini pattern, in order.

    Raises:
        pytest.UsageError: one of them is none.
    """
    spec = config.getoption(MARK)
    everywhere = None if spec is None else _keywords(spec, "--cio-load")
    return everywhere, [_pattern(line) for line in config.getini(MARK)]


def _pattern(line: str) -> tuple[str, dict[str, Any]]:
    pattern, separator, spec = line.partition("=")
    if not separator or not pattern.strip():
        msg = f"cio_load: got {line!r}, expected PATTERN = SPEC, such as 'tests/test_api.py::* = 80/s,60s,p(95)<500'"
        raise pytest.UsageError(msg)
    return pattern.strip(), _keywords(spec.strip(), "cio_load")


def _keywords(spec: str, where: str) -> dict[str, Any]:
    try:
        return parse_spec(spec, where=where)
    except ContractError as error:
        raise pytest.UsageError(str(error)) from None
