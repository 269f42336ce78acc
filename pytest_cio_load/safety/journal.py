"""An append-only file of JSON lines that outlives this process: whatever it has said is on disk can be read back after a kill.

One thread writes. It takes all that has gathered, writes it at once and syncs once, so that a thousand entries cost few syncs and whoever
appends waits for none. The first line is the header; an entry is a JSON object in a line of its own. While the journal is open it is
locked, so that a reader can tell a run that lives from one that was killed (where files can be locked: not on Windows).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.disk import hold, make_folder, sync_folder, write

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 30.0
"""Seconds that the disk has for an answer."""

_CLOSED = "ledger: got an entry for {} after it was closed; expected it before; make people up within the run"
_BINARY = getattr(os, "O_BINARY", 0)


class Ticket:
    """Says when an entry is on disk.

    Attributes:
        done: whether it is on disk, synced. Never true of an entry with an error.
        error: why it will never be, or None.
    """

    __slots__ = ("_landed", "done", "error")

    def __init__(self, landed: Condition, *, done: bool = False, error: LedgerError | None = None) -> None:
        self._landed = landed
        self.done = done
        self.error = error

    def wait(self, patience: float = PATIENCE) -> None:
        """Return once the entry is on disk.

        Args:
            patience: seconds that the disk has for it.

        Raises:
            LedgerError: it will never be, or is not within *patience*.
        """
        if self.done:
            return
        with self._landed:
            self._landed.wait_for(lambda: self.done or self.error is not None, patience)
        if self.error is not None:
            raise LedgerError(str(self.error))  # a new one each time: many may be told, each with a traceback of its own
        if not self.done:
            got = f"no answer from the disk within {patience:g} s"
            raise LedgerError(f"ledger: got {got}; expected a person on disk before they are sent; look after the disk, then run again")


class Journal:
    """Appends to one file. May be shared by threads and coroutines, not by processes.

    Args:
        path: of the file; must not exist yet. Folders that are missing are made.
        header: the first line.

    Attributes:
        path: as given.
        commits: how often entries were written and synced, the header not counted.

    Raises:
        LedgerError: the file is there already, or cannot be written and synced.
    """

    def __init__(self, path: Path, header: Mapping[str, object]) -> None:
        try:
            make_folder(path.parent)
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        except OSError as error:
            raise _unwritable(path, error) from None
        try:
            _take(file, path)
            write(file, _line(header))
            os.fsync(file)
            sync_folder(path.parent)
        except BaseException as error:
            os.close(file)
            with suppress(OSError):  # nobody stands in it
                path.unlink()
            if isinstance(error, OSError):
                raise _unwritable(path, error) from None
            raise
        self._open(path, file)

    @classmethod
    def reopen(cls, path: Path) -> Journal:
        """Append to a journal that is there. A line that its writer was killed in the middle of is cut off.

        Raises:
            LedgerError: it cannot be read or written, is damaged, or is held by a run that lives.
        """
        journal = cls.__new__(cls)
        try:
            file = os.open(path, os.O_RDWR | os.O_APPEND | _BINARY)
        except OSError as error:
            raise _unreadable(path, error) from None
        try:
            _take(file, path)
            if not os.path.samestat(os.fstat(file), os.stat(path)):
                raise FileNotFoundError(2, "it has just been removed")
            content = read(path)
            if content.torn:
                os.ftruncate(file, content.whole)
                os.fsync(file)
        except BaseException as error:
            os.close(file)
            if isinstance(error, OSError):
                raise _unwritable(path, error) from None
            raise
        journal._open(path, file)
        return journal

    def _open(self, path: Path, file: int) -> None:
        self.path, self._file = path, file
        self.commits = 0
        self._gathered: SimpleQueue[tuple[bytes, Ticket] | None] = SimpleQueue()
        self._landed = Condition()
        self._lock, self._closed, self._process = Lock(), False, os.getpid()
        self._broken: LedgerError | None = None
        # A daemon: a run that dies without closing its journal must not hang at its exit, and nothing said to be on disk is lost by it.
        self._writer = Thread(target=self._work, name="cio-load-ledger", daemon=True)
        self._writer.start()

    def append(self, entry: Mapping[str, object]) -> Ticket:
        """Ask for *entry* to be put on disk; returns at once. A journal that is broken or closed gives a ticket with its error.

        Raises:
            TypeError: *entry* is nothing that JSON can say.
        """
        line = _line(entry)
        ticket = Ticket(self._landed)
        ticket.error = self._broken or self._misplaced()
        if ticket.error is None:
            with self._lock:
                if self._closed:
                    ticket.error = LedgerError(_CLOSED.format(self.path.name))
                else:
                    self._gathered.put((line, ticket))
        return ticket

    def on_disk(self) -> Ticket:
        """A ticket for what is on disk already."""
        return Ticket(self._landed, done=True)

    def close(self) -> None:
        """Write what has gathered, and let go of the file. Closing twice is no error; what could not be written says so by its ticket."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._gathered.put(None)
        if self._process == os.getpid():
            self._writer.join(PATIENCE)

    @property
    def writer(self) -> Thread:
        """The thread that writes."""
        return self._writer

    def _misplaced(self) -> LedgerError | None:
        if self._process == os.getpid():
            return None
        got = f"an entry for {self.path.name} from a process that was forked off"
        return LedgerError(f"ledger: got {got}; expected the one that began it; make people up there, and pass their ids on")

    def _work(self) -> None:
        while True:
            gathered = [self._gathered.get()]
            with suppress(Empty):
                while True:
                    gathered.append(self._gathered.get_nowait())
            entries = [each for each in gathered if each is not None]
            if entries:
                self._commit(entries)
            if len(entries) < len(gathered):  # nothing follows the closing
                os.close(self._file)
                return

    def _commit(self, entries: list[tuple[bytes, Ticket]]) -> None:
        if self._broken is None:
            try:
                write(self._file, b"".join(line for line, _ in entries))
                os.fsync(self._file)
                self.commits += 1
            except Exception as error:
                # Once and for all: after a sync that failed, the system may have dropped the pages and let the next one succeed.
                self._broken = _unwritable(self.path, error)
        for _, ticket in entries:
            ticket.error = self._broken
            ticket.done = self._broken is None
        with self._landed:
            self._landed.notify_all()


