"""Whoever makes a client by hand in a test, ours or another, reaches no real host by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    Stage = Any

BY_HAND = """
    import os
    import pytest
    from pytest_cio_load.customerio.client import AppClient, Client, SyncAppClient, SyncClient
    from pytest_cio_load.customerio.engines import make_sync_wire, make_wire
    from pytest_cio_load.customerio.workspaces import AppAccess, Region, Workspace

    KEYS = os.environ["OTHER_SITE_ID"], os.environ["OTHER_API_KEY"]
    ENGINES = pytest.mark.parametrize("engine", ["pyreqwest", "aiohttp", "httpx"])
    URLS = pytest.mark.parametrize("url", [None, "https://track-eu.customer.io", "https://TRACK.Customer.io.:443", "http://api.customer.io"])

    @URLS
    @ENGINES
    @pytest.mark.asyncio
    async def test_async(engine, url):
        workspace = Workspace(*KEYS, url=url)
        async with Client(workspace, make_wire(workspace, engine)) as client:
            await client.identify("ada-lovelace")

    @URLS
    @ENGINES
    def test_sync(engine, url):
        workspace = Workspace(*KEYS, url=url)
        with SyncClient(workspace, make_sync_wire(workspace, engine)) as client:
            client.identify("ada-lovelace")

    @ENGINES
    @pytest.mark.asyncio
    async def test_app_async(engine):
        access = AppAccess(os.environ["OTHER_APP_KEY"], Region.US)
        async with AppClient(access, make_wire(access, engine)) as client:
            await client.workspaces()

    @ENGINES
    def test_app_sync(engine):
        access = AppAccess(os.environ["OTHER_APP_KEY"], Region.US)
        with SyncAppClient(access, make_sync_wire(access, engine)) as client:
            client.workspaces()
"""


def other_keys(stage: Stage) -> dict[str, str]:
    """Production's credentials, which a test has got hold of by itself."""
    return {name.replace("CIO_LOAD", "OTHER"): key for name, key in stage.credentials("production").items()}


def test_clients_made_by_hand(stage: Stage, pytester: pytest.Pytester) -> None:
    """To a real host, however it is spelled, by whatever engine: refused, in a suite that never said staging, opted in or not."""
    pytester.makepyfile(BY_HAND)
    played = stage.pytest(pytester, target=None, **other_keys(stage))
    played.assert_refused("rule 'permit'", "a real host from a test", "use the fixture cio")
    assert "30 failed" in played.text
    assert (played.reads, played.tunnels, played.lookups) == ({}, [], [])


def test_clients_made_by_hand_beside_a_load(stage: Stage, pytester: pytest.Pytester) -> None:
    """The permit that staging got is for its own credentials: with production's, nothing leaves."""
    pytester.makepyfile(BESIDE)
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, **other_keys(stage))
    assert played.code == 1, played.text
    assert "a wire that was not made under the permit" in played.words
    assert (set(played.writes), set(played.reads)) == ({"staging"}, {"staging"})
    assert stage.workspace("staging").people == {}
    assert played.secrets() == []


BESIDE = """
    import os
    import pytest
    from pytest_cio_load.customerio.client import Client
    from pytest_cio_load.customerio.engines import make_wire
    from pytest_cio_load.customerio.workspaces import Workspace

    @pytest.mark.cio_load(rate=5, duration=0.4)
    async def test_both(cio, cio_load):
        await cio.identify(cio_load.user.id)
        workspace = Workspace(os.environ["OTHER_SITE_ID"], os.environ["OTHER_API_KEY"])
        async with Client(workspace, make_wire(workspace, "aiohttp")) as client:
            await client.identify(cio_load.user.id)
"""

OTHERS = """
    import os, urllib.request
    import aiohttp, httpx, pytest, requests
    from async_customerio import AsyncCustomerIO
    from customerio import CustomerIO, Regions

    KEYS = os.environ["OTHER_SITE_ID"], os.environ["OTHER_API_KEY"]
    URL = "https://track.customer.io/api/v1/customers/ada-lovelace"

    def test_official():
        CustomerIO(*KEYS, region=Regions.US).identify(id="ada-lovelace")

    @pytest.mark.asyncio
    async def test_asynchronous():
        async with AsyncCustomerIO(*KEYS) as cio:
            await cio.identify("ada-lovelace")

    def test_requests():
        requests.put(URL, json={}, auth=KEYS)

    def test_httpx():
        httpx.put(URL, json={}, auth=KEYS)

    @pytest.mark.asyncio
    async def test_aiohttp():
        async with aiohttp.ClientSession(trust_env=True, auth=aiohttp.BasicAuth(*KEYS)) as session:
            await session.put(URL, json={})

    def test_standard():
        urllib.request.urlopen(urllib.request.Request(URL, data=b"{}", method="PUT"))
"""


@pytest.mark.parametrize("proxied", [True, False])
def test_clients_of_others(stage: Stage, pytester: pytest.Pytester, proxied: bool) -> None:
    """``cio_block_network``: nothing in the whole process reaches Customer.io; without a proxy no name is even looked up."""
    pytester.makeini("[pytest]\ncio_block_network = true\n")
    pytester.makepyfile(OTHERS)
    direct: dict[str, None] = {} if proxied else dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"))
    # Short, for a long traceback shows the arguments of other people's functions.
    played = stage.pytest(pytester, "--tb=short", target=None, **other_keys(stage), **direct)
    played.assert_refused("rule 'network'", "cio_block_network is on", "fixture cio")
    assert "6 failed" in played.text
    assert (played.reads, played.lookups) == ({}, [])
