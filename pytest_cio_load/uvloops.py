"""uvloop where pytest-asyncio makes the loop: it asks by a hook, since 1.4, and is answered for one test at a time.

It asks about every async test as soon as anybody answers, and gives each test that was answered a hidden parameter, by which loops and
their fixtures are kept or made anew. So the hook is there only while a test is collected that shall run on uvloop, and no other test is
touched. A loop is never shared by tests of both kinds: where one of a wider scope would be, it and the fixtures on it are made anew at
each change. That is done when it was asked for ("on"); otherwise ("auto") uvloop is left out of sessions where a selected test has a loop
that is not its alone.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import Problem
from pytest_cio_load.load.loops import new_uvloop, policy_is_default, why_missing
from pytest_cio_load.safety.aim import MOCK
from pytest_cio_load.targets.target import used_by

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator, Sequence

    import pytest

    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.settings import Settings

WHERE = "cio_uvloop"
HOOK = "pytest_asyncio_loop_factories"
PARAMETER = "_asyncio_loop_factory"
"""What pytest-asyncio calls its hidden parameter."""


class Answer:
    """A plugin of pytest: "uvloop"."""

    def pytest_asyncio_loop_factories(self) -> dict[str, Callable[[], AbstractEventLoop]]:
        """What makes the loop. A single name shows in no node id."""
        return {"uvloop": new_uvloop}


_ANSWER = Answer()


@contextmanager
def answered(config: pytest.Config) -> Iterator[None]:
    """While this is open, what pytest-asyncio collects runs on uvloop."""
    config.pluginmanager.register(_ANSWER)
    try:
        yield
    finally:
        config.pluginmanager.unregister(_ANSWER)


def skips_time(item: pytest.Function, contract: Contract, settings: Settings) -> bool | None:
    """Whether a test will be in virtual time, as far as that is known before it runs; None when a fixture will say."""
    asked = contract.clock or settings.clock
    if asked is not None:
        return asked == "virtual"
    if not used_by(item.fixturenames) or ("cio_queue" in item.fixturenames and not settings.queue.skips_time):
        return False
    return None if _is_overridden(item, "cio_target", "pytest_cio_load") else settings.target == MOCK


def is_wanted(item: pytest.Function, contract: Contract, settings: Settings) -> bool:
    """Whether pytest-asyncio shall make uvloop's loop for this async test, where nobody else has said which."""
    if settings.mode != "load" or settings.uvloop == "off" or not _asks(item.config) or why_missing():
        return False
    if skips_time(item, contract, settings) is not False or _is_chosen(item):
        return False
    return settings.uvloop == "on" or (_loop_scope(item) == "function" and not _has_policy(item))


def take_back(item: pytest.Function) -> None:
    """Let pytest-asyncio make the loop of this test as it does by itself."""
    if is_given(item):
        for told in (item.callspec.params, item.callspec.indices):
            told.pop(PARAMETER, None)


def is_given(item: pytest.Item) -> bool:
    """Whether we have had pytest-asyncio make uvloop's loop for this test."""
    return _factory(item) is new_uvloop


def settle(session: pytest.Session) -> None:
    """All tests are selected: with "auto", leave uvloop out where one of them has a loop that is not its alone."""
    given = [item for item in session.items if is_given(item)]
    if not given:
        return
    asked = session.config.getoption(WHERE) or session.config.getini(WHERE)
    if asked != "on" and any(_has_wider_loop(item) for item in session.items):
        for item in given:
            take_back(item)  # type: ignore[arg-type]
    else:
        # With an answer to be had, pytest-asyncio makes sure of a test's loop before it looks for the fixtures that are on it.
        session.config.pluginmanager.register(_ANSWER)


