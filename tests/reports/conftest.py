"""What tests of the reports share: runs made of a few samples, with everything a report may have to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_cio_load.contract.contract import build
from pytest_cio_load.contract.verdict import judge
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.kinds import Metric
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports.document import Document, Run, document

MS = 1_000


class Runs:
    """Makes runs and their documents."""

    def recorder(self, iterations: int, ms: float, *, failed: int = 0, late: int = 0, home: str = "") -> Recorder:
        """So many iterations, one due each ms, that took so long each; the last ones failed, the first ones late."""
        book = Recorder({}, warmup=0, lag_tolerance=50 * MS, home=home)
        for index in range(iterations):
            error = ValueError("no such person") if index >= iterations - failed else None
            began = index * MS + (200 * MS if index < late else 0)
            outcome = Outcome.FAILED if error else Outcome.OK
            book.finished(Sample(Arrival(index, index * MS), began, began + round(ms * MS), 0, outcome, error))
        return book

    def run(
        self,
        iterations: int = 100,
        ms: float = 50.0,
        *,
        promised: dict[str, Any] | None = None,
        found: dict[str, Metric] | None = None,
        fill: Callable[[Recorder], object] = lambda book: None,
        summary: dict[str, Any] | None = None,
        failed: int = 0,
        late: int = 0,
        aborted_by: int | None = None,
        **how: Any,
    ) -> Run:
        """A run of 100/s for 1 s, p(95)<500, unless said otherwise. *how*: fields of the run; *summary*: of its summary."""
        contract = build(promised if promised is not None else {"rate": 100, "duration": 1, "p95": 500}, found=found)
        book = self.recorder(iterations, ms, failed=failed, late=late)
        fill(book)
        made = replace(book.summary(planned=iterations, elapsed=1.0, end="complete", reason=""), **(summary or {}))
        clock = how.get("clock", "virtual")
        clause = None if aborted_by is None else contract.thresholds[aborted_by]
        given = {
            "test": "tests/test_it.py::test_identify",
            "location": "tests/test_it.py:12",
            "clock": clock,
            "target": "mock",
            "seed": 7,
            "max_in_flight": 10_000,
            "started_at": "2026-02-03T04:05:06.789+00:00",
            "real_seconds": 0.24,
            "cpu_seconds": 0.16,
        } | how
        return Run(contract=contract, summary=made, verdict=judge(contract, made, clock=clock, aborted_by=clause), **given)

    def document(self, *args: Any, **how: Any) -> Document:
        """The document of `run`."""
        return document(self.run(*args, **how))


@pytest.fixture(scope="session")
def runs() -> Runs:
    """It keeps nothing between tests."""
    return Runs()
