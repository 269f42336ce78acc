"""uvloop beside what somebody else has chosen, and asked for where it cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("uvloop")

ON = "--cio-uvloop=on"

OWN_POLICY = """
    class Policy(asyncio.DefaultEventLoopPolicy):
        pass

    @pytest.fixture
    def event_loop_policy():
        return Policy()
"""
OWN_HOOK = """
    def pytest_asyncio_loop_factories(config, item):
        return {"theirs": asyncio.SelectorEventLoop}
"""
WALL = """
    import pytest

    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
    async def test_wall(cio_load, noted):
        noted()
"""


@pytest.mark.parametrize(("arguments", "expected"), [((), "asyncio"), ((ON,), "uvloop")], ids=["auto", "on"])
def test_a_policy_of_their_own(kinds: Callable[..., dict[str, str]], arguments: tuple[str, ...], expected: str) -> None:
    """Whoever has one has chosen, until uvloop is asked for by name."""
    quiet = ("-W", "ignore:Overriding the:pytest.PytestDeprecationWarning")
    assert kinds(*quiet, *arguments, source=WALL, conftest=OWN_POLICY) == {"test_wall": expected}


def test_a_hook_of_their_own(kinds: Callable[..., dict[str, str]]) -> None:
    """It is asked, and we are not."""
    assert kinds(source=WALL, conftest=OWN_HOOK) == {"test_wall": "asyncio"}


CHOSEN_BY_MARK = WALL.replace("@pytest.mark.cio_load", "@pytest.mark.asyncio(loop_factories=['theirs'])\n    @pytest.mark.cio_load")
OWN_TARGET = """
    @pytest.fixture
    def cio_target():
        return "mock"
"""
CALLS = """
    import pytest

    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
    async def test_wall(cio, cio_load, noted):
        noted()
        await cio.track(cio_load.user.id, "opened")
"""
NO_UVLOOP = """
    import sys

    sys.modules["uvloop"] = None
"""
BROKEN_UVLOOP = """
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == "uvloop"]:
        del sys.modules[name]
    sys.path.insert(0, ".")
    with open("uvloop.py", "w") as file:
        file.write("raise ImportError('wrong libuv')")
"""
NO_HOOK = """
    @pytest.hookimpl(trylast=True)
    def pytest_configure(config):
        config.hook.pytest_asyncio_loop_factories.spec = None
"""
PARAMETERS = """
    import pytest

    @pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.cio_load(clock="wall"))])
    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
    async def test_it(cio, cio_load, n):
        pass
"""
REFUSED = {
    "not installed": (WALL, NO_UVLOOP, "uvloop: it is not installed; try: pip install 'pytest-cio-load[speed]', or leave it out"),
    "broken": (WALL, BROKEN_UVLOOP, "uvloop: it cannot be imported (wrong libuv); try: pip install 'pytest-cio-load[speed]'"),
    "pytest-asyncio is too old": (WALL, NO_HOOK, "pytest-asyncio 1.4 or newer, not *; upgrade it, or let us make the loop with -p no:as*"),
    "a hook of their own": (WALL, OWN_HOOK, "a loop that nobody else chooses, not that of pytest_asyncio_loop_factories or *; let it *"),
    "a mark of their own": (CHOSEN_BY_MARK, OWN_HOOK, "a loop that nobody else chooses, not that of pytest_asyncio_loop_factories or *"),
    "a target that is named late": (CALLS, OWN_TARGET, "a clock that is known before cio_target says *; add clock='wall' or clock='vir*"),
    "a parameter on the wall clock": (
        PARAMETERS,
        "",
        "one contract for all parameters of a test; put cio_load on its function, with its clock",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_asked_for_in_vain(run: Callable[..., pytest.RunResult], suite: Callable[..., None], why: str) -> None:
    """It is told at collection, with the test, what stands in the way and what mends it."""
    source, conftest, message = REFUSED[why]
    suite(source, conftest)
    result = run(ON)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    shown = message.replace("[", "[[]")
    result.stdout.fnmatch_lines(["*::test_*: bad contract", f"  cio_uvloop='on': expected {shown}*"])


@pytest.mark.parametrize("why", ["not installed", "broken", "pytest-asyncio is too old", "a target that is named late"])
def test_without_being_asked(
    run: Callable[..., pytest.RunResult], suite: Callable[..., None], found: Callable[[], dict[str, str]], why: str
) -> None:
    """Where it cannot be had, nothing is said and nothing changes."""
    source, conftest, _ = REFUSED[why]
    suite(source, conftest)
    run("-W", "error").assert_outcomes(passed=1)
    assert found() == {"test_wall": "asyncio"}


def test_a_hook_that_answers_uvloop(kinds: Callable[..., dict[str, str]]) -> None:
    """Is what was asked for."""
    hook = OWN_HOOK.replace("asyncio.SelectorEventLoop", "__import__('uvloop').new_event_loop")
    assert kinds(ON, source=WALL, conftest=hook) == {"test_wall": "uvloop"}


def test_a_word_that_means_nothing(run: Callable[..., pytest.RunResult], suite: Callable[..., None]) -> None:
    """It is refused, with those that mean something."""
    suite(WALL)
    result = run("--cio-uvloop=of")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "cio_uvloop='of': expected one of auto, on, off; did you mean off?" in result.stdout.str()
