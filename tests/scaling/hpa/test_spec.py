"""What a manifest says: the API server's defaults, and what it would refuse."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.spec import (
    Behavior,
    ExternalMetric,
    Hpa,
    ObjectMetric,
    PodsMetric,
    Policy,
    PolicyKind,
    ResourceMetric,
    ScalingRules,
    Select,
    Target,
    TargetKind,
)
from pytest_cio_load.scaling.hpa.triggers import KafkaTrigger, PrometheusTrigger, RedisTrigger

CPU = Target(TargetKind.UTILIZATION, Fraction(70))
EACH = Target(TargetKind.AVERAGE_VALUE, Fraction(500))
ALL = Target(TargetKind.VALUE, Fraction(500))
DEPTH = PrometheusTrigger(500)


def test_without_metrics() -> None:
    """CPU at 80 %."""
    metric = ResourceMetric("cpu", Target(TargetKind.UTILIZATION, Fraction(80)))
    assert Hpa(5).metrics == Hpa(5, metrics=()).metrics == (metric,)


def test_without_a_minimum() -> None:
    """One replica."""
    assert Hpa(5).min_replicas == 1


def test_without_behavior() -> None:
    """None at all, which has limits of its own."""
    assert Hpa(5).behavior is None


def test_empty_behavior() -> None:
    """No window up and the controller's down; 4 pods or 100 % up, 100 % down, per 15 s; the policy that goes farthest."""
    up, down = Behavior().scale_up, Behavior().scale_down
    assert (up.stabilization, up.select_policy, up.tolerance) == (0, Select.MAX, None)
    assert up.policies == (Policy(PolicyKind.PODS, 4, 15), Policy(PolicyKind.PERCENT, 100, 15))
    assert (down.stabilization, down.select_policy, down.tolerance) == (None, Select.MAX, None)
    assert down.policies == (Policy(PolicyKind.PERCENT, 100, 15),)


def test_what_is_given_stays() -> None:
    """Field by field."""
    policy = Policy(PolicyKind.PODS, 4, 60)
    rules = ScalingRules.up(stabilization=60, policies=[policy], select_policy=Select.MIN, tolerance=Fraction(1, 5))
    assert rules == ScalingRules(60, Select.MIN, (policy,), Fraction(1, 5))


