"""Annotations: one for each contract that was not kept, on the line of its marker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.reports.annotations import MOST, annotate, command, marker_line

ACTIONS = {"GITHUB_ACTIONS": "true"}
SOURCE = '''\
import pytest
from pytest import mark

pytestmark = [pytest.mark.slow, pytest.mark.cio_load(rate=1)]


@pytest.mark.parametrize("a", [1])
@pytest.mark.cio_load(
    rate=80,
    duration=60,
)
@pytest.mark.usefixtures("b")
async def test_own(cio):
    """A body."""
    await cio.identify("a")


@mark.cio_load
class TestOuter:
    def test_outer(self):
        def inner():
            pass

    class TestInner:
        pytestmark: object = mark.cio_load(rate=5)

        @mark.slow
        def test_inner(self):
            pass


if True:

    def test_module(): pass
'''


def line_of(text: str) -> int:
    """The first line that holds *text*."""
    return next(number for number, line in enumerate(SOURCE.splitlines(), start=1) if text in line)


@pytest.mark.parametrize("told", ["@pytest.mark.parametrize", "async def test_own", '"""A body'])
def test_the_decorator_of_the_test(told: str) -> None:
    """Whichever of the test's lines pytest tells."""
    assert marker_line(SOURCE, line_of(told)) == line_of("@pytest.mark.cio_load(")


@pytest.mark.parametrize(
    ("told", "marker"),
    [
        ("def test_outer", "@mark.cio_load"),
        ("def test_inner", "pytestmark: object"),
        ("@mark.slow", "pytestmark: object"),
        ("def test_module", "pytestmark = ["),
    ],
)
def test_the_closest_marker_is_taken(told: str, marker: str) -> None:
    """Of a class, then of the module."""
    assert marker_line(SOURCE, line_of(told)) == line_of(marker)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("", 1),
        ("def test_a(): pass", 1),
        ("@other\ndef test_a(): pass", 2),
        ("def (:", 1),
        ("\0", 3),
        ("x = 1\n\ndef test_a(): pass", 1),
        ("pytestmark = []\ndef test_a(): pass", 2),
        ("class A:\n    pytestmark = cio_load\n    def test_a(self): pass", 3),
        ("def test_a(): pass", 99),
    ],
)
def test_without_a_marker_the_test_itself_is_meant(source: str, line: int) -> None:
    """It may come from the command line, or the file have changed."""
    assert marker_line(source, line) == line


def test_stacked_markers_mean_the_closest() -> None:
    """Which wins, keyword by keyword."""
    assert marker_line("@m.cio_load(rate=1)\n@m.cio_load(rate=2)\ndef test_a(): pass", 1) == 2


@given(st.text(max_size=60), st.integers(0, 9))
def test_any_source_gives_a_line(source: str, line: int) -> None:
    """A file that is no Python is no reason to fail."""
    assert marker_line(source, line) >= 0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """pytest's root folder, with the file that the documents name: its test stands in line 12, its marker in line 10."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("\n" * 9 + "@m.cio_load(\n)\ndef test_identify(): pass\n", encoding="utf-8")
    return tmp_path


def test_what_was_not_kept_is_annotated(runs: Any, root: Path) -> None:
    """With what was broken, and by how much."""
    docs = [runs.document(), runs.document(100, 700, failed=2)]
    assert annotate(docs, ACTIONS, root) == [
        "::error file=tests/test_it.py,line=10,title=cio-load%3A tests/test_it.py%3A%3Atest_identify::"
        "contract broken: response p(95) was 700.0 ms, promised p(95)<500, and 1 more"
        "%0Aresponse p(95) was 700.0 ms, promised p(95)<500%0Aerrors count was 2, promised count==0"
    ]


def test_inconclusive_is_an_error_too(runs: Any, root: Path) -> None:
    """With the remedy."""
    (line,) = annotate([runs.document(0)], ACTIONS, root)
    assert "::inconclusive: no iteration was measured%0Ano iteration was measured: raise max_in_flight" in line


@pytest.mark.parametrize("environment", [{}, {"GITHUB_ACTIONS": "false"}, {"GITHUB_ACTIONS": ""}])
def test_elsewhere_nothing_is_printed(runs: Any, root: Path, environment: dict[str, str]) -> None:
    """The lines mean something to GitHub only."""
    assert annotate([runs.document(failed=1)], environment, root) == []


def test_files_are_told_as_the_repository_knows_them(runs: Any, root: Path) -> None:
    """pytest's root may be a folder further in."""
    (line,) = annotate([runs.document(failed=1)], ACTIONS | {"GITHUB_WORKSPACE": str(root.parent)}, root)
    assert line.startswith(f"::error file={root.name}/tests/test_it.py,line=10,")


def test_a_file_that_is_gone_leaves_the_tests_line(runs: Any, tmp_path: Path) -> None:
    """As the document tells it."""
    (line,) = annotate([runs.document(failed=1)], ACTIONS, tmp_path)
    assert line.startswith("::error file=tests/test_it.py,line=12,")


def test_more_than_github_shows_are_counted(runs: Any, root: Path) -> None:
    """In the last one that it shows."""
    docs = [runs.document(failed=1, test=f"t{index}") for index in range(MOST + 5)]
    lines = annotate(docs, ACTIONS, root)
    assert len(lines) == MOST
    assert lines[-1] == "::error title=cio-load::6 more contracts were not kept"
    assert len(annotate(docs[:MOST], ACTIONS, root)) == MOST


@pytest.mark.parametrize(
    ("properties", "text", "line"),
    [
        ({"file": "a.py", "line": 3}, "x: y, z", "::error file=a.py,line=3::x: y, z"),
        ({"title": "a:b,c%\r\n"}, "50%\r\n::error::x", "::error title=a%3Ab%2Cc%25%0D%0A::50%25%0D%0A::error::x"),
    ],
)
def test_a_command_is_one_line(properties: dict[str, object], text: str, line: str) -> None:
    """Nothing that was written ends it, or begins another."""
    assert command(properties, text) == line
