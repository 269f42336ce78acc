"""The ledgers on disk: begun, found, read, taken up again, and removed when they are long done with."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.header import Header, new_header
from pytest_cio_load.safety.ledgers import Held, begin, read

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


# Beginning one.


def test_the_first_people_are_on_disk_before_the_run(tmp_path: Path) -> None:
    """With the header, in a file that is called after the run."""
    ledger = begin(tmp_path / ".cio-load" / "ledger", HEADER)
    path = tmp_path / ".cio-load" / "ledger" / "20261124-142501-3f9a1c.jsonl"
    assert ledger.journal.path == path
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        {"version": 1, **asdict(HEADER)},
        {"reserved": [0, 1_000]},
    ]
    ledger.close()


def test_git_is_told_to_ignore_them(tmp_path: Path) -> None:
    """With the first one; what an author wrote there stays."""
    begin(tmp_path, HEADER).close()
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "*\n"
    (tmp_path / ".gitignore").write_text("mine\n", encoding="utf-8")
    begin(tmp_path, _run(1)).close()
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "mine\n"


def test_a_run_has_one_ledger(tmp_path: Path) -> None:
    """Got, expected, nearest."""
    begin(tmp_path, HEADER).close()
    with pytest.raises(LedgerError, match="is there already; expected a run of its own name; begin another run"):
        begin(tmp_path, HEADER)


def test_people_by_email_are_read_back(tmp_path: Path) -> None:
    """Those who have no other name than their email, from blocks of their own."""
    path = _file(tmp_path, {"reserved": [0, 2]}, {"emails": [0, 2]}, {"emails": [2, 3]})
    held = read(path)
    assert held.emails == ((0, 3),)
    assert held.identifiers() == [*(f"{PREFIX}-{n}" for n in range(2)), *(f"{PREFIX}-{n}@example.com" for n in range(3))]
    assert held.people_reserved == 5


def test_a_ledger_whose_first_block_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves no file: nobody was made up, so there is nothing to clean up."""

    def fail(file: int, data: bytes) -> None:
        if b"reserved" in data:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_cio_load.safety.journal.write", fail)
    with pytest.raises(LedgerError, match="No space left on device"):
        begin(tmp_path, HEADER)
    assert list(tmp_path.glob("*.jsonl")) == []


def test_a_new_run_has_a_name_of_its_own() -> None:
    """And a prefix of its own; both in the form that everyone knows."""
    headers = [new_header(test="t", site=SITE, environment_id=1, region="eu") for _ in range(100)]
    assert len({header.prefix for header in headers}) == len({header.run for header in headers}) == 100
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", headers[0].run)
    assert re.fullmatch(r"cio-load-[0-9a-f]{8}", headers[0].prefix)
    assert headers[0].attribute == "cio_load_run"
    assert headers[0].started.endswith("+00:00")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"run": "../../x"}, "run: got '../../x'; expected one such as 20261124-142501-3f9a1c; try new_header()"),
        ({"run": ""}, "run: got ''; expected one such as 20261124-142501-3f9a1c; try new_header()"),
        ({"prefix": "user"}, "prefix: got 'user'; expected one such as cio-load-3f9a1c07; try new_header()"),
        ({"prefix": None}, "prefix: got None; expected one such as cio-load-3f9a1c07; try new_header()"),
        (
            {"site": "a-site-id"},
            "site: got something else; expected one such as the hash of a site id, 64 hexadecimal digits; try new_header()",
        ),
        ({"test": 7}, "test: got 7; expected text; try new_header()"),
        ({"environment_id": "7"}, "environment_id: got '7'; expected a whole number; try new_header()"),
        ({"environment_id": True}, "environment_id: got True; expected a whole number; try new_header()"),
    ],
)
def test_a_header_that_makes_no_sense(said: dict[str, Any], message: str) -> None:
    """Got, expected, nearest; and never the site id itself."""
    with pytest.raises(ValueError, match="expected") as caught:
        replace(HEADER, **said)
    assert str(caught.value) == message


# Reading one.


def test_what_a_ledger_holds(tmp_path: Path) -> None:
    """Header, everyone who may exist, and that it is still one to clean up."""
    ledger = begin(tmp_path, HEADER, block=3)
    for index in range(3):
        ledger.user(index)
    ledger.note(f"{PREFIX}-mother").wait()
    ledger.close()
    held = read(tmp_path / f"{HEADER.run}.jsonl")
    assert held == Held(**asdict(HEADER), reserved=((0, 6),), named=(f"{PREFIX}-mother",))
    assert held.identifiers() == [*(f"{PREFIX}-{index}" for index in range(6)), f"{PREFIX}-mother"]
    assert (held.people_reserved, held.is_cleaned) == (6, False)


