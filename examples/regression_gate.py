"""How often the regression gate is wrong, beside a gate that only looks at the ratio: on the wall clock of a machine that is kept busy.

    python examples/regression_gate.py [--pairs 20] [--duration 20] [--rate 80] [--slower 15] [--gates p50:10%,p95:10%,p99:10%,mean:10%]
                                       [--busy N] [--floor 0] [--keep FOLDER | --again FOLDER | --simulated MODEL]

A run is a pytest session of its own: a marked test whose body sleeps for a lognormal time of 20 ms at the median and 28 ms at p95, with a
seed of its own. Half of the pairs run the same code twice (A/A): whatever is called worse there is a false alarm. In the other half the
second run is slower by 15 %: that is to be found. Runs follow one another, kinds of pair in turn; meanwhile child processes burn CPU in
bursts. Twenty pairs of each kind and 20 s take 27 minutes.

``--floor N`` measures the noise of the machine by N runs of the same code first, as ``cio-load noise`` does. ``--keep`` keeps the runs'
documents; ``--again`` judges kept ones anew, and every pair that can be made of them: many more than were run, though no longer independent
of each other. ``--simulated`` makes the runs by chance instead of by the clock, to see what a rule does to a kind of noise.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import permutations, product
from math import ceil, exp, log
from pathlib import Path
from random import Random
from typing import Any

from pytest_cio_load.baseline.figures import Figure, figure_of
from pytest_cio_load.baseline.gate import CONFIDENCE, compare
from pytest_cio_load.baseline.grammar import Gate, read_gates
from pytest_cio_load.baseline.noise import Noise, measure
from pytest_cio_load.contract.contract import build
from pytest_cio_load.contract.marker import Problems
from pytest_cio_load.contract.verdict import judge
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.metrics.timeline import Timeline
from pytest_cio_load.reports.document import Document, Run, document
from pytest_cio_load.reports.reading import read_documents

MEDIAN, SIGMA = 0.020, 0.2
MICROSECONDS = 1_000_000

# The machine is busy on purpose, so many an iteration begins late: that is part of the noise, and no reason to discard the run.
SUITE = """
import asyncio, math, pytest

@pytest.mark.cio_load(rate={rate}, duration={duration}, clock="wall", thresholds={{"on_time": "rate>=50%"}})
async def test_service(cio_load):
    await asyncio.sleep({factor} * cio_load.rng.lognormvariate(math.log({median}), {sigma}))
