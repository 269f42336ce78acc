"""Promises on an autoscaler, in milliseconds and without a cluster: what it makes of traffic, and whether that helps."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from pytest_cio_load.scaling.hpa.spec import Behavior, Hpa, PodsMetric, Policy, ResourceMetric, ScalingRules, Target
from pytest_cio_load.scaling.manifests.reading import read_scaler
from pytest_cio_load.scaling.model.planned import planned_hpa
from pytest_cio_load.scaling.planner.plan import plan

MANIFESTS = Path(__file__).parent / "k8s"

ORIGINAL = Hpa(
    name="cio-worker-hpa",
    min_replicas=2,
    max_replicas=20,
    metrics=(ResourceMetric("cpu", Target("Utilization", 70)), PodsMetric("cio_queue_depth", Target("AverageValue", 500))),
    behavior=Behavior(
        ScalingRules.up(stabilization=60, policies=[Policy("Pods", 4, 60)]),
        ScalingRules.down(stabilization=300, policies=[Policy("Pods", 2, 120)]),
    ),
)
"""``k8s/original-hpa.yaml`` as a value. With the extra ``k8s`` a test names the file instead."""

PLAN = plan(25_920_000, peak=1, batch=1)
"""300/s all day long, each operation in a request of its own: four workspaces of 100/s."""


def test_the_original_policy_adds_pods_in_vain(cio_scale):
    """300/s arrive and 100/s may be sent: twenty pods do not change that, and the warning says so."""
    run = cio_scale.replay(ORIGINAL, traffic=[("1h", 300)], limit="100/s", rtt="120ms", concurrency=10)
    assert run.max_pods == 20
    assert run.growing
    assert run.max_depth == 720_000
    why = {warning.code: warning.arithmetic for warning in run.warnings}
    assert "300/s arrive and 100/s can be sent, by any number of pods" in why["pods-past-the-limit"]


def test_the_planned_policy_holds(cio_scale):
    """The planner asks for four workspaces, and for as many pods as they keep busy."""
    run = cio_scale.replay(planned_hpa(PLAN), traffic=[("1h", 300)], limit="100/s", workspaces=PLAN.workspaces)
    assert run.max_depth < 1_000
    assert run.max_pods <= 5
    assert run.flaps == 0
    assert not run.warnings


def test_a_peak_is_drained(cio_scale):
    """Five minutes of 400/s: how deep, how long, and what it costs. Batches of ten are enough for it."""
    run = cio_scale.replay(planned_hpa(PLAN), traffic=[("10m", 50), ("5m", 400), ("30m", 50)], batch=10)
    assert run.max_depth < 20_000
    assert run.drain_time < 600
    assert run.pod_hours < 4
    assert run.flaps == 0


def test_the_same_peak_without_batches_takes_its_time(cio_scale):
    """One workspace takes 100/s, so that 300/s of it wait until the peak is over."""
    run = cio_scale.replay(ORIGINAL, traffic="10m:50,5m:400,30m:50", limit=100)
    assert run.max_depth == 90_000
    assert math.isclose(run.drain_time, 1_800)


@pytest.mark.parametrize(("file", "value"), [("original-hpa.yaml", ORIGINAL), ("planned-hpa.yaml", planned_hpa(PLAN))])
def test_the_files_say_the_same(file, value):
    """The manifests in ``k8s`` are these policies."""
    pytest.importorskip("yaml", reason="reading YAML needs pip install 'pytest-cio-load[k8s]'")
    assert read_scaler(MANIFESTS / file) == value
