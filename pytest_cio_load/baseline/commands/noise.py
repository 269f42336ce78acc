"""``cio-load noise``: how much runs of the same code differ on this machine, which no gate can know from one pair of runs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_cio_load.baseline.grammar import MEAN, RATE
from pytest_cio_load.baseline.noise import LEAST_RUNS, measure
from pytest_cio_load.baseline.store import Store
from pytest_cio_load.pipeline.commands.command import Said, argument, json_option, subcommand
from pytest_cio_load.pipeline.commands.connecting import whole
from pytest_cio_load.reports.reading import read_documents

if TYPE_CHECKING:
    from pytest_cio_load.baseline.noise import Noise
    from pytest_cio_load.reports.document import Document

_PROBE = """
import asyncio
import pytest

@pytest.mark.cio_load(rate=80, duration={seconds}, clock="wall", thresholds={{"on_time": "rate>=50%"}})
async def test_this_machine(cio_load):
    await asyncio.sleep(cio_load.rng.lognormvariate(-3.9, 0.3))
"""
"""What is run when no test is named: waits of 20 ms, so that whatever comes on top of them is the machine's."""


@subcommand(
    "noise", exits={0: "it was measured, and kept", 1: "a run was inconclusive, so nothing is known", 2: "a mistake, or no such test"}
)
@argument("test", "[TEST]", "the node id of one test with a contract on the wall clock (default: a probe of the machine)", required=False)
@click.option("--runs", type=whole(LEAST_RUNS, 1_000), default="10", metavar="N", help="How often it is run")
@click.option("--seconds", type=whole(1, 3_600), default="20", metavar="N", help="That each run of the probe takes")
@click.option("--folder", metavar="FOLDER", default=".cio-load/baselines", help="Where it is kept")
@json_option
def command(said: Said) -> int:
    """Measure how much runs of the same code differ on this machine.

    The same code is run again and again (A/A). The regression gate then calls nothing worse that is within it.
    """
    documents = []
    for number in range(1, said.runs + 1):
        documents.append(_run(said.test, said.seconds))
        print(f"run {number} of {said.runs}: {documents[-1]['headline']}", file=sys.stderr, flush=True)
        if documents[-1]["verdict"] == "inconclusive":
            return 1
    noise = measure(documents, whole_machine=said.test is None)
    path = Store(Path(said.folder)).keep_noise(documents[0], noise)
    print(json.dumps(noise.plain(), indent=2) if said.json else "\n".join([*_lines(noise), f"kept in {path}"]))
    return 0


def _run(test: str | None, seconds: int) -> Document:
    with tempfile.TemporaryDirectory(prefix="cio-load-noise-") as name:
        folder, written = Path(name), Path(name) / "runs.json"
        (folder / "test_probe.py").write_text(_PROBE.format(seconds=seconds), encoding="utf-8")
        asked = test or str(folder / "test_probe.py")
        place = ["--rootdir", name, "-c", "/dev/null"] if test is None else []
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *place, f"--cio-json={written}", asked]
        ended = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        found = read_documents(written) if written.exists() else []
        if len(found) != 1:
            got = f"TEST: got {len(found)} runs"
            raise ValueError(f"{got}; expected one test with a contract; name its node id; pytest said:\n{ended.stdout}")
        return found[0]


def _lines(noise: Noise) -> list[str]:
    lines = [f"{noise.runs} runs of the same code; how much they differ from run to run (standard deviation):"]
    for each in noise.spreads:
        if each.metric in ("response", "iterations"):
            figure = each.aggregation if each.aggregation in (MEAN, RATE) else f"p({each.aggregation})"
            lines.append(f"  {each.metric} {figure}: {each.share:.1%}")
    return lines
