"""Runs as OpenTelemetry sees them while they go on: meters, and a span for every iteration. Needs the extra ``otel``.

What the user configured is used as it is, through the API: its resource, views, sampler and exporters. Where nothing is configured it is
OTLP over HTTP, as the ``OTEL_*`` environment says.

A span goes from *due* to *ended*, so it is as long as the response time; when the iteration really began is an event in it. It is current
while the body runs: what the body's own libraries trace is inside it, and the target is told of it by their headers. It begins a trace of
its own, linked to whatever was current around the run, and each call is a span inside it. In virtual time spans would have times that
never were, so there are none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from time import time_ns
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from pytest_cio_load.load.run import Outcome
from pytest_cio_load.reports.instruments import INSTRUMENTS, MICROSECONDS, OF_RUN, Facts, Kind, Observation, Tally, outcome_of
from pytest_cio_load.reports.otlp import WITHIN, Pipelines, Unsupported, run_within

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from pytest_cio_load.customerio.exchange import CallRecord
    from pytest_cio_load.load.run import Sample
    from pytest_cio_load.load.schedule import Arrival
    from pytest_cio_load.reports.instruments import Instrument, Put

SCOPE = "pytest_cio_load"
_IN_ORDER = (Outcome.OK, Outcome.CUT)
"""Outcomes that are no fault of the iteration."""


_NO_SPANS = "otel: no spans were made of runs in virtual time: their times never were; with --cio-clock=wall there are spans"
_NOT_MADE = "got {} from OpenTelemetry's SDK; expected it to understand the environment; look at what OTEL_* says"
_OFF = "got OTEL_SDK_DISABLED, or none for both OTEL_METRICS_EXPORTER and OTEL_TRACES_EXPORTER; expected one to be on; unset them"


class _Real:
    """The machine's time of day, out of reach of libraries that freeze time by replacing module attributes."""

    unix_nanoseconds = staticmethod(time_ns)


class OtelExporter:
    """Tells OpenTelemetry: what the user configured, or a collector."""

    name = "otel"
    where = ""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self._own: Pipelines | None = None
        self._theirs: dict[int, Any] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be exported, and why."""
        return (*self._told.values(), *(self._own.notes() if self._own is not None else ()))

    def begin(self, facts: Facts) -> Observation:
        """A run begins: whoever configures OpenTelemetry in a fixture has done so by now."""
        meters, tracers = self._providers()
        put = _put_by_name(meters)
        if tracers is not None and facts.clock == "wall":
            return _Traced(facts, put, tracers.get_tracer(SCOPE))
        if tracers is not None:
            self._told.setdefault("virtual", _NO_SPANS)
        return Observation(facts, put)

    def close(self) -> None:
        """Deliver what is left, within a few seconds. What the user configured goes on: it is the user's to shut down."""
        if self._own is not None:
            self._own.close()
        flushes = [each.force_flush for each in self._theirs.values() if hasattr(each, "force_flush")]
        if run_within(flushes, WITHIN):
            got = f"otel: got no end of flushing the providers that are configured within {WITHIN:g} s"
            self._told["slow"] = f"{got}; expected their exporters to deliver; look at their collector"

    def _providers(self) -> tuple[MeterProvider | None, TracerProvider | None]:
        """The user's, if there is one of either kind; else our own, made when they are needed first."""
        meters: MeterProvider | None = metrics.get_meter_provider()
        tracers: TracerProvider | None = trace.get_tracer_provider()
        # There is no other way to ask: until one is set, the API gives a stand-in whose type it keeps to itself.
        meters = None if type(meters).__name__ == "_ProxyMeterProvider" else meters
        tracers = None if isinstance(tracers, trace.ProxyTracerProvider) else tracers
        if meters is not None or tracers is not None:
            self._theirs.update({id(each): each for each in (meters, tracers) if each is not None})
            return meters, tracers
        if self._own is None and "own" not in self._told:
            try:
                self._own = Pipelines(os.environ)
            except Unsupported as error:
                self._told["own"] = f"otel: nothing was exported: {error}"
            except Exception as error:  # what it says may be of a header, or of another secret
                self._told["own"] = f"otel: nothing was exported: {_NOT_MADE.format(type(error).__name__)}"
            else:
                if self._own.meters is None and self._own.tracers is None:
                    self._told["own"] = f"otel: nothing was exported: {_OFF}"
        return (self._own.meters, self._own.tracers) if self._own is not None else (None, None)


_PUTS: WeakKeyDictionary[MeterProvider, Mapping[str, Put]] = WeakKeyDictionary()


