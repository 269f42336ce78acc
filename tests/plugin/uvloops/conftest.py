"""Suites that note which kind of loop each of their tests was on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

CONFTEST = """
    import asyncio
    import json
    import pytest
    import pytest_asyncio

    def kind():
        return type(asyncio.get_running_loop()).__module__.split(".")[0]

    def note(name):
        with open("noted", "a") as file:
            file.write(json.dumps([name, kind()]) + "\\n")

    @pytest.fixture
    def noted(request):
        return lambda: note(request.node.name)
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Callable[..., None]:
    """Write one: the source of its tests, and what else its ``conftest.py`` holds."""

    def write(source: str, conftest: str = "") -> None:
        pytester.makeconftest(CONFTEST + conftest)
        pytester.makepyfile(source)

    return write


@pytest.fixture
def found(pytester: pytest.Pytester) -> Callable[[], dict[str, str]]:
    """What its tests noted: the kind of loop, by the test's name. It is the same in every iteration."""

    def read() -> dict[str, str]:
        noted = [json.loads(line) for line in (pytester.path / "noted").read_text(encoding="utf-8").splitlines()]
        assert len({tuple(pair) for pair in noted}) == len({name for name, _ in noted})
        return dict(noted)

    return read


@pytest.fixture
def kinds(
    run: Callable[..., pytest.RunResult], suite: Callable[..., None], found: Callable[[], dict[str, str]]
) -> Callable[..., dict[str, str]]:
    """Write a suite, run it, see it pass, and give what its tests noted."""

    def kinds(*arguments: str, source: str, conftest: str = "") -> dict[str, str]:
        suite(source, conftest)
        result = run("-W", "error", *arguments)
        noted = found()
        result.assert_outcomes(passed=len(noted))
        return noted

    return kinds
