"""The page: an index of the runs with their verdicts, then each run in a section of its own, verdict first.

Everything stands inside the page, which loads nothing: its policy forbids it, and lets only its own two scripts run, known by their hash.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pytest_cio_load import __version__
from pytest_cio_load.files import write_whole
from pytest_cio_load.reports.html.comparison import baseline_of, compared, of_test
from pytest_cio_load.reports.html.facts import circumstances, metrics, notes
from pytest_cio_load.reports.html.failures import failures
from pytest_cio_load.reports.html.markup import element, node_id, table, text
from pytest_cio_load.reports.html.shapes import curves, distribution
from pytest_cio_load.reports.html.timeline import over_the_run
from pytest_cio_load.reports.html.vega import library
from pytest_cio_load.reports.html.verdict import badge, banner, clauses, finding, reasons
from pytest_cio_load.units import show_count, show_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_cio_load.reports.document import Document

MOST_BYTES = 6_000_000
"""How large a page may be: what runs hold beyond that is told in fewer words, kept runs first."""

TITLE = "Load contracts for Customer.io"
_ORDER = {"broken": 0, "inconclusive": 1, "kept": 2}
_LESS = "because the page would be too large; a page of this run alone has everything."
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src {}; base-uri 'none'; form-action 'none'"


def render(documents: Sequence[Document], *, comparisons: Sequence[Mapping[str, Any]] = (), title: str = TITLE) -> str:
    """*documents* as one HTML page that needs nothing from outside it.

    Args:
        documents: runs, of any verdict; those that were not kept come first.
        comparisons: with baselines, each with "metric", "was", "now", "change" (a share of 1), "state", and if known "aggregation", "low",
            "high", "tolerance", "why", "unit", "baseline" (a run document) and "test"; without them, those that the documents hold.
        title: of the page.

    Raises:
        RuntimeError: the plotting library is not installed.
        DocumentError: a document's histogram is damaged.
    """
    ordered = sorted(documents, key=lambda doc: _ORDER[doc["verdict"]])
    index = _index(ordered) if len(ordered) > 1 else ""
    unplaced = [one for one in comparisons if len(ordered) > 1 and not one.get("test")]
    before = "" if ordered else element("p", text("No contract was run."), class_="none")
    after = element("section", element("h2", "Compared with baselines"), compared(unplaced)) if unplaced else ""
    room = MOST_BYTES - len(_page(title, index, before + after, len(ordered)).encode())
    ours = [of_test(comparisons, doc, only=len(ordered) == 1) for doc in ordered]
    return _page(title, index, "".join([before, *_sections(ordered, ours, room), after]), len(ordered))


def _sections(documents: Sequence[Document], comparisons: Sequence[Sequence[Mapping[str, Any]]], room: int) -> list[str]:
    """A section for each run, together of at most *room* bytes: what is too much is told in fewer words, from the last one up."""
    sections = [_section(doc, number, ours) for number, (doc, ours) in enumerate(zip(documents, comparisons, strict=True), start=1)]
    left = room - sum(len(section.encode()) for section in sections)
    for shorter in (_brief, _headline):
        for at in reversed(range(len(sections))):
            if left >= 0:
                return sections
            left += len(sections[at].encode())
            sections[at] = shorter(documents[at], at + 1)
            left -= len(sections[at].encode())
    return sections


def write_html(
    path: str | Path, documents: Sequence[Document], *, comparisons: Sequence[Mapping[str, Any]] = (), title: str = TITLE
) -> None:
    """Write the page of *documents* to *path*, in one step; see `render`.

    Raises:
        OSError: it cannot be written; what was there is there still. The text says which file, why, and what to try.
        RuntimeError: the plotting library is not installed.
        DocumentError: a document's histogram is damaged.
    """
    whole = render(documents, comparisons=comparisons, title=title).encode("utf-8")
    try:
        write_whole(path, whole)
    except OSError as error:
        why = error.strerror or type(error).__name__
        msg = f"the HTML report {str(path)!r}: got {why}; expected a file that can be written; try another folder, such as './runs.html'"
        raise OSError(error.errno, msg) from error


def _index(documents: Sequence[Document]) -> str:
    """Every run with its verdict, in one table of links."""
    tally = {verdict: sum(doc["verdict"] == verdict for doc in documents) for verdict in _ORDER}
    told = ", ".join(f"{show_count(number)} {verdict}" for verdict, number in tally.items() if number)
    rows = []
    for number, doc in enumerate(documents, start=1):
        response = doc["metrics"].get("response") or {}
        p95 = show_ms(response["p(95)"]) if response.get("samples") else "–"
        link = element("a", node_id(doc["test"]), href=f"#run-{number}")
        rows.append([badge(doc["verdict"]), link, text(finding(doc)), show_count(doc["iterations"]["measured"]), text(p95)])
    names = ["verdict", "test", "finding", "iterations", "response p(95)"]
    listed = table(names, rows, name="The runs", numbers=(3, 4), heading=1, class_="index", cards=True)
    return element("nav", element("h2", text(f"{show_count(len(documents))} runs: {told}"), id="runs"), listed, aria_labelledby="runs")


def _section(doc: Document, number: int, comparisons: Sequence[Mapping[str, Any]]) -> str:
    """A run, whole."""
    name = f"run-{number}"
    parts = [
        ("Compared with the baseline", compared(comparisons, doc.get("baseline") or ())),
        ("Percentiles", curves(doc, name, baseline_of(comparisons))),
        ("Over time", over_the_run(doc, name)),
        ("Distribution", distribution(doc, name)),
        ("Failed iterations", failures(doc["failures"])),
        ("Failed iterations of the warmup", failures(doc["warmup"]["failures"])),
    ]
    return _run(doc, number, [*parts, *_facts(doc)])


def _brief(doc: Document, number: int) -> str:
    """A run without its charts and tracebacks."""
    told = element("p", text(f"This run is told without charts and tracebacks, {_LESS}"), class_="quiet")
    return _run(doc, number, [("Charts", told), ("Failed iterations", failures(doc["failures"], traces=False)), *_facts(doc)])


def _headline(doc: Document, number: int) -> str:
    """A run's verdict alone."""
    said = element("p", text(f"{doc['headline']} Only the verdict is told, {_LESS}"))
    return element("section", element("h2", element("code", node_id(doc["test"])), id=f"run-{number}"), badge(doc["verdict"]), said)


