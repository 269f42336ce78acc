"""``cio-load tune``: the cheapest policy that keeps its promises, field by field, each with what happens without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from pytest_cio_load.pipeline.commands.command import Said, json_option, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, SOME_FAILED, whole
from pytest_cio_load.scaling.commands.replay import figure_lines, meanings_said, model_options, pipeline_said

if TYPE_CHECKING:
    from pytest_cio_load.scaling.model.search import Tuned

EXITS = {
    0: "found",
    1: "none that was tried keeps them",
    2: "a mistake in the arguments, the manifest or the traffic",
}
"""What the exit code says."""

_INDENT = " " * 6


@subcommand("tune", exits=EXITS)
@model_options
@click.option("--keep", required=True, metavar="PROMISES", help="That the policy has to keep: max_depth<20000,drain_time<10m,flaps==0")
@click.option(
    "--fewest", type=whole(0, 10_000), metavar="N", show_default="2, or as many as there are now", help="Pods that always have to run"
)
@click.option("--tries", type=whole(1, 100_000), default="200", metavar="N", help="Policies to replay at most")
@click.option("--seed", type=whole(0, 2**31), default="0", metavar="N", help="Of what is drawn at random")
@json_option
def command(said: Said) -> int:
    """Find the cheapest autoscaler that keeps its promises."""
    from pytest_cio_load.scaling.manifests.reading import read_scaler
    from pytest_cio_load.scaling.model.promises import read_promises
    from pytest_cio_load.scaling.model.search import tune

    found = tune(
        read_scaler(said.file),
        said.traffic,
        read_promises(said.keep),
        pipeline_said(said),
        fewest=said.fewest,
        meanings=meanings_said(said),
        tries=said.tries,
        seed=said.seed,
    )
    print(json.dumps(_plain(found), ensure_ascii=False, indent=2) if said.json else "\n".join(tuned_lines(found)))
    return DONE if found.kept else SOME_FAILED


def tuned_lines(found: Tuned) -> Iterator[str]:
    """What a search came to as text of 80 columns."""
    from pytest_cio_load.scaling.model.plot import WIDTH, plot_lines

    promises = ", ".join(map(str, found.promises))
    saved = found.before.pod_hours - found.run.pod_hours
    if found.kept:
        yield f"{promises}: kept by {found.run.pod_hours:.2f} pod hours, {abs(saved):.2f} {'fewer' if saved >= 0 else 'more'} than as it is"
    else:
        yield f"{promises}: not kept by any policy that was tried"
        yield from wrap(found.reason, WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield ""
    for change in found.changes:
        yield f"  {change.path}"
        for text in (f"{change.before} → {change.after}", change.why):
            yield from wrap(text, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    if not found.changes:
        yield "  nothing to change"
    yield ""
    yield from figure_lines(found.run)
    yield ""
    yield from plot_lines(found.run)
    yield ""
    yield f"{found.tried} policies were replayed"


def _plain(found: Tuned) -> dict[str, Any]:
    changes = [{"path": each.path, "before": each.before, "after": each.after, "why": each.why} for each in found.changes]
    return {
        "kept": found.kept,
        "reason": found.reason,
        "promises": [str(promise) for promise in found.promises],
        "changes": changes,
        "tried": found.tried,
        "before": found.before.plain(),
        "after": found.run.plain(),
    }
