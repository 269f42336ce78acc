"""Connections opened before a run begins, so that its first calls do not wait for them."""

from __future__ import annotations

import asyncio
from math import ceil
from typing import TYPE_CHECKING

from pytest_cio_load.errors import SafetyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_cio_load.contract.profile import Profile
    from pytest_cio_load.customerio.client import Client

ANSWERED = 0.05
"""Seconds that an answer is thought to take. A server that takes one connection at a time is kept from an early call by those that are open
and idle before it, so it matters that all of them are in use as soon as this: within it so many calls are due."""

PATIENCE = 5.0
"""Seconds that it may take; what is not open by then is left to the calls."""


def connections_for(profile: Profile, pace: float, share: int = 1) -> int:
    """How many connections the first moments of a load need in one workspace: what is due while an answer is awaited.

    Later moments open what they need as they go; a connection that is kept until then may have been closed by the server.

    Args:
        profile: of the load.
        pace: requests per second that the workspace gets at most.
        share: over so many workspaces the load is spread.
    """
    first = profile if profile.ramp is None else profile.ramp
    return max(1, ceil(min(float(first.first_rate) / share, pace) * ANSWERED))


async def warm(clients: Sequence[Client], profile: Profile) -> None:
    """Open what *clients* will need in the first moments of a load. Returns when that is open, or cannot be.

    Raises:
        GuardRefused: as every call would be.
    """
    share = len({client.workspace.site_id for client in clients})
    try:
        async with asyncio.timeout(PATIENCE):
            for client in clients:
                await client.warm(connections_for(profile, client.workspace.rate, share))
    except SafetyError:
        raise
    except Exception:
        # Whatever it is, the calls will meet it, and are what it is told by.
        return
