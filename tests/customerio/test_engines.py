"""Every engine on connections that are kept, given up, shared, proxied and secured, and every byte of a path as it was."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Event, Thread
from urllib.parse import unquote

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.customerio import wire_reasons
from pytest_cio_load.customerio.engines import ENGINES, make_sync_wire, make_wire
from pytest_cio_load.customerio.operations import people
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.customerio.workspaces import Workspace

PATIENCE = 10.0  # for what must not take for ever; nothing here is decided by how long it took
PUT = Request("PUT", "/api/v1/customers/u1", b"{}")


class Server(ThreadingHTTPServer):
    """Answers 200 to everything, and knows the paths as they came, and its connections."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.paths: list[str] = []
        self.taken = self.open = 0
        self.changed = Condition()
        self.reached, self.go_on = Event(), Event()

    def count(self, number: int) -> None:
        with self.changed:
            self.taken, self.open = self.taken + max(number, 0), self.open + number
            self.changed.notify_all()

    def all_closed(self) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.open == 0, PATIENCE)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients go away and handshakes fail: that is what is tested."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.count(1)

    def finish(self) -> None:
        self.server.count(-1)
        super().finish()

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        # Not self.path, of which Python makes one slash out of several.
        self.server.paths.append(self.requestline.split(" ")[1])
        if self.path == "/held":
            self.server.reached.set()
            self.server.go_on.wait()
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    do_PUT = do_POST = do_GET = do_DELETE = answer

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serving(secure: ssl.SSLContext | None = None) -> Iterator[Server]:
    with Server() as server:
        if secure is not None:
            server.socket = secure.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield server
        finally:
            server.go_on.set()
            server.shutdown()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def space(port: int, scheme: str = "http", host: str = "127.0.0.1") -> Workspace:
    return Workspace("site", "secret-key", url=f"{scheme}://{host}:{port}")


Send = Callable[..., list[Answer]]


def by_coroutine(engine: str) -> Send:
    def send(workspace: Workspace, *requests: Request) -> list[Answer]:
        async def one_by_one() -> list[Answer]:
            wire = make_wire(workspace, engine, timeout=PATIENCE)
            try:
                return [await wire.send(request) for request in requests]
            finally:
                await wire.aclose()

        return asyncio.run(one_by_one())

    return send


def by_thread(engine: str) -> Send:
    def send(workspace: Workspace, *requests: Request) -> list[Answer]:
        with closing(make_sync_wire(workspace, engine, timeout=PATIENCE)) as wire:
            return [wire.send(request) for request in requests]

    return send


every = pytest.mark.parametrize(
    "send",
    [
        *(pytest.param(by_coroutine(engine), id=engine) for engine in ENGINES[1:]),
        *(pytest.param(by_thread(engine), id=f"{engine}-sync") for engine in ("pyreqwest", "httpx")),
    ],
)


@every
@pytest.mark.parametrize("form", ["%{:02X}", "x%{:02x}y"], ids=["upper", "lower"])
def test_every_encoded_byte_arrives_as_it_was(send: Send, server: Server, form: str) -> None:
    """``%2B`` stays ``%2B``, ``%41`` does not become ``A``, ``%25`` is not decoded twice."""
    paths = [f"/api/v1/customers/{form.format(byte)}" for byte in range(256)]
    send(space(server.server_port), *(Request("PUT", path, b"{}") for path in paths))
    assert server.paths == paths


@every
@given(identifiers=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip), max_size=20))
@settings(max_examples=5)
def test_any_identifier_arrives_whole(send: Send, identifiers: list[str]) -> None:
    """What the server decodes is what the operation was built with."""
    with serving() as server:
        operations = [people.delete(identifier) for identifier in identifiers]
        send(space(server.server_port), *(Request(each.method, each.path) for each in operations))
        assert [unquote(path.removeprefix("/api/v1/customers/")) for path in server.paths] == identifiers


@every
def test_a_connection_is_kept(send: Send, server: Server) -> None:
    """Ten requests in a row, with bodies and without, over one."""
    send(space(server.server_port), *[PUT, Request("GET", "/auth")] * 5)
    assert (len(server.paths), server.taken) == (10, 1)


@every
def test_closing_ends_every_connection(send: Send, server: Server) -> None:
    """The server sees them go."""
    send(space(server.server_port), PUT)
    assert server.all_closed()


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_several_loops_in_a_row(server: Server, engine: str) -> None:
    """Each with a wire of its own, as the tests of a suite have; none is hindered by those before it."""
    for number in range(1, 4):
        by_coroutine(engine)(space(server.server_port), PUT, PUT)
        assert (len(server.paths), server.taken) == (2 * number, number)


