"""Run documents as an HdrHistogram log (``.hlog``), which HdrHistogram's own tools and plotters read.

The format is the one of its version 1.3: comments that say when the log began, a legend, then a line per histogram, with the metric as its
tag::

    Tag=response,0.000,60.000,7161.856,HISTFAAA…

Times are seconds from the log's start. Values in a histogram are thousandths of the metric's unit, so microseconds for times; the third
field, the maximum, is in the unit itself. HistogramLogProcessor shows milliseconds with ``-outputValueUnitRatio 1000``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_cio_load.errors import DocumentError
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cio_load.reports.document import Document

_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
_FIT_FOR_A_TAG = "!$&'()*+./:;<=>?@[]^_{|}~-#"


def hlog(documents: Sequence[Document]) -> str:
    """The log of *documents*: one interval for each trend that has samples, in order of time.

    A tag is the metric's name; with several runs in one log, the test's node id, ``#``, and the metric. What a tag cannot hold (a comma,
    a blank, what is no ASCII) is percent-encoded.

    Raises:
        DocumentError: a run does not say when it began.
    """
    starts = [_started(doc) for doc in documents]
    begin = min(starts, default=datetime.fromtimestamp(0, UTC))
    lines = [
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {begin.timestamp():.3f} (seconds since epoch), {begin.isoformat(timespec='milliseconds')}]",
        "#[Values are thousandths of the metric's unit: microseconds for times; -outputValueUnitRatio 1000 shows milliseconds]",
        _LEGEND,
    ]
    runs = sorted(zip(starts, documents, strict=True), key=lambda run: run[0])
    for started, doc in runs:
        lines += _intervals(doc, (started - begin).total_seconds(), prefix=f"{doc['test']}#" if len(runs) > 1 else "")
    return "\n".join(lines) + "\n"


def _intervals(doc: Document, offset: float, prefix: str) -> Iterator[str]:
    """The measured part of a run: what fell due in the warmup is in no histogram."""
    begins = offset + doc["contract"]["warmup"]
    for name, metric in doc["metrics"].items():
        if metric["kind"] == "trend" and metric["samples"]:
            tag = quote(prefix + name, safe=_FIT_FOR_A_TAG)
            yield f"Tag={tag},{begins:.3f},{doc['rate']['seconds']:.3f},{metric['max']:.3f},{metric['histogram']}"


def _started(doc: Document) -> datetime:
    text = doc["machine"]["started_at"]
    try:
        started = datetime.fromisoformat(text)
        return started if started.tzinfo is not None else started.replace(tzinfo=UTC)
    except ValueError:
        expected = "a moment such as '2026-02-03T04:05:06.789+00:00'"
        raise DocumentError(
            f"{doc['test']}: machine.started_at: got {show_value(text)}; expected {expected}; write the document again with --cio-json"
        ) from None
