"""How far a run has come, on disk: bound to one file and one workspace, locked while in use, and never half written.

A folder beside the input holds

    progress.json   what `Progress` says, replaced as a whole
    failed.jsonl    a JSON object for each line that failed: its number, what it asked for, why, and the part at fault
    lock            held while a run is on
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from pytest_cio_load.pipeline.sending.sources import STDIN, Source
from pytest_cio_load.pipeline.sending.tracker import Place

SUFFIX = ".cio-load"
VERSION = 2
_END_BYTES = 1 << 16
_BOTH_WAYS = "go on with --resume, or send every line again, as new, with --restart"


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of a run.

    Attributes:
        file: what tells that the input is the one it was: format, size, a hash of its beginning and its end.
        workspace: a hash of where it is sent, and as whom.
        run: names the run, for the ids of its events; hexadecimal.
        began_ms: unix milliseconds of its beginning.
        place: how far it has come.
        accepted, failed: lines with that outcome.
        failed_bytes: of failed.jsonl that belong to these lines; what follows them was written before a kill, and comes again.
        resumed: how often it was.
        finished: whether every line has an outcome.
    """

    file: tuple[str, ...]
    workspace: str
    run: str
    began_ms: int
    place: Place = field(default_factory=Place)
    accepted: int = 0
    failed: int = 0
    failed_bytes: int = 0
    resumed: int = 0
    finished: bool = False


