"""A result that a task waits for, and that lets it go on in the very moment it comes.

An asyncio future has its task go on in the loop's next turn; at some thousand answers a second those turns are a large part of what an
answer costs. This one is a future to whoever awaits it: a task asks it for no more than is here.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, CancelledError, InvalidStateError, current_task
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T")


def _raise(error: BaseException) -> NoReturn:
    raise error


class Coming(Generic[T]):
    """One result, awaited by one task at most.

    Args:
        loop: of the task.
    """

    __slots__ = ("_asyncio_future_blocking", "_callback", "_context", "_is_done", "_loop", "_result", "_why")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._asyncio_future_blocking = False  # asyncio's mark of what its tasks can wait for
        self._callback: Callable[[Coming[T]], object] | None = None
        self._context: Any = None  # of whom to tell
        self._is_done = False
        self._result: Any = None  # a T, once it is done
        self._why: CancelledError | None = None

    def __await__(self) -> Generator[Coming[T], None, T]:
        if not self._is_done:
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    def give(self, result: T) -> bool:
        """Here it is: whoever waits goes on before this returns, unless a task is running.

        Returns:
            False when nobody waits for it any more.
        """
        if self._is_done:
            return False
        self._is_done, self._result = True, result
        callback, self._callback = self._callback, None
        if callback is not None:
            if current_task(self._loop) is None:
                try:
                    self._context.run(callback, self)
                except (KeyboardInterrupt, SystemExit) as error:
                    # Whoever gives is called by a loop, and uvloop would take it for a fault of the connection's, log it and go on.
                    self._loop.call_soon(_raise, error)
            else:
                self._loop.call_soon(callback, self, context=self._context)
        return True

    # What a task asks of a future.

    def get_loop(self) -> AbstractEventLoop:
        """The loop of whoever may wait."""
        return self._loop

    def done(self) -> bool:
        """Whether it has come, or was cancelled."""
        return self._is_done

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._why is not None

    def result(self) -> T:
        """What came.

        Raises:
            asyncio.CancelledError: it was cancelled.
            asyncio.InvalidStateError: it has not come yet.
        """
        if self._why is not None:
            raise self._why
        if not self._is_done:
            raise InvalidStateError("result: got asked before it came; expected after; await it")
        result: T = self._result
        return result

    def add_done_callback(self, callback: Callable[[Coming[T]], object], *, context: Context) -> None:
        """Whom to tell when it is done."""
        self._callback, self._context = callback, context

    def cancel(self, msg: Any = None) -> bool:
        """Whoever waits shall wait no longer. Returns False when it is done already."""
        if self._is_done:
            return False
        self._is_done = True
        self._why = CancelledError() if msg is None else CancelledError(msg)
        callback, self._callback = self._callback, None
        if callback is not None:
            self._loop.call_soon(callback, self, context=self._context)
        return True
