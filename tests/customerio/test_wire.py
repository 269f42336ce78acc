"""The httpx wires against a real server on loopback, and against nobody."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from pytest_cio_load.customerio.api import Workspace
from pytest_cio_load.customerio.client import Client, SyncClient
from pytest_cio_load.customerio.pacing import Retry
from pytest_cio_load.customerio.wire import Answer, HttpxSyncWire, HttpxWire, NoAnswer, Request, proxy_for
from pytest_cio_load.errors import CustomerIOError, Refused, ServerFailed, Unauthorized, Unreachable

RELEASED = Event()


class Handler(BaseHTTPRequestHandler):
    """Does what the first part of the path asks for."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        what = self.path.split("/")[-1]
        if what == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif what == "never":
            RELEASED.wait()
            self.close_connection = True
        elif what == "short":
            self.reply(200, b"{}", length=100)
            self.close_connection = True
        elif what == "echo":
            lines = [f"{self.command} {self.path}", *(f"{name.lower()}: {value}" for name, value in self.headers.items())]
            self.reply(200, "\n".join(lines).encode() + b"\n\n" + body)
        elif what == "gzip":
            self.reply(200, b"this is not gzip", ("content-encoding", "gzip"))
        elif what.isdigit():
            self.reply(int(what), b"<html>no json</html>", ("location", "http://127.0.0.1:1/"))
        else:
            self.reply(200, b"<html>no json</html>")

    do_DELETE = do_PUT

    def reply(self, status: int, body: bytes, *headers: tuple[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Resets are on purpose."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Handler) as running:
        Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        RELEASED.set()
        running.shutdown()


@pytest.fixture
def refused_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


Send = Callable[..., Answer]


def send_sync(workspace: Workspace, request: Request, **options: float) -> Answer:
    wire = HttpxSyncWire(workspace, **options)  # type: ignore[arg-type]
    with closing(wire):
        return wire.send(request)


def send_async(workspace: Workspace, request: Request, **options: float) -> Answer:
    async def once() -> Answer:
        wire = HttpxWire(workspace, **options)  # type: ignore[arg-type]
        try:
            return await wire.send(request)
        finally:
            await wire.aclose()

    return asyncio.run(once())


both = pytest.mark.parametrize("send", [send_sync, send_async])


def workspace(url: str) -> Workspace:
    return Workspace("site", "secret-key", url=url)


@both
def test_what_goes_out(send: Send, server: str) -> None:
    """Method, path as encoded, basic authentication, JSON."""
    answer = send(workspace(server), Request("PUT", "/api/a%2Fb%40c/echo", b'{"a":1}'))
    head, _, body = answer.body.decode().partition("\n\n")
    lines = head.splitlines()
    assert lines[0] == "PUT /api/a%2Fb%40c/echo"
    assert "authorization: Basic c2l0ZTpzZWNyZXQta2V5" in lines
    assert "content-type: application/json" in lines
    assert f"host: {server.removeprefix('http://')}" in lines
    assert body == '{"a":1}'


@both
def test_a_request_without_a_body_has_no_content_type(send: Send, server: str) -> None:
    """A DELETE is bare."""
    assert b"content-type" not in send(workspace(server), Request("DELETE", "/echo")).body


@both
def test_what_comes_back(send: Send, server: str) -> None:
    """Status, headers by lower-case name, body; a redirect is an answer like any other."""
    answer = send(workspace(server), Request("PUT", "/301", b"{}"))
    assert (answer.status, answer.body) == (301, b"<html>no json</html>")
    assert answer.headers.get("location") == "http://127.0.0.1:1/"


@both
@pytest.mark.parametrize("what", ["reset", "short", "gzip"])
def test_a_broken_answer_is_no_answer(send: Send, server: str, what: str) -> None:
    """A reset, a truncated body, a body that cannot be decoded: one exception, with a reason, hiding httpx's."""
    with pytest.raises(NoAnswer) as caught:
        send(workspace(server), Request("PUT", f"/{what}", b"{}"))
    assert caught.value.reason
    assert caught.value.__suppress_context__


@both
def test_a_server_that_never_answers(send: Send, server: str) -> None:
    """The wait ends at the time-out, and says so."""
    with pytest.raises(NoAnswer, match=r"^no answer within 0\.2 s$"):
        send(workspace(server), Request("PUT", "/never", b"{}"), timeout=0.2)


@both
def test_nobody_there(send: Send, refused_port: int) -> None:
    """A refused connection."""
    with pytest.raises(NoAnswer):
        send(workspace(f"http://127.0.0.1:{refused_port}"), Request("PUT", "/", b"{}"))


@pytest.mark.parametrize("wire", [HttpxWire, HttpxSyncWire])
def test_a_time_out_that_makes_no_sense(wire: type[HttpxWire]) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match="timeout: got 0; expected seconds, more than 0; try 10"):
        wire(workspace("http://127.0.0.1:1"), timeout=0)


ONCE = Retry(attempts=1)
CASES = [
    ("reset", Unreachable, "identify: no answer: "),
    ("never", Unreachable, "identify: no answer: no answer within 0.2 s"),
    ("301", Refused, "identify: 301 (Moved Permanently, without a reason); expected no redirect"),
    ("401", Unauthorized, "identify: 401 (Unauthorized, without a reason); expected the site id and API key"),
    ("500", ServerFailed, "identify: 500 (Internal Server Error, without a reason); expected 2xx"),
]


def check(error: CustomerIOError, message: str) -> None:
    assert str(error).startswith(message)
    assert "secret-key" not in str(error) + repr(error)
    assert "p@example.com" not in str(error) + repr(error)


@pytest.mark.parametrize(("what", "kind", "message"), CASES)
def test_the_sync_client_against_a_server_gone_wrong(server: str, what: str, kind: type[CustomerIOError], message: str) -> None:
    """One class per way to fail; nothing of what was sent is shown."""
    space = workspace(server)
    with closing(SyncClient(space, HttpxSyncWire(space, timeout=0.2), retry=ONCE)) as client, pytest.raises(kind) as caught:
        client.identify(what, email="p@example.com")
    check(caught.value, message)


@pytest.mark.asyncio
@pytest.mark.parametrize(("what", "kind", "message"), CASES)
async def test_the_async_client_against_a_server_gone_wrong(server: str, what: str, kind: type[CustomerIOError], message: str) -> None:
    """The same of the async client."""
    space = workspace(server)
    client = Client(space, HttpxWire(space, timeout=0.2), retry=ONCE)
    with pytest.raises(kind) as caught:
        await client.identify(what, email="p@example.com")
    await client.aclose()
    check(caught.value, message)


def test_an_accepted_call_needs_no_json(server: str) -> None:
    """A 200 with a page in it is accepted."""
    space = workspace(server)
    with closing(SyncClient(space, HttpxSyncWire(space), retry=ONCE)) as client:
        client.identify("anybody")


@pytest.mark.asyncio
async def test_a_refused_port_names_the_address(refused_port: int) -> None:
    """And what to look at."""
    space = workspace(f"http://127.0.0.1:{refused_port}")
    client = Client(space, HttpxWire(space), retry=Retry(attempts=2, base=0.0))
    with pytest.raises(Unreachable, match=f"expected one from http://127.0.0.1:{refused_port}; check that it is up after 2 attempts"):
        await client.identify("u1")
    await client.aclose()


@pytest.mark.asyncio
async def test_nothing_is_logged_at_info(server: str, caplog: pytest.LogCaptureFixture) -> None:
    """A URL holds an identifier."""
    caplog.set_level("INFO")
    space = workspace(server)
    client = Client(space, HttpxWire(space))
    await client.identify("somebody")
    await client.aclose()
    assert "somebody" not in caplog.text


def test_requests_and_answers_show_no_payload() -> None:
    """Their reprs are safe to log."""
    shown = repr(Request("PUT", "/api/v1/customers/bob", b'{"phone":1}')) + repr(Answer(200, {"x": "y"}, b"bob"))
    assert shown == "Request(method='PUT')Answer(status=200)"


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://track.customer.io", {}, None),
        ("https://track.customer.io", {"https_proxy": "http://p:1"}, "http://p:1"),
        ("https://track.customer.io", {"all_proxy": "http://p:2"}, "http://p:2"),
        ("https://track.customer.io", {"https_proxy": "http://p:1", "no_proxy": "customer.io"}, None),
        ("http://127.0.0.1:80", {"http_proxy": "http://p:1"}, None),
        ("http://[::1]:80", {"http_proxy": "http://p:1"}, None),
    ],
)
def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], proxy: str | None) -> None:
    """As for every other program; a loopback address never has one."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy


def test_importing_the_client_imports_no_httpx() -> None:
    """Only making a wire does."""
    code = "import sys; import pytest_cio_load.customerio.client, pytest_cio_load.fake.workspace; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
