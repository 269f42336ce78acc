"""What tests of health share: figures made by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_cio_load.pipeline.engines.engine import State, Totals
from pytest_cio_load.pipeline.gates.gate import Phase as Circuit
from pytest_cio_load.pipeline.health.figures import GateFigures, QueueFigures, WorkerFigures
from pytest_cio_load.pipeline.worker import Phase

MakeQueue = Callable[..., QueueFigures]
MakeWorker = Callable[..., WorkerFigures]


@pytest.fixture
def queue() -> MakeQueue:
    """Makes the figures of a queue: ``queue(at=30, waiting=1204, done=10)``."""

    def made(at: float = 0.0, *, age: float = 0.0, latency: dict[int, int] | None = None, **counts: int) -> QueueFigures:
        depth = {state: counts.pop(state.value, 0) for state in State}
        return QueueFigures("cio-events", at, depth, age, Totals(**counts, latency=latency or {}))

    return made


@pytest.fixture
def worker() -> MakeWorker:
    """Makes the figures of a worker: ``worker(phase="working", circuit="open", until=12.0)``."""

    def made(
        name: str = "one",
        *,
        phase: str = "working",
        circuit: str = "closed",
        until: float = 0.0,
        workspace: str = "abcd…",
        **figures: object,
    ) -> WorkerFigures:
        gate = GateFigures(workspace, Circuit(circuit), until, 80.0, 4.25, 2)
        return WorkerFigures(name, Phase(phase), gates=(gate,), **figures)  # type: ignore[arg-type]

    return made
