"""The ledgers on disk: one file for each run, begun by it, read after it, and taken up again to clean up what it left.

A ledger is a journal. Line 1 says whose it is; the others are, in any order,

    {"reserved": [first, end]}      people by index, from first up to and without end, may exist
    {"emails": [first, end]}        likewise, under no other name than their email
    {"named": identifier}           somebody with a name of the author's own may exist
    {"cleaned": outcome, "at": …}   what a cleaning up came to; when it is the last line, nobody is left and that was looked up, it is done

No secret stands in it, and nothing about a person but a made-up identifier.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.disk import is_held, remove_unheld
from pytest_cio_load.safety.header import Header
from pytest_cio_load.safety.journal import Journal, malformed
from pytest_cio_load.safety.journal import read as read_journal
from pytest_cio_load.safety.ledger import BLOCK, DOMAIN, DurableLedger, is_made_up

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
KEPT = 20
"""Ledgers of runs that were cleaned up, newest first, that are kept to be looked at."""

_ENDING = ".jsonl"
_LARGEST_BLOCK = 1_000_000


@dataclass(frozen=True, slots=True)
class Held(Header):
    """What one ledger holds, with the fields of its header.

    Attributes:
        reserved: people by index who may exist: ranges from first up to and without end, in order, none over another.
        emails: likewise those who may exist under their email alone.
        named: identifiers of the others who may exist.
        outcome: what the last cleaning up came to, or None when there was none or somebody was made up after it.
        torn: whether the last line breaks off, because the run was killed in the middle of it; nobody in it was sent.
    """

    reserved: tuple[tuple[int, int], ...] = ()
    emails: tuple[tuple[int, int], ...] = ()
    named: tuple[str, ...] = ()
    outcome: Mapping[str, Any] | None = None
    torn: bool = False

    @property
    def is_cleaned(self) -> bool:
        """Whether nobody is left, and that was looked up."""
        return self.outcome is not None and self.outcome.get("left") == 0 and self.outcome.get("verified") is True

    @property
    def people_reserved(self) -> int:
        """How many people by index may exist."""
        return sum(end - first for first, end in (*self.reserved, *self.emails))

    def identifiers(self) -> list[str]:
        """Everyone who may exist, each once: those by index first."""
        by_index = [f"{self.prefix}-{index}" for first, end in self.reserved for index in range(first, end)]
        by_email = [f"{self.prefix}-{index}@{DOMAIN}" for first, end in self.emails for index in range(first, end)]
        return list(dict.fromkeys([*by_index, *by_email, *self.named]))


@dataclass(frozen=True, slots=True)
class Entry:
    """One ledger of a folder.

    Attributes:
        run, started, test, site, environment_id, region: as of `Header`; of a damaged ledger, run is the file's name and the rest is blank.
        path: of the file.
        people_reserved: how many people by index may exist.
        named: how many others may.
        is_live: whether the run that writes it lives. False where files cannot be locked.
        is_cleaned: whether nobody is left, and that was looked up.
        problem: why it cannot be read, or "". Such a one is never cleaned.
    """

    run: str
    path: Path
    started: str = ""
    test: str = ""
    site: str = ""
    environment_id: int = 0
    region: str = ""
    people_reserved: int = 0
    named: int = 0
    is_live: bool = False
    is_cleaned: bool = False
    problem: str = ""


def begin(folder: Path, header: Header, *, most: int | None = 10_000, block: int = BLOCK) -> DurableLedger:
    """Begin the ledger of a run; its first block of people is on disk when this returns.

    Keeps git from committing ledgers, and removes those that are long done with.

    Args:
        folder: of all ledgers; made when it is not there.
        header: whose it is.
        most: people that the run may make up.
        block: people reserved at once.

    Raises:
        LedgerError: it cannot be written, or is there already.
        ValueError: *most* or *block* is below 1.
    """
    journal = Journal(folder / f"{header.run}{_ENDING}", {"version": VERSION, **asdict(header)})
    try:
        ignored = folder / ".gitignore"
        with suppress(OSError):  # what keeps a repository tidy must not keep a run from being safe
            if not ignored.exists():
                ignored.write_text("*\n", encoding="utf-8")
            prune(folder)
        ledger = DurableLedger(journal, header.prefix, most=most, block=block)
        ledger.reserve(0).wait()
    except BaseException:
        journal.close()
        with suppress(OSError):  # nobody was made up yet
            journal.path.unlink()
        raise
    return ledger


def resume(path: Path) -> DurableLedger:
    """Take up the ledger of a run that has ended, to clean up: everyone in it is noted, and more can be.

    Raises:
        LedgerError: it cannot be read or written, is damaged, or its run lives.
    """
    journal = Journal.reopen(path)
    try:
        held = read(path)
        return DurableLedger(journal, held.prefix, most=None, known=held.identifiers())
    except BaseException:
        journal.close()
        raise


def read(path: Path) -> Held:
    """What a ledger holds, also one of a run that lives.

    Raises:
        LedgerError: it cannot be read, or a line of it makes no sense; names the line.
    """
    content = read_journal(path)
    header = _header(path, content.header)
    reserved: set[tuple[int, int]] = set()
    emails: set[tuple[int, int]] = set()
    named: dict[str, None] = {}
    outcome: Mapping[str, Any] | None = None
    for number, entry in enumerate(content.entries, 2):
        outcome = None
        match entry:
            case {"reserved": [int(first), int(end)]} if 0 <= first < end <= first + _LARGEST_BLOCK:
                reserved.add((first, end))
            case {"emails": [int(first), int(end)]} if 0 <= first < end <= first + _LARGEST_BLOCK:
                emails.add((first, end))
            case {"named": str(identifier)} if is_made_up(identifier, header.prefix):
                named[identifier] = None
            case {"cleaned": dict(said)}:
                outcome = said
            case _:
                expected = f"people reserved, a name that begins with {header.prefix + '-'!r}, or an outcome; put the file back as it was"
                raise malformed(path, number, "none of a ledger's entries", expected)
    by_index, by_email = _joined(reserved), _joined(emails)
    return Held(**asdict(header), reserved=by_index, emails=by_email, named=tuple(named), outcome=outcome, torn=content.torn)


def ledgers_in(folder: Path) -> list[Entry]:
    """Every ledger in the folder, the oldest first; none when there is no such folder.

    A file without one whole line is left out: its run was killed while it began the ledger, before it made anyone up.

    Raises:
        LedgerError: the folder cannot be read.
    """
    try:
        paths = [path for path in folder.iterdir() if path.suffix == _ENDING]
    except FileNotFoundError:
        return []
    except OSError as error:
        got = f"{(error.strerror or type(error).__name__)!r} while reading {str(folder)!r}"
        raise LedgerError(f"ledger: got {got}; expected the folder of ledgers; grant access, or name another folder") from None
    entries = [_entry(path) for path in paths if _has_begun(path)]
    return sorted(entries, key=lambda entry: (entry.started, entry.run))


def prune(folder: Path) -> list[Path]:
    """Remove the ledgers of runs that were cleaned up, but for the newest; those that were not stay for ever. Which were removed."""
    done = [entry.path for entry in ledgers_in(folder) if entry.is_cleaned and not entry.is_live]
    removed = []
    for path in done[:-KEPT]:
        with suppress(OSError):  # another run was faster, or may not
            if remove_unheld(path):
                removed.append(path)
    return removed


def _header(path: Path, said: dict[str, Any]) -> Header:
    version = said.get("version")
    if version != VERSION:
        expected = f"version {VERSION}; clean up with the pytest-cio-load that wrote it"
        raise malformed(path, 1, "no version" if version is None else f"version {version!r}", expected)
    try:
        return Header(**{field.name: said[field.name] for field in fields(Header)})
    except KeyError as error:
        raise malformed(path, 1, f"no {error.args[0]}", "the header as it was written; put the file back as it was") from None
    except ValueError as error:
        raise malformed(path, 1, "a header that makes no sense", f"it as it was written ({error})") from None


def _entry(path: Path) -> Entry:
    is_live = is_held(path)  # before it is read: a run that ends in between has written all of it
    try:
        held = read(path)
    except LedgerError as error:
        return Entry(path.stem, path, is_live=is_live, problem=str(error))
    return Entry(
        held.run,
        path,
        held.started,
        held.test,
        held.site,
        held.environment_id,
        held.region,
        held.people_reserved,
        len(held.named),
        is_live,
        held.is_cleaned,
    )


def _has_begun(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.readline().endswith(b"\n")
    except FileNotFoundError:
        return False
    except OSError:
        return True  # to be told about


def _joined(ranges: set[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((first, end))
    return tuple(joined)
