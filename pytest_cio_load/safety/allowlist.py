"""The workspaces that may get load, as a file that is committed: hashes of their site ids, and what each of them is said to be.

Production may have several site ids, and new ones at any time, so there is no list of what is forbidden.
"""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load import units
from pytest_cio_load.errors import Problem
from pytest_cio_load.files import write_whole
from pytest_cio_load.safety.credentials import API_KEY, APP_KEY, SITE_ID
from pytest_cio_load.safety.guard import ALLOW_LIST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_cio_load.safety.credentials import Credentials

VERSION = 1
REGIONS = ("us", "eu")
LONGEST = 1_000_000
"""Bytes that a list may have; a hundred times what any needs."""

_PREFIX = b"cio-load allow-list 1\0"
_HASH = re.compile(r"[0-9a-f]{64}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_LONGEST_NAME = 200
_EXPECTED = "an allow-list as cio-load allow writes it"
_ALLOW = "run: cio-load allow --environment-id NUMBER, and commit the file"
_MEND = "mend it, or take it back from version control"


@dataclass(frozen=True, slots=True)
class Entry:
    """A workspace that may get load.

    Attributes:
        hash: of its site id, by `hash_of`.
        environment_id: the number that Customer.io gives the workspace.
        region: "us" or "eu".
        name: text that the workspace's name must have in it, or None for any that says that it is for tests.
        added: the day on which it was listed.
    """

    hash: str
    environment_id: int
    region: str
    name: str | None
    added: date

    def describe(self) -> str:
        """One line, without the site id."""
        named = "" if self.name is None else f", name has {self.name!r}"
        return f"{self.hash[:12]}  workspace {self.environment_id}, region {self.region}{named}, added {self.added.isoformat()}"


class _Broken(Exception):
    """The content is none; the text says what was got."""


def hash_of(site_id: str) -> str:
    """What stands for a site id in files: 64 hexadecimal digits.

    No salt: a site id is 80 bits of chance, which nobody guesses, and one hash for one site id lets a list be looked through by eye.
    """
    return sha256(_PREFIX + site_id.encode()).hexdigest()


def load(path: Path) -> tuple[Entry, ...] | Problem:
    """The workspaces that the file at *path* lists, or what is wrong with it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for a writer
            got = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            return Problem(ALLOW_LIST, f"{got} at {path}", _EXPECTED, _ALLOW)
        if status.st_size > LONGEST:
            return Problem(ALLOW_LIST, f"{status.st_size:,} bytes in {path}", _EXPECTED, _MEND)
        content = path.read_bytes()
    except FileNotFoundError:
        return Problem(ALLOW_LIST, f"no file {path}", "one that lists the test workspace", _ALLOW)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "no path"
        return Problem(ALLOW_LIST, f"{path}, which cannot be read ({why})", _EXPECTED, "let it be read, or name another by cio_allow_file")
    return parse(content, str(path))


def parse(content: bytes, where: str) -> tuple[Entry, ...] | Problem:
    """The workspaces that *content* lists, or what is wrong with it.

    Args:
        content: of the file.
        where: its path, for messages.
    """
    try:
        return _entries(_json(content))
    except _Broken as broken:
        newer = str(broken).startswith("version")
        nearest = "update pytest-cio-load, or write the list anew by cio-load allow" if newer else _MEND
        return Problem(ALLOW_LIST, f"{broken} in {where}", _EXPECTED, nearest)


def find(entries: Sequence[Entry], credentials: Credentials) -> Entry | Problem:
    """The entry of these credentials, or that there is none."""
    by_hash = {entry.hash: entry for entry in entries}
    if (entry := by_hash.get(hash_of(credentials.site_id))) is not None:
        return entry
    expected = "one of a workspace that is allowed"
    for name, key in ((API_KEY, credentials.api_key), (APP_KEY, credentials.app_key)):
        if hash_of(key) in by_hash:
            return Problem(ALLOW_LIST, f"a site id that is not listed, and a listed one in {name}", expected, f"swap {SITE_ID} and {name}")
    listed = f"a site id that is not among the {len(entries)} listed" if entries else "an empty list"
    fix = f"check {SITE_ID}; if it is that of a test workspace, {_ALLOW}"
    return Problem(ALLOW_LIST, listed, expected, fix)


def add(entries: Sequence[Entry], entry: Entry, *, replacing: bool) -> tuple[Entry, ...] | Problem:
    """The list with *entry* in it; as it was when it says the same already.

    An entry of the same site id that says something else is kept, and that is a problem, unless *replacing*.
    """
    known = next((each for each in entries if each.hash == entry.hash), None)
    if known is not None and replace(entry, added=known.added) == known:
        return tuple(entries)
    if known is not None and not replacing:
        got = f"a site id that is listed already as {_said(known)}"
        return Problem(ALLOW_LIST, got, f"that, and not {_said(entry)}", "check which it is; --replace writes the new one")
    return (*(each for each in entries if each.hash != entry.hash), entry)


def remove(entries: Sequence[Entry], hash: str) -> tuple[Entry, ...] | Problem:
    """The list without the entry of *hash*, or that there is none."""
    left = tuple(each for each in entries if each.hash != hash)
    if len(left) == len(entries):
        return Problem(ALLOW_LIST, "a site id that is not listed", "one that is", "run: cio-load allow --list")
    return left


def render(entries: Iterable[Entry]) -> bytes:
    """The content of the file: the same for the same entries, whatever their order, so that a change reads well in a review."""
    ordered = sorted(entries, key=lambda entry: (entry.environment_id, entry.hash))
    listed = [
        {
            "hash": entry.hash,
            "environment_id": entry.environment_id,
            "region": entry.region,
            **({} if entry.name is None else {"name": entry.name}),
            "added": entry.added.isoformat(),
        }
        for entry in ordered
    ]
    return (json.dumps({"version": VERSION, "workspaces": listed}, indent=2, ensure_ascii=False) + "\n").encode()


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Write the list in one step: whoever reads meanwhile, or after a crash, finds the old one or the new one, whole.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    write_whole(path, render(entries))


def _json(content: bytes) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Broken("no text") from None
    if any(line.startswith(("<<<<<<< ", ">>>>>>> ")) for line in text.splitlines()):
        raise _Broken("an unsettled merge")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise _Broken("no JSON" if text.strip() else "nothing") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _Broken("a name twice in one object")
    return made


def _entries(said: Any) -> tuple[Entry, ...]:
    if not isinstance(said, dict) or "version" not in said:
        raise _Broken("another kind of file")
    version = said["version"]
    if type(version) is not int or version != VERSION:
        raise _Broken(f"version {units.show_value(version)}, not {VERSION},")
    if set(said) != {"version", "workspaces"} or not isinstance(said["workspaces"], list):
        raise _Broken("other names than version and a list of workspaces")
    entries = tuple(_entry(each, f"workspaces[{index}]") for index, each in enumerate(said["workspaces"]))
    if len({entry.hash for entry in entries}) < len(entries):
        raise _Broken("one site id twice")
    return entries


def _entry(said: Any, place: str) -> Entry:
    if not isinstance(said, dict):
        raise _Broken(f"{place} that is no object")
    if unknown := sorted(set(said) - {"hash", "environment_id", "region", "name", "added"}):
        raise _Broken(f"an unknown name {units.show_value(unknown[0])} in {place}")
    for name, is_sound in _CHECKS.items():
        if not is_sound(said.get(name)):
            got = f"{units.show_value(said[name])} as" if name in said else "no"
            raise _Broken(f"{got} {name} in {place}")
    return Entry(said["hash"], said["environment_id"], said["region"], said.get("name"), date.fromisoformat(said["added"]))


def is_environment_id(value: object) -> bool:
    """Whether *value* can be a workspace's number."""
    return type(value) is int and 0 < value < 2**63


def is_name(value: object) -> bool:
    """Whether *value* can be the text that a workspace's name must have in it, or is None."""
    return value is None or (isinstance(value, str) and bool(value.strip()) and value.isprintable() and len(value) <= _LONGEST_NAME)


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and _DATE.fullmatch(value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


_CHECKS = {
    "hash": lambda value: isinstance(value, str) and _HASH.fullmatch(value) is not None,
    "environment_id": is_environment_id,
    "region": lambda value: isinstance(value, str) and value in REGIONS,
    "name": is_name,
    "added": _is_date,
}


def _said(entry: Entry) -> str:
    named = "a name that says tests" if entry.name is None else f"a name with {entry.name!r}"
    return f"workspace {entry.environment_id}, region {entry.region}, {named}"
