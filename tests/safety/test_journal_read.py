"""A journal that is read: torn at its end, damaged, taken up again, and held by a run that lives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.disk import is_held, remove_unheld
from pytest_cio_load.safety.journal import Content, Journal, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

posix = pytest.mark.skipif(sys.platform == "win32", reason="files cannot be locked")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """One that is written."""
    made = Journal(tmp_path / "r.jsonl", {"version": 1})
    yield made
    made.close()



def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    """Its writer was killed in the middle of it, so it was never said to be on disk; that it is there is said."""
    content = read(_write(tmp_path / "r.jsonl", b'{"version":1}\n{"named":"a"}\n{"named":"b'))
    assert content == Content({"version": 1}, ({"named": "a"},), torn=True, whole=28)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{"version":1}\n{"named":"a\n{"named":"b"}\n', 2),
        (b'{"version":1}\n{"named":"a"}\n\n{"named":"b"}\n', 3),
        (b'{"version":1}\n["named"]\n', 2),
        (b'{"version":1}\n\xff\xfe\n', 2),
        (b'{"version":1}\n' + b"\0" * 9 + b"\n", 2),
        (b'{"version":1}\n' + b"[" * 100_000 + b"\n", 2),
        (b"nonsense\n{}\n", 1),
    ],
    ids=["cut", "blank", "no-object", "no-text", "zeros", "deep", "header"],
)
def test_a_line_that_makes_no_sense(tmp_path: Path, content: bytes, line: int) -> None:
    """Names the line; who stands in it cannot be known, so nothing is guessed."""
    message = f"ledger r.jsonl, line {line}: got no JSON object; expected the line as it was written; put the file back as it was"
    with pytest.raises(LedgerError, match=message):
        read(_write(tmp_path / "r.jsonl", content))


@pytest.mark.parametrize("content", [b"", b'{"vers'], ids=["empty", "torn"])
def test_one_without_a_header(tmp_path: Path, content: bytes) -> None:
    """Got, expected, nearest."""
    message = "ledger r.jsonl, line 1: got nothing whole; expected a header; it was killed before it had made anyone up.*can be deleted"
    with pytest.raises(LedgerError, match=message):
        read(_write(tmp_path / "r.jsonl", content))


def test_one_that_is_not_there(tmp_path: Path) -> None:
    """Got, expected, nearest."""
    message = "got 'No such file or directory' while reading '.*r.jsonl'; expected a ledger; look for it with cio-load cleanup --list"
    with pytest.raises(LedgerError, match=message):
        read(tmp_path / "r.jsonl")


@given(cut=st.integers(0, 60))
def test_cut_anywhere_the_whole_lines_are_read(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """A prefix of the file gives a prefix of the entries."""
    lines = [b'{"version":1}\n', b'{"named":"a"}\n', b'{"named":"b"}\n', b'{"named":"c"}\n']
    content = b"".join(lines)[: max(len(lines[0]), cut)]
    found = read(_write(tmp_path_factory.mktemp("cut") / "r.jsonl", content))
    assert [entry["named"] for entry in found.entries] == ["a", "b", "c"][: content.count(b"\n") - 1]
    assert found.torn == (not content.endswith(b"\n"))


# Taking one up again.


def test_a_journal_is_taken_up_again(journal: Journal) -> None:
    """What it held stays, and more is appended."""
    journal.append({"named": "a"})
    journal.close()
    again = Journal.reopen(journal.path)
    again.append({"named": "b"}).wait()
    again.close()
    assert [entry["named"] for entry in read(journal.path).entries] == ["a", "b"]


def test_a_torn_line_is_cut_off_before_more_is_appended(tmp_path: Path) -> None:
    """Else it would stand in the middle, where it makes no sense."""
    path = _write(tmp_path / "r.jsonl", b'{"version":1}\n{"named":"a"}\n{"named":"b')
    again = Journal.reopen(path)
    again.append({"named": "c"})
    again.close()
    assert read(path).entries == ({"named": "a"}, {"named": "c"})
    assert not read(path).torn


@posix
def test_one_that_is_being_written_is_not_taken_up(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Got, expected, nearest."""
    monkeypatch.setattr("pytest_cio_load.safety.disk._PATIENCE", 0)
    message = "ledger r.jsonl: got one that a run which lives is writing; expected one that nobody holds; wait for that run, or stop it"
    with pytest.raises(LedgerError, match=message):
        Journal.reopen(journal.path)


def test_a_damaged_one_is_not_taken_up(tmp_path: Path) -> None:
    """Nor changed."""
    path = _write(tmp_path / "r.jsonl", b'{"version":1}\nnonsense\n{"na')
    with pytest.raises(LedgerError, match="line 2"):
        Journal.reopen(path)
    assert path.read_bytes().endswith(b'{"na')


def test_taking_up_one_that_is_not_there(tmp_path: Path) -> None:
    """Got, expected, nearest."""
    with pytest.raises(LedgerError, match="got 'No such file or directory' while reading"):
        Journal.reopen(tmp_path / "r.jsonl")


@posix
def test_one_that_is_removed_while_its_lock_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written where nobody would find it."""
    path = _write(tmp_path / "r.jsonl", b'{"version":1}\n')

    def remove(file: int) -> bool:
        path.unlink()
        return True

    monkeypatch.setattr("pytest_cio_load.safety.journal.hold", remove)
    with pytest.raises(LedgerError, match="got 'No such file or directory' while writing"):
        Journal.reopen(path)


# Locks.


@posix
def test_it_is_held_while_it_is_open(journal: Journal) -> None:
    """So that a reader can tell a run that lives."""
    assert is_held(journal.path)
    journal.close()
    assert not is_held(journal.path)


@posix
def test_what_is_held_is_not_removed(journal: Journal) -> None:
    """What nobody holds is."""
    assert not remove_unheld(journal.path)
    assert journal.path.exists()
    journal.close()
    assert remove_unheld(journal.path)
    assert not journal.path.exists()


@posix
def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell there, and nobody is kept from running."""
    import fcntl

    def refuse(file: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    journal = Journal(tmp_path / "r.jsonl", {"version": 1})
    journal.append({"named": "x"}).wait()
    assert not is_held(journal.path)
    journal.close()


def test_what_is_not_there_is_not_held(tmp_path: Path) -> None:
    """Nor is it an error."""
    assert not is_held(tmp_path / "r.jsonl")


@posix
def test_a_process_that_was_forked_off(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has no thread that writes, so it is told at once."""
    monkeypatch.setattr("pytest_cio_load.safety.journal.os.getpid", lambda: -1)
    ticket = journal.append({"named": "x"})
    monkeypatch.undo()
    with pytest.raises(LedgerError, match="from a process that was forked off; expected the one that began it; make people up there"):
        ticket.wait()
