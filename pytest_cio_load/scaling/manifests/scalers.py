"""Manifests of what decides how many workers there are.

Every pod exports the depth of the one queue that they all share, so the pods' figures are never summed: per state the largest is taken, and
the states are summed. A PrometheusRule does that for the metric of a HorizontalPodAutoscaler, and KEDA's query does it itself.
"""

from __future__ import annotations

from typing import Any

from pytest_cio_load.scaling.manifests.worker import Scaler, WorkerSpec
from pytest_cio_load.scaling.planner.demand import SCALE_DOWN

BACKLOG = "cio_queue_backlog"
"""The metric that the PrometheusRule makes: jobs that wait for a worker, by queue."""

DEPTH = "cio_queue_depth"
"""The metric that workers export: jobs, by queue and state."""

UP = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}, {"type": "Pods", "value": 4, "periodSeconds": 15}],
}
"""At once, and by as much as is needed."""

DOWN = {"stabilizationWindowSeconds": int(SCALE_DOWN), "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}]}
"""Late, and by halves: a pod that goes has jobs to end."""

_STATES = "waiting|prioritized"


def query(spec: WorkerSpec) -> str:
    """Jobs of the queue that wait for a worker, in Prometheus's language."""
    return f'sum(max by (state) ({DEPTH}{{queue="{spec.queue}",state=~"{_STATES}"}}))'


def scaler_documents(spec: WorkerSpec) -> dict[str, dict[str, Any]]:
    """Files by name: the autoscaler, and for the External metric the rule that it reads."""
    if spec.scaler is Scaler.KEDA:
        return {"scaledobject.yaml": _scaled_object(spec)}
    hpa = {"hpa.yaml": _hpa(spec)}
    return {**hpa, "prometheusrule.yaml": _rule(spec)} if spec.scaler is Scaler.EXTERNAL else hpa


def _meta(spec: WorkerSpec) -> dict[str, Any]:
    return {"name": spec.name, "labels": spec.labels}


def _target(spec: WorkerSpec) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": spec.name}


def _hpa(spec: WorkerSpec) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _meta(spec),
        "spec": {
            "scaleTargetRef": _target(spec),
            "minReplicas": spec.min_replicas,
            "maxReplicas": spec.max_replicas,
            "metrics": _classic(spec) if spec.scaler is Scaler.CLASSIC else [_external(spec)],
            "behavior": {"scaleUp": UP, "scaleDown": DOWN},
        },
    }


def _external(spec: WorkerSpec) -> dict[str, Any]:
    metric = {"name": BACKLOG, "selector": {"matchLabels": {"queue": spec.queue}}}
    return {"type": "External", "external": {"metric": metric, "target": _each(spec)}}


def _each(spec: WorkerSpec) -> dict[str, Any]:
    return {"type": "AverageValue", "averageValue": str(spec.depth_per_pod)}


def _classic(spec: WorkerSpec) -> list[dict[str, Any]]:
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    return [{"type": "Resource", "resource": cpu}, {"type": "Pods", "pods": {"metric": {"name": DEPTH}, "target": _each(spec)}}]


def _rule(spec: WorkerSpec) -> dict[str, Any]:
    recorded = {
        "record": BACKLOG,
        "expr": f'sum by (namespace, queue) (max by (namespace, queue, state) ({DEPTH}{{queue="{spec.queue}",state=~"{_STATES}"}}))',
    }
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": _meta(spec),
        "spec": {"groups": [{"name": spec.name, "interval": "15s", "rules": [recorded]}]},
    }


def _scaled_object(spec: WorkerSpec) -> dict[str, Any]:
    metadata = {"serverAddress": spec.prometheus, "query": query(spec), "threshold": str(spec.depth_per_pod), "activationThreshold": "0"}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": _meta(spec),
        "spec": {
            "scaleTargetRef": {"name": spec.name},
            "pollingInterval": 15,
            "cooldownPeriod": 300,
            "minReplicaCount": spec.min_replicas,
            "maxReplicaCount": spec.max_replicas,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": UP, "scaleDown": DOWN}}},
            "triggers": [{"type": "prometheus", "metricType": "AverageValue", "metadata": metadata}],
        },
    }
