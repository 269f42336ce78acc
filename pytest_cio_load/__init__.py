"""pytest-cio-load: a performance promise is a marker on a test.

The map::

    plugin.py       every hook and option; imports nothing heavy
    fixtures.py     every fixture, thin
    session.py      where pytest meets a case: the driver put in place, the run sent home
    collecting.py   contracts read and checked at collection
    case.py         one marked test: contract → run → verdict
    measurement.py  one run being measured; knows no pytest
    settings.py     what the command line, the ini file and the markers say; queue_settings.py the pipeline's part of it
    targets/        target: the mock, the served fake, a server on loopback · wires · queue: the pipeline a test holds · teams: its workers
    cli.py          the command ``cio-load``
    reports/        document · notes · terminal · live · closing · file
    pipeline/       jobs · producer · worker · crews · gates/ · engines/ (BullMQ, embedded, Kafka, memory) · health/ · sending/ · commands/
    load/           schedule · clock · driver (async) · threads (sync) · iteration · run (what crosses)
    customerio/     api · operations/ · calls · exchange · client · pacing · routing · batch · senders · wire · engines
    fake/           workspace · views · routes · people · faults · latency · account · doors · transport · asgi · server · served
    contract/       contract · marker · profile · clauses · threshold · hints · spec · discovery · verdict
    metrics/        kinds · measured · recorder · failures · summary
    safety/         aim (loopback only) · ledger (made-up people) · cleanup · turn (one wall-clock load at a time)
    units.py        text ↔ numbers
    errors.py       what can go wrong, as a tree

Imports run down this list, never up: plugin → session, collecting, case → measurement, targets, reports → pipeline → load, fake →
customerio, contract → settings → metrics, safety → units, errors. Only plugin, fixtures, session, collecting, case and settings know
pytest.

Public names are resolved on first use, so that having this package installed costs a suite that does not use it nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_cio_load.customerio.client import Client as Client
    from pytest_cio_load.customerio.client import SyncClient as SyncClient
    from pytest_cio_load.customerio.workspaces import Region as Region
    from pytest_cio_load.customerio.workspaces import Workspace as Workspace
    from pytest_cio_load.errors import CioLoadError as CioLoadError
    from pytest_cio_load.errors import ContractBroken as ContractBroken
    from pytest_cio_load.errors import ContractError as ContractError
    from pytest_cio_load.errors import CustomerIOError as CustomerIOError
    from pytest_cio_load.errors import Inconclusive as Inconclusive
    from pytest_cio_load.fake.workspace import FakeWorkspace as FakeWorkspace
    from pytest_cio_load.load.iteration import Iteration as Iteration
    from pytest_cio_load.safety.ledger import User as User

__version__ = "0.1.0"

_HOME = {
    "CioLoadError": "errors",
    "Client": "customerio.client",
    "ContractBroken": "errors",
    "ContractError": "errors",
    "CustomerIOError": "errors",
    "FakeWorkspace": "fake.workspace",
    "Inconclusive": "errors",
    "Iteration": "load.iteration",
    "Region": "customerio.workspaces",
    "SyncClient": "customerio.client",
    "User": "safety.ledger",
    "Workspace": "customerio.workspaces",
}

__all__ = [
    "CioLoadError",
    "Client",
    "ContractBroken",
    "ContractError",
    "CustomerIOError",
    "FakeWorkspace",
    "Inconclusive",
    "Iteration",
    "Region",
    "SyncClient",
    "User",
    "Workspace",
    "__version__",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
