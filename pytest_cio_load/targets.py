"""What a test's calls reach: the workspace, the clients and the limiter they share, the fake behind the mock, the made-up people."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import cached_property
from ipaddress import ip_address
from random import Random
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_cio_load.customerio.api import Region, Workspace
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.errors import ContractError, Problem
from pytest_cio_load.load.clock import real_seconds
from pytest_cio_load.safety.cleanup import Cleanup
from pytest_cio_load.safety.ledger import Ledger, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_cio_load.customerio.client import CallRecord, Client, SyncClient
    from pytest_cio_load.fake.workspace import FakeWorkspace
    from pytest_cio_load.settings import Settings

MOCK = "mock"
FIXTURES = frozenset({"cio", "cio_sync", "cio_fake"})
SITE_ID, API_KEY = "cio-load-site-id", "cio-load-api-key"
"""Credentials of the mock, also sent to servers on loopback: no real ones are ever needed for either."""

_UNHURRIED = 3600.0
_UNPACED = 1_000_000.0
_ONCE_MORE = Retry(attempts=2)


def used_by(fixtures: Iterable[str]) -> bool:
    """Whether a test with these fixtures makes calls that we carry."""
    return not FIXTURES.isdisjoint(fixtures)


def problem_with(target: str) -> Problem | None:
    """What is wrong with the name of a target, or None."""
    if target == MOCK:
        return None
    try:
        parts = urlsplit(target)
        more = parts.query or parts.fragment or "@" in parts.netloc
        is_server = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not more
    except (ValueError, AttributeError):  # text that no URL can be, such as a port of letters; or no text
        is_server = False
    if not is_server:
        got = "'…@…'" if "@" in str(target) else repr(target)  # what stands before an @ may be a password
        return Problem("target", got, "'mock', or the URL of a server on loopback", "try 'http://127.0.0.1:8080'")
    if not _is_loopback(parts.hostname or ""):
        nearest = "load goes to this machine only; point it at 'http://127.0.0.1:PORT', or use 'mock'"
        return Problem("target", repr(f"{parts.scheme}://{parts.hostname}"), "a server on loopback", nearest)
    return None


def _is_loopback(host: str) -> bool:
    """Whether *host* is this machine whatever a name server says: 127.example.com is not."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def problem_with_clock(clock: str | None, target: str) -> Problem | None:
    """What is wrong with asking for *clock* on *target*, or None."""
    if clock != "virtual" or target == MOCK:
        return None
    return Problem("clock", "'virtual'", "the mock as target: a server answers in real time", "use clock='wall'")


