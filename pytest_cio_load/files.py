"""Writing a file in one step: whoever reads meanwhile, or after a crash, finds the old one or the new one, whole."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_whole(path: str | Path, data: bytes) -> None:
    """Write *data* to *path*, under another name first, and synced; folders on the way are made. A link stays one.

    What is no ordinary file, such as ``/dev/stdout``, is written as it is.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        place.write_bytes(data)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    passing = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
    try:
        with passing.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(place)
    except BaseException:
        passing.unlink(missing_ok=True)
        raise
    _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # there, a folder cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system can
            os.fsync(handle)
    finally:
        os.close(handle)
