"""Takes every sample, call, check and custom value of a run, as it happens, from any thread."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Protocol, cast

from pytest_cio_load.metrics.failures import Failures
from pytest_cio_load.metrics.kinds import BUILTIN, Kind, Metric
from pytest_cio_load.metrics.measured import MEASURED, Counter, Delivery, Gauge, Measured, Rate, Trend
from pytest_cio_load.metrics.summary import Summary, Warmup

if TYPE_CHECKING:
    from collections.abc import Mapping

Live = Trend | Counter | Rate | Gauge


class _Arrival(Protocol):
    @property
    def index(self) -> int: ...
    @property
    def due(self) -> int: ...


class _Outcome(Protocol):
    @property
    def value(self) -> str: ...


class _Sample(Protocol):
    @property
    def arrival(self) -> _Arrival: ...
    @property
    def response(self) -> int: ...
    @property
    def service(self) -> int: ...
    @property
    def lag(self) -> int: ...
    @property
    def queued(self) -> int: ...
    @property
    def outcome(self) -> _Outcome: ...
    @property
    def error(self) -> BaseException | None: ...


class Recorder:
    """One run's metrics.

    Args:
        declared: the author's own metrics, known before the run.
        warmup: microseconds; iterations due earlier run, but count for nothing except the warmup tally.
        lag_tolerance: microseconds; an iteration that the generator began later than this was not on time.
        home: the test's file, for grouping failures by line.
    """

    def __init__(self, declared: Mapping[str, Metric], *, warmup: int, lag_tolerance: int, home: str) -> None:
        self._lock = Lock()
        self._declared = dict(declared)
        self._warmup_ends, self._lag_tolerance = warmup, lag_tolerance
        self._metrics: dict[str, Live | Delivery] = {}
        self._metric = dict(BUILTIN)
        for name in ("iterations", "calls", "interrupted", "timed_out", "errors", "dropped", "on_time"):
            self._metrics[name] = MEASURED[BUILTIN[name].kind]()
        self._failures, self._warmup_failures = Failures(home), Failures(home)
        self._call_errors: dict[int, list[BaseException]] = {}
        self._warmup_seen = 0
        self._waited = 0
        self._attempts = 0
        self._seen = 0

    def measures(self, due: int) -> bool:
        """Whether an iteration due at *due* counts for the verdict."""
        return due >= self._warmup_ends

    # What the drivers tell (load.run.Sink).

    def finished(self, sample: _Sample) -> None:
        """An iteration ended."""
        outcome = sample.outcome.value
        with self._lock:
            self._seen += 1
            errors = self._call_errors.pop(sample.arrival.index, [])
            if not self.measures(sample.arrival.due):
                self._warmup_seen += 1
                self._note_failures(self._warmup_failures, sample, outcome, errors)
                return
            self._counter("iterations").add()
            for name, value in (
                ("response", sample.response),
                ("service", sample.service),
                ("lag", sample.lag),
                ("queued", sample.queued),
            ):
                self._trend(name).record(value)
            self._rate("dropped").add(False)
            self._rate("on_time").add(sample.lag <= self._lag_tolerance)
            # A zero is a sample too: "interrupted: count==0" must be judged, not called empty.
            self._counter("interrupted").add(outcome in ("interrupted", "cut"))
            self._counter("timed_out").add(outcome == "timed_out")
            self._counter("calls").add(0)
            failures = self._note_failures(self._failures, sample, outcome, errors)
            self._rate("errors").add(failures > 0, failures)
            self._waited += sample.queued > 0

    def dropped(self, arrival: _Arrival) -> None:
        """An iteration fell due with no slot free."""
        with self._lock:
            self._seen += 1
            if self.measures(arrival.due):
                self._rate("dropped").add(True)
            else:
                self._warmup_seen += 1

    def _note_failures(self, failures: Failures, sample: _Sample, outcome: str, errors: list[BaseException]) -> int:
        index, due = sample.arrival.index, sample.arrival.due
        for error in errors:
            failures.add(error, index, due)
        own = sample.error
        if outcome == "timed_out":
            failures.add_plain("TimeoutError", f"unfinished after {sample.service / 1000:,.0f} ms, the timeout of an iteration", index, due)
        elif outcome == "interrupted":
            failures.add_plain("Interrupted", "unfinished when graceful_stop ran out", index, due)
        elif outcome == "failed" and own is not None and not any(_comes_from(own, error) for error in errors):
            failures.add(own, index, due)
        else:
            return len(errors)
        return len(errors) + 1

    # What the client tells.

    def call(self, operation: str, *, iteration: int, due: int, times: tuple[int, int], attempts: int, error: BaseException | None) -> None:
        """A Customer.io call ended. *times*: its latency and its wait for our own limiter, in microseconds."""
        with self._lock:
            if error is not None:
                self._call_errors.setdefault(iteration, []).append(error)
            if not self.measures(due):
                return
            latency, paced = times
            self._counter("calls").add()
            self._trend(operation).record(latency)
            self._trend("paced").record(paced)
            if operation == "enqueue":
                return  # no request: what the workers sent is told by queue()
            self._trend("attempts").record(attempts * 1000)
            self._attempts += attempts
            cast("Gauge", self._live("amplification", BUILTIN["amplification"])).set(self._attempts / self._counter("calls").total)

    def delivered(self, delivery: Delivery) -> None:
        """What the fake says became of everything that was sent."""
        with self._lock:
            self._metrics["delivery"] = delivery

    def queue(self, name: str, value: object) -> None:
        """What became of a queue's jobs: a number for a counter, values in order for a gauge, microseconds → times for a trend."""
        with self._lock:
            metric = self._live(name, BUILTIN[name])
            if isinstance(metric, Trend) and isinstance(value, dict):
                for microseconds, times in value.items():
                    metric.record_several(microseconds, times)
            elif isinstance(metric, Gauge) and isinstance(value, list):
                for each in value:
                    metric.set(each)
            elif isinstance(metric, Counter) and isinstance(value, int):
                metric.add(value)

    # What the body tells.

    def add(self, name: str, kind: Kind, value: float, unit: str = "") -> None:
        """Add *value* to the author's own metric *name*.

        Raises:
            ValueError: the name belongs to another kind or to a metric of every run, or the value is none for this kind.
        """
        with self._lock:
            metric = self._live(name, Metric(kind, unit))
            if isinstance(metric, Rate):
                metric.add(bool(value))
            else:
                metric.add(value)

    def declare(self, name: str, kind: Kind, unit: str = "") -> None:
        """Check that *name* can be the author's metric of *kind*. Raises ValueError when it cannot."""
        if name in BUILTIN:
            msg = f"metric {name!r} is one that every run has: expected a name of your own, such as 'my_{name}'"
            raise ValueError(msg)
        known = self._declared.setdefault(name, Metric(kind, unit))
        if known.kind is not kind:
            msg = f"metric {name!r} is a {known.kind.value}, used here as a {kind.value}: expected one kind for one name"
            raise ValueError(msg)
        self._metric.setdefault(name, known)

    # Readings.

    @property
    def seen(self) -> int:
        """Iterations that ended or were dropped so far."""
        return self._seen

    def read(self, name: str) -> Measured | None:
        """The metric as it stands, or None while it has no sample."""
        return self._metrics.get(name)

    def summary(self, *, planned: int, elapsed: float, end: str, reason: str) -> Summary:
        """Everything measured, for the verdict and the reports. *elapsed*: seconds of the run, warmup included."""
        measured = max(elapsed - self._warmup_ends / 1_000_000, 0.0)
        return Summary(
            metrics=dict(sorted(self._metrics.items())),
            kinds=dict(self._metric),
            planned=planned,
            seen=self._seen,
            waited=self._waited,
            elapsed=elapsed,
            measured=measured,
            end=end,
            reason=reason,
            failures=self._failures.groups(),
            warmup=Warmup(self._warmup_seen, self._warmup_failures.groups()),
        )

    def _live(self, name: str, metric: Metric) -> Live:
        live = cast("Live | None", self._metrics.get(name))
        if live is None:
            live = self._metrics[name] = MEASURED[metric.kind]()
            self._metric.setdefault(name, metric)
        return live

    def _trend(self, name: str) -> Trend:
        return cast("Trend", self._live(name, Metric(Kind.TREND, "ms")))

    def _counter(self, name: str) -> Counter:
        return cast("Counter", self._metrics[name])

    def _rate(self, name: str) -> Rate:
        return cast("Rate", self._metrics[name])


def _comes_from(error: BaseException, cause: BaseException) -> bool:
    """Whether *error* is *cause*, wraps it, or was raised while it was handled."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        if current is cause:
            return True
        seen.add(id(current))
        pending += [current.__cause__, current.__context__]
        if isinstance(current, BaseExceptionGroup):
            pending += current.exceptions
    return False
