"""Baselines on disk: one file for a test, a machine, a clock and a name, written in one step and read back strictly.

    .cio-load/baselines/<machine>/<test>/<name>.json       of the wall clock
    .cio-load/baselines/virtual/<test>/<name>.json         of virtual time, which is the same on every machine
    .cio-load/baselines/<machine>/[<test>/]noise.json      how much runs of the same code differ there

A machine is told by its processor's model, their number and the operating system: figures of another one say nothing about this one.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load.baseline.commit import commit_of
from pytest_cio_load.baseline.noise import Noise
from pytest_cio_load.baseline.refusals import BaselineUnreadable, NoBaseline, NotSaved, NotWritten, OnlyElsewhere, OtherContract
from pytest_cio_load.errors import DocumentError, near_miss
from pytest_cio_load.files import write_whole
from pytest_cio_load.reports.reading import documents_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cio_load.reports.document import Document

DEFAULT_NAME = "baseline"
VERSION = 1
VIRTUAL = "virtual"
NOISE = "noise.json"
"""Beside the baselines of a test, or beside the tests of a machine: how much runs of the same code differ on it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_PROMISED = ("profile", "arrivals", "max_in_flight", "on_saturation", "warmup", "timeout")
"""What of a contract makes its load: with another one, figures cannot be compared."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A baseline, as it was kept.

    Attributes:
        name: of the baseline.
        document: of the run.
        commit: of the project at that time, or "".
        saved_at: ISO 8601, UTC.
        noise: of this machine, if it was measured.
    """

    name: str
    document: Document
    commit: str
    saved_at: str
    noise: Noise | None

    def describe(self) -> str:
        """One line: ``compared with 'baseline' of 2026-11-24 at 3f9a1c0``."""
        at = f" at {self.commit[:7]}" if self.commit else ""
        noise = "" if self.noise is not None else "; how much this machine's runs differ is not known: cio-load noise measures it"
        return f"compared with {self.name!r} of {self.saved_at[:10]}{at}{'' if self.document['clock'] == VIRTUAL else noise}"


@dataclass(frozen=True, slots=True)
class Listed:
    """One baseline of a folder.

    Attributes:
        path: of the file.
        kept: what is in it, or None when it cannot be read.
        problem: why not, or "".
        here: whether it is of this machine, or of virtual time.
    """

    path: Path
    kept: Kept | None
    problem: str
    here: bool


