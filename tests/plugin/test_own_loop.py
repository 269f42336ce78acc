"""uvloop under a load: where the loop is ours to make, and where pytest-asyncio makes it and asks which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

KIND = """
    import asyncio
    import pytest

    @pytest.mark.cio_load(rate=50, duration=1, max="10s", target="mock"{clock})
    async def test_it({fixtures}):
        kind = type(asyncio.get_running_loop()).__module__
        open("kind", "w").write(kind.split(".")[0])
        await asyncio.sleep(0.001)
"""


@pytest.mark.parametrize(
    ("clock", "fixtures", "expected"),
    [
        ("", "cio_load", ("uvloop", "wall")),
        (", clock='wall'", "cio, cio_load", ("uvloop", "wall")),
        ("", "cio, cio_load", ("asyncio", "virtual")),
        (", clock='virtual'", "cio_load", ("asyncio", "virtual")),
    ],
    ids=["wall by nature", "wall by choice", "virtual by nature", "virtual by choice"],
)
def test_whose_loop_it_is(
    pytester: pytest.Pytester,
    runs: Callable[..., dict[str, Any]],
    clock: str,
    fixtures: str,
    expected: tuple[str, str],
) -> None:
    """Where no plugin runs async tests the loop is ours: uvloop's on the wall clock, asyncio's in virtual time."""
    pytest.importorskip("uvloop")
    pytester.makepyfile(KIND.format(clock=clock, fixtures=fixtures))
    document = runs("-p", "no:asyncio", apart=True)["test_it"]
    assert ((pytester.path / "kind").read_text(), document["clock"]) == expected


ASKED = """
    import asyncio
    import pytest

    class Uvloop:
        def pytest_asyncio_loop_factories(self, config, item):
            from pytest_cio_load.driving import own_loop
            from pytest_cio_load.session import case_of

            made = own_loop(case_of(item)) if item.get_closest_marker("cio_load") else None
            return {"uvloop" if made else "asyncio": made or asyncio.new_event_loop}

    def pytest_configure(config):
        config.pluginmanager.register(Uvloop())
"""

SCOPES = """
    import asyncio
    import pytest
    import pytest_asyncio

    def kind():
        return type(asyncio.get_running_loop()).__module__.split(".")[0]

    @pytest_asyncio.fixture(loop_scope="{scope}", scope="{scope}")
    async def loop_of_fixture():
        yield asyncio.get_running_loop()

    @pytest.mark.asyncio(loop_scope="{scope}")
    class TestIt:
        @pytest.mark.cio_load(rate=50, duration=0.2, max="10s")
        async def test_wall(self, cio_load, loop_of_fixture):
            assert (kind(), asyncio.get_running_loop()) == ("uvloop", loop_of_fixture)
            await asyncio.sleep(0.001)

        @pytest.mark.cio_load(rate=50, duration=0.2, max="10s")
        async def test_virtual(self, cio, cio_load, loop_of_fixture):
            assert (kind(), asyncio.get_running_loop()) == ("asyncio", loop_of_fixture)
            await cio.track(cio_load.user.id, "opened")

        async def test_plain(self):
            assert kind() == "asyncio"
"""


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_pytest_asyncio_can_be_told(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], scope: str) -> None:
    """By its own hook, for each test: uvloop's on the wall clock, asyncio's in virtual time and for tests that are no load."""
    pytest.importorskip("uvloop")
    plugin = pytest.importorskip("pytest_asyncio.plugin")
    if not hasattr(plugin, "PytestAsyncioSpecs"):
        pytest.skip("pytest-asyncio asks since 1.4")
    pytester.makeconftest(ASKED)
    pytester.makepyfile(SCOPES.format(scope=scope))
    documents = runs(apart=True)
    found = {name: (document["verdict"], document["clock"]) for name, document in documents.items()}
    assert found == {"TestIt::test_wall": ("kept", "wall"), "TestIt::test_virtual": ("kept", "virtual")}
