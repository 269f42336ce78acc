"""Which metrics of their own a test and its fixtures record, read from their source: so that a misspelt name fails at collection.

Reads calls such as ``cio_load.trend("payload", unit="ms")``, ``….check("status is 200", …)`` and ``….group("signup")`` whose name is a
literal. A name made at run time is not found; the author declares it: ``metrics={"step_3": "trend"}``.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cio_load.metrics.kinds import Kind, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RECORDERS = {"trend": Kind.TREND, "counter": Kind.COUNTER, "rate": Kind.RATE, "gauge": Kind.GAUGE}


def discover(files: Iterable[str]) -> dict[str, Metric]:
    """Metrics recorded anywhere in the Python *files*, by name. A file that cannot be read or parsed holds none."""
    found: dict[str, Metric] = {}
    for file in files:
        found.update(_in_file(file))
    return found


@lru_cache(maxsize=256)
def _in_file(file: str) -> dict[str, Metric]:
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return {}
    return dict(_in_block(tree.body, ""))


def _in_block(nodes: Iterable[ast.AST], group: str) -> Iterator[tuple[str, Metric]]:
    """Metrics within *nodes*; *group* is the path of the groups around them, which nest by ``with``."""
    # A stack of our own: Python's is too shallow for an expression of a thousand terms.
    pending = [(node, group) for node in reversed(list(nodes))]
    while pending:
        node, group = pending.pop()
        inside: Iterable[ast.AST] = ast.iter_child_nodes(node)
        if isinstance(node, ast.With | ast.AsyncWith):
            inside = list(node.body)
            for item in node.items:
                name = _literal_name(item.context_expr)
                if name is not None and name[0] == "group":
                    group = f"{group}/{name[1]}" if group else name[1]
                    yield f"group:{group}", Metric(Kind.TREND, "ms")
                else:
                    inside = [item.context_expr, *inside]
        elif isinstance(node, ast.Call):
            yield from _recorded_by(node)
        pending += [(child, group) for child in reversed(list(inside))]


def _recorded_by(call: ast.Call) -> Iterator[tuple[str, Metric]]:
    named = _literal_name(call)
    if named is None:
        return
    method, name = named
    if method == "check":
        yield f"check:{name}", Metric(Kind.RATE)
    elif method == "group":
        yield f"group:{name}", Metric(Kind.TREND, "ms")
    else:
        yield name, Metric(_RECORDERS[method], _unit(call))


def _literal_name(node: ast.AST) -> tuple[str, str] | None:
    """("trend", "payload") for ``anything.trend("payload", …)``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    method = node.func.attr
    if method not in _RECORDERS and method not in ("check", "group"):
        return None
    first = node.args[0] if node.args else next((word.value for word in node.keywords if word.arg == "name"), None)
    return (method, first.value) if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def _unit(call: ast.Call) -> str:
    given = call.args[1] if len(call.args) > 1 else next((word.value for word in call.keywords if word.arg == "unit"), None)
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ""
