"""The rate of one worker from the document of a real run (``--cio-json``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_cio_load.units import show_value

_HOW = "try a run on the wall clock that enqueues more than its workers send"


def worker_rate(path: str | Path, *, workers: int, test: str = "") -> float:
    """Jobs per second of each of *workers*, as a run of the pipeline was measured.

    The run has to have kept its workers busy: some of it was left when the last job had been enqueued. Then every job that was done, over
    the time that it took to do them all, is what the workers do; starting them is in it, so it is rather too low than too high.

    Args:
        path: of the document.
        workers: that the run had.
        test: a part of the test's name, when the document holds several runs with a pipeline.

    Raises:
        ValueError: no such document, no run or several that fit, or one that says nothing of how fast workers are.
        OSError: the file cannot be read.
    """
    if workers < 1:
        raise ValueError(f"workers: got {workers}; expected at least 1, as many as the run had; try 1")
    run = _chosen(path, test)
    name, metrics = run["test"], run["metrics"]
    if run.get("clock") != "wall":
        raise ValueError(f"{path}: got {name}, a run in {run.get('clock')} time; expected one on the wall clock; {_HOW}")
    jobs = metrics["queue_latency"]["samples"]
    seconds, drained = float(run["rate"]["seconds"]), float(metrics["drain_time"]["value"]) / 1000
    if jobs < 1 or drained < max(1.0, seconds / 100):
        got = f"{name}, whose queue was empty {drained:g} s after its end"
        raise ValueError(f"{path}: got {got}; expected workers that were busy all the time; {_HOW}")
    return float(jobs) / (seconds + drained) / workers


def _chosen(path: str | Path, test: str) -> Mapping[str, Any]:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        runs = [run for run in document["runs"] if {"queue_latency", "drain_time"} <= set(run["metrics"])]
    except (ValueError, KeyError, TypeError):
        expected = "one that --cio-json wrote"
        raise ValueError(f"{path}: got what is no run document; expected {expected}; try pytest --cio-json runs.json") from None
    fitting = [run for run in runs if test in run["test"]]
    if len(fitting) == 1:
        chosen: Mapping[str, Any] = fitting[0]
        return chosen
    known = ", ".join(run["test"] for run in runs) or "none with cio_queue"
    got = f"{len(fitting)} runs with a pipeline" + (f" named {show_value(test)}" if test else "")
    raise ValueError(f"{path}: got {got}; expected one; name one of: {known}")
