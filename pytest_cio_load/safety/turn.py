"""Loads on the wall clock take turns: next to each other on one machine they would measure each other.

pytest-xdist runs one test per worker process at a time, so a lock shared by the workers of one run is all it takes.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Hold the turn while the block runs, if this is a worker of pytest-xdist and *alone* is asked for."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if not alone or run is None:
        yield
        return
    try:
        from fcntl import LOCK_EX, LOCK_UN, flock
    except ImportError:  # no such locks on Windows: there, --dist loadgroup keeps marked tests on one worker
        yield
        return
    with (Path(tempfile.gettempdir()) / f"cio-load-{run}.lock").open("w") as file:
        flock(file, LOCK_EX)
        try:
            yield
        finally:
            flock(file, LOCK_UN)
