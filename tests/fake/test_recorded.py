"""Latency as it was measured, and by operation."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from pytest_cio_load.fake.latency import ByOperation, Constant, Latency, Lognormal, Uniform, parse
from pytest_cio_load.fake.recorded import Empirical, Replay
from pytest_cio_load.fake.workspace import FakeWorkspace
from pytest_cio_load.metrics.measured import Trend
from pytest_cio_load.units import UnitError


def histogram(values: dict[int, int]) -> HdrHistogram:
    made = HdrHistogram(1, 3_600_000_000, 3)
    for value, number in values.items():
        made.record_value(value, number)
    return made


def log_file(path: Path, *intervals: dict[int, int]) -> str:
    with path.open("w") as file:
        writer = HistogramLogWriter(file)
        writer.output_log_format_version()
        writer.output_legend()
        for number, values in enumerate(intervals):
            writer.output_interval_histogram(histogram(values), number, number + 1, 1_000)
    return f"hlog:{path}"


def trend(*micros: int) -> str:
    made = Trend()
    for value in micros:
        made.record(value)
    return made.encode()


def run_file(path: Path, *runs: dict[str, str]) -> str:
    documents = [{"metrics": {name: {"unit": "ms", "histogram": text} for name, text in run.items()}} for run in runs]
    path.write_text(json.dumps({"schema": 1, "runs": documents}))
    return f"run:{path}"


def drawn(latency: Latency, operation: str = "", count: int = 4_000) -> list[float]:
    rng = Random(1)
    return sorted(latency.sample(rng, operation) for _ in range(count))


def test_a_histogram_log_is_drawn_from(tmp_path: Path) -> None:
    """Every interval of it, each value as often as it was recorded."""
    latency = parse(log_file(tmp_path / "a.hlog", {1_000: 75}, {2_000: 20, 1_500_000: 5}))
    samples = drawn(latency)
    assert (samples[0], samples[2_900], samples[3_100], samples[3_700]) == (0.001, 0.001, 0.002, 0.002)
    assert samples[3_900] == samples[-1] == pytest.approx(1.5, rel=0.001)


@pytest.mark.parametrize(("unit", "seconds"), [("", 0.002), ("#us", 0.002), ("#ns", 0.000_002), ("#ms", 2.0)])
def test_the_unit_of_a_log(tmp_path: Path, unit: str, seconds: float) -> None:
    """The format does not say it, so it is told."""
    samples = drawn(parse(log_file(tmp_path / "a.hlog", {2_000: 1}) + unit), count=5)
    assert samples == pytest.approx([seconds] * 5, rel=0.001)


def test_a_run_is_replayed_by_operation(tmp_path: Path) -> None:
    """Each call by its own histogram over all runs, another one by all together; what is no call is left out."""
    first = {"identify": trend(1_000), "track": trend(5_000), "response": trend(999_999)}
    latency = parse(run_file(tmp_path / "run.json", first, {"identify": trend(2_000)}))
    assert set(drawn(latency, "identify")) == {0.001, 0.002}
    assert drawn(latency, "track", 5) == pytest.approx([0.005] * 5, rel=0.001)
    assert len(set(drawn(latency, "delete"))) == 3


def test_one_histogram_of_a_run(tmp_path: Path) -> None:
    """Named after #, whatever is asked of it; also one that is no call."""
    source = run_file(tmp_path / "run.json", {"identify": trend(1_000), "service": trend(2_000)})
    assert set(drawn(parse(f"{source}#identify"), "track")) == {0.001}
    assert set(drawn(parse(f"{source}#service"))) == {0.002}


def test_one_run_alone_is_a_document_too(tmp_path: Path) -> None:
    """Without the list around it."""
    (tmp_path / "one.json").write_text(json.dumps({"metrics": {"identify": {"unit": "ms", "histogram": trend(1_000)}}}))
    assert set(drawn(parse(f"run:{tmp_path / 'one.json'}"))) == {0.001}


def test_str_reads_back(tmp_path: Path) -> None:
    """As an equal latency, also inside one by operation."""
    log, run = log_file(tmp_path / "a.hlog", {1_000: 1}), run_file(tmp_path / "run.json", {"identify": trend(1_000)})
    for text in (log, f"{log}#ns", run, f"{run}#identify", f"identify={log}#us,track={run},*=40ms"):
        assert str(parse(text)) == text
        assert parse(str(parse(text))) == parse(text)
    assert isinstance(parse(log), Empirical)
    assert isinstance(parse(run), Replay)


