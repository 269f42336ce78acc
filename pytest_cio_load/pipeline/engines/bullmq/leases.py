"""Who works on which shard: decided without a clock and without a server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker does about its shards.

    Attributes:
        acquire: shards to take a lease on; somebody else may be quicker.
        give_back: shards to stop taking from, and to let go of once nothing of them is under way.
    """

    acquire: tuple[int, ...] = ()
    give_back: tuple[int, ...] = ()


def plan(me: str, owners: Sequence[str], alive: Iterable[str], leaving: Iterable[int] = ()) -> Plan:
    """What worker *me* does so that all shards are worked on, and no two workers differ by more than one shard for long.

    Args:
        me: a name.
        owners: who has the lease of each shard; "" for nobody.
        alive: names of the workers; *me* is counted whether it is there or not.
        leaving: shards of *me* that it is giving back already.

    With *n* shards and *w* workers each holds *n* // *w*, and *n* % *w* of them one more. A worker gives back what it has beyond that; when
    more workers have one more than there should be, the last ones by name do.
    """
    workers = sorted({*alive, me})
    few, extra = divmod(len(owners), len(workers))
    held = Counter(owner for owner in owners if owner)
    gone = frozenset(leaving)
    mine = [shard for shard, owner in enumerate(owners) if owner == me and shard not in gone]
    free = [shard for shard, owner in enumerate(owners) if not owner]
    rich = [worker for worker in workers if worker != me and held[worker] > few]
    allowed = few + (1 if len(rich) < extra else 0)
    if len(mine) < allowed:
        # Workers that look at the same moment begin at different shards.
        start = workers.index(me) * few % max(1, len(free))
        return Plan(acquire=tuple((free[start:] + free[:start])[: allowed - len(mine)]))
    most = few + (1 if extra else 0)
    if len(mine) > most:
        return Plan(give_back=tuple(mine[most:]))
    if extra and len(mine) == most and not free:
        ahead = sorted([*rich, me])
        if ahead.index(me) >= extra:
            return Plan(give_back=(mine[-1],))
    return Plan()
