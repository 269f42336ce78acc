"""A run document as terminal text: pure, lines in and out; the hooks only write them.

A line is a list of spans, a span is a text and the name of a style. What a style looks like is decided once, in `STYLES`, and whether
colours are used at all is pytest's own decision.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any, Protocol

from pytest_cio_load.metrics.kinds import CONNECTION_WAITS
from pytest_cio_load.reports.cleaned import cleanup_text, failed_cleanup
from pytest_cio_load.units import show_count, show_duration, show_ms, show_rate, show_share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cio_load.reports.document import Document

Span = tuple[str, str]
Line = list[Span]

STYLES: dict[str, dict[str, bool]] = {
    "": {},
    "kept": {"green": True},
    "broken": {"red": True, "bold": True},
    "inconclusive": {"yellow": True, "bold": True},
    "faint": {"light": True},
    "strong": {"bold": True},
}
_MARK = {"ok": ("✓", "kept"), "broken": ("✗", "broken"), "no samples": ("?", "inconclusive"), "too few samples": ("?", "inconclusive")}
_COLUMNS = ("avg", "med", "p(95)", "p(99)", "max")
_LONGEST_TRACE = 40
_NOTICEABLE_MS = 1.0


class Writer(Protocol):
    """What is needed of pytest's terminal writer."""

    def write(self, msg: str, **markup: bool) -> None: ...


def write(lines: Iterator[Line], writer: Writer) -> None:
    """Write *lines*, in colour if the writer has colours."""
    for line in lines:
        for text, style in line:
            writer.write(text, **STYLES[style])
        writer.write("\n")


def plain(lines: Iterator[Line]) -> str:
    """*lines* without styles."""
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def failure(doc: Document, width: int = 80) -> Iterator[Line]:
    """The text of a test whose contract was not kept: headline, circumstances, every clause, what it means, what failed.

    ::

        contract broken: response p(95) was 7,088 ms, promised p(95)<500
        80/s for 1m, 4,800 planned, virtual clock, target mock, seed 7

          ✗ response   p(95)<500        7,088 ms   4,800 samples
          ✓ errors     count==0                0
    """
    yield from _wrapped(doc["headline"], width, style=doc["verdict"])
    if failed_cleanup(doc["cleanup"]):
        yield from _wrapped(cleanup_text(doc["cleanup"]), width, style="broken")
    yield from _wrapped(circumstances(doc), width, style="faint")
    yield []
    for reason in doc["reasons"]:
        yield from _wrapped(reason["what"], width, first="  ? ", rest="    ", style="inconclusive")
        yield from _wrapped(reason["remedy"], width, first="    → ", rest="      ")
    if doc["reasons"]:
        yield []
    yield from clauses(doc, width)
    yield from _notes(doc, width)
    yield from _compared(doc, width)
    yield from _failures(doc["failures"], width)


def section(doc: Document, width: int = 80) -> Iterator[Line]:
    """Everything measured, for the test's own section; what the failure's text has said already is not said again."""
    kept = doc["verdict"] == "kept"
    if kept:
        yield from _wrapped(doc["headline"], width, style="kept")
        yield from _wrapped(circumstances(doc), width, style="faint")
    yield from _wrapped(counts(doc), width, style="faint")
    if kept:
        yield []
        yield from clauses(doc, width)
    yield []
    yield from _trends(doc, width)
    yield from _others(doc, width)
    if kept:
        yield from _notes(doc, width)
        yield from _compared(doc, width)
        yield from _failures(doc["failures"], width)


def _compared(doc: Document, width: int) -> Iterator[Line]:
    """What is to be said of the run beside its baseline."""
    for line in doc.get("baseline", ()):
        worse = line.startswith("worse:")
        yield from _wrapped(line, width, first="  ✗ " if worse else "  • ", rest="    ", style="broken" if worse else "")


def summary_line(doc: Document, width: int = 80) -> Line:
    """One contract in the terminal summary: ``kept  test_x.py::test_identify  6,150 iterations  p(95) 52.1 ms  virtual``."""
    response = doc["metrics"].get("response")
    p95 = f"  p(95) {show_ms(response['p(95)'])}" if response else ""
    cleanup = "  cleanup failed" if failed_cleanup(doc["cleanup"]) else ""
    tail = f"  {show_count(doc['iterations']['measured'])} iterations{p95}  {doc['clock']}{cleanup}"
    room = max(width - 14 - len(tail), 12)
    name = _shortened(doc["test"], room)
    return [(f"{doc['verdict']:<13} ", doc["verdict"]), (f"{name:<{room}}", ""), (tail, "faint")]


