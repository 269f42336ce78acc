"""``--cio-uvloop``: which tests run on uvloop where pytest-asyncio makes the loop, and which are left where they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytest.importorskip("uvloop")

ON, OFF = "--cio-uvloop=on", "--cio-uvloop=off"
AUTO_MODE = ("-o", "asyncio_mode=auto")

ONE_OF_EACH = """
    import asyncio
    import pytest

    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
    async def test_wall(cio_load, noted):
        noted()

    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s", clock="wall")
    async def test_wall_by_choice(cio, cio_load, noted):
        noted()
        await cio.track(cio_load.user.id, "opened")

    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
    async def test_virtual(cio, cio_load, noted):
        noted()
        await cio.track(cio_load.user.id, "opened")

    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s", clock="virtual")
    async def test_virtual_by_choice(cio_load, noted):
        noted()
        await asyncio.sleep(0.01)

    @pytest.mark.asyncio
    async def test_plain(noted):
        noted()
"""
OF_EACH = {"test_wall": "uvloop", "test_wall_by_choice": "uvloop", "test_plain": "asyncio"} | dict.fromkeys(
    ("test_virtual", "test_virtual_by_choice"), "asyncio"
)


@pytest.mark.parametrize("mode", [(), AUTO_MODE], ids=["strict", "auto"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((), OF_EACH), ((ON,), OF_EACH), ((OFF,), dict.fromkeys(OF_EACH, "asyncio")), (("-o", "cio_uvloop=on"), OF_EACH)],
    ids=["by itself", "on", "off", "in the ini file"],
)
def test_loads_on_the_wall_clock(
    kinds: Callable[..., dict[str, str]], mode: tuple[str, ...], arguments: tuple[str, ...], expected: Mapping[str, str]
) -> None:
    """They run on uvloop; what is in virtual time, and what is no load, does not."""
    assert kinds(*mode, *arguments, source=ONE_OF_EACH) == expected


SCOPED = """
    import asyncio
    import pytest
    import pytest_asyncio

    @pytest_asyncio.fixture(loop_scope="{scope}", scope="{scope}")
    async def loop_of_fixture():
        yield asyncio.get_running_loop()

    @pytest.mark.asyncio(loop_scope="{scope}")
    class TestIt:
        async def test_before(self, noted, loop_of_fixture):
            noted()
            assert asyncio.get_running_loop() is loop_of_fixture

        @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
        async def test_wall(self, cio_load, noted, loop_of_fixture):
            noted()
            assert asyncio.get_running_loop() is loop_of_fixture

        @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
        async def test_virtual(self, cio, cio_load, noted, loop_of_fixture):
            noted()
            assert asyncio.get_running_loop() is loop_of_fixture
            await cio.track(cio_load.user.id, "opened")

        @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
        async def test_wall_again(self, cio_load, noted, loop_of_fixture):
            noted()
            assert asyncio.get_running_loop() is loop_of_fixture

        async def test_after(self, noted, loop_of_fixture):
            noted()
            assert asyncio.get_running_loop() is loop_of_fixture
"""
SCOPES = ["function", "class", "module", "package", "session"]


@pytest.mark.parametrize("scope", SCOPES)
def test_every_loop_scope(kinds: Callable[..., dict[str, str]], scope: str) -> None:
    """Asked for, it is had at each; whoever shares the scope keeps a loop of the other kind, and each is with its own fixtures."""
    assert kinds(ON, source=SCOPED.format(scope=scope)) == {
        "test_before": "asyncio",
        "test_wall": "uvloop",
        "test_virtual": "asyncio",
        "test_wall_again": "uvloop",
        "test_after": "asyncio",
    }


@pytest.mark.parametrize("scope", ["class", "session"])
def test_a_loop_that_others_share_is_left_alone(kinds: Callable[..., dict[str, str]], scope: str) -> None:
    """Nobody has asked, so nobody's loop and fixtures are made anew."""
    assert set(kinds(source=SCOPED.format(scope=scope)).values()) == {"asyncio"}


