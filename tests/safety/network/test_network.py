"""With the network blocked no client reaches Customer.io, and none takes the refusal for a failing network."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import urllib.request
from collections.abc import Callable
from threading import Thread
from typing import Any

import aiohttp
import customerio
import httpx
import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety.network import allow_network, block_network, refusals
from pytest_cio_load.safety.permit import grant

HOST = "track.customer.io"
PERSON = "/api/v1/customers/somebody"
SITE = frozenset({(HOST, "site")})


def by_urllib(url: str) -> None:
    opener = urllib.request.build_opener()  # the one that is made once would keep the proxy of another test
    with opener.open(url, timeout=10) as response:
        response.read()


def by_http_client(url: str) -> None:
    parts = urllib3.util.parse_url(url)
    connection = http.client.HTTPSConnection(str(parts.host), parts.port, timeout=10)
    try:
        connection.request("GET", PERSON)
        connection.getresponse().read()
    finally:
        connection.close()


def by_urllib3(url: str) -> None:
    with urllib3.PoolManager(retries=5, timeout=10) as pool:
        pool.request("GET", url)


def by_requests(url: str) -> None:
    with requests.Session() as session:
        session.mount("https://", HTTPAdapter(max_retries=urllib3.util.Retry(total=5, backoff_factor=0)))
        session.put(url, json={}, timeout=10)


def by_httpx(url: str) -> None:
    with httpx.Client(timeout=10) as client:
        client.put(url, json={})


def by_httpx_with_retries(url: str) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=10) as client:
        client.put(url, json={})


def by_httpx_async(url: str) -> None:
    async def put() -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            await client.put(url, json={})

    asyncio.run(put())


async def _aiohttp(url: str) -> None:
    trusting = ssl.create_default_context()  # its own is made when it is imported
    async with aiohttp.ClientSession(trust_env=True) as session, session.get(url, ssl=trusting) as response:
        await response.read()


def by_aiohttp(url: str) -> None:
    asyncio.run(_aiohttp(url))


def by_asyncio_streams(url: str) -> None:
    async def get() -> None:
        parts = urllib3.util.parse_url(url)
        reader, writer = await asyncio.open_connection(parts.host, parts.port, ssl=ssl.create_default_context())
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()

    asyncio.run(get())


def by_socket(url: str) -> None:
    parts = urllib3.util.parse_url(url)
    with socket.create_connection((str(parts.host), parts.port or 443), timeout=10) as plain:
        context = ssl.create_default_context()
        with context.wrap_socket(plain, server_hostname=str(parts.host)) as secure:
            secure.sendall(b"GET / HTTP/1.1\r\n\r\n")
            secure.recv(100)


def by_thread(url: str) -> None:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            by_requests(url)
        except BaseException as error:
            caught.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if caught:
        raise caught[0]


HTTPX = [by_httpx, by_httpx_with_retries, by_httpx_async]
CLIENTS = [by_urllib, by_http_client, by_urllib3, by_requests, *HTTPX, by_aiohttp, by_asyncio_streams, by_socket, by_thread]
clients = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
REFUSED = r"^the guard refuses track\.customer\.io, rule 'network': got a connection to it; expected none from this test process"


@pytest.mark.parametrize("host", [HOST, "TRACK.customer.io"])
@clients
def test_no_client_reaches_it(listener: Any, client: Callable[[str], None], host: str) -> None:
    """While the network is free it does; blocked it is refused at once, by name, with nothing connected and nothing tried again."""
    url = f"https://{host}:{listener.port}{PERSON}"
    client(url)
    assert len(listener.requests) == listener.connections == 1
    block_network()
    with pytest.raises(GuardRefused, match=REFUSED):
        client(url)
    assert listener.connections == 1
    assert refusals() == {HOST: 1}
    allow_network()
    client(url)
    assert len(listener.requests) == 2


@pytest.mark.parametrize("pooled", [True, False])
def test_the_official_client(listener: Any, pooled: bool) -> None:
    """It wraps whatever is raised, at the first try: its message holds ours."""
    with customerio.CustomerIO("site", "secret-key", host=HOST, port=listener.port, retries=3, use_connection_pooling=pooled) as client:
        client.identify("somebody", plan="pro")
        assert len(listener.requests) == 1
        client.close()
        block_network()
        with pytest.raises(customerio.CustomerIOException, match="rule 'network': got a connection to it") as caught:
            client.identify("somebody", plan="pro")
    assert isinstance(caught.value.__cause__, GuardRefused)
    assert listener.connections == 1
    assert refusals() == {HOST: 1}


@pytest.mark.parametrize("client", [by_requests, by_urllib, *HTTPX, by_aiohttp], ids=lambda client: client.__name__)
def test_a_proxy_is_no_way_round(listener: Any, client: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is asked to connect, and then gets no handshake to pass on."""
    url = f"https://{HOST}{PERSON}"
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listener.port}")
    client = by_httpx if client is by_httpx_with_retries else client
    client(url)
    assert len(listener.requests) == 1
    block_network()
    with pytest.raises(GuardRefused, match=REFUSED):
        client(url)
    assert [each.split()[1] for each in listener.proxied] == [b"track.customer.io:443"] * 2
    assert len(listener.requests) == 1


@clients
def test_a_permit_lets_nobody_else_through(blocked: Any, client: Callable[[str], None]) -> None:
    """The host may be looked up meanwhile, but the handshake of another client is refused."""
    with grant(SITE), pytest.raises(GuardRefused, match=REFUSED):
        client(f"https://{HOST}:{blocked.port}{PERSON}")
    assert blocked.requests == []
    assert refusals() == {HOST: 1}


def test_a_permit_for_another_host_is_none(blocked: Any) -> None:
    """It is for its host alone."""
    with grant({("api.customer.io", "app")}), pytest.raises(GuardRefused, match=REFUSED):
        by_requests(f"https://{HOST}:{blocked.port}{PERSON}")
    assert blocked.connections == 0
