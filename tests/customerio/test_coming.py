"""A result that lets a task go on in the moment it comes."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from pytest_cio_load.customerio.coming import Coming


async def settled() -> None:
    """Give everything that is ready the time to happen."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_whoever_waits_goes_on_before_giving_returns() -> None:
    """From a callback of the loop, where no task is running."""
    order: list[str] = []
    coming: Coming[str] = Coming(asyncio.get_running_loop())

    async def wait() -> None:
        order.append(await coming)

    def give() -> None:
        assert coming.give("came")
        order.append("given")

    task = asyncio.create_task(wait())
    await settled()
    asyncio.get_running_loop().call_soon(give)
    await task
    assert order == ["came", "given"]


@pytest.mark.asyncio
async def test_given_by_a_task_it_waits_for_its_turn() -> None:
    """Two tasks cannot run at once."""
    order: list[str] = []
    coming: Coming[str] = Coming(asyncio.get_running_loop())

    async def wait() -> None:
        order.append(await coming)

    task = asyncio.create_task(wait())
    await settled()
    assert coming.give("came")
    order.append("given")
    await task
    assert order == ["given", "came"]


@pytest.mark.asyncio
async def test_what_came_before_it_was_awaited() -> None:
    """Is there at once."""
    coming: Coming[int] = Coming(asyncio.get_running_loop())
    assert not coming.done()
    assert coming.give(1)
    assert coming.done()
    assert await coming == 1


@pytest.mark.asyncio
async def test_only_the_first_result_counts() -> None:
    """A second is refused."""
    coming: Coming[int] = Coming(asyncio.get_running_loop())
    assert coming.give(1)
    assert not coming.give(2)
    assert not coming.cancel()
    assert await coming == 1


@pytest.mark.asyncio
async def test_a_task_that_waits_can_be_cancelled() -> None:
    """The reason goes with it, and what comes later is for nobody."""
    coming: Coming[int] = Coming(asyncio.get_running_loop())

    async def wait() -> int:
        return await coming

    task = asyncio.create_task(wait())
    await settled()
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert coming.cancelled()
    assert not coming.give(1)


@pytest.mark.asyncio
async def test_a_timeout_cancels_it_as_any_future() -> None:
    """asyncio's own timeout knows no difference."""
    coming: Coming[int] = Coming(asyncio.get_running_loop())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await coming


@pytest.mark.asyncio
async def test_a_task_cancelled_in_the_moment_it_came_is_cancelled() -> None:
    """By whoever it lets go on: the wish is carried out at the task's next wait."""
    coming: Coming[int] = Coming(asyncio.get_running_loop())
    got: list[int] = []

    async def wait() -> None:
        got.append(await coming)
        await asyncio.sleep(3_600)

    task = asyncio.create_task(wait())
    await settled()
    coming.give(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert got == []


@pytest.mark.asyncio
async def test_a_task_goes_on_in_its_own_context() -> None:
    """And not in that of whoever gives."""
    name: ContextVar[str] = ContextVar("name", default="nobody's")
    coming: Coming[int] = Coming(asyncio.get_running_loop())
    seen: list[str] = []

    async def wait() -> None:
        name.set("the task's")
        await coming
        seen.append(name.get())
        name.set("later")

    def give() -> None:
        coming.give(1)
        seen.append(name.get())

    task = asyncio.create_task(wait())
    await settled()
    asyncio.get_running_loop().call_soon(give)
    await task
    assert seen == ["the task's", "nobody's"]


@pytest.mark.asyncio
async def test_what_the_task_raises_is_its_own() -> None:
    """It does not reach whoever gives."""
    coming: Coming[int] = Coming(asyncio.get_running_loop())
    given: list[bool] = []

    async def wait() -> None:
        await coming
        raise ZeroDivisionError

    task = asyncio.create_task(wait())
    await settled()
    asyncio.get_running_loop().call_soon(lambda: given.append(coming.give(1)))
    with pytest.raises(ZeroDivisionError):
        await task
    assert given == [True]


@pytest.mark.asyncio
async def test_a_result_that_is_asked_for_too_early() -> None:
    """Says so."""
    coming: Coming[int] = Coming(asyncio.get_running_loop())
    with pytest.raises(asyncio.InvalidStateError, match="expected after"):
        coming.result()


@pytest.mark.asyncio
async def test_asyncio_takes_it_for_a_future() -> None:
    """By its own test for what tasks can wait for."""
    coming: Coming[int] = Coming(asyncio.get_running_loop())
    assert asyncio.isfuture(coming)
    assert coming.get_loop() is asyncio.get_running_loop()
