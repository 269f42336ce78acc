"""``cio-load replay``: what an autoscaler makes of traffic, with the figures, every change and its reason, and a plot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_cio_load import units
from pytest_cio_load.pipeline.commands.command import Said, argument, json_option, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, SOME_FAILED, F, all_of, reading, whole
from pytest_cio_load.scaling.commands.plan import per_second

if TYPE_CHECKING:
    from pytest_cio_load.scaling.model.pipeline import Pipeline
    from pytest_cio_load.scaling.model.run import Run

EXITS = {
    0: "replayed, and every promise is kept",
    1: "a promise is broken",
    2: "a mistake in the arguments, the manifest or the traffic",
}
"""What the exit code says."""

_FILE = click.Path(readable=False, path_type=Path)

_CHANGES = 12
"""Changes that are told before the rest are only counted."""

_PIPELINE = ("limit", "workspaces", "batch", "rtt", "concurrency", "worker_rate", "per_pod", "start", "grace", "scrape", "adapter")


def model_options(work: F) -> F:
    """Add the arguments and options that say which autoscaler, which traffic and which pipeline."""
    option = click.option
    seconds, rate, some = reading(units.duration), reading(per_second, zero=False), whole(1, 10_000)
    traffic = "10m:50,5m:400,30m:50, a ramp as 5m:50..400, or a CSV file of timestamps and rates"
    metric = "What a metric or a trigger tells, where its name or its query does not: depth, age or served"
    several = (
        argument("file", "FILE", "Manifest of a HorizontalPodAutoscaler or a KEDA ScaledObject", type=click.Path(readable=False)),
        option("--traffic", required=True, metavar="TRAFFIC", help=traffic),
        option("--limit", type=rate, metavar="RATE", show_default="100", help="Requests per second of a workspace"),
        option("--workspaces", type=some, metavar="N", show_default="1", help="How many there are"),
        option("--batch", type=whole(1, 1_000), metavar="N", show_default="1", help="Operations per request"),
        option("--rtt", type=reading(units.duration, zero=False), metavar="TIME", show_default="120ms", help="That a request takes"),
        option("--concurrency", type=some, metavar="N", show_default="10", help="Requests under way at once, per pod"),
        option(
            "--per-worker-rate",
            "worker_rate",
            type=rate,
            metavar="RATE",
            show_default="1500",
            help="Jobs per second a pod takes off a queue",
        ),
        option("--per-pod", type=rate, metavar="RATE", help="Jobs per second of a pod as measured, in place of --rtt and --concurrency"),
        option("--measured", type=_FILE, metavar="FILE", help="Take --per-pod from a run that pytest --cio-json wrote"),
        option("--measured-workers", type=some, default="1", metavar="N", help="Workers of that run"),
        option(
            "--measured-test", default="", metavar="NAME", show_default=False, help="A part of its test's name, where there are several"
        ),
        option("--start", type=seconds, metavar="TIME", show_default="15s", help="From a pod's creation until it works"),
        option("--grace", type=seconds, metavar="TIME", show_default="5s", help="That a pod takes to end"),
        option("--scrape", type=seconds, metavar="TIME", show_default="15s", help="Between two looks at a pod's figures"),
        option("--adapter", type=seconds, metavar="TIME", show_default="15s", help="Between two looks at what was scraped"),
        option("--metric", multiple=True, metavar="NAME=MEANING", help=f"{metric}; may be given again"),
    )
    return all_of(several, work)


def pipeline_said(said: Said) -> Pipeline:
    """The pipeline that the arguments make. Raises ValueError and OSError."""
    from pytest_cio_load.scaling.model.measured import worker_rate
    from pytest_cio_load.scaling.model.pipeline import Pipeline

    known: dict[str, Any] = {name: getattr(said, name) for name in _PIPELINE if getattr(said, name) is not None}
    if said.measured is not None:
        if said.per_pod is not None:
            raise ValueError("per-pod: got it beside --measured; expected one of the two; leave one out")
        known["per_pod"] = worker_rate(said.measured, workers=said.measured_workers, test=said.measured_test)
    return Pipeline(**known)


def meanings_said(said: Said) -> Mapping[str, str]:
    """What metrics tell, by their names. Raises ValueError."""
    found = {}
    for each in said.metric:
        name, equals, meaning = each.partition("=")
        if not equals or not name:
            raise ValueError(f"metric: got {units.show_value(each)}; expected NAME=MEANING; try {name or 'my_metric'}=depth")
        found[name] = meaning
    return found


@subcommand("replay", exits=EXITS)
@model_options
@click.option("--keep", metavar="PROMISES", help="Exit with 1 unless these are kept: max_depth<20000,drain_time<10m,flaps==0")
@click.option("--svg", type=_FILE, metavar="FILE", help="Write the plot as SVG to FILE too")
@click.option("--html", type=_FILE, metavar="FILE", help="Write all of it as a page to FILE too")
@json_option
def command(said: Said) -> int:
    """Replay an autoscaler against traffic."""
    from pytest_cio_load.scaling.manifests.reading import read_scaler
    from pytest_cio_load.scaling.model.plot import page, svg
    from pytest_cio_load.scaling.model.promises import broken, read_promises
    from pytest_cio_load.scaling.model.replay import replay

    promises = read_promises(said.keep) if said.keep else ()
    run = replay(read_scaler(said.file), said.traffic, pipeline_said(said), meanings=meanings_said(said))
    missed = broken(promises, run)
    if said.svg is not None:
        said.svg.write_text(svg(run), encoding="utf-8")
    if said.html is not None:
        told_lines = [*figure_lines(run), *(f"broken: {each}" for each in missed), "", *change_lines(run)]
        said.html.write_text(page(run, f"{said.file}: {said.traffic}", told_lines), encoding="utf-8")
    if said.json:
        print(json.dumps({**run.plain(), "broken": missed}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(run_lines(run)))
        for each in missed:
            print(f"broken: {each}")
    return SOME_FAILED if missed else DONE


def run_lines(run: Run) -> Iterator[str]:
    """A run as text of 80 columns: figures, plot, changes, warnings."""
    from pytest_cio_load.scaling.model.plot import plot_lines

    yield from figure_lines(run)
    yield ""
    yield from plot_lines(run)
    yield ""
    yield from change_lines(run)


def change_lines(run: Run) -> Iterator[str]:
    """What the autoscaler did and why, and what there is to be warned of."""
    from textwrap import wrap

    from pytest_cio_load.scaling.model.plot import WIDTH
    from pytest_cio_load.scaling.planner.shown import warning_lines

    for change in run.changes[:_CHANGES]:
        at = units.show_duration(change.at)
        yield from wrap(f"{at:>9}  {change.reason}", WIDTH, subsequent_indent=" " * 11)
    if len(run.changes) > _CHANGES:
        yield f"{'':>9}  and {len(run.changes) - _CHANGES} changes more; all of them with --json"
    for warning in run.warnings:
        yield ""
        yield from warning_lines(warning)


def figure_lines(run: Run) -> Iterator[str]:
    """The figures of a run, a line each."""
    from math import isfinite

    def time(seconds: float) -> str:
        return units.show_duration(round(seconds, 1)) if isfinite(seconds) else f"never: {run.left:,} jobs left"

    rows = (
        ("max_depth", f"{run.max_depth:,} jobs"),
        ("drain_time", time(run.drain_time)),
        ("max_age", time(run.max_age)),
        ("latency", f"{time(run.latency)} for 95 % of the jobs"),
        ("throughput", f"{units.show_rate(run.throughput)} of at most {units.show_rate(run.pipeline.capacity)}"),
        ("max_pods", f"{run.max_pods}, each up to {units.show_rate(run.pipeline.pod_rate)}"),
        ("pod_hours", f"{run.pod_hours:.2f} in {units.show_duration(run.seconds)}"),
        ("flaps", f"{run.flaps}"),
    )
    for name, shown in rows:
        yield f"  {name:<11} {shown}"