@pytest.mark.parametrize(("engine", "connections"), [("pyreqwest", 2), ("aiohttp", 1), ("httpx", 1)])
def test_a_request_that_is_given_up(server: Server, engine: str, connections: int) -> None:
    """Ends as cancelled, not as a failure of the network, and the wire goes on: with its only connection, but for pyreqwest."""

    async def give_up() -> int:
        wire = make_wire(space(server.server_port), engine, timeout=PATIENCE, connections=connections)
        held = asyncio.create_task(wire.send(Request("PUT", "/held", b"{}")))
        await asyncio.to_thread(server.reached.wait, PATIENCE)
        held.cancel()
        with pytest.raises(asyncio.CancelledError):
            await held
        answer = await wire.send(PUT)
        assert not server.go_on.is_set()
        server.go_on.set()
        await wire.aclose()
        return answer.status

    assert asyncio.run(give_up()) == 200


@pytest.mark.parametrize("engine", ["pyreqwest", "httpx"])
def test_a_wire_shared_by_threads(server: Server, engine: str) -> None:
    """Each thread gets its own answers."""
    statuses: list[int] = []
    with closing(make_sync_wire(space(server.server_port), engine, timeout=PATIENCE)) as wire:
        threads = [Thread(target=lambda: statuses.extend(wire.send(PUT).status for _ in range(25))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 100


@every
def test_a_proxy_for_everything_else(send: Send, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent the whole URL, percent-encoded as it was."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    send(space(80, host="track.invalid"), Request("PUT", "/a%2Fb", b"{}"))
    (path,) = server.paths
    assert path.replace(":80/", "/") == "http://track.invalid/a%2Fb"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def secured(authority: trustme.CA, name: str = "127.0.0.1", until: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=until).configure_cert(context)
    return context


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Have only these authorities trusted."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    def trust(*authorities: trustme.CA, variable: str = "SSL_CERT_FILE") -> Path:
        bundle = tmp_path / f"{variable}.pem"
        bundle.write_bytes(b"".join(each.cert_pem.bytes() for each in authorities))
        monkeypatch.setenv(variable, str(bundle))
        return bundle

    return trust


@every
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_https_by_a_trusted_authority(send: Send, authority: trustme.CA, trusted: Callable[..., Path], variable: str) -> None:
    """That the environment names by either variable, even as the last of several in the file; connections are kept."""
    trusted(trustme.CA(), authority, variable=variable)
    with serving(secured(authority)) as server:
        assert [answer.status for answer in send(space(server.server_port, "https"), PUT, PUT)] == [200, 200]
        assert server.taken == 1


@every
@pytest.mark.parametrize("flaw", ["an unknown authority", "another host", "expired"])
def test_https_that_is_not_trusted(send: Send, authority: trustme.CA, trusted: Callable[..., Path], flaw: str) -> None:
    """No answer, in words without the address; and nothing was sent, above all no credentials."""
    trusted(trustme.CA() if flaw == "an unknown authority" else authority)
    name = "track.example.com" if flaw == "another host" else "127.0.0.1"
    until = datetime(2001, 1, 1, tzinfo=UTC) if flaw == "expired" else None
    with serving(secured(authority, name, until)) as server, pytest.raises(NoAnswer) as caught:
        send(space(server.server_port, "https"), PUT)
    assert (caught.value.reason, server.paths) == (wire_reasons.TLS, [])


EXPECTED = "expected a file of certificates in PEM; mend it, or unset it to trust whom this machine trusts"


@every
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), (b"", "no certificate in it"), (b"x", "no certificate in it")]
)
def test_a_file_of_certificates_that_is_none(
    send: Send, trusted: Callable[..., Path], variable: str, content: bytes | None, why: str
) -> None:
    """Is said so when the wire is made, whatever the engine: which variable, which file, why."""
    bundle = trusted(variable=variable)
    if content is None:
        bundle.unlink()
    else:
        bundle.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        send(space(1, "https"))
    assert str(caught.value) == f"{variable}: got {str(bundle)!r} ({why}); {EXPECTED}"


@every
def test_http_needs_no_certificates(send: Send, server: Server, trusted: Callable[..., Path]) -> None:
    """A file that is none hinders only HTTPS."""
    trusted().unlink()
    (answer,) = send(space(server.server_port), PUT)
    assert answer.status == 200
