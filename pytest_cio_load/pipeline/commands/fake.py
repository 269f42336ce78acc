"""``cio-load fake``: a fake Customer.io workspace on loopback, which fails when it is told to."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pytest_cio_load import units
from pytest_cio_load.pipeline.commands.command import Said, subcommand
from pytest_cio_load.pipeline.commands.connecting import DONE, OneOf, reading, requests_per_second, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_cio_load.fake.served import ServedFake

EXITS = {0: "it was stopped, or its time was over", 2: "a mistake in the arguments, or a port that cannot be had"}
"""What the exit code says."""

_TEN_YEARS = 10 * 365 * 86_400.0
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Failing:
    """Requests that the fake is to answer with an error.

    Attributes:
        status: of the answer.
        start, lasting: when, since it began to serve, and for how long; text such as "20s".
        share: of requests, such as "10%".
    """

    status: int
    start: str
    lasting: str
    share: str = "100%"

    def arrange(self, script: Any) -> None:
        """Have it happen in *script*, which is a fake, or what goes wrong with one. Raises UnitError for what makes no sense."""
        script.at(self.start).fail(self.status, ratio=self.share, lasting=self.lasting)


def _port(text: str) -> int:
    is_number = re.fullmatch(r"-?[0-9]{1,30}", text) is not None
    if not is_number or not 0 <= int(text) <= _HIGHEST_PORT:
        got = text if is_number else units.show_value(without_password(text))
        raise click.BadParameter(f"got {got}; expected a whole number from 0 to {_HIGHEST_PORT}; use 0 for a free one")
    return int(text)


def _seed(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,30}", text):
        raise click.BadParameter(f"got {units.show_value(without_password(text))}, expected a whole number; try 0")
    return int(text)


def _latency(text: str) -> str:
    from pytest_cio_load.fake.latency import parse

    try:
        parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


def _failing(text: str) -> Failing:
    from pytest_cio_load.fake.faults import Faults

    found = re.fullmatch(r"\s*([0-9]{3})@([^@+:]+)\+([^@+:]+)(?::([^@+:]+))?", text)
    if found is None:
        expected = "a status, when and for how long, such as 503@20s+10s, or 400@0s+1m:10% for a share of requests"
        raise click.BadParameter(f"got {units.show_value(without_password(text))}, expected {expected}")
    failing = Failing(int(found[1]), found[2].strip(), found[3].strip(), (found[4] or "100%").strip())
    try:
        failing.arrange(Faults())
    except units.UnitError as error:
        raise click.BadParameter(str(error)) from None
    return failing


@subcommand("fake", exits=EXITS)
@click.option("--port", type=_port, default="0", metavar="PORT", show_default="a free one", help="Of HTTP on 127.0.0.1")
@click.option("--https", is_flag=True, help="Serve HTTPS too, with an authority made up for it")
@click.option("--https-port", type=_port, default="0", metavar="PORT", show_default="a free one", help="Of HTTPS on 127.0.0.1")
@click.option(
    "--ca-file",
    type=click.Path(readable=False),
    metavar="FILE",
    show_default="a temporary file",
    help="Where to write the authority that clients must trust",
)
@click.option("--site-id", metavar="TEXT", default="fake-site-id", help="Site ID it takes")
@click.option("--api-key", metavar="TEXT", default="fake-api-key", help="Track API key it takes")
@click.option("--app-key", metavar="TEXT", default="fake-app-key", help="App API key it takes")
@click.option("--limit", type=reading(requests_per_second), default="100/s", metavar="RATE", help="Requests per second of its budget")
@click.option(
    "--over-budget", type=OneOf("accept", "reject", "throttle", "drop"), default="accept", help="What it does with requests over the budget"
)
@click.option(
    "--latency", type=_latency, default="40ms", metavar="TIME", help="How long answers take, such as 'lognormal(p50=40ms,p99=180ms)'"
)
@click.option(
    "--processing-lag", type=reading(units.duration), default="0s", metavar="TIME", help="Until the App API shows what was changed"
)
@click.option(
    "--fail",
    type=_failing,
    multiple=True,
    metavar="STATUS@TIME+TIME[:SHARE]",
    help="Answer so from a time on, counted from its start, for so long; 503@20s+10s, 400@0s+1m:10%; may be given again",
)
@click.option("--seed", type=_seed, default="0", metavar="N", help="Of latency and ids")
@click.option("--for", "lasting", type=reading(units.duration), metavar="TIME", show_default="until Ctrl-C", help="Stop after so long")
def command(said: Said) -> int:
    """Serve a fake Customer.io workspace on loopback."""
    try:
        _serve(said)
    except RuntimeError as error:  # what it needs is not installed, or its process has ended
        raise ValueError(str(error)) from None
    return DONE


def _serve(said: Said) -> None:
    from pytest_cio_load.fake.served import ServedFake

    names = ("site_id", "api_key", "app_key", "limit", "over_budget", "latency", "processing_lag", "seed")
    settings = {name: getattr(said, name) for name in names}
    with ServedFake([settings], port=said.port) as fake, _stopped_in_order():
        print(f"a fake Customer.io workspace: {fake.url}  (site id {said.site_id})")
        if said.https or said.https_port or said.ca_file:
            url, ca_file = fake.serve_https(port=said.https_port)
            if said.ca_file:
                ca_file = shutil.copy(ca_file, said.ca_file)
            print(f"with TLS: {url}  (trust {ca_file}: SSL_CERT_FILE, REQUESTS_CA_BUNDLE)")
        _begun(fake, said.fail)
        ends = "Ctrl-C ends it." if said.lasting is None else f"It ends by itself after {units.show_duration(said.lasting)}."
        print(ends, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(_TEN_YEARS if said.lasting is None else said.lasting)
        print("\n" + _what_arrived(fake))


def _begun(fake: ServedFake, failing: Sequence[Failing]) -> None:
    """Arrange what is to fail, say it, and have its time count from now."""
    from pytest_cio_load.fake.faults import Faults

    script = Faults()
    for each in failing:
        each.arrange(fake)
        each.arrange(script)
    for line in script.describe():
        print(line)
    if failing:
        fake.begin()


@contextlib.contextmanager
def _stopped_in_order() -> Iterator[None]:
    """Meanwhile, being asked to terminate is the same as Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _what_arrived(fake: ServedFake) -> str:
    counts = fake.delivery()
    parts = [f"{getattr(counts, name):,} {name}" for name in ("received", "applied", "rejected", "dropped", "duplicates")]
    return f"{fake.requests:,} requests; operations: {', '.join(parts)}"