def circumstances(doc: Document) -> str:
    """What load, on which clock, against what."""
    contract = doc["contract"]
    parts = [contract["profile"], f"{show_count(contract['planned'])} planned"]
    if contract["arrivals"] != "even":
        parts.append(f"{contract['arrivals']} arrivals")
    parts += [f"{doc['clock']} clock", f"target {doc['target']}{_workspace(doc)}", f"seed {contract['seed']}"]
    return ", ".join(parts)


def _workspace(doc: Document) -> str:
    """Which real workspace it was."""
    known = doc.get("workspace")
    return f" ({known['name']!r}, environment {known['environment_id']}, {known['region']}; run {known['run']})" if known else ""


def counts(doc: Document) -> str:
    """What became of the iterations, and at which rate."""
    tally = doc["iterations"]
    kinds = ("failed", "dropped", "interrupted", "timed_out")
    real, cpu = (round(doc["machine"][name], 1) for name in ("real_seconds", "cpu_seconds"))
    parts = [f"{show_count(tally['measured'])} iterations measured", f"{show_rate(round(doc['rate']['achieved'], 2))} achieved"]
    parts += [f"{show_count(tally[kind])} {kind.replace('_', ' ')}" for kind in kinds if tally[kind]]
    parts.append(f"{real} s of real time, {cpu} s of CPU")
    return ", ".join(parts)


def clauses(doc: Document, width: int = 80) -> Iterator[Line]:
    """Every clause with what was measured."""
    found = doc["thresholds"]
    names = min(max((len(clause["metric"]) for clause in found), default=0), 28)
    texts = min(max((len(clause["text"]) for clause in found), default=0), 24)
    for clause in found:
        mark, style = _MARK[clause["state"]]
        name, text = _shortened(clause["metric"], names), _shortened(clause["text"], texts)
        tail = f"  {show_count(clause['samples'])} samples" if clause["unit"] == "ms" else ""
        tail += "  ended the run" if clause["aborted"] else ""
        line: Line = [(f"  {mark} ", style), (f"{name:<{names}}  {text:<{texts}}", ""), (f"  {clause['shown']:>10}", style)]
        room = width - sum(len(span) for span, _ in line)
        yield [*line, (tail[:room] if len(tail) <= room else "", "faint")]


def _notes(doc: Document, width: int) -> Iterator[Line]:
    if doc["notes"] or doc["delivery"] or doc["cleanup"].get("noted"):
        yield []
    for note in doc["notes"]:
        yield from _wrapped(note, width, first="  • ", rest="    ")
    delivery = doc["delivery"]
    if delivery:
        yield from _wrapped(_delivered(delivery), width, first="  • ", rest="    ")
    cleanup = doc["cleanup"]
    if failed_cleanup(cleanup):
        yield from _wrapped(cleanup_text(cleanup), width, first="  • ", rest="    ", style="broken")
    elif cleanup.get("left"):
        text = f"{show_count(cleanup['left'])} of {show_count(cleanup['noted'])} made-up people could not be deleted"
        yield from _wrapped(text, width, first="  • ", rest="    ", style="inconclusive")
    elif cleanup.get("noted"):
        seen = ", and nobody left: verified through the App API" if cleanup.get("verified") else ""
        yield from _wrapped(f"{show_count(cleanup['noted'])} made-up people deleted{seen}", width, first="  • ", rest="    ")


def _delivered(delivery: dict[str, Any]) -> str:
    parts = [f"{show_count(delivery['received'])} requests received by the fake", f"{show_count(delivery['applied'])} applied"]
    parts += [f"{show_count(delivery[name])} {name}" for name in ("rejected", "dropped", "duplicates") if delivery.get(name)]
    return ", ".join(parts)


