"""Arguments that several commands take, and what they mean: which queue, which workspaces, how errors are told.

A queue's URL may hold a password and so is read by hand, without argparse showing it; the environment is the better place for it.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import sys
from collections.abc import Awaitable, Callable, Mapping
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_cio_load import units
from pytest_cio_load.errors import CioLoadError

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Workspace
    from pytest_cio_load.pipeline.engines.engine import Engine
    from pytest_cio_load.pipeline.opening import Address

QUEUE_URL = "CIO_QUEUE_URL"
"""The environment's name for the URL of the queue."""

DONE, SOME_FAILED, MISTAKE, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141
"""Exit codes: done; done, and some of it failed; a mistake in the arguments, or the queue cannot be reached; Ctrl-C; nobody reads what is
printed any more, as in ``cio-load … | head``."""

T = TypeVar("T")


def queue_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which queue is meant."""
    parser.add_argument(
        "--queue-url",
        metavar="URL",
        type=queue_url,
        help=f"redis://HOST:PORT, embedded:FOLDER or kafka://HOST:PORT; one with a password belongs into {QUEUE_URL} "
        f"(default: {QUEUE_URL}, or embedded:, a bundled Valkey)",
    )
    parser.add_argument("--queue", metavar="NAME", default="cio-events", help="Name of the queue (default: cio-events)")
    parser.add_argument(
        "--shards", type=whole(1, 1024), default=8, metavar="N", help="Parts of the queue, fixed once it is there; 1: no order (default: 8)"
    )


def queue_url(text: str) -> str:
    """*text*, when it is the URL of a queue. For argparse: what it says shows no password."""
    from pytest_cio_load.pipeline.opening import read_address

    try:
        read_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def address_of(said: argparse.Namespace, environment: Mapping[str, str] | None = None) -> Address:
    """The queue that is meant. Raises ValueError when the environment's URL is none."""
    from pytest_cio_load.pipeline.opening import DEFAULT_URL, read_address

    known = os.environ if environment is None else environment
    return read_address(said.queue_url or known.get(QUEUE_URL, "").strip() or DEFAULT_URL)


def open_said(said: argparse.Namespace) -> Engine:
    """The queue that is meant, opened; nothing has been asked of it yet."""
    from pytest_cio_load.pipeline.opening import open_queue

    return open_queue(address_of(said), name=said.queue, shards=said.shards)


def with_queue(said: argparse.Namespace, work: Callable[[Engine], Awaitable[T]]) -> T:
    """What *work* makes of the queue that is meant, which is closed afterwards."""

    async def run() -> T:
        engine = open_said(said)
        try:
            return await work(engine)
        finally:
            await engine.aclose()

    return in_loop(run)


def in_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine on the fastest event loop there is."""
    import asyncio

    factory: Callable[[], Any] | None = None
    if sys.platform != "win32" and find_spec("uvloop") is not None:
        import uvloop

        factory = uvloop.new_event_loop

    async def whole() -> T:
        return await work()

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(whole())


def told(command: str, work: Callable[[], int]) -> int:
    """The exit code of *work*; 2, and one line on standard error, for what it raises on purpose; 130 for Ctrl-C; see `until_unread`."""
    try:
        return until_unread(work)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (CioLoadError, ValueError, OSError, ImportError) as error:
        print(f"cio-load {command}: {error}", file=sys.stderr)
        return MISTAKE


def until_unread(work: Callable[[], int]) -> int:
    """The exit code of *work*, and everything that it printed is on its way; 141, and not a word, as soon as nobody reads it any more."""
    try:
        try:
            code = work()
        except SystemExit:  # help, which argparse prints
            _flush()
            raise
        _flush()
        return code
    except BrokenPipeError:
        if not _is_unread():
            raise
        # What is left in the buffer would be written when the interpreter ends, and be an error once more.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return UNREAD


def _flush() -> None:
    if sys.stdout:  # None where it was closed before the command began
        sys.stdout.flush()


def _is_unread() -> bool:
    """Whether standard output leads to nobody; a pipe may as well have broken that leads to a server."""
    try:
        output = sys.stdout.fileno()
    except OSError:
        return False
    if not hasattr(select, "poll"):
        return True
    look = select.poll()
    look.register(output, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in look.poll(0))


def workspace_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say to whom it is sent."""
    add = parser.add_argument
    add("--live", action="store_true", help="Real workspaces are meant; needed for any address but loopback")
    add("--url", help="Server in place of the region's: on loopback, or one of Customer.io's hosts")
    add("--region", choices=("us", "eu"), default="us", help="Where the account's data is kept (default: us)")
    add("--rate", type=reading(requests_per_second), help="Requests/s of each workspace, by all workers: 80, 4800/m (default: 100/s)")


def workspaces_of(said: argparse.Namespace, environment: Mapping[str, str]) -> tuple[Workspace, ...]:
    """The workspaces that are meant: their site ids and keys stand in the environment, several apart by commas.

    Raises:
        ValueError: a real workspace is meant and may not be, or a credential is missing.
    """
    from pytest_cio_load.customerio.workspaces import Region
    from pytest_cio_load.pipeline.sending.aim import API_KEY, SITE_ID, workspace_for

    site_ids, keys = _listed(environment, SITE_ID), _listed(environment, API_KEY)
    if len(site_ids) != len(keys):
        got = f"{len(site_ids)} in {SITE_ID} and {len(keys)} in {API_KEY}"
        raise ValueError(f"workspaces: got {got}; expected as many site ids as keys, apart by commas; check both")
    return tuple(
        workspace_for(
            {SITE_ID: site_id, API_KEY: key},
            url=said.url,
            region=Region(said.region),
            site_id=None,
            key_file=None,
            rate=said.rate,
            live=said.live,
        )
        for site_id, key in zip(site_ids or [""], keys or [""], strict=True)
    )


def _listed(environment: Mapping[str, str], name: str) -> list[str]:
    return [each.strip() for each in environment.get(name, "").split(",") if each.strip()]


def reading(reader: Callable[..., Any], **how: Any) -> Callable[[str], float]:
    """A reader of `units` for argparse, which puts the argument's name before what it says."""

    def read(text: str) -> float:
        try:
            return float(reader(text, **how))
        except units.UnitError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def requests_per_second(text: str) -> Fraction:
    """A rate above 0; a bare number is per second. Raises UnitError."""
    bare = text.strip()
    return units.rate(f"{bare}/s" if bare.isascii() and bare.replace(".", "", 1).isdigit() else text, zero=False)


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers from *least* to *most* for argparse."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            near = max(least, min(10, most))
            raise argparse.ArgumentTypeError(f"got {text[:30]!r}, expected a whole number from {least} to {most}; try {near}")
        return int(text)

    return read


def log_to_stderr() -> None:
    """Have this package's log lines written to standard error, with the time."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("pytest_cio_load")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
