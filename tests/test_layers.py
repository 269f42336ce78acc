"""The package is built in layers, and imports run one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pytest_cio_load"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

LAYERS = [
    {"plugin"},
    {"fixtures", "options", "blocking"},
    {"session", "replays"},
    {"driving"},
    {"case"},
    {"plans"},
    {"observing", "comparing"},
    {"measurement", "collecting"},
    {"uvloops"},
    {"baseline"},
    {"reports", "targets", "cli"},
    {"staging"},
    {"scaling", "k6"},
    {"pipeline"},
    {"fake", "load"},
    {"customerio", "contract"},
    {"settings"},
    {"queue_settings", "staging_settings"},
    {"metrics", "safety"},
    {"units", "files"},
    {"errors"},
]
"""From the top down: a module imports from layers below its own, or from its own folder."""

RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
KNOW_PYTEST = {
    *("plugin", "options", "blocking", "fixtures", "session", "case", "collecting", "settings"),
    *("replays", "plans", "observing", "comparing", "uvloops", "reports/live"),
}
HTTP = {"httpx", "respx", "requests", "aiohttp", "pyreqwest", "urllib3", "http"}


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE).with_suffix(""))


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported(path: Path) -> set[str]:
    """Every module that *path* imports anywhere, for type checking too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _rooms(path: Path) -> set[str]:
    ours = {tuple(name.split(".")) for name in _imported(path) if name.startswith("pytest_cio_load.")}
    return {parts[1] for parts in ours}


@pytest.mark.parametrize("path", [path for path in MODULES if _room(path) != "__init__"], ids=_name)
def test_imports_run_downwards(path: Path) -> None:
    """Towards units and errors, never back up."""
    room = _room(path)
    assert room in RANK, f"{room} has no layer yet: give it one"
    upwards = {other for other in _rooms(path) if other != room and RANK[other] <= RANK[room]}
    assert not upwards


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_who_knows_pytest(path: Path) -> None:
    """Few do; the rest can be used and tested without it."""
    knows = any(name.split(".")[0] in ("pytest", "_pytest") for name in _imported(path))
    assert not knows or _name(path) in KNOW_PYTEST


@pytest.mark.parametrize("path", [path for path in MODULES if _room(path) in ("load", "metrics", "contract", "measurement")], ids=_name)
def test_measuring_knows_no_http(path: Path) -> None:
    """A load is a load, whatever the body does."""
    assert not {name.split(".")[0] for name in _imported(path)} & HTTP


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_sizes(path: Path) -> None:
    """No file over 300 lines, no function over 50: what is longer has more than one idea."""
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 50, node.name


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_names(path: Path) -> None:
    """A module is named after what it holds."""
    assert path.stem not in ("utils", "helpers", "common", "misc", "util", "helper")
