"""What a worker holds: queues, and the jobs it took from them. Nothing here waits or asks; the clock is the caller's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_cio_load.pipeline.engines.bullmq.jobs import Terms

STALLED = "job stalled more than allowable limit"
"""What BullMQ's script says of a job whose worker was killed too often."""


@dataclass(eq=False, slots=True)
class Held:
    """A queue that a worker takes from: the only one of the plain form, or a shard it has the lease of.

    Attributes:
        shard: its number.
        base: what its keys begin with.
        lease: the key of its lease; "" in the plain form.
        renewed: when the last renewal that succeeded was asked for; seconds of a monotonic clock.
        leaving: since when it is being given back, or None.
        lost: somebody else may have it.
        doubtful: something may have been taken whose answer never came.
        taken: jobs that were taken and not settled, by id, in the order taken.
        due: unix ms when there is something to do, as far as is known; 0 when there is not.
    """

    shard: int
    base: str
    lease: str = ""
    renewed: float = 0.0
    leaving: float | None = None
    lost: bool = False
    doubtful: bool = False
    taken: dict[str, Place] = field(default_factory=dict)
    due: int = 0


@dataclass(eq=False, slots=True)
class Place:
    """Where a delivery is.

    Attributes:
        held: its queue.
        id: of the job.
        token: of its lock.
        turn: counts up with every job a worker takes.
        renewed: when its lock was set, or the renewal that succeeded last was asked for.
        kills: how often a worker had been killed while it was under way, when it was taken.
        terms: what its options say.
    """

    held: Held
    id: str
    token: str
    turn: int
    renewed: float
    kills: int
    terms: Terms


@dataclass(frozen=True, slots=True)
class Spans:
    """How long things last, in seconds.

    Attributes:
        lease: of a shard, after its last renewal.
        lock: of a job, after its last renewal.
    """

    lease: float
    lock: float

    def __post_init__(self) -> None:
        for name, seconds in (("lease", self.lease), ("lock", self.lock)):
            if not 0.5 <= seconds <= 3600:
                raise ValueError(f"{name}: got {seconds}; expected seconds, 0.5 to 3600; try {5.0 if name == 'lease' else 6.0}")

    @property
    def beat(self) -> float:
        """Between two renewals."""
        return min(self.lease / 5, self.lock / 3)

    @property
    def patience(self) -> float:
        """How long a shard that is given back waits for what is under way, before that is handed over too."""
        return 3 * self.lease

    def may_take(self, held: Held, now: float) -> bool:
        """Whether jobs may be taken from a queue: it is ours for certain, and to stay."""
        return not held.lost and held.leaving is None and self._leased(held, now)

    def holds(self, place: Place, now: float) -> bool:
        """Whether a job is ours for certain: a fifth of each span is left to the network."""
        held = place.held
        if held.lost or held.taken.get(place.id) is not place:
            return False
        return self._leased(held, now) and now - place.renewed < 0.8 * self.lock

    def _leased(self, held: Held, now: float) -> bool:
        return not held.lease or now - held.renewed < 0.8 * self.lease

    def to_release(self, helds: Iterable[Held], now: float) -> tuple[list[Held], list[Held]]:
        """Queues being given back: those of which nothing is under way, and those whose jobs have to be handed over now."""
        leaving = [held for held in helds if held.leaving is not None and not held.doubtful]
        ready = [held for held in leaving if not held.taken]
        late = [held for held in leaving if held.taken and held.leaving is not None and now - held.leaving >= self.patience]
        return ready, late
