"""An engine for a URL, and the gate of a workspace that belongs to it.

What a URL may be::

    redis://  rediss://  unix://          a Redis or Valkey; also valkey:// and valkeys://
    embedded:  embedded:FOLDER            the bundled Valkey, which keeps its data in FOLDER; started, or attached to when it runs already
    kafka://HOST:PORT,HOST:PORT           also kafka://USER:PASSWORD@HOST:PORT?security.protocol=SASL_SSL&sasl.mechanism=PLAIN
    memory:                               this process's memory: for tests

Passwords stand in URLs, so no message and no log shows more of one than its scheme and where the server is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from pytest_cio_load.errors import near_miss
from pytest_cio_load.pipeline.engines.embedded_folder import FOLDER
from pytest_cio_load.pipeline.engines.engine import DEFAULT_QUEUE, SHARDS, Engine, check_queue_name

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Workspace
    from pytest_cio_load.pipeline.gates.gate import Gate

DEFAULT_URL = "embedded:"
"""Where jobs are unless told otherwise."""

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection."""

log = logging.getLogger("pytest_cio_load.pipeline")


class Kind(Enum):
    """What keeps the jobs."""

    REDIS = "Redis"
    EMBEDDED = "embedded Valkey"
    KAFKA = "Kafka"
    MEMORY = "memory"

    @property
    def counts_together(self) -> bool:
        """Whether what has become of jobs is counted for all processes together: Kafka counts it for each alone."""
        return self is not Kind.KAFKA


_SCHEMES = {
    "redis": Kind.REDIS,
    "rediss": Kind.REDIS,
    "unix": Kind.REDIS,
    "valkey": Kind.REDIS,
    "valkeys": Kind.REDIS,
    "embedded": Kind.EMBEDDED,
    "kafka": Kind.KAFKA,
    "memory": Kind.MEMORY,
}
_FORMS = "redis://HOST:PORT, rediss://…, unix://PATH, valkey://…, embedded:FOLDER, kafka://HOST:PORT or memory:"


@dataclass(frozen=True, slots=True)
class Address:
    """A URL of a queue, taken apart.

    Attributes:
        kind: what keeps the jobs.
        shown: where that is, without a password.
        url: of a Redis; "" for what is none. Secret.
        folder: of the embedded server.
        servers: of Kafka: ``host:port,host:port``.
        security: of Kafka: librdkafka's settings, by name. Secret.
    """

    kind: Kind
    shown: str
    url: str = field(default="", repr=False)
    folder: Path = FOLDER
    servers: str = ""
    security: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_address(url: str) -> Address:
    """*url*, taken apart. Raises ValueError, whose text shows nothing of it but the scheme."""
    scheme, colon, rest = url.strip().partition(":")
    scheme = scheme.lower()
    if not colon or "@" in scheme or "/" in scheme:
        raise ValueError(f"queue url: got one without a scheme; expected {_FORMS}; try 'redis://127.0.0.1:6379'")
    kind = _SCHEMES.get(scheme)
    if kind is None:
        hint = near_miss(scheme, _SCHEMES) or "try 'redis://127.0.0.1:6379'"
        raise ValueError(f"queue url: got one that begins with '{scheme[:20]}:'; expected {_FORMS}; {hint}")
    if kind is Kind.MEMORY:
        if rest.strip("/"):
            raise ValueError("queue url: got more after 'memory:'; expected nothing, for every queue in memory is a new one; try 'memory:'")
        return Address(kind, "this process's memory")
    if kind is Kind.EMBEDDED:
        folder = Path(rest.removeprefix("//")) if rest.strip("/") else FOLDER
        return Address(kind, f"embedded Valkey in {folder.absolute()}", folder=folder)
    if not rest.startswith("//") or not rest.strip("/"):
        example = {Kind.KAFKA: "kafka://127.0.0.1:9092"}.get(kind, f"{scheme}://127.0.0.1:6379")
        raise ValueError(f"queue url: got '{scheme}:' without a server; expected its host and port; try '{example}'")
    return _kafka(rest) if kind is Kind.KAFKA else _redis(scheme, url.strip())


def _redis(scheme: str, url: str) -> Address:
    broken = f"queue url: got a '{scheme}:' URL that cannot be read; expected {scheme}://HOST:PORT/DATABASE; encode special letters as %XX"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(broken) from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(broken)  # the password holds a letter that ends it, and what comes after it must not be shown
    if scheme == "unix":
        if not parts.path:
            raise ValueError("queue url: got 'unix:' without a path; expected that of a socket; try 'unix:///run/redis/redis.sock'")
        return Address(Kind.REDIS, f"Redis at {parts.path}", url)
    database = parts.path.strip("/")
    if not parts.hostname or (database and not database.isdigit()):
        raise ValueError(broken)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    where = f"{host}:{port or 6379}" + (f", database {database}" if database and database != "0" else "")
    return Address(Kind.REDIS, f"Redis at {where}", url)