def fingerprint(source: Source) -> tuple[str, ...]:
    """What tells a file from a changed one, wherever it is copied: format, size in bytes, a hash of its first and last 64 KiB.

    Of standard input only the format is known: its lines are taken as they come.
    """
    if source.path == STDIN:
        return (source.format,)
    with open(source.path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        ends = sha256(file.read(_END_BYTES))
        file.seek(max(0, size - _END_BYTES))
        ends.update(file.read(_END_BYTES))
    return source.format, str(size), ends.hexdigest()


def difference(known: tuple[str, ...], now: tuple[str, ...]) -> str:
    """In which way a file is not the one that a journal knows, by the fingerprints of both."""
    if len(known) != len(now):
        return "standard input in place of a file" if len(now) == 1 else "a file in place of standard input"
    if known[0] != now[0]:
        return f"format {now[0]} in place of {known[0]}"
    if known[1] != now[1]:
        return f"{int(now[1]):,} bytes in place of {int(known[1]):,}"
    return "another content at its beginning or its end"


def new_progress(source: Source, workspace: str) -> Progress:
    """That of a run which begins now."""
    return Progress(fingerprint(source), workspace, secrets.token_hex(16), time.time_ns() // 1_000_000)


class Notes(Protocol):
    """Where a run writes what it knows."""

    progress: Progress

    @property
    def failures(self) -> str:
        """Where failed lines are written, in words."""

    @property
    def lasting(self) -> bool:
        """Whether a run can be resumed from them."""

    def fail(self, record: dict[str, object]) -> None:
        """Write down a line that failed."""

    def keep(self, place: Place, accepted: int, *, finished: bool = False) -> None:
        """Make everything so far last: the lines that failed first, so that none is counted and not written."""

    def close(self) -> None:
        """Let go of it."""


class Journal:
    """A run's notes on disk.

    Args:
        folder: where; made when it is not there.
        source: what is sent.
        workspace: a hash of where it is sent, and as whom.
        resume: go on with what is noted.
        restart: forget what is noted.

    Raises:
        ValueError: another run holds it; there are notes and neither way was chosen; they are of another file or workspace, or unreadable.
        OSError: the folder cannot be written.
    """

    lasting = True

    def __init__(self, folder: Path, source: Source, workspace: str, *, resume: bool = False, restart: bool = False) -> None:
        self._folder, self._progress_file = folder, folder / "progress.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock: IO[bytes] = (folder / "lock").open("ab")
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise ValueError(f"journal: got {str(folder)!r} ({why}); expected a folder to write in; try --journal PATH") from None
        try:
            _hold(self._lock, folder)
            self.progress = self._begin(source, workspace, resume, restart)
            self._failed: BinaryIO = (folder / "failed.jsonl").open("ab")
            self._failed.truncate(self.progress.failed_bytes)
            self._failures, self._bytes = self.progress.failed, self.progress.failed_bytes
            self._write(self.progress)
        except BaseException:
            self._lock.close()
            raise

    @property
    def failures(self) -> str:
        """The path of failed.jsonl."""
        return str(self._folder / "failed.jsonl")

    def fail(self, record: dict[str, object]) -> None:
        """Write down a line that failed."""
        self._failures += 1
        self._bytes += self._failed.write(json.dumps(record, ensure_ascii=False).encode(errors="replace") + b"\n")

    def keep(self, place: Place, accepted: int, *, finished: bool = False) -> None:
        """Make everything so far last."""
        if self._failures != self.progress.failed:
            _sync(self._failed)
        known = replace(self.progress, place=place, accepted=accepted, finished=finished)
        self._write(replace(known, failed=self._failures, failed_bytes=self._bytes))

    def close(self) -> None:
        """Let another run have it."""
        self._failed.close()
        self._lock.close()

    def _begin(self, source: Source, workspace: str, resume: bool, restart: bool) -> Progress:
        if restart or not self._progress_file.exists():
            # In this order: progress without its failed lines would be a lie.
            self._progress_file.unlink(missing_ok=True)
            (self._folder / "failed.jsonl").unlink(missing_ok=True)
            return new_progress(source, workspace)
        known = self._read()
        if not resume:
            state = "finished" if known.finished else "was broken off"
            got = f"one of a run that {state} ({known.accepted:,} lines accepted, {known.failed:,} failed)"
            raise ValueError(f"journal: got {got} in {str(self._folder)!r}; expected none; {_BOTH_WAYS}")
        if known.file != (now := fingerprint(source)):
            got = f"one of another state of {source.path!r}, which has {difference(known.file, now)}"
            raise ValueError(f"journal: got {got}; expected the file as it was; put it back, or --restart")
        if known.workspace != workspace:
            raise ValueError("journal: got one of another workspace; expected the site id and url of its first run; use them, or --restart")
        return replace(known, resumed=known.resumed + 1)

    def _read(self) -> Progress:
        try:
            said = json.loads(self._progress_file.read_bytes())
            if said.pop("version") != VERSION:
                raise ValueError
            place = said.pop("place")
            opened = tuple((first, last) for first, last in place.pop("open"))
            return Progress(file=tuple(said.pop("file")), place=Place(**place, open=opened), **said)
        except (ValueError, KeyError, TypeError, AttributeError):
            got = f"one that this version cannot read, in {str(self._folder)!r}"
            raise ValueError(f"journal: got {got}; expected version {VERSION}; finish it with what began it, or --restart") from None

    def _write(self, progress: Progress) -> None:
        self.progress = progress
        beside = self._progress_file.with_suffix(".tmp")
        with beside.open("wb") as file:
            file.write(json.dumps({"version": VERSION, **asdict(progress)}).encode())
            _sync(file)
        beside.replace(self._progress_file)
        _sync_folder(self._folder)


class Unkept:
    """The notes of a run of standard input that has no journal: failed lines go to standard error, and it cannot be resumed.

    Args:
        source: what is sent.
        workspace: a hash of where it is sent, and as whom.
    """

    lasting = False
    failures = "standard error"

    def __init__(self, source: Source, workspace: str) -> None:
        self.progress = new_progress(source, workspace)

    def fail(self, record: dict[str, object]) -> None:
        """Write down a line that failed."""
        self.progress = replace(self.progress, failed=self.progress.failed + 1)
        print(json.dumps(record), file=sys.stderr)

    def keep(self, place: Place, accepted: int, *, finished: bool = False) -> None:
        """Remember it while this process lives."""
        self.progress = replace(self.progress, place=place, accepted=accepted, finished=finished)

    def close(self) -> None:
        """Nothing is held."""


def _hold(lock: IO[bytes], folder: Path) -> None:
    """Lock for as long as the file is open, whatever ends this process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            from fcntl import LOCK_EX, LOCK_NB, flock

            flock(lock, LOCK_EX | LOCK_NB)
    except OSError:
        got = f"one that another run is writing, in {str(folder)!r}"
        raise ValueError(f"journal: got {got}; expected one run of a file at a time; wait for it, or stop it") from None


def _sync(file: BinaryIO | IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """So that the new name lasts, where folders can be synced."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
