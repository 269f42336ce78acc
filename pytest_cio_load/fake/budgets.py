"""What a workspace allows: its declared budget for the Track API, and the hard limit of the App API."""

from __future__ import annotations

from collections import deque
from typing import Literal, get_args

from pytest_cio_load.customerio.pacing import Bucket, check_rate
from pytest_cio_load.errors import near_miss
from pytest_cio_load.fake.texts import HEADERS, Refused, app_error, meta_error

OverBudget = Literal["accept", "reject", "throttle", "drop"]

APP_LIMIT = 10
"""Requests per second the App API takes from a workspace."""


def check_over_budget(over_budget: object) -> None:
    """Raise ValueError unless it is one of the four."""
    if over_budget not in get_args(OverBudget):
        hint = near_miss(str(over_budget), get_args(OverBudget)) or "'accept' is what Customer.io does"
        raise ValueError(f"over_budget: got {over_budget!r}; expected 'accept', 'reject', 'throttle' or 'drop'; {hint}")


class TrackBudget:
    """Requests per second, with a tenth of a second's worth (at least 8) at once. A batch is one request."""

    def __init__(self, limit: float) -> None:
        check_rate("limit", limit)
        self._limit = limit
        self._bucket = Bucket(limit, burst=max(8, round(limit / 10)))

    def spend(self, now: float, over_budget: OverBudget) -> tuple[float, bool]:
        """Take one request's worth: seconds it is held back, and whether it is dropped. Raises Refused when it is rejected."""
        if over_budget == "accept":
            return 0.0, False
        wait = self._bucket.reserve(now)
        if not wait or over_budget == "throttle":
            return wait, False
        self._bucket.cancel(now + wait)
        if over_budget == "reject":
            error = meta_error(f"rate limited to {self._limit:g} requests per second")
            raise Refused(429, error, {**HEADERS, "retry-after": "1"})
        return 0.0, True


class AppBudget:
    """At most *limit* requests in any sliding second, and a 429 for each one beyond; that one does not count."""

    def __init__(self, limit: int) -> None:
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ValueError(f"app_limit: got {limit!r}; expected a whole number of requests per second, at least 1; try {APP_LIMIT}")
        self._limit = limit
        self._taken: deque[float] = deque(maxlen=limit)
        self._refused = 0

    def spend(self, now: float) -> None:
        """Take one request's worth. Raises Refused when there is none left."""
        if len(self._taken) == self._limit and now - self._taken[0] < 1 - 1e-9:
            self._refused += 1
            detail = f"rate limited to {self._limit} requests per 1s (reference {self._refused:06x})"
            raise Refused(429, app_error(429, detail), {**HEADERS, "retry-after": "1"})
        self._taken.append(now)
