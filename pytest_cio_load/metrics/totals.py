"""The metrics of a run as they fill, batch by batch. Nothing here locks: the recorder does."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, cast

from pytest_cio_load.metrics.kinds import BUILTIN, Kind, Metric
from pytest_cio_load.metrics.measured import MEASURED, Counter, Delivery, Gauge, Rate, Trend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.metrics.batches import CallRow, Calls, Iterations, WaitRow

Live = Trend | Counter | Rate | Gauge
_TIMES = Metric(Kind.TREND, "ms")


class Totals:
    """What a run has come to so far.

    Args:
        warmup: microseconds; what is due earlier counts for nothing except the warmup tally.
        lag_tolerance: microseconds; an iteration that the generator began later than this was not on time.

    Attributes:
        metrics: by name; those that every run has from the beginning, others once they have a sample.
        kinds: each metric's kind and unit.
        seen, warmup_seen: iterations that ended or were dropped; those of them in the warmup.
        waited: iterations that waited for a slot.
        told: which of `CONNECTION_WAITS` the engine tells of; may be set before the run.
    """

    def __init__(self, *, warmup: int, lag_tolerance: int) -> None:
        self._warmup, self._lag_tolerance = warmup, lag_tolerance
        self.metrics: dict[str, Live | Delivery] = {}
        self.kinds = dict(BUILTIN)
        for name in ("iterations", "calls", "rate_limited", "interrupted", "timed_out", "errors", "dropped", "on_time"):
            self.metrics[name] = MEASURED[BUILTIN[name].kind]()
        self.seen = self.warmup_seen = self.waited = 0
        self._attempts = self._watched = 0
        self.told: frozenset[str] = frozenset()

    def ended(self, batch: Iterations) -> None:
        """Iterations ended."""
        measured = batch.since(self._warmup)
        self.seen += len(batch)
        self.warmup_seen += len(batch) - len(measured)
        count = len(measured)
        if not count:
            return
        self._counter("iterations").add_all(count, count)
        self._trend("response").record_all(measured.response, measured.response_buckets)
        self._trend("service").record_all(measured.service, measured.service_buckets)
        self._trend("lag").record_all(measured.lag)
        self._trend("queued").record_all(measured.queued)
        self._rate("dropped").add_all(count, 0)
        self._rate("on_time").add_all(count, sum(lag <= self._lag_tolerance for lag in measured.lag))
        outcomes = measured.outcome
        # A zero is a sample too: "interrupted: count==0" must be judged, not called empty.
        self._counter("interrupted").add_all(outcomes.count("interrupted") + outcomes.count("cut"), count)
        self._counter("timed_out").add_all(outcomes.count("timed_out"), count)
        self._counter("calls").add_all(0, count)
        self._rate("errors").add_all(count, count - measured.failures.count(0), sum(measured.failures))
        self.waited += count - measured.queued.count(0)

    def called(self, batch: Calls) -> None:
        """Calls ended."""
        rows = batch.rows_since(self._warmup)
        if not rows:
            return
        by_operation: dict[str, list[int]] = {}
        for row in rows:
            by_operation.setdefault(row[0], []).append(row[3])
        for operation, latencies in by_operation.items():
            self._trend(operation).record_all(latencies)
        self._trend("paced").record_all([row[4] for row in rows])
        # Jobs that are enqueued make no request: what the workers sent is told afterwards.
        sent = rows if "enqueue" not in by_operation else [row for row in rows if row[0] != "enqueue"]
        if sent:
            self._counter("rate_limited").add_all(sum(row[6] for row in sent), len(sent))
            self._trend("attempts").record_all([row[5] * 1000 for row in sent])
            self._fill(sum(row[7] for row in sent))
            self._amplify(rows)
        self._counter("calls").add_all(len(rows), len(rows))

    def awaited(self, rows: Sequence[WaitRow]) -> None:
        """Attempts waited for their connections. To be told before the calls that they were of."""
        by_name: dict[str, list[int]] = {}
        for name, due, took in rows:
            if due >= self._warmup and name in self.told:
                by_name.setdefault(name, []).append(took)
        for name, waits in by_name.items():
            self._trend(name).record_all(waits)

    def _fill(self, watched: int) -> None:
        """So many more attempts are over: those that nothing was told of did not wait."""
        self._watched += watched
        for name in self.told if watched else ():
            trend = self._trend(name)
            trend.record_several(0, self._watched - trend.samples)

    def _amplify(self, rows: Sequence[CallRow]) -> None:
        """The gauge after each call: its least and greatest are of every moment, not of every batch."""
        gauge = cast("Gauge", self.live("amplification", BUILTIN["amplification"]))
        calls, attempts = self._counter("calls").total, self._attempts
        for row in rows:
            calls += 1
            if row[0] != "enqueue":
                attempts += row[5]
                gauge.set(attempts / calls)
        self._attempts = attempts

    def dropped(self, dues: Sequence[int]) -> None:
        """Iterations were dropped that fell due at these moments."""
        measured = sum(due >= self._warmup for due in dues)
        self.seen += len(dues)
        self.warmup_seen += len(dues) - measured
        self._rate("dropped").add_all(measured, measured)

    def live(self, name: str, metric: Metric) -> Live:
        """The metric of this name, made now if there is none yet."""
        live = cast("Live | None", self.metrics.get(name))
        if live is None:
            live = self.metrics[name] = MEASURED[metric.kind]()
            self.kinds.setdefault(name, metric)
        return live

    def still(self, name: str) -> Live | Delivery | None:
        """A copy of the metric as it stands, which nothing changes any more; None while there is none."""
        metric = self.metrics.get(name)
        still = copy(metric)
        if isinstance(still, Trend):
            still.counts = dict(still.counts)
        return still

    def _trend(self, name: str) -> Trend:
        return cast("Trend", self.live(name, _TIMES))

    def _counter(self, name: str) -> Counter:
        return cast("Counter", self.metrics[name])

    def _rate(self, name: str) -> Rate:
        return cast("Rate", self.metrics[name])