class Target:
    """One test's target.

    Args:
        settings: which target, which workspace.
        seed: of latency, jitter and event ids.
        on_call: is given the record of every call.

    Attributes:
        cleanup: people noted, deleted and left, after `aclose` or `close`.
    """

    def __init__(self, settings: Settings, *, seed: int, on_call: Callable[[CallRecord], None]) -> None:
        self._settings, self._seed, self._on_call = settings, seed, on_call
        url = None if settings.target == MOCK else settings.target
        self._workspace = Workspace(SITE_ID, API_KEY, Region(settings.region), limit=settings.limit, pace=settings.pace, url=url)
        self._bucket = Bucket(self._workspace.rate)
        # A server keeps people from one run to the next, so there each run needs names of its own; the mock starts empty.
        self._ledger = Ledger(f"cio-load-{seed:x}" if url is None else f"cio-load-{token_hex(4)}")
        self._now: Callable[[], float] = real_seconds
        self._sent = 0
        self._delivered: dict[str, int] | None = None
        self.cleanup: dict[str, int] = {}

    def begin(self, now: Callable[[], float]) -> None:
        """The run begins: client, limiter and fake are on its clock from here. *now*: seconds since the start of the run.

        The limiter starts afresh, since what it remembers is on another clock.
        """
        self._now = now
        self._sent = 0
        fresh = Bucket(self._workspace.rate)
        for client in self._clients():
            client.bucket = fresh
        self._bucket = fresh
        if "fake" in self.__dict__:
            self.fake.begin(now())

    def user(self, index: int) -> User:
        """The made-up person of an iteration, noted for cleanup."""
        return self._ledger.user(index)

    @cached_property
    def fake(self) -> FakeWorkspace:
        """The fake workspace behind the mock."""
        from pytest_cio_load.fake.workspace import FakeWorkspace

        settings = self._settings
        return FakeWorkspace(
            site_id=SITE_ID,
            api_key=API_KEY,
            limit=settings.limit,
            over_budget=settings.over_budget,  # type: ignore[arg-type]  # checked where settings are read
            latency=settings.latency,
            seed=self._seed,
        )

    def need_fake(self) -> FakeWorkspace:
        """The fake, for a test that looks into it. Raises ContractError when the target is a server."""
        if self._settings.target != MOCK:
            nearest = "ask the server itself, or run with --cio-target=mock"
            raise ContractError([Problem("cio_fake", "", f"the mock as target, not {self._settings.target!r}", nearest)])
        return self.fake

    @cached_property
    def client(self) -> Client:
        """The async client."""
        return self._client(None)

    @cached_property
    def sync_client(self) -> SyncClient:
        """The blocking client."""
        return self._sync_client(None)

    def _clients(self) -> Iterator[Client | SyncClient]:
        for name in ("client", "sync_client"):
            if name in self.__dict__:
                yield self.__dict__[name]

    def _client(self, cleaner: Bucket | None) -> Client:
        from pytest_cio_load.customerio.client import Client
        from pytest_cio_load.customerio.wire import HttpxWire

        return Client(
            self._workspace,
            HttpxWire(self._workspace, transport=self._door(cleaner is not None), timeout=self._patience(cleaner)),
            bucket=cleaner or self._bucket,
            on_call=self._count if cleaner is None else None,
            retry=_ONCE_MORE if cleaner is not None else None,
            rng=self._rng("async"),
            now=self._time,
        )

    def _sync_client(self, cleaner: Bucket | None) -> SyncClient:
        from pytest_cio_load.customerio.client import SyncClient
        from pytest_cio_load.customerio.wire import HttpxSyncWire

        return SyncClient(
            self._workspace,
            HttpxSyncWire(self._workspace, transport=self._sync_door(cleaner is not None), timeout=self._patience(cleaner)),
            bucket=cleaner or self._bucket,
            on_call=self._count if cleaner is None else None,
            retry=_ONCE_MORE if cleaner is not None else None,
            rng=self._rng("sync"),
            now=self._time,
        )

    def _rng(self, kind: str) -> Random:
        """Chance for jitter and event ids. Seeded for the mock; a server remembers ids, so there no two runs may share any."""
        return Random(f"{kind} client:{self._seed}") if self._settings.target == MOCK else Random()

    def _patience(self, cleaner: Bucket | None) -> float:
        return self._settings.timeout if cleaner is None else _UNHURRIED

    def _door(self, unhurried: bool) -> Any:
        if self._settings.target != MOCK:
            return None
        from pytest_cio_load.fake.doors import async_door

        sleep = _no_sleep if unhurried else asyncio.sleep
        return async_door(self.fake, host=self._workspace.region.track_host, now=self._time, sleep=sleep)

    def _sync_door(self, unhurried: bool) -> Any:
        if self._settings.target != MOCK:
            return None
        from pytest_cio_load.fake.doors import sync_door

        waits = {"sleep": lambda _: None} if unhurried else {}
        return sync_door(self.fake, host=self._workspace.region.track_host, now=self._time, **waits)

    def _time(self) -> float:
        return self._now()

    def _count(self, record: CallRecord) -> None:
        self._sent += record.attempts
        self._on_call(record)

    def delivery(self) -> dict[str, int]:
        """What our client sent and what the mock received and did with it; empty for a server, which cannot be asked."""
        if "fake" not in self.__dict__:
            return {}
        if self._delivered is None:
            fake = self.fake
            self._delivered = {
                "sent": self._sent,
                "received": fake.received(),
                "applied": fake.applied(),
                "rejected": fake.rejected(),
                "dropped": fake.dropped(),
                "duplicates": fake.duplicates(),
            }
        return self._delivered

    async def aclose(self) -> None:
        """Delete the made-up people and close every connection of the async clients, and of the blocking ones."""
        self.delivery()
        if self._ledger.noted and self._may_hold_people:
            with self._mercy() as bucket:
                cleaner = self._client(bucket)
                self.cleanup = await Cleanup(self._ledger).run(cleaner.delete)
                await cleaner.aclose()
        for client in self._clients():
            await client.aclose() if hasattr(client, "aclose") else client.close()

    def close(self) -> None:
        """Delete the made-up people and close every connection; for sync tests."""
        self.delivery()
        if self._ledger.noted and self._may_hold_people:
            with self._mercy() as bucket:
                cleaner = self._sync_client(bucket)
                self.cleanup = Cleanup(self._ledger).run_blocking(cleaner.delete)
                cleaner.close()
        if "sync_client" in self.__dict__:
            self.sync_client.close()

    @property
    def _may_hold_people(self) -> bool:
        """A server may have got them from any client; the mock only from ours."""
        return self._settings.target != MOCK or any(self._clients())

    @contextmanager
    def _mercy(self) -> Iterator[Bucket]:
        """The limiter of cleanup: a server gets no more than its budget from it either; the mock is not measured any more."""
        if self._settings.target != MOCK:
            yield self._bucket
            return
        over_budget, self.fake.over_budget = self.fake.over_budget, "accept"
        yield Bucket(_UNPACED)
        self.fake.over_budget = over_budget


async def _no_sleep(_: float) -> None:
    """Do not wait: nobody measures the deleting."""
