"""KEDA: none ↔ some by polls, the rest by the autoscaler that it makes."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.hpa.keda import Keda, Move, ScaledObject
from pytest_cio_load.scaling.hpa.pods import PodState
from pytest_cio_load.scaling.hpa.spec import Behavior, ExternalMetric, ScalingRules, Target, TargetKind
from pytest_cio_load.scaling.hpa.triggers import KafkaTrigger, Measured, PrometheusTrigger, RedisTrigger, Trigger

DEPTH = PrometheusTrigger(500, name="depth")
OTHER = RedisTrigger(10, name="other")


@pytest.mark.parametrize(
    ("trigger", "reading", "value", "active"),
    [
        (DEPTH, 1200, 1200, True),
        (DEPTH, 0, 0, False),
        (DEPTH, 0.001, 0.001, True),
        (DEPTH, 2.0009, 2.0, True),
        (DEPTH, None, None, False),
        (DEPTH, math.nan, 0, False),
        (DEPTH, math.inf, 0, False),
        (PrometheusTrigger(500, ignore_null_values=False), math.nan, None, False),
        (PrometheusTrigger(500, activation=50), 50, 50, False),
        (PrometheusTrigger(500, activation=50), 50.1, 50.1, True),
        (PrometheusTrigger(500, activation=-1), math.nan, 0, True),
        (RedisTrigger(5), 12, 12, True),
        (RedisTrigger(5, activation=12), 12, 12, False),
        (RedisTrigger(5), None, None, False),
        (KafkaTrigger(10), [3, 4, 0], 7, True),
        (KafkaTrigger(10), [], 0, False),
        (KafkaTrigger(10), None, None, False),
        (KafkaTrigger(10), [0, 0], 0, False),
        (KafkaTrigger(10), [25, 0, 0], 25, True),
        (KafkaTrigger(10), [29, 0], 29, True),
        (KafkaTrigger(10), [30, 0], 20, True),
        (KafkaTrigger(10, allow_idle_consumers=True), [30, 0], 30, True),
        (KafkaTrigger(10, limit_to_partitions_with_lag=True), [30, 0], 10, True),
        (KafkaTrigger(10, activation=25), [30, 0], 20, True),
        (KafkaTrigger(10, activation=30), [30, 0], 20, False),
    ],
)
def test_measured(trigger: Trigger, reading: Any, value: float | None, active: bool) -> None:
    """What the autoscaler reads, and whether there is something to do; 30 ÷ 10 = 3 is over 2 partitions, 29 ÷ 10 is cut to 2."""
    assert trigger.measure(reading) == Measured(value, active)


@pytest.mark.parametrize(
    ("trigger", "target"),
    [
        (DEPTH, Target(TargetKind.AVERAGE_VALUE, Fraction(500))),
        (PrometheusTrigger(0.5, average=False), Target(TargetKind.VALUE, Fraction(1, 2))),
        (RedisTrigger(), Target(TargetKind.AVERAGE_VALUE, Fraction(5))),
        (RedisTrigger(7, average=False), Target(TargetKind.VALUE, Fraction(7))),
        (KafkaTrigger(), Target(TargetKind.AVERAGE_VALUE, Fraction(10))),
        (KafkaTrigger(7, average=False), Target(TargetKind.VALUE, Fraction(7))),
    ],
)
def test_the_target_of_a_trigger(trigger: Trigger, target: Target) -> None:
    """AverageValue unless Value was asked for."""
    assert trigger.target == target


@pytest.mark.parametrize(("low", "least"), [(0, 1), (1, 1), (3, 3)])
def test_the_autoscaler_that_it_makes(low: int, least: int) -> None:
    """An External metric for each trigger, at least one replica, the rest as given."""
    behavior = Behavior(ScalingRules.up(stabilization=60))
    hpa = ScaledObject((DEPTH, RedisTrigger(10)), low, 9, behavior=behavior, name="worker").hpa
    assert (hpa.name, hpa.min_replicas, hpa.max_replicas, hpa.behavior) == ("keda-hpa-worker", least, 9, behavior)
    assert hpa.metrics == (ExternalMetric("depth", DEPTH.target), ExternalMetric("s1-redis", OTHER.target))


def test_defaults() -> None:
    """KEDA's: 0 to 100, polled every 30 s, cooled down after 300 s."""
    assert ScaledObject((DEPTH,)) == ScaledObject((DEPTH,), 0, 100, None, 30, 300, 0)


