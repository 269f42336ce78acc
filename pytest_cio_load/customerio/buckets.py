"""One rate limiter per workspace, shared by all clients of a process.

A limiter remembers moments, and moments of different clocks cannot be compared: virtual time runs ahead of the wall clock. So there is one
limiter per workspace *and* time axis. All clocks that read as ``time.monotonic`` does are one axis, the wall; any other is its own.
"""

from __future__ import annotations

import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pytest_cio_load.customerio.pacing import Bucket

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Access


class Axis:
    """A time axis: whoever reads the same clock passes the same one. Its limiters go when it goes."""


WALL = Axis()
"""The clock on the wall: ``time.monotonic``, and the event loops that run by it."""

_SAME_CLOCK = 1.0
_buckets: WeakKeyDictionary[object, dict[tuple[str, str], Bucket]] = WeakKeyDictionary()
_lock = Lock()


def bucket_for(workspace: Access, axis: object = WALL) -> Bucket:
    """The limiter of a workspace, made on first use, and set to the pace that *workspace* declares.

    Clients of one workspace should declare one pace. Where they do not, every request is spaced by the pace of the client that makes it.

    Args:
        workspace: told from others by its server and its site id (or, for the App API, its key).
        axis: stands for the clock that the limiter is read by: :data:`WALL`, or any object that can be weakly referenced.
    """
    key = (workspace.base_url, workspace.key)
    with _lock:
        held = _buckets.setdefault(axis, {})
        bucket = held.get(key)
        if bucket is None:
            bucket = held[key] = Bucket(workspace.rate, workspace.burst)
    if bucket.rate != workspace.rate:
        bucket.keep_to(workspace.rate)
    return bucket


def axis_of(loop: AbstractEventLoop) -> object:
    """The time axis of an event loop: the wall, unless its clock was replaced or reads otherwise; then the loop itself."""
    replaced = "time" in getattr(loop, "__dict__", {})
    return loop if replaced or abs(loop.time() - time.monotonic()) > _SAME_CLOCK else WALL


def clock_of(loop: AbstractEventLoop) -> Callable[[], float]:
    """What tells the time of an event loop, in seconds: on the wall the machine's clock, since uvloop's own is of whole milliseconds."""
    return time.monotonic if axis_of(loop) is WALL else loop.time
