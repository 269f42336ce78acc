"""What tests of a queue on Kafka share: librdkafka's own cluster on real sockets, queues that no other test sees, worker processes."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from inspect import isawaitable
from pathlib import Path
from uuid import uuid4

import confluent_kafka
import pytest
import pytest_asyncio

from pytest_cio_load.pipeline.engines.engine import Delivery, Parcel
from pytest_cio_load.pipeline.engines.kafka.consumer import KafkaConsumer
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

PATIENCE = 60.0


def _library() -> ctypes.CDLL:
    """librdkafka, from the package."""
    home = Path(confluent_kafka.__file__).parent
    found = [each for folder in (home.with_name("confluent_kafka.libs"), home / ".dylibs") for each in folder.glob("librdkafka*")]
    if not found:
        pytest.skip("the package has no librdkafka of its own, whose stand-in for a cluster these tests need")
    return ctypes.CDLL(str(found[0]))


class Cluster:
    """One broker in this process's memory, on a port of its own.

    A group's first members hardly wait for others; if they did not at all, some would never be answered.
    """

    def __init__(self) -> None:
        self._lib = _library()
        self._handle = self._made("rd_kafka_new", ctypes.c_int(0), self._conf(), ctypes.create_string_buffer(512), ctypes.c_size_t(512))
        self._mock = self._made("rd_kafka_mock_cluster_new", self._handle, ctypes.c_int(1))
        self._lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._mock, ctypes.c_int32(100))
        said = self._lib.rd_kafka_mock_cluster_bootstraps
        said.restype = ctypes.c_char_p
        self.bootstrap: str = said(self._mock).decode()

    def _conf(self) -> ctypes.c_void_p:
        conf, answer = self._made("rd_kafka_conf_new"), ctypes.create_string_buffer(512)
        for name, value in ((b"bootstrap.servers", b"127.0.0.1:1"), (b"log_level", b"0")):
            assert self._lib.rd_kafka_conf_set(conf, name, value, answer, ctypes.c_size_t(512)) == 0, answer.value
        return conf

    def _made(self, name: str, *said: object) -> ctypes.c_void_p:
        function = self._lib[name]
        function.restype = ctypes.c_void_p
        return ctypes.c_void_p(function(*said))

    def _call(self, name: str, *said: object) -> None:
        assert self._lib[name](self._mock, *said) == 0, name

    def make(self, topic: str, partitions: int = 4) -> None:
        """A topic."""
        self._call("rd_kafka_mock_topic_create", topic.encode(), ctypes.c_int(partitions), ctypes.c_int(1))

    def queue(self) -> str:
        """The name of a queue whose topics are there."""
        name = f"q{uuid4().hex[:12]}"
        for topic in (name, f"{name}.retry", f"{name}.dead"):
            self.make(topic)
        return name

    def down(self) -> None:
        """The broker drops every connection, and takes none."""
        self._call("rd_kafka_mock_broker_set_down", ctypes.c_int32(1))

    def up(self) -> None:
        """It is back, on the same port, with all it had."""
        self._call("rd_kafka_mock_broker_set_up", ctypes.c_int32(1))

    def refuse(self, kind: int, *errors: int) -> None:
        """The next requests of a kind are answered with these."""
        numbers = (ctypes.c_int * len(errors))(*errors)
        self._lib.rd_kafka_mock_push_request_errors_array(self._mock, ctypes.c_int16(kind), ctypes.c_size_t(len(errors)), numbers)

    def close(self) -> None:
        """End it."""
        self._lib.rd_kafka_mock_cluster_destroy(self._mock)
        self._lib.rd_kafka_destroy(self._handle)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One for all tests of this process that do it no harm."""
    made = Cluster()
    yield made
    made.close()


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """One that a test may harm."""
    made = Cluster()
    yield made
    made.close()


@pytest_asyncio.fixture
async def engine(cluster: Cluster) -> AsyncIterator[KafkaEngine]:
    """An engine with a queue, and a group, of its own."""
    name = cluster.queue()
    made = KafkaEngine(cluster.bootstrap, name, group=name, session_timeout=3.0, connect_timeout=30.0)
    yield made
    await made.aclose()