class Store:
    """The baselines of a project.

    Args:
        folder: where they are; made when the first one is saved.
        machine: names this machine; by default it is told by its own documents.
    """

    def __init__(self, folder: Path, machine: str | None = None) -> None:
        self._folder, self._machine = folder, machine

    def save(self, doc: Document, name: str = DEFAULT_NAME, *, force: bool = False) -> str:
        """Keep a run as the baseline of its test; one of the same name is replaced.

        Args:
            doc: the run's document.
            name: what it is kept as.
            force: also when its contract was broken; an inconclusive run is never kept.

        Returns:
            The file's path below the folder.

        Raises:
            NotSaved: the run is inconclusive or broke its contract, or the name is none.
            NotWritten: the file cannot be written; what was there is there still.
        """
        if doc["verdict"] != "kept" and not (force and doc["verdict"] == "broken"):
            expected = "one that kept its contract, for others to be held against"
            raise NotSaved(f"the run: got one that is {doc['verdict']}; expected {expected}; mend that, and save then")
        path = self._path(doc, _checked(name))
        stripped = {key: value for key, value in doc.items() if key not in ("comparisons", "baseline", "workspace")}
        content = {
            "baseline": VERSION,
            "name": name,
            "saved_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit_of(self._folder),
            "document": stripped,
        }
        try:
            write_whole(path, (json.dumps(content, ensure_ascii=False) + "\n").encode("utf-8"))
        except OSError as error:
            got = error.strerror or type(error).__name__
            raise NotWritten(f"{path}: got {got}; expected a file that can be written; free some space, or grant access") from None
        return str(path.relative_to(self._folder))

    def load(self, doc: Mapping[str, Any], name: str = DEFAULT_NAME) -> Kept:
        """The baseline of that name for a run's test, on this machine and clock, of the same load.

        Raises:
            NoBaseline: there is none.
            OnlyElsewhere: there is one, but of another machine or of the other clock.
            BaselineUnreadable: the file is damaged, truncated, of something else, or newer.
            OtherContract: it was measured under another load.
        """
        path = self._path(doc, _checked(name))
        if not path.exists():
            raise self._missing(doc, name)
        kept = self._read(path, self.noise_of(doc))
        if kept.document["test"] != doc["test"]:
            got = f"got a baseline of {kept.document['test']}; expected one of {doc['test']}"
            raise BaselineUnreadable(f"{path}: {got}; save one with --cio-save")
        different = differences(kept.document, doc)
        if different:
            fix = "save a new one with --cio-save"
            got = f"baseline {name!r}: got one measured under another load ({'; '.join(different)})"
            raise OtherContract(f"{got}; expected the same; {fix}")
        return kept

    def noise_of(self, doc: Mapping[str, Any]) -> Noise | None:
        """How much runs of the same code differ on the machine of a run, if that was measured. One that cannot be read is none."""
        if doc["clock"] == VIRTUAL:
            return None
        machine = self._folder / self._machine_of(doc)
        for path in (machine / safe_name(str(doc["test"])) / NOISE, machine / NOISE):
            with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, DocumentError):
                return Noise.of(json.loads(path.read_bytes()))
        return None

    def keep_noise(self, doc: Mapping[str, Any], noise: Noise) -> Path:
        """Keep how much runs differ on the machine of a run: the path of the file. Raises NotWritten."""
        machine = self._folder / self._machine_of(doc)
        path = machine / safe_name(noise.test) / NOISE if noise.test else machine / NOISE
        try:
            write_whole(path, (json.dumps(noise.plain(), indent=1) + "\n").encode("utf-8"))
        except OSError as error:
            raise NotWritten(f"{path}: got {error.strerror}; expected a file that can be written; grant access") from None
        return path

    def listed(self) -> Iterator[Listed]:
        """Every baseline there is, by path; what is none of ours is told as unreadable."""
        for path in sorted(self._folder.rglob("*.json")):
            if path.name == NOISE:
                continue
            machine = path.relative_to(self._folder).parts[0]
            try:
                kept = self._read(path, None)
            except BaselineUnreadable as error:
                yield Listed(path, None, str(error), False)
            else:
                yield Listed(path, kept, "", machine in (VIRTUAL, self._machine or machine_id(kept.document)))

    def _path(self, doc: Mapping[str, Any], name: str) -> Path:
        return self._folder / self._machine_of(doc) / safe_name(str(doc["test"])) / f"{name}.json"

    def _machine_of(self, doc: Mapping[str, Any]) -> str:
        return VIRTUAL if doc["clock"] == VIRTUAL else self._machine or machine_id(doc)

    def _missing(self, doc: Mapping[str, Any], name: str) -> NoBaseline:
        test = safe_name(str(doc["test"]))
        elsewhere = sorted(path.parent.parent.name for path in self._folder.glob(f"*/{test}/{name}.json"))
        if elsewhere:
            other = "virtual time" if elsewhere[0] == VIRTUAL else f"another machine ({elsewhere[0]})"
            fix = "save one here with --cio-save"
            return OnlyElsewhere(f"baseline {name!r}: got one of {other} only; expected one of this machine and clock; {fix}")
        names = sorted({path.stem for path in self._folder.glob(f"*/{test}/*.json")})
        nearest = near_miss(name, names) or "save one with --cio-save"
        return NoBaseline(f"baseline {name!r}: got none for this test; expected one to compare with; {nearest}")

    def _read(self, path: Path, noise: Noise | None) -> Kept:
        fix = "save it again with --cio-save, or remove it"
        try:
            content = json.loads(path.read_bytes())
        except OSError as error:
            raise BaselineUnreadable(f"{path}: got {error.strerror}; expected a baseline that can be read; grant access") from None
        except (ValueError, RecursionError):
            raise BaselineUnreadable(f"{path}: got no JSON, or a part of it; expected a baseline; {fix}") from None
        version = content.get("baseline") if isinstance(content, dict) else None
        if type(version) is not int:
            raise BaselineUnreadable(f"{path}: got JSON of something else; expected a baseline; {fix}")
        if version > VERSION:
            raise BaselineUnreadable(f"{path}: got a baseline of version {version}; expected {VERSION} at most; update pytest-cio-load")
        try:
            (document,) = documents_in(content["document"], str(path))
            return Kept(str(content["name"]), document, str(content["commit"]), str(content["saved_at"]), noise)
        except (KeyError, ValueError) as error:
            raise BaselineUnreadable(f"{path}: got a damaged baseline ({error}); expected one as it was saved; {fix}") from None


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In what the loads of two runs differ, a phrase each; nothing when they can be compared."""
    found = [
        f"{name}: {was['contract'].get(name)} then, {now['contract'].get(name)} now"
        for name in _PROMISED
        if was["contract"].get(name) != now["contract"].get(name)
    ]
    return found + [f"{name}: {was[name]} then, {now[name]} now" for name in ("target", "clock") if _kind(was[name]) != _kind(now[name])]


def machine_id(doc: Mapping[str, Any]) -> str:
    """A machine's name, from what a run document says of it: ``linux-4cpu-3f9a1c2b``.

    The operating system's version is no part of it: that changes with every update, and most leave speed alone.
    """
    known = doc["machine"].get("fingerprint") or {}
    system = str(known.get("platform") or doc["machine"].get("system") or "unknown")
    name = re.split(r"[^A-Za-z0-9]", system, maxsplit=1)[0].lower()
    # A document that names no processor is of a machine that cannot be told from others of its system: it is none of those that are named.
    cpus = known.get("cpus")
    told = sha256("\0".join(map(str, (name, known.get("cpu"), cpus) if known else (system,))).encode()).hexdigest()[:8]
    return f"{name}-{cpus}cpu-{told}" if isinstance(cpus, int) else f"{name}-{told}"


def safe_name(test: str) -> str:
    """A folder's name for a node id: what any file system takes, and no two alike."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", test).strip("-.")[:80]
    return f"{plain}-{sha256(test.encode()).hexdigest()[:8]}"


def _kind(target: object) -> object:
    """A server's port says nothing about its speed."""
    return re.sub(r":\d+$", "", target) if isinstance(target, str) else target


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or f"{name}.json" == NOISE:
        nearest = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:80]
        nearest = DEFAULT_NAME if f"{nearest}.json" in (".json", NOISE) else nearest
        expected = "letters, digits, '.', '_' and '-', and not 'noise', which is kept beside them"
        raise NotSaved(f"name: got {name[:80]!r}; expected {expected}; try {nearest!r}")
    return name
