"""Whether a consumer's partitions are its own for sure. Nothing here waits or asks.

A broker gives a consumer's partitions to others when it has heard nothing of it for as long as a session lasts: the consumer was stopped,
or starved, or cut off. Only an answer says that it has not: a commit that was accepted shows that the partitions were ours when it was
sent. From then on they are for the length of a session, of which a quarter is kept for what is being sent.
"""

from __future__ import annotations

_SURE = 0.75
_FRESH = 1 / 6


class Membership:
    """What is known of a consumer's place in its group. Times are seconds of a monotonic clock.

    Args:
        session: seconds without a sign of life until a consumer's partitions go to others.
    """

    def __init__(self, session: float) -> None:
        self._session = session
        self._shown = float("-inf")

    def show(self, at: float) -> None:
        """A commit that was sent *at* this moment has been accepted."""
        self._shown = max(self._shown, at)

    def is_sure(self, now: float) -> bool:
        """Whether our partitions are still ours."""
        return now - self._shown < _SURE * self._session

    def is_fresh(self, now: float) -> bool:
        """Whether there is no need yet to show it again."""
        return now - self._shown < _FRESH * self._session
