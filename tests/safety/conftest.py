"""What the tests of the ledger on disk share: ledgers that are closed again, and disks that hang or fail."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest

from pytest_cio_load.safety.journal import Journal
from pytest_cio_load.safety.ledger import DurableLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SYNC = "pytest_cio_load.safety.journal.os.fsync"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., DurableLedger]]:
    """Makes ledgers on disk, with the prefix ``cio-load-3f9a1c07``, and closes them."""
    made: list[DurableLedger] = []

    def new(**said: object) -> DurableLedger:
        journal = Journal(tmp_path / f"{len(made)}.jsonl", {"version": 1})
        made.append(DurableLedger(journal, "cio-load-3f9a1c07", **said))  # type: ignore[arg-type]
        return made[-1]

    yield new
    for ledger in made:
        ledger.close()


class Gate:
    """Syncs of the disk that wait until it opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.reached, self.count = Event(), Event(), 0

        def fsync(file: int) -> None:
            self.count += 1
            self.reached.set()
            assert self.opened.wait(30)

        monkeypatch.setattr(SYNC, fsync)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Gate]]:
    """Lets the disk hang from now on, until the gate that it gives is opened."""
    made: list[Gate] = []

    def hang() -> Gate:
        made.append(Gate(monkeypatch))
        return made[-1]

    yield hang
    for each in made:
        each.opened.set()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets the disk be full from now on."""

    def fail(file: int) -> None:
        raise OSError(28, "No space left on device")

    return lambda: monkeypatch.setattr(SYNC, fail)