@pytest.mark.parametrize(
    ("reserved", "joined"),
    [
        ([], ()),
        ([(0, 3), (3, 6)], ((0, 6),)),
        ([(5, 6), (0, 3)], ((0, 3), (5, 6))),
        ([(0, 10), (2, 4), (9, 12), (0, 10)], ((0, 12),)),
    ],
)
def test_everyone_stands_in_it_once(tmp_path: Path, reserved: list[tuple[int, int]], joined: tuple[tuple[int, int], ...]) -> None:
    """However the blocks lie, and whoever is named as well."""
    held = read(_file(tmp_path, *({"reserved": block} for block in reserved), {"named": f"{PREFIX}-1"}, {"named": f"{PREFIX}-1"}))
    assert held.reserved == joined
    assert len(held.identifiers()) == len(set(held.identifiers())) == max(1, held.people_reserved)


def test_a_torn_line_is_told(tmp_path: Path) -> None:
    """Nobody in it was sent."""
    path = _file(tmp_path, {"reserved": [0, 2]})
    path.write_bytes(path.read_bytes() + b'{"named":"cio-lo')
    held = read(path)
    assert held.torn
    assert held.identifiers() == [f"{PREFIX}-0", f"{PREFIX}-1"]


@pytest.mark.parametrize(
    ("lines", "is_cleaned"),
    [
        ([], False),
        ([{"cleaned": CLEAN, "at": ""}], True),
        ([{"cleaned": {"left": 0, "verified": False}}], False),
        ([{"cleaned": {"left": 1, "verified": True}}], False),
        ([{"cleaned": {}}], False),
        ([{"cleaned": {"left": 1, "verified": True}}, {"cleaned": CLEAN}], True),
        ([{"cleaned": CLEAN}, {"cleaned": {"left": 1, "verified": True}}], False),
        ([{"cleaned": CLEAN}, {"named": f"{PREFIX}-late"}], False),
        ([{"cleaned": CLEAN}, {"reserved": [0, 1]}], False),
    ],
)
def test_when_it_is_done_with(tmp_path: Path, lines: list[dict[str, Any]], is_cleaned: bool) -> None:
    """Only with nobody left, that looked up, and nobody made up after it."""
    assert read(_file(tmp_path, *lines)).is_cleaned == is_cleaned


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"named": "somebody"},
        {"named": "somebody@example.com"},
        {"named": f"{PREFIX}-1@somebody.com"},
        {"named": 7},
        {"reserved": [5, 5]},
        {"reserved": [-1, 5]},
        {"reserved": [0, 10**12]},
        {"reserved": [0, 1.5]},
        {"reserved": [0]},
        {"reserved": "0-5"},
        {"cleaned": True},
        {"something": "else"},
    ],
)
def test_an_entry_that_makes_no_sense(tmp_path: Path, entry: dict[str, Any]) -> None:
    """Names its line: whoever stands in a ledger is deleted, so nobody is read into it."""
    expected = f"people reserved, a name that begins with '{PREFIX}-', or an outcome; put the file back as it was"
    with pytest.raises(LedgerError) as caught:
        read(_file(tmp_path, {"reserved": [0, 5]}, entry, {"cleaned": CLEAN}))
    assert str(caught.value) == f"ledger {HEADER.run}.jsonl, line 3: got none of a ledger's entries; expected {expected}"


@pytest.mark.parametrize(
    ("said", "got"),
    [
        ({"version": 2}, "got version 2; expected version 1; clean up with the pytest-cio-load that wrote it"),
        ({"version": None}, "got no version; expected version 1; clean up with the pytest-cio-load that wrote it"),
        ({"prefix": "user"}, "got a header that makes no sense; expected it as it was written (prefix: got 'user'"),
        ({"environment_id": "1001"}, "got a header that makes no sense; expected it as it was written (environment_id: got '1001'"),
    ],
)
def test_a_first_line_that_makes_no_sense(tmp_path: Path, said: dict[str, Any], got: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(LedgerError) as caught:
        read(_file(tmp_path, first=json.dumps({"version": 1, **asdict(HEADER), **said})))
    assert str(caught.value).startswith(f"ledger {HEADER.run}.jsonl, line 1: {got}")


def test_a_first_line_that_lacks_something(tmp_path: Path) -> None:
    """Got, expected, nearest."""
    first = {name: value for name, value in asdict(HEADER).items() if name != "site"}
    message = "line 1: got no site; expected the header as it was written; put the file back as it was"
    with pytest.raises(LedgerError, match=message):
        read(_file(tmp_path, first=json.dumps({"version": 1, **first})))


NEARLY = st.dictionaries(st.sampled_from(["named", "reserved", "cleaned"]), st.integers() | st.text() | st.lists(st.integers()))


@given(lines=st.lists(st.text() | NEARLY.map(json.dumps)))
def test_whatever_stands_there_nobody_real_is_read(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    """It is read as what it is, or refused."""
    path = tmp_path_factory.mktemp("any") / "r.jsonl"
    path.write_bytes("\n".join([FIRST, *lines]).encode(errors="replace"))
    try:
        held = read(path)
    except LedgerError:
        return
    assert all(identifier.startswith(f"{PREFIX}-") for identifier in held.identifiers())
