"""Files that last: written whole, synced with the folders they stand in, and locked while their writer lives."""

from __future__ import annotations

import os
import time
from errno import ENOTDIR
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 2.0
"""Seconds that a reader, who looks whether a file is locked, may stand in the way of whoever locks it."""


def write(file: int, data: bytes) -> None:
    """Write all of *data*. Raises OSError when it does not fit; then a part of it may be written."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def make_folder(folder: Path) -> None:
    """Make it with its parents, each of them synced, so that the path lasts as well as the file. Raises OSError."""
    if not folder.is_dir():
        if folder.exists():
            raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(folder))
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in it last, where folders can be synced. Raises OSError."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def hold(file: int) -> bool:
    """Lock it until it is closed, whatever ends this process: false when a process that lives holds it.

    Where files cannot be locked (Windows, some network file systems) nobody is kept from it.
    """
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:
        return True
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        except OSError:
            return True
        else:
            return True


def is_held(path: Path) -> bool:
    """Whether a process that lives holds it. False where files cannot be locked, and of one that cannot be read."""
    try:
        from fcntl import LOCK_NB, LOCK_SH, flock

        with path.open("rb") as file:
            flock(file, LOCK_SH | LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False


def remove_unheld(path: Path) -> bool:
    """Remove a file that no process holds; whether it was removed. Who waits for its lock meanwhile finds the name gone. Raises OSError."""
    if os.name == "nt":  # nothing that is open can be removed there, by us or by anyone
        path.unlink()
        return True
    file = os.open(path, os.O_RDWR)
    try:
        if is_held(path) or not hold(file):
            return False
        path.unlink()
    finally:
        os.close(file)
    return True
