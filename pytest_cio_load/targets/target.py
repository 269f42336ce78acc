"""What a test's calls reach: the workspace, the clients and the limiter they share, the fake behind the mock, the made-up people."""

from __future__ import annotations

from functools import cached_property
from random import Random
from secrets import token_hex
from typing import TYPE_CHECKING, Any, cast

from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.workspaces import AppAccess, Region, Workspace
from pytest_cio_load.errors import ContractError, Problem
from pytest_cio_load.load.clock import real_seconds
from pytest_cio_load.safety.aim import FAKE, MOCK
from pytest_cio_load.safety.cleanup import Cleanup
from pytest_cio_load.safety.ledger import Ledger, User
from pytest_cio_load.settings import API_KEY, app_key
from pytest_cio_load.targets.wires import Wires

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_cio_load.customerio.client import AppClient, CallRecord, Client, SyncClient
    from pytest_cio_load.customerio.routing import RoutedClient, SyncRoutedClient
    from pytest_cio_load.customerio.senders import BatchSender
    from pytest_cio_load.fake.account import FakeAccount
    from pytest_cio_load.fake.served import ServedFake
    from pytest_cio_load.fake.workspace import FakeWorkspace
    from pytest_cio_load.settings import Settings

FIXTURES = frozenset({"cio", "cio_sync", "cio_app", "cio_fake", "cio_queue", "cio_batch"})
_UNPACED = 1_000_000.0
_ONCE_MORE = Retry(attempts=2)
_PERSISTENT = Retry(attempts=16, base=0.2, cap=2.0, budget=10.0)
"""Outlasts an outage of some seconds, and fails within ten: it is the budget that ends a call, not the number of attempts."""


