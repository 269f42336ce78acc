"""What the command line, the ini file and the ``cio_workspace`` marker say, as one value.

Options win over the ini file, markers over both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import ContractError, Problem, near_miss
from pytest_cio_load.queue_settings import DEFAULT_PIPELINE, QueueSettings, read_queue
from pytest_cio_load.staging_settings import NOT_LIVE, StagingSettings, read_staging
from pytest_cio_load.units import UnitError, duration, rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

SITE_ID, API_KEY = "cio-load-site-id", "cio-load-api-key"
"""Credentials of the fake, also sent to servers on loopback: no real ones are ever needed for either."""

MODES = ("load", "once", "skip")
CLOCKS = ("virtual", "wall")
REGIONS = ("us", "eu")
WIRES = ("auto", "direct", "pyreqwest", "aiohttp", "httpx")
UVLOOP = ("auto", "on", "off")
OVER_BUDGET = ("accept", "reject", "throttle", "drop")
_OPTIONS = ("target", "clock", "latency", "seed", "workspace_limit", "over_budget", "region", "timeout", "wire", "uvloop", "queue_engine")
WORKSPACE_KEYWORDS = ("limit", "pace", "over_budget", "region", "timeout", "workspaces", "processing_lag")


@dataclass(frozen=True, slots=True)
class Settings:
    """The circumstances of a run that are no promise.

    Attributes:
        mode: "load", "once" or "skip".
        target: "mock", "fake", "staging" or a loopback URL.
        clock: "virtual", "wall", or None to let the target decide.
        latency: the mock's latency model, as text.
        seed: of everything random, or None for one made from the test's name.
        limit: requests per second that the workspace declares as its budget.
        pace: requests per second that our own limiter keeps to; None for the limit.
        over_budget: what the mock does with requests over its budget.
        region: "us" or "eu".
        timeout: seconds that one request may wait for its answer.
        wire: the engine that requests to a server travel by.
        http2: whether they use HTTP/2 where the server offers it.
        uvloop: "on" for every load on the wall clock, "auto" where no other test shares the loop, or "off".
        workspaces: how many of them share the people, each with this budget.
        processing_lag: how long until the fake's App API shows a change, as text or seconds.
        queue: the pipeline that ``cio_queue`` stands for.
        staging: what a test against a real workspace may do.
    """

    mode: str = "load"
    target: str = "mock"
    clock: str | None = None
    latency: str = "40ms"
    seed: int | None = None
    limit: float = 100.0
    pace: float | None = None
    over_budget: str = "accept"
    region: str = "us"
    timeout: float = 10.0
    wire: str = "auto"
    http2: bool = False
    uvloop: str = "auto"
    workspaces: int = 1
    processing_lag: str | float = 0
    queue: QueueSettings = DEFAULT_PIPELINE
    staging: StagingSettings = NOT_LIVE

    @property
    def site_ids(self) -> list[str]:
        """Made-up site ids, one per workspace."""
        return [SITE_ID] if self.workspaces == 1 else [f"{SITE_ID}-{number}" for number in range(self.workspaces)]

    def fakes(self, seed: int) -> list[dict[str, Any]]:
        """What the fake workspaces are made with, one each."""
        return [
            {
                "site_id": site_id,
                "api_key": API_KEY,
                "app_key": app_key(site_id),
                "limit": self.limit,
                "over_budget": self.over_budget,
                "latency": self.latency,
                "processing_lag": self.processing_lag,
                "seed": seed + number,
                "environment_id": number + 1,
            }
            for number, site_id in enumerate(self.site_ids)
        ]


def app_key(site_id: str) -> str:
    """The made-up App API key of a workspace."""
    return f"{site_id}-app-key"


def read_settings(
    config: pytest.Config, workspace: Mapping[str, object] | None = None, queue: Mapping[str, object] | None = None
) -> Settings:
    """Settings for one test.

    Args:
        config: pytest's.
        workspace: the keywords of the test's ``cio_workspace`` markers, merged.
        queue: those of its ``cio_queue`` markers.

    Raises:
        ContractError: one of them makes no sense; holds every problem.
    """
    problems: list[Problem] = []
    said = {name: _said(config, name) for name in _OPTIONS}
    settings = Settings(
        mode=str(config.getoption("cio_load_mode")),
        target=said["target"] or "mock",
        clock=_one_of("cio_clock", said["clock"], CLOCKS, problems) or None,
        latency=said["latency"] or "40ms",
        seed=_seed(said["seed"], problems),
        limit=_rate("cio_workspace_limit", said["workspace_limit"] or 100, problems),
        over_budget=_one_of("cio_over_budget", said["over_budget"], OVER_BUDGET, problems) or "accept",
        region=_one_of("cio_region", said["region"], REGIONS, problems) or "us",
        timeout=_seconds("cio_timeout", said["timeout"] or 10, problems),
        wire=_one_of("cio_wire", said["wire"], WIRES, problems) or "auto",
        http2=bool(config.getoption("cio_http2") or config.getini("cio_http2")),
        uvloop=_one_of("cio_uvloop", said["uvloop"], UVLOOP, problems) or "auto",
        queue=read_queue(queue or {}, str(said["queue_engine"] or ""), problems),
        staging=read_staging(
            lambda name: _said(config, name),
            problems,
            live=bool(config.getoption("cio_live")),
            root=config.rootpath,
            region=str(said["region"] or ""),
        ),
    )
    settings = _with_workspace(settings, workspace or {}, problems)
    if problems:
        raise ContractError(problems)
    return settings


def _said(config: pytest.Config, name: str) -> Any:
    option = config.getoption(f"cio_{name}")
    return option if option is not None else config.getini(f"cio_{name}")


def _with_workspace(settings: Settings, workspace: Mapping[str, object], problems: list[Problem]) -> Settings:
    for keyword, value in workspace.items():
        where = f"cio_workspace({keyword})"
        if keyword == "limit":
            settings = replace(settings, limit=_rate(where, value, problems))
        elif keyword == "pace":
            settings = replace(settings, pace=None if value is None else _rate(where, value, problems))
        elif keyword == "over_budget":
            settings = replace(settings, over_budget=_one_of(where, value, OVER_BUDGET, problems) or "accept")
        elif keyword == "region":
            settings = replace(settings, region=_one_of(where, value, REGIONS, problems) or "us")
        elif keyword == "processing_lag":
            settings = replace(settings, processing_lag=_seconds(where, value, problems))
        elif keyword == "workspaces":
            settings = replace(settings, workspaces=_whole(where, value, problems))
        elif keyword == "timeout":
            settings = replace(settings, timeout=_seconds(where, value, problems))
        else:
            expected = f"one of {', '.join(WORKSPACE_KEYWORDS)}"
            problems.append(Problem(where, repr(value), expected, near_miss(keyword, WORKSPACE_KEYWORDS)))
    return settings


def _one_of(where: str, value: object, words: tuple[str, ...], problems: list[Problem]) -> str:
    if value in (None, "") or value in words:
        return str(value or "")
    problems.append(Problem(where, repr(value), f"one of {', '.join(words)}", near_miss(str(value), words)))
    return ""


def _rate(where: str, value: object, problems: list[Problem]) -> float:
    try:
        return float(rate(_number(value), zero=False))
    except UnitError as error:
        problems.append(Problem(where, error.got, error.expected, error.nearest))
        return 100.0


def _seconds(where: str, value: object, problems: list[Problem]) -> float:
    try:
        return float(duration(_number(value), zero=False))
    except UnitError as error:
        problems.append(Problem(where, error.got, error.expected, error.nearest))
        return 10.0


def _whole(where: str, value: object, problems: list[Problem]) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    problems.append(Problem(where, repr(value), "a whole number from 1 up"))
    return 1


def _number(value: object) -> object:
    """Options and ini values are always text; a bare number there is meant as one."""
    return int(value) if isinstance(value, str) and value.strip().isdigit() else value


def _seed(value: object, problems: list[Problem]) -> int | None:
    if value in (None, ""):
        return None
    if str(value).isdigit():
        return int(str(value))
    problems.append(Problem("cio_seed", repr(value), "a whole number from 0 up"))
    return None
