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
    ("clock", "fixtures", "arguments", "expected"),
    [
        ("", "cio_load", (), ("uvloop", "wall")),
        (", clock='wall'", "cio, cio_load", (), ("uvloop", "wall")),
        ("", "cio, cio_load", (), ("asyncio", "virtual")),
        (", clock='virtual'", "cio_load", (), ("asyncio", "virtual")),
        ("", "cio_load", ("-p", "asyncio"), ("asyncio", "wall")),
    ],
    ids=["wall by nature", "wall by choice", "virtual by nature", "virtual by choice", "somebody else's"],
)
def test_whose_loop_it_is(
    pytester: pytest.Pytester,
    runs: Callable[..., dict[str, Any]],
    clock: str,
    fixtures: str,
    arguments: tuple[str, ...],
    expected: tuple[str, str],
) -> None:
    """Where no plugin runs async tests the loop is ours: uvloop's on the wall clock, asyncio's in virtual time."""
    pytest.importorskip("uvloop")
    pytester.makepyfile(KIND.format(clock=clock, fixtures=fixtures))
    plugins = arguments or ("-p", "no:asyncio", "-o", "asyncio_default_fixture_loop_scope=")
    document = runs(*plugins, apart=True)["test_it"]
    assert ((pytester.path / "kind").read_text(), document["clock"]) == expected
