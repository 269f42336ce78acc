"""Send a million lines with `cio-load send`, kill it three times, go on each time, and see that every line was applied once.

    python examples/send_million.py [--lines N] [--kills N] [--seed N]

The other side is the fake, served on loopback. Half of the lines identify people, the others are their events; people come back all over
the file. Prints what each process did, its memory at several points, and what the fake found.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pytest_cio_load.fake.served import ServedFake

COMMAND = [sys.executable, "-m", "pytest_cio_load.cli", "send"]
WATCHED = (0.1, 0.5, 1.0)
"""Parts of the file at which memory is looked at."""


def write_lines(path: Path, lines: int) -> dict[str, int]:
    """Write the file; the number that each person must have at the end."""
    people = max(1, lines // 5)
    last: dict[str, int] = {}
    with path.open("w", encoding="utf-8") as file:
        for number in range(lines):
            person = f"u{number * 7919 % people}"
            line: dict[str, object]
            if number % 2:
                line = {"type": "track", "userId": person, "name": "bought", "data": {"n": number}}
            else:
                last[person] = number
                attributes = {"email": f"{person}@example.com", "plan": "pro", "n": number}
                line = {"type": "person", "action": "identify", "identifiers": {"id": person}, "attributes": attributes}
            file.write(json.dumps(line) + "\n")
    return last


@dataclass
class Memory:
    """What a process held, in MB, when the file was done to one of the parts; and the most."""

    at: dict[float, float]
    most: float = 0.0

    def look(self, pid: int, done: float) -> None:
        """Look now. Only where there is a /proc."""
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            held = next(int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS"))
        except (OSError, StopIteration):  # it has just ended
            return
        self.most = max(self.most, held)
        for part in WATCHED:
            if done >= part - 0.02 and (part not in self.at or part == WATCHED[-1]):
                self.at[part] = held


def run_once(file: Path, url: str, lines: int, kill_at: float | None, *, resume: bool, pause: float) -> tuple[int, Memory, float]:
    """Run the command to its end, or kill it *pause* seconds after its journal says that it has come to a part of the file."""
    environment = {**os.environ, "CIO_SITE_ID": "fake-site-id", "CIO_TRACK_API_KEY": "fake-api-key"}
    began, journal, memory = time.monotonic(), Path(f"{file}.cio-load") / "progress.json", Memory({})
    before = _done(journal, lines)
    process = subprocess.Popen([*COMMAND, str(file), "--url", url, "--quiet", *["--resume"] * resume], env=environment)
    while process.poll() is None:
        done = _done(journal, lines)
        if done > before:  # what it held before it had sent anything says nothing
            memory.look(process.pid, done)
        if kill_at is not None and done >= kill_at and done > before:
            time.sleep(pause)
            process.kill()
            process.wait()
        time.sleep(0.02)
    return process.returncode, memory, time.monotonic() - began


def _done(journal: Path, lines: int) -> float:
    return float(json.loads(journal.read_text())["place"]["last"]) / lines if journal.exists() else 0.0


def main() -> int:
    """Measure and check: 0 when every line was applied once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    rng = Random(said.seed)
    with tempfile.TemporaryDirectory() as folder, ServedFake([{"limit": 100_000, "latency": "0ms"}]) as fake:
        file = Path(folder) / "lines.jsonl"
        last = write_lines(file, said.lines)
        print(f"{said.lines:,} lines, {file.stat().st_size / 1e6:,.0f} MB")
        whole = 0.0
        kills = [*sorted(rng.uniform(0.05, 0.9) for _ in range(said.kills)), None]
        for number, kill_at in enumerate(kills):
            code, memory, seconds = run_once(file, fake.url, said.lines, kill_at, resume=number > 0, pause=rng.uniform(0, 0.9))
            whole += seconds
            held = ", ".join(f"{part:.0%}: {mb:.1f} MB" for part, mb in memory.at.items())
            print(f"process {number + 1}: exit code {code} after {seconds:.1f} s; memory at {held}; at most {memory.most:.1f} MB")
        counts, people = fake.delivery(), fake.people
        events = [event.data["n"] for event in fake.events]
        print(f"in all {whole:.1f} s; {counts.received:,} operations arrived, {counts.duplicates:,} events were recognised as sent before")
        once = sorted(events) == list(range(1, said.lines, 2))
        right = all(people[person]["n"] == number for person, number in last.items()) and len(people) >= len(last)
        print(f"{len(events):,} events applied, each line's once: {once}")
        print(f"{len(last):,} people identified, all as of their last line: {right}")
        return 0 if once and right and counts.rejected == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
