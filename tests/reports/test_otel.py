"""Runs as OpenTelemetry sees them: through the SDK that is configured, or sent to a collector that may be dead or slow."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry import context, metrics, propagate, trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler

from pytest_cio_load.customerio.exchange import CallRecord
from pytest_cio_load.errors import CustomerIOError, RateLimited
from pytest_cio_load.load.clock import VirtualClock, WallClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import Load, Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.load.threads import ThreadDriver
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports import otel, otlp
from pytest_cio_load.reports.exporting import Exporters, Observed, open_exporters
from pytest_cio_load.reports.instruments import INSTRUMENTS, TIMES, Facts, Kind
from pytest_cio_load.reports.otel import OtelExporter

MS, SECOND = 1_000, 1_000_000
TEST = "tests/test_it.py::test_identify[eu]"
RUN = {"test": TEST, "target": "mock", "clock": "wall"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine says of OpenTelemetry is no part of a test, nor is how slow it is."""
    for module in (otel, otlp):
        monkeypatch.setattr(module, "WITHIN", 60.0)
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


class Configured:
    """The SDK as a user configures it, with exporters that keep everything."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)

    def spans(self, name: str = "iteration test_identify[eu]") -> list[ReadableSpan]:
        """Those of this name, in the order of their index, if they have one."""
        found = [span for span in self.exporter.get_finished_spans() if span.name == name]
        return sorted(found, key=lambda span: dict(span.attributes or {}).get("index", 0))  # type: ignore[arg-type,return-value]

    def points(self, name: str) -> list[Any]:
        """The data points of an instrument."""
        data = self.reader.get_metrics_data()
        scopes = [scope for each in (data.resource_metrics if data else ()) for scope in each.scope_metrics]
        return [point for scope in scopes for metric in scope.metrics if metric.name == name for point in metric.data.data_points]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Configured:
    """Set as the API's own providers."""
    return configure(monkeypatch)


def configure(monkeypatch: pytest.MonkeyPatch, sampler: Sampler | None = None) -> Configured:
    """The API allows to set its providers once in a process, so what it gives is replaced."""
    made = Configured(sampler)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: made.tracers)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: made.meters)
    return made


def recorder() -> Recorder:
    """Where the run itself is kept."""
    return Recorder({}, warmup=0, lag_tolerance=60 * SECOND, home="")


def load(count: int, **how: Any) -> Load:
    """One iteration each millisecond."""
    how = {"max_in_flight": 100, "drop": False, "graceful_stop": 60 * SECOND, "timeout": None} | how
    return Load([Arrival(index, index * MS) for index in range(count)], count * MS, **how)


def facts(clock: Any, count: int = 1) -> Facts:
    """A run without warmup."""
    return Facts(TEST, "mock", clock.name, count, 0, clock.now)


def drive(exporters: Exporters, body: Callable[[Arrival, Observed], object] = lambda *_: None, count: int = 5, **how: Any) -> Recorder:
    """A run on the wall clock, to its end; gives its own record."""
    clock, book = WallClock(), recorder()
    observed = exporters.begin(facts(clock, count), book)

    async def iterate(arrival: Arrival) -> None:
        observed.began(arrival)
        await asyncio.sleep(0)
        result = body(arrival, observed)
        if asyncio.iscoroutine(result):
            await result

    asyncio.run(Driver(load(count, **how), iterate, observed, clock).run())  # type: ignore[arg-type]
    observed.end({"verdict": "kept"})
    return book


def once(exporters: Exporters, sample: Sample | None = None, call: CallRecord | None = None) -> None:
    """One iteration, whose times are said."""
    clock = WallClock()
    observed = exporters.begin(facts(clock), recorder())

    def told() -> None:
        observed.began(Arrival(0, 10 * MS))
        if call is not None:
            observed.call(call, 10 * MS)
        observed.finished(sample or Sample(Arrival(0, 10 * MS), 12 * MS, 62 * MS, 0, Outcome.OK))

    context_of_its_own = threading.Thread(target=told)
    context_of_its_own.start()
    context_of_its_own.join()
    observed.end({"verdict": "kept"})


def record(error: CustomerIOError | None = None, **how: Any) -> CallRecord:
    """An identify of 40 ms, begun 20 ms into the run."""
    return CallRecord(**{"operation": "identify", "began": 0.02, "ended": 0.06, "paced": 0.0, "attempts": 1, "error": error} | how)


