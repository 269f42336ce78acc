"""A KEDA ScaledObject replayed: 0 ↔ 1 by KEDA itself, 1 ↔ n by the autoscaler that KEDA makes.

The two run on clocks of their own. KEDA polls every `pollingInterval` and knows only whether a trigger is active. The autoscaler asks for
the metrics at each of its syncs, and is switched off while there are no replicas.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pytest_cio_load.scaling.hpa.controller import Controller
from pytest_cio_load.scaling.hpa.metric import impossible, whole
from pytest_cio_load.scaling.hpa.spec import MAX_REPLICAS, Behavior, Hpa
from pytest_cio_load.scaling.hpa.triggers import ResourceTrigger
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.scaling.hpa.decision import Decision
    from pytest_cio_load.scaling.hpa.pods import Flags, PodState
    from pytest_cio_load.scaling.hpa.recommend import Reading
    from pytest_cio_load.scaling.hpa.triggers import Measured, Trigger, TriggerReading

ONLY_RESOURCES = "at least 1 with cpu and memory triggers alone, for no pod would ever say that one is needed"
"""What is expected of `minReplicaCount` there; KEDA refuses 0."""

_LONGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ScaledObject:
    """`spec` of a ScaledObject, with KEDA's defaults.

    Attributes:
        triggers: at least one, each with a name of its own.
        min_replica_count: from 0 to *max_replica_count*.
        max_replica_count: at least 1.
        idle_replica_count: how many while no trigger is active, less than *min_replica_count*; None is as many as that.
        polling_interval: seconds from one poll to the next.
        cooldown_period: seconds without an active trigger before it goes to zero or idle.
        initial_cooldown_period: the same after the ScaledObject was made, until a trigger was active for the first time.
        behavior: of the autoscaler; None when not given.
        name: of the object, for messages.
        others: what it has beside these triggers that nobody here can measure: types of triggers, or a formula over them.
    """

    triggers: tuple[Trigger, ...]
    min_replica_count: int = 0
    max_replica_count: int = 100
    idle_replica_count: int | None = None
    polling_interval: int = 30
    cooldown_period: int = 300
    initial_cooldown_period: int = 0
    behavior: Behavior | None = None
    name: str = ""
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "triggers", tuple(self.triggers))
        object.__setattr__(self, "others", tuple(self.others))
        if not self.triggers:
            raise impossible("triggers", "[]", "at least one trigger", "try a prometheus trigger on the queue's depth")
        names = self.names
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise impossible("triggers", f"{twice} twice", "a name for each", "try another `name`")
        whole("maxReplicaCount", self.max_replica_count, 1, MAX_REPLICAS)
        whole("minReplicaCount", self.min_replica_count, 0, self.max_replica_count)
        if self.idle_replica_count is not None:
            if self.min_replica_count == 0:
                raise impossible("idleReplicaCount", self.idle_replica_count, "none with minReplicaCount 0", "try minReplicaCount: 1")
            whole("idleReplicaCount", self.idle_replica_count, 0, self.min_replica_count - 1)
        if self.min_replica_count == 0 and not self.others and self.only_resources:
            raise impossible("minReplicaCount", 0, ONLY_RESOURCES, "try minReplicaCount: 1")
        whole("pollingInterval", self.polling_interval, 1, _LONGEST)
        whole("cooldownPeriod", self.cooldown_period, 0, _LONGEST)
        whole("initialCooldownPeriod", self.initial_cooldown_period, 0, _LONGEST)

    @property
    def names(self) -> tuple[str, ...]:
        """Under which each trigger's readings are filed."""
        return tuple(trigger.name or f"s{index}-{trigger.kind}" for index, trigger in enumerate(self.triggers))

    @property
    def only_resources(self) -> bool:
        """Whether all of these triggers are cpu and memory."""
        return all(isinstance(trigger, ResourceTrigger) for trigger in self.triggers)

    @property
    def least(self) -> int:
        """How many there are while no trigger is active."""
        return self.min_replica_count if self.idle_replica_count is None else self.idle_replica_count

    @property
    def awake(self) -> ScaledObject:
        """One that never sleeps: nothing but the autoscaler that KEDA makes decides in it."""
        return replace(self, min_replica_count=max(1, self.min_replica_count), idle_replica_count=None)

    @property
    def hpa(self) -> Hpa:
        """The autoscaler that KEDA makes: a metric for each trigger, and at least one replica."""
        metrics = tuple(trigger.metric(name) for name, trigger in zip(self.names, self.triggers, strict=True))
        return Hpa(self.max_replica_count, max(1, self.min_replica_count), metrics, self.behavior, self.name and f"keda-hpa-{self.name}")


