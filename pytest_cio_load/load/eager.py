"""Beginning a task at once: its first step is done where it is made, and not a turn of the loop later.

A turn of asyncio's loop costs more than most first steps, and an iteration that begins a turn later is later by that. Python offers it from
3.12 on. Before, a task asks its loop to call the first step soon, and nothing else of it: that wish is taken from it and carried out here.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    Begin = Callable[[Coroutine[Any, Any, None], Context], "asyncio.Task[None]"]

IS_OFFERED = sys.version_info >= (3, 12)
"""Whether Python has it."""


def beginner(loop: asyncio.AbstractEventLoop) -> Begin | None:
    """What makes a task that has done its first step; None where somebody else has a say in how tasks are made.

    It may be called from callbacks of the loop only, and not from within a task.
    """
    if loop.get_task_factory() is not None or loop.get_debug():
        return None
    if IS_OFFERED:
        return _Offered(loop)
    return _ByHand(loop) if "call_soon" not in getattr(loop, "__dict__", {"call_soon": None}) else None


class _Offered:
    """Python's own way."""

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __call__(self, work: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None]:
        make: Any = asyncio.Task
        begun: asyncio.Task[None] = make(work, loop=self._loop, context=context, eager_start=True)
        return begun


class _ByHand:
    """Ours: for as long as a task is made, its loop's ``call_soon`` is one that remembers."""

    __slots__ = ("_loop", "_step")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Any = loop
        self._step: Callable[[], object] | None = None

    def __call__(self, work: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None]:
        loop = self._loop
        loop.call_soon = self._remember
        try:
            task: asyncio.Task[None] = asyncio.Task(work, loop=loop, context=context)
        finally:
            del loop.call_soon
        step, self._step = self._step, None
        if step is not None:
            context.run(step)
        return task

    def _remember(self, callback: Callable[..., object], *args: object, context: Context | None = None) -> asyncio.Handle | None:
        if self._step is None and not args:
            self._step = callback
            return None
        # A signal came in this very moment, and its handler has the loop call somebody.
        handle: asyncio.Handle = type(self._loop).call_soon(self._loop, callback, *args, context=context)
        return handle