# With the SDK that is configured.


def test_meters(configured: Configured) -> None:
    """Every instrument, in its unit, with the attributes of the run."""
    with open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters, call=record(RateLimited("identify", "slow down"), paced=0.5, attempts=3, throttled=2))
    data = configured.reader.get_metrics_data()
    assert data is not None
    found = {metric.name: metric for scope in data.resource_metrics[0].scope_metrics for metric in scope.metrics}
    assert {name: (metric.unit, metric.description) for name, metric in found.items()} == {
        f"cio_load.{each.name}": (each.unit, each.meaning) for each in INSTRUMENTS
    }
    for each in INSTRUMENTS:
        for point in found[f"cio_load.{each.name}"].data.data_points:
            assert RUN.items() <= dict(point.attributes).items()
            assert set(point.attributes) == {*RUN, *each.more}


def test_histograms_are_in_seconds(configured: Configured) -> None:
    """With buckets that are close where promises are made."""
    with open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters)
    [point] = configured.points("cio_load.response")
    assert (point.count, point.sum, point.explicit_bounds) == (1, pytest.approx(0.052), TIMES)
    assert sum(each.kind is Kind.HISTOGRAM for each in INSTRUMENTS) == 4


@pytest.mark.parametrize("threads", [False, True], ids=["async", "threads"])
def test_a_span_for_every_iteration(configured: Configured, threads: bool) -> None:
    """From due to ended on the wall clock, as long as the response time, with the moment it began."""
    samples: dict[int, Sample] = {}

    class Keeping(Recorder):
        def finished(self, sample: Any) -> None:
            samples[sample.arrival.index] = sample
            super().finished(sample)

    clock, book = WallClock(), Keeping({}, warmup=0, lag_tolerance=SECOND, home="")
    with open_exporters(otel=True, prometheus=None) as exporters:
        observed, before = exporters.begin(facts(clock, 5), book), time.time_ns()

        async def body(arrival: Arrival) -> None:
            observed.began(arrival)
            await asyncio.sleep(0.001)

        if threads:
            ThreadDriver(load(5), observed.began, observed, clock).run()
        else:
            asyncio.run(Driver(load(5), body, observed, clock).run())  # type: ignore[arg-type]
        after = time.time_ns()
    spans = configured.spans()
    assert [dict(span.attributes or {})["index"] for span in spans] == list(range(5))
    for index, span in enumerate(spans):
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.end_time - span.start_time == samples[index].response * 1000
        assert span.events[0].name == "began"
        assert span.events[0].timestamp - span.start_time == (samples[index].began - samples[index].arrival.due) * 1000
        assert before - 60 * 10**9 <= span.start_time <= span.end_time <= after + 60 * 10**9  # two clocks are read, one after the other
        assert span.parent is None
    dues = [span.start_time for span in spans]
    assert [(due or 0) - (dues[0] or 0) for due in dues] == [index * 1_000_000 for index in range(5)]


@pytest.mark.parametrize(
    ("outcome", "error", "kind"),
    [
        (Outcome.OK, None, None),
        (Outcome.CUT, None, None),
        (Outcome.FAILED, ValueError("user@example.com"), "ValueError"),
        (Outcome.TIMED_OUT, TimeoutError(), "TimeoutError"),
        (Outcome.INTERRUPTED, None, "interrupted"),
    ],
)
def test_outcomes(configured: Configured, outcome: Outcome, error: BaseException | None, kind: str | None) -> None:
    """What failed is an error of a kind; what an exception says may be of a person, so it is in no span."""
    with open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters, Sample(Arrival(0, 10 * MS), 12 * MS, 62 * MS, 0, outcome, error))
    [span] = configured.spans()
    assert span.attributes is not None
    assert (span.attributes["outcome"], span.attributes.get("error.type")) == (outcome.value, kind)
    assert span.status.is_ok == (kind is None)
    assert "example.com" not in span.to_json()


def test_lag_and_slots(configured: Configured) -> None:
    """How late the generator was, and how long the iteration waited for a slot, in seconds."""
    with open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters, Sample(Arrival(0, 10 * MS), 40 * MS, 100 * MS, 25 * MS, Outcome.OK))
    [span] = configured.spans()
    assert span.attributes is not None
    assert {name: span.attributes[name] for name in ("lag", "queued", "service")} == {"lag": 0.005, "queued": 0.025, "service": 0.06}


