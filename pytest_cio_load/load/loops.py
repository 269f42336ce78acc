"""Which event loop a load runs on, where that is ours to say: uvloop's, when it is installed and the clock is the machine's."""

from __future__ import annotations

import asyncio
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def loop_factory(*, wall: bool) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop, or None where it shall be what ``asyncio.Runner`` makes by itself.

    Args:
        wall: whether the clock will be the machine's. In virtual time it is asyncio's own loop, the only one whose waits can be skipped.
    """
    # Who has set a policy of their own has chosen.
    if not wall or find_spec("uvloop") is None or not _is_default(type(_policy())):
        return None
    import uvloop

    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return new_event_loop


def _policy() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return asyncio.get_event_loop_policy()


def _is_default(policy: type) -> bool:
    return policy.__module__.startswith("asyncio.")
