"""Connections: open before the run, told apart from the service while it goes on; and what garbage collections took of it."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Documents = Callable[..., dict[str, Any]]


class Server(ThreadingHTTPServer):
    """Says yes to everything, and counts the connections it has taken. *keeps*: connections, or none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Yes)
        self.taken, self.keeps = 0, True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """One more connection."""
        self.taken += 1
        super().process_request(request, client_address)


class _Yes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_PUT(self) -> None:
        assert isinstance(self.server, Server)
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "3")
        if not self.server.keeps:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"{}\n")

    do_POST = do_DELETE = do_PUT

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server in this process, on a port of its own."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


ONE = """
    import pytest

    @pytest.mark.cio_workspace(limit="1000/s")
    @pytest.mark.cio_load(rate=200, duration="0.2s", max="60s", thresholds={thresholds})
    async def test_it(cio, cio_load):
        await cio.identify(cio_load.user.id, email=cio_load.user.email)
"""
SYNC = ONE.replace("async def", "def").replace("await ", "").replace("cio,", "cio_sync,").replace("cio.", "cio_sync.")
NOTED = """
    import pytest
    from pytest_cio_load.customerio.client import Client
    from pytest_cio_load.load.clock import WallClock

    happened = []
    start, warm = WallClock.start, Client.warm

    def started(self):
        happened.append("started")
        start(self)

    async def warmed(self, count):
        happened.append(f"asked for {{count}}")
        {does}
        return await warm(self, count)

    @pytest.fixture(autouse=True, scope="session")
    def noted():
        WallClock.start, Client.warm = started, warmed
        yield
        WallClock.start, Client.warm = start, warm
        print("happened:", *happened[:2], sep="|")
"""


def suite(pytester: pytest.Pytester, text: str = ONE, thresholds: str = "{}", noted: str | None = None) -> None:
    """The files of a suite; whether its iterations are on time is this machine's business."""
    pytester.makepyfile(text.format(thresholds='{"on_time": "rate>=0%", ' + thresholds.strip("{}") + "}"))
    if noted is not None:
        pytester.makeconftest(NOTED.format(does=noted))


def test_connections_are_open_before_the_first_call(pytester: pytest.Pytester, runs: Documents, server: Server) -> None:
    """As many as are due in the first moments: a single call needs but one of them."""
    suite(pytester, ONE.replace("0.2s", "0.005s"))
    assert runs("--cio-target", server.url, "--cio-wire=direct")["test_it"]["metrics"]["calls"]["count"] == 1
    patience = time.monotonic() + 30
    while server.taken < 10:
        assert time.monotonic() < patience
        time.sleep(0.01)


def test_they_are_no_part_of_the_run(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], server: Server) -> None:
    """The clock starts after them."""
    suite(pytester, noted="pass")
    result = run("--cio-target", server.url, "--cio-wire=direct", "-s")
    result.stdout.fnmatch_lines(["*happened:|asked for 10|started"])


@pytest.mark.parametrize(
    "more",
    [
        ("--cio-clock=wall",),
        (),
        ("--cio-target=fake", "--cio-load-mode=once"),
    ],
    ids=["mock on the wall clock", "mock in virtual time", "once"],
)
def test_they_are_not_opened_without_need(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], more: tuple[str, ...]) -> None:
    """The mock has no connections, and a test that runs once is no load."""
    suite(pytester, noted="pass")
    result = run(*more, "-s")
    assert "asked for" not in result.stdout.str()
    assert "happened:" in result.stdout.str()


def test_what_fails_is_left_to_the_calls(pytester: pytest.Pytester, runs: Documents, server: Server) -> None:
    """And is none of them."""
    suite(pytester, noted="raise OSError('no way')")
    doc = runs("--cio-target", server.url, "--cio-wire=direct")["test_it"]
    assert (doc["verdict"], doc["metrics"]["calls"]["count"], doc["failures"]) == ("kept", 40, [])