def used_by(fixtures: Iterable[str]) -> bool:
    """Whether a test with these fixtures makes calls that we carry."""
    return not FIXTURES.isdisjoint(fixtures)


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
        self._in_process, self._is_ours = settings.target == MOCK, settings.target in (MOCK, FAKE)
        self._served = self._serve() if settings.target == FAKE else None
        url = self._served.url if self._served is not None else None if self._in_process else settings.target
        self._workspaces = [
            Workspace(site_id, API_KEY, Region(settings.region), limit=settings.limit, pace=settings.pace, url=url)
            for site_id in settings.site_ids
        ]
        first = app_key(settings.site_ids[0])
        self._app_access = AppAccess(first, Region(settings.region), url=url)
        self._buckets = self._fresh_buckets()
        # A server keeps people from one run to the next, so there each run needs names of its own; the fake starts empty.
        self._ledger = Ledger(f"cio-load-{seed:x}" if self._is_ours else f"cio-load-{token_hex(4)}")
        self._now: Callable[[], float] = real_seconds
        self._sent = 0
        self._has_workers = False
        self._wires = Wires(settings, lambda: self._model, self._time)
        self._delivered: dict[str, int] | None = None
        self.cleanup: dict[str, int] = {}

    def begin(self, now: Callable[[], float]) -> None:
        """The run begins: client, limiter and fake are on its clock from here. *now*: seconds since the start of the run.

        The limiter starts afresh, since what it remembers is on another clock.
        """
        self._now = now
        self._sent = 0
        self._buckets = self._fresh_buckets()
        for client in self._clients():
            for member in client.members:
                member.bucket = self._buckets[member.workspace.site_id]
        if "app_client" in self.__dict__:
            self.app_client.bucket = Bucket(self._app_access.rate, self._app_access.burst)
        if self._is_ours and (self._served is not None or "fake" in self.__dict__):
            self.fake.begin(now())

    def _fresh_buckets(self) -> dict[str, Bucket]:
        return {workspace.site_id: Bucket(workspace.rate, workspace.burst) for workspace in self._workspaces}

    def user(self, index: int) -> User:
        """The made-up person of an iteration, noted for cleanup."""
        return self._ledger.user(index)

    @cached_property
    def fake(self) -> FakeWorkspace | FakeAccount | ServedFake:
        """The fake: a workspace or an account of several behind the mock, or what stands for the process that serves it."""
        if self._served is not None:
            return self._served
        from pytest_cio_load.fake.account import FakeAccount
        from pytest_cio_load.fake.workspace import FakeWorkspace

        made = [FakeWorkspace(**each) for each in self._settings.fakes(self._seed)]
        return made[0] if len(made) == 1 else FakeAccount(made)

    def _serve(self) -> ServedFake:
        from pytest_cio_load.fake.served import ServedFake

        return ServedFake(self._settings.fakes(self._seed))

    def need_fake(self) -> FakeWorkspace | FakeAccount | ServedFake:
        """The fake, for a test that looks into it. Raises ContractError when the target is a server of the author's own."""
        if not self._is_ours:
            nearest = "ask the server itself, or run with --cio-target=fake"
            raise ContractError([Problem("cio_fake", "", f"the mock or the fake as target, not {self._settings.target!r}", nearest)])
        return self.fake

    def stop(self) -> None:
        """End the process that serves the fake, if there is one."""
        if self._served is not None:
            self._served.close()

    @cached_property
    def client(self) -> Client | RoutedClient:
        """The async client."""
        return self._client()

    @cached_property
    def batch_sender(self) -> BatchSender:
        """Sends batches through the async client."""
        from pytest_cio_load.customerio.senders import BatchSender

        return BatchSender(self.client)

    @cached_property
    def sync_client(self) -> SyncClient | SyncRoutedClient:
        """The blocking client."""
        return self._sync_client()

    @cached_property
    def app_client(self) -> AppClient:
        """Reads through the App API of the workspace, the first of several, within that API's own budget."""
        from pytest_cio_load.customerio.client import AppClient

        access = self._app_access
        bucket = Bucket(access.rate, access.burst)
        wire = self._wires.make(access, False)
        return AppClient(access, wire, bucket=bucket, on_call=self._count, rng=self._rng("app"), now=self._time)

    def _clients(self) -> Iterator[Any]:
        for name in ("client", "sync_client"):
            if name in self.__dict__:
                yield self.__dict__[name]

    def _client(self, *, cleaning: bool = False) -> Client | RoutedClient:
        from pytest_cio_load.customerio.client import Client
        from pytest_cio_load.customerio.routing import RoutedClient

        clients = [
            Client(
                workspace,
                self._wires.make(workspace, cleaning),
                **self._parts(workspace, "async", cleaning),
            )
            for workspace in self._workspaces
        ]
        return clients[0] if len(clients) == 1 else RoutedClient(clients, rng=self._rng("async ids"))

    def _sync_client(self, *, cleaning: bool = False) -> SyncClient | SyncRoutedClient:
        from pytest_cio_load.customerio.client import SyncClient
        from pytest_cio_load.customerio.routing import SyncRoutedClient

        clients = [
            SyncClient(
                workspace,
                self._wires.make_sync(workspace, cleaning),
                **self._parts(workspace, "sync", cleaning),
            )
            for workspace in self._workspaces
        ]
        return clients[0] if len(clients) == 1 else SyncRoutedClient(clients, rng=self._rng("sync ids"))

    def _parts(self, workspace: Workspace, kind: str, cleaning: bool) -> dict[str, Any]:
        """What a client is made of besides its wire.

        One that cleans up is not counted, and soon gives up. It keeps to a server's budget like any other; the mock needs no mercy.
        """
        paced = not cleaning or not self._is_ours
        return {
            "bucket": self._buckets[workspace.site_id] if paced else Bucket(_UNPACED),
            "on_call": None if cleaning else self._count,
            "retry": _ONCE_MORE if cleaning else _PERSISTENT,
            "rng": self._rng(f"{kind} {workspace.site_id}"),
            "now": self._time,
        }

    def _rng(self, kind: str) -> Random:
        """Chance for jitter and event ids. Seeded for the mock; a server remembers ids, so there no two runs may share any."""
        return Random(f"{kind} client:{self._seed}") if self._is_ours else Random()

    def worker_clients(self) -> list[Client]:
        """Clients for the workers of a queue, one per workspace: they pace nothing and try once, since the workers see to both."""
        from pytest_cio_load.customerio.client import Client
        from pytest_cio_load.pipeline.fleet import ONE_TRY, unpaced

        self._has_workers = True
        return [
            Client(
                workspace,
                self._wires.make(workspace, False),
                bucket=unpaced(),
                retry=ONE_TRY,
                on_call=self._count,
                rng=self._rng(f"worker {workspace.site_id}"),
                now=self._time,
            )
            for workspace in self._workspaces
        ]

    @property
    def workspaces(self) -> list[Workspace]:
        """Whom the calls go to."""
        return self._workspaces

    def requests(self) -> int:
        """Requests that arrived at the fake; those that were sent, to a server."""
        return self.fake.requests if self._is_ours else self._sent

    def duplicates(self) -> int:
        """Events that the fake had already when they arrived; 0 for a server, which cannot be asked."""
        return self.fake.duplicates() if self._is_ours else 0

    @property
    def _model(self) -> FakeWorkspace | FakeAccount:
        """The fake in this process."""
        return cast("FakeWorkspace | FakeAccount", self.fake)

    def _time(self) -> float:
        return self._now()

    def _count(self, record: CallRecord) -> None:
        self._sent += record.attempts
        self._on_call(record)

    def delivery(self) -> dict[str, int]:
        """What our client sent and what the mock received and did with it; empty for a server, which cannot be asked."""
        if not self._is_ours or (self._in_process and "fake" not in self.__dict__):
            return {}
        if self._delivered is None:
            fake = self.fake
            self._delivered = {
                "sent": self._sent,
                "requests": fake.requests,
                "received": fake.received(),
                "applied": fake.applied(),
                "rejected": fake.rejected(),
                "dropped": fake.dropped(),
                "duplicates": fake.duplicates(),
                "out_of_order": fake.delivery().out_of_order,
            }
        return self._delivered

    async def aclose(self) -> None:
        """Delete the made-up people and close every connection of the async clients, and of the blocking ones."""
        self.delivery()
        if self._ledger.noted and self._may_hold_people:
            self._end_of_the_run()
            cleaner = self._client(cleaning=True)
            self.cleanup = await Cleanup(self._ledger).run(cleaner.delete)
            await cleaner.aclose()
        for client in self._clients():
            await client.aclose() if hasattr(client, "aclose") else client.close()
        if "app_client" in self.__dict__:
            await self.app_client.aclose()

    def close(self) -> None:
        """Delete the made-up people and close every connection; for sync tests."""
        self.delivery()
        if self._ledger.noted and self._may_hold_people:
            self._end_of_the_run()
            cleaner = self._sync_client(cleaning=True)
            self.cleanup = Cleanup(self._ledger).run_blocking(cleaner.delete)
            cleaner.close()
        if "sync_client" in self.__dict__:
            self.sync_client.close()

    @property
    def _may_hold_people(self) -> bool:
        """A server may have got them from any client; the mock only from ours."""
        return not self._in_process or self._has_workers or any(self._clients())

    def _end_of_the_run(self) -> None:
        """The mock is not measured any more, so nothing goes wrong there now that would keep the people in it."""
        if self._is_ours:
            self.fake.end()
