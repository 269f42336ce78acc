"""The command ``cio-load``. Each subcommand is a function here or in a module of its own; see `COMMANDS`."""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_cio_load import __version__, units
from pytest_cio_load.pipeline.commands.connecting import until_unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_cio_load.fake.served import ServedFake

_TEN_YEARS = 10 * 365 * 86_400.0


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


class _Parser(argparse.ArgumentParser):
    """Repeats what it did not understand, but no password in it."""

    def error(self, message: str) -> NoReturn:
        super().error(re.sub(r"//\S*@", "//…@", message))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``cio-load``: the exit code. 2 stands for a mistake in the arguments, 141 for output that nobody reads any more."""
    return until_unread(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    parser = _Parser(prog="cio-load", description="Tools beside the pytest plugin pytest-cio-load.")
    parser.add_argument("--version", action="version", version=f"pytest-cio-load {__version__}")
    chosen = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = next((word for word in (sys.argv[1:] if arguments is None else arguments) if not word.startswith("-")), None)
    for name, command in COMMANDS.items():
        parser_of_it = chosen.add_parser(name, help=command.purpose, description=command.purpose)
        if name == asked:
            # Only the one that is meant: the others' arguments would have to be imported first.
            command.arguments(parser_of_it)
    said = parser.parse_args(arguments)
    try:
        return until_unread(lambda: COMMANDS[said.command].run(said))
    except (ValueError, OSError, RuntimeError) as error:
        print(f"cio-load {said.command}: {error}", file=sys.stderr)
        return 2


def _fake_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="Port of HTTP on 127.0.0.1 (default: a free one)")
    parser.add_argument("--https", action="store_true", help="Serve HTTPS too, with an authority made up for it")
    parser.add_argument("--https-port", type=int, default=0, help="Port of HTTPS on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--ca-file", metavar="FILE", help="Where to write the authority that clients must trust (default: a file that goes)"
    )
    parser.add_argument("--site-id", default="fake-site-id", help="Site ID it takes (default: fake-site-id)")
    parser.add_argument("--api-key", default="fake-api-key", help="Track API key it takes (default: fake-api-key)")
    parser.add_argument("--app-key", default="fake-app-key", help="App API key it takes (default: fake-app-key)")
    per_second = _read(_elsewhere("pipeline.commands.connecting", "requests_per_second"))
    parser.add_argument("--limit", type=per_second, default="100/s", help="Requests per second of its budget (default: 100/s)")
    parser.add_argument("--over-budget", default="accept", help="What it does over the budget: accept (default), reject, throttle or drop")
    parser.add_argument(
        "--latency", type=_latency, default="40ms", help="How long answers take, such as 'lognormal(p50=40ms,p99=180ms)' (default: 40ms)"
    )
    parser.add_argument("--processing-lag", type=_read(units.duration), default="0s", help="Until the App API shows a change (default: 0s)")
    parser.add_argument(
        "--fail",
        type=_failing,
        action="append",
        default=[],
        metavar="STATUS@TIME+TIME[:SHARE]",
        help="Answer so from a time on, counted from its start, for so long; 503@20s+10s, 400@0s+1m:10%%; may be given again",
    )
    parser.add_argument("--seed", type=int, default=0, help="Of latency and ids (default: 0)")
    parser.add_argument("--for", dest="lasting", type=_read(units.duration), metavar="TIME", help="Stop after so long (default: at Ctrl-C)")


def _read(reader: Callable[..., Any], **how: Any) -> Callable[[str], float]:
    """A reader of `units` for argparse, which puts the argument's name before what it says."""

    def read(text: str) -> float:
        try:
            return float(reader(text, **how))
        except units.UnitError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _latency(text: str) -> str:
    from pytest_cio_load.fake.latency import parse

    try:
        parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


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


def _failing(text: str) -> Failing:
    from pytest_cio_load.fake.faults import Faults

    found = re.fullmatch(r"\s*([0-9]{3})@([^@+:]+)\+([^@+:]+)(?::([^@+:]+))?", text)
    if found is None:
        expected = "a status, when and for how long, such as 503@20s+10s, or 400@0s+1m:10% for a share of requests"
        raise argparse.ArgumentTypeError(f"got {units.show_value(text)}, expected {expected}")
    failing = Failing(int(found[1]), found[2].strip(), found[3].strip(), (found[4] or "100%").strip())
    try:
        failing.arrange(Faults())
    except units.UnitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return failing


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


def _fake(said: argparse.Namespace) -> int:
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
    return 0


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


def _elsewhere(module: str, name: str) -> Callable[..., Any]:
    """A function of another room, imported when it is called: a command needs nothing of the others."""

    def call(*arguments: Any) -> Any:
        return getattr(import_module(f"pytest_cio_load.{module}"), name)(*arguments)

    return call


def _command(purpose: str, room: str, name: str) -> Command:
    where = f"{room}.commands.{name}"
    return Command(purpose, _elsewhere(where, f"{name}_arguments"), _elsewhere(where, f"run_{name}"))


COMMANDS = {
    "fake": Command("Serve a fake Customer.io workspace on loopback.", _fake_arguments, _fake),
    "send": Command(
        "Send a file of operations in batches; resumes after a kill.",
        _elsewhere("pipeline.sending.command", "send_arguments"),
        _elsewhere("pipeline.sending.command", "send"),
    ),
    "enqueue": _command("Put a file of operations into a queue.", "pipeline", "enqueue"),
    "worker": _command("Send what is queued.", "pipeline", "worker"),
    "top": _command("Watch a queue.", "pipeline", "top"),
    "dead-letters": _command("List, replay, discard or export what was given up.", "pipeline", "dead_letters"),
    "plan": _command("How much is enough: from a volume to an architecture, with the arithmetic.", "scaling", "plan"),
    "lint": _command("Find what cannot work in manifests that are there.", "scaling", "lint"),
    "k8s": _command("Write the manifests of a worker.", "scaling", "k8s"),
    "replay": _command("Replay an autoscaler against traffic.", "scaling", "replay"),
    "tune": _command("Find the cheapest autoscaler that keeps its promises.", "scaling", "tune"),
}
"""Subcommands by name."""


if __name__ == "__main__":
    sys.exit(main())
