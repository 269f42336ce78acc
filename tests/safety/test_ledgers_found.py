"""The ledgers of a folder: found, removed when they are long done with, and taken up again to clean up."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.header import Header
from pytest_cio_load.safety.ledgers import KEPT, begin, ledgers_in, prune, read, resume

PREFIX = "cio-load-3f9a1c07"
SITE = "0123456789abcdef" * 4
HEADER = Header(
    "20261124-142501-3f9a1c", PREFIX, "cio_load_run", "tests/test_it.py::test_it", SITE, 1001, "us", "2026-11-24T14:25:01.000+00:00"
)
CLEAN = {"left": 0, "verified": True}
FIRST = json.dumps({"version": 1, **asdict(HEADER)})


def _file(folder: Path, *lines: str | dict[str, Any], name: str = HEADER.run, first: str = FIRST) -> Path:
    """A ledger as it would be on disk."""
    texts = [first, *(line if isinstance(line, str) else json.dumps(line) for line in lines)]
    path = folder / f"{name}.jsonl"
    path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    return path


def _run(number: int) -> Header:
    return replace(HEADER, run=f"run-{number:03}", started=f"2026-11-24T14:{number:02}:00.000+00:00")


def _done(folder: Path, number: int, outcome: dict[str, object]) -> Path:
    header = _run(number)
    return _file(folder, {"cleaned": outcome, "at": ""}, name=header.run, first=json.dumps({"version": 1, **asdict(header)}))



def test_no_folder_no_ledgers(tmp_path: Path) -> None:
    """Nor an error."""
    assert ledgers_in(tmp_path / "nowhere") == []


def test_what_is_known_of_each(tmp_path: Path) -> None:
    """Without reading it once more."""
    ledger = begin(tmp_path, HEADER, block=10)
    ledger.note(f"{PREFIX}-mother").wait()
    ledger.close()
    (entry,) = ledgers_in(tmp_path)
    assert (entry.run, entry.path, entry.started) == (HEADER.run, tmp_path / f"{HEADER.run}.jsonl", HEADER.started)
    assert (entry.test, entry.site, entry.environment_id, entry.region) == (HEADER.test, SITE, 1001, "us")
    assert (entry.people_reserved, entry.named, entry.is_live, entry.is_cleaned, entry.problem) == (10, 1, False, False, "")


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be locked")
def test_a_run_that_lives(tmp_path: Path) -> None:
    """Until it lets go of its ledger."""
    ledger = begin(tmp_path, HEADER)
    assert [entry.is_live for entry in ledgers_in(tmp_path)] == [True]
    ledger.cleaned(CLEAN)
    ledger.close()
    assert [(entry.is_live, entry.is_cleaned) for entry in ledgers_in(tmp_path)] == [(False, True)]


def test_the_oldest_comes_first(tmp_path: Path) -> None:
    """Whatever they are called; other files are none."""
    for number in (2, 0, 1):
        _done(tmp_path, number, CLEAN)
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    assert [entry.run for entry in ledgers_in(tmp_path)] == ["run-000", "run-001", "run-002"]


def test_a_damaged_one_is_shown_with_its_problem(tmp_path: Path) -> None:
    """People may be left by it, so it is neither left out nor in the way of the others."""
    _file(tmp_path, "nonsense", name="damaged")
    _done(tmp_path, 1, CLEAN)
    damaged, other = ledgers_in(tmp_path)
    assert (damaged.run, damaged.is_cleaned) == ("damaged", False)
    assert damaged.problem.startswith("ledger damaged.jsonl, line 2: got no JSON object")
    assert other.problem == ""


@pytest.mark.parametrize("content", [b"", b'{"version":1,"run'], ids=["empty", "torn"])
def test_one_that_was_killed_while_it_began(tmp_path: Path, content: bytes) -> None:
    """It made nobody up, so there is nothing to tell."""
    (tmp_path / "r.jsonl").write_bytes(content)
    assert ledgers_in(tmp_path) == []


def test_a_ledger_that_cannot_be_opened(tmp_path: Path) -> None:
    """Is shown with its problem."""
    (tmp_path / "r.jsonl").mkdir()
    (entry,) = ledgers_in(tmp_path)
    assert "expected a ledger" in entry.problem


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """Got, expected, nearest."""
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match=r"while reading '.*file'; expected the folder of ledgers; grant access, or name another folder"):
        ledgers_in(tmp_path / "file")


# Removing them.


def test_the_newest_that_are_done_with_are_kept(tmp_path: Path) -> None:
    """Whichever are older go."""
    paths = [_done(tmp_path, number, CLEAN) for number in range(KEPT + 3)]
    assert prune(tmp_path) == paths[:3]
    assert sorted(tmp_path.iterdir()) == paths[3:]


def test_what_is_not_done_with_stays(tmp_path: Path) -> None:
    """However old, and however many there are; a damaged one as well."""
    dirty = [_done(tmp_path, number, {"left": 1, "verified": True}) for number in range(5)]
    dirty.append(_file(tmp_path, "nonsense", name="damaged"))
    for number in range(10, 10 + KEPT + 1):
        _done(tmp_path, number, CLEAN)
    assert [path.stem for path in prune(tmp_path)] == ["run-010"]
    assert all(path.exists() for path in dirty)


def test_beginning_one_removes_the_oldest(tmp_path: Path) -> None:
    """So that nobody needs to."""
    for number in range(KEPT + 2):
        _done(tmp_path, number, CLEAN)
    begin(tmp_path, HEADER).close()
    assert len(list(tmp_path.glob("*.jsonl"))) == KEPT + 1


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be locked")
def test_one_that_is_written_is_not_removed(tmp_path: Path) -> None:
    """Its run may not be over."""
    ledger = begin(tmp_path, replace(_run(0), prefix="cio-load-00000000"))
    ledger.cleaned(CLEAN)
    for number in range(1, KEPT + 2):
        _done(tmp_path, number, CLEAN)
    assert [path.stem for path in prune(tmp_path)] == ["run-001"]
    ledger.close()
    assert [path.stem for path in prune(tmp_path)] == ["run-000"]


# Taking one up again.


def test_a_ledger_is_taken_up_to_clean_up(tmp_path: Path) -> None:
    """Everyone in it is noted, one more can be, and the end is written down."""
    ledger = begin(tmp_path, HEADER, most=2)
    ledger.user(0)
    ledger.note(f"{PREFIX}-mother").wait()
    ledger.close()
    path = ledger.journal.path
    again = resume(path)
    assert [user.id for user in again.noted] == [f"{PREFIX}-0", f"{PREFIX}-1", f"{PREFIX}-mother"]
    assert again.prefix == PREFIX
    again.note(f"{PREFIX}-witness").wait()
    again.cleaned({**CLEAN, "deleted": 4})
    again.close()
    held = read(path)
    assert held.is_cleaned
    assert held.outcome == {**CLEAN, "deleted": 4}
    assert f"{PREFIX}-witness" in held.identifiers()


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be locked")
def test_two_do_not_clean_up_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told."""
    monkeypatch.setattr("pytest_cio_load.safety.disk._PATIENCE", 0)
    begin(tmp_path, HEADER).close()
    first = resume(tmp_path / f"{HEADER.run}.jsonl")
    with pytest.raises(LedgerError, match="got one that a run which lives is writing"):
        resume(first.journal.path)
    first.close()


def test_a_damaged_one_is_not_taken_up(tmp_path: Path) -> None:
    """And is let go of again."""
    path = _file(tmp_path, {"named": "somebody"})
    for _ in range(2):
        with pytest.raises(LedgerError, match="line 2: got none of a ledger's entries"):
            resume(path)
