"""Plain values in, a frozen plan out."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.planner.plan import plan
from pytest_cio_load.scaling.planner.tiers import Tier

ONE_BY_ONE: dict[str, Any] = {"daily": 25_920_000, "peak": 1, "batch": 1, "rtt": 0.2}
"""300 operations a second, flat, each in a request of its own."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean rate", 5_000_000 / 86_400),
        ("peak rate", 5_000_000 / 86_400 * 4),
        ("requests at the peak", 5_000_000 / 86_400 * 4 / 50),
        ("requests a day", 100_000),
        ("workspaces needed", 1),
        ("capacity", 5_000),
        ("rate of a pod", 1_500),  # a worker takes no more off the queue; 10 / 0.12 × 50 = 4,167 could be sent
        ("useful pods", 4),  # 5,000 / 1,500
        ("workers at the peak", 1),
        ("fewest pods", 2),
        ("most pods", 4),
        ("CPU of a pod", 1_250 * 0.00036),
        ("jobs per pod", 75_000),  # 1,250/s × 60 s
        ("depth after an outage", 138_889),
        ("Redis memory", 138_889 * 875),
    ],
)
def test_the_figures_of_five_million(name: str, value: float) -> None:
    """Worked by hand."""
    assert plan(5_000_000).number(name) == pytest.approx(value)


def test_useful_pods_by_the_round_trip() -> None:
    """⌈limit × RTT / concurrency⌉, as long as workers only wait: ⌈100 × 0.2 / 10⌉ = 2."""
    made = plan(**ONE_BY_ONE, workspaces=1)
    assert made.number("useful pods") == 2
    assert made.figure("useful pods").formula == "⌈100/s × 200ms / 10⌉; more add nothing"


def test_pods_without_flaps() -> None:
    """Only where the fewest are too few for the peak: ⌈300 / 83.33⌉ = 4, where 2 are enough for the mean."""
    made = plan(6_480_000, batch=1)
    assert (made.min_replicas, made.steady_replicas) == (2, 4)
    formula = made.figure("pods without flaps").formula
    assert formula.startswith("⌈300/s / 83.33/s⌉ as minimum: 2 work off 166.67/s, and in a peak longer than 5m pods come and go")
    flat = plan(25_920_000, peak=1, batch=1)
    assert flat.steady_replicas == flat.min_replicas == 4
    assert "pods without flaps" not in [figure.name for figure in flat.figures]


def test_workspaces_leave_something_for_draining() -> None:
    """300/s through workspaces of 100/s need four: three would never empty a queue."""
    assert plan(**ONE_BY_ONE).workspaces == 4


def test_drain_after_an_outage() -> None:
    """Depth over what is left of the capacity: 180,000 / (400 - 300)."""
    made = plan(**ONE_BY_ONE)
    assert made.number("depth after an outage") == 180_000
    assert made.number("drain while at the peak") == pytest.approx(1_800)


def test_what_never_drains() -> None:
    """It has no number of seconds, and is infinite as a number; how fast it grows is said."""
    made = plan(**ONE_BY_ONE, workspaces=1)
    assert made.figure("drain while at the peak").value is None
    assert made.figure("drain while at the peak").shown() == "never"
    assert made.number("drain at the mean rate") == math.inf
    assert made.number("growth at the peak") == pytest.approx(200)


def test_no_outage() -> None:
    """Leaves nothing to drain."""
    made = plan(5_000_000, outage=0)
    assert (made.number("depth after an outage"), made.number("drain while at the peak")) == (0, 0)


def test_content_beyond_what_was_measured() -> None:
    """Takes memory of its own."""
    small, large = plan(5_000_000), plan(5_000_000, payload=1_150)
    assert large.number("Redis memory") - small.number("Redis memory") == 138_889 * 1_000


@pytest.mark.parametrize(
    ("daily", "batch", "has_redis"), [(50_000, 1, False), (500_000, 50, False), (5_000_000, 50, True), (50_000_000, 50, True)]
)
def test_what_comes_with_the_tier(daily: int, batch: int, has_redis: bool) -> None:
    """Batches from the second tier up, a queue from the third."""
    made = plan(daily)
    assert made.demand.batch == batch
    assert any(figure.name == "Redis memory" for figure in made.figures) is has_redis


def test_a_batch_that_was_asked_for() -> None:
    """Is kept to in every tier."""
    assert plan(50_000, batch=7).demand.batch == 7


