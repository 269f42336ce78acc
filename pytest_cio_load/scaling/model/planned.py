"""The autoscaler that the planner's manifests hold, as a value: for replaying a plan before anything of it is written."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pytest_cio_load.scaling.hpa.metric import ExternalMetric, Target, TargetKind
from pytest_cio_load.scaling.hpa.spec import Behavior, Hpa, Policy, PolicyKind, ScalingRules, Select
from pytest_cio_load.scaling.manifests.scalers import BACKLOG, DOWN, UP
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.planner.plan import Plan


def planned_hpa(made: Plan, *, name: str = "cio-worker", queue: str = "cio-events") -> Hpa:
    """As ``cio-load k8s worker`` writes it for this plan: one External metric, the depth of the queue."""
    target = Target(TargetKind.AVERAGE_VALUE, Fraction(made.depth_per_pod))
    metric = ExternalMetric(BACKLOG, target, f"queue={queue}")
    return Hpa(made.max_replicas, made.min_replicas, (metric,), Behavior(_rules(UP), _rules(DOWN)), name)


def planned_pipeline(made: Plan) -> Pipeline:
    """The workers and workspaces of this plan."""
    demand = made.demand
    return Pipeline(
        limit=demand.limit,
        workspaces=made.workspaces,
        batch=demand.batch,
        rtt=demand.rtt,
        concurrency=demand.concurrency,
        worker_rate=demand.per_worker_rate,
    )


def _rules(said: Mapping[str, Any]) -> ScalingRules:
    policies = tuple(Policy(PolicyKind(each["type"]), each["value"], each["periodSeconds"]) for each in said["policies"])
    return ScalingRules(said["stabilizationWindowSeconds"], Select(said.get("selectPolicy", Select.MAX)), policies)
