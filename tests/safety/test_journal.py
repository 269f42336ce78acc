"""The journal: what it says is on disk can be read back, and what cannot be written is never said to be."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.journal import Content, Journal, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEADER = {"version": 1, "run": "r"}
posix = pytest.mark.skipif(sys.platform == "win32", reason="files of this kind, or locks, are not there")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal in a folder that it had to make."""
    made = Journal(tmp_path / "some" / "folder" / "r.jsonl", HEADER)
    yield made
    made.close()


class Gate(Protocol):
    """A disk that hangs until the gate is opened."""

    opened: Event
    reached: Event
    count: int


def _put_in_place(journal: Journal, other: int) -> None:
    """From now on the journal writes to *other*."""
    os.dup2(other, journal._file)
    os.close(other)


def test_it_begins_with_its_header(journal: Journal) -> None:
    """On disk when it is made, with nothing else."""
    assert read(journal.path) == Content(HEADER, (), torn=False, whole=journal.path.stat().st_size)


@posix
def test_nobody_else_may_read_it(journal: Journal) -> None:
    """Mode 0600, whatever the umask."""
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


@given(entries=st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), max_size=20))
def test_what_was_appended_is_read(tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, Any]]) -> None:
    """Any text, line ends among it, in order."""
    journal = Journal(tmp_path_factory.mktemp("journal") / "r.jsonl", HEADER)
    tickets = [journal.append(entry) for entry in entries]
    journal.close()
    assert list(read(journal.path).entries) == entries
    assert all(ticket.done for ticket in tickets)


def test_a_ticket_is_done_once_the_entry_is_synced(journal: Journal, gate: Callable[[], Gate]) -> None:
    """Written is not enough: a machine that loses power would have it no more."""
    held = gate()
    ticket = journal.append({"named": "x"})
    assert held.reached.wait(30)
    assert read(journal.path).entries == ({"named": "x"},)
    assert (ticket.done, ticket.error) == (False, None)
    held.opened.set()
    ticket.wait()
    assert ticket.done


def test_entries_that_gather_are_synced_at_once(journal: Journal, gate: Callable[[], Gate]) -> None:
    """A thousand that came while the disk was busy take one more sync."""
    held = gate()
    journal.append({"named": "first"})
    assert held.reached.wait(30)
    tickets = [journal.append({"named": str(number)}) for number in range(1_000)]
    held.opened.set()
    for ticket in tickets:
        ticket.wait()
    assert (held.count, journal.commits) == (2, 2)


def test_waiting_has_an_end(journal: Journal, gate: Callable[[], Gate]) -> None:
    """A disk that does not answer is told, not waited for."""
    held = gate()
    ticket = journal.append({"named": "x"})
    with pytest.raises(LedgerError, match=r"got no answer from the disk within 0\.01 s; expected a person on disk .*; look after the disk"):
        ticket.wait(0.01)
    held.opened.set()


def test_threads_share_it(journal: Journal) -> None:
    """No entry is lost, and none is written into another."""
    with ThreadPoolExecutor(8) as pool:
        for ticket in list(pool.map(lambda number: journal.append({"named": number}), range(2_000))):
            ticket.wait()
    assert sorted(entry["named"] for entry in read(journal.path).entries) == list(range(2_000))


def test_closing_writes_what_has_gathered(journal: Journal) -> None:
    """Twice is no error."""
    tickets = [journal.append({"named": number}) for number in range(100)]
    journal.close()
    journal.close()
    assert all(ticket.done for ticket in tickets)


def test_after_it_was_closed(journal: Journal) -> None:
    """Got, expected, nearest."""
    journal.close()
    ticket = journal.append({"named": "x"})
    message = r"got an entry for r\.jsonl after it was closed; expected it before; make people up within the run"
    with pytest.raises(LedgerError, match=message):
        ticket.wait()
    assert not ticket.done


def test_an_entry_that_json_cannot_say(journal: Journal) -> None:
    """Is refused where it is appended; the journal goes on."""
    with pytest.raises(TypeError):
        journal.append({"named": object()})
    journal.append({"named": "x"}).wait()


