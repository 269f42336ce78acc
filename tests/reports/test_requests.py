"""What each operation asks of Customer.io, as a request without anybody's data."""

from __future__ import annotations

import re

import pytest

from pytest_cio_load.fake.routes import find
from pytest_cio_load.metrics.kinds import OPERATIONS
from pytest_cio_load.reports.requests import REQUESTS, request_of


def test_every_operation_has_one() -> None:
    """And nothing else has."""
    assert sorted(REQUESTS) == sorted(OPERATIONS)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_a_request_is_the_operations_own(operation: str) -> None:
    """The fake takes it for that; pages and screens are events, told apart by what is in them."""
    method, path = request_of(operation).split(" ")
    found = find(method, re.sub(r"\{\w+\}", "7", path)).operation
    assert found == {"page": "track", "screen": "track"}.get(operation, operation)


@pytest.mark.parametrize("operation", ["enqueue", "http", "mine"])
def test_what_asks_nothing_of_customerio_has_none(operation: str) -> None:
    """A job that is enqueued, and other requests of instrumented clients."""
    assert request_of(operation) == ""
