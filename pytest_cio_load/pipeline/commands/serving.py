"""One worker process: from its settings to its exit code."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import asdict
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.client import Client
from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.commands.command import Said
from pytest_cio_load.pipeline.commands.connecting import DONE, SOME_FAILED, address_of, open_said
from pytest_cio_load.pipeline.commands.worker import OFF, introduction
from pytest_cio_load.pipeline.engines.engine import State
from pytest_cio_load.pipeline.fleet import ONE_TRY, fleet_of, unpaced
from pytest_cio_load.pipeline.health.figures import WorkerFigures, figures_of, hidden
from pytest_cio_load.pipeline.health.line import keep_logging
from pytest_cio_load.pipeline.health.readiness import died, readiness
from pytest_cio_load.pipeline.health.server import HOST, PORT, HealthServer, read_listen
from pytest_cio_load.pipeline.health.watching import Watch
from pytest_cio_load.pipeline.opening import gate_for
from pytest_cio_load.pipeline.policy import Policy
from pytest_cio_load.pipeline.worker import Worker

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Workspace
    from pytest_cio_load.pipeline.engines.engine import Engine
    from pytest_cio_load.pipeline.fleet import Fleet

REPORT_EVERY = 0.5
"""Seconds between two reports of a process to the one that started it."""

_LOOK_EVERY = 0.25
_ASK_AGAIN = 1.0
_AT_ONCE = 2.0

log = logging.getLogger("pytest_cio_load.pipeline")


class Stop:
    """Being asked to stop: SIGTERM and SIGINT ask. The first time in order, the second time at once.

    Attributes:
        asked: is set the first time.
        at_once: it was asked twice.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = False
        self._task = asyncio.current_task()

    def ask(self) -> None:
        """Once more."""
        if not self.asked.is_set():
            log.info("asked to stop: what is being sent is ended, the rest goes back; once more ends it at once")
            self.asked.set()
            return
        self.at_once = True
        if self._task is not None:
            self._task.cancel()
        # Whatever does not let itself be cancelled must not keep it from ending.
        asyncio.get_running_loop().call_later(_AT_ONCE, os._exit, 1)

    @asynccontextmanager
    async def on_signals(self) -> AsyncIterator[Stop]:
        """Meanwhile, signals ask."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self.ask)
        try:
            yield self
        finally:
            for each in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(each)


@asynccontextmanager
async def meanwhile(*works: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Have coroutines run beside the block; they are cancelled at its end, and one that fails before is told in the log."""
    tasks = [asyncio.create_task(each) for each in works]
    for task in tasks:
        task.add_done_callback(_told)
    try:
        yield
    finally:
        # More than once: on Python 3.11 a library that waits in wait_for may swallow a cancellation.
        left = set(tasks)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=_ASK_AGAIN)


