"""Autoscalers that several tests replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_cio_load.scaling.hpa.spec import (
    Behavior,
    ExternalMetric,
    Hpa,
    PodsMetric,
    Policy,
    PolicyKind,
    ResourceMetric,
    ScalingRules,
    Target,
    TargetKind,
)


@pytest.fixture(scope="session")
def original() -> Hpa:
    """The original design's own: CPU, and a Pods metric of a depth that all pods share."""
    metrics = (
        ResourceMetric("cpu", Target(TargetKind.UTILIZATION, 70)),  # type: ignore[arg-type]
        PodsMetric("cio_queue_depth", Target(TargetKind.AVERAGE_VALUE, 500)),  # type: ignore[arg-type]
    )
    up = ScalingRules.up(stabilization=60, policies=[Policy(PolicyKind.PODS, 4, 60)])
    down = ScalingRules.down(stabilization=300, policies=[Policy(PolicyKind.PODS, 2, 120)])
    return Hpa(20, 2, metrics, Behavior(up, down), "original")


@pytest.fixture(scope="session")
def external() -> Callable[..., Hpa]:
    """Makes one with a single External metric of the depth."""

    def make(target: int = 1_000, low: int = 1, high: int = 10, name: str = "cio_queue_depth", **behavior: Any) -> Hpa:
        metric = ExternalMetric(name, Target(TargetKind.AVERAGE_VALUE, target))  # type: ignore[arg-type]
        return Hpa(high, low, (metric,), Behavior(**behavior), "external")

    return make
