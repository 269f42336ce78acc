"""The public names: complete, sorted, each with one home; and everything public says what it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import pytest_cio_load

PACKAGE = Path(pytest_cio_load.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_all_is_sorted_and_complete() -> None:
    """``__all__`` is every name that has a home, and the version."""
    assert pytest_cio_load.__all__ == sorted(pytest_cio_load.__all__)
    assert set(pytest_cio_load.__all__) == {*pytest_cio_load._HOME, "__version__"}
    assert set(pytest_cio_load.__all__) <= set(dir(pytest_cio_load))


@pytest.mark.parametrize("name", sorted(pytest_cio_load._HOME))
def test_each_name_has_one_home(name: str) -> None:
    """It is the very object of the module it comes from, and stays the same."""
    home = import_module(f"pytest_cio_load.{pytest_cio_load._HOME[name]}")
    assert getattr(pytest_cio_load, name) is getattr(home, name) is getattr(pytest_cio_load, name)
    assert getattr(home, name).__module__ == home.__name__


def test_an_unknown_name() -> None:
    """As any module says it."""
    with pytest.raises(AttributeError, match="module 'pytest_cio_load' has no attribute 'nothing'"):
        pytest_cio_load.nothing  # noqa: B018


def test_the_package_itself_weighs_nothing() -> None:
    """Importing it imports none of its modules."""
    code = "import sys, pytest_cio_load; print([name for name in sys.modules if name.startswith('pytest_cio_load.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_types_are_shipped() -> None:
    """PEP 561."""
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_everything_public_is_documented(path: Path) -> None:
    """Modules, classes, functions and methods; what a protocol or an overload declares in one line excepted."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    bare = [name for name, node in _public(tree, "") if not ast.get_docstring(node) and not _is_declaration(node)]
    assert not bare


def _public(node: ast.AST, prefix: str) -> list[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    found: list[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            found.append((prefix + child.name, child))
            if isinstance(child, ast.ClassDef):
                found += _public(child, f"{prefix}{child.name}.")
    return found


def _is_declaration(node: ast.AST) -> bool:
    """``def now(self) -> int: ...``, and what repeats the documented declaration of a protocol or of a base."""
    body = getattr(node, "body", [])
    if isinstance(node, ast.ClassDef):
        return False
    is_stub = len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and body[0].value.value is ...
    return is_stub or getattr(node, "name", "") in _DECLARED_ELSEWHERE


_DECLARED_ELSEWHERE = {"start", "now", "measures"}
"""Methods of the protocols Clock and Book, which document them."""
