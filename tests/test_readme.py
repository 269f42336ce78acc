"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def _block(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found is not None, f"no block marked {marker!r}"
    return found[1]


def test_the_first_example_fails_as_shown(pytester: pytest.Pytester) -> None:
    """The six lines, against a slow mock, give the very text that is printed below them."""
    pytester.makepyfile(_block("test: first"))
    quiet = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
    result = pytester.runpytest_inprocess("--cio-latency=lognormal(p50=120ms,p99=1.2s)", "--cio-seed=7", *quiet)
    shown = [line.replace("[", "[[]") for line in _block("output: first").splitlines()]
    result.stdout.fnmatch_lines(shown, consecutive=True)
    assert result.ret == 1


def test_the_first_example_has_six_lines() -> None:
    """Short enough to be read at a glance."""
    assert len([line for line in _block("test: first").splitlines() if line]) <= 6
