"""``--cio-json``: every run of the session in one file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cio_load.reports.document import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.reports.document import Document


def write_json(path: str, documents: Sequence[Document], *, version: str) -> None:
    """Write *documents*, ordered by test, to *path*; folders on the way are made. An empty session writes an empty list of runs."""
    whole = {
        "schema": SCHEMA,
        "plugin": f"pytest-cio-load {version}",
        "runs": sorted(documents, key=lambda doc: doc["test"]),
        "machine": {"written_at": datetime.now(UTC).isoformat(timespec="milliseconds")},
    }
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
