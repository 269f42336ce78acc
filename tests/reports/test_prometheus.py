"""Runs as Prometheus scrapes them."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from threading import Thread
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse

from pytest_cio_load.customerio.exchange import CallRecord
from pytest_cio_load.errors import RateLimited
from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import Load, Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports.exporting import Exporters, Observed, open_exporters
from pytest_cio_load.reports.instruments import INSTRUMENTS, Facts, Kind
from pytest_cio_load.reports.prometheus import Buckets, PrometheusExporter, port_of, read_port

MS, SECOND = 1_000, 1_000_000
TEST = 'tests/test_it.py::test_identify["a\\b"]'
RUN = {"test": TEST, "target": "mock", "clock": "wall"}
OPEN = "application/openmetrics-text; version=1.0.0"


def recorder() -> Recorder:
    """Where the run itself is kept."""
    return Recorder({}, warmup=0, lag_tolerance=SECOND, home="")


def facts(clock: WallClock, planned: int) -> Facts:
    """A run without warmup."""
    return Facts(TEST, "mock", "wall", planned, 0, clock.now)


@pytest.fixture
def exporters() -> Iterator[Exporters]:
    """A session with an endpoint on a free port."""
    with open_exporters(otel=False, prometheus=0) as made:
        yield made


def get(exporters: Exporters, accept: str = "text/plain") -> tuple[str, str]:
    """What a scrape gets: text and content type."""
    [where] = exporters.where
    parts = urlsplit(where)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    try:
        connection.request("GET", parts.path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.read().decode(), answer.headers["Content-Type"]
    finally:
        connection.close()


def scrape(exporters: Exporters) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels; without those of the run, which all have."""
    found = {}
    for family in parse(get(exporters)[0]):
        for each in family.samples:
            assert {name: each.labels.get(name) for name in RUN} == RUN
            found[each.name, tuple(sorted((k, v) for k, v in each.labels.items() if k not in RUN))] = each.value
    return found


def test_scraped_while_the_run_goes_on(exporters: Exporters) -> None:
    """What has ended is counted, what runs is in flight; and afterwards everything is there, with the verdict."""
    clock, count = WallClock(), 6
    book = recorder()
    observed = exporters.begin(facts(clock, count), book)
    halfway: list[dict[tuple[str, tuple[tuple[str, str], ...]], float]] = []

    async def main() -> None:
        others_wait, ended = asyncio.Event(), 0

        async def body(arrival: Arrival) -> None:
            nonlocal ended
            observed.began(arrival)
            if arrival.index < 3:
                return
            if arrival.index == count - 1:
                while book.seen < 3:
                    await asyncio.sleep(0.001)
                halfway.append(await asyncio.to_thread(scrape, exporters))
                others_wait.set()
            await others_wait.wait()

        arrivals = [Arrival(index, index * MS) for index in range(count)]
        await Driver(Load(arrivals, count * MS, 100, False, 60 * SECOND, None), body, observed, clock).run()

    asyncio.run(main())
    observed.end({"verdict": "kept"})
    outcome = (("outcome", "ok"), ("phase", "measured"))
    [during], after = halfway, scrape(exporters)
    assert (during["cio_load_iterations_total", outcome], during["cio_load_in_flight", ()]) == (3, 3)
    assert (after["cio_load_iterations_total", outcome], after["cio_load_in_flight", ()]) == (6, 0)
    assert during["cio_load_planned_total", ()] == after["cio_load_planned_total", ()] == 6
    assert after["cio_load_response_seconds_count", (("phase", "measured"),)] == book.seen == 6
    assert after["cio_load_runs_total", (("verdict", "kept"),)] == 1


def observe(exporters: Exporters) -> Observed:
    """A run in which every instrument got a value."""
    observed = exporters.begin(facts(WallClock(), 1), recorder())
    observed.began(Arrival(0, 0))
    observed.call(CallRecord("identify", 0.0, 0.25, 0.5, 3, RateLimited("identify", "slow down"), 2), 0)
    observed.finished(Sample(Arrival(0, 0), 2 * MS, 52 * MS, 0, Outcome.FAILED, ValueError("no")))
    observed.end({"verdict": "broken"})
    return observed


def test_calls(exporters: Exporters) -> None:
    """By operation and outcome."""
    observe(exporters)
    found, of = scrape(exporters), (("operation", "identify"), ("phase", "measured"))
    assert found["cio_load_calls_total", (of[0], ("outcome", "RateLimited"), of[1])] == 1
    assert found["cio_load_call_seconds_sum", of] == 0.25
    assert [found[f"cio_load_{name}_total", of] for name in ("attempts", "rate_limited", "paced_seconds")] == [3, 2, 0.5]


