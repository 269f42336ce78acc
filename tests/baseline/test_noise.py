"""How much runs of the same code differ on a machine."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from statistics import stdev
from typing import Any

import pytest

from pytest_cio_load.baseline.grammar import Gate, Tolerance
from pytest_cio_load.baseline.noise import Noise, Spread, measure
from pytest_cio_load.errors import DocumentError

TENTH = Tolerance(Fraction(1, 10))


def gate(metric: str, percentile: str | None) -> Gate:
    """On a percentile, or on the mean."""
    return Gate(metric, None if percentile is None else Fraction(percentile), TENTH)


@pytest.fixture(scope="module")
def runs(documents: Any) -> list[Any]:
    """Eight of the same code."""
    return [documents.lognormal(seed, samples=400) for seed in range(8)]


def test_the_spread_is_that_of_the_runs(runs: list[Any]) -> None:
    """Of the logarithm, and as it is."""
    noise = measure(runs)
    found = next(each for each in noise.spreads if (each.metric, each.aggregation) == ("response", "95"))
    values = [doc["metrics"]["response"]["p(95)"] for doc in runs]
    assert found.typical == pytest.approx(sum(values) / 8)
    assert found.absolute == pytest.approx(stdev(values), rel=1e-3)
    assert found.share == pytest.approx(stdev(map(math.log, values)), rel=1e-3)
    assert (noise.test, noise.runs) == ("tests/test_it.py::test_identify", 8)


def test_what_the_machine_was_late_by_is_left_out(documents: Any) -> None:
    """As the gate leaves it out: runs of which some were disturbed differ no more than others."""
    stretches = [(100 * seed, 100 * seed + 60 * (seed % 4)) for seed in range(8)]
    disturbed = measure([documents.disturbed(seed, stretches=[each]) for seed, each in enumerate(stretches)])
    found = {each.aggregation: each for each in disturbed.spreads if each.metric == "response"}
    assert found["95"].share < 0.04
    assert found["95"].typical == pytest.approx(28.0, rel=0.05)
    assert found["mean"].share < 0.04


def test_every_figure_has_one(runs: list[Any]) -> None:
    """Of every trend, and the rate."""
    found = {(each.metric, each.aggregation) for each in measure(runs).spreads}
    assert {("iterations", "rate"), ("response", "mean"), ("response", "99.9"), ("service", "50"), ("lag", "75")} <= found


def test_a_floor_is_what_two_runs_may_differ_by() -> None:
    """By Student's distribution: the spread is known from so many runs only."""
    noise = Noise("t", 10, (Spread("response", "95", 20.0, 0.02, 0.4),))
    floor = noise.floor(gate("response", "95"), 30.0, 0.95)
    assert floor is not None
    assert floor.share == pytest.approx(math.expm1(2.262 * math.sqrt(2) * 0.02), rel=1e-3)
    assert floor.ms == pytest.approx(30.0 * floor.share)
    few = Noise("t", 5, noise.spreads).floor(gate("response", "95"), 30.0, 0.95)
    assert few is not None
    assert few.share > floor.share


def test_a_machines_floor_counts_in_ms() -> None:
    """It says nothing about a share of a longer time; and what a response suffers, every call does."""
    noise = Noise("", 10, (Spread("response", "95", 20.0, 0.1, 2.0),))
    for metric in ("response", "identify"):
        short, long = (noise.floor(gate(metric, "95"), was, 0.95) for was in (20.0, 200.0))
        assert short is not None
        assert long is not None
        assert short.ms == long.ms == pytest.approx(2.262 * math.sqrt(2) * 2.0, rel=1e-3)
        assert short.share == pytest.approx(10 * long.share)


@pytest.mark.parametrize(("asked", "found"), [("95", "95"), ("97", "99"), ("99.99", "99"), ("10", "50"), (None, "mean")])
def test_the_next_percentile_further_out_stands_in(asked: str | None, found: str) -> None:
    """It is as noisy at least; beyond the last, the last."""
    spreads = tuple(Spread("response", name, 20.0, share, 1.0) for name, share in (("50", 0.1), ("95", 0.2), ("99", 0.3), ("mean", 0.4)))
    noise, alone = Noise("t", 10, spreads), tuple(each for each in spreads if each.aggregation == found)
    assert noise.floor(gate("response", asked), 20.0, 0.95) == Noise("t", 10, alone).floor(gate("response", asked), 20.0, 0.95)


def test_what_was_not_measured_has_no_floor() -> None:
    """A test's noise says nothing of a metric that it did not have."""
    noise = Noise("t", 10, (Spread("response", "95", 20.0, 0.1, 2.0),))
    assert noise.floor(gate("identify", "95"), 20.0, 0.95) is None
    assert noise.floor(gate("response", None), 20.0, 0.95) is None


def test_it_reads_back_from_plain_values(runs: list[Any]) -> None:
    """Through JSON."""
    noise = measure(runs, whole_machine=True)
    assert noise.test == ""
    assert Noise.of(json.loads(json.dumps(noise.plain()))) == noise


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"test": "t", "runs": 2, "spreads": []},
        {"test": "t", "runs": True, "spreads": []},
        {"test": "t", "runs": 10, "spreads": [{"metric": "response"}]},
        {"test": "t", "runs": 10, "spreads": [{"metric": "a", "aggregation": "95", "typical": 1, "share": -1, "absolute": 1}]},
        {"test": "t", "runs": 10, "spreads": [{"metric": "a", "aggregation": "95", "typical": 1, "share": "1", "absolute": 1}]},
        {"test": "t", "runs": 10, "spreads": 7},
    ],
)
def test_what_is_no_noise_does_not_read(plain: Any) -> None:
    """Whoever reads it makes an error of it."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        Noise.of(plain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": "other"}, "noise: got other in run 2; expected tests/test_it.py::test_identify in all; name runs of one test"),
        ({"clock": "virtual"}, "noise: got virtual time in run 2; expected the wall clock; virtual time has no noise"),
        ({"verdict": "inconclusive"}, "noise: got an inconclusive run 2; expected runs that were measured; run it again"),
    ],
)
def test_runs_that_do_not_belong_together(runs: list[Any], change: dict[str, str], message: str) -> None:
    """Say which, and why."""
    with pytest.raises(DocumentError) as error:
        measure([runs[0], {**runs[1], **change}, *runs[2:]])
    assert str(error.value) == message


def test_too_few_runs(runs: list[Any]) -> None:
    """A spread of so few is a guess."""
    with pytest.raises(DocumentError) as error:
        measure(runs[:4])
    assert str(error.value) == "noise: got 4 runs; expected at least 5 of the same code; run it more often"
