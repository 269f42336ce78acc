"""Whatever the documentation has, the client calls, the fake answers, a contract can bound, and the README lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_cio_load.customerio.api import APP_OPERATIONS, TRACK_OPERATIONS
from pytest_cio_load.customerio.client import AppClient, Client, SyncAppClient, SyncClient
from pytest_cio_load.fake import tally
from pytest_cio_load.metrics.kinds import BUILTIN, OPERATIONS, Kind

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_operation_is_a_metric() -> None:
    """In one list each, kept apart because metrics know no Customer.io."""
    assert set(OPERATIONS) == {*TRACK_OPERATIONS, *APP_OPERATIONS}
    assert {BUILTIN[name].kind for name in OPERATIONS} == {Kind.TREND}


@pytest.mark.parametrize("name", TRACK_OPERATIONS)
def test_track_operations(name: str) -> None:
    """A method of both clients, known to the fake, and a row of the README."""
    assert callable(getattr(Client, name))
    assert callable(getattr(SyncClient, name))
    assert name in tally.OPERATIONS
    assert f"| `{name}`" in README


@pytest.mark.parametrize("name", APP_OPERATIONS)
def test_app_operations(name: str) -> None:
    """Likewise."""
    assert callable(getattr(AppClient, name))
    assert callable(getattr(SyncAppClient, name))
    assert name in tally.OPERATIONS