def _failures(groups: list[dict[str, Any]], width: int) -> Iterator[Line]:
    for group in groups:
        where = f" at {group['where']}" if group["where"] else ""
        first = f"first in iteration {group['first_index']}, due at {show_duration(group['first_due'])}"
        yield []
        head = f"{show_count(group['count'])} × {group['kind']}{where}, {first}"
        yield from _wrapped(head, width, first="  ", rest="    ", style="strong")
        text = group["trace"] or group["message"]
        lines = text.expandtabs(4).splitlines()
        if len(lines) > _LONGEST_TRACE:
            lines = [*lines[: _LONGEST_TRACE // 2], f"… {len(lines) - _LONGEST_TRACE} lines …", *lines[-_LONGEST_TRACE // 2 :]]
        for line in lines:
            yield from _folded(line, max(width, 40))


def _folded(line: str, width: int) -> Iterator[Line]:
    """A line of a traceback, whole: what does not fit goes on below, further in."""
    indent = " " * (4 + len(line) - len(line.lstrip()))
    pieces = wrap(line.strip(), width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)
    yield from ([(piece, "")] for piece in pieces or [""])


def _trends(doc: Document, width: int) -> Iterator[Line]:
    # Lag, queued and paced are 0 in most runs: a row of zeros would only hide the others.
    told = {name: metric for name, metric in doc["metrics"].items() if metric["kind"] == "trend" and metric["max"]}
    # Below the calls that they are a part of; a connection that was there in no time is not worth a line.
    waits = {name: told.pop(name) for name in CONNECTION_WAITS if name in told}
    trends = told | {name: metric for name, metric in waits.items() if metric["max"] >= _NOTICEABLE_MS}
    if not trends:
        return
    names = min(max(map(len, trends)), max(width - 64, 12))
    yield [(f"  {'':<{names}}{'samples':>10}" + "".join(f"{column:>10}" for column in _COLUMNS), "faint")]
    for name, metric in trends.items():
        values = "".join(f"{_cell(metric[column], metric['unit']):>10}" for column in _COLUMNS)
        yield [(f"  {_shortened(name, names):<{names}}{show_count(metric['samples']):>10}{values}", "")]


def _cell(value: float, unit: str) -> str:
    """A value in at most 9 characters, so that a column of 10 keeps it apart from its neighbour: minutes are told in seconds."""
    text = show_ms(value) if unit == "ms" else _number(value)
    if len(text) < 10:
        return text
    seconds = f"{value / 1000:,.0f} s"
    return seconds if unit == "ms" and len(seconds) < 10 else f"{value:.3g}"


def _others(doc: Document, width: int) -> Iterator[Line]:
    parts = []
    for name, metric in doc["metrics"].items():
        if metric["kind"] == "rate" and metric["samples"]:
            parts.append(f"{name} {show_share(metric['rate'])}")
        elif metric["kind"] == "counter" and metric["count"]:
            parts.append(f"{name} {_number(metric['count'])}")
        elif metric["kind"] == "gauge":
            highest = f", {_shown(metric, 'max')} at most" if metric["max"] != metric["value"] else ""
            parts.append(f"{name} {_shown(metric, 'value')}{highest}")
    yield from _wrapped(", ".join(parts), width, first="  ", rest="  ", style="faint")


def _shown(metric: dict[str, Any], which: str) -> str:
    return show_ms(metric[which]) if metric["unit"] == "ms" else _number(metric[which])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"


def _shortened(text: str, room: int) -> str:
    """The end of a name says more than its beginning."""
    return text if len(text) <= room else "…" + text[len(text) - room + 1 :]


def _wrapped(text: str, width: int, *, first: str = "", rest: str = "", style: str = "") -> Iterator[Line]:
    for line in wrap(text, max(width, 40), initial_indent=first, subsequent_indent=rest, break_on_hyphens=False):
        yield [(line, style)]


class Crash:
    """Where and what, in one line; pytest prints it in its short summary, with ``--tb=line``, and as JUnit's message."""

    def __init__(self, doc: Document) -> None:
        path, _, line = doc["location"].rpartition(":")
        told = f"{doc['headline']}; {cleanup_text(doc['cleanup'])}" if failed_cleanup(doc["cleanup"]) else doc["headline"]
        self.path, self.lineno, self.message = path, int(line), told

    def __str__(self) -> str:
        return f"{self.path}:{self.lineno}: {self.message}"


class Telling:
    """A failure's long representation, as pytest asks for it: the contract's own text in place of a traceback through our frames."""

    def __init__(self, doc: Document) -> None:
        self._doc = doc
        self.reprcrash = Crash(doc)

    def __str__(self) -> str:
        return plain(failure(self._doc))

    def toterminal(self, writer: Any) -> None:
        """Write the failure to pytest's terminal writer, at its width."""
        write(failure(self._doc, writer.fullwidth), writer)
