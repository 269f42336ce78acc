"""``--cio-otel`` and ``--cio-prometheus``: runs observed from outside while they go on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_cio_load.reports.exporting import Exporters, open_exporters
from pytest_cio_load.reports.instruments import Facts

if TYPE_CHECKING:
    from pytest_cio_load.load.run import Sink
    from pytest_cio_load.measurement import Measurement
    from pytest_cio_load.reports.exporting import Observed

_OPEN: pytest.StashKey[Exporters] = pytest.StashKey()


def begin(config: pytest.Config) -> None:
    """Open what the options ask for. Nothing is measured in the controller of pytest-xdist, so nothing is opened there.

    Raises:
        pytest.UsageError: a port that is none or cannot be had, or something that is not installed.
    """
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return
    port = config.getoption("cio_prometheus")
    try:
        if port is not None:
            from pytest_cio_load.reports.prometheus import port_of, read_port

            port = port_of(read_port(port), os.environ.get("PYTEST_XDIST_WORKER", ""))
        exporters = open_exporters(otel=config.getoption("cio_otel"), prometheus=port)
    except (ImportError, OSError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_OPEN] = exporters
    config.add_cleanup(exporters.close)


def observed(config: pytest.Config, measurement: Measurement) -> Observed | None:
    """Where a run's samples go while it is observed; None when nobody looks."""
    exporters = config.stash.get(_OPEN, None)
    if exporters is None:
        return None
    subject = measurement.subject
    facts = Facts(
        test=subject.test,
        target=subject.target,
        clock=measurement.clock.name,
        planned=measurement.planned,
        warmup=round(measurement.contract.warmup * 1_000_000),
        now=measurement.clock.now,
    )
    sink: Sink = measurement.recorder
    return exporters.begin(facts, sink)


def where(config: pytest.Config) -> str:
    """Where runs can be looked at, for the header; "" for nowhere."""
    exporters = config.stash.get(_OPEN, None)
    return "" if exporters is None else ", ".join(exporters.where)


def tell(config: pytest.Config, reporter: pytest.TerminalReporter) -> None:
    """Deliver what is left, and say what must not be left out."""
    exporters = config.stash.get(_OPEN, None)
    if exporters is not None:
        exporters.close()
        for note in exporters.notes:
            reporter.write_line(f"cio-load: {note}", yellow=True)
