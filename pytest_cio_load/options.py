"""Every option, with its ini twin, and the words that ``pytest --markers`` says of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_MARKER_HELP = (
    "cio_load(*, rate, duration | start_rate, stages, arrivals, p50..p999, mean, max, errors, dropped, thresholds, abort_on_fail, "
    "delay_abort, max_in_flight, on_saturation, warmup, warmup_ramp, graceful_stop, timeout, seed, target, clock, latency, metrics, "
    "regress): drive the test's body as an open-model load and hold it to these promises."
)
_WORKSPACE_HELP = (
    "cio_workspace(*, limit, pace, over_budget, region, timeout, workspaces, processing_lag): what cio, cio_sync and the fake "
    "stand for, how long a request may take, and how many such workspaces share the people."
)
_QUEUE_HELP = (
    "cio_queue(*, engine, workers, processes, concurrency, batch, linger, shards, max_depth, when_full, attempts, backoff, drain): "
    "the pipeline that the fixture cio_queue stands for."
)
_SCALE_HELP = (
    "cio_scale(*, hpa, traffic, limit, per_pod, rtt, batch, workspaces, max_depth, drain_time, pod_hours, flaps, …): "
    "replay an autoscaler against traffic and hold it to these promises."
)

MARKERS = (_MARKER_HELP, _WORKSPACE_HELP, _QUEUE_HELP, _SCALE_HELP)
"""A line for each of our markers."""

_SETTINGS = {
    "target": "What calls reach: mock (default), fake (the same, served on loopback), the URL of a server on loopback, or staging",
    "clock": "virtual (default where the mock is used), or wall",
    "latency": "The mock's latency: 40ms (default), lognormal(p50=40ms,p99=180ms), uniform(10ms,50ms)",
    "seed": "Seed of arrivals, latency, jitter and cio_load.rng (default: made from the test's name)",
    "workspace_limit": "Requests per second that the workspace declares as its budget (default: 100)",
    "over_budget": "What the mock does over its budget: accept (default), reject, throttle or drop",
    "region": "The account's region: us (default) or eu",
    "wire": "What carries requests to a server: auto (default), direct, pyreqwest, aiohttp or httpx",
    "uvloop": "uvloop for loads on the wall clock: auto (default: where no other test shares the loop), on (everywhere), off",
    "timeout": "How long one request may wait for its answer (default: 10s)",
    "queue_engine": "What keeps the jobs of cio_queue: memory (default), embedded, or the URL of a Redis or Kafka on loopback",
    "allow_file": "Staging workspaces that may be loaded, as hashes (default: .cio-load/allow.json; see cio-load allow)",
    "max_rate": "Iterations per second that a staging workspace may get (default: 100)",
    "max_calls": "Requests that a staging workspace may get in a session (default: 100000)",
    "max_people": "People that may be made up in a staging workspace in a session (default: 10000)",
    "cleanup_wait": "Time between the two looks that must both find nobody left in a staging workspace (default: 5s)",
}

REPORTS = {
    "json": "Write every run, with its histograms, to FILE",
    "html": "Write a report to FILE that opens in a browser, offline (extra: html)",
    "markdown": "Write a report for a pull request to FILE",
    "csv": "Write every metric of every run to FILE",
    "hlog": "Write the histograms to FILE, as HdrHistogram's own tools read them",
    "k6-summary": "Write FILE as k6's --summary-export does, where false says that a threshold was kept",
}
"""Files that a session can write, by format; each has an option."""

_BASELINES = {
    "save": "Keep every run that was kept as the baseline NAME of its test, in .cio-load/baselines",
    "compare": "Compare every run with the baseline NAME of its test",
}


def add_options(parser: pytest.Parser) -> None:
    """Options ``--cio-…`` with their ini twins ``cio_…``."""
    group = parser.getgroup("cio-load", "performance contracts for Customer.io")
    group.addoption(
        "--cio-load-mode",
        choices=("load", "once", "skip"),
        default="load",
        help="load: drive marked tests as a load (default); once: run each once, as a functional test; skip: skip them",
    )
    group.addoption(
        "--cio-load",
        metavar="SPEC",
        help="Drive every selected test that has no marker, as in --cio-load='80/s,60s,p(95)<500'",
    )
    for name, text in _SETTINGS.items():
        group.addoption(f"--cio-{name.replace('_', '-')}", dest=f"cio_{name}", metavar=name.split("_")[-1].upper(), help=text)
        parser.addini(f"cio_{name}", text, default="")
    group.addoption("--cio-http2", action="store_true", help="Use HTTP/2 where the server offers it (wires pyreqwest and httpx)")
    parser.addini("cio_http2", "Use HTTP/2 where the server offers it", type="bool", default=False)
    group.addoption("--cio-live", action="store_true", help="Opt in to a staging workspace, as CIO_LOAD_LIVE=1 does")
    parser.addini("cio_block_network", "Nothing in the whole test process may reach *.customer.io", type="bool", default=False)
    group.addoption("--cio-plan", metavar="FILE", help="Make no load: run each marked test once, on the mock, and write its plan to FILE")
    for name, text in _BASELINES.items():
        group.addoption(f"--cio-{name}", nargs="?", const="baseline", metavar="NAME", help=text)
    fails = "Fail tests that are worse than their baseline by more than this, beyond noise, as in p95:10%%,p99:+5ms,rate:1%%"
    group.addoption("--cio-compare-fail", metavar="SPEC", help=fails)
    group.addoption("--cio-otel", action="store_true", help="Tell OpenTelemetry of every iteration and call (extra: otel)")
    group.addoption("--cio-prometheus", metavar="PORT", help="Serve metrics on 127.0.0.1:PORT, 0 for any (extra: prometheus)")
    for kind, text in REPORTS.items():
        group.addoption(f"--cio-{kind}", metavar="FILE", help=text)
    patterns = "Contracts of unmarked tests, a line each: PATTERN = SPEC, as in tests/test_api.py::* = 80/s,60s"
    parser.addini("cio_load", patterns, type="linelist")