def test_one_that_never_began(configured: Configured) -> None:
    """It was cut while it waited for a slot, and has a span all the same."""
    with open_exporters(otel=True, prometheus=None) as exporters:
        exporters.begin(facts(WallClock()), recorder()).finished(Sample(Arrival(0, 0), 9 * MS, 9 * MS, 9 * MS, Outcome.CUT))
    [span] = configured.spans()
    assert (span.end_time or 0) - (span.start_time or 0) == 9_000_000
    assert [point.value for point in configured.points("cio_load.in_flight")] in ([], [0])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, {"outcome": "ok"}),
        (CustomerIOError("identify", "cancelled"), {"outcome": "cancelled"}),
        (RateLimited("identify", "slow down", status=429), {"outcome": "RateLimited", "http.response.status_code": 429}),
    ],
)
def test_calls_are_inside(configured: Configured, error: CustomerIOError | None, said: dict[str, object]) -> None:
    """A call is a child of its iteration, with its own times."""
    with open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters, call=record(error, attempts=3, throttled=2, paced=0.01))
    [iteration], [call] = configured.spans(), configured.spans("identify")
    assert call.parent is not None
    assert iteration.context is not None
    assert call.parent.span_id == iteration.context.span_id
    assert (call.end_time or 0) - (call.start_time or 0) == 40_000_000
    assert (call.start_time or 0) - (iteration.start_time or 0) == 10_000_000
    own = {"operation": "identify", "attempts": 3, "rate_limited": 2, "paced": 0.01, **said}
    own |= {"error.type": said["outcome"]} if said["outcome"] == "RateLimited" else {}
    assert dict(call.attributes or {}) == RUN | own
    assert call.kind is trace.SpanKind.CLIENT
    assert call.status.is_ok == ("error.type" not in own)


def test_what_the_body_traces_is_inside(configured: Configured) -> None:
    """Each iteration's own, also in the headers that tell the target; and nothing of it is left when the run is over."""
    headers: dict[int, dict[str, str]] = {}

    async def body(arrival: Arrival, _: Observed) -> None:
        with trace.get_tracer("their.library", tracer_provider=configured.tracers).start_as_current_span("theirs") as span:
            span.set_attribute("index", arrival.index)
            await asyncio.sleep(0)
            propagate.inject(headers.setdefault(arrival.index, {}))

    with open_exporters(otel=True, prometheus=None) as exporters:
        drive(exporters, body)
    iterations, theirs = configured.spans(), configured.spans("theirs")
    for index, (outer, inner) in enumerate(zip(iterations, theirs, strict=True)):
        assert inner.parent is not None
        assert outer.context is not None
        assert inner.parent.span_id == outer.context.span_id
        assert headers[index]["traceparent"].split("-")[1] == f"{outer.context.trace_id:032x}"
    assert len({span.context.trace_id for span in iterations if span.context is not None}) == 5
    assert not trace.get_current_span().get_span_context().is_valid


def test_linked_to_what_is_around(configured: Configured) -> None:
    """A span around the test is no parent of thousands, but it can be found."""
    tracer = trace.get_tracer("their.plugin", tracer_provider=configured.tracers)
    with open_exporters(otel=True, prometheus=None) as exporters, tracer.start_as_current_span("test") as around:
        drive(exporters)
    for span in configured.spans():
        assert span.parent is None
        assert [link.context.span_id for link in span.links] == [around.get_span_context().span_id]


def test_baggage_goes_on(configured: Configured) -> None:
    """What else is in the context around the run is there in every iteration."""
    seen: list[object] = []
    token = context.attach(context.set_value("theirs", "kept"))
    try:
        with open_exporters(otel=True, prometheus=None) as exporters:
            drive(exporters, lambda *_: seen.append(context.get_value("theirs")))
    finally:
        context.detach(token)
    assert seen == ["kept"] * 5


