"""Commands, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_cio_load.cli import main

SEED = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: cio-worker-hpa}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cio-event-worker}
  minReplicas: 2
  maxReplicas: 20
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
    - type: Pods
      pods: {metric: {name: cio_queue_depth}, target: {type: AverageValue, averageValue: "500"}}
  behavior:
    scaleUp: {stabilizationWindowSeconds: 60, policies: [{type: Pods, value: 4, periodSeconds: 60}]}
    scaleDown: {stabilizationWindowSeconds: 300, policies: [{type: Pods, value: 2, periodSeconds: 120}]}
"""
"""The autoscaler of the design that this product came from."""


@pytest.fixture
def run() -> Callable[..., int]:
    """Runs a command with arguments: its exit code."""

    def call(name: str, *arguments: object) -> int:
        return main([name, *map(str, arguments)])

    return call


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    """The autoscaler of the design that this product came from, in a file."""
    path = tmp_path / "hpa.yaml"
    path.write_text(SEED, encoding="utf-8")
    return path
