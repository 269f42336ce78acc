"""Arguments that several commands take, and what they mean: which queue, which workspaces, how errors are told.

A queue's URL may hold a password and so is never shown in an error; the environment is the better place for it.
"""

from __future__ import annotations

import logging
import os
import re
import select
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pytest_cio_load import units
from pytest_cio_load.errors import CioLoadError, near_miss

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Workspace
    from pytest_cio_load.pipeline.commands.command import Said
    from pytest_cio_load.pipeline.engines.engine import Engine
    from pytest_cio_load.pipeline.opening import Address

    _Choice = click.Choice[str]
else:
    _Choice = click.Choice

QUEUE_URL = "CIO_QUEUE_URL"
"""The environment's name for the URL of the queue."""

DONE, SOME_FAILED, MISTAKE, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141
"""Exit codes: done; done, and some of it failed; a mistake in the arguments, or the queue cannot be reached; Ctrl-C; nobody reads what is
printed any more, as in ``cio-load … | head``."""

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def queue_options(work: F) -> F:
    """Add the options that say which queue is meant."""
    several = (
        click.option(
            "--queue-url",
            metavar="URL",
            type=queue_url,
            show_default=f"{QUEUE_URL}, or embedded:, a bundled Valkey",
            help=f"redis://HOST:PORT, embedded:FOLDER or kafka://HOST:PORT; one with a password belongs into {QUEUE_URL}",
        ),
        click.option("--queue", metavar="NAME", default="cio-events", help="Name of the queue"),
        click.option(
            "--shards", type=whole(1, 1024), default="8", metavar="N", help="Parts of the queue, fixed once it is there; 1: no order"
        ),
    )
    return all_of(several, work)


def all_of(several: Sequence[Callable[[F], F]], work: F) -> F:
    """*work* with several options, shown in this order."""
    for each in reversed(several):
        work = each(work)
    return work


def queue_url(text: str) -> str:
    """*text*, when it is the URL of a queue. Raises click.BadParameter, which shows no password."""
    from pytest_cio_load.pipeline.opening import read_address

    try:
        read_address(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


def address_of(said: Said, environment: Mapping[str, str] | None = None) -> Address:
    """The queue that is meant. Raises ValueError when the environment's URL is none."""
    from pytest_cio_load.pipeline.opening import DEFAULT_URL, read_address

    known = os.environ if environment is None else environment
    return read_address(said.queue_url or known.get(QUEUE_URL, "").strip() or DEFAULT_URL)


def open_said(said: Said) -> Engine:
    """The queue that is meant, opened; nothing has been asked of it yet."""
    from pytest_cio_load.pipeline.opening import open_queue

    return open_queue(address_of(said), name=said.queue, shards=said.shards)


def with_queue(said: Said, work: Callable[[Engine], Awaitable[T]]) -> T:
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
        except SystemExit:  # what was printed before it counts as well
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


def aim_options(work: F) -> F:
    """Add the options that say whether real people are meant, and where their account is."""
    several = (
        click.option("--live", is_flag=True, help="Real workspaces are meant; needed for any address but loopback"),
        click.option("--url", metavar="URL", help="Server in place of the region's: on loopback, or one of Customer.io's hosts"),
        click.option("--region", type=OneOf("us", "eu"), default="us", help="Where the account's data is kept"),
    )
    return all_of(several, work)


def rate_option(about: str) -> Callable[[F], F]:
    """Add the option that says how fast it is sent; *about* is its help."""
    return click.option("--rate", type=reading(requests_per_second), metavar="RATE", show_default="100/s", help=about)


def workspaces_of(said: Said, environment: Mapping[str, str]) -> tuple[Workspace, ...]:
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
    """A reader of `units` for an option, whose name is put before what it says."""

    def read(text: str) -> float:
        try:
            return float(reader(without_password(text), **how))
        except units.UnitError as error:
            raise click.BadParameter(str(error)) from None

    return read


def requests_per_second(text: str) -> Fraction:
    """A rate above 0; a bare number is per second. Raises UnitError."""
    bare = text.strip()
    return units.rate(f"{bare}/s" if bare.isascii() and bare.replace(".", "", 1).isdigit() else text, zero=False)


def whole(least: int, most: int, *, near: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from *least* to *most* for an option; *near* is the one to try (default: about 10)."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            fix = max(least, min(10, most)) if near is None else near
            raise click.BadParameter(f"got {without_password(text)[:30]!r}, expected a whole number from {least} to {most}; try {fix}")
        return int(text)

    return read


class OneOf(_Choice):
    """One of some words.

    Args:
        words: which.
    """

    def __init__(self, *words: str) -> None:
        super().__init__(words)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """*value*, when it is one of them. Raises click.BadParameter, with the nearest."""
        if value in self.choices:
            return value
        nearest = near_miss(str(value), self.choices) or f"try {self.choices[0]}"
        got = units.show_value(without_password(str(value)))
        raise click.BadParameter(f"got {got}, expected {' or '.join(self.choices)}; {nearest}", ctx, param)


def without_password(text: str) -> str:
    """*text*, which may be shown: a URL in it has lost its user and password."""
    return re.sub(r"//\S*@", "//…@", text)


def log_to_stderr() -> None:
    """Have this package's log lines written to standard error, with the time."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("pytest_cio_load")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
