"""Which operation travels in which batch, when several batches are under way and every person's order is kept.

A lane has one batch under way at most and is filling the next. A person with anything in a lane, under way or not, stays in that lane until
all of it is settled: so their operations never overtake each other, and people who do not meet do not wait for each other. What is held at
any time is at most two batches per lane. Who is called by an id here and by an email there is two people to us, since nothing says they are
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cio_load.customerio.batch import ITEMS, Batch, Filling

if TYPE_CHECKING:
    from pytest_cio_load.customerio.operations.items import Item

IN_FLIGHT = 4
"""Batches under way at once."""


class _Lane:
    __slots__ = ("due", "filling", "flying")

    def __init__(self, items: int) -> None:
        self.filling = Filling(items)
        self.flying: Batch | None = None
        self.due = False


class Lanes:
    """Plans the batches of one workspace. It decides; whoever asks does the sending and the waiting.

    Args:
        count: batches under way at once.
        items: operations per batch at most.

    Raises:
        ValueError: either is under 1.
    """

    def __init__(self, count: int = IN_FLIGHT, items: int = ITEMS) -> None:
        if count < 1:
            raise ValueError(f"in_flight: got {count}; expected at least 1 batch under way; try {IN_FLIGHT}")
        self._lanes = [_Lane(items) for _ in range(count)]
        # Key → its lane, and how many of the lane's items have it.
        self._held: dict[str, tuple[_Lane, int]] = {}
        self._current = self._lanes[0]
        self._closed = False

    @property
    def in_flight(self) -> int:
        """Batches under way."""
        return sum(lane.flying is not None for lane in self._lanes)

    @property
    def busy(self) -> bool:
        """Whether anything is under way or still to be sent."""
        return any(lane.flying is not None or lane.filling for lane in self._lanes)

    def put(self, item: Item) -> bool:
        """Take *item* into a batch.

        Returns:
            False when there is no room for it yet: start what :meth:`ready` gives or, if that is nothing, settle a batch; then ask again.
        """
        lane = self._lane_for(item)
        if lane is None:
            return False
        if not lane.filling.fits(item):
            lane.due = True
            return False
        lane.filling.add(item)
        for key in item.keys:
            self._held[key] = (lane, self._held[key][1] + 1 if key in self._held else 1)
        return True

    def ready(self) -> Batch | None:
        """The next batch to start, or None."""
        for lane in self._lanes:
            if lane.filling and lane.flying is None and (lane.due or self._closed):
                lane.flying, lane.due = lane.filling.take(), False
                return lane.flying
        return None

    def settle(self, batch: Batch) -> None:
        """*batch* is done with, whatever became of it."""
        for lane in self._lanes:
            if lane.flying is batch:
                lane.flying = None
        for item in batch.items:
            for key in item.keys:
                lane, count = self._held.pop(key)
                if count > 1:
                    self._held[key] = (lane, count - 1)

    def close(self) -> None:
        """No more items come: what is not full is ready as well."""
        self._closed = True

    def _lane_for(self, item: Item) -> _Lane | None:
        """The lane *item* has to travel in, or may; None when it has to wait."""
        bound = list(dict.fromkeys(self._held[key][0] for key in item.keys if key in self._held))
        if len(bound) == 1:
            return bound[0]
        if bound:
            # It is about people in several lanes: all but one of these have to be settled first.
            for lane in bound[1:]:
                lane.due = bool(lane.filling)
            return None
        if self._current.due or self._current.flying is not None:
            free = [lane for lane in self._lanes if not lane.due]
            if not free:
                return None
            # One that can start at once, and the fullest of these, so that batches travel full.
            self._current = max(free, key=lambda lane: (lane.flying is None, lane.filling.size))
        return self._current
