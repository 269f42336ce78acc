"""A plan and its warnings as text of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from pytest_cio_load.scaling.planner.findings import Contradiction
from pytest_cio_load.scaling.planner.plan import Plan, title

WIDTH = 80
"""Columns."""

_NAME, _VALUE = 23, 14


def plan_lines(made: Plan) -> Iterator[str]:
    """The whole plan: the tier and why, every figure with its formula, and the warnings."""
    yield title(made)
    yield ""
    yield from _row("tier", made.tier.value, made.why)
    for figure in made.figures:
        shown = figure.shown()
        # What the name says already is not said again.
        yield from _row(figure.name, shown.split(" ")[0] if figure.unit.rstrip("s") in figure.name else shown, figure.formula)
    for warning in made.warnings:
        yield ""
        yield from warning_lines(warning)


def warning_lines(warning: Contradiction) -> Iterator[str]:
    """One warning: where and which, its arithmetic, its remedy."""
    yield f"{warning.where}: {warning.code}" if warning.where else f"warning: {warning.code}"
    yield from wrap(warning.arithmetic, WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield from wrap(warning.remedy, WIDTH, initial_indent="  → ", subsequent_indent="    ")


def _row(name: str, value: str, formula: str) -> Sequence[str]:
    indent = " " * (_NAME + _VALUE + 4)
    lines = wrap(formula, WIDTH, initial_indent=indent, subsequent_indent=indent)
    first = f"  {name:<{_NAME}}{value:>{_VALUE - 1}}  "
    return [first.ljust(len(indent)) + lines[0][len(indent) :], *lines[1:]]
