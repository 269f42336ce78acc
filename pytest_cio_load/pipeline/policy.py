"""How often a job is tried, when again, and what is given up at once. Nothing here waits or sends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from pytest_cio_load.errors import CustomerIOError
from pytest_cio_load.pipeline.engines.engine import KILLS


@dataclass(frozen=True, slots=True)
class Policy:
    """When a job whose try failed is tried again. An outage is not counted: the circuit waits for its end.

    Attributes:
        attempts: tries at most.
        base: seconds after the first failed try; doubled after every further one.
        cap: seconds; no wait is longer.
        jitter: share of a wait that is left to chance, 0 to 1, so that jobs which failed together do not come back together.
    """

    attempts: int = 5
    base: float = 2.0
    cap: float = 300.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts: got {self.attempts}; expected at least 1, the first try itself; try 5")
        for name, seconds in (("base", self.base), ("cap", self.cap)):
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"{name}: got {seconds}; expected seconds, 0 or more; try {Policy.__dataclass_fields__[name].default}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter: got {self.jitter}; expected a share, 0 to 1; try 0.5")

    def delay(self, failed: int, rng: Random) -> float:
        """Seconds to wait after the *failed*-th failed try, counted from 1; whole microseconds."""
        whole = min(self.cap, self.base * 2.0 ** min(failed - 1, 60))
        return round(whole * (1 - self.jitter * rng.random()) * 1e6) / 1e6

    def limit(self, asked: int | None) -> int:
        """Tries that a job gets whose producer asked for *asked*, or did not."""
        return self.attempts if not asked or asked < 1 else asked


def given_up(error: CustomerIOError, tries: int) -> str:
    """What a dead letter says of its last try; safe to log."""
    status = "" if error.status is None else f"{error.status} "
    return f"{status}{error.reason}" + (f" ({tries} tries)" if tries > 1 else "")


def together(most: int, kills: int) -> int:
    """How many jobs may be under way at once with one that was under way *kills* times when its worker was killed.

    All of those are suspects. Fewer and fewer of them run together, in the end each alone, so that what kills workers becomes a dead letter
    and nothing else does.
    """
    if kills <= 0:
        return most
    return 1 if kills >= KILLS - 1 else max(1, most // 32)
