"""A run over time: what fell due, ended, failed and waited in each of 100 to 240 intervals of one length.

The length is chosen from the profile, so that a timeline of a minute and one of a day are of about one size. What comes after the profile,
while iterations end and a queue drains, goes on in the same steps, up to a bound; then the last interval takes the rest.

The warmup is on it, which is in no metric.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pytest_cio_load.metrics.in_flight import InFlight
from pytest_cio_load.metrics.spread import Spread, quantiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_cio_load.metrics.batches import Calls, Iterations

MICROSECONDS = 1_000_000
_MS = 1000
_FEWEST = 100
_AFTERWARDS = 240  # intervals after the profile

_STEPS = tuple(
    round(seconds * MICROSECONDS)
    for seconds in (
        *(0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10, 15, 30),
        *(60, 120, 240, 300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400),
    )
)

MarkKind = Literal["stage", "fault", "abort", "warmup"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that a reader of the timeline is to see.

    Attributes:
        at: seconds after the start of the run.
        kind: a stage of the profile begins, a fault begins, the run was ended, the warmup is over.
        text: a few words for it.
    """

    at: float
    kind: MarkKind
    text: str


def step_of(lasts: int) -> int:
    """How long an interval is, in microseconds, in a run whose profile *lasts* so many.

    The longest step that makes at least 100 intervals. None makes more than 240, but for profiles beyond 240 days.
    """
    return max((step for step in _STEPS if lasts >= _FEWEST * step), default=_STEPS[0])


class Timeline:
    """Collects what happened by interval. Times are microseconds after the start of the run.

    Args:
        lasts: how long the whole profile is, warmup included.
        warmup: what is due earlier is not measured.
    """

    def __init__(self, *, lasts: int, warmup: int) -> None:
        self.step = step_of(lasts)
        self._warmup = warmup
        self._most = -(-lasts // self.step) + _AFTERWARDS
        self._due: Counter[int] = Counter()
        self._done: Counter[int] = Counter()
        self._failed: Counter[int] = Counter()
        self._dropped: Counter[int] = Counter()
        self._calls: Counter[int] = Counter()
        self._rate_limited: Counter[int] = Counter()
        self._response, self._service = Spread(), Spread()
        self._highest: dict[str, dict[int, int]] = {"response": {}, "service": {}, "lag": {}, "paced": {}}
        self._depths: dict[int, float] = {}
        self._in_flight = InFlight(self._interval_of, lambda interval: interval * self.step)

    # What the recorder tells.

    def ended(self, batch: Iterations) -> None:
        """Iterations ended."""
        due, ended = self._intervals_of(batch.due), self._intervals_of(batch.ended)
        self._due.update(due)
        self._done.update(ended)
        if any(batch.failures):
            self._failed.update(interval for interval, failures in zip(ended, batch.failures, strict=True) if failures)
        self._response.add(due, batch.response_buckets)
        self._service.add(due, batch.service_buckets)
        for name, values in (("response", batch.response), ("service", batch.service), ("lag", batch.lag)):
            _raise(self._highest[name], due, values)
        self._in_flight.add(batch.began, batch.ended, self._intervals_of(batch.began), ended)

    def dropped(self, due: Sequence[int]) -> None:
        """Iterations fell due at these moments, and were not begun."""
        intervals = self._intervals_of(due)
        self._due.update(intervals)
        self._dropped.update(intervals)

    def called(self, calls: Calls) -> None:
        """Calls ended."""
        ended = self._intervals_of(calls.ended)
        self._calls.update(ended)
        if any(calls.throttled):
            for interval, throttled in zip(ended, calls.throttled, strict=True):
                self._rate_limited[interval] += throttled
        _raise(self._highest["paced"], self._intervals_of(calls.due), calls.paced)

    def depth(self, at: int, jobs: float) -> None:
        """So many jobs were not settled at a moment; the highest in an interval is kept."""
        interval = self._interval_of(at)
        self._depths[interval] = max(self._depths.get(interval, 0), jobs)

    # What a run document shows.

    def plain(self, elapsed: int) -> dict[str, Any]:
        """The timeline as plain values: times in ms, None where an interval has no sample; step and warmup in seconds.

        Args:
            elapsed: how long the run was: an interval in which nothing happened is one of it all the same.
        """
        shown = range(self._length(elapsed))
        return {
            "step": self.step / MICROSECONDS,
            "warmup": self._warmup / MICROSECONDS,
            "due": [self._due[at] for at in shown],
            "done": [self._done[at] for at in shown],
            "failed": [self._failed[at] for at in shown],
            "dropped": [self._dropped[at] for at in shown],
            "in_flight": self._in_flight.peaks(len(shown)),
            "response": self._quantiles("response", self._response, (50, 95, 99), shown) | {"max": self._maximum("response", shown)},
            "service": self._quantiles("service", self._service, (95,), shown),
            "lag": {"max": self._maximum("lag", shown)},
            "calls": [self._calls[at] for at in shown],
            "rate_limited": [self._rate_limited[at] for at in shown],
            "paced": {"max": self._maximum("paced", shown)},
        } | ({"queue_depth": [self._depths.get(at) for at in shown]} if self._depths else {})

    def _length(self, elapsed: int) -> int:
        touched = max((max(each, default=-1) for each in (self._due, self._done, self._calls, self._depths)), default=-1)
        return min(self._most, max(touched + 1, -(-elapsed // self.step), 1))

    def _maximum(self, name: str, shown: Iterable[int]) -> list[float | None]:
        highest = self._highest[name]
        return [highest[at] / _MS if at in highest else None for at in shown]

    def _quantiles(self, name: str, spread: Spread, percentiles: Sequence[int], shown: Iterable[int]) -> dict[str, list[float | None]]:
        highest = self._highest[name]
        found: dict[str, list[float | None]] = {f"p{percentile}": [] for percentile in percentiles}
        counts: Mapping[int, Mapping[int, int]] = spread.counts()
        for at in shown:
            values = quantiles(counts[at], percentiles, highest[at]) if at in counts else [None] * len(percentiles)
            for column, value in zip(found.values(), values, strict=True):
                column.append(None if value is None else round(value / _MS, 3))
        return found

    def _interval_of(self, moment: int) -> int:
        return min(moment // self.step, self._most - 1)

    def _intervals_of(self, moments: Sequence[int]) -> list[int]:
        step = self.step
        intervals = [moment // step for moment in moments]
        return intervals if max(intervals) < self._most else [min(interval, self._most - 1) for interval in intervals]


def _raise(highest: dict[int, int], intervals: Iterable[int], values: Iterable[int]) -> None:
    """Note the greatest value of each interval."""
    for interval, value in zip(intervals, values, strict=True):
        if value > highest.get(interval, -1):
            highest[interval] = value
