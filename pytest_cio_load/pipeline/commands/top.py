"""``cio-load top``: a queue, watched live. Ctrl-C ends it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING

from pytest_cio_load.errors import CioLoadError
from pytest_cio_load.pipeline.commands.connecting import DONE, MISTAKE, address_of, queue_arguments, told, with_queue
from pytest_cio_load.pipeline.commands.unused import is_unused, said_of_unused

if TYPE_CHECKING:
    from pytest_cio_load.pipeline.engines.engine import Engine
    from pytest_cio_load.pipeline.health.top import History
    from pytest_cio_load.pipeline.health.watching import Watch
    from pytest_cio_load.pipeline.opening import Address

EVERY = 1.0
"""Seconds between two pictures."""

_WIDTH = 80
_FRESH = 0.5


def top_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``cio-load top``."""
    queue_arguments(parser)
    parser.add_argument("--once", action="store_true", help="Print one picture as plain text, also when this is no terminal, and end")


def run_top(said: argparse.Namespace) -> int:
    """Show it until Ctrl-C, or once; the exit code."""
    return told("top", lambda: _run(said))


def _run(said: argparse.Namespace) -> int:
    address = address_of(said)
    if said.once or not sys.stdout.isatty():
        return with_queue(said, lambda engine: _once(engine, address))
    try:
        return with_queue(said, lambda engine: _live(engine, address))
    except KeyboardInterrupt:
        return DONE


async def look(engine: Engine, address: Address, watch: Watch, history: History) -> None:
    """Ask the queue, and have what it answers remembered."""
    from pytest_cio_load.pipeline.deadletters import operation_name
    from pytest_cio_load.pipeline.engines.engine import State
    from pytest_cio_load.pipeline.health.top import LETTERS

    before = history.moments[-1] if history.moments else None
    figures = await watch.look()
    history.add(figures, watch.trouble)
    if figures is None:
        return
    unused = is_unused(address, figures.depth, figures.totals)
    history.note = (history.note or await said_of_unused(engine, address)) if unused else ""
    dead = figures.count(State.FAILED)
    if before is not None and (before.totals.dead, before.count(State.FAILED)) == (figures.totals.dead, dead):
        return
    try:
        newest = await engine.dead_letters(max(0, dead - LETTERS), LETTERS) if dead else []
    except CioLoadError as error:
        history.add(None, str(error))
    else:
        history.letters = [(operation_name(each), each) for each in reversed(newest)]


async def _once(engine: Engine, address: Address) -> int:
    """Two looks, for rates lie between them."""
    from rich.console import Console

    from pytest_cio_load.pipeline.health.top import History, frame
    from pytest_cio_load.pipeline.health.watching import Watch

    watch, history = Watch(engine, every=_FRESH), History(counted=address.kind.counts_together)
    await look(engine, address, watch, history)
    if not history.trouble:
        await asyncio.sleep(EVERY)
        await look(engine, address, watch, history)
    if history.trouble:
        print(f"cio-load top: {history.trouble}", file=sys.stderr)
        return MISTAKE
    Console(width=_WIDTH, color_system=None, force_terminal=False).print(frame(history, address.shown, time.time()))
    return DONE


async def _live(engine: Engine, address: Address) -> int:
    from rich.console import Console
    from rich.live import Live

    from pytest_cio_load.pipeline.health.top import History, frame
    from pytest_cio_load.pipeline.health.watching import Watch

    watch, history = Watch(engine, every=_FRESH), History(counted=address.kind.counts_together)
    with Live(frame(history, address.shown, time.time()), console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            await look(engine, address, watch, history)
            live.update(frame(history, address.shown, time.time()), refresh=True)
            await asyncio.sleep(EVERY)