@pytest.mark.parametrize("arguments", [(), (ON,)], ids=["auto", "on"])
@pytest.mark.parametrize("scope", ["class", "session"])
def test_scopes_of_the_ini_file(kinds: Callable[..., dict[str, str]], scope: str, arguments: tuple[str, ...]) -> None:
    """They count as those of a mark do."""
    options = ("-o", f"asyncio_default_test_loop_scope={scope}", "-o", f"asyncio_default_fixture_loop_scope={scope}")
    assert kinds(*options, *arguments, source=ONE_OF_EACH) == (OF_EACH if arguments else dict.fromkeys(OF_EACH, "asyncio"))


BESIDE = """
    @pytest_asyncio.fixture(loop_scope="session", scope="session")
    async def database():
        with open("made", "a") as file:
            file.write("x")
        yield kind()
"""
BESIDE_IT = """
    import pytest

    @pytest.mark.asyncio
    async def test_first(noted, database):
        noted()

    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
    async def test_wall(cio_load, noted):
        noted()

    @pytest.mark.asyncio
    async def test_last(noted, database):
        noted()
"""


@pytest.mark.parametrize(
    ("arguments", "made", "kind"), [((), 1, "asyncio"), ((ON,), 2, "uvloop"), (("-k", "wall"), 0, "uvloop")], ids=["auto", "on", "alone"]
)
def test_fixtures_of_other_tests(
    pytester: pytest.Pytester, kinds: Callable[..., dict[str, str]], arguments: tuple[str, ...], made: int, kind: str
) -> None:
    """A load that would have what others share made again runs on uvloop only where that was asked for, or none of them is selected."""
    found = kinds(*arguments, source=BESIDE_IT, conftest=BESIDE)
    assert found["test_wall"] == kind
    written = pytester.path / "made"
    assert (len(written.read_text()) if written.exists() else 0) == made


def test_a_fixture_on_a_wider_loop(kinds: Callable[..., dict[str, str]]) -> None:
    """The load and what it stands on are both on uvloop when that was asked for, each on a loop of its own scope."""
    source = """
        import pytest

        @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
        async def test_wall(cio_load, noted, database):
            noted()
            assert database == "uvloop"
    """
    assert kinds(ON, source=source, conftest=BESIDE) == {"test_wall": "uvloop"}


def test_no_name_changes(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Node ids are what they are without us, parameters or not, and so are the baselines that are kept under them."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=50, duration=0.1)
        async def test_wall(cio_load): pass

        @pytest.mark.parametrize("n", [1, 2])
        @pytest.mark.cio_load(rate=50, duration=0.1)
        async def test_many(cio_load, n): pass
    """)
    listed = [run("--collect-only", "-q", argument).stdout.get_lines_after("*") for argument in (ON, OFF)]
    assert [line for line in listed[0] if "::" in line] == [line for line in listed[1] if "::" in line]
    assert len([line for line in listed[0] if "::" in line]) >= 3


PARAMETERS = """
    import asyncio
    import pytest

    @pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.cio_load(clock="virtual"))])
    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
    async def test_it(cio_load, noted, n):
        noted()
        await asyncio.sleep(0.01)
"""


@pytest.mark.parametrize("argument", [ON, "--cio-uvloop=auto"])
def test_a_parameter_in_virtual_time(kinds: Callable[..., dict[str, str]], argument: str) -> None:
    """Its own marker wins over the function's."""
    assert kinds(argument, source=PARAMETERS) == {"test_it[1]": "uvloop", "test_it[2]": "asyncio"}


UNMARKED = """
    import pytest

    @pytest.mark.asyncio
    @pytest.mark.parametrize("n", [1, 2])
    async def test_it(noted, n):
        noted()

    @pytest.mark.asyncio
    async def test_other(noted):
        noted()
"""