def test_words_are_read() -> None:
    """As a manifest writes them."""
    kinds = (Target("Value", 5).kind, Policy("Percent", 5, 15).kind, ScalingRules(0, "Min", (Policy("Pods", 1, 15),)).select_policy)  # type: ignore[arg-type]
    assert kinds == (TargetKind.VALUE, PolicyKind.PERCENT, Select.MIN)


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        (ResourceMetric("cpu", CPU), "resource/cpu"),
        (ResourceMetric("cpu", CPU, "worker"), "resource/cpu@worker"),
        (PodsMetric("jobs", EACH), "pods/jobs"),
        (PodsMetric("jobs", EACH, "queue=a"), "pods/jobs{queue=a}"),
        (ObjectMetric("depth", ALL), "object/depth"),
        (ObjectMetric("depth", ALL, "Service/queue"), "object/Service/queue/depth"),
        (ObjectMetric("depth", ALL, "Service/queue", "queue=a"), "object/Service/queue/depth{queue=a}"),
        (ExternalMetric("depth", ALL), "external/depth"),
        (ExternalMetric("depth", EACH, "queue=a"), "external/depth{queue=a}"),
    ],
)
def test_keys(metric: Any, key: str) -> None:
    """Two metrics share a reading only when they are the same one."""
    assert metric.key == key


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Hpa(0), "maxReplicas: got 0; expected a whole number from 1 to 2147483647; try 1"),
        (lambda: Hpa(True), "maxReplicas: got True; expected a whole number from 1 to 2147483647; try 1"),
        (lambda: Hpa(2.5), "maxReplicas: got 2.5; expected a whole number from 1 to 2147483647; try 1"),
        (lambda: Hpa(2**31), f"maxReplicas: got {2**31}; expected a whole number from 1 to 2147483647; try 2147483647"),
        (lambda: Hpa(5, -1), "minReplicas: got -1; expected a whole number from 0 to 2147483647; try 0"),
        (lambda: Hpa(2, 5), "minReplicas: got 5; expected at most maxReplicas, 2; try maxReplicas: 5"),
        (lambda: Hpa(2, 0), "minReplicas: got 0; expected at least 1 without an Object or External metric; try minReplicas: 1"),
        (lambda: Policy(PolicyKind.PODS, 0, 60), "policy value: got 0; expected a whole number from 1 to 2147483647; try 1"),
        (lambda: Policy(PolicyKind.PODS, 4, 0), "periodSeconds: got 0; expected a whole number from 1 to 1800; try 1"),
        (lambda: Policy(PolicyKind.PODS, 4, 1801), "periodSeconds: got 1801; expected a whole number from 1 to 1800; try 1800"),
        (lambda: Policy("pods", 4, 60), "policy type: got pods; expected Pods or Percent; did you mean Pods?"),
        (lambda: Policy("x", 4, 60), "policy type: got x; expected Pods or Percent; try Pods"),
        (
            lambda: ScalingRules.up(stabilization=3601),
            "stabilizationWindowSeconds: got 3601; expected a whole number from 0 to 3600; try 3600",
        ),
        (
            lambda: ScalingRules.down(stabilization=-1),
            "stabilizationWindowSeconds: got -1; expected a whole number from 0 to 3600; try 0",
        ),
        (
            lambda: ScalingRules.up(policies=[]),
            "policies: got []; expected at least one policy; leave it out for the defaults, or try selectPolicy: Disabled",
        ),
        (lambda: ScalingRules.up(select_policy="Most"), "selectPolicy: got Most; expected Max or Min or Disabled; try Max"),
        (lambda: ScalingRules.up(tolerance=Fraction(-1, 10)), "tolerance: got -1/10; expected at least 0; try 0.1 for 10 %"),
        (
            lambda: Behavior(scale_up=ScalingRules.down()),
            "scaleUp.stabilizationWindowSeconds: got None; expected 0 to 3600; try ScalingRules.up(), which fills in 0",
        ),
        (lambda: Target(TargetKind.VALUE, Fraction(0)), "target: got 0; expected a value above 0; try 1"),
        (lambda: Target(TargetKind.UTILIZATION, Fraction(141, 2)), "averageUtilization: got 141/2; expected whole percent; try 70"),
        (
            lambda: Target("Average", Fraction(1)),
            "target type: got Average; expected Utilization or AverageValue or Value; did you mean AverageValue?",
        ),
        (
            lambda: ResourceMetric("cpu", ALL),
            "target type of Resource metric cpu: got Value; expected Utilization or AverageValue; try AverageValue",
        ),
        (lambda: PodsMetric("jobs", ALL), "target type of Pods metric jobs: got Value; expected AverageValue; try AverageValue"),
        (
            lambda: ObjectMetric("depth", CPU),
            "target type of Object metric depth: got Utilization; expected Value or AverageValue; try AverageValue",
        ),
        (
            lambda: ExternalMetric("depth", CPU),
            "target type of External metric depth: got Utilization; expected Value or AverageValue; try AverageValue",
        ),
        (
            lambda: ExternalMetric("", EACH),
            "External metric: got no name; expected the metric's name; try `cpu` or the name that the adapter serves",
        ),
        (lambda: ScaledObject(()), "triggers: got []; expected at least one trigger; try a prometheus trigger on the queue's depth"),
        (
            lambda: ScaledObject((PrometheusTrigger(1, name="a"), RedisTrigger(1, name="a"))),
            "triggers: got a twice; expected a name for each; try another `name`",
        ),
        (lambda: ScaledObject((DEPTH,), 5, 2), "minReplicaCount: got 5; expected a whole number from 0 to 2; try 2"),
        (lambda: ScaledObject((DEPTH,), 0, 0), "maxReplicaCount: got 0; expected a whole number from 1 to 2147483647; try 1"),
        (
            lambda: ScaledObject((DEPTH,), 3, 9, 3),
            "idleReplicaCount: got 3; expected a whole number from 0 to 2; try 2",
        ),
        (
            lambda: ScaledObject((DEPTH,), 0, 9, 0),
            "idleReplicaCount: got 0; expected none with minReplicaCount 0; try minReplicaCount: 1",
        ),
        (
            lambda: ScaledObject((DEPTH,), polling_interval=0),
            "pollingInterval: got 0; expected a whole number from 1 to 2147483647; try 1",
        ),
        (
            lambda: ScaledObject((DEPTH,), cooldown_period=-1),
            "cooldownPeriod: got -1; expected a whole number from 0 to 2147483647; try 0",
        ),
        (
            lambda: ScaledObject((DEPTH,), initial_cooldown_period=-1),
            "initialCooldownPeriod: got -1; expected a whole number from 0 to 2147483647; try 0",
        ),
        (lambda: PrometheusTrigger(0), "threshold: got 0; expected a number above 0; try 1"),
        (lambda: RedisTrigger(0), f"listLength: got 0; expected a whole number from 1 to {2**63 - 1}; try 1"),
        (lambda: KafkaTrigger(0), f"lagThreshold: got 0; expected a whole number from 1 to {2**63 - 1}; try 1"),
        (
            lambda: KafkaTrigger(allow_idle_consumers=True, limit_to_partitions_with_lag=True),
            "kafka trigger: got both; expected one of allowIdleConsumers and limitToPartitionsWithLag; try allowIdleConsumers: false",
        ),
        (
            lambda: KafkaTrigger().measure(5),
            "reading of a kafka trigger: got 5; expected the lag of each partition; try [lag, lag, …]",
        ),
        (
            lambda: RedisTrigger().measure([5]),
            "reading of a redis trigger: got [5]; expected one number; try None when the source did not answer",
        ),
    ],
)
def test_refused(build: Callable[[], object], message: str) -> None:
    """With what was got, what would do, and the nearest fix."""
    with pytest.raises(ValueError) as caught:
        build()
    assert str(caught.value) == message
