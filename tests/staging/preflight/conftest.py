"""What the tests of the preflight share: a workspace that is served, and an allow-list with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.safety import allowlist
from pytest_cio_load.safety.allowlist import Entry

SITE, KEY, APP = "5f1c0aa7d2b94e38", "9be27d416f0c53aa", "e0d4b7719c2f4a6b8d35"


@pytest.fixture(scope="session")
def entry() -> Entry:
    """How the workspace is listed."""
    return Entry(allowlist.hash_of(SITE), 1001, "us", "staging", date(2026, 11, 24))


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    """What the workspace is."""
    keys = {"site_id": SITE, "api_key": KEY, "app_key": APP}
    return {**keys, "environment_id": 1001, "name": "Acme Staging", "region": "us", "latency": "1ms"}


@pytest.fixture(scope="module")
def served(settings: dict[str, Any]) -> Iterator[ServedFake]:
    """A workspace, on loopback."""
    with ServedFake([settings]) as fake:
        yield fake


@pytest.fixture
def fake(served: ServedFake) -> ServedFake:
    """The workspace, as new."""
    served.reset()
    return served


@pytest.fixture
def listed(tmp_path: Path, entry: Entry) -> Path:
    """An allow-list with the workspace on it."""
    path = tmp_path / "allow.json"
    allowlist.write(path, [entry])
    return path