ZERO = ScaledObject((DEPTH,))
IDLE = ScaledObject((DEPTH,), 3, 9, idle_replica_count=0)
IDLE1 = ScaledObject((DEPTH,), 3, 9, idle_replica_count=1)
FLOOR = ScaledObject((DEPTH,), 3, 9)
SLOW = ScaledObject((DEPTH,), initial_cooldown_period=60)
TWO = ScaledObject((DEPTH, OTHER))


@pytest.mark.parametrize(
    ("scaled", "start", "polls", "moves", "counts"),
    [
        pytest.param(ZERO, 0, {0: 5}, [Move.ACTIVATED], [1], id="0 and active: 1"),
        pytest.param(ZERO, 0, {0: 0}, [Move.IDLE], [0], id="0 and idle: nothing"),
        pytest.param(ZERO, 0, {0: None}, [Move.FAILED], [0], id="no answer: nothing"),
        pytest.param(ZERO, 4, {0: 5}, [Move.ACTIVE], [4], id="active with replicas: the autoscaler's"),
        pytest.param(
            ZERO,
            0,
            {0: 5, 30: 0, 300: 0, 330: 0},
            [Move.ACTIVATED, Move.COOLING, Move.COOLING, Move.DEACTIVATED],
            [1, 1, 1, 0],
            id="300 s after the last activity is not yet longer than 300 s",
        ),
        pytest.param(
            ZERO,
            0,
            {0: 5, 30: 5, 330: 0, 331: 0},
            [Move.ACTIVATED, Move.ACTIVE, Move.COOLING, Move.DEACTIVATED],
            [1, 1, 1, 0],
            id="activity starts the cooldown anew",
        ),
        pytest.param(
            ZERO, 4, {0: 0, 1: 0}, [Move.COOLING, Move.DEACTIVATED], [4, 0], id="never active: the cooldown period does not matter"
        ),
        pytest.param(SLOW, 4, {30: 0, 60: 0, 61: 0}, [Move.COOLING, Move.COOLING, Move.DEACTIVATED], [4, 4, 0], id="…the initial one does"),
        pytest.param(ZERO, 4, {1: None}, [Move.FAILED], [4], id="no answer: never to zero"),
        pytest.param(FLOOR, 1, {0: 0}, [Move.RAISED], [3], id="below the minimum and idle: the minimum"),
        pytest.param(FLOOR, 1, {0: 5}, [Move.ACTIVE], [1], id="below the minimum and active: left to the autoscaler"),
        pytest.param(FLOOR, 0, {0: 5}, [Move.ACTIVATED], [3], id="0 and active: the minimum"),
        pytest.param(FLOOR, 5, {900: 0}, [Move.IDLE], [5], id="with a minimum it never deactivates"),
        pytest.param(IDLE, 0, {0: 5, 30: 0, 301: 0}, [Move.ACTIVATED, Move.COOLING, Move.DEACTIVATED], [3, 3, 0], id="idle 0 ↔ minimum 3"),
        pytest.param(IDLE, 0, {0: 0}, [Move.IDLE], [0], id="idle stays idle, below the minimum"),
        pytest.param(IDLE1, 1, {0: 5}, [Move.ACTIVATED], [3], id="idle 1 and active: the minimum"),
        pytest.param(IDLE1, 5, {1: 0}, [Move.DEACTIVATED], [1], id="to idle 1"),
    ],
)
def test_polls(scaled: ScaledObject, start: int, polls: dict[float, int | None], moves: list[Move], counts: list[int]) -> None:
    """What each comes to, and the replicas after it."""
    keda = Keda(scaled, replicas=start)
    made = [keda.poll(now, {"depth": depth}) for now, depth in polls.items()]
    assert ([poll.move for poll in made], [poll.desired for poll in made]) == (moves, counts)
    assert keda.replicas == counts[-1]