def test_every_instrument_is_there(exporters: Exporters) -> None:
    """Under its name, with its type, its meaning and its unit."""
    observe(exporters)
    types = {Kind.HISTOGRAM: "histogram", Kind.COUNTER: "counter", Kind.UP_DOWN: "gauge"}
    expected = {
        f"cio_load_{each.name}{'_seconds' if each.unit == 's' else ''}": (types[each.kind], each.meaning, bool(each.bounds))
        for each in INSTRUMENTS
    }
    families = {
        each.name: (each.type, each.documentation, any(sample.name.endswith("_bucket") for sample in each.samples))
        for each in parse(get(exporters)[0])
    }
    assert families == expected


@pytest.mark.parametrize(("accept", "begins"), [("text/plain", "text/plain"), (OPEN, "application/openmetrics-text")])
def test_forms(exporters: Exporters, accept: str, begins: str) -> None:
    """Prometheus gets the form that it asks for, and can read it."""
    observe(exporters)
    text, content_type = get(exporters, accept)
    assert content_type.startswith(begins)
    assert list(parse_open(text) if accept == OPEN else parse(text))


def test_counters_never_go_back(exporters: Exporters) -> None:
    """A test that is run again adds to what it was; another has series of its own."""
    observe(exporters)
    observe(exporters)
    assert scrape(exporters)["cio_load_runs_total", (("verdict", "broken"),)] == 2


@given(st.lists(st.floats(0, 100), max_size=50))
def test_buckets(values: list[float]) -> None:
    """As Prometheus defines them: each counts the values up to its bound, the bound itself included."""
    bounds, values = (0.01, 0.1, 1.0, 10.0), [*values, 0.1]
    tally = Buckets(bounds)
    for value in values:
        tally.put(value, RUN)
    [(labels, counted)] = tally.up_to().items()
    assert labels == tuple(RUN.values())
    assert dict(counted) == {"+Inf" if math.isinf(b) else repr(b): sum(v <= b for v in values) for b in (*bounds, math.inf)}
    assert tally.sums() == {labels: pytest.approx(sum(values))}


def test_threads() -> None:
    """Nothing is lost where iterations end on many threads."""
    tally = Buckets((1.0,))
    threads = [Thread(target=lambda: [tally.put(1, RUN) for _ in range(2_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [*tally.sums().values(), *tally.up_to().values()] == [8_000, [("1.0", 8_000), ("+Inf", 8_000)]]


def test_a_port_that_cannot_be_had() -> None:
    """It is said before any load is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError) as error:
        PrometheusExporter(port := taken.getsockname()[1])
    said = f"--cio-prometheus: got 127.0.0.1:{port}, which cannot be had (Address already in use)"
    assert str(error.value) == f"{said}; expected a free port; try --cio-prometheus=0"


def test_a_port_that_is_none() -> None:
    """As that of a worker may be."""
    with pytest.raises(OSError, match=r"got 127\.0\.0\.1:65536, which cannot be had \(.*65535.*\); expected a free port"):
        PrometheusExporter(port_of(65_535, "gw1"))


def test_only_on_loopback(exporters: Exporters) -> None:
    """Nobody else's business."""
    assert [urlsplit(where).hostname for where in exporters.where] == ["127.0.0.1"]


def test_after_the_session() -> None:
    """Nobody listens, and the port is free."""
    with open_exporters(otel=False, prometheus=0) as exporters:
        port = urlsplit(exporters.where[0]).port
    assert port is not None
    PrometheusExporter(port).close()


def test_a_scraper_that_says_nothing(exporters: Exporters) -> None:
    """It holds up neither the next one nor the end."""
    port = urlsplit(exporters.where[0]).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=60):
        observe(exporters)
        assert scrape(exporters)
        exporters.close()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=60)
        exporters.close()


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("9464", 9464), ("65535", 65_535)])
def test_ports(text: str, port: int) -> None:
    """As they are written."""
    assert read_port(text) == port


@pytest.mark.parametrize("text", ["", "-1", "65536", "9464.5", "localhost:9464", "٣", "9" * 5_000])
def test_no_ports(text: str) -> None:
    """It listens on loopback only, so there is no host to say."""
    with pytest.raises(ValueError) as error:
        read_port(text)
    expected = "expected a port of 127.0.0.1, or 0 for a free one; try --cio-prometheus=9464"
    assert str(error.value) == f"--cio-prometheus: got {text[:60]!r}; {expected}"


@pytest.mark.parametrize(
    ("port", "worker", "own"), [(9464, "", 9464), (9464, "gw0", 9464), (9464, "gw11", 9475), (0, "gw3", 0), (9464, "master", 9464)]
)
def test_ports_of_workers(port: int, worker: str, own: int) -> None:
    """Workers of pytest-xdist are processes: each has its own."""
    assert port_of(port, worker) == own
