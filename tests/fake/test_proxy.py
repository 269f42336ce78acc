"""The way to the fake by Customer.io's own host names: a proxy that leads nowhere else, and answers that are arranged by hand."""

from __future__ import annotations

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from pytest_cio_load.fake.proxy import serve_proxy, wanted
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.fake.server import port_of
from pytest_cio_load.fake.tls import HOSTS
from pytest_cio_load.fake.workspace import Reply

BASIC = {"authorization": "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()}
REGION = "/api/v1/accounts/region"


@pytest.fixture(scope="module")
def one() -> Iterator[ServedFake]:
    """One for all, with its proxy."""
    with ServedFake([{"latency": 0, "environment_id": 7}]) as fake:
        fake.serve_proxy()
        yield fake


@pytest.fixture
def served(one: ServedFake) -> ServedFake:
    """The one, as if it were new."""
    one.reset()
    return one


@pytest.fixture
def client(served: ServedFake) -> Iterator[httpx.Client]:
    """A client led to it as by the environment, which trusts nobody else."""
    trusted = ssl.create_default_context(cafile=served.ca_file)
    with httpx.Client(proxy=served.proxy_url, verify=trusted, headers=BASIC, trust_env=False, timeout=30) as made:
        yield made


def asked(served: ServedFake, head: bytes) -> bytes:
    """What the proxy answers to bytes, until it hangs up."""
    port = int(str(served.proxy_url).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize("host", HOSTS)
def test_customer_ios_names_lead_to_the_fake(served: ServedFake, client: httpx.Client, host: str) -> None:
    """By TLS to that very name, whose certificate the made-up authority has signed."""
    found = client.get(f"https://{host}/auth" if "track" in host else f"https://{host}/v1/workspaces")
    assert found.status_code == (200 if "track" in host else 401)
    assert served.tunnels == [(f"{host}:443", True)]
    assert served.requests == 1


@pytest.mark.parametrize(
    ("head", "status", "asked_for"),
    [
        (b"CONNECT track.customer.io:443 HTTP/1.1\r\nhost: track.customer.io:443\r\n\r\n", 200, "track.customer.io:443"),
        (b"CONNECT Track-EU.Customer.io:443 HTTP/1.1\r\n\r\n", 200, "Track-EU.Customer.io:443"),
        (b"CONNECT track.customer.io:80 HTTP/1.1\r\n\r\n", 403, "track.customer.io:80"),
        (b"CONNECT customer.io:443 HTTP/1.1\r\n\r\n", 403, "customer.io:443"),
        (b"CONNECT cdp.customer.io:443 HTTP/1.1\r\n\r\n", 403, "cdp.customer.io:443"),
        (b"CONNECT track.customer.io.example.com:443 HTTP/1.1\r\n\r\n", 403, "track.customer.io.example.com:443"),
        (b"CONNECT nottrack.customer.io:443 HTTP/1.1\r\n\r\n", 403, "nottrack.customer.io:443"),
        (b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", 403, "127.0.0.1:443"),
        (b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n", 403, "[::1]:443"),
        (b"CONNECT track.customer.io HTTP/1.1\r\n\r\n", 403, "track.customer.io"),
        (b"CONNECT  HTTP/1.1\r\n\r\n", 403, ""),
        (b"GET http://track.customer.io/auth HTTP/1.1\r\n\r\n", 405, "http://track.customer.io/auth"),
        (b"\r\n\r\n", 405, ""),
        (b"\xff\x00 \xfe\r\n\r\n", 405, "\xfe"),
    ],
)
def test_what_a_proxy_is_asked_for(head: bytes, status: int, asked_for: str) -> None:
    """The four names at the port of HTTPS are given, and nothing else."""
    assert wanted(head)[:2] == (asked_for, status)


def test_it_says_what_it_would_give(served: ServedFake) -> None:
    """Got, expected, and where it leads; and what was refused is noted too."""
    answer = asked(served, b"CONNECT cdp.customer.io:443 HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"got cdp.customer.io:443; expected one of track.customer.io, api.customer.io, track-eu" in answer
    assert asked(served, b"GET http://x/ HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert served.tunnels == [("cdp.customer.io:443", False), ("http://x/", False)]


@pytest.mark.parametrize("head", [b"", b"CONNECT track.cust", b"A" * 100_000])
def test_what_is_no_request(served: ServedFake, head: bytes) -> None:
    """Is hung up on, and the next one is served."""
    with suppress(ConnectionResetError):  # what it had not read yet is thrown away with the connection
        assert asked(served, head) == b""
    assert asked(served, b"CONNECT track.customer.io:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_connection_is_kept(served: ServedFake, client: httpx.Client) -> None:
    """Through one tunnel go many requests, one of them of many bytes."""
    assert [client.get(f"https://track.customer.io{REGION}").json()["environment_id"] for _ in range(3)] == [7] * 3
    assert client.post("https://track.customer.io/api/v1/customers/u1/events", content=b"x" * 1_000_000).status_code == 400
    assert len(served.tunnels) == 1


@pytest.mark.parametrize("fault", ["reset_connections", "times_out"])
def test_faults_come_through(served: ServedFake, client: httpx.Client, fault: str) -> None:
    """A connection that is reset, and one that is not answered, are the client's to deal with."""
    getattr(served.at(0), fault)(lasting="1h")
    with pytest.raises(httpx.ReadTimeout if fault == "times_out" else httpx.TransportError):
        client.get("https://track.customer.io/auth", timeout=0.5 if fault == "times_out" else 30)
    served.end()
    assert client.get("https://track.customer.io/auth").status_code == 200


def test_it_is_served_once(served: ServedFake) -> None:
    """Asked again, it is the same; and HTTPS, which it leads to, is served with it."""
    assert served.serve_proxy() == served.proxy_url == served.serve_proxy()
    assert served.serve_https() == (served.https_url, served.ca_file)


def test_a_port_that_is_taken() -> None:
    """Said as of the other doors."""
    with ServedFake() as first, pytest.raises(OSError, match="expected one that is free; use 0 for any that is"):
        first.serve_proxy(port=int(first.url.rpartition(":")[2]))


def test_the_fake_behind_it_is_gone() -> None:
    """The client is hung up on, and told nothing that is not so."""

    async def story() -> bytes:
        gone = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = port_of(gone)
        gone.close()
        await gone.wait_closed()
        async with await serve_proxy(port, lambda *_: None) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(proxy))
            writer.write(b"CONNECT track.customer.io:443 HTTP/1.1\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

    assert asyncio.run(story()) == b""


def test_an_answer_by_hand(served: ServedFake, client: httpx.Client) -> None:
    """Takes the place of the workspace's own, whatever the query, until it is taken back; the workspace sees nothing of it."""
    url = f"https://track.customer.io{REGION}"
    served.answer_by_hand("GET", REGION, Reply(301, {"location": "https://example.com"}, b"moved", 0.0))
    first, second = client.get(url), client.get(f"{url}?x=1")
    assert {(found.status_code, found.headers["location"], found.text) for found in (first, second)} == {
        (301, "https://example.com", "moved")
    }
    assert client.post(url).status_code == 404
    assert served.received("account_region") == 0
    served.answer_by_hand("GET", REGION, None)
    assert client.get(url).json()["environment_id"] == 7


def test_no_answer_by_hand(served: ServedFake, client: httpx.Client) -> None:
    """Never an answer is one that can be arranged; a reset of the fake takes all of them back."""
    served.answer_by_hand("GET", "/auth", Reply(0, {}, b"", 0.0, "never"))
    with pytest.raises(httpx.ReadTimeout):
        client.get("https://track.customer.io/auth", timeout=0.5)
    served.reset()
    assert client.get("https://track.customer.io/auth").status_code == 200