@pytest_asyncio.fixture
async def consumer(engine: KafkaEngine) -> AsyncIterator[KafkaConsumer]:
    """A worker's hold."""
    made = engine.consumer("w")
    await made.start()
    yield made
    await made.close()


@pytest.fixture(scope="session")
def take() -> Callable[[KafkaConsumer, int], Awaitable[list[Delivery]]]:
    """Takes that many jobs."""

    async def taken(consumer: KafkaConsumer, many: int) -> list[Delivery]:
        found: list[Delivery] = []
        ends = time.monotonic() + PATIENCE
        while len(found) < many:
            assert time.monotonic() < ends, f"got {len(found)} of {many}"
            found += await consumer.take(many - len(found), 1.0)
        return found

    return taken


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Waits for something."""

    async def waited(reached: Callable[[], object]) -> None:
        ends = time.monotonic() + PATIENCE
        while True:
            found = reached()
            if await found if isawaitable(found) else found:
                return
            assert time.monotonic() < ends, "it did not come to pass"
            await asyncio.sleep(0.05)

    return waited


@pytest.fixture(scope="session")
def jobs() -> Callable[..., list[Parcel]]:
    """Makes jobs; an id says whose it is, and how many before it are theirs."""

    def made(*ids: str, delay: float = 0.0, data: str = "{}") -> list[Parcel]:
        return [Parcel(id, "track", data, id.partition("-")[0], delay, enqueued_at=time.time()) for id in ids]

    return made


class Workers:
    """Worker processes, and what they wrote."""

    def __init__(self, log: Path, engine: KafkaEngine, **settings: object) -> None:
        where = {"bootstrap": engine.link.bootstrap, "queue": engine.name, "group": engine.group}
        self.log, self._settings = log, {"log": str(log), **where, **settings}
        self.running: list[subprocess.Popen[bytes]] = []
        self._made = 0

    def start(self) -> subprocess.Popen[bytes]:
        """One more; they are ``w1``, ``w2``, …"""
        self._made += 1
        asked = json.dumps({**self._settings, "name": f"w{self._made}"})
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        program = str(Path(__file__).with_name("kafka_taker.py"))
        self.running.append(subprocess.Popen([sys.executable, program, asked], env=environment, stdin=subprocess.DEVNULL))
        return self.running[-1]

    def keep_up(self, many: int) -> None:
        """Start others for those that have ended."""
        self.running = [each for each in self.running if each.poll() is None]
        while len(self.running) < many:
            self.start()

    def lines(self, word: str) -> list[tuple[str, str]]:
        """Job and worker, in the order of writing, of what was ``taken`` or ``sent``."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        words = [line.split() for line in text.splitlines() if line.startswith(word + " ") and line.count(" ") == 2]
        return [(job, worker) for _, job, worker in words]

    def sent(self) -> list[str]:
        """Jobs, in the order of sending."""
        return [job for job, _ in self.lines("sent")]

    def disorder(self, sent: list[str]) -> set[str]:
        """Whose jobs were not sent in order: some may be repeated, with all that follow, but none is left out on the way."""
        last: dict[str, int] = {}
        found: set[str] = set()
        for id in sent:
            person, _, number = id.partition("-")
            if int(number) > last.get(person, -1) + 1:
                found.add(person)
            last[person] = int(number)
        return found | {person for person, number in last.items() if f"{person}-{number + 1}" in sent}

    def stop(self) -> None:
        """All of them."""
        for each in self.running:
            each.send_signal(signal.SIGCONT)
            each.send_signal(signal.SIGTERM)
        for each in self.running:
            try:
                each.wait(30)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait(30)


@pytest.fixture
def workers(tmp_path: Path, engine: KafkaEngine) -> Iterator[Callable[..., Workers]]:
    """Makes workers, and ends them."""
    made: list[Workers] = []

    def make(**settings: object) -> Workers:
        made.append(Workers(tmp_path / "log", engine, **settings))
        return made[-1]

    yield make
    for each in made:
        each.stop()
