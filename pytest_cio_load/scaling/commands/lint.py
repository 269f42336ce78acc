"""``cio-load lint``: contradictions in manifests that a team has already, each with its line, its arithmetic and its remedy."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from pytest_cio_load import units
from pytest_cio_load.pipeline.commands.command import Said, argument, json_option, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, SOME_FAILED, reading, whole
from pytest_cio_load.scaling.commands.plan import per_second
from pytest_cio_load.scaling.planner.volumes import volume

if TYPE_CHECKING:
    from pytest_cio_load.scaling.manifests.reading import Manifests
    from pytest_cio_load.scaling.planner.facts import Facts
    from pytest_cio_load.scaling.planner.findings import Contradiction

EXITS = {
    0: "nothing was found",
    1: "something was, or there are mistakes in the manifests",
    2: "a mistake in the arguments, or a file that cannot be read",
}
"""What the exit code says."""

TOLD = ("daily", "peak", "arrival", "limit", "workspaces", "rtt", "batch", "concurrency", "worker_rate", "outage")
"""Facts that arguments state, by their names in `planner.facts.Facts`."""

_SHOWN = {
    "limit": "a limit of {:g} requests/s",
    "workspaces": "{:g} workspace",
    "rtt": "{:g} s a request",
    "concurrency": "{:g} requests at once a pod",
}


_RATE, _TIME = reading(per_second, zero=False), reading(units.duration, zero=False)


@subcommand("lint", exits=EXITS)
@argument(
    "files",
    "FILE...",
    "Manifests: autoscalers, and the workers and ConfigMaps that belong to them",
    nargs=-1,
    required=True,
    type=click.Path(readable=False),
)
@click.option("--daily", type=reading(volume), metavar="NUMBER", help="Operations a day, such as 250k or 5M")
@click.option("--peak", type=reading(volume), metavar="FACTOR", show_default="1", help="The busiest rate over the mean rate")
@click.option("--arrival", type=_RATE, metavar="RATE", show_default="from --daily", help="Operations per second that arrive")
@click.option("--limit", type=_RATE, metavar="RATE", show_default="100", help="Requests per second of a workspace")
@click.option("--workspaces", type=whole(1, 10_000), metavar="N", show_default="1", help="How many there are")
@click.option("--rtt", type=_TIME, metavar="TIME", show_default="120ms", help="That a request takes")
@click.option("--batch", type=whole(1, 1_000), metavar="N", show_default="as the worker is told, or 1", help="Operations per request")
@click.option(
    "--concurrency", type=whole(1, 10_000), metavar="N", show_default="as the worker is told, or 10", help="Requests at once, per pod"
)
@click.option(
    "--per-worker-rate", "worker_rate", type=_RATE, metavar="RATE", show_default="1500", help="Jobs per second a process takes off a queue"
)
@click.option("--outage", type=reading(units.duration), metavar="TIME", show_default="10m", help="For which Customer.io may be gone")
@json_option
def command(said: Said) -> int:
    """Find what cannot work in manifests that are there."""
    from pytest_cio_load.scaling.manifests.reading import read_files
    from pytest_cio_load.scaling.manifests.seen import facts_seen
    from pytest_cio_load.scaling.planner.warnings import contradictions

    read = read_files(said.files)
    facts = list(facts_seen(read, _told(said)))
    found = [warning for each in facts for warning in contradictions(each)]
    if not facts and not read.mistakes:
        others = ", ".join(sorted({kind for kind, _ in read.others})) or "nothing"
        expected = "a HorizontalPodAutoscaler, a ScaledObject or a Deployment"
        raise ValueError(f"files: got {others}; expected {expected}; name the file that has it")
    if said.json:
        print(json.dumps(_plain(read, found), ensure_ascii=False, indent=2))
    else:
        _print(read, facts, found)
    return SOME_FAILED if found or read.mistakes else DONE


def _told(said: Said) -> dict[str, Any]:
    facts = {name: getattr(said, name) for name in TOLD}
    if said.arrival is None and said.daily is not None:
        facts["arrival"] = said.daily * (said.peak or 1) / 86_400
    return facts


def _plain(read: Manifests, found: list[Contradiction]) -> dict[str, object]:
    return {"mistakes": [each.plain() for each in read.mistakes], "warnings": [each.plain() for each in found]}


def _print(read: Manifests, facts: list[Facts], found: list[Contradiction]) -> None:
    from pytest_cio_load.scaling.planner.shown import warning_lines

    for mistake in read.mistakes:
        print(mistake.describe())
    for warning in found:
        print("\n".join(warning_lines(warning)))
    count = len(found) + len(read.mistakes)
    print(f"{count} finding{'s' * (count != 1)}" if count else "no findings", end="")
    scalers, workers = len(read.autoscalers), len(facts) - len(read.autoscalers)
    parts = [f"{each} {noun}{'s' * (each != 1)}" for each, noun in ((scalers, "autoscaler"), (workers, "worker")) if each]
    print(f" in {' and '.join(parts) or 'nothing that could be read'}")
    if assumed := _assumed(facts):
        print(f"taken for granted, as nothing says otherwise: {assumed}", file=sys.stderr)


def _assumed(facts: list[Facts]) -> str:
    shown = [text.format(each.assumed(name)) for each in facts[:1] for name, text in _SHOWN.items() if getattr(each, name) is None]
    return ", ".join(shown)
