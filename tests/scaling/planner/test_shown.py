"""A plan as text, in 80 columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.planner.facts import Place
from pytest_cio_load.scaling.planner.figures import Figure
from pytest_cio_load.scaling.planner.findings import Contradiction
from pytest_cio_load.scaling.planner.plan import plan
from pytest_cio_load.scaling.planner.shown import WIDTH, plan_lines, warning_lines


def test_its_first_lines() -> None:
    """The question, the tier and why, then figures with their formulas."""
    lines = list(plan_lines(plan(5_000_000)))
    assert lines[:8] == [
        "5M operations a day, 4 times the mean at the peak",
        "",
        "  tier                    queue-backed   5M a day is not below 1M and below 10M:",
        "                                         a queue on Redis or Kafka, workers that",
        "                                         share one limiter",
        "  mean rate                    57.87/s   5M a day / 86,400 s",
        "  peak rate                   231.48/s   57.87/s × 4",
        "  requests at the peak          4.63/s   231.48/s / 50 operations a request",
    ]


@given(st.integers(1, 10**12), st.integers(1, 1_000), st.integers(1, 50))
def test_no_line_is_too_long(daily: int, batch: int, workspaces: int) -> None:
    """Whatever the numbers."""
    assert max(len(line) for line in plan_lines(plan(daily, batch=batch, workspaces=workspaces))) <= WIDTH


@pytest.mark.parametrize(("where", "first"), [(None, "warning: too-much"), (Place("hpa.yaml", 12), "hpa.yaml:12: too-much")])
def test_a_warning(where: Place | None, first: str) -> None:
    """Where and which, its arithmetic, its remedy."""
    assert list(warning_lines(Contradiction("too-much", "3 > 2", "take 2", where))) == [first, "  3 > 2", "  → take 2"]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (57.87, "/s", "57.87/s"),
        (600.4, "s", "10m"),
        (29.126, "s", "29.1s"),
        (0.25, "s", "250ms"),
        (875, "B", "875 B"),
        (1_234_000, "B", "1.2 MB"),
        (121_500_000, "B", "122 MB"),
        (1, "pods", "1 pod"),
        (2, "pods", "2 pods"),
        (138_889, "jobs", "138,889 jobs"),
        (0.45, "cores", "0.45 cores"),
        (None, "s", "never"),
    ],
)
def test_a_figure(value: float | None, unit: str, shown: str) -> None:
    """As people read it."""
    assert Figure("it", value, unit, "").shown() == shown
