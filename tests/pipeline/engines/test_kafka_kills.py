"""Workers on Kafka that are killed: nothing is lost, nothing is overtaken, and only the job that kills is given up."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from confluent_kafka import Producer

from pytest_cio_load.pipeline.engines.engine import Parcel
from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

PATIENCE = 60.0


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """A cluster of librdkafka's own make, on real sockets; it ends with the handle."""
    cluster = Producer({"bootstrap.servers": "none:1", "test.mock.num.brokers": 1, "log_level": 0})
    yield ",".join(f"{each.host}:{each.port}" for each in cluster.list_topics(timeout=30).brokers.values())
    cluster.flush(0)


@pytest_asyncio.fixture
async def engine(brokers: str) -> AsyncIterator[KafkaEngine]:
    """An engine with a queue of its own. Topics are made by asking for them, which is all that this cluster can do."""
    name = f"q{uuid4().hex[:12]}"
    asking = Producer({"bootstrap.servers": brokers, "log_level": 0})
    for topic in (name, f"{name}.retry", f"{name}.dead"):
        asking.list_topics(topic, timeout=30)
    made = KafkaEngine(brokers, name, session_timeout=3.0)
    yield made
    await made.aclose()


class Workers:
    """Worker processes, and what they wrote."""

    def __init__(self, log: Path, engine: KafkaEngine, **settings: object) -> None:
        self.log, self._settings = log, {"log": str(log), "bootstrap": engine.link.bootstrap, "queue": engine.name, **settings}
        self.running: list[subprocess.Popen[bytes]] = []
        self._made = 0

    def start(self) -> subprocess.Popen[bytes]:
        """One more."""
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

    def lines(self, word: str) -> list[str]:
        """Ids of jobs, in the order of writing: ``taken`` or ``sent``."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return [line.split()[1] for line in text.splitlines() if line.startswith(word + " ") and line.count(" ") == 2]

    def stop(self) -> None:
        """All of them."""
        for each in self.running:
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


async def until(reached: Callable[[], bool]) -> None:
    """Wait for it."""
    ends = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < ends, "it did not come to pass"
        await asyncio.sleep(0.05)


def parcels(many: int, people: list[str], data: str = "{}") -> list[Parcel]:
    """*many* jobs of each person, in turn; the id says whose and which."""
    return [Parcel(f"{person}-{number}", "track", data, person, enqueued_at=time.time()) for number in range(many) for person in people]


def in_order(sent: list[str]) -> bool:
    """Whether each person's jobs were sent in order: one may be repeated, with all that follow it, but none is left out on the way."""
    last: dict[str, int] = {}
    for id in sent:
        person, number = id.split("-")
        if int(number) > last.get(person, -1) + 1:
            return False
        last[person] = int(number)
    return True


@pytest.mark.asyncio
async def test_killed_workers_lose_nothing(engine: KafkaEngine, workers: Callable[..., Workers]) -> None:
    """Two workers, killed again and again while they work, some jobs parked: all is sent, in order per person, and nothing is given up."""
    people = [f"p{number}" for number in range(12)]
    jobs = parcels(60, people)
    rng = random.Random(7)
    jobs = [replace(each, data='{"again": 1}') if rng.random() < 0.03 else each for each in jobs]
    await engine.put(jobs)
    crew = workers(pace=0.005)
    crew.keep_up(2)
    for share in (0.15, 0.4, 0.65):
        await until(lambda share=share: len(set(crew.lines("sent"))) >= share * len(jobs))
        victim = crew.running[0]
        victim.kill()
        victim.wait(30)
        crew.keep_up(2)
    await until(lambda: len(set(crew.lines("sent"))) == len(jobs))
    crew.stop()
    assert in_order(crew.lines("sent"))
    assert await engine.dead_letters() == []


@pytest.mark.asyncio
async def test_a_poison_job_is_given_up_and_no_other(engine: KafkaEngine, workers: Callable[..., Workers]) -> None:
    """It kills three workers, and is a dead letter; everything else is sent, that of its own person too."""
    people = [f"p{number}" for number in range(8)]
    jobs = parcels(5, people)
    poison = jobs[12]
    jobs[12] = replace(poison, data='{"poison": 1}')
    await engine.put(jobs)
    crew = workers()

    def all_sent() -> bool:
        crew.keep_up(1)
        return len(set(crew.lines("sent"))) == len(jobs) - 1

    await until(all_sent)
    crew.stop()
    letters = await engine.dead_letters()
    assert [letter.id for letter in letters] == [poison.id]
    assert letters[0].reason == (
        "its worker was killed 3 times while it was under way; expected an answer; look at what the job makes the worker do"
    )
    assert crew.lines("taken").count(poison.id) == 3
