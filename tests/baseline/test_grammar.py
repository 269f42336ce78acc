"""Gates as they are written, in the marker and on the command line."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.baseline.grammar import Gate, Tolerance, read_gates, read_regress
from pytest_cio_load.contract.marker import Problems
from pytest_cio_load.errors import ContractError
from pytest_cio_load.metrics.kinds import BUILTIN, Kind, Metric

METRICS = {**BUILTIN, "size": Metric(Kind.TREND), "wait": Metric(Kind.TREND, "ms")}
TENTH = Tolerance(Fraction(1, 10))


def gates(text: str) -> tuple[Gate, ...]:
    """What *text* reads to."""
    problems = Problems()
    read = read_gates(text, "--cio-compare-fail", problems, METRICS)
    problems.raise_all()
    return read


def told(value: object, *, marker: bool = False) -> str:
    """The problem with *value*."""
    problems = Problems()
    if marker:
        read_regress(value, problems, METRICS)
    else:
        read_gates(str(value), "it", problems, METRICS)
    with pytest.raises(ContractError) as error:
        problems.raise_all()
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "gate"),
    [
        ("p95:10%", Gate("response", Fraction(95), TENTH)),
        (" p95 : 10 % ", Gate("response", Fraction(95), TENTH)),
        ("p95:+10%", Gate("response", Fraction(95), TENTH)),
        ("p(95):10%", Gate("response", Fraction(95), TENTH)),
        ("p99.9:10%", Gate("response", Fraction("99.9"), TENTH)),
        ("p999:10%", Gate("response", Fraction("99.9"), TENTH)),
        ("p99:+5ms", Gate("response", Fraction(99), Tolerance(None, 5.0))),
        ("p99:5ms", Gate("response", Fraction(99), Tolerance(None, 5.0))),
        ("p99:0.5s", Gate("response", Fraction(99), Tolerance(None, 500.0))),
        ("mean:3%", Gate("response", None, Tolerance(Fraction(3, 100)))),
        ("avg:3%", Gate("response", None, Tolerance(Fraction(3, 100)))),
        ("med:10%", Gate("response", Fraction(50), TENTH)),
        ("rate:1%", Gate("iterations", None, Tolerance(Fraction(1, 100)))),
        ("iterations.rate:1%", Gate("iterations", None, Tolerance(Fraction(1, 100)))),
        ("identify.p95:10%", Gate("identify", Fraction(95), TENTH)),
        ("identify.p99.9:10%", Gate("identify", Fraction("99.9"), TENTH)),
        ("identify.mean:10%", Gate("identify", None, TENTH)),
        ("size.p95:10%", Gate("size", Fraction(95), TENTH)),
        ("wait.p95:+1ms", Gate("wait", Fraction(95), Tolerance(None, 1.0))),
        ("group:check out.p95:10%", Gate("group:check out", Fraction(95), TENTH)),
        ("p95:0%", Gate("response", Fraction(95), Tolerance(Fraction(0)))),
    ],
)
def test_what_reads(text: str, gate: Gate) -> None:
    """Spaces are free; a plus says nothing."""
    assert gates(text) == (gate,)


def test_several_are_apart_by_commas() -> None:
    """In their order."""
    read = gates("p95:10%, p99:+5ms,rate:1%,identify.mean:3%")
    assert [str(gate) for gate in read] == ["p95:10%", "p99:+5ms", "rate:1%", "identify.mean:3%"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p95", "it='p95': expected a gate such as 'p95:10%', 'p99:+5ms' or 'identify.p95:10%'; did you mean 'p95:10%'?"),
        ("p95=10%", "it='p95=10%': expected a gate such as 'p95:10%', 'p99:+5ms' or 'identify.p95:10%'; did you mean 'p95:10%'?"),
        ("p95 10%", "it='p95 10%': expected a gate such as 'p95:10%', 'p99:+5ms' or 'identify.p95:10%'; did you mean 'p95:10%'?"),
        ("", "it='': expected a gate such as 'p95:10%', 'p99:+5ms' or 'identify.p95:10%'"),
        ("?:1%", "it='?:1%': expected a gate such as 'p95:10%', 'p99:+5ms' or 'identify.p95:10%'"),
        ("p95:10", "it='p95:10': expected a tolerance such as '10%' or '+5ms'; did you mean '10%' or '+10ms'?"),
        ("p95:5 m", "it='p95:5 m': expected a tolerance such as '10%' or '+5ms'; the units are %, s, ms and us"),
        ("p95:-10%", "it='p95:-10%': expected a tolerance such as '10%' or '+5ms'; did you mean '10%'?"),
        ("p95:ten", "it='p95:ten': expected a tolerance such as '10%' or '+5ms'; the units are %, s, ms and us"),
        (
            "max:10%",
            "it='max:10%': expected p50 to p99.99, mean, or rate: max is one sample, and no run can tell whether it moved; try p99",
        ),
        (
            "p100:10%",
            "it='p100:10%': expected p50 to p99.99, mean, or rate: p100 is one sample, and no run can tell whether it moved; try p99",
        ),
        ("p0.95:10%", "it='p0.95:10%': expected a percentile above 1, not a share of 1; did you mean p95?"),
        ("p101:10%", "it='p101:10%': expected a percentile from 1 up and below 100; try p99"),
        ("p:10%", "it='p:10%': expected p50 to p99.99, mean, or rate"),
        ("meen:10%", "it='meen:10%': expected p50 to p99.99, mean, or rate; did you mean mean?"),
        ("median:10%", "it='median:10%': expected p50 to p99.99, mean, or rate; did you mean p50?"),
        ("identfy.p95:10%", "it='identfy.p95:10%': expected a metric that every run has or that the test declares; did you mean identify?"),
        ("errors.p95:10%", "it='errors.p95:10%': expected a trend, and errors is a rate"),
        ("check:ok.p95:10%", "it='check:ok.p95:10%': expected a trend, which a check is not; promise it in thresholds instead"),
        ("size.p95:+5ms", "it='size.p95:+5ms': expected a share, because size is no time; try 'size.p95:10%'"),
        ("rate:+5ms", "it='rate:+5ms': expected a share for a rate, such as 'rate:1%'; try 'rate:1%'"),
        ("identify.rate:1%", "it='identify.rate:1%': expected the rate of the iterations, which is 'rate'; did you mean 'rate:1%'?"),
        ("p95:10%,p(95):5%", "it='p(95):5%': expected one tolerance for response p(95); leave one of the two out"),
    ],
)
def test_what_does_not_read(text: str, message: str) -> None:
    """What was got, what was expected, and the nearest fix."""
    assert told(text) == message


def test_every_problem_is_told() -> None:
    """Not only the first."""
    assert told("p95,p99:1,mean:3%").count("\n") == 1


def test_the_marker_has_the_same_grammar() -> None:
    """As a dict, or as text."""
    for value in ({"p95": "10%", "identify.p99": "+5ms"}, "p95:10%,identify.p99:+5ms"):
        problems = Problems()
        assert read_regress(value, problems) == gates("p95:10%,identify.p99:+5ms")
        problems.raise_all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"p95": 10}, "regress['p95']=10: expected a tolerance such as '10%' or '+5ms'; did you mean '10%'?"),
        ({"p95": None}, "regress['p95']=None: expected a tolerance such as '10%' or '+5ms'"),
        ({95: "10%"}, "regress[95]: expected text as the key: p50 to p99.99, mean, or rate; did you mean 'p95'?"),
        ({}, "regress={}: expected figures and what they may lose, such as {'p95': '10%'}; try regress={'p95': '10%'}"),
        (0.1, "regress=0.1: expected figures and what they may lose, such as {'p95': '10%'}; try regress={'p95': '10%'}"),
        ({"p59": "10"}, "regress['p59']='10': expected a tolerance such as '10%' or '+5ms'; did you mean '10%' or '+10ms'?"),
    ],
)
def test_a_marker_that_does_not_read(value: Any, message: str) -> None:
    """It names the place inside."""
    assert told(value, marker=True) == message


@given(st.text(max_size=30) | st.from_regex(r"\A([a-z]{1,8}\.)?(p[0-9.]{1,6}|mean|rate):\+?[0-9.]{1,5}(%|ms|s)?\Z"))
def test_any_text_reads_or_is_a_problem(text: str) -> None:
    """Never anything else; and what reads, reads back from its own text."""
    problems = Problems()
    read = read_gates(text, "it", problems, METRICS)
    for gate in read:
        assert gates(str(gate)) == (gate,)
    if len(read) < text.count(",") + 1:
        with pytest.raises(ContractError):
            problems.raise_all()