def _kafka(rest: str) -> Address:
    place, _, query = rest.removeprefix("//").partition("?")
    who, _, servers = place.rpartition("@")
    servers = servers.strip("/")
    listed = [each for each in servers.split(",") if each]
    if not listed or any(not _is_server(each) for each in listed):
        raise ValueError(
            "queue url: got a 'kafka:' URL that cannot be read; expected kafka://HOST:PORT,HOST:PORT; try 'kafka://127.0.0.1:9092'"
        )
    security = dict(parse_qsl(query))
    if who:
        user, _, password = who.partition(":")
        security |= {"sasl.username": unquote(user), "sasl.password": unquote(password)}
        security.setdefault("security.protocol", "SASL_SSL")
        security.setdefault("sasl.mechanism", "PLAIN")
    servers = ",".join(each if ":" in each else f"{each}:9092" for each in listed)
    return Address(Kind.KAFKA, f"Kafka at {servers}", servers=servers, security=security)


def _is_server(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and port.isdigit() and 0 < int(port) < 65_536) if colon else bool(text) and "/" not in text


def open_queue(
    url: str | Address = DEFAULT_URL,
    *,
    name: str = DEFAULT_QUEUE,
    shards: int = SHARDS,
    connect_timeout: float = CONNECT_TIMEOUT,
) -> Engine:
    """The queue at *url*. An embedded server is started, or attached to; ``aclose`` leaves it, and the last one to leave stops it.

    Args:
        url: see the top of this module.
        name: of the queue.
        shards: parts of an ordered queue; partitions of a topic; 1 for a plain queue without order.
        connect_timeout: seconds to wait for a connection.

    Raises:
        ValueError: a URL or a name that is none, or shards under 1.
        ImportError: what is needed for it is not installed; the text names the extra.
        QueueError: the embedded server does not start.
    """
    address = read_address(url) if isinstance(url, str) else url
    check_queue_name(name)
    if shards < 1:
        raise ValueError(f"shards: got {shards}; expected at least 1; try {SHARDS}, or 1 for a queue without order")
    if address.kind is Kind.MEMORY:
        from pytest_cio_load.pipeline.engines.memory import MemoryEngine

        return MemoryEngine(name)
    if address.kind is Kind.KAFKA:
        check_installed("confluent_kafka", "kafka")
        from pytest_cio_load.pipeline.engines.kafka.engine import KafkaEngine

        return KafkaEngine(address.servers, name, partitions=shards, security=address.security)
    check_installed("bullmq", "queue")
    from pytest_cio_load.pipeline.opened import RedisQueue, served

    server, address = served(address)
    try:
        return RedisQueue(address, server, name=name, shards=shards, connect_timeout=connect_timeout)
    except BaseException:
        if server is not None:
            server.stop()
        raise


def gate_for(where: Engine | str, workspace: Workspace, *, limiter_url: str | None = None, processes: int = 1) -> Gate:
    """The limiter and the circuit of *workspace*.

    Kept on the Redis or Valkey that keeps the queue it is one for all workers of the workspace. Kafka keeps none: then each process has its
    own, with its share of the rate, unless *limiter_url* names a server to share it on.

    Args:
        where: the engine, or its URL.
        workspace: whose site id, rate and burst count.
        limiter_url: of a Redis or Valkey, or ``embedded:``.
        processes: how many share the rate, where nothing is shared.

    Raises:
        ValueError: a URL that is none; processes under 1.
        ImportError: redis is not installed; the text names the extra.
    """
    if processes < 1:
        raise ValueError(f"processes: got {processes}; expected at least 1; try 1")
    address = _limiter(limiter_url) if limiter_url else read_address(where) if isinstance(where, str) else getattr(where, "address", None)
    if address is not None and address.kind in (Kind.REDIS, Kind.EMBEDDED):
        check_installed("redis", "queue")
        from pytest_cio_load.pipeline.opened import OwnGate

        return OwnGate(address, workspace)
    from pytest_cio_load.pipeline.gates.local import LocalGate

    rate = workspace.rate / processes
    if not isinstance(where, str) and not where.clock_is_ours:
        log.warning(
            "limiter: got nothing to share it on; each of %d processes keeps to %g requests/s, and nobody keeps them together; "
            "expected a Redis for that; try --limiter-url redis://HOST:6379",
            processes,
            rate,
        )
    return LocalGate(rate, workspace.burst)


def _limiter(url: str) -> Address:
    address = read_address(url)
    if address.kind not in (Kind.REDIS, Kind.EMBEDDED):
        raise ValueError(f"limiter url: got {address.kind.value}; expected a Redis or Valkey, or embedded:; try 'redis://127.0.0.1:6379'")
    return address


def check_installed(module: str, extra: str) -> None:
    """Raise ImportError, which names the extra, unless *module* is installed."""
    if find_spec(module) is None:
        raise ImportError(f"{module}: got none installed; expected it; run: pip install 'pytest-cio-load[{extra}]'")