def test_the_sdk_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not want is not made, calls neither; the meters count all."""
    unsampled = configure(monkeypatch, ALWAYS_OFF)
    with open_exporters(otel=True, prometheus=None) as exporters:
        drive(exporters, lambda _, observed: observed.call(record(), 0))
    assert unsampled.exporter.get_finished_spans() == ()
    assert [point.value for point in unsampled.points("cio_load.iterations")] == [5]
    assert [point.value for point in unsampled.points("cio_load.calls")] == [5]


def test_no_spans_in_virtual_time(configured: Configured) -> None:
    """Said once, however many runs there are; the meters count, and say what the clock was."""

    async def run(exporters: Exporters) -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        with clock:
            observed = exporters.begin(facts(clock, 5), recorder())

            async def body(arrival: Arrival) -> None:
                observed.began(arrival)
                await asyncio.sleep(30)

            await Driver(load(5), body, observed, clock).run()

    with open_exporters(otel=True, prometheus=None) as exporters:
        asyncio.run(run(exporters))
        asyncio.run(run(exporters))
    assert exporters.notes == (
        "otel: no spans were made of runs in virtual time: their times never were; with --cio-clock=wall there are spans",
    )
    assert configured.exporter.get_finished_spans() == ()
    [point] = configured.points("cio_load.response")
    assert (point.count, point.sum, dict(point.attributes)["clock"]) == (10, pytest.approx(300), "virtual")


def test_what_the_user_configured_goes_on(configured: Configured) -> None:
    """It is flushed, and not shut down."""
    with open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters)
    with open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters)
    assert len(configured.spans()) == 2
    assert [point.value for point in configured.points("cio_load.runs")] == [2]


def test_only_the_signal_that_is_configured(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever configures one signal has said what is wanted: the other goes nowhere."""
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    with open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters)
    assert [point.value for point in configured.points("cio_load.runs")] == [1]
    assert (configured.exporter.get_finished_spans(), exporters.notes) == ((), ())


def test_a_sampler_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run does not notice; it is said once."""

    class Bad(Sampler):
        def should_sample(self, *_: Any, **__: Any) -> Any:
            raise KeyError

        def get_description(self) -> str:
            return "bad"

    configure(monkeypatch, Bad())
    with open_exporters(otel=True, prometheus=None) as exporters:
        assert drive(exporters).seen == 5
    assert len(exporters.notes) == 1
    assert exporters.notes[0].startswith("otel: got KeyError from it while a run went on; expected it to take what it is told; ")


def test_flushing_that_does_not_end(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session ends all the same, and says so."""
    monkeypatch.setattr(otel, "WITHIN", 0.05)
    ends = threading.Event()
    monkeypatch.setattr(configured.meters, "force_flush", ends.wait)
    with open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters)
    ends.set()
    assert exporters.notes == (
        "otel: got no end of flushing the providers that are configured within 0.05 s; expected their exporters to deliver; "
        "look at their collector",
    )


SCRIPT = """
import contextvars
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.reports.exporting import open_exporters
from pytest_cio_load.reports.instruments import Facts

class Sink:
    def finished(self, sample): pass

spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
with open_exporters(otel=True, prometheus=None) as exporters:
    tracers = TracerProvider()  # as a fixture would, after the session has begun
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(MeterProvider([reader]))
    observed = exporters.begin(Facts("t", "mock", "wall", 1, 0, lambda: 0), Sink())
    contextvars.copy_context().run(observed.began, Arrival(0, 0))
    observed.finished(Sample(Arrival(0, 0), 0, 1000, 0, Outcome.OK))
    observed.end(None)
print(len(spans.get_finished_spans()), len(reader.get_metrics_data().resource_metrics), exporters.notes)
"""