def _put_by_name(meters: MeterProvider | None) -> Mapping[str, Put]:
    """What takes the values, by instrument. A provider's instruments are made once in a process: it would not hear of others."""
    if meters is None:
        return {each.name: _nowhere for each in INSTRUMENTS}
    if meters not in _PUTS:
        meter = meters.get_meter(SCOPE)
        _PUTS[meters] = {each.name: _make(meter, each) for each in INSTRUMENTS}
    return _PUTS[meters]


def _make(meter: Meter, it: Instrument) -> Put:
    """What takes the values of an instrument. Sums are kept here and read when they are exported: a tenth of what telling each costs."""
    name = f"cio_load.{it.name}"
    if it.kind is Kind.HISTOGRAM:
        return meter.create_histogram(name, it.unit, it.meaning, explicit_bucket_boundaries_advisory=it.bounds).record
    tally = Tally()

    def read(_: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
        for values, total in tally.sums().items():
            yield metrics.Observation(total, dict(zip(it.labels, values, strict=True)))

    make = meter.create_observable_counter if it.kind is Kind.COUNTER else meter.create_observable_up_down_counter
    make(name, [read], it.unit, it.meaning)
    return tally.put


def _nowhere(value: float, labels: Mapping[str, str]) -> None:
    """Where no meter is wanted."""


class _Traced(Observation):
    """Makes spans too.

    Args:
        facts: the run.
        put: takes the values, by the instrument's name.
        tracer: makes the spans.
    """

    def __init__(self, facts: Facts, put: Mapping[str, Put], tracer: Tracer) -> None:
        super().__init__(facts, put)
        self._tracer, self._now = tracer, facts.now
        self._attributes = {name: getattr(facts, name) for name in OF_RUN}
        self._name = f"iteration {facts.test.rpartition('::')[2]}"
        self._spans: dict[int, Span] = {}
        self._origin: int | None = None

    def began(self, arrival: Arrival) -> None:
        """Begin its span, and make it the current one: the context is the iteration's own, so nothing has to be put back."""
        super().began(arrival)
        if self._ended:
            return
        span = self._spans[arrival.index] = self._start(arrival)
        context.attach(trace.set_span_in_context(span))

    def iteration(self, sample: Sample) -> None:
        """End its span."""
        super().iteration(sample)
        # One that was cut before it began has none yet.
        span = self._spans.pop(sample.arrival.index, None) or self._start(sample.arrival)
        if not span.is_recording():
            return
        span.set_attributes(
            {
                "outcome": sample.outcome.value,
                "lag": sample.lag / MICROSECONDS,
                "queued": sample.queued / MICROSECONDS,
                "service": sample.service / MICROSECONDS,
            }
        )
        span.add_event("began", timestamp=self._wall(sample.began))
        if sample.outcome not in _IN_ORDER:
            # Its name and no more: what an exception says may be of a person.
            span.set_attribute("error.type", type(sample.error).__qualname__ if sample.error is not None else sample.outcome.value)
            span.set_status(Status(StatusCode.ERROR))
        span.end(self._wall(sample.ended))

    def call(self, record: CallRecord, due: int) -> None:
        """A span inside the current one."""
        super().call(record, due)
        if not trace.get_current_span().get_span_context().trace_flags.sampled:
            return
        outcome = outcome_of(record.error)
        attributes: dict[str, str | int | float] = {
            **self._attributes,
            "operation": record.operation,
            "outcome": outcome,
            "attempts": record.attempts,
            "rate_limited": record.throttled,
            "paced": record.paced,
        }
        if record.error is not None and record.error.status is not None:
            attributes["http.response.status_code"] = record.error.status
        began, ended = round(record.began * MICROSECONDS), round(record.ended * MICROSECONDS)
        span = self._tracer.start_span(record.operation, kind=SpanKind.CLIENT, attributes=attributes, start_time=self._wall(began))
        if outcome not in ("ok", "cancelled"):
            span.set_attribute("error.type", outcome)
            span.set_status(Status(StatusCode.ERROR))
        span.end(self._wall(ended))

    def _start(self, arrival: Arrival) -> Span:
        """A trace of its own: a run's iterations are sampled one by one, and no trace is thousands of spans long."""
        around = trace.get_current_span().get_span_context()
        return self._tracer.start_span(
            self._name,
            context=trace.set_span_in_context(trace.INVALID_SPAN),
            attributes={**self._attributes, "index": arrival.index},
            links=[Link(around)] if around.is_valid else None,
            start_time=self._wall(arrival.due),
        )

    def _wall(self, micros: int) -> int:
        """Unix time in nanoseconds of a moment of the run: by one reading of both clocks, once the run has begun, so that spans fit."""
        if self._origin is None:
            self._origin = _Real.unix_nanoseconds() - self._now() * 1000
        return self._origin + micros * 1000
