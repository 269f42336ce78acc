"""Every report that is a file, by the name of its format: the documents of a session in, bytes out, and the file written in one step."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import DocumentError
from pytest_cio_load.files import write_whole
from pytest_cio_load.reports.file import session_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_cio_load.reports.document import Document


def _json(documents: Sequence[Document]) -> str:
    return session_json(documents)


def _html(documents: Sequence[Document]) -> str:
    from pytest_cio_load.reports.html.page import render

    return render(documents)


def _markdown(documents: Sequence[Document]) -> str:
    from pytest_cio_load.reports.markdown import markdown

    return markdown(documents, comparisons_in(documents))


def _csv(documents: Sequence[Document]) -> str:
    from pytest_cio_load.reports.table import csv_table

    return csv_table(documents)


def _hlog(documents: Sequence[Document]) -> str:
    from pytest_cio_load.reports.hlog import hlog

    return hlog(documents)


def _k6_summary(documents: Sequence[Document]) -> str:
    from pytest_cio_load.reports.k6_summary import k6_summary

    return json.dumps(k6_summary(documents), indent=4, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Sequence[Document]], str]] = {
    "json": _json,
    "html": _html,
    "markdown": _markdown,
    "csv": _csv,
    "hlog": _hlog,
    "k6-summary": _k6_summary,
}
"""What makes each format."""

ENDINGS = {".json": "json", ".html": "html", ".htm": "html", ".md": "markdown", ".csv": "csv", ".hlog": "hlog"}
"""The format that a file's name means."""

_ENDING = {kind: ending[1:] for ending, kind in reversed(ENDINGS.items())}


def write_report(kind: str, path: str, documents: Sequence[Document]) -> None:
    """Write a report.

    Args:
        kind: one of `FORMATS`.
        path: of the file; what was there stays when the new one cannot be written.
        documents: in the order of the report.

    Raises:
        OSError: it cannot be written.
        RuntimeError: a library that the format needs is not installed.
        DocumentError: a document is damaged.
    """
    write_whole(path, FORMATS[kind](documents).encode("utf-8"))


def write_all(wanted: Mapping[str, str], documents: Sequence[Document]) -> list[str]:
    """Write every report that is wanted; one that cannot be does not keep the others from it.

    Args:
        wanted: paths by format.
        documents: of the session.

    Returns:
        What went wrong, a line each: what was got, what was expected, and the nearest fix.
    """
    in_order = sorted(documents, key=lambda doc: str(doc["test"]))
    told = []
    for kind, path in wanted.items():
        try:
            write_report(kind, path, in_order)
        except OSError as error:
            why = error.strerror or type(error).__name__
            example = f"runs.{_ENDING.get(kind, 'json')}"
            told.append(f"--cio-{kind}={path!r}: got {why}, expected a file that can be written, such as {example!r}")
        except (RuntimeError, DocumentError) as error:
            told.append(f"--cio-{kind}={path!r}: {error}")
    return told


def comparisons_in(documents: Sequence[Document]) -> list[dict[str, Any]]:
    """What was compared with a baseline, of all documents, each with its test."""
    return [{"test": doc["test"], **each} for doc in documents for each in doc.get("comparisons", ())]


def tell_github(documents: Sequence[Document], root: str, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Where GitHub runs the tests: write its step summary, and give the annotations to be printed. Elsewhere, nothing."""
    from pytest_cio_load.reports.annotations import annotate
    from pytest_cio_load.reports.markdown import write_step_summary

    lines = annotate(documents, environment, root)
    try:
        write_step_summary(documents, environment, comparisons_in(documents))
    except OSError as error:
        lines.append(f"GITHUB_STEP_SUMMARY: got {error.strerror}, expected a file that can be written; no summary of cio-load is there")
    return lines
