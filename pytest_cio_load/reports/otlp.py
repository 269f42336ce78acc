"""Pipelines of our own to an OTLP collector, for those who configured none: as the standard ``OTEL_*`` environment says.

A collector that is dead or slow costs threads of the SDK their time, and nobody else: its failures are counted, and told once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from pytest_cio_load.load.clock import real_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan

log = logging.getLogger("pytest_cio_load.otel")

SERVICE = "pytest-cio-load"
INTERVAL = 5_000
"""Milliseconds between two exports of metrics, unless OTEL_METRIC_EXPORT_INTERVAL says otherwise: the SDK's minute is as long as a run."""

WITHIN = 3.0
"""Seconds that what is left at the end may take to be delivered."""

WITHOUT_HOPE = 1.0
"""Seconds for it where nothing could be delivered before."""

_TO_UNWIND = 1.0
_QUEUE = "opentelemetry.sdk._shared_internal"
"""The logger of the SDK's queues."""

_DEFAULT_ENDPOINT = "http://localhost:4318"


class Unsupported(ValueError):
    """The environment asks for what the extra does not bring."""


class Pipelines:
    """Providers of meters and tracers, each None where the environment says ``none``.

    Raises:
        Unsupported: the environment asks for what the extra does not bring.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)  # as it is now: so the exporters read it
        self.meters: MeterProvider | None = None
        self.tracers: TracerProvider | None = None
        self._metrics: _Metrics | None = None
        self._spans: _Spans | None = None
        self._batches: _Batches | None = None
        self._quiet: list[logging.Logger] = []
        self._late = False
        off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        wanted = [signal for signal in ("METRICS", "TRACES") if not off and _wants(signal, environ)]
        try:
            resource = _resource() if wanted else None
            if "METRICS" in wanted:
                self._measure(resource)
            if "TRACES" in wanted:
                self._trace(resource)
        except BaseException:
            self.close()
            raise

    def _measure(self, resource: Resource | None) -> None:
        self._metrics = _Metrics()
        self._hush(OTLPMetricExporter.__module__)
        every = None if self._environ.get("OTEL_METRIC_EXPORT_INTERVAL", "").strip() else INTERVAL
        reader = PeriodicExportingMetricReader(self._metrics, export_interval_millis=every)
        self.meters = MeterProvider([reader], resource, shutdown_on_exit=False)

    def _trace(self, resource: Resource | None) -> None:
        self._spans = _Spans()
        self._hush(OTLPSpanExporter.__module__)
        self._hush(_QUEUE)  # which tells of each span that it drops
        self._batches = _Batches(self._spans)
        self.tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.tracers.add_span_processor(self._batches)

    def _hush(self, module: str) -> None:
        # Its every try that failed would be logged, into the report of whichever test is running. It is told once, in `notes`.
        logger = logging.getLogger(module)
        logger.addFilter(_silence)
        self._quiet.append(logger)

    def close(self) -> None:
        """Deliver what is left, within `WITHIN` seconds, or `WITHOUT_HOPE` where nothing ever was."""
        exporters = [each for each in (self._metrics, self._spans) if each is not None]
        hopeless = any(each.failed for each in exporters) and not any(each.arrived for each in exporters)
        works = [each.shutdown for each in (self.tracers, self.meters) if each is not None]
        late = run_within(works, WITHOUT_HOPE if hopeless else WITHIN)
        if late:
            self._late = True
            for each in exporters:
                each.shutdown()  # wakes it where it waits for its next try
            late = wait_for(late, _TO_UNWIND)
        if not late:
            for logger in self._quiet:
                logger.removeFilter(_silence)

    def notes(self) -> tuple[str, ...]:
        """What could not be delivered; final once closed."""
        found = []
        if self._metrics is not None and (failed := self._metrics.failed):
            tries = failed + self._metrics.arrived
            found.append(f"otel: got no delivery of metrics to {self._where('METRICS')} in {failed} of {tries} tries; {_ADVICE}")
        if self._spans is not None and self._batches is not None and (self._spans.failed or self._late):
            lost = max(0, self._batches.taken - self._spans.arrived)
            if lost:
                found.append(f"otel: got no delivery of {lost} of {self._batches.taken} spans to {self._where('TRACES')}; {_ADVICE}")
        if self._late and not found:
            found.append(f"otel: got no answer from {self._where('METRICS')} at the end; {_ADVICE}")
        return tuple(found)

    def _where(self, signal: str) -> str:
        """Scheme, host and port: what stands beside them may be a secret."""
        said = self._environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or self._environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        parts = urlsplit(said or _DEFAULT_ENDPOINT)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


_ADVICE = "expected a collector there that takes them; start one, or name it in OTEL_EXPORTER_OTLP_ENDPOINT; the verdict is as it would be"


class _Metrics(OTLPMetricExporter):
    """Counts what arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = self.failed = 0

    def export(self, metrics_data: MetricsData, timeout_millis: float | None = None, **more: Any) -> MetricExportResult:
        result = super().export(metrics_data, timeout_millis, **more)
        if result is MetricExportResult.SUCCESS:
            self.arrived += 1
        else:
            self.failed += 1
        return result


