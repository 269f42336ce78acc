"""What tests of the canary share: a fake, its two clients and a canary, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pytest_cio_load.customerio.client import AppClient, Client
from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.customerio.pacing import Retry
from pytest_cio_load.customerio.wire import Answer, Request
from pytest_cio_load.customerio.workspaces import AppAccess, Workspace
from pytest_cio_load.fake.transport import async_transport
from pytest_cio_load.fake.workspace import FakeWorkspace
from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.safety.ledger import Ledger
from pytest_cio_load.staging.canary import Canary
from pytest_cio_load.staging.sightings import Sightings

ONCE = Retry(attempts=1)


class Counted:
    """A wire that notes when what was asked, and may have something else happen."""

    def __init__(self, wire: Any, instead: Callable[[Request], Answer | None]) -> None:
        self._wire, self._instead = wire, instead
        self.asked: list[tuple[float, str, str]] = []

    async def send(self, request: Request) -> Answer:
        """Send, unless something else happens."""
        self.asked.append((asyncio.get_running_loop().time(), request.method, request.path))
        answer = self._instead(request)
        return await self._wire.send(request) if answer is None else answer

    async def aclose(self) -> None:
        """Close it."""
        await self._wire.aclose()


class Stage:
    """A fake, a client of its Track API, one of its App API, and the canary.

    Attributes:
        person: the canary's.
        ours: somebody else of the same run.
        run: its id.
    """

    def __init__(
        self,
        fake: dict[str, Any] | None = None,
        canary: dict[str, Any] | None = None,
        *,
        app_key: str = "fake-app-key",
        instead: Callable[[Request], Answer | None] = lambda _: None,
        admit: Any = None,
    ) -> None:
        ledger = Ledger("cio-load-1a2b3c4d")
        self.person, self.ours, self.run = ledger.user(0), ledger.user(1), "20260203-040506-1a2b3c"
        self.fake = FakeWorkspace(**{"latency": "40ms"} | (fake or {}))
        transport = async_transport(self.fake)
        space, access = Workspace("fake-site-id", "fake-api-key"), AppAccess(app_key)
        self.sends = Counted(make_wire(space, transport=transport), instead)
        self.reads = Counted(make_wire(access, transport=transport), instead)
        self.track = Client(space, self.sends, retry=ONCE, admit=admit)
        app = AppClient(access, self.reads, retry=ONCE)
        self.canary = Canary(self.track, app, person=self.person, run=self.run, **(canary or {}))
        self.began = 0.0

    def asked_by(self, part: str) -> list[float]:
        """When requests whose path holds this were made, since the beginning."""
        return [round(at - self.began, 6) for at, _, path in self.reads.asked + self.sends.asked if part in path]


class Watching:
    """Makes stages and plays runs on them."""

    stage = Stage

    def __call__(
        self,
        seconds: float,
        fake: dict[str, Any] | None = None,
        canary: dict[str, Any] | None = None,
        *,
        meanwhile: Callable[[Stage], Awaitable[object]] | None = None,
        **how: Any,
    ) -> tuple[Sightings, Stage]:
        """A run of so many seconds, beside which the canary watches, in virtual time."""

        async def main() -> tuple[Sightings, Stage]:
            with VirtualClock(asyncio.get_running_loop()):
                stage = Stage(fake, canary, **how)
                now = asyncio.get_running_loop().time
                stage.began = now()
                watching = asyncio.create_task(stage.canary.run())
                if meanwhile is not None:
                    await meanwhile(stage)
                await asyncio.sleep(stage.began + seconds - now())
                stage.canary.stop()
                await watching
                seen = await stage.canary.finish()
                await stage.canary.aclose()
                return seen, stage

        return asyncio.run(main())


@pytest.fixture(scope="session")
def watch() -> Watching:
    """It keeps nothing between tests."""
    return Watching()
