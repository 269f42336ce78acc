"""``cio-load plan``: from a volume to an architecture, with the arithmetic shown.

    0   planned
    2   a mistake in the arguments
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from pytest_cio_load import units
from pytest_cio_load.pipeline.commands.connecting import DONE, reading, told, whole
from pytest_cio_load.scaling.planner.volumes import volume

DEMAND = ("daily", "peak", "rtt", "batch", "limit", "workspaces", "outage", "concurrency", "per_worker_rate", "payload", "delay")
"""Arguments that make a plan, by their names in `planner.plan.plan`."""


def plan_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``cio-load plan``."""
    demand_arguments(parser, needed=True)
    parser.add_argument("--json", action="store_true", help="Print JSON")


def demand_arguments(parser: argparse.ArgumentParser, *, needed: bool) -> None:
    """Add the arguments that make a plan; *needed* says whether there has to be a volume."""
    add = parser.add_argument
    add("--daily", type=reading(volume), required=needed, metavar="NUMBER", help="Operations a day, such as 250k or 5M")
    add("--peak", type=reading(volume), default=4.0, metavar="FACTOR", help="The busiest rate over the mean rate (default: 4)")
    add("--rtt", type=reading(units.duration, zero=False), default=0.12, metavar="TIME", help="That a request takes (default: 120ms)")
    add("--batch", type=whole(1, 1_000), metavar="N", help="Operations per request (default: 50, or 1 below 100k a day)")
    rate = reading(per_second, zero=False)
    add("--limit", type=rate, default=100.0, metavar="RATE", help="Requests per second of a workspace (default: 100)")
    add("--workspaces", type=whole(1, 10_000), metavar="N", help="How many there are (default: as many as needed)")
    add("--outage", type=reading(units.duration), default=600.0, metavar="TIME", help="For which Customer.io may be gone (default: 10m)")
    add("--concurrency", type=whole(1, 10_000), default=10, metavar="N", help="Requests under way at once, per pod (default: 10)")
    add("--per-worker-rate", type=rate, default=1_500.0, metavar="RATE", help="Jobs per second a pod takes off a queue (default: 1500)")
    add("--payload", type=whole(1, 32_000), default=150, metavar="BYTES", help="Of one operation (default: 150)")
    add("--delay", type=reading(units.duration, zero=False), default=60.0, metavar="TIME", help="That a job may wait (default: 1m)")


def run_plan(said: argparse.Namespace) -> int:
    """Print the plan; the exit code."""
    return told("plan", lambda: _run(said))


def planned(said: argparse.Namespace) -> Any:
    """The plan that the arguments make."""
    from pytest_cio_load.scaling.planner.plan import plan

    return plan(**{name: getattr(said, name) for name in DEMAND})


def _run(said: argparse.Namespace) -> int:
    from pytest_cio_load.scaling.planner.shown import plan_lines

    made = planned(said)
    print(json.dumps(made.plain(), ensure_ascii=False, indent=2) if said.json else "\n".join(plan_lines(made)))
    return DONE


def per_second(value: object, *, zero: bool = True) -> Any:
    """A rate; a bare number is one per second."""
    if isinstance(value, str) and value.strip().replace(".", "", 1).isdigit():
        value = f"{value.strip()}/s"
    return units.rate(value, zero=zero)
