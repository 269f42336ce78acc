"""Every kind of test that pytest knows can be driven, with its fixtures, under whichever plugin runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


SUITE = """
    import pytest

    pytestmark = pytest.mark.cio_load(rate=20, duration=1, p95=500)

    @pytest.fixture
    def built(request):
        built = getattr(request.config, "built", 0) + 1
        request.config.built = built
        return built

    async def test_function(cio, cio_load, built):
        await cio.track(cio_load.user.id, "opened")
        assert built == 1

    class TestMethods:
        def setup_method(self):
            self.ready = True

        async def test_method(self, cio, cio_load):
            assert self.ready
            await cio.track(cio_load.user.id, "opened")

        @pytest.mark.parametrize("name", ["bought", "returned"])
        async def test_parametrized(self, cio, cio_load, name):
            await cio.track(cio_load.user.id, name)

    class TestStatic:
        @staticmethod
        async def test_static(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")

    @pytest.mark.cio_load(rate=40, p95="10s")
    def test_sync(cio_sync, cio_load):
        cio_sync.track(cio_load.user.id, "opened")
"""
ALL = {
    "test_function",
    "TestMethods::test_method",
    "TestMethods::test_parametrized[bought]",
    "TestMethods::test_parametrized[returned]",
    "TestStatic::test_static",
    "test_sync",
}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-o", "asyncio_mode=auto"),
        ("-o", "asyncio_default_test_loop_scope=session"),
        ("-p", "no:asyncio", "-p", "no:anyio"),
    ],
    ids=["strict", "auto", "session loop", "no plugin"],
)
def test_all_kinds_are_driven(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], arguments: tuple[str, ...]) -> None:
    """Functions, methods, static methods, parametrized and sync tests: each runs its whole schedule, on fixtures built once."""
    pytester.makepyfile(SUITE)
    documents = runs(*arguments)
    assert set(documents) == ALL
    assert {document["verdict"] for document in documents.values()} == {"kept"}
    assert {document["iterations"]["measured"] for name, document in documents.items() if name != "test_sync"} == {20}
    assert documents["test_sync"]["iterations"]["measured"] == 40
    assert documents["test_sync"]["clock"] == "wall"
    assert documents["test_function"]["clock"] == "virtual"


def test_anyio_on_asyncio(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """anyio's own tests are driven in anyio's loop."""
    pytester.makepyfile("""
        import anyio
        import pytest

        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.fixture
        async def connected(anyio_backend):
            await anyio.sleep(0)
            yield "connected"
            await anyio.sleep(0)

        @pytest.mark.cio_load(rate=20, duration=1, p95=500)
        async def test_it(cio, cio_load, connected):
            assert connected == "connected"
            await anyio.sleep(0.01)
            await cio.track(cio_load.user.id, "opened")
    """)
    (document,) = runs().values()
    assert (document["verdict"], document["clock"], document["iterations"]["measured"]) == ("kept", "virtual", 20)
    assert document["metrics"]["response"]["max"] == 50


def test_two_tests_on_one_loop(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Loop scope session by marker: virtual time of the first test does not disturb the second, nor an async fixture they share."""
    pytester.makepyfile("""
        import asyncio
        import pytest
        import pytest_asyncio

        pytestmark = pytest.mark.asyncio(loop_scope="session")

        @pytest_asyncio.fixture(loop_scope="session", scope="session")
        async def shared():
            loop = asyncio.get_running_loop()
            began = loop.time()
            yield loop
            assert loop.time() >= began

        @pytest.mark.cio_load(rate=20, duration=5, p95=500)
        async def test_first(cio, cio_load, shared):
            assert asyncio.get_running_loop() is shared
            await cio.track(cio_load.user.id, "opened")

        @pytest.mark.cio_load(rate=20, duration=5, p95=500)
        async def test_second(cio, cio_load, shared):
            assert asyncio.get_running_loop() is shared
            await cio.track(cio_load.user.id, "opened")

        async def test_third(shared):
            await asyncio.wait_for(asyncio.sleep(0.001), 5)
    """)
    documents = runs()
    assert [document["verdict"] for document in documents.values()] == ["kept", "kept"]
    assert documents["test_first"]["metrics"]["response"] == documents["test_second"]["metrics"]["response"]


def test_a_marker_on_one_parameter(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Only that parameter is driven; the others run once."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.parametrize("size", [1, pytest.param(2, marks=pytest.mark.cio_load(rate=10, duration=1, p95=500))])
        async def test_it(cio, cio_load, size):
            await cio.track(cio_load.user.id, "opened", {"size": size})
    """)
    assert list(runs()) == ["test_it[2]"]


def test_markers_are_merged(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Module, class and function, keyword by keyword; the closest wins."""
    pytester.makepyfile("""
        import pytest

        pytestmark = pytest.mark.cio_load(rate=10, duration=2, p95=500, seed=1)

        @pytest.mark.cio_load(rate=20)
        class TestIt:
            @pytest.mark.cio_load(seed=3)
            async def test_it(self, cio, cio_load):
                await cio.track(cio_load.user.id, "opened")
    """)
    (document,) = runs().values()
    assert document["contract"]["profile"] == "20/s for 2s"
    assert document["contract"]["seed"] == 3
    assert document["thresholds"][0]["text"] == "p(95)<500"


def test_unmarked_tests_with_our_fixtures(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """They run once, against the mock, as plain functional tests."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.asyncio
        async def test_async(cio, cio_fake, cio_load):
            assert cio_load.index == 0
            await cio.identify(cio_load.user.id, email=cio_load.user.email)
            assert list(cio_fake.people) == [cio_load.user.id]

        def test_sync(cio_sync, cio_fake):
            cio_sync.track("ada", "opened")
            assert cio_fake.applied("track") == 1
    """)
    run("-W", "error").assert_outcomes(passed=2)


def test_nothing_but_a_body(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """A test that takes no fixture of ours is a valid target too, and then the wall clock measures it."""
    pytester.makepyfile("""
        import asyncio
        import pytest

        @pytest.mark.cio_load(rate=20, duration=1, p95="10s")
        async def test_async():
            await asyncio.sleep(0.001)

        @pytest.mark.cio_load(rate=20, duration=1, p95="10s")
        def test_sync():
            sum(range(100))
    """)
    documents = runs()
    assert {document["clock"] for document in documents.values()} == {"wall"}
    assert {document["target"] for document in documents.values()} == {"none"}
    assert {document["iterations"]["measured"] for document in documents.values()} == {20}


def test_the_stand_in_outside_an_iteration(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Fixtures may hold cio_load; asked too early it says what to do."""
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        def person(cio_load):
            return lambda: cio_load.user.id

        @pytest.fixture
        def too_early(cio_load):
            return cio_load.user

        @pytest.mark.cio_load(rate=10, duration=1)
        async def test_held(cio, person):
            await cio.track(person(), "opened")

        @pytest.mark.cio_load(rate=10, duration=1)
        async def test_too_early(cio, too_early):
            await cio.track("ada", "opened")
    """)
    result = run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*cio_load.user was used outside an iteration: expected the body of a test*"])


def test_skip_in_the_body(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """A body that skips is a skipped test, on tasks and on threads."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=10, duration=5)
        async def test_async(cio):
            pytest.skip("not here")

        @pytest.mark.cio_load(rate=10, duration=5)
        def test_sync():
            pytest.skip("not here")
    """)
    run().assert_outcomes(skipped=2)


def test_fixtures_are_torn_down_after_a_broken_contract(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """And the made-up people are gone by then."""
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        def afterwards(cio_fake):
            yield
            assert cio_fake.applied("identify") == 10
            assert cio_fake.people == {}
            print("torn down")

        @pytest.mark.cio_load(rate=10, duration=1, max=1)
        async def test_it(cio, cio_load, afterwards):
            await cio.identify(cio_load.user.id, email=cio_load.user.email)
    """)
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*torn down*"])