@dataclass(frozen=True, slots=True)
class Content:
    """What a journal holds.

    Attributes:
        header: its first line.
        entries: the others, in order; entry 0 stands in line 2.
        torn: whether the last line breaks off, because its writer was killed in the middle of it. It is left out.
        whole: bytes of the lines that do not break off.
    """

    header: dict[str, Any]
    entries: tuple[dict[str, Any], ...]
    torn: bool
    whole: int


def read(path: Path) -> Content:
    """Read a journal, also one that is being written.

    Raises:
        LedgerError: it cannot be read, or a line other than a torn last one is no JSON object; names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    whole = content.rfind(b"\n") + 1
    lines = content[:whole].split(b"\n")[:-1]
    if not lines:
        raise malformed(path, 1, "nothing whole", "a header; it was killed before it had made anyone up, so the file can be deleted")
    objects = [_object(path, number, line) for number, line in enumerate(lines, 1)]
    return Content(objects[0], tuple(objects[1:]), whole < len(content), whole)


def malformed(path: Path, line: int, got: str, expected: str) -> LedgerError:
    """The error of a line that makes no sense."""
    return LedgerError(f"ledger {path.name}, line {line}: got {got}; expected {expected}")


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    raise malformed(path, number, "no JSON object", "the line as it was written; put the file back as it was, or delete the people by hand")


def _line(entry: Mapping[str, object]) -> bytes:
    return json.dumps(dict(entry), separators=(",", ":")).encode() + b"\n"


def _take(file: int, path: Path) -> None:
    if not hold(file):
        got = "one that a run which lives is writing"
        raise LedgerError(f"ledger {path.name}: got {got}; expected one that nobody holds; wait for that run, or stop it")


def _unwritable(path: Path, error: Exception) -> LedgerError:
    if isinstance(error, FileExistsError):
        return LedgerError(f"ledger: got {str(path)!r}, which is there already; expected a run of its own name; begin another run")
    why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    got, expected = f"{why!r} while writing {str(path)!r}", "every made-up person on disk before they are sent"
    return LedgerError(f"ledger: got {got}; expected {expected}; make room or grant access there, then run again")


def _unreadable(path: Path, error: OSError) -> LedgerError:
    why = error.strerror or type(error).__name__
    return LedgerError(f"ledger: got {why!r} while reading {str(path)!r}; expected a ledger; look for it with cio-load cleanup --list")