def test_what_a_queue_is_sent_by_opens_them_as_jobs_come(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], server: Server
) -> None:
    """Its clock runs before its workers have clients."""
    queued = ONE.replace("(cio,", "(cio_queue,").replace("cio.id", "cio_queue.id")
    suite(pytester, queued.replace("@pytest.mark.cio_load", "@pytest.mark.cio_queue(workers=1)\n    @pytest.mark.cio_load"), noted="pass")
    result = run("--cio-target", server.url, "--cio-wire=direct", "-s")
    assert "asked for" not in result.stdout.str()
    result.stdout.fnmatch_lines(["*happened:|started*"])


@pytest.mark.parametrize(
    ("engine", "text", "told"),
    [
        ("direct", ONE, {"pool_wait", "connecting"}),
        ("aiohttp", ONE, {"pool_wait", "connecting"}),
        ("httpx", ONE, {"connecting"}),
        ("httpx", SYNC, {"connecting"}),
        ("pyreqwest", ONE, set()),
    ],
    ids=["direct", "aiohttp", "httpx", "httpx for threads", "pyreqwest"],
)
def test_what_requests_waited_for_is_told_apart(
    pytester: pytest.Pytester, runs: Documents, server: Server, engine: str, text: str, told: set[str]
) -> None:
    """What the engine knows, of every attempt; no handshake without TLS."""
    pytest.importorskip(engine if engine != "direct" else "asyncio")
    suite(pytester, text)
    found = runs("--cio-target", server.url, "--cio-wire", engine)["test_it"]["metrics"]
    assert {"pool_wait", "connecting", "tls_handshaking"} & set(found) == told
    assert {found[name]["samples"] for name in told} == ({40} if told else set())
    if engine in ("aiohttp", "httpx"):
        assert found["connecting"]["max"] > 0


@pytest.mark.parametrize(
    ("engine", "verdict"), [("direct", "kept"), ("pyreqwest", "inconclusive")], ids=["nobody waited", "nobody knows"]
)
def test_a_promise_on_waiting(pytester: pytest.Pytester, runs: Documents, server: Server, engine: str, verdict: str) -> None:
    """Kept when no request had to; of what an engine does not tell no run can say anything."""
    pytest.importorskip(engine if engine != "direct" else "asyncio")
    suite(pytester, thresholds='{"pool_wait": "p(95)<50"}')
    assert runs("--cio-target", server.url, "--cio-wire", engine)["test_it"]["verdict"] == verdict


def test_a_server_that_closes_every_connection(pytester: pytest.Pytester, runs: Documents, server: Server) -> None:
    """Is reported as such."""
    server.keeps = False
    suite(pytester, ONE.replace('rate=200, duration="0.2s"', 'rate=20, duration="3s"'))
    doc = runs("--cio-target", server.url, "--cio-wire=direct")["test_it"]
    assert [note for note in doc["notes"] if note.startswith("connections did not last")]


@pytest.mark.parametrize("text", [ONE, SYNC], ids=["async", "threads"])
def test_what_garbage_collections_took_is_told(pytester: pytest.Pytester, runs: Documents, text: str) -> None:
    """Whatever the body keeps is collected in vain again and again."""
    body = text.replace("cio_load.user.email)", "cio_load.user.email)\n        kept.append([[] for _ in range(2_000)])")
    suite(pytester, body.replace("import pytest", "import pytest\n\n    kept = []"))
    pauses = runs("--cio-target=mock", "--cio-clock=wall")["test_it"]["machine"]["pauses"]
    assert set(pauses) == {"count", "total_ms", "longest_ms", "in_gaps"}
    assert pauses["count"] + pauses["in_gaps"] > 0
    assert 0 <= pauses["longest_ms"] <= pauses["total_ms"]


def test_virtual_time_knows_neither(pytester: pytest.Pytester, runs: Documents) -> None:
    """Nothing of this machine is in its figures."""
    suite(pytester)
    doc = runs()["test_it"]
    assert "pauses" not in doc["machine"]
    assert not {"pool_wait", "connecting", "tls_handshaking"} & set(doc["metrics"])
