"""The guard: the rules that must all be met before anything may reach a real workspace, in their order. Pure decisions, no network.

    opt-in            somebody said that a real workspace is meant
    credentials       all three are there, and are what they should be                           (`safety.credentials`)
    own credentials   they are not the ones that the application uses                            (`safety.credentials`)
    allow-list        the site id is listed, with the workspace it stands for                    (`safety.allowlist`)
    caps              the load that is planned is small enough
    region            Customer.io itself says that the credentials belong to that workspace       (`safety.identity`)
    name              its name is no production workspace's, and has the text that was declared  (`safety.identity`)
    app key           the App API takes its key, so that what was made up can be found again     (`safety.identity`)

Whatever is not known is not met. The last three are about answers, which `staging.preflight` asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pytest_cio_load import units
from pytest_cio_load.errors import GuardRefused, Problem

State = Literal["met", "not met", "not asked"]

OPT_IN, CREDENTIALS, OWN, ALLOW_LIST, CAPS = "opt-in", "credentials", "own credentials", "allow-list", "caps"
REGION, NAME, APP_KEY = "region", "name", "app key"
RULES = (OPT_IN, CREDENTIALS, OWN, ALLOW_LIST, CAPS, REGION, NAME, APP_KEY)
"""Every rule, in the order in which they are looked at."""

LIVE = "CIO_LOAD_LIVE"
"""The environment's name for the opt-in."""

_YES = ("1", "true", "yes")
_UNKNOWN = Problem("", "no answer to it", "every rule to be met", "run: cio-load check")


@dataclass(frozen=True, slots=True)
class Standing:
    """How one rule stands.

    Attributes:
        rule: one of `RULES`.
        state: "met", "not met", or "not asked" because a rule before it is not met, or cannot be known.
        said: what was found; when it is not met, what was got and what was expected. Holds no secret.
        remedy: the nearest fix, or "".
    """

    rule: str
    state: State
    said: str
    remedy: str = ""

    def describe(self) -> str:
        """One line: ``not met    caps             got 120/s; expected at most 100/s (cio_max_rate); lower …``"""
        fix = f"; {self.remedy}" if self.remedy else ""
        return f"{self.state:<9}  {self.rule:<15}  {self.said}{fix}"


@dataclass(frozen=True, slots=True)
class Caps:
    """How much load a staging workspace may get.

    Attributes:
        max_rate: iterations per second.
        max_calls: requests in a session.
        max_people: people made up in a session.

    Raises:
        ValueError: one that is no finite number above 0, and so would be no cap.
    """

    max_rate: float = 100.0
    max_calls: int = 100_000
    max_people: int = 10_000

    def __post_init__(self) -> None:
        for name, most, usual in (("rate", self.max_rate, 100), ("calls", self.max_calls, 100_000), ("people", self.max_people, 10_000)):
            if not (math.isfinite(most) and most > 0):
                raise ValueError(f"cio_max_{name}: got {most}; expected a number above 0; try {usual}")


@dataclass(frozen=True, slots=True)
class Plan:
    """The load that is meant to go out.

    Attributes:
        rate: iterations per second, at the highest.
        calls: requests in all.
        people: people made up in all.
        seconds: how long it takes.
    """

    rate: float
    calls: int
    people: int
    seconds: float


def met(rule: str, said: str) -> Standing:
    """*rule* is met."""
    return Standing(rule, "met", said)


def unmet(problem: Problem) -> Standing:
    """The rule that *problem* names as its place is not met."""
    return Standing(problem.where, "not met", f"got {problem.got}; expected {problem.expected}", problem.nearest)


def unasked(rule: str, said: str) -> Standing:
    """*rule* was not looked at, or nothing could be found out."""
    return Standing(rule, "not asked", said)


def refusal(standing: Standing) -> GuardRefused:
    """The error for a rule that does not stand as it should."""
    fix = f"; {standing.remedy}" if standing.remedy else ""
    return GuardRefused(f"the guard refuses staging, rule {standing.rule!r}: {standing.said}{fix}")


def refuse(standings: Iterable[Standing]) -> None:
    """Let through only what every rule is met for, whatever *standings* leaves out.

    Raises:
        GuardRefused: with the first rule that is not met; when there is none such, with the first that nobody knows about.
    """
    known = tuple(standings)
    for standing in known:
        if standing.state == "not met":
            raise refusal(standing)
    states = {standing.rule: standing for standing in known}
    for rule in RULES:
        if rule not in states or states[rule].state != "met":
            said = f"got {_UNKNOWN.got}; expected {_UNKNOWN.expected}"
            raise refusal(Standing(rule, "not asked", said, _UNKNOWN.nearest))


def lines(standings: Iterable[Standing]) -> list[str]:
    """How every rule stands, a line each, for ``cio-load check``."""
    return [standing.describe() for standing in standings]


def opt_in(live: bool, environment_says: str = "") -> Standing:
    """Whether a real workspace is meant.

    Args:
        live: whether an option says so.
        environment_says: the value of ``CIO_LOAD_LIVE``; "" when it is not set.
    """
    if live:
        return met(OPT_IN, "asked for by an option")
    if environment_says.strip().lower() in _YES:
        return met(OPT_IN, f"asked for by {LIVE}")
    got = f"{LIVE}={units.show_value(environment_says)}" if environment_says.strip() else "no opt-in"
    return unmet(Problem(OPT_IN, got, f"{LIVE}=1, or --cio-live", "set it when a real test workspace is to get load"))


def caps(plan: Plan | None, allowed: Caps) -> Standing:
    """Whether the load that is planned is small enough; without a plan there is none."""
    if plan is None:
        most = f"{units.show_rate(allowed.max_rate)}, {allowed.max_calls:,} calls and {allowed.max_people:,} people"
        return met(CAPS, f"no load is planned; at most {most} would be let through")
    both = (
        ("cio_max_rate", plan.rate, allowed.max_rate, units.show_rate),
        ("cio_max_calls", plan.calls, allowed.max_calls, _calls),
        ("cio_max_people", plan.people, allowed.max_people, _people),
    )
    over = [each for each in both if not 0 <= each[1] <= each[2]]  # and so what is no number is over
    if not over:
        told = ", ".join(f"{show(planned)} of {show(most)}" for _, planned, most, show in both)
        return met(CAPS, f"{told}, in {units.show_duration(plan.seconds)}")
    got = " and ".join(show(planned) for _, planned, _, show in over)
    expected = " and ".join(f"at most {show(most)} ({name})" for name, _, most, show in over)
    fix = f"lower the rate or the duration, or raise {' and '.join(name for name, *_ in over)}"
    return unmet(Problem(CAPS, got, expected, fix))


def _calls(number: float) -> str:
    return f"{units.show_count(number)} calls"


def _people(number: float) -> str:
    return f"{units.show_count(number)} people"
