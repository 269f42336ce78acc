"""What selected tests will do to their target, before they do it: the guard holds it against its caps, and ``cio-load check`` shows it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from pytest_cio_load.collecting import contract_of, settings_of
from pytest_cio_load.measurement import count_planned
from pytest_cio_load.safety.aim import STAGING
from pytest_cio_load.safety.guard import Plan
from pytest_cio_load.settings import read_settings
from pytest_cio_load.targets.target import used_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.settings import Settings


@dataclass(frozen=True, slots=True)
class Planned:
    """What one test will do.

    Attributes:
        test: the node id.
        profile: its rate over time, as text.
        iterations: how many fall due.
        rate: the highest, per second.
        seconds: from the first to the last.
        people: made up, at most; one per iteration that asks for ``cio_load.user``.
        ramps_up: whether it begins at 10 % of its rate.
        bounds: the metrics that its clauses bound.
    """

    test: str
    profile: str
    iterations: int
    rate: float
    seconds: float
    people: int
    ramps_up: bool
    bounds: tuple[str, ...]


def seed_of(item: pytest.Function, contract: Contract | None, settings: Settings) -> int:
    """The seed of a test: what its contract says, what the command line says, or one made from its name."""
    asked = contract.seed if contract is not None else None
    return next(seed for seed in (asked, settings.seed, crc32(item.nodeid.encode())) if seed is not None)


def planned(item: pytest.Function, *, driven: bool = True) -> Planned:
    """What a test will do when it is *driven*; one that is not, or has no contract, runs once."""
    contract, settings = contract_of(item), settings_of(item)
    people = "cio_load" in item.fixturenames
    if contract is None or not driven:
        return Planned(item.nodeid, "once", 1, 1.0, 0.0, int(people), True, ())
    number = count_planned(contract, seed_of(item, contract, settings))
    return Planned(
        test=item.nodeid,
        profile=contract.profile.describe(),
        iterations=number,
        rate=float(contract.profile.peak),
        seconds=float(contract.profile.duration),
        people=number * people,
        ramps_up=contract.profile.ramp is not None,
        bounds=tuple(sorted({clause.metric for clause in contract.thresholds})),
    )


def load_on_staging(items: Iterable[pytest.Item], asking: pytest.Function, *, mode: str) -> Plan:
    """What tests together do to a staging workspace: the highest rate, and calls, people and seconds in all.

    Args:
        items: of the session; those that are not aimed there are left out.
        asking: one that is, also when a fixture says so as late as now.
        mode: "load", in which those with a contract are driven; otherwise each runs once.
    """
    functions = [item for item in items if isinstance(item, pytest.Function) and item is not asking]
    aimed = [asking, *(item for item in functions if _is_ours(item) and settings_of(item).target == STAGING)]
    plans = [planned(item, driven=mode == "load") for item in aimed]
    return Plan(
        rate=max(plan.rate for plan in plans),
        calls=sum(plan.iterations for plan in plans),
        people=sum(plan.people for plan in plans),
        seconds=sum(plan.seconds for plan in plans),
    )


def _is_ours(item: pytest.Function) -> bool:
    return used_by(item.fixturenames) or "cio_load" in item.fixturenames


def as_values(plan: Planned, *, calls: int, passed: bool) -> dict[str, Any]:
    """*plan* as plain values, with what was seen when the test was tried once.

    Args:
        plan: of the test.
        calls: requests that it made.
        passed: whether it passed; otherwise its *calls* say little.
    """
    return {**asdict(plan), "bounds": list(plan.bounds), "calls": calls if passed else None, "passed": passed}


def write_plan(config: pytest.Config, reports: Sequence[Any]) -> None:
    """``--cio-plan``: write what the tests of *reports* will do, and the settings in force. Raises pytest.UsageError when it cannot."""
    settings = read_settings(config).staging
    content = {
        "settings": {
            "root": str(config.rootpath),
            "allow_file": str(settings.allow_file),
            "ledgers": str(settings.ledgers),
            "caps": asdict(settings.caps),
            "region": settings.region,
        },
        "tests": [plan for report in reports if (plan := getattr(report, "cio_plan", None)) is not None],
    }
    file = Path(config.getoption("cio_plan"))
    try:
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"--cio-plan={str(file)!r}: got {error.strerror}, expected a file that can be written, such as 'plan.json'"
        raise pytest.UsageError(msg) from None
