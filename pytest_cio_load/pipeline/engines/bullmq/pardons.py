"""Kills that are taken back. A worker that could not be heard for a while looks like one that was killed, and what it had like what kills
workers; when it is heard again it says otherwise, or every outage of the server would bring innocent jobs nearer to the dead letters."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_cio_load.pipeline.engines.bullmq.held import Place
from pytest_cio_load.pipeline.engines.bullmq.link import Link


class Pardons:
    """Jobs that a living worker has lost.

    Args:
        link: connections to the server.
        none: a key that never exists.
        patience: seconds in which somebody may still come to count the kill.
    """

    def __init__(self, link: Link, none: str, patience: float) -> None:
        self._link, self._none, self._patience = link, none, patience
        self._lost: list[tuple[float, Place]] = []

    def add(self, places: Iterable[Place], now: float) -> None:
        """They were lost at *now*, seconds of a monotonic clock."""
        self._lost += [(now + self._patience, place) for place in places]

    async def ask(self, now: float) -> None:
        """Take back what was counted against them by now. Raises QueueUnavailable."""
        if self._lost:
            asked = list(self._lost)
            items = [[place.held.base, place.id, place.kills] for _, place in asked]
            # Run twice it would take back two.
            pardoned = await self._link.run("pardon", [self._none], items, repeatable=False)
            # More may have been lost meanwhile.
            self._lost[: len(asked)] = [each for each, done in zip(asked, pardoned, strict=True) if not done and each[0] > now]
