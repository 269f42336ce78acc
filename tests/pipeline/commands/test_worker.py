"""``cio-load worker`` as a process."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.pipeline.commands import serving
from pytest_cio_load.pipeline.commands.command import Said
from pytest_cio_load.pipeline.commands.worker import command, introduction
from pytest_cio_load.pipeline.engines.engine import Parcel, State
from pytest_cio_load.pipeline.engines.memory import MemoryEngine
from pytest_cio_load.pipeline.health.watching import Watch

Start = Callable[..., Any]
Events = Callable[..., Path]
Asked = Callable[..., Any]
Until = Callable[[Callable[[], object], str], None]
PATIENCE = 90.0


def fill(start: Start, queue: list[str], path: Path) -> None:
    """Enqueue a file."""
    assert start("enqueue", path, *queue).ended() == 0


def test_until_empty(start: Start, queue: list[str], fake: ServedFake, events: Events) -> None:
    """Everything is sent, once and in order; then it ends."""
    fill(start, queue, events(200))
    worker = start("worker", *queue, "--url", fake.url, "--rate", "5000/s", "--until-empty", "--listen", "0", "--log-every", "0.2s")
    assert worker.ended() == 0, worker.err
    assert (fake.delivery().applied, fake.delivery().duplicates, fake.delivery().out_of_order) == (200, 0, 0)


def test_what_it_says_at_the_start(start: Start, queue: list[str], fake: ServedFake) -> None:
    """Which queue, to whom, how fast, and where its figures are; no key, and little of the site id."""
    worker = start("worker", *queue, "--url", fake.url, "--rate", "80/s", "--until-empty", "--listen", "0", "--name", "mine", "--batch")
    assert worker.ended() == 0, worker.err
    lines = [line.strip() for line in worker.out.splitlines()]
    assert lines[0] == "cio-load worker mine"
    assert lines[1].startswith(f"takes from  {queue[3]} (2 shards), Redis at 127.0.0.1:")
    assert lines[2] == f"sends to    {fake.url}, workspace site…"
    assert lines[3] == "how         80/s for each workspace, batches of up to 1,000, 5 tries"
    assert re.fullmatch(r"figures     http://127.0.0.1:\d+/metrics, /healthz, /readyz", lines[4])
    assert lines[5] == "SIGTERM or Ctrl-C ends it within 25s; once more ends it at once."
    assert not any(secret in worker.out + worker.err for secret in ("site-id-of-tests", "key-of-tests"))


def test_batches(start: Start, queue: list[str], fake: ServedFake, events: Events) -> None:
    """Many operations a request."""
    fill(start, queue, events(200))
    worker = start("worker", *queue, "--url", fake.url, "--batch", "50", "--linger", "20ms", "--until-empty", "--listen", "off")
    assert worker.ended() == 0, worker.err
    assert fake.delivery().applied == 200
    assert fake.requests < 100
    assert "figures     in the log only" in worker.out


def test_dead_letters_are_told(bury: Callable[..., None], asked: Asked) -> None:
    """By the exit code, once nothing is left."""
    bury([Parcel("01ARZ3NDEKTSV4RRFFQ69G5FAV", "track", '{"v": 9}', "somebody")])
    assert asked(lambda engine: engine.depth())[State.FAILED] == 1


def test_no_queue(start: Start, fake: ServedFake) -> None:
    """It is said at the start, without the password."""
    url = "redis://:secret@127.0.0.1:1"
    worker = start("worker", "--url", fake.url, "--listen", "off", env={"CIO_QUEUE_URL": url})
    assert worker.ended() == 2
    assert "cio-load worker: redis 127.0.0.1:1: got no connection" in worker.err
    assert "secret" not in worker.out + worker.err


def test_the_embedded_queue(start: Start, fake: ServedFake, events: Events, tmp_path: Path) -> None:
    """With nothing else installed or said; two commands share it, one after the other."""
    assert start("enqueue", events(20)).ended() == 0
    worker = start("worker", "--url", fake.url, "--until-empty", "--listen", "off")
    assert worker.ended() == 0, worker.err
    assert fake.delivery().applied == 20
    assert (tmp_path / ".cio-load" / "queue").is_dir()
    assert f"embedded Valkey in {tmp_path}/.cio-load/queue" in worker.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--queue-url", "memory:", "--workers", "2"],
            "workers: got 2 for a queue in memory; expected 1, since others cannot see it; try embedded:",
        ),
        (["--queue-url", "memory:", "--queue", "cio:events"], "expected a name without a colon"),
        (["--listen", "somewhere"], "cio-load worker: --listen: listen: got 'somewhere'; expected HOST:PORT or PORT; try 127.0.0.1:9464"),
        (["--workers", "0"], "cio-load worker: --workers: got '0', expected a whole number from 1 to 256"),
    ],
)
def test_mistakes(start: Start, fake: ServedFake, arguments: list[str], message: str) -> None:
    """They are said, and nothing is started."""
    worker = start("worker", "--url", fake.url, *arguments)
    assert worker.ended() == 2
    assert message in worker.err


def test_an_address_that_was_asked_for_and_is_taken(start: Start, fake: ServedFake) -> None:
    """It is a mistake."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker = start("worker", "--url", fake.url, "--queue-url", "memory:", "--listen", str(port))
        assert worker.ended() == 2
    assert f"listen: got 127.0.0.1:{port}, which cannot be had" in worker.err


def said(*arguments: str) -> Said:
    """What these arguments say."""
    with command.make_context("worker", list(arguments)) as context:
        return Said(**context.params)


@pytest.mark.parametrize(
    ("arguments", "batch"),
    [([], None), (["--batch"], 1_000), (["--batch", "--live"], 1_000), (["--batch", "50"], 50), (["--batch=50", "--live"], 50)],
)
def test_a_batch_with_and_without_a_number(arguments: list[str], batch: int | None) -> None:
    """As many as a request takes, unless it is said."""
    assert said(*arguments).batch == batch


@pytest.mark.asyncio
async def test_an_address_that_nobody_asked_for_and_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A free one does as well."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(serving, "PORT", taken.getsockname()[1])
        async with serving.serving_health(said(), Watch(MemoryEngine()), list) as url:
            assert url.startswith("http://127.0.0.1:")
            assert not url.endswith(f":{serving.PORT}")


@pytest.mark.asyncio
async def test_what_fails_beside_the_worker_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """And does not end it."""

    async def fails() -> None:
        raise ZeroDivisionError("so")

    async with serving.meanwhile(fails()):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not caplog.records:
                    await asyncio.sleep(0.01)
    assert caplog.messages == ["got ZeroDivisionError beside the worker; expected it to go on; restart it: so"]


def test_an_introduction_of_several() -> None:
    """Processes and workspaces."""
    arguments = said("--workers", "4", "--queue-url", "memory:", "--shards", "1", "--until-empty")
    arguments.name = "mine"
    text = introduction(arguments, [Workspace("0123456789", "k", limit=80.0), Workspace("abcdefghij", "k")], "")
    assert "cio-load worker mine, 4 processes\n" in text
    assert "cio-events (no order), this process's memory, until it is empty\n" in text
    assert "workspaces 012…, abc…\n" in text