class Move(StrEnum):
    """What a poll came to."""

    ACTIVATED = "activated"
    DEACTIVATED = "deactivated"
    RAISED = "raised to the minimum"
    COOLING = "cooling down"
    ACTIVE = "active"
    IDLE = "idle"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll.

    Attributes:
        at: when, in seconds.
        current: replicas before.
        desired: replicas after.
        move: what it came to.
        active: names of the triggers that are.
        failed: names of the triggers whose source did not answer.
        since: when it was last active, else when the ScaledObject was made.
    """

    at: float
    current: int
    desired: int
    move: Move
    active: tuple[str, ...]
    failed: tuple[str, ...]
    since: float

    @property
    def rescaled(self) -> bool:
        """Whether the count changed."""
        return self.desired != self.current

    @property
    def reason(self) -> str:
        """Why, in words: ``0 → 1: activated by s0-prometheus``."""
        quiet = f"no trigger active for {self.at - self.since:g} s"
        what = {
            Move.ACTIVATED: f"activated by {', '.join(self.active)}",
            Move.DEACTIVATED: f"{quiet}, longer than the cooldown period",
            Move.RAISED: "fewer than minReplicaCount",
            Move.COOLING: f"{quiet}, still cooling down",
            Move.ACTIVE: f"active: {', '.join(self.active)}; the rest is the autoscaler's",
            Move.IDLE: "no trigger active, nothing to do",
            Move.FAILED: "no trigger active, and not all of them answered: nothing changes",
        }[self.move]
        return f"{self.current} → {self.desired}: {what}" + (f"; no answer: {', '.join(self.failed)}" if self.failed else "")


class Keda:
    """KEDA and its autoscaler, for one ScaledObject.

    Args:
        scaled: the ScaledObject.
        replicas: of the target at first; the least that *scaled* allows when None.
        created: when the ScaledObject was made, in seconds.
        flags: of the controller.

    Attributes:
        scaled: the ScaledObject.
        controller: of the autoscaler that KEDA makes.
    """

    def __init__(self, scaled: ScaledObject, *, replicas: int | None = None, created: float = 0.0, flags: Flags | None = None) -> None:
        self.scaled = scaled
        self.controller = Controller(scaled.hpa, replicas=scaled.least if replicas is None else replicas, flags=flags)
        self._created = created
        self._last_active: float | None = None
        self._triggers = dict(zip(scaled.names, scaled.triggers, strict=True))
        self._metrics = tuple((name, metric.key) for name, metric in zip(scaled.names, scaled.hpa.metrics, strict=True))
        self._polled: Mapping[str, Measured] = {}

    @property
    def replicas(self) -> int:
        """Of the target now."""
        return self.controller.replicas

    def sync(self, now: float, pods: Sequence[PodState], readings: Mapping[str, TriggerReading | Reading]) -> Decision:
        """The autoscaler decides; KEDA reads the sources for it at this moment, but for those that it has to keep from poll to poll.

        Args:
            now: seconds; never less than at the sync before.
            pods: that the target's selector finds.
            readings: of each trigger by its name; None when its source does not answer. For cpu and memory what each pod uses.

        Raises:
            ValueError: as `Controller.sync`; a trigger has no reading.
        """
        values: dict[str, Reading | None] = {name: one.value for name, one in self._measure(readings).items()}
        for name, trigger in self._triggers.items():
            if isinstance(trigger, ResourceTrigger):
                values[name] = _given(readings, name)  # type: ignore[assignment]
            elif trigger.cached and name in self._polled:
                values[name] = self._polled[name].value
        return self.controller.sync(now, pods, {key: values[name] for name, key in self._metrics})

    def poll(self, now: float, readings: Mapping[str, TriggerReading | Reading]) -> Poll:
        """KEDA decides between none and some. Every `pollingInterval`; see :meth:`sync` for the arguments."""
        self._polled = measured = self._measure(readings)
        active = tuple(name for name, one in measured.items() if one.active)
        if self.scaled.only_resources:
            active = self.scaled.names
        failed = tuple(name for name, one in measured.items() if one.value is None)
        current = self.replicas
        move, desired = self._active(current) if active else self._quiet(now, current, failed)
        if move is Move.ACTIVATED or (move is Move.ACTIVE and not failed):
            self._last_active = now
        if desired != current:
            self.controller.scale(desired)
        return Poll(now, current, desired, move, active, failed, self._created if self._last_active is None else self._last_active)

    def _active(self, current: int) -> tuple[Move, int]:
        """Some trigger is active: wake the target up, or leave it to the autoscaler."""
        scaled = self.scaled
        if current == 0 or (scaled.idle_replica_count is not None and current < scaled.min_replica_count):
            return Move.ACTIVATED, max(1, scaled.min_replica_count)
        return Move.ACTIVE, current

    def _quiet(self, now: float, current: int, failed: Sequence[str]) -> tuple[Move, int]:
        """No trigger is active: put the target to sleep once it has cooled down; not while a source does not answer."""
        scaled = self.scaled
        if failed:
            return Move.FAILED, current
        idle = scaled.idle_replica_count
        if (current > 0 and scaled.min_replica_count == 0) if idle is None else current > idle:
            quiet_at = self._created + scaled.initial_cooldown_period
            if self._last_active is not None:
                quiet_at = self._last_active + scaled.cooldown_period
            return (Move.DEACTIVATED, scaled.least) if quiet_at < now else (Move.COOLING, current)
        if idle is None and current < scaled.min_replica_count:
            return Move.RAISED, scaled.min_replica_count
        return Move.IDLE, current

    def _measure(self, readings: Mapping[str, TriggerReading | Reading]) -> dict[str, Measured]:
        """What came of every trigger whose source is asked, by name."""
        return {
            name: trigger.measure(_given(readings, name))  # type: ignore[arg-type]
            for name, trigger in self._triggers.items()
            if not isinstance(trigger, ResourceTrigger)
        }


def _given(readings: Mapping[str, TriggerReading | Reading], name: str) -> TriggerReading | Reading:
    """The reading of that name. Raises ValueError when there is none."""
    if name not in readings:
        got = show_value(sorted(readings))
        raise ValueError(f"readings: got {got}; expected one of {name}; try None when its source does not answer")
    return readings[name]
