"""``cio-load k8s worker``: the manifests of a worker, printed or written."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_cio_load import units
from pytest_cio_load.pipeline.commands.command import Said, argument, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, OneOf, reading, whole
from pytest_cio_load.scaling.commands.plan import demand_options, planned

if TYPE_CHECKING:
    from pytest_cio_load.scaling.manifests.worker import WorkerSpec
    from pytest_cio_load.scaling.planner.plan import Plan

EXITS = {0: "done", 2: "a mistake in the arguments, or a file that cannot be written"}
"""What the exit code says."""

_REPLICAS = 1_000_000


@subcommand("k8s", exits=EXITS)
@argument("what", "worker", "What the manifests are for", type=OneOf("worker"))
@click.option("--name", metavar="NAME", default="cio-worker", help="Of everything that is made")
@click.option("--image", metavar="IMAGE", required=True, help="That has cio-load in it: registry/worker:1.2")
@click.option("--namespace", metavar="NAME", default="", show_default="none is said", help="Where it goes")
@click.option("--queue-url-secret", default="cio-queue:url", metavar="NAME[:KEY]", help="Where the queue's URL is")
@click.option("--credentials-secret", default="cio-credentials", metavar="NAME", help="Where the keys site-id and track-api-key are")
@click.option("--queue", default="cio-events", metavar="NAME", help="Name of the queue")
@click.option("--shards", type=whole(1, 1_024), default="8", metavar="N", help="Parts of the queue")
@click.option("--scaler", type=OneOf("external", "keda", "classic"), default="external", help="Who decides how many run")
@click.option("--prometheus", metavar="URL", help="Address of Prometheus, for KEDA")
@click.option("--min", type=whole(1, _REPLICAS), metavar="N", show_default="as planned, or 2", help="Pods that always run")
@click.option("--max", type=whole(1, _REPLICAS), metavar="N", show_default="as planned, or as many as --min", help="Pods at most")
@click.option(
    "--depth-per-pod", type=whole(1, 10**9), metavar="N", show_default="as planned", help="Jobs waiting per pod that ask for another one"
)
@click.option("--timeout", type=reading(units.duration, zero=False), default="10s", metavar="TIME", help="Of a job's handler")
@click.option("--cpu", metavar="QUANTITY", show_default="as planned, or 250m", help="That a pod asks for")
@click.option("--memory", metavar="QUANTITY", default="256Mi", help="That a pod asks for and may use")
@click.option("--region", type=OneOf("us", "eu"), default="us", help="Where the account's data is kept")
@click.option("--live", is_flag=True, help="Real workspaces are meant: without it the worker refuses to send to them")
@click.option(
    "--out",
    type=click.Path(readable=False, path_type=Path),
    metavar="DIR",
    help="Write the files there, with a kustomization.yaml, in place of printing them",
)
@click.option("--force", is_flag=True, help="Overwrite files in DIR that have other text in them")
@demand_options(needed=False)
def command(said: Said) -> int:
    """Write the manifests of a worker."""
    from pytest_cio_load.scaling.manifests.documents import as_yaml, stream, write

    spec = spec_said(said)
    files = as_yaml(spec)
    if said.out is None:
        print(stream(files), end="")
    else:
        for path in write(files, said.out, force=said.force):
            print(path)
    for note in _notes(said, spec, files):
        print(f"cio-load k8s: {note}", file=sys.stderr)
    return DONE


def spec_said(said: Said) -> WorkerSpec:
    """The worker that the arguments make; with a volume, as the plan for it has it. Raises ValueError."""
    from pytest_cio_load.scaling.manifests.worker import Scaler, SecretKey, WorkerSpec

    made = planned(said) if said.daily is not None else None
    fewest = said.min or (min(made.min_replicas, said.max or made.min_replicas) if made else min(2, said.max or 2))
    most = said.max or max(fewest, made.max_replicas if made else fewest)
    depth = said.depth_per_pod or (made.depth_per_pod if made else 1_000)
    address = {"prometheus": said.prometheus} if said.prometheus else {}
    return WorkerSpec(
        name=said.name,
        image=said.image,
        queue_url=SecretKey.read(said.queue_url_secret, "url"),
        site_id=SecretKey(said.credentials_secret, "site-id"),
        api_key=SecretKey(said.credentials_secret, "track-api-key"),
        min_replicas=fewest,
        max_replicas=most,
        depth_per_pod=depth,
        namespace=said.namespace,
        queue=said.queue,
        shards=said.shards,
        concurrency=said.concurrency,
        batch=made.demand.batch if made else said.batch or 1,
        rate=said.limit,
        region=said.region,
        live=said.live,
        timeout=said.timeout,
        cpu=said.cpu or (f"{max(250, 50 * math.ceil(made.number('CPU of a pod') * 20))}m" if made else "250m"),
        memory=said.memory,
        scaler=Scaler(said.scaler),
        **address,
    )


def _notes(said: Said, spec: WorkerSpec, files: dict[str, str]) -> list[str]:
    """What somebody who applies them should know: contradictions, and what is missing on purpose."""
    from pytest_cio_load.scaling.manifests.reading import Manifests
    from pytest_cio_load.scaling.manifests.seen import facts_seen
    from pytest_cio_load.scaling.planner.warnings import contradictions

    read = Manifests()
    for name, text in files.items():
        read.read(text, name)
    made = planned(said) if said.daily is not None else None
    arrival = None if said.daily is None else said.daily * said.peak / 86_400
    workspaces = said.workspaces or (made.workspaces if made else None)
    told_facts = {"arrival": arrival, "workspaces": workspaces, "rtt": said.rtt, "worker_rate": said.per_worker_rate}
    found = [warning for facts in facts_seen(read, told_facts) for warning in contradictions(facts)]
    notes = [f"{warning.where or 'warning'}: {warning.code}: {warning.arithmetic}; {warning.remedy}" for warning in found]
    if made and spec.min_replicas < made.steady_replicas <= spec.max_replicas:
        notes.append(_coming_and_going(spec, made))
    if not spec.live:
        notes.append("without --live the worker refuses to send to Customer.io, and ends at once")
    return notes


def _coming_and_going(spec: WorkerSpec, made: Plan) -> str:
    """That the autoscaler never comes to rest in a peak, and with how many pods it would."""
    from pytest_cio_load.scaling.planner.demand import SCALE_DOWN

    busy, low = made.steady_replicas, spec.min_replicas
    return (
        f"min {low}: a peak keeps {made.figure('workers at the peak').formula} = {busy} pods busy, and in one longer than "
        f"{units.show_duration(SCALE_DOWN)} pods come and go, for the depth falls as soon as there are enough of them; try --min {busy}"
    )
