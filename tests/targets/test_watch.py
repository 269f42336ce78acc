"""What watches a workspace beside a run, and how it is ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_cio_load.targets.watch import Watch


class Deaf:
    """A canary whose engine swallows the cancellation: it ends when it is told to, and by nothing else."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.done: list[str] = []

    async def run(self) -> None:
        while not self.over.is_set():
            try:
                await self.over.wait()
            except asyncio.CancelledError:
                self.done.append("swallowed")
        self.done.append("ended")

    def stop(self) -> None:
        self.over.set()

    async def aclose(self) -> None:
        self.done.append("closed")


@pytest.mark.asyncio
async def test_a_cancellation_that_is_swallowed_does_not_hold_up_the_end() -> None:
    """The canary is told too."""
    canary: Any = Deaf()
    watch = Watch(lambda: canary)
    watch.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await watch.aclose()
    assert canary.done[-2:] == ["ended", "closed"]
