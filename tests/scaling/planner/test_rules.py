"""The contradictions: each with what brings it about, and the twin in which it is gone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from pytest_cio_load.scaling.hpa.spec import (
    ExternalMetric,
    Metric,
    PodsMetric,
    Policy,
    PolicyKind,
    ResourceMetric,
    ScalingRules,
    Select,
    Target,
    TargetKind,
)
from pytest_cio_load.scaling.planner.autoscaling import climb, descent
from pytest_cio_load.scaling.planner.facts import Facts, Place
from pytest_cio_load.scaling.planner.warnings import RULES, contradictions


def average(value: int) -> Target:
    """An average of so many."""
    return Target(TargetKind.AVERAGE_VALUE, Fraction(value))


def cpu(percent: int) -> Metric:
    """So much of what is requested."""
    return ResourceMetric("cpu", Target(TargetKind.UTILIZATION, Fraction(percent)))


def pods(value: int, period: int) -> Policy:
    """So many pods per period."""
    return Policy(PolicyKind.PODS, value, period)


DEPTH = PodsMetric("cio_queue_depth", average(500))
SLOW_UP, SLOW_DOWN = (
    ScalingRules.up(stabilization=60, policies=[pods(4, 60)]),
    ScalingRules.down(stabilization=300, policies=[pods(2, 120)]),
)
FAST_UP = ScalingRules.up()

CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    (
        "pods-past-the-limit",
        {"max_replicas": 20, "limit": 100, "rtt": 0.2, "concurrency": 10},
        {"max_replicas": 2},
        ["maxReplicas is 20, but ⌈100/s × 200ms / 10⌉ = 2 pods already use up the 100/s of the workspace", "set maxReplicas to 2"],
    ),
    (
        "pods-past-the-limit",
        {"arrival": 300, "limit": 100},
        {"workspaces": 4},
        ["300/s arrive and 100/s can be sent, by any number of pods: the queue grows by 200/s, to 720,000 jobs after 1h", "4 workspaces"],
    ),
    (
        "pods-past-the-limit",
        {"max_replicas": 20, "limit": 100, "batch": 100},
        {"max_replicas": 7},
        ["⌈10,000/s of jobs / 1,500/s of a process⌉ = 7 pods"],
    ),
    (
        "pods-past-the-limit",
        {"max_replicas": 8, "limit": 100, "workspaces": 3, "rtt": 0.5, "processes": 4},
        {"rtt": 1.0},
        ["⌈300/s × 500ms / 10 / 4 processes⌉ = 4 pods already use up the 300/s of all 3 workspaces"],
    ),
    (
        "limiter-per-process",
        {"shared_limiter": False, "pace": 80, "min_replicas": 2, "max_replicas": 4, "rtt": 0.4},
        {"shared_limiter": True},
        ["4 pods send 320/s, and the 2 of minReplicas 160/s, where 100/s are allowed", "share one limiter"],
    ),
    (
        "limiter-per-process",
        {"shared_limiter": False, "pace": 30, "min_replicas": 2, "max_replicas": 2, "processes": 4},
        {"pace": 10},
        ["2 pods × 4 processes send 240/s"],
    ),
    (
        "double-burst",
        {"reservoir": 80, "refill": 1.0},
        {"reservoir": 50},
        ["lets 2 × 80 = 160 requests through in one sliding second, where 100/s are allowed", "80/s and a burst of 4"],
    ),
    ("double-burst", {"reservoir": 30, "refill": 0.25}, {"refill": 1.0}, ["5 × 30 = 150"]),
    (
        "volume-past-a-workspace",
        {"daily": 5_000_000, "peak": 4, "limit": 100},
        {"batch": 50},
        [
            "100/s × 86,400 s = 8.64M a day",
            "at the rate of 20M: the queue-backed tier needs 3 workspaces already",
            "batches of 3 operations",
        ],
    ),
    (
        "volume-past-a-workspace",
        {"daily": 50_000_000, "peak": 4, "limit": 1, "batch": 50, "workspaces": 2},
        {"workspaces": 47},
        ["× 50 operations a request = 4.32M a day", "use 47 workspaces"],
    ),
    (
        "pods-metric-of-a-shared-depth",
        {"metrics": (DEPTH,), "min_replicas": 2, "max_replicas": 20, "rtt": 2.0},
        {"metrics": (ExternalMetric("cio_queue_depth", average(500)),)},
        ["at a constant depth of 1,100", "2 → 5 → 11 → 20 pods are asked for; as one External metric it is 2", "type External"],
    ),
    (
        "cpu-of-waiting-workers",
        {"metrics": (cpu(70),), "min_replicas": 2, "limit": 80},
        {"batch": 60},
        ["80/s are all that may be sent, at 0.36 ms of CPU a job: with 2 pods 1.4 % of the 1 core that it may request, where 70 %"],
    ),
    (
        "cpu-of-waiting-workers",
        {"metrics": (cpu(70),), "cpu_request": 0.1, "limit": 80},
        {"cpu_request": 0.04},
        ["with 1 pod 28.8 % of the 0.1 cores that it requests"],
    ),
    (
        "concurrency-out-of-reach",
        {"max_concurrent": 15, "concurrency": 10},
        {"max_concurrent": 10},
        ["maxConcurrent is 15, and a worker has at most 10 jobs under way: 5 never used", "raise the worker's concurrency to 15"],
    ),
    (
        "retries-shorter-than-an-outage",
        {"attempts": 5, "backoff": 2.0},
        {"pauses": True},
        ["5 tries are used up after 2s + 4s + 8s + 16s = 30s: an outage of 10m gives up every job tried in it", "pause the queue"],
    ),
    ("retries-shorter-than-an-outage", {"attempts": 1}, {"outage": 0.0}, ["1 tries are used up after 0s, for there is only one"]),
    ("retries-shorter-than-an-outage", {"attempts": 9, "backoff": 1.0}, {"attempts": 11}, ["+ 32s + … = 4m15s"]),
    (
        "late-reaction",
        {"scale_up": SLOW_UP, "scale_down": SLOW_DOWN, "min_replicas": 2, "max_replicas": 20, "rtt": 2.0},
        {"scale_up": FAST_UP},
        ["30s until it is seen + 15s of sync + 1m of stabilisation = 1m45s", "4m of steps from 2 to 20: 5m45s", "takes 5m + 18m"],
    ),
    (
        "late-reaction",
        {"scale_up": ScalingRules.up(select_policy=Select.DISABLED), "max_replicas": 2, "scrape": 15.0},
        {"min_replicas": 2},
        ["no end of steps from 1 to 2: no end"],
    ),
    (
        "colon-in-the-queue-name",
        {"queue": "cio:events"},
        {"queue": "cio-events"},
        ["1 colon in it, where BullMQ 5.12.12 and later allow none", "call it 'cio-events'"],
    ),
    (
        "killed-before-its-time",
        {"timeout": 35.0},
        {"termination": 45.0},
        ["a pod is killed after 30s, and a job may take 35s", "set terminationGracePeriodSeconds to 45 or more", "give every event an id"],
    ),
    (
        "killed-before-its-time",
        {"termination": 25.0, "grace": 25.0, "timeout": 10.0},
        {"termination": 40.0},
        ["a pod is killed after 25s, and a worker takes to end 25s"],
    ),
    (
        "killed-before-its-time",
        {"termination": 40.0, "grace": 5.0, "timeout": 10.0},
        {"grace": 25.0},
        ["a worker drops its jobs after 5s, and a job may take 10s"],
    ),
    (
        "killed-before-its-time",
        {"lock": 30.0, "stalled": 30.0},
        {"lock": 10.0, "stalled": 5.0},
        ["lie untouched for 30s of lockDuration + 30s of stalledInterval = 1m", "lock for 10s and look every 5s"],
    ),
    (
        "order-not-kept",
        {"shards": 1, "concurrency": 10, "max_replicas": 2},
        {"shards": 8},
        ["10 × 2 pods = 20 jobs under way at once", "--shards 8"],
    ),
    (
        "depth-summed-over-pods",
        {"queries": ('sum(cio_queue_depth{queue="q"})',), "min_replicas": 2, "max_replicas": 8, "rtt": 2.0},
        {"queries": ("sum(max by (state) (cio_queue_depth))",)},
        ["with 2 pods it is 2 × the depth, with 8 it is 8 ×", "sum(max by (state)"],
    ),
    (
        "asleep-for-good",
        {"queries": ("sum(max by (state) (cio_queue_depth))",), "idle_replicas": 0},
        {"idle_replicas": 1},
        ["workers export cio_queue_depth, and of 0 workers 0 do", "keep minReplicaCount: 1 without idleReplicaCount"],
    ),
    ("asleep-for-good", {"queries": ("max(cio_queue_oldest_age_seconds)",), "idle_replicas": 0}, {"queries": ("kafka_lag",)}, []),
    (
        "list-without-some-jobs",
        {"lists": ("bull:cio-events:wait",)},
        {"lists": ("jobs",)},
        ["bull:cio-events:wait is 1 of the 3 places where jobs wait", "cio_queue_depth{queue,state}"],
    ),
    (
        "remedies-in-sum",
        {"arrival": 300, "limit": 100, "metrics": (DEPTH,), "min_replicas": 2, "max_replicas": 20},
        {"workspaces": 4},
        ["⌊300/s / 100/s⌋ + 1 = 4 workspaces take 400/s, and their 4 busy pods", "one External metric"],
    ),
]


def finds(facts: Facts, code: str) -> list[str]:
    """What is said of that code: arithmetic and remedy."""
    return [f"{found.arithmetic} → {found.remedy}" for found in contradictions(facts) if found.code == code]


@pytest.mark.parametrize(("code", "facts", "mended", "said"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)])
def test_found(code: str, facts: dict[str, Any], mended: dict[str, Any], said: list[str]) -> None:
    """With its arithmetic and its remedy."""
    (text,) = finds(Facts(**facts), code)
    assert all(words in text for words in said), text


@pytest.mark.parametrize(("code", "facts", "mended", "said"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)])
def test_its_twin(code: str, facts: dict[str, Any], mended: dict[str, Any], said: list[str]) -> None:
    """Is not found once it is mended."""
    assert not finds(replace(Facts(**facts), **mended), code)


def test_all_of_them() -> None:
    """Each has a case of its own above."""
    assert len({code for code, *_ in CASES}) == len(RULES) == 16


def test_nothing_known_finds_nothing() -> None:
    """What nobody knows is no contradiction."""
    assert contradictions(Facts()) == ()


def test_where_it_stands() -> None:
    """The line that the fact came from."""
    facts = Facts(queue="cio:events", places={"queue": Place("worker.yaml", 7)})
    (found,) = contradictions(facts)
    assert str(found.where) == "worker.yaml:7"
    assert found.plain()["line"] == 7


def test_what_piles_up_before_the_pods_are_there() -> None:
    """300/s in, 50/s by the two pods that run: 250/s for 345 s."""
    facts = Facts(arrival=300, limit=1_000, rtt=0.4, min_replicas=2, max_replicas=20, scale_up=SLOW_UP)
    assert "in which up to 86,250 jobs pile up" in finds(facts, "late-reaction")[0]


@pytest.mark.parametrize(
    ("rules", "start", "end", "up", "down"),
    [
        (ScalingRules.up(policies=[pods(4, 60)]), 2, 20, 240.0, 300.0),
        (ScalingRules.up(policies=[pods(18, 60)]), 2, 20, 0.0, 60.0),
        (ScalingRules.up(policies=[Policy(PolicyKind.PERCENT, 100, 15)]), 1, 16, 45.0, 15.0),
        (ScalingRules.up(policies=[pods(1, 60), pods(5, 60)]), 1, 11, 60.0, 120.0),
        (ScalingRules.up(policies=[pods(1, 60), pods(5, 60)], select_policy=Select.MIN), 1, 11, 540.0, 600.0),
        (ScalingRules.up(), 3, 3, 0.0, 0.0),
    ],
)
def test_steps(rules: ScalingRules, start: int, end: int, up: float, down: float) -> None:
    """Up, where the first step is taken at once; down, until the last one is done."""
    assert (climb(rules, start, end), descent(rules, end, start)) == (up, down)
