"""What tests of baselines share: run documents of made-up response times, with a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from pytest_cio_load.contract.contract import build
from pytest_cio_load.contract.verdict import judge
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.timeline import Timeline
from pytest_cio_load.reports.document import Document, Run, document

MICROSECONDS = 1_000_000


class Documents:
    """Makes run documents."""

    def of(
        self,
        response: Sequence[float],
        *,
        rate: int = 80,
        late: Sequence[float] = (),
        timeline: bool = True,
        own: dict[str, Sequence[float]] | None = None,
        **how: Any,
    ) -> Document:
        """A run with these response times in ms, one iteration due after the other.

        *late*: by how many ms each began late, as part of its response time; *own*: samples of other trends; *how*: of the run.
        """
        lasts = len(response) / rate
        line = Timeline(lasts=round(lasts * MICROSECONDS), warmup=0) if timeline else None
        book = Recorder({}, warmup=0, lag_tolerance=MICROSECONDS, home="", timeline=line)
        for index, ms in enumerate(response):
            due = round(index / rate * MICROSECONDS)
            began = due + round((late[index] if late else 0.0) * 1000)
            book.finished(Sample(Arrival(index, due), began, due + round(ms * 1000), 0, Outcome.OK, None))
        for name, values in (own or {}).items():
            for value in values:
                book.add(name, Kind.TREND, value)
        contract = build({"rate": rate, "duration": max(lasts, 0.1), "p95": 5000, **how.pop("promised", {})})
        summary = book.summary(planned=len(response), elapsed=lasts, end="complete", reason="")
        given: dict[str, Any] = {
            "test": "tests/test_it.py::test_identify",
            "location": "tests/test_it.py:12",
            "clock": "wall",
            "target": "fake",
            "seed": 7,
            "max_in_flight": 100,
            "started_at": "2026-02-03T04:05:06.789+00:00",
            "real_seconds": lasts,
            "cpu_seconds": 0.1,
            "fingerprint": {"cpu": "Example 9000", "cpus": 4, "platform": "Linux-6.1-x86_64", "python": "CPython 3.12.1", "plugin": "1"},
        } | how
        return document(Run(contract=contract, summary=summary, verdict=judge(contract, summary, clock=given["clock"]), **given))

    def lognormal(self, seed: int, *, factor: float = 1.0, samples: int = 1600, sigma: float = 0.2, **how: Any) -> Document:
        """A run whose response times are lognormal, of 20 ms at the median."""
        rng = Random(seed)
        return self.of([20 * factor * rng.lognormvariate(0, sigma) for _ in range(samples)], **how)

    def disturbed(
        self, seed: int, *, stretches: Sequence[tuple[int, int]], factor: float = 1.0, delay: float = 60.0, **how: Any
    ) -> Document:
        """A run as of `lognormal`, in stretches of which each iteration began late by up to *delay* ms."""
        rng = Random(seed)
        late = [rng.uniform(0.0, delay) if any(begin <= at < end for begin, end in stretches) else 0.0 for at in range(1600)]
        return self.of([each + 20 * factor * rng.lognormvariate(0, 0.2) for each in late], late=late, **how)


@pytest.fixture(scope="session")
def documents() -> Documents:
    """It keeps nothing between tests."""
    return Documents()