@pytest.mark.parametrize(
    ("text", "expected", "nearest"),
    [
        ("hlog:DIR/lo.hlog", "a file that can be read", "did you mean log.hlog?"),
        ("hlog:DIR/none/x", "a file that can be read", "check the path"),
        ("hlog:DIR/log.hlog#sec", "#ns, #us or #ms after the file", "leave it out for us"),
        ("hlog:DIR/empty", "a histogram log with at least one recorded value", ""),
        ("hlog:DIR/bytes", "a text file", "the file is damaged"),
        ("hlog:DIR/text", "histograms in HdrHistogram's compressed base64", "the file is damaged"),
        ("run:DIR/text", "a run document", "write one with --cio-json FILE"),
        ("run:DIR/list", "a run document", "write one with --cio-json FILE"),
        ("run:DIR/run.json#identfy", "the name of a histogram in the file after #", "did you mean identify?"),
        ("run:DIR/run.json#xyz", "the name of a histogram in the file after #", "it has identify, service"),
        ("run:DIR/service.json", "the latency of at least one call", "service.json#service'"),
        ("runs:DIR/run.json", "a latency such as", "did you mean run?"),
        ("identify=hlog:DIR/none,*=1ms", "a file that can be read", "check the path"),
    ],
)
def test_files_that_make_no_sense(tmp_path: Path, text: str, expected: str, nearest: str) -> None:
    """Got, expected, nearest."""
    log_file(tmp_path / "log.hlog", {1_000: 1})
    run_file(tmp_path / "run.json", {"identify": trend(1_000), "service": trend(1)})
    run_file(tmp_path / "service.json", {"service": trend(1)})
    (tmp_path / "empty").write_text("#[nothing]\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00\x80")
    (tmp_path / "text").write_text("hello, world\n")
    (tmp_path / "list").write_text("[1]")
    with pytest.raises(UnitError) as caught:
        parse(text.replace("DIR", str(tmp_path)))
    message = str(caught.value)
    assert expected in message[message.index(", expected ") :]
    assert nearest in message


def test_a_latency_by_operation() -> None:
    """Each by its rule, the rest by ``*``; spaces are free."""
    latency = parse(" identify = 40ms, track=lognormal(p50=20ms,p99=90ms) ,page=uniform(1ms,2ms),*=30ms")
    rules = (("identify", Constant(40_000)), ("track", Lognormal(20_000, 90_000)), ("page", Uniform(1_000, 2_000)), ("*", Constant(30_000)))
    assert latency == ByOperation(rules)
    assert parse(str(latency)) == latency
    assert [set(drawn(latency, name)) for name in ("identify", "delete")] == [{0.04}, {0.03}]


@pytest.mark.parametrize(
    ("text", "expected", "nearest"),
    [
        ("identify=40ms", "a latency for all other operations as well", "did you mean 'identify=40ms,*=40ms'?"),
        ("identfy=40ms,*=1ms", "an operation of Customer.io, not 'identfy'", "did you mean identify?"),
        ("*=1ms,*=2ms", "one latency for '*'", "leave out the other"),
        ("identify=40ms,30ms", "operation=latency between the commas", "try 'identify=40ms,*=30ms'"),
        ("identify=40,*=1ms", "a latency such as", "did you mean '40ms'?"),
        ("identify=uniform(2ms,1ms),*=1ms", "the least time before the most", "did you mean 'uniform(1ms,2ms)'?"),
        ("*=*=1ms", "a latency such as", ""),
    ],
)
def test_rules_that_make_no_sense(text: str, expected: str, nearest: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(UnitError) as caught:
        parse(text)
    assert f"got {text!r}, expected {expected}" in str(caught.value)
    assert nearest in str(caught.value)


def test_the_workspace_answers_by_operation() -> None:
    """A page view is not an event, and a batch is a batch."""
    fake = FakeWorkspace(latency="identify=1ms,page=2ms,batch=3ms,unknown=4ms,*=5ms")
    headers = {"authorization": "Basic ZmFrZS1zaXRlLWlkOmZha2UtYXBpLWtleQ=="}
    asked = [
        ("PUT", "/api/v1/customers/u1", b"{}"),
        ("POST", "/api/v1/customers/u1/events", b'{"name":"x","type":"page"}'),
        ("POST", "/api/v1/customers/u1/events", b'{"name":"x"}'),
        ("POST", "/api/v2/batch", b"{}"),
        ("GET", "/", b""),
    ]
    assert [fake.answer(method, path, headers, body, 0.0).delay for method, path, body in asked] == [0.001, 0.002, 0.005, 0.003, 0.004]
