"""The allow-list as a file: read whole or refused, and written in one step."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from pytest_cio_load.errors import Problem
from pytest_cio_load.safety import allowlist
from pytest_cio_load.safety.allowlist import Entry, hash_of, load, write

DAY = date(2026, 11, 24)
ENTRY = Entry(hash_of("5f1c0aa7d2b94e38"), 1001, "us", "Staging", DAY)
OTHER = Entry(hash_of("another"), 1002, "eu", None, DAY)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """In a folder that is made."""
    path = tmp_path / ".cio-load" / "allow.json"
    write(path, [ENTRY, OTHER])
    assert load(path) == (ENTRY, OTHER)


def test_no_file(tmp_path: Path) -> None:
    """The remedy is the command that writes one."""
    path = tmp_path / "allow.json"
    fix = "run: cio-load allow --environment-id NUMBER, and commit the file"
    assert load(path) == Problem("allow-list", f"no file {path}", "one that lists the test workspace", fix)


def test_a_folder(tmp_path: Path) -> None:
    """Is no file."""
    found = load(tmp_path)
    assert isinstance(found, Problem)
    assert found.got == f"a folder at {tmp_path}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe(tmp_path: Path) -> None:
    """Is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    found = load(tmp_path / "pipe")
    assert isinstance(found, Problem)
    assert found.got == f"no regular file at {tmp_path / 'pipe'}"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so it is the reading that fails here."""
    path = tmp_path / "allow.json"
    write(path, [ENTRY])

    def deny(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", deny)
    found = load(path)
    assert isinstance(found, Problem)
    assert found.got == f"{path}, which cannot be read (Permission denied)"
    assert found.nearest == "let it be read, or name another by cio_allow_file"


def test_a_path_that_is_none() -> None:
    """An ini file may hold anything."""
    found = load(Path("a\0b"))
    assert isinstance(found, Problem)
    assert "which cannot be read (no path)" in found.got


def test_a_file_that_is_far_too_long(tmp_path: Path) -> None:
    """It is not read."""
    path = tmp_path / "allow.json"
    path.write_bytes(b" " * (allowlist.LONGEST + 1))
    found = load(path)
    assert isinstance(found, Problem)
    assert found.got == f"1,000,001 bytes in {path}"


def test_writing_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, and nothing beside it."""
    path = tmp_path / "allow.json"
    write(path, [ENTRY])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, [ENTRY, OTHER])
    assert load(path) == (ENTRY,)
    assert list(tmp_path.iterdir()) == [path]


def test_writing_goes_through_a_link(tmp_path: Path) -> None:
    """Which stays one."""
    real, link = tmp_path / "real.json", tmp_path / "allow.json"
    write(real, [ENTRY])
    link.symlink_to(real)
    write(link, [OTHER])
    assert link.is_symlink()
    assert load(real) == (OTHER,)