@pytest.mark.parametrize(
    ("arguments", "on_uvloop"),
    [
        (["--cio-load=50/s,0.1s"], {"test_it[1]", "test_it[2]", "test_other"}),
        (["-o", "cio_load=*::test_it* = 50/s,0.1s"], {"test_it[1]", "test_it[2]"}),
        (["-o", "cio_load=*::test_it[[]1] = 50/s,0.1s"], set()),
        (["--cio-load=50/s,0.1s", "--cio-load-mode=once"], set()),
    ],
    ids=["everywhere", "by pattern", "by a parameter", "once"],
)
def test_without_markers(kinds: Callable[..., dict[str, str]], arguments: list[str], on_uvloop: set[str]) -> None:
    """A contract from elsewhere does as well, unless it depends on a parameter: what is not driven stays where it was."""
    found = kinds(*arguments, source=UNMARKED)
    assert {name for name, kind in found.items() if kind == "uvloop"} == on_uvloop


def test_what_is_not_on_it_is_said(
    run: Callable[..., pytest.RunResult], suite: Callable[..., None], found: Callable[[], dict[str, str]]
) -> None:
    """Whoever asked is told how many are in virtual time, and how many anyio runs; the header says what was asked."""
    suite(
        ONE_OF_EACH
        + """
    @pytest.fixture
    def anyio_backend():
        return ("asyncio", {"use_uvloop": True})

    @pytest.mark.anyio
    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
    async def test_anyio(cio_load, noted):
        noted()
    """
    )
    result = run(ON)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(
        [
            "cio-load: mode=load, target=mock, uvloop=on",
            "  cio_uvloop='on': 2 in virtual time, on asyncio's own loop, whose waits can be skipped; try clock='wall'",
            "  cio_uvloop='on': 1 run by anyio, on what anyio_backend says; it can be ('asyncio', {'use_uvloop': True})",
        ]
    )
    assert found()["test_anyio"] == "uvloop"


WALL = """
    import pytest

    @pytest.mark.cio_load(rate=50, duration=0.1, max="10s")
    async def test_wall(cio_load, noted):
        noted()
"""


@pytest.mark.parametrize(("argument", "expected"), [(ON, "uvloop"), (OFF, "asyncio")])
def test_without_pytest_asyncio(kinds: Callable[..., dict[str, str]], argument: str, expected: str) -> None:
    """The loop is ours to make, and we make it so."""
    bare = ("-p", "no:asyncio", "-W", "ignore:Unknown config option:pytest.PytestConfigWarning")
    assert kinds(*bare, argument, source=WALL) == {"test_wall": expected}


def test_a_suite_without_loads_is_not_touched(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """No test gets the parameter that comes with an answer, even when uvloop is asked for."""
    pytester.makeconftest("""
        import pytest

        def pytest_collection_finish(session):
            assert not [item for item in session.items if hasattr(item, "callspec")]
            assert not session.config.hook.pytest_asyncio_loop_factories.get_hookimpls()
    """)
    pytester.makepyfile("import pytest\n\n@pytest.mark.asyncio\nasync def test_it(): pass\n\ndef test_sync(): pass\n")
    run(ON).assert_outcomes(passed=2)


def test_beside_loads_others_are_not_touched(kinds: Callable[..., dict[str, str]]) -> None:
    """Only the tests that are on uvloop have the parameter."""
    looking = """
    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(session):
        assert [item.name for item in session.items if hasattr(item, "callspec")] == ["test_wall", "test_wall_by_choice"]
    """
    assert kinds(source=ONE_OF_EACH, conftest=looking) == OF_EACH


def test_under_xdist(
    run: Callable[..., pytest.RunResult], suite: Callable[..., None], found: Callable[[], dict[str, str]]
) -> None:
    """Each worker decides alike."""
    suite(ONE_OF_EACH)
    run("-n", "2", ON, apart=True).assert_outcomes(passed=5)
    assert found() == OF_EACH
