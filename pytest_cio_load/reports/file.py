"""``--cio-json``: every run of the session in one file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_cio_load import __version__
from pytest_cio_load.files import write_whole
from pytest_cio_load.reports.document import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.reports.document import Document


def session_json(documents: Sequence[Document], *, version: str = __version__) -> str:
    """*documents*, ordered by test, as JSON. An empty session has an empty list of runs."""
    whole = {
        "schema": SCHEMA,
        "plugin": f"pytest-cio-load {version}",
        "runs": sorted(documents, key=lambda doc: str(doc["test"])),
        "machine": {"written_at": datetime.now(UTC).isoformat(timespec="milliseconds")},
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def write_json(path: str, documents: Sequence[Document], *, version: str = __version__) -> None:
    """Write *documents* to *path*, in one step; folders on the way are made. Raises OSError."""
    write_whole(path, session_json(documents, version=version).encode("utf-8"))
