"""What is said when Redis, a URL, a number or an installed package is not what it should be."""

from __future__ import annotations

import sys

import pytest
from redis import exceptions
from redis.asyncio import Redis

from pytest_cio_load.errors import QueueError, QueueFull, QueueReadOnly, QueueUnavailable
from pytest_cio_load.pipeline.engines.bullmq import scripts
from pytest_cio_load.pipeline.engines.bullmq.engine import BullMQEngine
from pytest_cio_load.pipeline.engines.bullmq.link import Link
from pytest_cio_load.pipeline.engines.bullmq.redis_errors import translated

HERE = "redis://127.0.0.1:1"


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (exceptions.OutOfMemoryError("OOM command"), QueueFull, "its memory is full (maxmemory)"),
        (exceptions.ResponseError("OOM command not allowed"), QueueFull, "raise maxmemory, or let workers empty the queue"),
        (exceptions.ReadOnlyError("You can't write"), QueueReadOnly, "it is a replica, which takes no writes"),
        (exceptions.ResponseError("READONLY You can't"), QueueReadOnly, "expected the primary; use its URL"),
        (exceptions.BusyLoadingError("Redis is loading"), QueueUnavailable, "it is still loading its data"),
        (exceptions.NoPermissionError("this user"), QueueUnavailable, "the user may not do this"),
        (exceptions.MovedError("3999 127.0.0.1:6381"), QueueUnavailable, "it is a node of a cluster without this queue"),
        (exceptions.ClusterDownError("CLUSTERDOWN"), QueueUnavailable, "its cluster is down"),
        (exceptions.MasterDownError("MASTERDOWN Link"), QueueUnavailable, "it is a replica without its primary"),
        (exceptions.ResponseError("MISCONF Errors writing"), QueueUnavailable, "it cannot write to its disk"),
        (exceptions.ResponseError("NOREPLICAS Not enough"), QueueUnavailable, "too few replicas follow it"),
        (exceptions.ResponseError("BUSY Redis is busy"), QueueUnavailable, "a script keeps it busy"),
        (exceptions.AuthenticationError("Authentication required."), QueueUnavailable, "it wants a password"),
        (exceptions.AuthenticationError("invalid username-password pair"), QueueUnavailable, "it refuses the name or the password"),
        (exceptions.TimeoutError("Timeout reading"), QueueUnavailable, "got no answer in time"),
        (TimeoutError(), QueueUnavailable, "got no answer in time"),
        (exceptions.ConnectionError("Connection closed by server."), QueueUnavailable, "got no connection (Connection closed by server)"),
        (ConnectionResetError(104, "reset"), QueueUnavailable, "got no connection ([Errno 104] reset)"),
        (exceptions.ConnectionError(""), QueueUnavailable, "got no connection (nothing more)"),
        (exceptions.ResponseError("ERR unknown command"), QueueError, "got 'ERR unknown command'; expected the answer of a script"),
    ],
)
def test_errors_are_translated(error, kind, says):
    """To this package's, with what was got, what was expected, and a fix."""
    made = translated(error, "redis here:1")
    text = str(made)
    assert type(made) is kind
    assert text.startswith("redis here:1: got ")
    assert says in text
    assert "; expected " in text
    assert len(text.split("; ")) >= 3


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (5, "queue: got a int; expected a URL or a redis.asyncio.Redis; try 'redis://127.0.0.1:6379'"),
        (
            "localhost",
            "queue: got a URL of 'localhost'; expected one of redis, rediss, unix, valkey, valkeys; try 'redis://127.0.0.1:6379'",
        ),
        (
            "http://:secret@x",
            "queue: got a URL of 'http'; expected one of redis, rediss, unix, valkey, valkeys; try 'redis://127.0.0.1:6379'",
        ),
        (
            "redis://:secret@x:port",
            "queue: got a URL that cannot be read; expected redis://HOST:PORT/DATABASE; look at its port and number",
        ),
    ],
)
def test_sources_that_are_none(source, says):
    """Nothing of a URL but its scheme is shown."""
    with pytest.raises(ValueError) as caught:
        Link(source)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("redis://user:secret@example.test:7000/3", "redis example.test:7000"),
        ("valkey://example.test", "redis example.test:6379"),
        ("rediss://example.test", "redis example.test:6379"),
        ("unix:///run/redis.sock", "redis /run/redis.sock"),
        (Redis(host="example.test", port=7000, password="secret"), "redis example.test:7000"),
    ],
)
def test_where_it_is(source, where):
    """Without what is secret."""
    link = Link(source)
    assert link.where == where
    assert repr(link) == f"Link({where})"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"shards": 0}, "shards: got 0; expected 1 (order is not kept) to 1024; try 8"),
        ({"attempts": 0}, "attempts: got 0; expected at least 1, the first try itself; try 5"),
        (
            {"name": "cio:events"},
            "queue: got 'cio:events'; expected a name without a colon, which BullMQ on Node refuses; try 'cio-events'",
        ),
        ({"lease": 0}, "lease: got 0; expected seconds, 0.5 to 3600; try 5.0"),
    ],
)
def test_settings_that_make_no_sense(settings, says):
    """Are found before anything is asked."""
    with pytest.raises(ValueError) as caught:
        BullMQEngine(HERE, **settings)
    assert str(caught.value) == says


@pytest.fixture
def unread():
    """Nothing of the port has been read; nor afterwards."""

    def forget() -> None:
        for each in (scripts.port, scripts._msgpack, scripts.script):
            each.cache_clear()

    forget()
    yield
    forget()


@pytest.mark.parametrize(
    ("package", "ask"),
    [
        ("bullmq", lambda: BullMQEngine(HERE)),
        ("msgpack", lambda: scripts.packed([1])),
        ("redis", lambda: Link(HERE)),
    ],
)
def test_a_package_that_is_missing(monkeypatch, unread, package, ask):
    """The extra that has it is named."""
    for name in [each for each in sys.modules if each.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError) as caught:
        ask()
    assert (
        str(caught.value) == f"{package}: got no such package; expected it for a queue on Redis; try pip install 'pytest-cio-load[queue]'"
    )


def test_a_port_whose_scripts_take_other_keys(monkeypatch, unread):
    """A newer one would be given the wrong ones."""
    monkeypatch.setitem(scripts.port().SCRIPT_DEFINITIONS, "moveToActive", "moveToActive-12.lua")
    expected = "bullmq: got a version with moveToActive-12.lua; expected moveToActive-11.lua; try pip install 'bullmq>=3.4,<4'"
    with pytest.raises(ImportError) as caught:
        scripts.script("take")
    assert str(caught.value) == expected


@pytest.mark.parametrize("name", scripts.NAMES)
def test_every_script_is_there(name):
    """In the package, with the port's text set in."""
    made = scripts.script(name)
    assert "--@port" not in made.text
    assert len(made.sha) == 40
    assert repr(made) == f"Script(name='{name}', sha='{made.sha}')"