def test_a_failing_trigger_keeps_the_cooldown_running() -> None:
    """Active by one trigger while another does not answer: the time of the last activity stays."""
    keda = Keda(TWO, replicas=0)
    moves = [
        keda.poll(now, {"depth": depth, "other": other}).move
        for now, depth, other in [(0, 5, 0), (200, 5, None), (301, 0, 0), (302, None, 5), (303, 0, None)]
    ]
    assert moves == [Move.ACTIVATED, Move.ACTIVE, Move.DEACTIVATED, Move.ACTIVATED, Move.FAILED]


@pytest.mark.parametrize(
    ("scaled", "least"),
    [(ZERO, 0), (FLOOR, 3), (IDLE, 0), (IDLE1, 1)],
)
def test_the_least_is_where_it_begins(scaled: ScaledObject, least: int) -> None:
    """Unless told otherwise."""
    assert Keda(scaled).replicas == least


def test_a_morning() -> None:
    """Asleep; woken by a poll; raised by the autoscaler; asleep again when it has cooled down."""
    keda = Keda(ScaledObject((DEPTH,), max_replica_count=9, behavior=Behavior(scale_down=ScalingRules.down(stabilization=0))))
    pods = [PodState(f"p{index}") for index in range(9)]
    counts = []
    for now in range(0, 451, 15):
        depth = 4000 if 30 < now <= 90 else 0
        keda.sync(now, pods[: keda.replicas], {"depth": depth})
        if now % 30 == 0:
            keda.poll(now, {"depth": depth})
        counts.append(keda.replicas)
    # 60: woken. 75: 4,000 ÷ 500 = 8, at most 1 + 4. 90: 8, last active. 105: empty, so 1. 390 is not after 90 + 300; 420 is.
    assert counts == [0] * 4 + [1, 5, 8] + [1] * 21 + [0] * 3


def test_a_source_without_answer_stops_the_autoscaler() -> None:
    """As an External metric that cannot be read."""
    decision = Keda(ZERO, replicas=4).sync(0, [], {"depth": None})
    assert (decision.desired, decision.recommended) == (4, None)


@given(st.lists(st.one_of(st.none(), st.integers(0, 5000)), max_size=60), st.sampled_from([ZERO, IDLE, IDLE1, FLOOR, SLOW]))
def test_never_out_of_bounds(depths: list[int | None], scaled: ScaledObject) -> None:
    """From idle to the maximum, and never at zero with a minimum and no idle count."""
    keda = Keda(scaled)
    least = keda.replicas
    for step, depth in enumerate(depths):
        poll = keda.poll(step * 30.0, {"depth": depth})
        assert poll.reason.startswith(f"{poll.current} → {poll.desired}: ")
        assert poll.rescaled is (poll.current != poll.desired)
        keda.sync(step * 30.0 + 15, [PodState(f"p{index}") for index in range(keda.replicas)], {"depth": depth})
        assert least <= keda.replicas <= scaled.max_replica_count


@pytest.mark.parametrize(
    ("scaled", "start", "now", "readings", "reason"),
    [
        (ZERO, 0, 0, {"depth": 5}, "0 → 1: activated by depth"),
        (ZERO, 2, 301, {"depth": 0}, "2 → 0: no trigger active for 301 s, longer than the cooldown period"),
        (SLOW, 2, 60, {"depth": 0}, "2 → 2: no trigger active for 60 s, still cooling down"),
        (FLOOR, 1, 0, {"depth": 0}, "1 → 3: fewer than minReplicaCount"),
        (ZERO, 2, 0, {"depth": 5}, "2 → 2: active: depth; the rest is the autoscaler's"),
        (ZERO, 0, 0, {"depth": 0}, "0 → 0: no trigger active, nothing to do"),
        (ZERO, 2, 0, {"depth": None}, "2 → 2: no trigger active, and not all of them answered: nothing changes; no answer: depth"),
        (TWO, 0, 0, {"depth": None, "other": 1}, "0 → 1: activated by other; no answer: depth"),
    ],
)
def test_why(scaled: ScaledObject, start: int, now: float, readings: dict[str, int | None], reason: str) -> None:
    """In words."""
    assert Keda(scaled, replicas=start).poll(now, readings).reason == reason
