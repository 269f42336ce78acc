"""What is asked of a tool, and what became of it: the values that go from one part of the benchmark to the next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Freeze:
    """The server stands still.

    Attributes:
        at: seconds after the first request.
        seconds: how long.
    """

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of one tool.

    Attributes:
        rate: requests per second, evenly spaced.
        seconds: how long; there are ``rate * seconds`` requests.
        delay: seconds that the server takes for most answers.
        mixed: 4 of 100 answers take three times as long, and 2 of 100 six times.
        freeze: when the server stands still, or None.
        most_users: how many virtual users k6 may have.
    """

    rate: int
    seconds: float
    delay: float = 0.0
    mixed: bool = False
    freeze: Freeze | None = None
    most_users: int = 100

    @property
    def planned(self) -> int:
        """Requests in all."""
        return round(self.rate * self.seconds)

    def with_rate(self, rate: int) -> Plan:
        """The same at another rate."""
        return replace(self, rate=rate)

    def delay_of(self, index: int) -> float:
        """Seconds that the server takes for the answer to request *index*."""
        if not self.mixed:
            return self.delay
        place = index % 100
        return self.delay * (1 if place < 94 else 3 if place < 98 else 6)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the server saw it.

    Attributes:
        index: which one, as its path says; -1 when the path has no number.
        arrived: seconds on the machine's monotonic clock.
        ended: when the answer was handed to the connection.
        status: of the answer.
        connection: tells connections apart.
    """

    index: int
    arrived: float
    ended: float
    status: int
    connection: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool says of its own run.

    Attributes:
        calls: how many it finished.
        failed: how many of these failed.
        percentiles: milliseconds by "p50", "p95" and "p99"; empty when it told none.
        from_due: they count from when a request was due; else from when it was sent.
    """

    calls: int
    failed: int
    percentiles: dict[str, float]
    from_due: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one tool, measured from outside.

    Attributes:
        tool: its name.
        round: which round, from 0.
        plan: what was asked.
        kept: share of the planned requests that arrived within the planned time.
        cpu_us: microseconds of CPU per request, the tool's start left out.
        cpu_all_us: the same with its start.
        megabytes: the most memory its processes had resident, the largest of them.
        lag_ms: how far arrivals were off the schedule, by "p50", "p99" and "max".
        truth_ms: what the server knows, by "p50", "p95" and "p99"; counted from the same moments as the tool's.
        told: what the tool says.
        complaints: why the run says little of the tool.
    """

    tool: str
    round: int
    plan: Plan
    kept: float
    cpu_us: float
    cpu_all_us: float
    megabytes: float
    lag_ms: dict[str, float]
    truth_ms: dict[str, float]
    told: Told | None
    complaints: tuple[str, ...] = field(default=())

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
