"""The blocking twin of what runs in a loop: in a thread with a loop of its own, and ended with whoever waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cio_load.staging.aside import run_aside
from pytest_cio_load.staging.sweep import Swept, sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cio_load.customerio.client import AppClient, Client
    from pytest_cio_load.staging.sweep import People

def sweep_blocking(open_clients: Callable[[], tuple[Client, AppClient]], ledger: People, **how: Any) -> Swept:
    """As `sweep`, from a thread, which may have a loop of its own that is running.

    Args:
        open_clients: makes both clients, inside of the loop that they are going to be used in; they are closed afterwards.
        ledger: who was made up.
        how: keyword arguments of `sweep`.

    Raises:
        GuardRefused: no request may leave (any more).
    """

    async def whole() -> Swept:
        track, app = open_clients()
        async with track, app:
            return await sweep(track, app, ledger, **how)

    return run_aside(whole)
