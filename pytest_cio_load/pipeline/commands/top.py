"""``cio-load top``: a queue, watched live. Ctrl-C ends it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from pytest_cio_load.errors import CioLoadError
from pytest_cio_load.pipeline.commands.command import Said, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, MISTAKE, address_of, queue_options, with_queue
from pytest_cio_load.pipeline.commands.unused import is_unused, said_of_unused

if TYPE_CHECKING:
    from pytest_cio_load.pipeline.engines.engine import Engine
    from pytest_cio_load.pipeline.health.top import History
    from pytest_cio_load.pipeline.health.watching import Watch
    from pytest_cio_load.pipeline.opening import Address

EXITS = {0: "it was shown, or Ctrl-C ended it", 2: "a mistake in the arguments, or the queue cannot be reached"}
"""What the exit code says."""

EVERY = 1.0
"""Seconds between two pictures."""

_WIDTH = 80
_FRESH = 0.5


@subcommand("top", exits=EXITS)
@queue_options
@click.option("--once", is_flag=True, help="Print one picture as plain text, also when this is no terminal, and end")
@click.option("--json", is_flag=True, help="Print one picture as JSON, and end")
def command(said: Said) -> int:
    """Watch a queue.

    Live until Ctrl-C on a terminal; elsewhere one picture as plain text.
    """
    address = address_of(said)
    if said.once or said.json or not sys.stdout.isatty():
        return with_queue(said, lambda engine: _once(engine, address, as_json=said.json))
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


async def _once(engine: Engine, address: Address, *, as_json: bool) -> int:
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
    if as_json:
        print(json.dumps(plain(history, address.shown), ensure_ascii=False, indent=2))
        return DONE
    Console(width=_WIDTH, color_system=None, force_terminal=False).print(frame(history, address.shown, time.time()))
    return DONE


def plain(history: History, place: str) -> dict[str, Any]:
    """One picture for programs: times in seconds, rates per second; what the queue does not count is None. *place* is where it is."""
    from dataclasses import asdict

    from pytest_cio_load.pipeline.health.figures import time_to_empty

    figures, rates = history.moments[-1], history.rates()
    totals = {name: count for name, count in asdict(figures.totals).items() if name != "latency"}
    return {
        "queue": figures.queue,
        "place": place,
        "depth": {state.value: count for state, count in figures.depth.items()},
        "unfinished": figures.unfinished,
        "oldest": figures.age,
        "rates": None if rates is None else {"came": rates.came, "went": rates.went, "shrinks": rates.shrinks},
        "time_to_empty": time_to_empty(figures, rates),
        "totals": totals if history.counted else None,
        "note": history.note,
    }


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
