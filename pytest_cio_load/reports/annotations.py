"""Annotations of a pull request: one ``::error`` for each contract that was not kept, on the line of its marker.

The marker is where the promise stands. A run document says where the test is; the marker's line is found in the source, by its syntax.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cio_load.reports.document import Document

MOST = 10
"""How many errors of one step GitHub shows."""

_MARKER = "cio_load"
_LONGEST = 4000
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def annotate(documents: Sequence[Document], environment: Mapping[str, str], root: str | Path) -> list[str]:
    """The lines to print, one for each contract that was not kept; none unless GITHUB_ACTIONS is true.

    Args:
        documents: runs, of any verdict.
        environment: where GITHUB_ACTIONS and GITHUB_WORKSPACE stand.
        root: pytest's root folder, which the documents' locations are relative to.
    """
    if environment.get("GITHUB_ACTIONS") != "true":
        return []
    broken = [doc for doc in documents if doc["verdict"] != "kept"]
    shown = broken if len(broken) <= MOST else broken[: MOST - 1]
    lines = [_annotation(doc, Path(root), environment.get("GITHUB_WORKSPACE", "")) for doc in shown]
    if len(shown) < len(broken):
        lines.append(command({"title": "cio-load"}, f"{len(broken) - len(shown)} more contracts were not kept"))
    return lines


def marker_line(source: str, line: int) -> int:
    """The line of the marker that a test's contract comes from.

    The closest is taken: a ``cio_load`` decorator of the test, then of the classes around it, then one in ``pytestmark`` of a class or the
    module.

    Args:
        source: the test's file.
        line: the test's own line as pytest tells it: its ``def``, or the first of its decorators.

    Returns:
        The marker's line; *line* when there is none to be found.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return line
    around = _around(module, line)
    if not around or isinstance(around[-1], ast.ClassDef):
        return line
    for node in reversed(around):
        found = next((each for each in reversed(node.decorator_list) if _is_ours(each)), None)
        found = found or (_pytestmark(node.body) if isinstance(node, ast.ClassDef) else None)
        if found is not None:
            return found.lineno
    stated = _pytestmark(module.body)
    return line if stated is None else stated.lineno


def command(properties: Mapping[str, object], text: str) -> str:
    """A workflow command of GitHub's, on one line: ``::error file=a.py,line=3::text``."""
    stated = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::error {stated}::{_data(text)}"


def _annotation(doc: Document, root: Path, workspace: str) -> str:
    name, _, number = doc["location"].rpartition(":")
    path = root / name
    try:
        line = marker_line(path.read_text(encoding="utf-8"), int(number))
    except (OSError, ValueError):
        line = int(number)
    text = "\n".join([doc["headline"], *_details(doc)])
    shown = _relative(path, workspace) if workspace else Path(name).as_posix()
    return command({"file": shown, "line": line, "title": f"cio-load: {doc['test']}"}, text[:_LONGEST])


def _details(doc: Document) -> Iterator[str]:
    for clause in doc["thresholds"]:
        if clause["state"] == "broken":
            yield f"{clause['metric']} {clause['label']} was {clause['shown']}, promised {clause['text']}"
    for reason in doc["reasons"]:
        yield f"{reason['what']}: {reason['remedy']}"


def _relative(path: Path, workspace: str) -> str:
    """The path as the repository knows it: pytest's root may be a folder further in."""
    try:
        return Path(os.path.relpath(path.resolve(), Path(workspace).resolve())).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _around(module: ast.Module, line: int) -> list[_Definition]:
    """The definitions that *line* is in, from the outermost in."""
    found: list[_Definition] = []
    inside: ast.AST | None = module
    while inside is not None:
        inside = next((node for node in _definitions(inside) if _first(node) <= line <= (node.end_lineno or node.lineno)), None)
        if inside is not None:
            found.append(inside)
    return found


def _definitions(inside: ast.AST) -> Iterator[_Definition]:
    """Those directly in *inside*, also under an ``if`` or a ``with``."""
    for node in ast.iter_child_nodes(inside):
        if isinstance(node, _Definition):
            yield node
        elif isinstance(node, ast.stmt | ast.excepthandler):
            yield from _definitions(node)


def _first(node: _Definition) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _is_ours(node: ast.expr) -> bool:
    """``pytest.mark.cio_load(…)``, ``mark.cio_load(…)``, with or without a call."""
    called = node.func if isinstance(node, ast.Call) else node
    return isinstance(called, ast.Attribute) and called.attr == _MARKER


def _pytestmark(body: Sequence[ast.stmt]) -> ast.expr | None:
    for statement in body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in targets):
            stated = statement.value.elts if isinstance(statement.value, ast.List | ast.Tuple) else [statement.value]
            return next((each for each in stated if _is_ours(each)), None)
    return None


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
