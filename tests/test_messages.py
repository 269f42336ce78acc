"""Every message says what was got, what was expected, and the nearest fix."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pytest_cio_load.errors import ContractError, CustomerIOError, Problem, near_miss

PACKAGE = Path(__file__).parents[1] / "pytest_cio_load"
MODULES = sorted(PACKAGE.rglob("*.py"))
TALKS_TO_AUTHORS = ("ValueError", "RuntimeError", "TypeError", "UsageError")


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem("rate", "0", "a rate above 0"), "rate=0: expected a rate above 0"),
        (Problem("p59", "500", "a keyword of cio_load", "did you mean p95?"), "p59=500: expected a keyword of cio_load; did you mean p95?"),
        (Problem("test_it", "", "an async test"), "test_it: expected an async test"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, line: str) -> None:
    """Where, what, what instead, and the nearest fix if there is one."""
    assert problem.describe() == line


def test_a_contract_error_holds_every_problem() -> None:
    """In order, a line each."""
    error = ContractError([Problem("a", "1", "b"), Problem("c", "2", "d")])
    assert str(error) == "a=1: expected b\nc=2: expected d"
    assert len(error.problems) == 2


@pytest.mark.parametrize(("word", "said"), [("identfy", "did you mean identify?"), ("zzz", "")])
def test_a_near_miss(word: str, said: str) -> None:
    """Only what is close is offered."""
    assert near_miss(word, ["identify", "track"]) == said


def test_a_failed_call() -> None:
    """Operation, status, reason and attempts; nothing of what was sent."""
    error = CustomerIOError("track", "over the limit", status=429, attempts=4, retry_after=1)
    assert str(error) == "track: 429 over the limit after 4 attempts"


def _raised_texts(path: Path) -> list[tuple[int, str]]:
    """The literal text of every error of the kinds that authors meet, as far as it is written where it is raised."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts: list[tuple[int, str]] = []
    assigned: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned[node.targets[0].id] = node.value
    for node in ast.walk(tree):
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call) or not node.exc.args:
            continue
        name = node.exc.func.attr if isinstance(node.exc.func, ast.Attribute) else getattr(node.exc.func, "id", "")
        if name in TALKS_TO_AUTHORS:
            argument = node.exc.args[0]
            if isinstance(argument, ast.Name):
                argument = assigned.get(argument.id, argument)
            text = " ".join(_words(argument))
            texts.append((node.lineno, text))
    return texts


def _words(argument: ast.expr) -> list[str]:
    """Literal parts, and the names of what is put in: a text made elsewhere is called ``expected``, or is an ``error``'s own."""
    literal = [part.value for part in ast.walk(argument) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    names = [part.id for part in ast.walk(argument) if isinstance(part, ast.Name)]
    return literal + ["expected" for name in names if name in ("expected", "error")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_error_says_what_was_expected(path: Path) -> None:
    """Errors that an author of tests can meet; a bare name (a JSON constant that is refused) is none."""
    silent = [(line, text) for line, text in _raised_texts(path) if text and "expected" not in text]
    assert not silent


HOW = {"Problem": 2, "UnitError": 1, "ThresholdError": 1, "add": 2}
"""What tells an author of a mistake, and which of its arguments says what was expected. ``add`` is that of the collected problems."""


def _expectations(path: Path) -> list[tuple[int, ast.expr | None]]:
    """Of every problem that *path* states: its line, and what is expected."""
    found: list[tuple[int, ast.expr | None]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        receiver = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if name not in HOW or (name == "add" and not receiver.endswith("problems")):
            continue
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        place = HOW[name]
        found.append((node.lineno, node.args[place] if len(node.args) > place else named.get("expected")))
    return found


def test_problems_are_found_where_they_are_stated() -> None:
    """The look at the source below does see them."""
    assert sum(len(_expectations(path)) for path in MODULES) > 60


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_problem_says_what_was_expected(path: Path) -> None:
    """Wherever one is stated, and never with empty words."""
    silent = [line for line, said in _expectations(path) if said is None or (isinstance(said, ast.Constant) and not said.value)]
    assert not silent
