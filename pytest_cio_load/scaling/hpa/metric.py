"""One entry of `metrics`: what is measured, and what it is held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar, TypeVar

from pytest_cio_load.errors import near_miss
from pytest_cio_load.scaling.hpa.quantities import thousandths

Word = TypeVar("Word", bound=StrEnum)


class TargetKind(StrEnum):
    """`target.type`: what the number of a target is compared with."""

    UTILIZATION = "Utilization"
    AVERAGE_VALUE = "AverageValue"
    VALUE = "Value"


@dataclass(frozen=True, slots=True)
class Target:
    """What a metric is held against.

    Attributes:
        kind: how it is compared.
        value: above 0; whole percent of the request for Utilization, else in the metric's own unit.
        thousandths: *value* as the controller counts, rounded up.
    """

    kind: TargetKind
    value: Fraction
    thousandths: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", member(TargetKind, "target type", self.kind))
        object.__setattr__(self, "value", Fraction(self.value))
        object.__setattr__(self, "thousandths", thousandths(self.value))
        if self.value <= 0:
            raise impossible("target", self.value, "a value above 0", "try 1")
        if self.kind is TargetKind.UTILIZATION and self.value.denominator != 1:
            raise impossible("averageUtilization", self.value, "whole percent", f"try {round(self.value) or 1}")


@dataclass(frozen=True, slots=True)
class ResourceMetric:
    """`type: Resource`, or `type: ContainerResource` when *container* is given: use of cpu or memory against what pods request.

    Attributes:
        name: "cpu" or "memory".
        target: Utilization or AverageValue.
        container: the only container of a pod that counts; "" for all of them.
    """

    name: str
    target: Target
    container: str = ""
    kind: ClassVar[str] = "Resource"

    def __post_init__(self) -> None:
        _allow(self, TargetKind.UTILIZATION, TargetKind.AVERAGE_VALUE)

    @property
    def key(self) -> str:
        """What a reading of it is filed under: ``resource/cpu``, ``resource/cpu@worker`` for one container."""
        return f"resource/{self.name}" + (f"@{self.container}" if self.container else "")


@dataclass(frozen=True, slots=True)
class PodsMetric:
    """`type: Pods`: the mean of a metric that every pod reports for itself.

    Attributes:
        name: the metric's name.
        target: AverageValue.
        selector: labels that tell it from others of the same name, as text; "" for none.
    """

    name: str
    target: Target
    selector: str = ""
    kind: ClassVar[str] = "Pods"

    def __post_init__(self) -> None:
        _allow(self, TargetKind.AVERAGE_VALUE)

    @property
    def key(self) -> str:
        """What a reading of it is filed under: ``pods/jobs``, ``pods/jobs{queue=a}`` with a selector."""
        return _key("pods", self.name, self.selector)


@dataclass(frozen=True, slots=True)
class ObjectMetric:
    """`type: Object`: one number that describes another object.

    Attributes:
        name: the metric's name.
        target: Value or AverageValue.
        described: the object, as ``Kind/name``.
        selector: labels that tell it from others of the same name, as text; "" for none.
    """

    name: str
    target: Target
    described: str = ""
    selector: str = ""
    kind: ClassVar[str] = "Object"

    def __post_init__(self) -> None:
        _allow(self, TargetKind.VALUE, TargetKind.AVERAGE_VALUE)

    @property
    def key(self) -> str:
        """What a reading of it is filed under: ``object/depth``, ``object/Service/queue/depth`` with a described object."""
        return _key(f"object/{self.described}" if self.described else "object", self.name, self.selector)


@dataclass(frozen=True, slots=True)
class ExternalMetric:
    """`type: External`: one number from outside the cluster, the sum of all series that the selector takes.

    Attributes:
        name: the metric's name.
        target: Value or AverageValue.
        selector: labels, as text; "" for none.
    """

    name: str
    target: Target
    selector: str = ""
    kind: ClassVar[str] = "External"

    def __post_init__(self) -> None:
        _allow(self, TargetKind.VALUE, TargetKind.AVERAGE_VALUE)

    @property
    def key(self) -> str:
        """What a reading of it is filed under: ``external/depth``, ``external/depth{queue=a}`` with a selector."""
        return _key("external", self.name, self.selector)


Metric = ResourceMetric | PodsMetric | ObjectMetric | ExternalMetric


def default_metrics() -> tuple[Metric, ...]:
    """What `metrics` are when a manifest has none: CPU at 80 % of the request."""
    return (ResourceMetric("cpu", Target(TargetKind.UTILIZATION, Fraction(80))),)


def impossible(what: str, got: object, expected: str, nearest: str) -> ValueError:
    """What is raised for a value that the API server would refuse."""
    return ValueError(f"{what}: got {got}; expected {expected}; {nearest}")


def member(words: type[Word], what: str, got: str) -> Word:
    """*got* as one of *words*. Raises ValueError with a near miss."""
    try:
        return words(got)
    except ValueError:
        known = [word.value for word in words]
        raise impossible(what, got, " or ".join(known), near_miss(str(got), known) or f"try {known[0]}") from None


def whole(what: str, got: int, low: int, high: int) -> None:
    """Raise ValueError unless *got* is a whole number from *low* to *high*."""
    if isinstance(got, bool) or not isinstance(got, int) or not low <= got <= high:
        nearest = min(max(got, low), high) if isinstance(got, int) and not isinstance(got, bool) else low
        raise impossible(what, got, f"a whole number from {low} to {high}", f"try {nearest}")


def _key(kind: str, name: str, selector: str) -> str:
    return f"{kind}/{name}" + (f"{{{selector}}}" if selector else "")


def _allow(metric: Metric, *kinds: TargetKind) -> None:
    """Raise ValueError unless the metric has a name and a target of one of *kinds*."""
    if not metric.name:
        raise impossible(f"{metric.kind} metric", "no name", "the metric's name", "try `cpu` or the name that the adapter serves")
    if metric.target.kind not in kinds:
        allowed = " or ".join(kinds)
        raise impossible(f"target type of {metric.kind} metric {metric.name}", metric.target.kind, allowed, f"try {kinds[-1]}")
