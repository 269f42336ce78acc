"""Whether workers work."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pytest_cio_load.pipeline.health.figures import WorkerFigures
from pytest_cio_load.pipeline.health.readiness import Readiness, died, readiness

MakeWorker = Callable[..., WorkerFigures]


@pytest.mark.parametrize(
    ("phases", "ready", "phase", "reason"),
    [
        ([], False, "starting", "no worker runs yet"),
        (["working"], True, "working", ""),
        (["starting"], False, "starting", "it has not reached the queue yet"),
        (["unreachable"], False, "unreachable", "the queue cannot be reached"),
        (["draining"], False, "draining", "it was asked to stop"),
        (["stopped"], False, "stopped", "it has ended"),
        (["stopped", "working", "starting"], True, "working", ""),
        (["stopped", "draining", "unreachable"], False, "unreachable", "the queue cannot be reached"),
    ],
)
def test_readiness(worker: MakeWorker, phases: list[str], ready: bool, phase: str, reason: str) -> None:
    """One that works is enough; else that of the one that is nearest to it."""
    assert readiness([worker(str(number), phase=each) for number, each in enumerate(phases)]) == Readiness(ready, phase, reason)


def test_a_trouble_is_the_reason(worker: MakeWorker) -> None:
    """It says more than that there is one."""
    found = readiness([worker(phase="unreachable", trouble="redis 127.0.0.1:6379: got no connection")])
    assert found.reason == "redis 127.0.0.1:6379: got no connection"


@pytest.mark.parametrize("circuit", ["open", "half-open"])
def test_paused(worker: MakeWorker, circuit: str) -> None:
    """An open circuit is no reason to send nobody here, and is said."""
    found = readiness([worker(circuit=circuit, until=12.34), worker("two", workspace="efgh…")])
    assert found == Readiness(True, "working", paused="the circuit is open for abcd…; next try in 12.3 s")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Readiness(True, "working"), {"ready": True, "phase": "working"}),
        (Readiness(False, "draining", "a\nb"), {"ready": False, "phase": "draining", "reason": "a\nb"}),
        (Readiness(True, "working", paused="so"), {"ready": True, "phase": "working", "paused": "so"}),
    ],
)
def test_as_a_line(found: Readiness, said: dict[str, object]) -> None:
    """One line of JSON, whatever stands in it."""
    line = found.line()
    assert line.count("\n") == 1
    assert json.loads(line) == said


@pytest.mark.parametrize(
    ("phases", "why"),
    [(["stopped", "draining"], ""), (["starting"], ""), (["stopped", "stopped"], "no worker runs"), ([], "no worker runs")],
)
def test_when_to_start_it_again(worker: MakeWorker, phases: list[str], why: str) -> None:
    """Once nobody is left who could work."""
    assert died([worker(str(number), phase=each) for number, each in enumerate(phases)]) == why
