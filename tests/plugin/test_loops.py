"""Whose loop it is, and of which kind: the driver runs in the one that the test has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])
def test_every_scope(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], scope: str) -> None:
    """Fixtures of any scope share the loop with the iterations, in virtual time."""
    pytester.makepyfile(f"""
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(loop_scope="{scope}", scope="{scope}")
        async def loop_of_fixture():
            await asyncio.sleep(0)
            yield asyncio.get_running_loop()
            await asyncio.sleep(0)

        @pytest.mark.asyncio(loop_scope="{scope}")
        class TestIt:
            @pytest.mark.cio_load(rate=20, duration=5, max=500)
            async def test_it(self, cio, cio_load, loop_of_fixture):
                assert asyncio.get_running_loop() is loop_of_fixture
                await cio.track(cio_load.user.id, "opened")
    """)
    document = runs("-W", "error")["TestIt::test_it"]
    assert (document["verdict"], document["clock"], document["iterations"]["measured"]) == ("kept", "virtual", 100)


UVLOOP = """
    import asyncio
    import pytest
    import uvloop

    @pytest.fixture
    def event_loop_policy():
        return uvloop.EventLoopPolicy()

    @pytest.mark.cio_load(rate=20, duration=1, max="10s"{clock})
    async def test_it(cio, cio_load):
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        await cio.track(cio_load.user.id, "opened")
"""


@pytest.mark.parametrize("clock", ["", ", clock='wall'"])
def test_uvloop(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], clock: str) -> None:
    """It waits in C, where no wait can be skipped: the wall clock measures it, and the report says which clock it was."""
    pytest.importorskip("uvloop")
    pytester.makepyfile(UVLOOP.format(clock=clock))
    document = runs(apart=True)["test_it"]
    assert (document["verdict"], document["clock"], document["iterations"]["measured"]) == ("kept", "wall", 20)


def test_uvloop_that_shows_only_when_it_runs(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Virtual time on it is refused then, as it is at collection where it can be seen there."""
    pytest.importorskip("uvloop")
    pytester.makepyfile("""
        import asyncio
        import importlib
        import pytest

        @pytest.fixture
        def event_loop_policy():
            return getattr(importlib.import_module("uvl" + "oop"), "EventLoopPolicy")()

        @pytest.mark.cio_load(rate=20, duration=1, clock="virtual")
        async def test_it(cio, cio_load):
            open("iterated", "w")
    """)
    result = run(apart=True)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "clock='virtual': expected asyncio's own event loop; clock='virtual' on uvloop.Loop: expected" in result.stdout.str()
    assert not (pytester.path / "iterated").exists()


def test_a_loop_factory(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """A loop of the author's own kind, made from asyncio's, takes virtual time as well."""
    pytester.makepyfile("""
        import asyncio
        import pytest

        class Loop(asyncio.SelectorEventLoop):
            pass

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self):
                return Loop()

        @pytest.fixture
        def event_loop_policy():
            return Policy()

        @pytest.mark.cio_load(rate=20, duration=1, max=500)
        async def test_it(cio, cio_load):
            assert isinstance(asyncio.get_running_loop(), Loop)
            await cio.track(cio_load.user.id, "opened")
    """)
    document = runs(apart=True)["test_it"]
    assert (document["verdict"], document["clock"]) == ("kept", "virtual")


@pytest.mark.parametrize("arguments", [(), ("-o", "anyio_mode=auto"), ("-o", "asyncio_mode=auto"), ("-p", "no:asyncio")], ids=" ".join)
def test_anyios_primitives(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], arguments: tuple[str, ...]) -> None:
    """Whoever runs the loop, task groups and sleeps of anyio work in virtual time."""
    pytester.makepyfile("""
        import anyio
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.cio_load(rate=20, duration=1, max=500)
        async def test_it(cio, cio_load):
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 0.1)
                group.start_soon(cio.track, cio_load.user.id, "opened")
    """)
    document = runs(*arguments)["test_it"]
    assert (document["verdict"], document["clock"]) == ("kept", "virtual")
    assert (document["metrics"]["response"]["min"], document["metrics"]["response"]["max"]) == (100, 100)


def test_time_goes_on_after_virtual_time(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """An async fixture that was there before finds the loop's time ahead, never behind, and its own waits end."""
    pytester.makepyfile("""
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def around():
            loop = asyncio.get_running_loop()
            began = loop.time()
            yield
            assert loop.time() >= began + 599
            await asyncio.wait_for(asyncio.sleep(0.001), 30)

        @pytest.mark.cio_load(rate=1, duration="10m", max=500)
        async def test_it(cio, cio_load, around):
            await cio.track(cio_load.user.id, "opened")
    """)
    run("-W", "error").assert_outcomes(passed=1)
