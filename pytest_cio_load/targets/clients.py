"""Makes the clients of one target: of the test, of a queue's workers, and of the cleaning up."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.workspaces import AppAccess, Region, Workspace
from pytest_cio_load.settings import API_KEY, app_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_cio_load.customerio.client import AppClient, CallRecord, Client, SyncClient
    from pytest_cio_load.customerio.exchange import Admit
    from pytest_cio_load.customerio.routing import RoutedClient, SyncRoutedClient
    from pytest_cio_load.customerio.wire import Answer, Request, Wire
    from pytest_cio_load.settings import Settings
    from pytest_cio_load.targets.wires import Wires

_UNPACED = 1_000_000_000.0
_IN_ONE_GO = 1_000
"""Calls that need no pace and are made at one moment, after which they wait a microsecond, so that everything else gets its turn."""
_ONCE_MORE = Retry(attempts=2)
_PERSISTENT = Retry(attempts=16, base=0.2, cap=2.0, budget=10.0)
"""Outlasts an outage of some seconds, and fails within ten: it is the budget that ends a call, not the number of attempts."""


def made_up(settings: Settings, url: str | None) -> tuple[list[Workspace], AppAccess]:
    """Workspaces that are not real ones, and access to the App API of the first. *url*: the server, or None for the mock."""
    region = Region(settings.region)
    workspaces = [Workspace(each, API_KEY, region, limit=settings.limit, pace=settings.pace, url=url) for each in settings.site_ids]
    return workspaces, AppAccess(app_key(settings.site_ids[0]), region, url=url)


class Clients:
    """Makes clients that share the limiters of their workspaces.

    Args:
        workspaces: whom calls go to.
        app_access: to the App API of the first of them.
        wires: how they travel.
        seed: of jitter and event ids; None for chance: a server remembers ids, so there no two runs may share any.
        patient: whether a call that cleans up keeps to the budget, as on a server; the mock and the fake need no mercy.
        on_call: is given the record of every call.
        now: seconds since the start of the run.
        admit: looks at what leaves for a real workspace.
        heard: is given the body of every answer of the App API: it tells of real people too.
    """

    def __init__(
        self,
        workspaces: Sequence[Workspace],
        app_access: AppAccess,
        wires: Wires,
        *,
        seed: int | None,
        patient: bool,
        on_call: Callable[[CallRecord], None],
        now: Callable[[], float],
        admit: Admit | None = None,
        heard: Callable[[bytes], None] | None = None,
    ) -> None:
        self._heard = heard
        self.workspaces, self.app_access = workspaces, app_access
        self._wires, self._seed, self._patient = wires, seed, patient
        self._on_call, self._now, self._admit = on_call, now, admit
        self.renew_buckets()

    def renew_buckets(self) -> None:
        """Start the limiters afresh, since what they remember is on another clock."""
        self.buckets = {workspace.site_id: Bucket(workspace.rate, workspace.burst) for workspace in self.workspaces}
        self.app_bucket = Bucket(self.app_access.rate, self.app_access.burst)

    def for_coroutines(self, *, cleaning: bool = False) -> Client | RoutedClient:
        """The async client; one that cleans up is not counted, and soon gives up."""
        from pytest_cio_load.customerio.client import Client
        from pytest_cio_load.customerio.routing import RoutedClient

        made = [Client(each, self._wires.make(each, cleaning), **self._parts(each, "async", cleaning)) for each in self.workspaces]
        return made[0] if len(made) == 1 else RoutedClient(made, rng=self._rng("async ids"))

    def for_threads(self, *, cleaning: bool = False) -> SyncClient | SyncRoutedClient:
        """The blocking client; as :meth:`for_coroutines`."""
        from pytest_cio_load.customerio.client import SyncClient
        from pytest_cio_load.customerio.routing import SyncRoutedClient

        made = [SyncClient(each, self._wires.make_sync(each, cleaning), **self._parts(each, "sync", cleaning)) for each in self.workspaces]
        return made[0] if len(made) == 1 else SyncRoutedClient(made, rng=self._rng("sync ids"))

    def for_workers(self) -> list[Client]:
        """Clients for the workers of a queue, one per workspace: they pace nothing and try once, since the workers see to both."""
        from pytest_cio_load.customerio.client import Client
        from pytest_cio_load.pipeline.fleet import ONE_TRY, unpaced

        return [
            Client(
                each,
                self._wires.make(each, False),
                bucket=unpaced(),
                retry=ONE_TRY,
                on_call=self._on_call,
                rng=self._rng(f"worker {each.site_id}"),
                now=self._now,
                admit=self._admit,
            )
            for each in self.workspaces
        ]

    def for_reading(self, *, retry: Retry | None = None) -> AppClient:
        """Reads through the App API, within that API's own budget."""
        from pytest_cio_load.customerio.client import AppClient

        wire = self._wires.make(self.app_access, False)
        if self._heard is not None:
            wire = Overheard(wire, self._heard)
        return AppClient(
            self.app_access, wire, bucket=self.app_bucket, retry=retry, on_call=self._on_call, rng=self._rng("app"), now=self._now
        )

    def for_watching(self) -> tuple[Client, AppClient]:
        """Two clients that watch a run from beside it, on the limiters of all others; they try once, for whoever watches asks again."""
        from pytest_cio_load.customerio.client import Client
        from pytest_cio_load.pipeline.fleet import ONE_TRY

        first = self.workspaces[0]
        track = Client(first, self._wires.make(first, False), **{**self._parts(first, "watching", False), "retry": ONE_TRY})
        return track, self.for_reading(retry=ONE_TRY)

    def _parts(self, workspace: Workspace, kind: str, cleaning: bool) -> dict[str, Any]:
        paced = not cleaning or self._patient
        return {
            "bucket": self.buckets[workspace.site_id] if paced else Bucket(_UNPACED, _IN_ONE_GO),
            "on_call": None if cleaning else self._on_call,
            "retry": _ONCE_MORE if cleaning else _PERSISTENT,
            "rng": self._rng(f"{kind} {workspace.site_id}"),
            "now": self._now,
            "admit": None if cleaning else self._admit,
        }

    def _rng(self, kind: str) -> Random:
        return Random() if self._seed is None else Random(f"{kind} client:{self._seed}")


class Overheard:
    """A wire whose answers somebody else hears too."""

    def __init__(self, wire: Wire, heard: Callable[[bytes], None]) -> None:
        self._wire, self._heard = wire, heard

    async def send(self, request: Request) -> Answer:
        """Send once. Raises NoAnswer when the network fails."""
        answer = await self._wire.send(request)
        self._heard(answer.body)
        return answer

    async def aclose(self) -> None:
        """Close every connection."""
        await self._wire.aclose()
