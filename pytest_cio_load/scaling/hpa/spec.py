"""What the manifest of a HorizontalPodAutoscaler (autoscaling/v2) says, with the defaults that the API server fills in.

Values only: whoever reads YAML turns it into these. A value that the API server would refuse raises ValueError, so none of them is here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from pytest_cio_load.scaling.hpa.metric import (
    ExternalMetric,
    Metric,
    ObjectMetric,
    PodsMetric,
    ResourceMetric,
    Target,
    TargetKind,
    default_metrics,
    impossible,
    member,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "MAX_PERIOD",
    "MAX_REPLICAS",
    "MAX_STABILIZATION",
    "Behavior",
    "ExternalMetric",
    "Hpa",
    "Metric",
    "ObjectMetric",
    "PodsMetric",
    "Policy",
    "PolicyKind",
    "ResourceMetric",
    "ScalingRules",
    "Select",
    "Target",
    "TargetKind",
]

MAX_STABILIZATION = 3600
"""Seconds: the longest `stabilizationWindowSeconds`."""

MAX_PERIOD = 1800
"""Seconds: the longest `periodSeconds` of a policy."""

MAX_REPLICAS = 2**31 - 1
"""Replica counts are 32-bit numbers; what is more counts as this."""


class Select(StrEnum):
    """`selectPolicy`: which of several policies counts."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


class PolicyKind(StrEnum):
    """`type` of a policy: what its value counts."""

    PODS = "Pods"
    PERCENT = "Percent"


@dataclass(frozen=True, slots=True)
class Policy:
    """One of `policies`: at most so much change in so long.

    Attributes:
        kind: what *value* counts.
        value: pods, or percent of the replicas at the start of the period; above 0.
        period: `periodSeconds`, from 1 to 1,800.
    """

    kind: PolicyKind
    value: int
    period: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", member(PolicyKind, "policy type", self.kind))
        whole("policy value", self.value, 1, MAX_REPLICAS)
        whole("periodSeconds", self.period, 1, MAX_PERIOD)

    def __str__(self) -> str:
        """``4 Pods per 60 s``."""
        return f"{self.value} {self.kind} per {self.period} s"


UP_POLICIES = (Policy(PolicyKind.PODS, 4, 15), Policy(PolicyKind.PERCENT, 100, 15))
"""What `scaleUp.policies` are when `behavior` is given without them."""

DOWN_POLICIES = (Policy(PolicyKind.PERCENT, 100, 15),)
"""What `scaleDown.policies` are when `behavior` is given without them."""


@dataclass(frozen=True, slots=True)
class ScalingRules:
    """One direction of `behavior`; :meth:`up` and :meth:`down` fill in what a manifest left out.

    Attributes:
        stabilization: `stabilizationWindowSeconds`, from 0 to 3,600; None (only downwards) is the controller's own flag.
        select_policy: which policy counts.
        policies: at least one.
        tolerance: of this direction, as a part of 1; None is the controller's own flag.
    """

    stabilization: int | None
    select_policy: Select
    policies: tuple[Policy, ...]
    tolerance: Fraction | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "select_policy", member(Select, "selectPolicy", self.select_policy))
        object.__setattr__(self, "policies", tuple(self.policies))
        if self.stabilization is not None:
            whole("stabilizationWindowSeconds", self.stabilization, 0, MAX_STABILIZATION)
        if not self.policies:
            raise impossible("policies", "[]", "at least one policy", "leave it out for the defaults, or try selectPolicy: Disabled")
        if self.tolerance is not None:
            object.__setattr__(self, "tolerance", Fraction(self.tolerance))
            if self.tolerance < 0:
                raise impossible("tolerance", self.tolerance, "at least 0", "try 0.1 for 10 %")

    @classmethod
    def up(
        cls,
        *,
        stabilization: int | None = None,
        select_policy: Select | None = None,
        policies: Iterable[Policy] | None = None,
        tolerance: Fraction | None = None,
    ) -> ScalingRules:
        """`scaleUp`; None is what the manifest left out: no window, the larger of 4 pods and 100 % per 15 s."""
        chosen = UP_POLICIES if policies is None else tuple(policies)
        return cls(stabilization or 0, select_policy or Select.MAX, chosen, tolerance)

    @classmethod
    def down(
        cls,
        *,
        stabilization: int | None = None,
        select_policy: Select | None = None,
        policies: Iterable[Policy] | None = None,
        tolerance: Fraction | None = None,
    ) -> ScalingRules:
        """`scaleDown`; None is what the manifest left out: the controller's window, 100 % per 15 s."""
        chosen = DOWN_POLICIES if policies is None else tuple(policies)
        return cls(stabilization, select_policy or Select.MAX, chosen, tolerance)


@dataclass(frozen=True, slots=True)
class Behavior:
    """`behavior`: how fast it may go, in each direction."""

    scale_up: ScalingRules = field(default_factory=ScalingRules.up)
    scale_down: ScalingRules = field(default_factory=ScalingRules.down)

    def __post_init__(self) -> None:
        if self.scale_up.stabilization is None:
            raise impossible("scaleUp.stabilizationWindowSeconds", None, "0 to 3600", "try ScalingRules.up(), which fills in 0")


@dataclass(frozen=True, slots=True)
class Hpa:
    """`spec` of a HorizontalPodAutoscaler.

    Attributes:
        max_replicas: at least 1.
        min_replicas: from 0 to *max_replicas*; 0 only with an Object or External metric.
        metrics: at least one.
        behavior: None when the manifest has none: then other, older limits hold.
        name: of the object, for messages.
    """

    max_replicas: int
    min_replicas: int = 1
    metrics: tuple[Metric, ...] = field(default_factory=default_metrics)
    behavior: Behavior | None = None
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", tuple(self.metrics) or default_metrics())
        whole("maxReplicas", self.max_replicas, 1, MAX_REPLICAS)
        whole("minReplicas", self.min_replicas, 0, MAX_REPLICAS)
        if self.min_replicas > self.max_replicas:
            nearest = f"try maxReplicas: {self.min_replicas}"
            raise impossible("minReplicas", self.min_replicas, f"at most maxReplicas, {self.max_replicas}", nearest)
        if self.min_replicas == 0 and not any(isinstance(metric, ObjectMetric | ExternalMetric) for metric in self.metrics):
            raise impossible("minReplicas", 0, "at least 1 without an Object or External metric", "try minReplicas: 1")
