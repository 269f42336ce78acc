"""A plugin of pytest: asynchronous tests run on uvloop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def pytest_asyncio_loop_factories(config: object, item: object) -> dict[str, Callable[[], Any]]:
    """uvloop, and nothing else."""
    from uvloop import new_event_loop

    return {"uvloop": new_event_loop}
