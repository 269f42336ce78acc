"""Several workspaces behind one client: each person always in the same one, each workspace with its own limiter and connections.

A person belongs to the workspace that scores highest for them (rendezvous hashing). A score depends on one workspace and one person alone,
so a new workspace takes over the people for whom it scores highest, about one in n, and nobody moves between the old ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b
from random import Random
from typing import Generic, TypeVar

from pytest_cio_load.customerio.calls import BlockingCalls, Calls
from pytest_cio_load.customerio.client import Client, SyncClient
from pytest_cio_load.customerio.operations.operation import Operation, Ulids
from pytest_cio_load.customerio.wire import Answer
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.errors import InvalidOperation, near_miss

T = TypeVar("T")
ClientT = TypeVar("ClientT", Client, SyncClient)


class Router:
    """Decides which workspace a person belongs to: the same in every process, and whatever the order of the workspaces.

    Args:
        workspaces: told apart by their site ids.

    Raises:
        ValueError: none at all, or two of one site id.
    """

    def __init__(self, workspaces: Iterable[Workspace]) -> None:
        self.workspaces = tuple(workspaces)
        if not self.workspaces:
            raise ValueError("workspaces: got none; expected at least one; pass the workspaces to choose from")
        site_ids = [workspace.site_id for workspace in self.workspaces]
        ((most, times),) = Counter(site_ids).most_common(1)
        if times > 1:
            raise ValueError(f"workspaces: got site id {most!r} {times} times; expected each once; leave the others out")
        # Keyed by a digest, since a site id may be longer than the 64 bytes a key may have.
        self._seeds = [blake2b(key=blake2b(each.encode(), digest_size=32).digest(), digest_size=8) for each in site_ids]

    def workspace_for(self, identifier: str) -> Workspace:
        """The workspace that *identifier* belongs to."""
        return self.workspaces[self.index_for(identifier)]

    def index_for(self, identifier: str) -> int:
        """Its place among :attr:`workspaces`."""
        name = identifier.encode(errors="surrogatepass")
        if len(self._seeds) == 1:
            return 0
        scores = []
        for seed in self._seeds:
            score = seed.copy()
            score.update(name)
            scores.append(score.digest())
        return scores.index(max(scores))


class _Routed(Generic[ClientT]):
    """Several clients behind one.

    Args:
        clients: one per workspace, each with its own limiter and wire.
        rng: makes event ids; seeded, the same ones at the same times.

    Raises:
        ValueError: no client, or two for workspaces of one site id.

    Attributes:
        router: which workspace a person belongs to.
        members: the clients.
    """

    def __init__(self, clients: Iterable[ClientT], *, rng: Random | None = None) -> None:
        self.members: tuple[ClientT, ...] = tuple(clients)
        self.router = Router(client.workspace for client in self.members)
        self._new_id: Callable[[], str] = Ulids(rng)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.members)} workspaces)"

    def of(self, site_id: str) -> ClientT:
        """The client of one workspace, for what is about no person. Raises ValueError when there is none of this site id."""
        for client in self.members:
            if client.workspace.site_id == site_id:
                return client
        known = [client.workspace.site_id for client in self.members]
        hint = near_miss(site_id, known) or f"try {known[0]!r}"
        raise ValueError(f"site_id: got {site_id!r}; expected that of one of the {len(known)} workspaces; {hint}")

    def client_for(self, identifier: str) -> ClientT:
        """The client of the workspace that a person belongs to."""
        return self.members[self.router.index_for(identifier)]

    def home_of(self, operation: Operation) -> int:
        """The number of the member that an operation belongs to.

        Raises:
            InvalidOperation: it is about no person, or about people of several workspaces.
        """
        if len(self.members) == 1:
            return 0
        homes = {self.router.index_for(person) for person in operation.people}
        if len(homes) == 1:
            return homes.pop()
        if not homes:
            reason = "got an operation about no person; expected one to choose the workspace by; call it on client.of(site_id)"
        else:
            reason = f"got people of {len(homes)} workspaces; expected people of one; split it by client.router.workspace_for(identifier)"
        raise InvalidOperation(operation.name, reason)

    def _chosen(self, build: Callable[[], Operation]) -> tuple[ClientT, Callable[[], Operation]]:
        """The client that makes a call, and what it calls. A refusal is left to the first one, so that it is recorded as any other."""
        try:
            operation = build()
            return self.members[self.home_of(operation)], lambda: operation
        except InvalidOperation as error:
            refusal = error

        def refuse() -> Operation:
            raise refusal

        return self.members[0], refuse


class RoutedClient(_Routed[Client], Calls):
    """Calls the Track API of several workspaces from coroutines, with the methods of :class:`Client`."""

    async def aclose(self) -> None:
        """Close every wire."""
        for client in self.members:
            await client.aclose()

    async def _drive(self, name: str, build: Callable[[], Operation], read: Callable[[Answer], T]) -> T:
        client, chosen = self._chosen(build)
        return await client._drive(name, chosen, read)


class SyncRoutedClient(_Routed[SyncClient], BlockingCalls):
    """Calls the Track API of several workspaces from threads, with the methods of :class:`SyncClient`."""

    def close(self) -> None:
        """Close every wire."""
        for client in self.members:
            client.close()

    def _drive(self, name: str, build: Callable[[], Operation], read: Callable[[Answer], T]) -> T:
        client, chosen = self._chosen(build)
        return client._drive(name, chosen, read)
