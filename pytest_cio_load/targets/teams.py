"""The workers of a test: tasks of this process, or processes of their own that can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from pytest_cio_load.pipeline.batch_crew import Batching
from pytest_cio_load.pipeline.engines.engine import DEFAULT_QUEUE, Engine
from pytest_cio_load.pipeline.fleet import fleet_of
from pytest_cio_load.pipeline.policy import Policy
from pytest_cio_load.pipeline.worker import Worker
from pytest_cio_load.queue_settings import EMBEDDED, MEMORY

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Workspace
    from pytest_cio_load.pipeline.gates.gate import Gate
    from pytest_cio_load.queue_settings import QueueSettings
    from pytest_cio_load.targets.target import Target

_END = 30.0


def open_engine(settings: QueueSettings, today: Callable[[], float], folder: Path) -> Engine:
    """The engine of one test: empty, and nobody else's. *folder*: for the files of an embedded server."""
    if settings.engine == MEMORY:
        from pytest_cio_load.pipeline.engines.memory import MemoryEngine

        return MemoryEngine(today=today)
    from pytest_cio_load.pipeline.opening import open_queue

    url = settings.engine
    if url == EMBEDDED:
        url = f"embedded:{folder / 'queue'}"
    return open_queue(url, name=f"{DEFAULT_QUEUE}-test-{uuid4().hex[:8]}", shards=settings.shards)


class Team(Protocol):
    """The workers of a test. They are numbered from 0, in the order they were started."""

    async def begin(self, workers: int) -> None:
        """Start so many."""

    async def start(self, worker: int | None) -> None:
        """Start the one of that number again; None for one more."""

    async def kill(self, worker: int) -> None:
        """End one without warning."""

    async def stop(self, worker: int) -> None:
        """Ask one to drain."""

    async def end(self) -> None:
        """End all of them."""


def make_team(settings: QueueSettings, target: Target, engine: Engine, *, seed: int, today: Callable[[], float], folder: Path) -> Team:
    """The workers as the marker describes them. *folder*: for what processes print."""
    if settings.processes:
        return ProcessTeam(settings, target, engine, folder)
    return TaskTeam(settings, target, engine, seed=seed, today=today)


class TaskTeam:
    """Workers that are tasks of the running loop, on its clock."""

    def __init__(self, settings: QueueSettings, target: Target, engine: Engine, *, seed: int, today: Callable[[], float]) -> None:
        self._settings, self._engine, self._seed, self._today = settings, engine, seed, today
        self._gates: dict[str, Gate] = {}
        self._fleet = fleet_of(target.worker_clients(), self._gate)
        self._working: dict[int, tuple[Worker, asyncio.Task[None]]] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._started = 0

    def _gate(self, workspace: Workspace) -> Gate:
        """One for all of these workers: they share a process."""
        from pytest_cio_load.pipeline.gates.local import LocalGate

        rng = Random(f"gate:{self._seed}:{workspace.site_id}")
        # The run's own clock, and not the loop's, which began at another time in every process: two runs must give the same figures.
        return LocalGate(workspace.rate, workspace.burst, rng=rng, now=self._today)

    async def begin(self, workers: int) -> None:
        """Start so many."""
        for _ in range(workers):
            await self.start(None)

    async def start(self, worker: int | None) -> None:
        """Start the one of that number again; None for one more."""
        number = len(self._working) if worker is None else worker
        settings = self._settings
        batching = None if settings.batch is None else Batching(settings.batch, settings.linger)
        self._started += 1
        made = Worker(
            self._engine,
            self._fleet,
            concurrency=settings.concurrency,
            batching=batching,
            policy=Policy(settings.attempts, settings.backoff),
            name=f"worker-{number}-{self._started}",
            rng=Random(f"worker:{self._seed}:{self._started}"),
            today=self._today,
        )
        self._working[number] = made, asyncio.create_task(made.run())

    async def kill(self, worker: int) -> None:
        """End one as a killed process ends: it settles nothing more, and gives nothing back."""
        made, task = self._working[worker]
        made.kill()
        await asyncio.gather(task, return_exceptions=True)

    async def stop(self, worker: int) -> None:
        """Ask one to drain."""
        self._working[worker][0].stop()

    async def end(self) -> None:
        """Drain all of them, and close every connection."""
        for made, _ in self._working.values():
            made.stop()
        results = await asyncio.gather(*(task for _, task in self._working.values()), return_exceptions=True)
        await self._fleet.aclose()
        for result in results:
            if isinstance(result, Exception):
                raise result


class ProcessTeam:
    """Workers that are processes: ``cio-load worker``, as in production."""

    def __init__(self, settings: QueueSettings, target: Target, engine: Engine, folder: Path) -> None:
        self._settings, self._target, self._engine, self._folder = settings, target, engine, folder
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._killed: set[int] = set()

    def _command(self, number: int) -> list[str]:
        settings, workspace = self._settings, self._target.workspaces[0]
        said = {
            "--queue": self._engine.name,
            "--shards": settings.shards,
            "--concurrency": settings.concurrency,
            "--attempts": settings.attempts,
            "--backoff": f"{settings.backoff}s",
            "--url": workspace.base_url,
            "--rate": f"{workspace.rate}/s",
            "--name": f"worker-{number}-{uuid4().hex[:6]}",
            "--listen": "off",
        }
        if settings.batch is not None:
            said |= {"--batch": settings.batch, "--linger": f"{settings.linger}s"}
        return [sys.executable, "-m", "pytest_cio_load.cli", "worker", *(str(word) for pair in said.items() for word in pair)]

    async def begin(self, workers: int) -> None:
        """Start so many."""
        for _ in range(workers):
            await self.start(None)

    async def start(self, worker: int | None) -> None:
        """Start the one of that number again; None for one more."""
        number = len(self._processes) if worker is None else worker
        self._killed.discard(number)
        workspace = self._target.workspaces[0]
        secrets = {"CIO_SITE_ID": workspace.site_id, "CIO_TRACK_API_KEY": workspace.api_key, "CIO_QUEUE_URL": _url_of(self._engine)}
        with (self._folder / f"{number}.log").open("ab") as log:
            self._processes[number] = await asyncio.create_subprocess_exec(
                *self._command(number), env={**os.environ, **secrets}, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def kill(self, worker: int) -> None:
        """SIGKILL."""
        process = self._processes[worker]
        self._killed.add(worker)
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def stop(self, worker: int) -> None:
        """SIGTERM."""
        if self._processes[worker].returncode is None:
            self._processes[worker].send_signal(signal.SIGTERM)

    async def end(self) -> None:
        """SIGTERM, and SIGKILL for whoever takes too long."""
        for number in self._processes:
            await self.stop(number)
        for process in self._processes.values():
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _END)
            if process.returncode is None:
                process.kill()
                await process.wait()
        for number, process in self._processes.items():
            if process.returncode and number not in self._killed:
                raise RuntimeError(self._complaint(number, process.returncode))

    def _complaint(self, number: int, code: int) -> str:
        lines = (self._folder / f"{number}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = lines[-1][:300] if lines else "nothing"
        return f"worker {number}: got exit code {code}, and it said: {said}; expected 0; look at what it needs"


def _url_of(engine: Engine) -> str:
    """What other processes reach the queue by; secret."""
    address = getattr(engine, "address", None)
    if address is None:
        raise ValueError(f"queue {engine.name}: got an engine that only this process can reach; expected a server; try engine='embedded'")
    return address.url or f"kafka://{address.servers}"
