"""Manifests to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_cio_load.scaling.manifests.reading import Manifests
from pytest_cio_load.scaling.manifests.worker import SecretKey, WorkerSpec

SEED = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: cio-worker-hpa
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: cio-event-worker
  minReplicas: 2
  maxReplicas: 20
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: 70
    - type: Pods
      pods:
        metric:
          name: cio_queue_depth
        target:
          type: AverageValue
          averageValue: "500"
  behavior:
    scaleUp:
      stabilizationWindowSeconds: 60
      policies:
        - type: Pods
          value: 4
          periodSeconds: 60
    scaleDown:
      stabilizationWindowSeconds: 300
      policies:
        - type: Pods
          value: 2
          periodSeconds: 120
"""
"""The autoscaler of the design that this product came from."""


@pytest.fixture
def seed() -> str:
    """The autoscaler of the design that this product came from, as YAML."""
    return SEED


@pytest.fixture
def read() -> Callable[..., Manifests]:
    """Takes in texts, each as a file: ``a.yaml``, ``b.yaml``, …"""

    def take(*texts: str) -> Manifests:
        manifests = Manifests()
        for letter, text in zip("abcdef", texts, strict=False):
            manifests.read(text, f"{letter}.yaml")
        return manifests

    return take


@pytest.fixture
def worker() -> Callable[..., WorkerSpec]:
    """A worker, but for what is said otherwise."""

    def make(**said: Any) -> WorkerSpec:
        needed = {
            "name": "cio-worker",
            "image": "example.com/cio-worker:1.0",
            "queue_url": SecretKey("cio-queue", "url"),
            "site_id": SecretKey("cio-credentials", "site-id"),
            "api_key": SecretKey("cio-credentials", "track-api-key"),
        }
        return WorkerSpec(**(needed | said))

    return make
