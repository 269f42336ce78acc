"""pytest-cio-load: a performance promise is a marker on a test.

The map::

    plugin.py     every hook and option; imports nothing heavy      fixtures.py   every fixture, thin
    session.py    one marked item: contract → run → verdict → report
    settings.py   what the command line, the ini file and the markers say
    targets.py    what the calls reach: the mock, or a server on loopback
    errors.py     what can go wrong, as a tree                      units.py      text ↔ numbers
    contract/     profile · threshold · contract · verdict · discovery
    load/         schedule · driver (async) · threads (sync) · clock · iteration
    metrics/      kinds · measured · recorder · failures · summary
    customerio/   api (endpoints and limits) · client · pacing (bucket, retry) · wire
    fake/         workspace (the model) · latency · faults · doors (respx)
    safety/       ledger (made-up people, cleanup)
    reports/      document · terminal · live · file

Imports run one way: plugin → session → targets, reports → load, customerio, fake → contract, metrics, safety → units, errors.
Only plugin, fixtures, settings and session know pytest. Public names are resolved on first use, so that having this package installed
costs a suite that does not use it nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_cio_load.customerio.api import Region as Region
    from pytest_cio_load.customerio.api import Workspace as Workspace
    from pytest_cio_load.customerio.client import Client as Client
    from pytest_cio_load.customerio.client import SyncClient as SyncClient
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
    "Region": "customerio.api",
    "SyncClient": "customerio.client",
    "User": "safety.ledger",
    "Workspace": "customerio.api",
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