def problems(item: pytest.Function, contract: Contract, settings: Settings, *, by_asyncio: bool) -> Iterator[Problem]:
    """Why an async test on the wall clock would not run on uvloop, though it was asked for.

    Args:
        item: the test.
        contract: its contract.
        settings: its settings.
        by_asyncio: whether pytest-asyncio makes its loop.
    """
    if settings.mode != "load" or settings.uvloop != "on":
        return
    skips, got = skips_time(item, contract, settings), repr(settings.uvloop)
    if skips:
        return
    if missing := why_missing():
        yield Problem(WHERE, got, f"uvloop: {missing}", "try: pip install 'pytest-cio-load[speed]', or leave it out")
    elif not by_asyncio:
        return
    elif not _asks(item.config):
        import pytest_asyncio

        nearest = "upgrade it, or let us make the loop with -p no:asyncio"
        yield Problem(WHERE, got, f"pytest-asyncio 1.4 or newer, not {pytest_asyncio.__version__}", nearest)
    elif skips is None:
        yield Problem(WHERE, got, "a clock that is known before cio_target says what the target is", "add clock='wall' or clock='virtual'")
    elif _factory(item) is None and not _is_chosen(item):
        yield Problem(WHERE, got, "one contract for all parameters of a test", "put cio_load on its function, with its clock")
    elif not getattr(_factory(item), "__module__", "").startswith("uvloop") and not is_given(item):
        nearest = "let it answer uvloop.new_event_loop, or leave cio_uvloop out"
        yield Problem(WHERE, got, f"a loop that nobody else chooses, not that of {HOOK} or asyncio(loop_factories=…)", nearest)


def remarks(cases: Sequence[tuple[pytest.Function, Contract, Settings]]) -> list[str]:
    """Where uvloop was asked for: how many tests are not on it, and why; a line each."""
    asked = [case for case in cases if case[2].uvloop == "on" and inspect.iscoroutinefunction(case[0].function)]
    virtual = sum(skips_time(*case) is True for case in asked)
    by_anyio = sum(skips_time(*case) is not True and "anyio_backend" in case[0].fixturenames for case in asked)
    said = []
    if virtual:
        said.append(f"  {WHERE}='on': {virtual} in virtual time, on asyncio's own loop, whose waits can be skipped; try clock='wall'")
    if by_anyio:
        said.append(f"  {WHERE}='on': {by_anyio} run by anyio, on what anyio_backend says; it can be ('asyncio', {{'use_uvloop': True}})")
    return said


def _asks(config: pytest.Config) -> bool:
    """Whether pytest-asyncio is there, and new enough to ask."""
    return bool(getattr(config.hook, HOOK, None) is not None and getattr(config.hook, HOOK).has_spec())


def _factory(item: pytest.Item) -> Any:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get(PARAMETER) if callspec is not None else None


def _is_chosen(item: pytest.Function) -> bool:
    """Whether somebody else answers for this test, or its own mark says which loops it wants."""
    mark = item.get_closest_marker("asyncio")
    others = [each for each in getattr(item.ihook, HOOK).get_hookimpls() if each.plugin is not _ANSWER]
    return bool(others) or (mark is not None and mark.kwargs.get("loop_factories") is not None)


def _has_policy(item: pytest.Function) -> bool:
    """Whether somebody has chosen by an event loop policy."""
    return not policy_is_default() or _is_overridden(item, "event_loop_policy", "pytest_asyncio")


def _is_overridden(item: pytest.Function, fixture: str, package: str) -> bool:
    """Whether a test's *fixture* is another than that of the *package*."""
    definitions = item._fixtureinfo.name2fixturedefs.get(fixture, ())
    return bool(definitions) and definitions[-1].func.__module__.partition(".")[0] != package


def _loop_scope(item: pytest.Function) -> str:
    """The scope of the loop that pytest-asyncio runs this test in."""
    mark = item.get_closest_marker("asyncio")
    said = mark.kwargs.get("loop_scope") or mark.kwargs.get("scope") if mark is not None else None
    return str(said or item.config.getini("asyncio_default_test_loop_scope"))


def _has_wider_loop(item: pytest.Item) -> bool:
    """Whether a test, or a fixture of its own, is on a loop that other tests may have too."""
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return False
    if item.get_closest_marker("asyncio") is not None and _loop_scope(item) != "function":  # type: ignore[arg-type]
        return True
    said = item.config.getini("asyncio_default_fixture_loop_scope")
    default = "" if said == "fixture-scope" else said
    for definitions in info.name2fixturedefs.values():
        for definition in definitions:
            function = definition.func
            on_loop = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
            if on_loop or hasattr(function, "_force_asyncio_fixture"):
                scope = getattr(function, "_loop_scope", None) or default or definition.scope
                if scope != "function":
                    return True
    return False
