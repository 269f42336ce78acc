"""Running a coroutine beside whatever loop this thread has: in a thread with a loop of its own, and ended with whoever waits for it."""

from __future__ import annotations

import asyncio
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run_aside(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run what *make* gives in another thread, and wait for it. Whatever ends the wait, such as Ctrl-C, cancels it, and it ends first."""
    with suppress(ImportError):  # it is an extra
        # First imported in a thread that ends, it brings down the process when another thread uses it (pyreqwest 0.15).
        import_module("pyreqwest.client")
    began: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()
    done: Future[T] = Future()
    either: tuple[Future[Any], ...] = (began, done)

    async def main() -> T:
        began.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await make()

    def work() -> None:
        try:
            done.set_result(asyncio.run(main()))
        except BaseException as error:
            done.set_exception(error)

    thread = Thread(target=work, name="cio-load-aside")
    thread.start()
    try:
        return done.result()
    except BaseException:
        wait(either, return_when=FIRST_COMPLETED)
        if began.done() and not done.done():
            loop, task = began.result()
            if task is not None:
                with suppress(RuntimeError):  # it has just ended by itself
                    loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        thread.join()