# A disk that fails.


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk(journal: Journal) -> None:
    """Got, expected, nearest; and it is not said to be on disk."""
    _put_in_place(journal, os.open("/dev/full", os.O_WRONLY))
    ticket = journal.append({"named": "x"})
    message = "got 'No space left on device' while writing '.*r.jsonl'; expected every made-up person on disk .*; make room or grant access"
    with pytest.raises(LedgerError, match=message):
        ticket.wait()
    assert not ticket.done


@posix
def test_a_sync_that_fails(journal: Journal) -> None:
    """A pipe takes what is written, and cannot be synced."""
    reading, writing = os.pipe()
    _put_in_place(journal, writing)
    ticket = journal.append({"named": "x"})
    with pytest.raises(LedgerError, match="got 'Invalid argument' while writing"):
        ticket.wait()
    assert not ticket.done
    os.close(reading)


def test_a_journal_that_failed_once_stays_broken(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next sync would succeed, with pages that the first one lost."""

    def fail(file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("pytest_cio_load.safety.journal.os.fsync", fail)
        first = journal.append({"named": "x"})
        with pytest.raises(LedgerError, match="Input/output error"):
            first.wait()
    later = journal.append({"named": "y"})
    assert (later.done, str(later.error)) == (False, str(first.error))


def test_all_that_gathered_fails_together(journal: Journal, gate: Callable[[], Gate], monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them was written before the disk was full, nobody asks."""
    held = gate()
    first = journal.append({"named": "first"})
    assert held.reached.wait(30)
    tickets = [journal.append({"named": number}) for number in range(10)]

    def fail(file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pytest_cio_load.safety.journal.os.fsync", fail)
    held.opened.set()
    first.wait()
    for ticket in tickets:
        with pytest.raises(LedgerError):
            ticket.wait()


def test_each_who_is_told_gets_an_error_of_their_own(journal: Journal) -> None:
    """One exception raised many times would gather tracebacks."""
    journal.close()
    ticket = journal.append({"named": "x"})
    raised = []
    for _ in range(2):
        with pytest.raises(LedgerError) as caught:
            ticket.wait()
        raised.append(caught.value)
    assert raised[0] is not raised[1]


def test_an_error_that_is_none_of_the_systems(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer goes on, so that nobody waits for it in vain."""

    def fail(file: int, data: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr("pytest_cio_load.safety.journal.write", fail)
    with pytest.raises(LedgerError, match="got 'MemoryError' while writing"):
        journal.append({"named": "x"}).wait()


LIMITED = """
import resource, sys
from pathlib import Path
from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.journal import Journal

journal = Journal(Path(sys.argv[1]), {"version": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, resource.RLIM_INFINITY))
for number in range(1_000):
    try:
        journal.append({"named": number}).wait()
    except LedgerError as error:
        print(error)
        break
    print(number)
"""


@posix
def test_a_file_that_may_grow_no_further(tmp_path: Path) -> None:
    """Whatever was said to be on disk is; the line that did not fit is torn."""
    path = tmp_path / "r.jsonl"
    ran = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, timeout=60, env=_environment())
    *told, said = ran.stdout.splitlines()
    assert "got 'File too large' while writing" in said
    content = read(path)
    assert [entry["named"] for entry in content.entries][: len(told)] == [int(number) for number in told]
    assert len(told) > 10
    assert content.torn


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@posix
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("file/r.jsonl", "Not a directory"),
        ("file/folder/r.jsonl", "Not a directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_place_where_it_cannot_be(tmp_path: Path, path: str, why: str) -> None:
    """Got, expected, nearest."""
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match=f"got '{why}' while writing '.*'; expected every made-up person on disk"):
        Journal(tmp_path / path, HEADER)


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """Got, expected, nearest."""
    tmp_path.chmod(0o500)
    with pytest.raises(LedgerError, match=r"got 'Permission denied'.*make room or grant access there, then run again"):
        Journal(tmp_path / "r.jsonl", HEADER)
    tmp_path.chmod(0o700)


def test_a_header_that_cannot_be_written_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody stands in it."""

    def fail(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_cio_load.safety.journal.os.fsync", fail)
    with pytest.raises(LedgerError, match="No space left on device"):
        Journal(tmp_path / "r.jsonl", HEADER)
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_there_already(journal: Journal) -> None:
    """Is never written over."""
    with pytest.raises(LedgerError, match=r"got '.*r\.jsonl', which is there already; expected a run of its own name; begin another run"):
        Journal(journal.path, HEADER)
    assert read(journal.path).header == HEADER
