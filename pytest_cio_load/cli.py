"""The command ``cio-load``. Each subcommand is a function here or in a module of its own; see `COMMANDS`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_cio_load import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand.

    Attributes:
        purpose: one line of help.
        arguments: adds its arguments.
        run: does it; returns the exit code.
    """

    purpose: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``cio-load``: the exit code. 2 stands for a mistake in the arguments."""
    parser = argparse.ArgumentParser(prog="cio-load", description="Tools beside the pytest plugin pytest-cio-load.")
    parser.add_argument("--version", action="version", version=f"pytest-cio-load {__version__}")
    chosen = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.arguments(chosen.add_parser(name, help=command.purpose, description=command.purpose))
    said = parser.parse_args(arguments)
    try:
        return COMMANDS[said.command].run(said)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"cio-load {said.command}: {error}", file=sys.stderr)
        return 2


def _fake_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="Port of HTTP on 127.0.0.1 (default: a free one)")
    parser.add_argument("--https", action="store_true", help="Serve HTTPS too, on a free port, with an authority made up for it")
    parser.add_argument("--site-id", default="fake-site-id", help="Site ID it takes (default: fake-site-id)")
    parser.add_argument("--api-key", default="fake-api-key", help="Track API key it takes (default: fake-api-key)")
    parser.add_argument("--app-key", default="fake-app-key", help="App API key it takes (default: fake-app-key)")
    parser.add_argument("--limit", default="100/s", help="Requests per second of its budget (default: 100/s)")
    parser.add_argument("--over-budget", default="accept", help="What it does over the budget: accept (default), reject, throttle or drop")
    parser.add_argument("--latency", default="40ms", help="How long answers take, such as 'lognormal(p50=40ms,p99=180ms)' (default: 40ms)")
    parser.add_argument("--processing-lag", default="0s", help="How long until the App API shows a change (default: 0s)")
    parser.add_argument("--seed", type=int, default=0, help="Of latency and ids (default: 0)")
    parser.add_argument("--for", dest="lasting", default=None, metavar="TIME", help="Stop after so long (default: at Ctrl-C)")


def _fake(said: argparse.Namespace) -> int:
    from pytest_cio_load.fake.served import ServedFake
    from pytest_cio_load.units import duration, rate

    settings = {
        "site_id": said.site_id,
        "api_key": said.api_key,
        "app_key": said.app_key,
        "limit": float(rate(said.limit, zero=False)),
        "over_budget": said.over_budget,
        "latency": said.latency,
        "processing_lag": said.processing_lag,
        "seed": said.seed,
    }
    lasting = None if said.lasting is None else float(duration(said.lasting))
    with ServedFake([settings], port=said.port) as fake:
        print(f"a fake Customer.io workspace: {fake.url}  (site id {said.site_id})")
        if said.https:
            url, ca_file = fake.serve_https()
            print(f"with TLS: {url}  (trust {ca_file}: SSL_CERT_FILE, REQUESTS_CA_BUNDLE)")
        print("Ctrl-C ends it." if lasting is None else f"It ends by itself after {said.lasting}.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(lasting if lasting is not None else 10 * 365 * 86_400)
        _tell_what_arrived(fake)
    return 0


def _tell_what_arrived(fake: object) -> None:
    with contextlib.suppress(EOFError, OSError):  # Ctrl-C reached the other process first: nobody is left to ask
        counts = fake.delivery()  # type: ignore[attr-defined]  # asked of the other process
        parts = [f"{getattr(counts, name):,} {name}" for name in ("received", "applied", "rejected", "dropped", "duplicates")]
        print("\n" + ", ".join(parts))


COMMANDS = {
    "fake": Command("Serve a fake Customer.io workspace on loopback.", _fake_arguments, _fake),
}
"""Subcommands by name."""


if __name__ == "__main__":
    sys.exit(main())
