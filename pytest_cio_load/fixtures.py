"""Every fixture, thin: what they give is made elsewhere, and imported when a test asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_cio_load.customerio.calls import BlockingCalls, Calls
    from pytest_cio_load.customerio.client import AppClient
    from pytest_cio_load.customerio.senders import BatchSender
    from pytest_cio_load.fake.account import FakeAccount
    from pytest_cio_load.fake.served import ServedFake
    from pytest_cio_load.fake.workspace import FakeWorkspace
    from pytest_cio_load.load.iteration import Iteration
    from pytest_cio_load.targets.queue import QueueUnderTest
    from pytest_cio_load.targets.scale import ScaleUnderTest


@pytest.fixture
def cio_target(request: pytest.FixtureRequest) -> str:
    """What calls reach: ``mock``, or a URL. Override it to name a server that one of your fixtures starts."""
    from pytest_cio_load.session import case_of

    return case_of(request.node).settings.target


@pytest.fixture
def cio(request: pytest.FixtureRequest, cio_target: str) -> Calls:
    """The async Customer.io client for the chosen target: ``await cio.identify(id, email=…)``, ``track``, ``delete``."""
    from pytest_cio_load.session import case_of

    return case_of(request.node).aim(cio_target).client


@pytest.fixture
def cio_sync(request: pytest.FixtureRequest, cio_target: str) -> BlockingCalls:
    """The blocking twin of ``cio``."""
    from pytest_cio_load.session import case_of

    return case_of(request.node).aim(cio_target).sync_client


@pytest.fixture
def cio_app(request: pytest.FixtureRequest, cio_target: str) -> AppClient:
    """Reads through the App API, within its own budget of 10/s: ``await cio_app.customer_attributes(…)``, ``activities(…)``, …"""
    from pytest_cio_load.session import case_of

    return case_of(request.node).aim(cio_target).app_client


@pytest.fixture
def cio_load(request: pytest.FixtureRequest) -> Iteration:
    """This iteration: ``index``, ``due``, ``user``, ``rng``, ``check``, ``group``, ``trend``, ``counter``, ``rate``, ``gauge``, ``now``."""
    from pytest_cio_load.session import case_of

    return case_of(request.node).current


@pytest.fixture
def cio_fake(request: pytest.FixtureRequest, cio_target: str) -> FakeWorkspace | FakeAccount | ServedFake:
    """The fake workspace behind the mock: arrange faults before the run, ask what arrived after it.

    Raises:
        ContractError: the target is a server, which this process cannot look into.
    """
    from pytest_cio_load.session import case_of

    return case_of(request.node).aim(cio_target).need_fake()


@pytest.fixture
def cio_queue(request: pytest.FixtureRequest, cio_target: str) -> QueueUnderTest:
    """The queue-backed pipeline: its calls enqueue, its workers send; what it is made of says the marker ``cio_queue``."""
    from pytest_cio_load.session import case_of

    case = case_of(request.node)
    case.aim(cio_target)
    return case.queue


@pytest.fixture
def cio_batch(request: pytest.FixtureRequest, cio_target: str) -> BatchSender:
    """Sends many operations in few requests: ``async for outcome in cio_batch.send(operations)``; in async tests."""
    from pytest_cio_load.session import case_of

    return case_of(request.node).aim(cio_target).batch_sender


@pytest.fixture
def cio_scale(request: pytest.FixtureRequest) -> ScaleUnderTest:
    """Replays an autoscaler: ``run = cio_scale.replay("k8s/hpa.yaml", traffic=[("10m", 50), ("5m", 400)], limit="100/s")``."""
    from pytest_cio_load.targets.scale import ScaleUnderTest

    return ScaleUnderTest(request.config.rootpath)