class _Spans(OTLPSpanExporter):
    """Counts what arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        if result is SpanExportResult.SUCCESS:
            self.arrived += len(spans)
        else:
            self.failed += len(spans)
        return result


class _Batches(BatchSpanProcessor):
    """Counts what it takes: what does not fit its queue is dropped and never gets to the exporter."""

    def __init__(self, exporter: _Spans) -> None:
        super().__init__(exporter)
        self._counting = Lock()
        self.taken = 0

    def on_end(self, span: ReadableSpan) -> None:
        super().on_end(span)
        if span.context is not None and span.context.trace_flags.sampled:
            with self._counting:
                self.taken += 1


def _silence(_: logging.LogRecord) -> bool:
    return False


def _wants(signal: str, environ: Mapping[str, str]) -> bool:
    """Whether a signal is exported. Raises Unsupported where it cannot be as the environment says."""
    exporter = environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() or "otlp"
    if exporter == "none":
        return False
    nearest = "configure the SDK in conftest.py: what is configured there is used as it is"
    if exporter != "otlp":
        raise Unsupported(f"OTEL_{signal}_EXPORTER: got {exporter[:60]!r}; expected otlp or none; or {nearest}")
    said = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"
    if said.strip().lower() != "http/protobuf":
        raise Unsupported(f"OTEL_EXPORTER_OTLP_PROTOCOL: got {said[:60]!r}; expected http/protobuf; or {nearest}")
    return True


def _resource() -> Resource:
    """What the environment says of this process, with a name where it says none; workers of pytest-xdist are told apart."""
    said = Resource.create()
    ours: dict[str, str] = {}
    if str(said.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
        ours[SERVICE_NAME] = SERVICE
    if SERVICE_INSTANCE_ID not in said.attributes:
        ours[SERVICE_INSTANCE_ID] = str(uuid4())
    return said.merge(Resource(ours))


def run_within(works: Sequence[Callable[[], object]], seconds: float) -> list[Thread]:
    """Have every work done at once, and wait so long for them; gives the threads of those that are not done.

    Threads, because the SDK's own time-outs are not kept by all its parts; daemons, for what is late must not keep a process from ending.
    """
    threads = [Thread(target=_quietly, args=(work,), name="cio-load-otel", daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return wait_for(threads, seconds)


def wait_for(threads: Sequence[Thread], seconds: float) -> list[Thread]:
    """Wait so long for all of *threads*; gives those that are not done."""
    until = real_seconds() + seconds
    for thread in threads:
        thread.join(max(0.0, until - real_seconds()))
    return [thread for thread in threads if thread.is_alive()]


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:
        log.debug("otel: got %s while what was left was delivered; expected none", type(error).__name__)
