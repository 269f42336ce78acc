"""KEDA: none ↔ some by polls, the rest by the autoscaler that it makes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.hpa.keda import Keda, Move, ScaledObject
from pytest_cio_load.scaling.hpa.pods import PodState
from pytest_cio_load.scaling.hpa.spec import Behavior, ExternalMetric, ResourceMetric, ScalingRules, Target, TargetKind
from pytest_cio_load.scaling.hpa.triggers import PrometheusTrigger, RedisTrigger, ResourceTrigger

DEPTH = PrometheusTrigger(500, name="depth")
OTHER = RedisTrigger(10, name="other")
CPU = ResourceTrigger("cpu", Target(TargetKind.UTILIZATION, Fraction(50)), name="cpu")


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


def test_cpu_beside_a_queue() -> None:
    """Is the autoscaler's own metric; it wakes nobody, and keeps nobody awake."""
    scaled = ScaledObject((DEPTH, CPU), max_replica_count=9)
    assert scaled.hpa.metrics == (ExternalMetric("depth", DEPTH.target), ResourceMetric("cpu", CPU.target))
    keda = Keda(scaled, replicas=2)
    busy = [PodState(f"p{index}", requests={"cpu": 1.0}) for index in range(2)]
    decision = keda.sync(0, busy, {"depth": 0, "cpu": {"p0": 1.0, "p1": 1.0}})
    assert decision.desired == 4
    assert [keda.poll(now, {"depth": 0}).move for now in (0, 1)] == [Move.COOLING, Move.DEACTIVATED]
    assert keda.poll(30, {"depth": 0}).move is Move.IDLE


def test_cpu_alone() -> None:
    """Is always active."""
    poll = Keda(ScaledObject((CPU,), 1, 9), replicas=3).poll(0, {})
    assert (poll.move, poll.active, poll.desired) == (Move.ACTIVE, ("cpu",), 3)


def test_what_is_kept_from_poll_to_poll() -> None:
    """The autoscaler reads it until the next one; before the first there is nothing to keep."""
    keda = Keda(ScaledObject((PrometheusTrigger(500, name="depth", cached=True),), 1, 9), replicas=1)
    pods = [PodState(f"p{index}") for index in range(9)]
    wanted = [keda.sync(0, pods[:1], {"depth": 600}).recommended]
    keda.poll(0, {"depth": 1_000})
    wanted += [keda.sync(now, pods[: keda.replicas], {"depth": 4_000}).recommended for now in (15, 30)]
    keda.poll(30, {"depth": 4_000})
    wanted.append(keda.sync(45, pods[: keda.replicas], {"depth": 0}).recommended)
    assert wanted == [2, 2, 2, 8]


def test_one_that_never_sleeps() -> None:
    """Has at least one replica and no idle count."""
    assert (ZERO.awake.least, IDLE.awake.least, FLOOR.awake) == (1, 3, FLOOR)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"triggers": (CPU,)}, "minReplicaCount: got 0; expected at least 1 with cpu and memory triggers alone, for no pod"),
        ({"triggers": (DEPTH,), "idle_replica_count": 0}, "idleReplicaCount: got 0; expected none with minReplicaCount 0"),
        ({"triggers": (DEPTH, DEPTH)}, "triggers: got depth twice; expected a name for each"),
    ],
)
def test_what_keda_would_refuse(how: dict[str, Any], message: str) -> None:
    """Is no value."""
    with pytest.raises(ValueError) as caught:
        ScaledObject(**how)
    assert message in str(caught.value)


def test_cpu_beside_what_cannot_be_measured() -> None:
    """May have a minimum of 0: the other one may wake it."""
    assert ScaledObject((CPU,), others=("type: cron",)).min_replica_count == 0