def _told(task: asyncio.Task[object]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("got %s beside the worker; expected it to go on; restart it: %s", type(error).__name__, error)


def fleet_for(said: Said, engine: Engine, workspaces: Sequence[Workspace]) -> Fleet:
    """Clients and gates of the workspaces; the gates are shared where the queue's server can keep them."""
    clients = [Client(each, make_wire(each), bucket=unpaced(), retry=ONE_TRY) for each in workspaces]
    return fleet_of(clients, lambda each: gate_for(engine, each, limiter_url=said.limiter_url, processes=said.workers))


def worker_for(said: Said, engine: Engine, fleet: Fleet) -> Worker:
    """A worker as its arguments say. It has a name of its own each time, for one that was killed may still hold jobs under the old one."""
    batching = Batching(said.batch, said.linger) if said.batch else None
    policy = Policy(attempts=said.attempts, base=said.backoff)
    name = f"{said.name}-{token_hex(4)}"
    return Worker(engine, fleet, concurrency=said.concurrency, batching=batching, policy=policy, name=name, grace=said.grace)


async def serve(said: Said, workspaces: Sequence[Workspace]) -> int:
    """Work in this process, with a server for probes and a line in the log: the exit code."""

    @asynccontextmanager
    async def attended(worker: Worker) -> AsyncIterator[None]:
        watch, shown = Watch(worker.engine), hidden(workspaces)

        def figures() -> list[WorkerFigures]:
            return [figures_of(worker, said.name, shown)]

        async with serving_health(said, watch, figures) as url, meanwhile(keep_logging(watch, figures, said.log_every)):
            print(introduction(said, workspaces, url), flush=True)
            yield

    return await work(said, workspaces, attended)


async def serve_as_child(said: Said, workspaces: Sequence[Workspace]) -> int:
    """Work in this process for the one that started it: figures go to standard output, and the end of standard input asks to stop."""

    @asynccontextmanager
    async def attended(worker: Worker) -> AsyncIterator[None]:
        counts_alone = not address_of(said).kind.counts_together

        async def report() -> bytes:
            said_of_it = figures_of(worker, said.name, hidden(workspaces)).plain()
            if counts_alone:
                said_of_it["totals"] = asdict(await worker.engine.totals())
            return json.dumps(said_of_it).encode() + b"\n"

        async with meanwhile(_reporting(report)):
            yield

    return await work(said, workspaces, attended, is_child=True)


async def work(
    said: Said,
    workspaces: Sequence[Workspace],
    attended: Callable[[Worker], AbstractAsyncContextManager[None]],
    *,
    is_child: bool = False,
) -> int:
    """Open the queue, work, and close everything: the exit code. *attended* gives what surrounds the worker."""
    async with Stop().on_signals() as stop:
        try:
            engine = open_said(said)
            try:
                fleet = fleet_for(said, engine, workspaces)
                try:
                    worker = worker_for(said, engine, fleet)
                    async with attended(worker):
                        return await _until_the_end(said, worker, stop, is_child=is_child)
                finally:
                    await fleet.aclose()
            finally:
                await engine.aclose()
        except asyncio.CancelledError:
            if not stop.at_once:
                raise
            return SOME_FAILED


async def _until_the_end(said: Said, worker: Worker, stop: Stop, *, is_child: bool) -> int:
    async def ask_it() -> None:
        await stop.asked.wait()
        worker.stop()

    async def look_whether_it_is_empty() -> None:
        await _empty(worker.engine)
        worker.stop()

    works: list[Coroutine[Any, Any, object]] = [ask_it()]
    if said.until_empty:
        works.append(look_whether_it_is_empty())
    if is_child:
        asyncio.get_running_loop().add_reader(0, _on_input, stop)
    try:
        async with meanwhile(*works):
            await worker.run()
    finally:
        if is_child:
            asyncio.get_running_loop().remove_reader(0)
    if said.until_empty and not stop.asked.is_set():
        return SOME_FAILED if (await worker.engine.depth()).get(State.FAILED) else DONE
    return DONE


async def _empty(engine: Engine) -> None:
    """Wait until nothing is left to be sent. It is looked at twice, for a job may be on its way from one state to another."""
    empty = 0
    while empty < 2:
        await asyncio.sleep(_LOOK_EVERY)
        with suppress(OSError):
            depth = await engine.depth()
            left = sum(depth.get(state, 0) for state in (State.WAITING, State.PRIORITIZED, State.DELAYED, State.ACTIVE))
            empty = 0 if left else empty + 1


def _on_input(stop: Stop) -> None:
    if not os.read(0, 1024):
        asyncio.get_running_loop().remove_reader(0)
        if not stop.asked.is_set():
            stop.ask()


async def _reporting(report: Callable[[], Awaitable[bytes]]) -> None:
    # A parent that does not read, or is gone, must not hold the worker up.
    os.set_blocking(1, False)
    pending = b""
    while True:
        pending = pending or await report()
        with suppress(OSError):
            pending = pending[os.write(1, pending) :]
        await asyncio.sleep(REPORT_EVERY)


@asynccontextmanager
async def serving_health(said: Said, watch: Watch, workers: Callable[[], Sequence[WorkerFigures]]) -> AsyncIterator[str]:
    """Meanwhile, answer probes and scrapes; gives the URL, or "" when nothing is to be served."""
    if said.listen == OFF:
        yield ""
        return
    from pytest_cio_load.pipeline.health.exporter import Exporter

    server = HealthServer(Exporter(watch, workers).metrics, lambda: readiness(workers()), lambda: died(workers()))
    host, port = read_listen(said.listen) if said.listen else (HOST, PORT)
    try:
        await server.start(host, port)
    except OSError:
        if said.listen:
            raise
        await server.start(host, 0)
    try:
        yield server.url
    finally:
        await server.aclose()


def child() -> None:
    """The program of a child: its settings are the first line of standard input, its secrets stand in the environment."""
    from pytest_cio_load.pipeline.commands.connecting import in_loop, log_to_stderr, told, workspaces_of

    with open(0, "rb", buffering=0, closefd=False) as first:  # unbuffered: what comes after the line is for the loop
        said = Said(**json.loads(first.readline()))
    log_to_stderr()
    sys.exit(told("worker", lambda: in_loop(lambda: serve_as_child(said, workspaces_of(said, os.environ)))))
