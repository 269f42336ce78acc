"""``cio-load plan``: from a volume to an architecture, with the arithmetic shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from pytest_cio_load import units
from pytest_cio_load.pipeline.commands.command import Said, json_option, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, F, all_of, reading, whole
from pytest_cio_load.scaling.planner.volumes import volume

EXITS = {0: "planned", 2: "a mistake in the arguments"}
"""What the exit code says."""

DEMAND = ("daily", "peak", "rtt", "batch", "limit", "workspaces", "outage", "concurrency", "per_worker_rate", "payload", "delay")
"""Arguments that make a plan, by their names in `planner.plan.plan`."""


def demand_options(*, needed: bool) -> Callable[[F], F]:
    """Add the options that make a plan; *needed* says whether there has to be a volume."""
    rate, time = reading(per_second, zero=False), reading(units.duration, zero=False)
    option = click.option
    several = (
        option("--daily", type=reading(volume), required=needed, metavar="NUMBER", help="Operations a day, such as 250k or 5M"),
        option("--peak", type=reading(volume), default="4", metavar="FACTOR", help="The busiest rate over the mean rate"),
        option("--rtt", type=time, default="120ms", metavar="TIME", help="That a request takes"),
        option("--batch", type=whole(1, 1_000), metavar="N", show_default="50, or 1 below 100k a day", help="Operations per request"),
        option("--limit", type=rate, default="100", metavar="RATE", help="Requests per second of a workspace"),
        option("--workspaces", type=whole(1, 10_000), metavar="N", show_default="as many as needed", help="How many there are"),
        option("--outage", type=reading(units.duration), default="10m", metavar="TIME", help="For which Customer.io may be gone"),
        option("--concurrency", type=whole(1, 10_000), default="10", metavar="N", help="Requests under way at once, per pod"),
        option("--per-worker-rate", type=rate, default="1500", metavar="RATE", help="Jobs per second a pod takes off a queue"),
        option("--payload", type=whole(1, 32_000), default="150", metavar="BYTES", help="Of one operation"),
        option("--delay", type=time, default="1m", metavar="TIME", help="That a job may wait"),
    )
    return lambda work: all_of(several, work)


def planned(said: Said) -> Any:
    """The plan that the arguments make."""
    from pytest_cio_load.scaling.planner.plan import plan

    return plan(**{name: getattr(said, name) for name in DEMAND})


def per_second(value: object, *, zero: bool = True) -> Any:
    """A rate; a bare number is one per second."""
    if isinstance(value, str) and value.strip().replace(".", "", 1).isdigit():
        value = f"{value.strip()}/s"
    return units.rate(value, zero=zero)


@subcommand("plan", exits=EXITS)
@demand_options(needed=True)
@json_option
def command(said: Said) -> int:
    """How much is enough: from a volume to an architecture, with the arithmetic."""
    from pytest_cio_load.scaling.planner.shown import plan_lines

    made = planned(said)
    print(json.dumps(made.plain(), ensure_ascii=False, indent=2) if said.json else "\n".join(plan_lines(made)))
    return DONE