def test_the_plan_of_its_own_warns_of_nothing() -> None:
    """Where as many workspaces are taken as are needed, and one is enough."""
    assert plan(5_000_000).warnings == ()
    assert plan(50_000_000).warnings == ()


def test_several_workspaces_below_the_tier_for_them() -> None:
    """They are needed earlier than the tier says, for the peak counts."""
    made = plan(5_000_000, batch=1)
    assert made.tier is Tier.QUEUE_BACKED
    assert made.workspaces == 3
    assert [warning.code for warning in made.warnings] == ["volume-past-a-workspace"]
    assert "8.64M a day" in made.warnings[0].arithmetic


def test_too_few_workspaces() -> None:
    """The queue grows, and by how much."""
    codes = [warning.code for warning in plan(**ONE_BY_ONE, workspaces=1).warnings]
    assert codes == ["pods-past-the-limit", "volume-past-a-workspace"]


def test_json() -> None:
    """Everything in it is plain, and what is infinite is null."""
    made = json.loads(json.dumps(plan(**ONE_BY_ONE, workspaces=1).plain(), allow_nan=False))
    assert made["tier"] == "distributed"
    assert {"name": "growth at the peak", "value": 200.0, "unit": "/s", "formula": "300/s - 100/s"} in made["figures"]
    assert set(made["warnings"][0]) == {"code", "arithmetic", "remedy", "file", "line"}


def test_frozen() -> None:
    """Nobody changes a plan."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan(5_000_000).tier = Tier.DIRECT  # type: ignore[misc]


def test_no_such_figure() -> None:
    """The name is the error."""
    with pytest.raises(KeyError, match="peek"):
        plan(1).figure("peek")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"daily": 0}, "daily: got 0; expected operations a day, more than 0; try 5M"),
        ({"daily": -5}, "daily: got -5; expected operations a day, more than 0; try 5M"),
        ({"daily": math.inf}, "daily: got inf; expected operations a day"),
        ({"peak": 0.5}, "peak: got 0.5; expected a factor of at least 1; try 4"),
        ({"rtt": 0}, "rtt: got 0; expected seconds, more than 0; try 0.12"),
        ({"limit": 0}, "limit: got 0; expected requests per second, more than 0; try 100"),
        ({"outage": -1}, "outage: got -1; expected seconds, 0 or more; try 600"),
        ({"per_worker_rate": 0}, "per_worker_rate: got 0; expected jobs per second, more than 0; try 1500"),
        ({"delay": math.nan}, "delay: got nan; expected seconds, more than 0; try 60"),
        ({"batch": 0}, "batch: got 0; expected a whole number from 1 to 1000; try 10"),
        ({"concurrency": 0}, "concurrency: got 0; expected a whole number from 1 to 10000; try 10"),
        ({"workspaces": 0}, "workspaces: got 0; expected a whole number from 1 to 10000; try 10"),
        ({"payload": 0}, "payload: got 0; expected a whole number from 1 to 500000; try 10"),
        (
            {"payload": 32_000, "batch": 50},
            "batch: got 50 operations of 32000 bytes in one request; expected at most 500000 bytes; try 15",
        ),
    ],
)
def test_mistakes(wrong: dict[str, Any], message: str) -> None:
    """What was got, what was expected, and the nearest fix."""
    with pytest.raises(ValueError) as caught:
        plan(**({"daily": 5_000_000} | wrong))
    assert message in str(caught.value)


@given(
    daily=st.integers(1, 10**9),
    peak=st.floats(1, 20),
    batch=st.integers(1, 1_000),
    limit=st.floats(1, 2_000),
    rtt=st.floats(0.001, 5),
    concurrency=st.integers(1, 200),
)
def test_what_always_holds(daily: int, peak: float, batch: int, limit: float, rtt: float, concurrency: int) -> None:
    """Needed workspaces take the peak and more; the pods planned use all that is allowed; an outage ends."""
    made = plan(daily, peak=peak, batch=batch, limit=limit, rtt=rtt, concurrency=concurrency)
    assert made.number("capacity") > made.number("peak rate") * (1 - 1e-6)
    assert made.max_replicas * made.number("rate of a pod") >= made.number("capacity") * (1 - 1e-6)
    assert 2 <= made.min_replicas <= made.steady_replicas <= made.max_replicas
    assert made.number("workers at the peak") <= made.number("useful pods")
    assert all(warning.code == "volume-past-a-workspace" for warning in made.warnings)
