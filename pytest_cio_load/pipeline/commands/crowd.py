"""Several worker processes: started, started again when they die, asked to stop together; their figures gathered in one place.

A process that outlives this one sees the end of its standard input, and drains.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load.pipeline.commands.command import Said
from pytest_cio_load.pipeline.commands.connecting import DONE, SOME_FAILED, address_of, open_said
from pytest_cio_load.pipeline.commands.serving import Stop, meanwhile, serving_health
from pytest_cio_load.pipeline.commands.worker import introduction
from pytest_cio_load.pipeline.engines.engine import Totals
from pytest_cio_load.pipeline.health.figures import WorkerFigures, added, totals_from_plain
from pytest_cio_load.pipeline.health.line import keep_logging
from pytest_cio_load.pipeline.health.watching import Watch
from pytest_cio_load.pipeline.worker import Phase
from pytest_cio_load.units import show_duration

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Workspace

SHORTEST, LONGEST = 1.0, 30.0
"""Seconds before a process that died is started again: doubled each time, up to the second."""

SOUND = 60.0
"""A process that ran so long has shown that it can: the next start comes soon."""

SILENT = 10.0
"""Seconds without a report, of which there are two a second, after which a process is not called working."""

_MARGIN = 5.0
_LINE = 1 << 20
_START = (
    "import sys; sys.path.insert(0, {home!r}); import pytest_cio_load; del sys.path[0]; "
    "from pytest_cio_load.pipeline.commands.serving import child; child()"
)
"""The very package that is running here, from anywhere: it may be a checkout, while an older one is installed."""

log = logging.getLogger("pytest_cio_load.pipeline")


class Restarts:
    """How long to wait before a process that died is started again. It reads no clock."""

    def __init__(self) -> None:
        self._wait = SHORTEST

    def after(self, lived: float) -> float:
        """Seconds to wait now that it has died after *lived* seconds."""
        if lived >= SOUND:
            self._wait = SHORTEST
        wait, self._wait = self._wait, min(LONGEST, self._wait * 2)
        return wait


class Member:
    """One of the processes, and the one that takes its place.

    Args:
        said: the arguments of ``cio-load worker``.
        name: of the worker.
        stop: whether it is to end.
    """

    def __init__(self, said: Said, name: str, stop: Stop) -> None:
        self._figures, self._reported = WorkerFigures(name, Phase.STARTING), time.monotonic()
        self._totals_before = self._totals = Totals()
        self.process: asyncio.subprocess.Process | None = None
        self._settings = json.dumps({**vars(said), "name": name}).encode() + b"\n"
        self._until_empty: bool = said.until_empty
        self._stop = stop
        self._restarts = Restarts()

    @property
    def figures(self) -> WorkerFigures:
        """What it reported last; one that runs and has not reported for long is not called working."""
        silent = time.monotonic() - self._reported
        if silent < SILENT or self._figures.phase is not Phase.WORKING:
            return self._figures
        return replace(self._figures, phase=Phase.UNREACHABLE, trouble=f"worker {self._figures.worker} has not reported for {silent:.0f} s")

    def _heard(self, said: dict[str, Any]) -> None:
        if (totals := said.pop("totals", None)) is not None:
            self._totals = totals_from_plain(totals)
        self._note(WorkerFigures.from_plain(said))

    def _died(self) -> None:
        self._note(replace(self._figures, phase=Phase.STOPPED))
        self._totals_before, self._totals = self.totals, Totals()

    @property
    def totals(self) -> Totals:
        """What has become of jobs in it and in those before it, as far as they reported it: on Kafka."""
        return added((self._totals_before, self._totals))

    def _note(self, figures: WorkerFigures) -> None:
        self._figures, self._reported = figures, time.monotonic()

    async def keep(self) -> int:
        """Run it, again and again until it is to end: its last exit code."""
        while True:
            began = time.monotonic()
            code = await self._once()
            self._died()
            if self._stop.asked.is_set() or (self._until_empty and code in (DONE, SOME_FAILED)):
                return code
            wait = self._restarts.after(time.monotonic() - began)
            log.warning("worker %s ended with exit code %d; it is started again in %s", self._figures.worker, code, show_duration(wait))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.asked.wait(), wait)
                return DONE

    async def _once(self) -> int:
        process = self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-c",
            _START.format(home=str(Path(__file__).parents[3])),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process, which tells the others
            limit=_LINE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if self._stop.asked.is_set():
                self.terminate()
            with suppress(OSError):
                process.stdin.write(self._settings)
                await process.stdin.drain()
            async for line in process.stdout:
                with suppress(ValueError, KeyError, TypeError):
                    self._heard(json.loads(line))
            return await process.wait()
        except asyncio.CancelledError:
            self.kill()
            await process.wait()
            raise
        finally:
            process.stdin.close()

    def terminate(self) -> None:
        """Ask it to stop, if it runs."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.terminate()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.kill()


async def run_crowd(said: Said, workspaces: Sequence[Workspace]) -> int:
    """Work in several processes: the worst of their exit codes."""
    async with Stop().on_signals() as stop:
        engine = open_said(said)
        try:
            await engine.depth()  # a queue that is not there is said once, not by every process
            members = [Member(said, f"{said.name}-{number}", stop) for number in range(1, said.workers + 1)]
            alone = not address_of(said).kind.counts_together
            watch = Watch(engine, totals=(lambda: added(each.totals for each in members)) if alone else None)

            def figures() -> list[WorkerFigures]:
                return [each.figures for each in members]

            async with serving_health(said, watch, figures) as url, meanwhile(keep_logging(watch, figures, said.log_every)):
                print(introduction(said, workspaces, url), flush=True)
                return await _kept(members, stop, said.grace)
        except asyncio.CancelledError:
            if not stop.at_once:
                raise
            return SOME_FAILED
        finally:
            await engine.aclose()


async def _kept(members: Sequence[Member], stop: Stop, grace: float) -> int:
    async def pass_it_on() -> None:
        await stop.asked.wait()
        for each in members:
            each.terminate()
        await asyncio.sleep(grace + _MARGIN)
        for each in members:
            each.kill()

    async with meanwhile(pass_it_on()):
        codes = await asyncio.gather(*(each.keep() for each in members))
    return DONE if all(code == DONE for code in codes) else max(SOME_FAILED, *codes)
