"""Which event loop a load runs on, where that is ours to say: uvloop's, when it is installed and the clock is the machine's."""

from __future__ import annotations

import asyncio
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def loop_factory(*, wall: bool, always: bool = False) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop, or None where it shall be what ``asyncio.Runner`` makes by itself.

    Args:
        wall: whether the clock will be the machine's. In virtual time it is asyncio's own loop, the only one whose waits can be skipped.
        always: even where an event loop policy is in force that is not asyncio's own: otherwise whoever has set it has chosen.
    """
    if not wall or why_missing() or not (always or policy_is_default()):
        return None
    from uvloop import new_event_loop

    made: Callable[[], asyncio.AbstractEventLoop] = new_event_loop
    return made


def new_uvloop() -> asyncio.AbstractEventLoop:
    """A loop of uvloop's: what we have other plugins make. Raises ImportError where `why_missing` says why."""
    from uvloop import new_event_loop

    loop: asyncio.AbstractEventLoop = new_event_loop()
    return loop


def why_missing() -> str:
    """Why uvloop cannot be used here, as a clause; "" when it can."""
    if find_spec("uvloop") is None:
        return "it is not installed"
    try:
        import uvloop  # noqa: F401
    except ImportError as error:
        return f"it cannot be imported ({error})"
    return ""


def running() -> str:
    """What runs here: "asyncio" or "uvloop", or whatever package made the event loop; "threads" where none runs."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return "threads"
    return type(loop).__module__.partition(".")[0]


def policy_is_default() -> bool:
    """Whether the event loop policy in force is one of asyncio's own: nobody has chosen another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return type(asyncio.get_event_loop_policy()).__module__.startswith("asyncio.")
