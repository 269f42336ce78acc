"""What was read from manifests → the facts that the planner's rules look at, for every autoscaler and every worker without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.spec import Behavior
from pytest_cio_load.scaling.manifests.autoscalers import Autoscaler
from pytest_cio_load.scaling.manifests.reading import Manifests
from pytest_cio_load.scaling.manifests.workloads import Workload
from pytest_cio_load.scaling.planner.facts import Facts, Place


def facts_seen(read: Manifests, told: Mapping[str, Any] | None = None) -> Iterator[Facts]:
    """The facts of every autoscaler with the worker that it scales, then of every worker without one.

    Args:
        read: the manifests.
        told: facts that somebody stated, by name; they win over what manifests say.
    """
    left = list(read.workloads)
    for autoscaler in read.autoscalers:
        workload = next((each for each in read.workloads if (each.kind, each.name) == autoscaler.target), None)
        if workload in left:
            left.remove(workload)
        yield _together(read, autoscaler, workload, told or {})
    for workload in left:
        yield _together(read, None, workload, told or {})


def _together(read: Manifests, autoscaler: Autoscaler | None, workload: Workload | None, told: Mapping[str, Any]) -> Facts:
    known: dict[str, Any] = {}
    places: dict[str, Place] = {}
    if workload is not None:
        for config in read.configs:
            if config.name in workload.configs:
                for fact, (value, place) in config.settings.items():
                    workload.learn(fact, value, place)
        known |= workload.settings
        places |= workload.places
        if "reservoir" in known:
            # A reservoir is a process's own unless somebody says where it is kept.
            known.setdefault("shared_limiter", False)
    if read.scrape is not None:
        known["scrape"], places["scrape"] = read.scrape
    if autoscaler is not None:
        known |= _of_autoscaler(autoscaler) | dict(autoscaler.asked)
        places |= autoscaler.places
    known |= {name: value for name, value in told.items() if value is not None}
    return replace(Facts(**known), places=places)


def _of_autoscaler(autoscaler: Autoscaler) -> dict[str, Any]:
    hpa = autoscaler.hpa
    if hpa is None:
        return {}
    behavior, scaler = hpa.behavior or Behavior(), autoscaler.scaler
    idle = scaler.least if isinstance(scaler, ScaledObject) and not scaler.others else None
    return {
        "min_replicas": hpa.min_replicas,
        "max_replicas": hpa.max_replicas,
        "idle_replicas": idle,
        "metrics": hpa.metrics,
        "scale_up": behavior.scale_up,
        "scale_down": behavior.scale_down,
    }
