"""Latency as it was measured: a histogram log of any HdrHistogram tool, or a run document of this plugin."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import near_miss
from pytest_cio_load.units import UnitError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

_SCALE = {"us": 1.0, "ns": 0.001, "ms": 1000.0}
_ITERATION = frozenset({"response", "service", "lag", "queued", "paced", "attempts"})
"""Histograms of a run that are no latency of a call."""


@dataclass(frozen=True, slots=True)
class Empirical:
    """What was measured, drawn from again, each recorded value as often as it was seen.

    Attributes:
        source: the text it was read from.
        values: microseconds, ascending.
        upto: for each value, how many samples there were up to and with it.
    """

    source: str
    values: tuple[int, ...] = field(repr=False)
    upto: tuple[int, ...] = field(repr=False)

    def sample(self, rng: Random, operation: str = "") -> float:
        """Seconds until the answer, a whole number of microseconds."""
        return self.values[bisect_right(self.upto, int(rng.random() * self.upto[-1]))] / 1e6

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True)
class Replay:
    """A whole run drawn from again: each operation by its own histogram, what the run did not call by all of them together.

    Attributes:
        source: the text it was read from.
        calls: by operation, in alphabetical order.
        rest: all calls together.
    """

    source: str
    calls: tuple[tuple[str, Empirical], ...]
    rest: Empirical

    def sample(self, rng: Random, operation: str = "") -> float:
        """Seconds until the answer, a whole number of microseconds."""
        for name, latency in self.calls:
            if name == operation:
                return latency.sample(rng)
        return self.rest.sample(rng)

    def __str__(self) -> str:
        return self.source


def from_log(source: str, path: str) -> Empirical:
    """Read a histogram log: all intervals and tags together.

    Args:
        source: the whole text, for messages and ``str``.
        path: of the file; ``#ns``, ``#us`` or ``#ms`` at its end is the unit of the recorded values, microseconds by default. The
            format does not say its unit, so it has to be told.

    Raises:
        UnitError: no such file, no histogram in it, or a unit that is none.
    """
    path, _, unit = path.partition("#")
    if (unit or "us") not in _SCALE:
        raise UnitError(source, "#ns, #us or #ms after the file, the unit of its values", near_miss(unit, _SCALE) or "leave it out for us")
    counts: Counter[int] = Counter()
    for line in _text(source, path).splitlines():
        encoded = line.rpartition(",")[2].strip()
        if encoded and not line.startswith(("#", '"')):
            for value, number in _decoded(source, encoded):
                counts[round(value * _SCALE[unit or "us"])] += number
    if not counts:
        raise UnitError(source, "a histogram log with at least one recorded value")
    return _empirical(source, counts)


def from_run(source: str, path: str) -> Empirical | Replay:
    """Read a run document, as ``--cio-json`` writes it; several runs in it are taken together.

    Args:
        source: the whole text, for messages and ``str``.
        path: of the file; ``#identify`` at its end takes one histogram of it, else every call is replayed by its own.

    Raises:
        UnitError: no such file, no run document, or no such histogram in it.
    """
    path, _, wanted = path.partition("#")
    found: dict[str, Counter[int]] = {}
    for name, encoded in _histograms(source, _text(source, path)):
        counts = found.setdefault(name, Counter())
        for value, number in _decoded(source, encoded):
            counts[value] += number
    found = {name: counts for name, counts in sorted(found.items()) if counts}
    if wanted:
        if wanted not in found:
            known = f"it has {', '.join(found)}" if found else "it has none"
            raise UnitError(source, "the name of a histogram in the file after #", near_miss(wanted, found) or known)
        return _empirical(source, found[wanted])
    calls = {name: counts for name, counts in found.items() if name not in _ITERATION}
    if not calls:
        nearest = f"for one of its other histograms write '{source}#{next(iter(found))}'" if found else ""
        raise UnitError(source, "a run document with the latency of at least one call", nearest)
    rest: Counter[int] = Counter()
    for counts in calls.values():
        rest.update(counts)
    return Replay(source, tuple((name, _empirical(source, counts)) for name, counts in calls.items()), _empirical(source, rest))


def _histograms(source: str, text: str) -> Iterable[tuple[str, str]]:
    """Name and encoded histogram of every trend in milliseconds."""
    try:
        document: Any = json.loads(text)
        runs = document.get("runs", [document])
        return [
            (name, metric["histogram"])
            for run in runs
            for name, metric in run["metrics"].items()
            if "histogram" in metric and metric.get("unit") == "ms"
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UnitError(source, "a run document", "write one with --cio-json FILE") from None


def _decoded(source: str, encoded: str) -> Iterable[tuple[int, int]]:
    """(value, how often) of every bucket that holds one; the smallest value of the bucket stands for it."""
    from hdrh.histogram import HdrHistogram

    try:
        histogram = HdrHistogram.decode(encoded)
    except Exception:  # The decoder raises whatever base64, zlib and struct do, and its own.
        raise UnitError(source, "histograms in HdrHistogram's compressed base64", "the file is damaged, or of another kind") from None
    for item in histogram.get_recorded_iterator():
        yield histogram.get_lowest_equivalent_value(item.value_iterated_to), item.count_at_value_iterated_to


def _text(source: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UnitError(source, "a text file", "the file is damaged, or of another kind") from None
    except (OSError, ValueError):
        folder = Path(path).parent
        names = [entry.name for entry in folder.iterdir()] if "\0" not in path and folder.is_dir() else []
        nearest = near_miss(Path(path).name, names) or "check the path; it counts from where pytest was started"
        raise UnitError(source, "a file that can be read", nearest) from None


def _empirical(source: str, counts: Counter[int]) -> Empirical:
    values, upto, seen = sorted(counts), [], 0
    for value in values:
        seen += counts[value]
        upto.append(seen)
    return Empirical(source, tuple(values), tuple(upto))