def _facts(doc: Document) -> list[tuple[str, str]]:
    return [("Metrics", metrics(doc)), ("Circumstances", circumstances(doc))]


def _run(doc: Document, number: int, parts: Sequence[tuple[str, str]]) -> str:
    name = f"run-{number}"
    head = element("h2", element("code", node_id(doc["test"])), id=name)
    first = [banner(doc), reasons(doc), notes(doc), element("h3", "Clauses"), clauses(doc)]
    rest = [element("h3", text(title)) + content for title, content in parts if content]
    return element("section", head, *first, *rest, aria_labelledby=name, class_="run")


def _page(title: str, index: str, main: str, runs: int) -> str:
    scripts = (library(), _own("page.js")) if runs else (_own("page.js"),)
    policy = _POLICY.format(" ".join(f"'sha256-{_digest(script)}'" for script in scripts))
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        element("title", text(title)),
        f"<style>{_own('style.css')}</style>",
    ]
    body = [
        element("a", "Skip to the findings", href="#main", class_="skip"),
        element("header", element("h1", text(title)), element("button", "Dark page", type="button", id="theme", hidden=True)),
        index,
        element("main", main, id="main", tabindex=-1),
        element("footer", element("p", text(f"pytest-cio-load {__version__}, from run documents alone. This page loads nothing."))),
        *(f"<script>{script}</script>" for script in scripts),
    ]
    inner = element("head", *head) + "\n" + element("body", *body)
    return f'<!doctype html>\n<html lang="en">{inner}</html>\n'


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


@cache
def _own(name: str) -> str:
    """A file of this package, without the line's end at its end."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8").strip()
