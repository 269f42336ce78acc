"""Asks Customer.io whose credentials these are, before anything is sent: at most two requests, and both only read.

Every rule of the guard is looked at, those without the network first; after one that is not met nothing is asked. Meanwhile a permit lets
these two requests through and nothing else, whatever happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_cio_load.customerio.client import AppClient, Client
from pytest_cio_load.customerio.engines import make_wire
from pytest_cio_load.customerio.operations.account import account_region
from pytest_cio_load.customerio.operations.reads import workspaces
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.workspaces import AppAccess, Region, Workspace
from pytest_cio_load.errors import CustomerIOError, Problem, Unreachable
from pytest_cio_load.safety import allowlist, credentials, guard, identity
from pytest_cio_load.safety.aim import is_loopback
from pytest_cio_load.safety.identity import Heard
from pytest_cio_load.safety.permit import grant
from pytest_cio_load.staging.aside import run_aside

if TYPE_CHECKING:
    from pytest_cio_load.customerio.wire import Answer
    from pytest_cio_load.safety.allowlist import Entry
    from pytest_cio_load.safety.credentials import Credentials
    from pytest_cio_load.safety.guard import Caps, Plan, Standing

ALLOWED = frozenset({("GET", "/api/v1/accounts/region"), ("GET", "/v1/workspaces")})
"""The method and path of everything that is ever asked here."""

_ATTEMPTS = 2
_ROUNDS = 4
"""Time-outs that a call may take in all: its attempts, the pause between them, and an answer that comes drop by drop."""


@dataclass(frozen=True, slots=True)
class Way:
    """How Customer.io is reached.

    Attributes:
        engine: of the wires: one of `engines.ENGINES`, or None.
        timeout: seconds to connect, and to wait for each part of an answer; a question takes four times as long at most.
        track_url, app_url: servers on loopback in place of the region's own, for tests of the guard.

    Raises:
        ValueError: a url that is not on loopback: the credentials would go to a stranger.
    """

    engine: str | None = "auto"
    timeout: float = 5.0
    track_url: str | None = None
    app_url: str | None = None

    def __post_init__(self) -> None:
        for name, url in (("track_url", self.track_url), ("app_url", self.app_url)):
            if url is not None and not is_loopback(urlsplit(url).hostname or ""):
                raise ValueError(f"{name}: got a server elsewhere; expected one on loopback; leave it out for Customer.io itself")


DIRECT = Way()


@dataclass(frozen=True, slots=True)
class Grounds:
    """What can be known without the network.

    Attributes:
        standings: how every rule stands; those about answers are not asked.
        credentials: as the environment has them, or None when they are not what they should be.
        entry: of the allow-list, or None when there is none for these credentials.
    """

    standings: tuple[Standing, ...]
    credentials: Credentials | None
    entry: Entry | None

    @property
    def are_met(self) -> bool:
        """Whether there is nothing against asking."""
        return all(standing.state != "not met" for standing in self.standings)


@dataclass(frozen=True, slots=True)
class Approved:
    """A workspace that may get load.

    Attributes:
        credentials: its own.
        entry: of the allow-list.
        workspace_name: by ``/v1/workspaces``; "" when the App key lists none.
        region: where the account's data is kept.
    """

    credentials: Credentials
    entry: Entry
    workspace_name: str
    region: Region


@dataclass(frozen=True, slots=True)
class Asked:
    """How all rules stand.

    Attributes:
        standings: one of each, in their order.
    """

    standings: tuple[Standing, ...]
    _approved: Approved | None = field(repr=False, default=None)

    @property
    def approved(self) -> Approved:
        """The workspace. Raises GuardRefused, with the first rule that is not met."""
        guard.refuse(self.standings)
        if self._approved is None:
            raise guard.refusal(guard.unmet(Problem(guard.REGION, "no answer", "one from Customer.io", "run: cio-load check")))
        return self._approved


def grounds(
    environment: Mapping[str, str], allow_file: Path, *, caps: Caps | None = None, plan: Plan | None = None, live: bool = False
) -> Grounds:
    """How the rules stand that need no network.

    Args:
        environment: holds the credentials, and may hold the opt-in.
        allow_file: the allow-list.
        caps: how much load there may be; the usual caps by default.
        plan: the load that is meant to go out, or None when none is planned.
        live: whether an option says that a real workspace is meant.
    """
    found, listed = credentials.look(environment), allowlist.load(allow_file)
    standings = [guard.opt_in(live, environment.get(guard.LIVE, ""))]
    entry: Entry | None = None
    if isinstance(found, Problem):
        nothing = "there are no credentials to look for"
        standings += [guard.unmet(found), guard.unasked(guard.OWN, nothing)]
        standings.append(guard.unmet(listed) if isinstance(listed, Problem) else guard.unasked(guard.ALLOW_LIST, nothing))
    else:
        other = credentials.others(environment, found)
        own = guard.met(guard.OWN, "no other variable holds them") if other is None else guard.unmet(other)
        standings += [guard.met(guard.CREDENTIALS, "all three are set"), own]
        named = listed if isinstance(listed, Problem) else allowlist.find(listed, found)
        entry = None if isinstance(named, Problem) else named
        standings.append(guard.unmet(named) if isinstance(named, Problem) else guard.met(guard.ALLOW_LIST, named.describe()))
    standings.append(guard.caps(plan, caps or guard.Caps()))
    standings += [guard.unasked(rule, "the network was not asked") for rule in (guard.REGION, guard.NAME, guard.APP_KEY)]
    return Grounds(tuple(standings), None if isinstance(found, Problem) else found, entry)


async def ask(
    environment: Mapping[str, str],
    allow_file: Path,
    *,
    caps: Caps | None = None,
    plan: Plan | None = None,
    live: bool = False,
    region: str | None = None,
    way: Way = DIRECT,
) -> Asked:
    """How all rules stand; Customer.io is asked when those without the network are met.

    Args:
        environment, allow_file, caps, plan, live: as of `grounds`.
        region: the region that an option says, which must be the declared one; None when none does.
        way: how Customer.io is reached.

    Raises:
        GuardRefused: something else keeps every request from leaving.
    """
    found = grounds(environment, allow_file, caps=caps, plan=plan, live=live)
    del environment  # a traceback may show what a frame holds
    return await _answered(found, region, way)


def stand(
    environment: Mapping[str, str],
    allow_file: Path,
    *,
    caps: Caps | None = None,
    plan: Plan | None = None,
    live: bool = False,
    region: str | None = None,
    way: Way = DIRECT,
) -> Asked:
    """As `ask`, from a thread, which may have a loop that is running."""
    found = grounds(environment, allow_file, caps=caps, plan=plan, live=live)
    del environment
    return _blocking(found, region, way)


def approve(
    environment: Mapping[str, str],
    allow_file: Path,
    *,
    caps: Caps | None = None,
    plan: Plan | None = None,
    live: bool = False,
    region: str | None = None,
    way: Way = DIRECT,
) -> Approved:
    """The workspace that may get load. Arguments as of `ask`; blocks, and may be called inside of a running loop.

    Raises:
        GuardRefused: with the first rule that is not met.
    """
    found = grounds(environment, allow_file, caps=caps, plan=plan, live=live)
    del environment
    return _blocking(found, region, way).approved


def _blocking(found: Grounds, said: str | None, way: Way) -> Asked:
    return run_aside(lambda: _answered(found, said, way))


async def _answered(found: Grounds, said: str | None, way: Way) -> Asked:
    """Ask, first whose the credentials are; then, if they are the right ones, what the workspace is called."""
    known, entry = found.credentials, found.entry
    if not found.are_met or known is None or entry is None:
        return Asked(found.standings)
    before, after = found.standings[:-3], list(found.standings[-2:])
    if (declared := identity.declared_region(entry, said)) is not None:
        return Asked((*before, declared, *after))
    region, name = Region(entry.region), ""
    with grant({(region.track_host, known.site_id), (region.app_host, known.app_key)}, only=ALLOWED):
        heard = await _heard("account_region", way, lambda: _ask_region(known, region, way))
        first = identity.region(entry, region.track_host, heard)
        if first.state == "met":
            heard = await _heard("workspaces", way, lambda: _ask_workspaces(known, region, way))
            *after, name = identity.names(entry, heard)
    asked = [replace(each, said=known.hide(each.said), remedy=known.hide(each.remedy)) for each in (first, *after)]
    standings = (*before, *asked)
    are_met = all(standing.state == "met" for standing in standings)
    return Asked(standings, Approved(known, entry, known.hide(name), region) if are_met else None)


async def _heard(operation: str, way: Way, question: Callable[[], Awaitable[Heard]]) -> Heard | CustomerIOError:
    """The answer, or how there is none."""
    seconds = _ROUNDS * way.timeout
    try:
        async with asyncio.timeout(seconds):
            return await question()
    except TimeoutError:
        return Unreachable(operation, f"no answer: not whole within {seconds:g} s")
    except CustomerIOError as error:
        return error
    except ValueError as error:  # of the settings: no such engine, no certificates to trust
        return Unreachable(operation, f"no request: {str(error).replace(';', ',')}")
    except Exception as error:  # its traceback would show the frames of the request, and with them the credentials
        raise error.with_traceback(None) from None


async def _ask_region(known: Credentials, region: Region, way: Way) -> Heard:
    workspace = Workspace(known.site_id, known.api_key, region=region, url=way.track_url)
    wire = make_wire(workspace, way.engine, timeout=way.timeout, connections=1)
    async with _Track(workspace, wire, bucket=Bucket(workspace.rate), retry=_retry(way)) as client:
        return await client.heard()


async def _ask_workspaces(known: Credentials, region: Region, way: Way) -> Heard:
    access = AppAccess(known.app_key, region=region, url=way.app_url)
    wire = make_wire(access, way.engine, timeout=way.timeout, connections=1)
    async with _App(access, wire, bucket=Bucket(access.rate, 1), retry=_retry(way)) as client:
        return await client.heard()


def _retry(way: Way) -> Retry:
    return Retry(attempts=_ATTEMPTS, cap=min(1.0, way.timeout))


class _Track(Client):
    """Gives the answer as it came: `replies.account_region` reads it less strictly than the guard."""

    async def heard(self) -> Heard:
        """The answer to ``accounts/region``. Raises as every call does."""
        return await self._drive("account_region", account_region, _as_it_came)


class _App(AppClient):
    """Gives the answer as it came."""

    async def heard(self) -> Heard:
        """The answer to ``/v1/workspaces``. Raises as every call does."""
        return await self._drive("workspaces", workspaces, _as_it_came)


def _as_it_came(answer: Answer) -> Heard:
    return Heard(answer.status, answer.body)
