"""What a test's calls reach: the workspace, the clients and the limiter they share, the fake behind the mock, the made-up people."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cached_property
from secrets import token_hex
from typing import TYPE_CHECKING, Any, cast

from pytest_cio_load.errors import ContractError, Problem
from pytest_cio_load.load.clock import real_seconds
from pytest_cio_load.safety.aim import FAKE, MOCK
from pytest_cio_load.safety.cleanup import Cleanup
from pytest_cio_load.safety.ledger import Ledger, User
from pytest_cio_load.targets.clients import Clients, made_up
from pytest_cio_load.targets.delivered import counted
from pytest_cio_load.targets.wires import Wires

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_cio_load.customerio.client import AppClient, CallRecord, Client, SyncClient
    from pytest_cio_load.customerio.routing import RoutedClient, SyncRoutedClient
    from pytest_cio_load.customerio.senders import BatchSender
    from pytest_cio_load.customerio.wire import Observe
    from pytest_cio_load.customerio.workspaces import Workspace
    from pytest_cio_load.fake.account import FakeAccount
    from pytest_cio_load.fake.served import ServedFake
    from pytest_cio_load.fake.workspace import FakeWorkspace
    from pytest_cio_load.safety.secrets import Secrets
    from pytest_cio_load.settings import Settings
    from pytest_cio_load.staging.canary import Canary
    from pytest_cio_load.staging.workspace import RealWorkspace

FIXTURES = frozenset({"cio", "cio_sync", "cio_app", "cio_fake", "cio_queue", "cio_batch"})
CANARY = "canary"
"""What the canary's person is called, after the run's prefix."""


def used_by(fixtures: Iterable[str]) -> bool:
    """Whether a test with these fixtures makes calls that we carry."""
    return not FIXTURES.isdisjoint(fixtures)


class Target:
    """One test's target.

    Args:
        settings: which target, which workspace.
        seed: of latency, jitter and event ids.
        on_call: is given the record of every call.
        real: the real workspace, past the guard, when that is the target.
        observe: is told what requests waited for before they were sent; None when nothing is measured.

    Attributes:
        real: as given.
        wires: how requests reach it.
        cleanup: people noted, deleted and left, after `aclose` or `close`; of a real workspace also whether that was verified.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        seed: int,
        on_call: Callable[[CallRecord], None],
        real: RealWorkspace | None = None,
        observe: Observe | None = None,
    ) -> None:
        self._settings, self._seed, self._on_call, self.real = settings, seed, on_call, real
        self._in_process, self._is_ours = settings.target == MOCK, settings.target in (MOCK, FAKE)
        self._served = self._serve() if settings.target == FAKE else None
        self._now: Callable[[], float] = real_seconds
        self._sent = 0
        self._workers: list[Client] = []
        self._is_watched = False
        opening = nullcontext if real is None else real.opening
        self.wires = Wires(settings, lambda: cast("Any", self.fake), self._time, opening, observe)
        self._delivered: dict[str, int] | None = None
        self.cleanup: dict[str, Any] = {}
        if real is not None:
            self._ledger: Ledger = real.ledger
            workspaces, app_access = [real.workspace(settings.limit, settings.pace)], real.app_access()
        else:
            # A server keeps people from one run to the next, so there each run needs names of its own; the fake starts empty.
            self._ledger = Ledger(f"cio-load-{seed:x}" if self._is_ours else f"cio-load-{token_hex(4)}")
            url = self._served.url if self._served is not None else None if self._in_process else settings.target
            workspaces, app_access = made_up(settings, url)
        self._makes = Clients(
            workspaces,
            app_access,
            self.wires,
            seed=seed if self._is_ours else None,
            patient=not self._is_ours,
            on_call=self._count,
            now=self._time,
            admit=real.admit if real is not None else None,
            heard=real.secrets.sent if real is not None else None,
        )

    def begin(self, now: Callable[[], float]) -> None:
        """The run begins: client, limiter and fake are on its clock from here. *now*: seconds since the start of the run.

        The limiter starts afresh, since what it remembers is on another clock.
        """
        self._now = now
        self._sent = 0
        self._makes.renew_buckets()
        for client in self._clients():
            for member in client.members:
                member.bucket = self._makes.buckets[member.workspace.site_id]
        if "app_client" in self.__dict__:
            self.app_client.bucket = self._makes.app_bucket
        if self._is_ours and (self._served is not None or "fake" in self.__dict__):
            self.fake.begin(now())

    def user(self, index: int) -> User:
        """The made-up person of an iteration, noted for cleanup."""
        return self._ledger.user(index)

    @property
    def secrets(self) -> Secrets | None:
        """What no report of this test may show, where there is anything: in a real workspace."""
        return None if self.real is None else self.real.secrets

    @property
    def workspace_facts(self) -> dict[str, Any]:
        """Which real workspace it is, for the report; nothing for any other target."""
        return {} if self.real is None else self.real.facts

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

    def faults(self) -> tuple[tuple[float, str], ...]:
        """What was arranged to go wrong, when in the run, and a line on it; of a server nobody knows."""
        return self.fake.script() if self._is_asked_for else ()

    @property
    def _is_asked_for(self) -> bool:
        """Whether there is a fake, and it was used."""
        return self._is_ours and (not self._in_process or "fake" in self.__dict__)

    def stop(self) -> None:
        """End the process that serves the fake, if there is one; let go of the real workspace."""
        for each in (self._served, self.real):
            if each is not None:
                each.close()

    @cached_property
    def client(self) -> Client | RoutedClient:
        """The async client."""
        return self._makes.for_coroutines()

    @cached_property
    def batch_sender(self) -> BatchSender:
        """Sends batches through the async client."""
        from pytest_cio_load.customerio.senders import BatchSender

        return BatchSender(self.client)

    @cached_property
    def sync_client(self) -> SyncClient | SyncRoutedClient:
        """The blocking client."""
        return self._makes.for_threads()

    @cached_property
    def app_client(self) -> AppClient:
        """Reads through the App API of the workspace, the first of several, within that API's own budget."""
        return self._makes.for_reading()

    def worker_clients(self) -> list[Client]:
        """Clients for the workers of a queue, one per workspace."""
        self._workers = self._makes.for_workers()
        return self._workers

    @property
    def senders(self) -> list[Client]:
        """The async clients that the test was given, each of one workspace."""
        return [*(self.client.members if "client" in self.__dict__ else ())]

    def canary(self, *, warmup: float, patience: float) -> Canary:
        """What measures how long it takes until a change can be seen; it closes its own clients.

        Args:
            warmup: seconds before the first canary.
            patience: seconds that each is looked for.
        """
        from pytest_cio_load.staging.canary import Canary

        self._is_watched = True
        track, app = self._makes.for_watching()
        run = self.workspace_facts.get("run", self._ledger.prefix)
        person, prefix = self._ledger.person(CANARY), self._ledger.prefix
        return Canary(track, app, person=person, run=run, prefix=prefix, warmup=warmup, patience=patience)

    def _clients(self) -> Iterator[Any]:
        for name in ("client", "sync_client"):
            if name in self.__dict__:
                yield self.__dict__[name]

    @property
    def workspaces(self) -> list[Workspace]:
        """Whom the calls go to."""
        return list(self._makes.workspaces)

    def requests(self) -> int:
        """Requests that arrived at the fake; those that were sent, to a server."""
        return self.fake.requests if self._is_ours else self._sent

    def duplicates(self) -> int:
        """Events that the fake had already when they arrived; 0 for a server, which cannot be asked."""
        return self.fake.duplicates() if self._is_ours else 0

    def _time(self) -> float:
        return self._now()

    def _count(self, record: CallRecord) -> None:
        self._sent += record.attempts
        self._on_call(record)

    def delivery(self) -> dict[str, int]:
        """What our client sent and what the mock received and did with it; empty for a server, which cannot be asked."""
        if not self._is_asked_for:
            return {}
        if self._delivered is None:
            self._delivered = {"sent": self._sent, **counted(self.fake)}
        return self._delivered

    async def aclose(self) -> None:
        """Delete the made-up people and close every connection of the async clients, and of the blocking ones."""
        self.delivery()
        try:
            await self._clean()
        finally:
            for client in self._clients():
                await client.aclose() if hasattr(client, "aclose") else client.close()
            if "app_client" in self.__dict__:
                await self.app_client.aclose()

    def close(self) -> None:
        """Delete the made-up people and close every connection; for sync tests."""
        self.delivery()
        if self.real is not None:
            from pytest_cio_load.staging.aside import run_aside

            run_aside(self._clean)
        elif self._ledger.noted and self._may_hold_people:
            if self._is_ours:
                self.fake.end()
            cleaner = self._makes.for_threads(cleaning=True)
            self.cleanup = Cleanup(self._ledger).run_blocking(cleaner.delete)
            cleaner.close()
        if "sync_client" in self.__dict__:
            self.sync_client.close()

    async def _clean(self) -> None:
        if self.real is not None:
            self.real.end_load()
        if not self._ledger.noted or not self._may_hold_people:
            return
        if self._is_ours:
            self.fake.end()  # it is not measured any more, so nothing goes wrong there now that would keep the people in it
        cleaner = cast("Client", self._makes.for_coroutines(cleaning=True))
        try:
            if self.real is None:
                self.cleanup = await Cleanup(self._ledger).run(cleaner.delete)
                return
            self.cleanup = self.real.unfinished()
            async with self._makes.for_reading() as app:
                self.cleanup = await self.real.clean(cleaner, app)
        finally:
            await cleaner.aclose()

    @property
    def _may_hold_people(self) -> bool:
        """A server may have got them from any client; the mock only from ours."""
        return not self._in_process or bool(self._workers) or self._is_watched or any(self._clients())
