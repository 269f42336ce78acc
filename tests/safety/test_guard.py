"""The guard's rules as decisions over values: whatever is not known is not met."""

from __future__ import annotations

import math

import pytest

from pytest_cio_load.errors import GuardRefused, Problem
from pytest_cio_load.safety.guard import RULES, Caps, Plan, Standing, caps, lines, opt_in, refuse, unmet

ALL_MET = tuple(Standing(rule, "met", "fine") for rule in RULES)


def test_all_rules_met() -> None:
    """Nothing is refused."""
    refuse(ALL_MET)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_not_met(rule: str) -> None:
    """Is named, with what was got, what was expected, and the remedy."""
    standings = [unmet(Problem(rule, "A", "B", "do C")) if each.rule == rule else each for each in ALL_MET]
    with pytest.raises(GuardRefused, match=f"^the guard refuses staging, rule '{rule}': got A; expected B; do C$"):
        refuse(standings)


def test_the_first_of_several_is_named() -> None:
    """One after the other they are to be mended."""
    with pytest.raises(GuardRefused, match="rule 'caps'"):
        refuse([*ALL_MET[:4], *(Standing(rule, "not met", "x") for rule in RULES[4:])])


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_nobody_asked_for(rule: str) -> None:
    """Is no rule that is met."""
    standings = [Standing(rule, "not asked", "") if each.rule == rule else each for each in ALL_MET]
    with pytest.raises(GuardRefused, match=f"rule '{rule}': got no answer to it; expected every rule to be met; run: cio-load check"):
        refuse(standings)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_left_out(rule: str) -> None:
    """Likewise."""
    with pytest.raises(GuardRefused, match=f"rule '{rule}'"):
        refuse(each for each in ALL_MET if each.rule != rule)


def test_what_is_not_met_comes_before_what_nobody_asked_for() -> None:
    """The name is not known because the App key is not taken: that is what has to be mended."""
    with pytest.raises(GuardRefused, match="rule 'app key'"):
        refuse([*ALL_MET[:6], Standing("name", "not asked", ""), Standing("app key", "not met", "")])


def test_lines() -> None:
    """One each, in columns."""
    standings = [
        Standing("opt-in", "met", "yes"),
        Standing("own credentials", "not asked", "no"),
        Standing("caps", "not met", "got X", "do Y"),
    ]
    assert lines(standings) == [
        "met        opt-in           yes",
        "not asked  own credentials  no",
        "not met    caps             got X; do Y",
    ]


@pytest.mark.parametrize(("live", "says"), [(True, ""), (False, "1"), (False, " TRUE "), (False, "yes")])
def test_opting_in(live: bool, says: str) -> None:
    """By an option or by the environment."""
    assert opt_in(live, says).state == "met"


@pytest.mark.parametrize(
    ("says", "got"),
    [("", "no opt-in"), (" ", "no opt-in"), ("0", "CIO_LOAD_LIVE='0'"), ("no", "CIO_LOAD_LIVE='no'"), ("2", "CIO_LOAD_LIVE='2'")],
)
def test_no_opt_in(says: str, got: str) -> None:
    """Anything else is none."""
    found = opt_in(False, says)
    assert found.state == "not met"
    assert found.said == f"got {got}; expected CIO_LOAD_LIVE=1, or --cio-live"
    assert found.remedy == "set it when a real test workspace is to get load"


def test_within_the_caps() -> None:
    """Up to and with the caps themselves."""
    found = caps(Plan(100, 100_000, 10_000, 90), Caps())
    assert found.state == "met"
    assert found.said == "100/s of 100/s, 100,000 calls of 100,000 calls, 10,000 people of 10,000 people, in 1m30s"


def test_nothing_planned() -> None:
    """Cleaning up needs no plan."""
    assert caps(None, Caps()) == Standing(
        "caps", "met", "no load is planned; at most 100/s, 100,000 calls and 10,000 people would be let through"
    )


@pytest.mark.parametrize(
    ("plan", "said", "remedy"),
    [
        (Plan(101, 1, 1, 1), "got 101/s; expected at most 100/s (cio_max_rate)", "raise cio_max_rate"),
        (Plan(1, 100_001, 1, 1), "got 100,001 calls; expected at most 100,000 calls (cio_max_calls)", "raise cio_max_calls"),
        (Plan(1, 1, 10_001, 1), "got 10,001 people; expected at most 10,000 people (cio_max_people)", "raise cio_max_people"),
        (
            Plan(200, 1, 20_000, 1),
            "got 200/s and 20,000 people; expected at most 100/s (cio_max_rate) and at most 10,000 people (cio_max_people)",
            "raise cio_max_rate and cio_max_people",
        ),
        (Plan(math.nan, 1, 1, 1), "got nan/s; expected at most 100/s (cio_max_rate)", "raise cio_max_rate"),
        (Plan(math.inf, 1, 1, 1), "got inf/s; expected at most 100/s (cio_max_rate)", "raise cio_max_rate"),
        (Plan(-1, 1, 1, 1), "got -1/s; expected at most 100/s (cio_max_rate)", "raise cio_max_rate"),
    ],
)
def test_over_a_cap(plan: Plan, said: str, remedy: str) -> None:
    """Each one is named; what is no number is over every cap."""
    assert caps(plan, Caps()) == Standing("caps", "not met", said, f"lower the rate or the duration, or {remedy}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_rate": 0.0}, "cio_max_rate: got 0.0; expected a number above 0; try 100"),
        ({"max_rate": math.inf}, "cio_max_rate: got inf; expected a number above 0; try 100"),
        ({"max_calls": -1}, "cio_max_calls: got -1; expected a number above 0; try 100000"),
        ({"max_people": math.nan}, "cio_max_people: got nan; expected a number above 0; try 10000"),
    ],
)
def test_caps_that_are_none(given: dict[str, float], said: str) -> None:
    """An endless cap is no cap."""
    with pytest.raises(ValueError, match=said):
        Caps(**given)  # type: ignore[arg-type]
