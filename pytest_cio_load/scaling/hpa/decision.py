"""What a sync decided, and why: in fields for whoever counts, in words for whoever reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_cio_load.scaling.hpa.behave import Limit
from pytest_cio_load.scaling.hpa.decide import Cause

if TYPE_CHECKING:
    from pytest_cio_load.scaling.hpa.behave import Recommendation
    from pytest_cio_load.scaling.hpa.recommend import Proposal
    from pytest_cio_load.scaling.hpa.spec import Policy


@dataclass(frozen=True, slots=True)
class Decision:
    """One sync.

    Attributes:
        at: when, in seconds.
        current: replicas before.
        desired: replicas after.
        cause: whether the metrics decided, or what came before them.
        proposals: what each metric asked for; empty when none was asked.
        winner: the proposal that counted.
        recommended: what the metrics asked for together; None when nothing came of them.
        stabilized: what the windows left of it.
        held_by: the past recommendation that the windows held it at.
        limit: what cut it after that.
        policy: the policy that cut it.
    """

    at: float
    current: int
    desired: int
    cause: Cause = Cause.METRICS
    proposals: tuple[Proposal, ...] = ()
    winner: Proposal | None = None
    recommended: int | None = None
    stabilized: int | None = None
    held_by: Recommendation | None = None
    limit: Limit = Limit.NONE
    policy: Policy | None = None

    @property
    def rescaled(self) -> bool:
        """Whether the count changed."""
        return self.desired != self.current

    @property
    def invalid(self) -> tuple[Proposal, ...]:
        """The metrics that gave nothing."""
        return tuple(proposal for proposal in self.proposals if proposal.replicas is None)

    @property
    def conditions(self) -> dict[str, str]:
        """The reasons of `AbleToScale`, `ScalingActive` and `ScalingLimited` as the object's status would show them, where it is set."""
        if self.cause is Cause.DISABLED:
            return {"AbleToScale": "SucceededGetScale", "ScalingActive": "ScalingDisabled"}
        if self.cause is Cause.INVALID:
            return {"AbleToScale": "SucceededGetScale", "ScalingActive": f"FailedGet{_failing(self.invalid[0])}"}
        if self.cause is not Cause.METRICS:
            return {"AbleToScale": "SucceededRescale"}
        able = "ReadyForNewScale"
        if self.held_by is not None:
            able = "ScaleDownStabilized" if self.held_by.replicas > (self.recommended or 0) else "ScaleUpStabilized"
        return {
            "AbleToScale": "SucceededRescale" if self.rescaled else able,
            "ScalingActive": "ValidMetricFound",
            "ScalingLimited": str(self.limit),
        }

    @property
    def reason(self) -> str:
        """Why, in words: ``2 → 6: external/depth: 7000, target 500; 7000 ÷ 500 → 14; at most 6 now (scaleUp: 4 Pods per 60 s)``."""
        return f"{self.current} → {self.desired}: " + "; ".join(self._parts())

    def _parts(self) -> list[str]:
        if self.cause is Cause.DISABLED:
            return ["somebody set the target to 0 replicas, which switches the autoscaler off"]
        if self.cause is Cause.ABOVE_MAX:
            return [f"more than maxReplicas {self.desired}"]
        if self.cause is Cause.BELOW_MIN:
            return [f"fewer than minReplicas {self.desired}"]
        failed = [f"{proposal} (invalid)" for proposal in self.invalid]
        if self.cause is Cause.INVALID:
            if self.winner is None:
                return [*failed, "no metric is valid, so nothing changes"]
            return [*failed, str(self.winner), "with an invalid metric it may not scale down"]
        parts = [*failed, str(self.winner)]
        if self.held_by is not None:
            ago = f"{self.at - self.held_by.at:g} s ago"
            down = self.held_by.replicas > (self.recommended or 0)
            what = "highest" if down else "lowest"
            parts.append(f"stabilised at {self.stabilized}: {self.held_by.replicas} was the {what} recommendation in the window ({ago})")
        if self.limit is not Limit.NONE:
            parts.append(self._limited())
        return parts

    def _limited(self) -> str:
        if self.limit is Limit.TOO_MANY:
            return f"at most maxReplicas {self.desired}"
        if self.limit is Limit.TOO_FEW:
            return f"at least minReplicas {self.desired}"
        up = self.limit is Limit.SCALE_UP
        rule = "scaleUp" if up else "scaleDown"
        if self.policy is not None:
            why = f"{rule}: {self.policy}"
        else:
            why = "without `behavior`: twice as many, or 4" if self.rescaled else f"{rule}: Disabled"
        return f"at {'most' if up else 'least'} {self.desired} now ({why})"


def _failing(proposal: Proposal) -> str:
    """``ExternalMetric``: how Kubernetes names the metric that failed."""
    words = {"Resource": "ResourceMetric", "Pods": "PodsMetric", "Object": "ObjectMetric", "External": "ExternalMetric"}
    return words[proposal.metric.kind]