def test_providers_that_are_really_set() -> None:
    """In a process of its own, since they can be set once: after the session began, before the run."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout, done.stderr) == ("1 1 ()\n", "")


# With a collector.


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, and answers as it is told."""

    daemon_threads = True

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.status = status
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    def traces(self) -> list[Any]:
        """Every span that arrived, with the attributes of its resource."""
        return [
            ({a.key: a.value.string_value for a in each.resource.attributes}, span)
            for path, _, body in self.got
            if path == "/v1/traces"
            for each in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in each.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> dict[str, Any]:
        """The last that arrived of each metric."""
        return {
            metric.name: metric
            for path, _, body in self.got
            if path == "/v1/metrics"
            for each in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in each.scope_metrics
            for metric in scope.metrics
        }


class Taking(BaseHTTPRequestHandler):
    """One request."""

    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def collecting(monkeypatch: pytest.MonkeyPatch, status: int = 200) -> Iterator[Collector]:
    """A collector, named in the environment."""
    with Collector(status) as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{made.server_port}")
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


def test_to_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is configured: all of it, by the end of the session."""
    with collecting(monkeypatch) as collector, open_exporters(otel=True, prometheus=None) as exporters:
        drive(exporters, lambda _, observed: observed.call(record(), 0))
        exporters.close()
        found = collector.metrics()
        assert sum(point.as_int for point in found["cio_load.iterations"].sum.data_points) == 5
        [response] = found["cio_load.response"].histogram.data_points
        assert (response.count, tuple(response.explicit_bounds)) == (5, TIMES)
        assert sorted(span.name for _, span in collector.traces()) == ["identify"] * 5 + ["iteration test_identify[eu]"] * 5
        assert exporters.notes == ()


def test_while_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as the environment says."""
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with collecting(monkeypatch) as collector, open_exporters(otel=True, prometheus=None) as exporters:

        async def body(arrival: Arrival, _: Observed) -> None:
            while arrival.index == 4 and not (collector.traces() and "cio_load.iterations" in collector.metrics()):
                await asyncio.sleep(0.01)

        drive(exporters, body)
        assert exporters.notes == ()


@pytest.mark.parametrize(("name", "service"), [(None, "pytest-cio-load"), ("checkout", "checkout")])
def test_resource(monkeypatch: pytest.MonkeyPatch, name: str | None, service: str) -> None:
    """The environment's own name for it, and an id that tells processes apart."""
    if name is not None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", name)
    with collecting(monkeypatch) as collector, open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters)
        exporters.close()
        [(resource, _)] = collector.traces()
    assert resource["service.name"] == service
    assert len(resource["service.instance.id"]) == 36


def test_headers_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector may want a key."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=abc")
    with collecting(monkeypatch) as collector, open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters)
        exporters.close()
    assert {headers["api-key"] for _, headers, _ in collector.got} == {"abc"}


def test_sampler_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans of a long run may be too many."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with collecting(monkeypatch) as collector, open_exporters(otel=True, prometheus=None) as exporters:
        drive(exporters)
        exporters.close()
        assert (collector.traces(), exporters.notes) == ([], ())
        assert "cio_load.response" in collector.metrics()


@pytest.mark.parametrize(("off", "on"), [("METRICS", "/v1/traces"), ("TRACES", "/v1/metrics")])
def test_one_signal_is_off(monkeypatch: pytest.MonkeyPatch, off: str, on: str) -> None:
    """As the environment says."""
    monkeypatch.setenv(f"OTEL_{off}_EXPORTER", "none")
    with collecting(monkeypatch) as collector, open_exporters(otel=True, prometheus=None) as exporters:
        drive(exporters)
        exporters.close()
        assert {path for path, _, _ in collector.got} == {on}
        assert exporters.notes == ()


OFF = "got OTEL_SDK_DISABLED, or none for both OTEL_METRICS_EXPORTER and OTEL_TRACES_EXPORTER; expected one to be on; unset them"
THERE = "configure the SDK in conftest.py: what is configured there is used as it is"


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"SDK_DISABLED": "true"}, OFF),
        ({"METRICS_EXPORTER": "none", "TRACES_EXPORTER": "none"}, OFF),
        ({"TRACES_EXPORTER": "zipkin"}, f"OTEL_TRACES_EXPORTER: got 'zipkin'; expected otlp or none; or {THERE}"),
        ({"EXPORTER_OTLP_PROTOCOL": "grpc"}, f"OTEL_EXPORTER_OTLP_PROTOCOL: got 'grpc'; expected http/protobuf; or {THERE}"),
        (
            {"METRIC_EXPORT_INTERVAL": "-5"},
            "got ValueError from OpenTelemetry's SDK; expected it to understand the environment; look at what OTEL_* says",
        ),
        (
            {"BSP_MAX_QUEUE_SIZE": "-5", "METRIC_EXPORT_INTERVAL": "60000"},
            "got ValueError from OpenTelemetry's SDK; expected it to understand the environment; look at what OTEL_* says",
        ),
    ],
)
def test_nothing_can_be_exported(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], why: str) -> None:
    """It is said once, however many runs there are, and each of them is as it would be."""
    for name, value in environment.items():
        monkeypatch.setenv(f"OTEL_{name}", value)
    with collecting(monkeypatch), open_exporters(otel=True, prometheus=None) as exporters:
        assert [drive(exporters).seen, drive(exporters).seen] == [5, 5]
    assert exporters.notes == (f"otel: nothing was exported: {why}",)


