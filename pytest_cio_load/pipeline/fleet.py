"""What a worker sends with: a client and a gate for each workspace, and whose person is whose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_cio_load.customerio import replies
from pytest_cio_load.customerio.batch import admitted_item
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.routing import RoutedClient

if TYPE_CHECKING:
    from pytest_cio_load.customerio.batch import Batch
    from pytest_cio_load.customerio.client import Client
    from pytest_cio_load.customerio.operations.items import Item
    from pytest_cio_load.customerio.operations.operation import Operation
    from pytest_cio_load.customerio.replies import ItemRefusal
    from pytest_cio_load.customerio.workspaces import Workspace
    from pytest_cio_load.pipeline.gates.gate import Gate

ONE_TRY = Retry(attempts=1)
"""Of the client of a worker: when to try again is decided for the job, where every worker can see it."""

_UNPACED = 1_000_000.0


def unpaced() -> Bucket:
    """The limiter of the client of a worker: none, since the gate is the one that all workers share."""
    return Bucket(_UNPACED, burst=1_000)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The workspaces that a worker sends to.

    Attributes:
        clients: one per workspace, made with :data:`ONE_TRY` and :func:`unpaced`.
        gates: the limiter and the circuit of each.
        home_of: which workspace an operation belongs to; raises InvalidOperation when it belongs to none.
    """

    clients: tuple[Client, ...]
    gates: tuple[Gate, ...]
    home_of: Callable[[Operation], int]

    def item_of(self, operation: Operation) -> tuple[int, Item]:
        """Which workspace it belongs to, and its form in a batch for that one. Raises InvalidOperation when it has none."""
        home = self.home_of(operation)
        return home, admitted_item(self.clients[home], operation)

    async def send(self, home: int, operation: Operation) -> None:
        """Send one operation. Raises CustomerIOError."""
        await self.clients[home]._drive(operation.name, lambda: operation, replies.nothing)

    async def send_batch(self, home: int, batch: Batch) -> Sequence[ItemRefusal]:
        """Send many; those that were refused. Raises CustomerIOError when all of them failed."""
        return await self.clients[home]._drive("batch", batch.operation, replies.refusals)

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self.clients:
            await client.aclose()
        for gate in self.gates:
            await gate.aclose()


def fleet_of(clients: Sequence[Client], gate_for: Callable[[Workspace], Gate]) -> Fleet:
    """A fleet of these clients; with several, every person belongs to one of them.

    Args:
        clients: one per workspace.
        gate_for: the gate of a workspace.

    Raises:
        ValueError: no client, or two of one workspace.
    """
    routed = clients[0] if len(clients) == 1 else RoutedClient(list(clients))
    return Fleet(tuple(clients), tuple(gate_for(client.workspace) for client in clients), routed.home_of)
