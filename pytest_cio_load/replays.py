"""Where pytest meets the autoscaler's replay: the marker ``cio_scale``, checked at collection and judged after the test's body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_cio_load.scaling.model.plot import plot_lines
from pytest_cio_load.targets.scale import scale_problems, scale_run

if TYPE_CHECKING:
    from collections.abc import Sequence

MARK = "cio_scale"


def said_by(item: pytest.Item) -> dict[str, object]:
    """The keywords of a test's ``cio_scale`` markers; the closest wins."""
    said: dict[str, object] = {}
    for mark in reversed(list(item.iter_markers(MARK))):
        said.update(mark.kwargs)
    return said


def check(items: Sequence[pytest.Item]) -> str:
    """Everything wrong with the markers of *items*, as the text of a collection error; "" when all are well."""
    told = []
    for item in items:
        positional = [argument for mark in item.iter_markers(MARK) for argument in mark.args]
        problems = [problem.describe() for problem in scale_problems(said_by(item), root=item.config.rootpath)]
        if positional:
            shown = ", ".join(repr(each) for each in positional)
            problems.insert(0, f"cio_scale({shown}): expected keyword arguments only; write cio_scale(hpa=…, traffic=…, max_depth=…)")
        if problems:
            told.append("\n".join([f"{item.nodeid}: bad contract", *(f"  {problem}" for problem in problems)]))
    return "\n\n".join(told)


def judge(item: pytest.Item) -> None:
    """Replay what the test's markers say. Fails the test when a promise is not kept; the figures and the plot go with its report."""
    run, broken = scale_run(said_by(item), root=item.config.rootpath)
    picture = "\n".join(plot_lines(run))
    if broken:
        pytest.fail("\n".join(["contract broken: " + broken[0], *broken[1:], "", picture]), pytrace=False)
    item.add_report_section("call", "cio-scale", picture)
