"""``cio-load worker``: its arguments, and what it says at the start."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pytest_cio_load import units
from pytest_cio_load.pipeline.commands.command import Said, subcommand
from pytest_cio_load.pipeline.commands.connecting import (
    address_of,
    aim_options,
    in_loop,
    log_to_stderr,
    queue_options,
    queue_url,
    rate_option,
    reading,
    whole,
    workspaces_of,
)

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Workspace

EXITS = {
    0: "it was asked to stop, and has; or, with --until-empty, nothing is left",
    1: "it was stopped at once; or, with --until-empty, there are dead letters",
    2: "a mistake in the arguments, or the queue cannot be reached at the start",
}
"""What the exit code says."""

BLOCKS = (("Workspaces stand in the environment:", ("CIO_SITE_ID and CIO_TRACK_API_KEY, several apart by commas",)),)

OFF = "off"
BATCH = 1_000
"""Operations per request of ``--batch`` without a number."""


def _listen(text: str) -> str:
    from pytest_cio_load.pipeline.health.server import read_listen

    if text.strip().lower() == OFF:
        return OFF
    try:
        read_listen(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


@subcommand("worker", exits=EXITS, blocks=BLOCKS)
@queue_options
@aim_options
@rate_option("Requests/s of each workspace, by all workers: 80, 4800/m")
@click.option("--concurrency", type=whole(1, 10_000), default="10", metavar="N", help="Requests under way at once, per process")
@click.option(
    "--batch",
    type=whole(1, BATCH),
    is_flag=False,
    flag_value=str(BATCH),
    metavar="[N]",
    help=f"Send up to N ({BATCH}) operations per request",
)
@click.option("--linger", type=reading(units.duration), default="50ms", metavar="TIME", help="How long a batch waits for more")
@click.option("--attempts", type=whole(1, 1_000), default="5", metavar="N", help="Tries of a job before it is given up")
@click.option("--backoff", type=reading(units.duration), default="2s", metavar="TIME", help="Before the second try, then doubled")
@click.option("--limiter-url", type=queue_url, metavar="URL", help="A Redis to share the rate on, for a queue on Kafka")
@click.option("--workers", type=whole(1, 256), default="1", metavar="N", help="Processes; one that dies is started again")
@click.option("--name", metavar="TEXT", show_default="the machine's", help="Of this worker in metrics and logs")
@click.option("--grace", type=reading(units.duration), default="25s", metavar="TIME", help="To end what is under way when stopped")
@click.option("--until-empty", is_flag=True, help="End once nothing is left; exit code 1 if there are dead letters")
@click.option(
    "--listen", type=_listen, metavar="[HOST:]PORT", show_default="9464, or a free port", help="/metrics, /healthz, /readyz; or off"
)
@click.option("--log-every", type=reading(units.duration, zero=False), default="30s", metavar="TIME", help="Between log lines")
def command(said: Said) -> int:
    """Send what is queued."""
    from pytest_cio_load.pipeline.commands.crowd import run_crowd
    from pytest_cio_load.pipeline.commands.serving import serve
    from pytest_cio_load.pipeline.opening import Kind, check_installed

    workspaces = workspaces_of(said, os.environ)
    address = address_of(said)
    if said.workers > 1 and address.kind is Kind.MEMORY:
        raise ValueError(f"workers: got {said.workers} for a queue in memory; expected 1, since others cannot see it; try embedded:")
    if said.listen != OFF:
        check_installed("prometheus_client", "queue")
    said.name = said.name or _machine()
    log_to_stderr()
    if said.workers > 1:
        return in_loop(lambda: run_crowd(said, workspaces))
    return in_loop(lambda: serve(said, workspaces))


def introduction(said: Said, workspaces: Sequence[Workspace], metrics_at: str) -> str:
    """What the worker is, in some lines: which queue, to whom, how fast, and where its figures are."""
    from pytest_cio_load.pipeline.health.figures import hidden

    order = f"{said.shards} shards" if said.shards > 1 else "no order"
    first = workspaces[0]
    names = ", ".join(hidden(workspaces))
    how = f"batches of up to {said.batch:,}" if said.batch else f"{said.concurrency} requests at once"
    processes = f", {said.workers} processes" if said.workers > 1 else ""
    until = "until it is empty" if said.until_empty else "until it is stopped"
    return "\n".join(
        (
            f"cio-load worker {said.name}{processes}",
            f"  takes from  {said.queue} ({order}), {address_of(said).shown}, {until}",
            f"  sends to    {first.base_url}, workspace{'s' * (len(workspaces) > 1)} {names}",
            f"  how         {units.show_rate(first.rate)} for each workspace, {how}, {said.attempts} tries",
            f"  figures     {metrics_at + '/metrics, /healthz, /readyz' if metrics_at else 'in the log only'}",
            f"  SIGTERM or Ctrl-C ends it within {units.show_duration(said.grace)}; once more ends it at once.",
        )
    )


def _machine() -> str:
    import socket

    return socket.gethostname() or "worker"
