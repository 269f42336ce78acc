"""Killed at any moment: whoever a run said to be on disk is in its ledger."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.safety.header import Header
from pytest_cio_load.safety.journal import Ticket
from pytest_cio_load.safety.ledgers import begin, ledgers_in, read, resume

PREFIX = "cio-load-3f9a1c07"
HEADER = Header("run", PREFIX, "cio_load_run", "t.py::t", "0" * 64, 1001, "us", "2026-11-24T14:25:01.000+00:00")

RUN = """
import sys
from itertools import count
from pathlib import Path
from threading import Thread
from pytest_cio_load.safety.header import new_header
from pytest_cio_load.safety.ledgers import begin

header = new_header(test="t.py::t", site="0" * 64, environment_id=1001, region="us")
ledger = begin(Path(sys.argv[1]), header, most=None, block=int(sys.argv[2]))

def tell(identifier):
    sys.stdout.write(identifier + "\\n")
    sys.stdout.flush()

def name(thread):
    for number in count():
        identifier = f"{header.prefix}-{thread}-{number}"
        ledger.note(identifier).wait()
        tell(identifier)

for thread in "ab":
    Thread(target=name, args=(thread,), daemon=True).start()
for index in count():
    tell(ledger.user(index).id)
    if index % 3 == 0:
        ledger.settle(ledger.user(index // 2).id)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL, and files cannot be locked")
@pytest.mark.parametrize("seed", range(6))
def test_whoever_was_told_is_in_the_ledger_of_a_run_that_was_killed(tmp_path: Path, seed: int) -> None:
    """Three threads make people up; SIGKILL comes at a random moment, and what was printed before it is read back."""
    rng = Random(seed)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", RUN, str(tmp_path), str(rng.choice((1, 2, 7, 100)))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(rng.randrange(1, 400))]
        assert all(told), "it ended by itself"
        assert [entry.is_live for entry in ledgers_in(tmp_path)] == [True]
        process.kill()
        told += process.stdout.readlines()
    (entry,) = ledgers_in(tmp_path)
    assert (entry.is_live, entry.is_cleaned, entry.problem) == (False, False, "")
    whole = {line.decode().strip() for line in told if line.endswith(b"\n")}
    assert whole <= set(read(entry.path).identifiers())
    again = resume(entry.path)
    assert whole <= {user.id for user in again.noted}
    again.close()


class Power:
    """Knows how much of a file would be there after a loss of power: at least what the last sync that ended had seen."""

    def __init__(self) -> None:
        self.synced = 0
        self._real = os.fsync

    def fsync(self, file: int) -> None:
        size = os.fstat(file).st_size
        self._real(file)
        self.synced = max(self.synced, size)


PEOPLE = st.tuples(st.just("user"), st.integers(0, 12))
NAMES = st.tuples(st.just("note"), st.integers(0, 5))
WAITS = st.tuples(st.just("wait"), st.integers(0, 20))
SETTLES = st.tuples(st.just("settle"), st.integers(0, 12))


@settings(max_examples=150)
@given(steps=st.lists(PEOPLE | NAMES | WAITS | SETTLES, max_size=30), block=st.integers(1, 5), torn=st.floats(0, 1))
def test_what_was_told_to_be_on_disk_is_read_back(steps: list[tuple[str, int]], block: int, torn: float) -> None:
    """Whatever was asked for in whatever order before the power went: from the synced part of the file on, any part of it may be lost."""
    power, told, tickets = Power(), set[str](), dict[str, Ticket]()
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        ledger = begin(Path(folder), HEADER, block=block)
        path = ledger.journal.path
        power.synced = path.stat().st_size
        patched.setattr("pytest_cio_load.safety.journal.os.fsync", power.fsync)
        for step, number in steps:
            if step == "user":
                told.add(ledger.user(number).id)
            elif step == "note":
                identifier = f"{PREFIX}-name-{number}"
                tickets[identifier] = ledger.note(identifier)
            elif step == "settle":
                ledger.settle(f"{PREFIX}-{number}")
            elif tickets:
                list(tickets.values())[number % len(tickets)].wait()
        told |= {identifier for identifier, ticket in tickets.items() if ticket.done}
        least, content = power.synced, path.read_bytes()
        ledger.close()
        path.write_bytes(content[: least + round(torn * (len(content) - least))])
        assert told <= set(read(path).identifiers())