"""

Pairs = list[tuple[Document, Document]]


def burn(seed: int) -> None:
    """Keep a core busy in bursts, until somebody ends this process."""
    rng, parent = Random(seed), os.getppid()
    while os.getppid() == parent:
        time.sleep(rng.uniform(1.0, 5.0))
        until = time.monotonic() + rng.uniform(0.2, 0.8)
        while time.monotonic() < until:
            pass


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes burn CPU meanwhile."""
    started = [multiprocessing.get_context("spawn").Process(target=burn, args=(seed,), daemon=True) for seed in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()


def measured(rate: int, duration: float) -> Callable[[float, int], Document]:
    """Makes runs on the wall clock: given how many times as long the body takes, and a seed."""

    def run(factor: float, seed: int) -> Document:
        with tempfile.TemporaryDirectory() as folder:
            code = SUITE.format(rate=rate, duration=duration, factor=factor, median=MEDIAN, sigma=SIGMA)
            (Path(folder) / "test_service.py").write_text(code, encoding="utf-8")
            asked = [sys.executable, "-m", "pytest", "-q", "--rootdir", folder, "-p", "no:cacheprovider", f"--cio-seed={seed}"]
            told = subprocess.run([*asked, "--cio-json=run.json"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if told.returncode != 0:
                raise RuntimeError(f"a run did not keep its contract:\n{told.stdout}{told.stderr}")
            return read_documents(Path(folder) / "run.json")[0]

    return run


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of noise: bursts per run, by how many ms they delay, by which share whole runs differ, and how wide the service times are.

    *machine*: bursts make iterations begin late, as a busy machine does; otherwise the service is slow.
    """

    bursts: float = 0.0
    delay: float = 3.0
    machine: bool = False
    between: float = 0.0
    sigma: float = SIGMA


MODELS = {
    "none": Model(),
    "bursts": Model(bursts=5, delay=3),
    "hard-bursts": Model(bursts=4, delay=10),
    "between": Model(between=0.02),
    "machine": Model(bursts=5, delay=15, machine=True),
    "all": Model(bursts=4, delay=3, between=0.015),
    "wide": Model(sigma=0.5),
}


def simulated(model: Model, rate: int, duration: float) -> Callable[[float, int], Document]:
    """Makes runs by chance; see `measured`."""
    contract = build({"rate": rate, "duration": duration, "p95": 500})

    def run(factor: float, seed: int) -> Document:
        rng = Random(seed)
        line = Timeline(lasts=round(duration * MICROSECONDS), warmup=0)
        book = Recorder({}, warmup=0, lag_tolerance=MICROSECONDS, home="", timeline=line)
        whole, bursts = exp(rng.gauss(0, model.between)), list(_bursts(rng, model.bursts / duration, duration))
        number = round(rate * duration)
        for index in range(number):
            took = factor * whole * rng.lognormvariate(log(MEDIAN), model.sigma)
            burst = any(begin <= index / rate < end for begin, end in bursts)
            delayed = rng.expovariate(1000 / model.delay) if burst else 0.0
            due = round(index / rate * MICROSECONDS)
            began, ended = due + round(delayed * model.machine * MICROSECONDS), due + round((took + delayed) * MICROSECONDS)
            book.finished(Sample(Arrival(index, due), began, ended, 0, Outcome.OK, None))
        summary = book.summary(planned=number, elapsed=duration, end="complete", reason="")
        verdict = judge(contract, summary, clock="wall", aborted_by=None)
        where = {"test": "simulated", "location": "simulated:1", "target": "none", "started_at": ""}
        how: dict[str, Any] = {"clock": "wall", "seed": seed, "max_in_flight": 1, "real_seconds": duration, "cpu_seconds": 0.0}
        return document(Run(contract=contract, summary=summary, verdict=verdict, **where, **how))

    return run


def _bursts(rng: Random, per_second: float, duration: float) -> Iterator[tuple[float, float]]:
    at = 0.0
    while per_second and (at := at + rng.expovariate(per_second)) < duration:
        end = at + rng.uniform(0.2, 0.8)
        yield at, end
        at = end


@dataclass(slots=True)
class Tally:
    """What came of one gate: ours by state, and how often the ratio alone was beyond the tolerance."""

    ours: Counter[str] = field(default_factory=Counter)
    naive: int = 0


def judged(pairs: Pairs, gates: Sequence[Gate], noise: Noise | None) -> list[Tally]:
    """A tally for each gate."""
    tallies = [Tally() for _ in gates]
    for was, now in pairs:
        for tally, gate, told in zip(tallies, gates, compare(was, now, gates, noise=noise), strict=True):
            tally.ours[told.state] += 1
            tally.naive += beyond(gate, *(figure_of(doc, gate, CONFIDENCE) for doc in (was, now)))
    return tallies


def beyond(gate: Gate, was: Figure | None, now: Figure | None) -> bool:
    """What a gate says that only looks at two figures."""
    if was is None or now is None:
        return False
    more = (was.estimate.value - now.estimate.value) * (1 if gate.is_rate else -1)
    allowed = gate.tolerance.ms if gate.tolerance.share is None else float(gate.tolerance.share) * was.estimate.value
    return more > allowed


def tell(title: str, same: Pairs, slower: Pairs, gates: Sequence[Gate], noise: Noise | None) -> tuple[float, float]:
    """Print the table: of our first p95 gate, the shares of false alarms and of slowdowns found."""
    print(f"\n{title}: {len(same)} pairs of the same code, {len(slower)} with a slowdown")
    print(f"{'':<22}{'the same code':^36}{'slower':^36}")
    print(f"{'gate':<10}{'':<12}{'false alarm':>12}{'cannot tell':>12}{'':<12}{'found':>12}{'cannot tell':>12}")
    shares = (0.0, 1.0)
    for gate, quiet, loud in zip(gates, judged(same, gates, noise), judged(slower, gates, noise), strict=True):
        print(f"{gate!s:<10}{'ours':<12}{quiet.ours['worse']:>12}{quiet.ours['cannot tell']:>12}{'':<12}", end="")
        print(f"{loud.ours['worse']:>12}{loud.ours['cannot tell']:>12}")
        print(f"{'':<10}{'ratio alone':<12}{quiet.naive:>12}{'–':>12}{'':<12}{loud.naive:>12}{'–':>12}", flush=True)
        if gate.percentile == 95:
            shares = (quiet.ours["worse"] / len(same), loud.ours["worse"] / len(slower))
    return shares


def made(run: Callable[[float, int], Document], asked: argparse.Namespace) -> Iterator[tuple[str, Document]]:
    """Every run with its name, in the order in which they are made."""
    seed = asked.seed
    for number in range(asked.floor):
        yield f"floor-{number:03}", run(1.0, seed := seed + 1)
    for pair in range(asked.pairs):
        for kind, factor in (("same", 1.0), ("slower", 1 + asked.slower / 100)):
            for which in ("was", "now"):
                yield f"{kind}-{pair:03}-{which}", run(factor if which == "now" else 1.0, seed := seed + 1)
        print(f"{pair + 1} of {asked.pairs} pairs of each kind", file=sys.stderr, flush=True)


def pairs_of(runs: dict[str, Document], kind: str) -> Pairs:
    """Those that were run as pairs."""
    return [(runs[name], runs[name.replace("-was", "-now")]) for name in sorted(runs) if name.startswith(f"{kind}-") and "-was" in name]


def all_pairs(runs: dict[str, Document]) -> tuple[Pairs, Pairs]:
    """Every pair that can be made of the runs."""
    slow = [runs[name] for name in sorted(runs) if name.startswith("slower-") and name.endswith("-now")]
    plain = [runs[name] for name in sorted(runs) if name.startswith("same-") or name.endswith("-was")]
    return list(permutations(plain, 2)), list(product(plain, slow))


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20, help="of each kind (default: 20)")
    parser.add_argument("--duration", type=float, default=20, help="seconds of a run (default: 20)")
    parser.add_argument("--rate", type=int, default=80, help="iterations per second (default: 80)")
    parser.add_argument("--slower", type=float, default=15, help="per cent (default: 15)")
    parser.add_argument("--gates", default="p50:10%,p95:10%,p99:10%,mean:10%", help="default: %(default)s".replace("%,", "%%,"))
    parser.add_argument("--busy", type=int, default=os.cpu_count() or 1, help="processes that burn CPU (default: one per core)")
    parser.add_argument("--floor", type=int, default=0, help="runs to measure the machine's noise by (default: none; else at least 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the first run (default: 0)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep every run's document there")
    parser.add_argument("--again", type=Path, metavar="FOLDER", help="judge the runs that were kept there")
    parser.add_argument("--simulated", choices=MODELS, help="by chance, with this kind of noise")
    return parser.parse_args()


def collected(asked: argparse.Namespace) -> dict[str, Document]:
    """The runs by name: made now, or read back."""
    if asked.again is not None:
        return {file.stem: read_documents(file)[0] for file in sorted(asked.again.glob("*.json"))}
    by_chance = asked.simulated is not None
    run = simulated(MODELS[asked.simulated], asked.rate, asked.duration) if by_chance else measured(asked.rate, asked.duration)
    runs: dict[str, Document] = {}
    with busy(0 if by_chance else asked.busy):
        for name, doc in made(run, asked):
            runs[name] = doc
            if asked.keep is not None:
                asked.keep.mkdir(parents=True, exist_ok=True)
                (asked.keep / f"{name}.json").write_text(json.dumps(doc), encoding="utf-8")
    return runs


def main() -> int:
    """Run, judge, tell: 0 when at p95 at most 1 in 20 is a false alarm and at least 18 in 20 slowdowns are found."""
    asked, problems = arguments(), Problems()
    gates = read_gates(asked.gates, "--gates", problems)
    problems.raise_all()
    runs = collected(asked)
    same, slower = pairs_of(runs, "same"), pairs_of(runs, "slower")
    alike = [doc for name, doc in runs.items() if name.startswith("floor-")]
    noise = measure(alike) if alike else None
    alarms, found = tell("as they were run", same, slower, gates, noise)
    if len(same) > 1 and (asked.again is not None or asked.simulated is None):
        tell("every pair of these runs", *all_pairs(runs), gates, noise)
    kept = round(alarms * len(same)) <= ceil(len(same) / 20) and found >= 0.9
    print(f"\np95: {alarms:.0%} false alarms, {found:.0%} of the slowdowns found: {'as promised' if kept else 'not what was promised'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
