"""What the command line and the ini file say of a real workspace, as one value."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import Problem
from pytest_cio_load.safety.guard import Caps
from pytest_cio_load.units import UnitError, duration, rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALLOW_FILE = ".cio-load/allow.json"
LEDGERS = ".cio-load/ledger"
LIVE = "CIO_LOAD_LIVE"
APART = 5.0
"""Seconds between the two looks at the end of a cleaning up."""


@dataclass(frozen=True, slots=True)
class StagingSettings:
    """What a test against a real workspace may do.

    Attributes:
        live: whether the opt-in was given.
        allow_file: the allow-list.
        ledgers: the folder of the ledgers of made-up people.
        caps: how much load there may be.
        apart: seconds between the two looks that must both find nobody, at the end of the cleaning up.
        region: the account's region, when it was said; it must be the one that the allow-list declares.
    """

    live: bool
    allow_file: Path
    ledgers: Path
    caps: Caps
    apart: float = APART
    region: str | None = None


NOT_LIVE = StagingSettings(live=False, allow_file=Path(ALLOW_FILE), ledgers=Path(LEDGERS), caps=Caps())
"""No opt-in."""


def read_staging(
    said: Callable[[str], Any], problems: list[Problem], *, live: bool, root: Path, region: str, environment: Mapping[str, str] = os.environ
) -> StagingSettings:
    """The settings of a run.

    Args:
        said: what the command line or the ini file says of a name, "" for nothing.
        problems: gets what makes no sense.
        live: whether ``--cio-live`` was given.
        root: what paths are relative to.
        region: "us", "eu", or "" when nothing was said.
        environment: may hold the opt-in.
    """
    usual = Caps()
    return StagingSettings(
        live=live or environment.get(LIVE, "").strip().lower() in ("1", "true", "yes"),
        allow_file=root / (said("allow_file") or ALLOW_FILE),
        ledgers=root / LEDGERS,
        caps=Caps(
            max_rate=_rate(said("max_rate"), usual.max_rate, problems),
            max_calls=_whole("cio_max_calls", said("max_calls"), usual.max_calls, problems),
            max_people=_whole("cio_max_people", said("max_people"), usual.max_people, problems),
        ),
        apart=_seconds(said("cleanup_wait"), problems),
        region=region or None,
    )


def _rate(value: object, usual: float, problems: list[Problem]) -> float:
    if value in (None, ""):
        return usual
    try:
        return float(rate(int(value) if isinstance(value, str) and value.strip().isdigit() else value, zero=False))
    except UnitError as error:
        problems.append(Problem("cio_max_rate", error.got, error.expected, error.nearest))
        return usual


def _seconds(value: object, problems: list[Problem]) -> float:
    if value in (None, ""):
        return APART
    try:
        return float(duration(int(value) if isinstance(value, str) and value.strip().isdigit() else value, zero=False))
    except UnitError as error:
        problems.append(Problem("cio_cleanup_wait", error.got, error.expected, error.nearest))
        return APART


def _whole(where: str, value: object, usual: int, problems: list[Problem]) -> int:
    text = str(value or "").strip().replace(",", "").replace("_", "")
    if not text:
        return usual
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    problems.append(Problem(where, repr(value), "a whole number from 1 up", f"try {usual}"))
    return usual