# With a collector that does not work.


Broken = Callable[[ExitStack, pytest.MonkeyPatch], int]


def dead(_: ExitStack, __: pytest.MonkeyPatch) -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port: int = gone.getsockname()[1]
    return port


def slow(stack: ExitStack, _: pytest.MonkeyPatch) -> int:
    """A port where connections are taken, and never answered."""
    port: int = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
    return port


def failing(status: int) -> Broken:
    """A collector that answers so."""

    def made(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> int:
        return stack.enter_context(collecting(monkeypatch, status)).server_port

    return made


def workers() -> list[threading.Thread]:
    """Threads of the SDK, and those that wait for it."""
    return [each for each in threading.enumerate() if each.name.startswith(("Otel", "cio-load-otel"))]


@pytest.mark.parametrize("broken", [dead, slow, failing(500), failing(503), failing(404)], ids=["dead", "slow", "500", "503", "404"])
def test_a_collector_that_does_not_work(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: Broken) -> None:
    """The run is as it would be, the end is not held up, it is said once for each signal, and no test's log is full of it."""
    monkeypatch.setattr(otlp, "WITHIN", 0.3)
    monkeypatch.setattr(otlp, "_TO_UNWIND", 0.3)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    caplog.set_level(logging.WARNING)
    with ExitStack() as stack:
        where = f"http://127.0.0.1:{broken(stack, monkeypatch)}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", where.replace("//", "//user:secret@"))
        with open_exporters(otel=True, prometheus=None) as exporters:
            book = drive(exporters, lambda _, observed: observed.call(record(), 0), count=20)
    assert book.seen == 20
    assert book.summary(planned=20, elapsed=1.0, end="complete", reason="").read("errors", "count") == 0
    for thread in workers():
        thread.join(60)
    assert not workers()
    metrics_note, spans_note = exporters.notes
    assert spans_note == f"otel: got no delivery of 40 of 40 spans to {where}; {otlp._ADVICE}"
    tries = re.fullmatch(rf"otel: got no delivery of metrics to {where} in (\d+) of (\d+) tries; {re.escape(otlp._ADVICE)}", metrics_note)
    assert tries is not None
    assert tries[1] == tries[2]
    assert [each.name for each in caplog.records if each.name.startswith("opentelemetry.exporter")] == []


def test_spans_that_do_not_fit_the_queue(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """They are dropped, not waited for; and counted, where a log would have a line for each."""
    monkeypatch.setattr(otlp, "WITHIN", 0.1)
    monkeypatch.setattr(otlp, "_TO_UNWIND", 0.1)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    with ExitStack() as stack:
        port = slow(stack, monkeypatch)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        with open_exporters(otel=True, prometheus=None) as exporters:
            assert drive(exporters, count=200).seen == 200
    for thread in workers():
        thread.join(60)
    assert exporters.notes == (f"otel: got no delivery of 200 of 200 spans to http://127.0.0.1:{port}; {otlp._ADVICE}",)
    assert [each.name for each in caplog.records if each.name.startswith("opentelemetry")] == []


def test_logs_are_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user's own exporters log later is not ours to hush."""
    with collecting(monkeypatch), open_exporters(otel=True, prometheus=None) as exporters:
        once(exporters)
        names = ("exporter.otlp.proto.http.metric_exporter", "exporter.otlp.proto.http.trace_exporter", "sdk._shared_internal")
        loggers = [logging.getLogger(f"opentelemetry.{name}") for name in names]
        assert all(otlp._silence in each.filters for each in loggers)
    assert not any(otlp._silence in each.filters for each in loggers)


def test_without_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened before there is something to tell."""
    before = set(threading.enumerate())
    with collecting(monkeypatch) as collector, open_exporters(otel=True, prometheus=None):
        assert {each for each in threading.enumerate() if each.name.startswith("Otel")} <= before
    assert collector.got == []


def test_late_threads_make_no_spans(configured: Configured) -> None:
    """A body that gets to run when the run is over is no part of it."""
    observed = OtelExporter().begin(facts(WallClock()))
    observed.end(None)
    observed.began(Arrival(0, 0))
    assert not trace.get_current_span().get_span_context().is_valid
