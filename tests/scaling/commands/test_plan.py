"""``cio-load plan``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

Run = Callable[..., int]
Caught = pytest.CaptureFixture[str]


def test_the_plan(run: Run, capsys: Caught) -> None:
    """The tier and why, and every figure with its formula, in 80 columns."""
    assert run("plan", "--daily", "5M", "--peak", "4") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "5M operations a day, 4 times the mean at the peak"
    assert "  useful pods                        4   ⌈5,000/s / 1,500/s⌉; more add nothing" in lines
    assert max(map(len, lines)) <= 80


def test_every_argument(run: Run, capsys: Caught) -> None:
    """Counts."""
    given = (
        "--rtt 200ms --batch 10 --limit 80/s --workspaces 3 --outage 5m --concurrency 20 --per-worker-rate 900 --payload 300 --delay 30s"
    )
    assert run("plan", "--daily", "20M", "--peak", "2", "--json", *given.split()) == 0
    figures = {each["name"]: each["value"] for each in json.loads(capsys.readouterr().out)["figures"]}
    assert figures["capacity"] == 2_400
    assert figures["rate of a pod"] == 900
    assert figures["useful pods"] == 3
    assert figures["jobs per pod"] == 800 * 30
    assert figures["Redis memory"] == figures["depth after an outage"] * (875 + 150)


def test_json(run: Run, capsys: Caught) -> None:
    """The same, for programs."""
    assert run("plan", "--daily", "5M", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["tier"], made["warnings"]) == ("queue-backed", [])
    assert made["figures"][0] == {
        "name": "mean rate",
        "value": pytest.approx(57.87, abs=0.01),
        "unit": "/s",
        "formula": "5M a day / 86,400 s",
    }


def test_a_warning_is_no_failure(run: Run, capsys: Caught) -> None:
    """A plan was asked for, and it is one."""
    assert run("plan", "--daily", "25.92M", "--peak", "1", "--batch", "1", "--workspaces", "1") == 0
    assert "warning: pods-past-the-limit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--daily -5M", "--daily: got '-5M', expected a number above 0 such as 250000"),
        ("--daily", "--daily: got no value; expected NUMBER; write it after --daily"),
        ("--daily --json", "--daily: got --json in place of a value; expected NUMBER; write --daily=… if it is one"),
        (
            "--daily=-5M",
            "cio-load plan: --daily: got '-5M', expected a number above 0 such as 250000, '250k', '5M' or '1.5M'; did you mean '5M'?",
        ),
        ("--daily 0", "cio-load plan: --daily: got '0', expected a number above 0"),
        ("--daily 5M --limit 0", "cio-load plan: --limit: got '0/s', expected a rate above 0"),
        ("--daily 5M --rtt 0s", "cio-load plan: --rtt: got '0s', expected a duration above 0"),
        ("--daily 5M --batch 0", "cio-load plan: --batch: got '0', expected a whole number from 1 to 1000; try 10"),
        ("", "cio-load plan: --daily: got none; expected NUMBER; add --daily"),
    ],
)
def test_arguments_that_are_wrong(run: Run, capsys: Caught, arguments: str, message: str) -> None:
    """Are told by their names."""
    assert run("plan", *arguments.split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--daily 5M --peak 0.5", "cio-load plan: peak: got 0.5; expected a factor of at least 1; try 4"),
        ("--daily 5M --payload 32000", "cio-load plan: batch: got 50 operations of 32000 bytes in one request; expected at most 500000"),
    ],
)
def test_values_that_do_not_fit(run: Run, capsys: Caught, arguments: str, message: str) -> None:
    """Are told in one line."""
    assert run("plan", *arguments.split()) == 2
    assert message in capsys.readouterr().err
