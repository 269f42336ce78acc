"""The end of a session: a line per contract, and the runs that were ended before a report of theirs could be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cio_load.reports.terminal import failure, summary_line, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.reports.document import Document


def summarize(reporter: Any, documents: Sequence[Document], untold: Sequence[Document]) -> None:
    """Write the summary section.

    Args:
        reporter: pytest's terminal reporter.
        documents: of every contract.
        untold: those of them whose test had no report, because the session was interrupted: their findings are written in full.
    """
    writer = reporter._tw
    reporter.write_sep("=", "cio-load")
    for doc in untold:
        write(failure(doc, writer.fullwidth), writer)
        reporter.write_line("")
    in_order = sorted(documents, key=lambda doc: str(doc["machine"]["started_at"]))
    write((summary_line(doc, writer.fullwidth) for doc in in_order), writer)
    for doc in in_order:
        for line in doc.get("baseline", ()):
            if line.startswith(("not ", "worse", "saved", "cannot tell")):
                write(iter([[(f"  {doc['test']}: {line}", "" if line.startswith("saved") else "inconclusive")]]), writer)
