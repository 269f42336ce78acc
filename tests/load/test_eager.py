"""Tasks that begin where they are made: on either loop, whichever way this Python has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from pytest_cio_load.load.eager import _ByHand, beginner


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of its own, closed afterwards."""
    made = asyncio.new_event_loop() if request.param == "asyncio" else pytest.importorskip("uvloop").new_event_loop()
    yield made
    made.close()


@pytest.fixture(params=["chosen", "by hand"])
def begin(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop) -> Any:
    """What begins tasks: what is chosen on this Python, and ours whatever it has."""
    return beginner(loop) if request.param == "chosen" else _ByHand(loop)


def in_a_callback(loop: asyncio.AbstractEventLoop, work: Callable[[], Any]) -> Any:
    """Do *work* in a callback of the loop, then run what it returns, a task, to its end."""
    made = loop.create_future()

    def call() -> None:
        try:
            made.set_result(work())
        except BaseException as error:
            made.set_exception(error)

    loop.call_soon(call)
    return loop.run_until_complete(made)


def test_the_first_step_is_done_where_it_is_made(loop: asyncio.AbstractEventLoop, begin: Any) -> None:
    """And it goes on as any task does."""
    order: list[str] = []

    async def work() -> None:
        order.append("first step")
        await asyncio.sleep(0)
        order.append("second step")

    def make() -> asyncio.Task[None]:
        task: asyncio.Task[None] = begin(work(), copy_context())
        order.append("made")
        return task

    loop.run_until_complete(in_a_callback(loop, make))
    assert order == ["first step", "made", "second step"]


def test_the_task_is_the_current_one_and_has_the_context(loop: asyncio.AbstractEventLoop, begin: Any) -> None:
    """In its first step and in later ones; whoever made it keeps a context of their own."""
    name: ContextVar[str] = ContextVar("name", default="nobody's")
    seen: list[object] = []

    async def work() -> None:
        name.set("the task's")
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.extend([asyncio.current_task(), name.get()])

    def make() -> asyncio.Task[None]:
        task: asyncio.Task[None] = begin(work(), copy_context())
        seen.append(name.get())
        return task

    task = in_a_callback(loop, make)
    loop.run_until_complete(task)
    assert seen == [task, "nobody's", task, "the task's"]


def test_the_loop_is_as_it_was_afterwards(loop: asyncio.AbstractEventLoop, begin: Any) -> None:
    """What a first step calls soon is called soon."""
    called: list[str] = []

    async def work() -> None:
        asyncio.get_running_loop().call_soon(called.append, "soon")

    task = in_a_callback(loop, lambda: begin(work(), copy_context()))
    loop.run_until_complete(task)
    assert called == ["soon"]
    assert "call_soon" not in vars(loop)


def test_what_a_first_step_raises_is_the_tasks(loop: asyncio.AbstractEventLoop, begin: Any) -> None:
    """It does not reach whoever made it."""

    async def work() -> None:
        raise ZeroDivisionError

    task = in_a_callback(loop, lambda: begin(work(), copy_context()))
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(task)


def test_it_can_be_cancelled(loop: asyncio.AbstractEventLoop, begin: Any) -> None:
    """As any task."""

    async def work() -> None:
        await asyncio.sleep(3_600)

    task = in_a_callback(loop, lambda: begin(work(), copy_context()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)


def test_whatever_else_is_called_soon_while_a_task_is_made(loop: asyncio.AbstractEventLoop) -> None:
    """By the handler of a signal, say: it is called, and the first step is done."""
    order: list[str] = []
    begin = _ByHand(loop)

    async def work() -> None:
        order.append("first step")

    def make() -> asyncio.Task[None]:
        debugs = loop.get_debug

        def interrupted() -> bool:
            loop.get_debug = debugs  # type: ignore[method-assign]
            loop.call_soon(order.append, "soon")
            return debugs()

        loop.get_debug = interrupted  # type: ignore[method-assign]
        try:
            return begin(work(), copy_context())
        finally:
            del loop.get_debug

    loop.run_until_complete(in_a_callback(loop, make))
    assert order[0] == "first step"
    assert set(order[1:]) == {"soon"}


def test_somebody_elses_say_in_how_tasks_are_made_is_kept(loop: asyncio.AbstractEventLoop) -> None:
    """A task factory, a loop that is debugged: tasks are then made as they ask for."""
    loop.set_task_factory(lambda loop, work, **how: asyncio.Task(work, loop=loop, **how))
    assert beginner(loop) is None
    loop.set_task_factory(None)
    assert beginner(loop) is not None
    loop.set_debug(True)
    assert beginner(loop) is None
