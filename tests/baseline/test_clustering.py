"""What samples are worth that come in clusters."""

from __future__ import annotations

from random import Random
from statistics import median
from typing import Any

import pytest

from pytest_cio_load.baseline.clustering import inflation
from pytest_cio_load.baseline.parts import Part


def worth(doc: Any, percentile: str) -> float:
    """What one sample of a run is worth, at a percentile of its columns."""
    response = doc["metrics"]["response"]
    part = Part.whole(doc)
    assert part is not None
    told = inflation(part, response[percentile], 0.95)
    assert told is not None
    return 1 / told


def bursts(rng: Random, samples: int, *, delay: float, length: int, number: int) -> list[float]:
    """Lognormal response times, longer in a few stretches."""
    values = [20 * rng.lognormvariate(0, 0.2) for _ in range(samples)]
    for _ in range(number):
        begin = rng.randrange(samples - length)
        for at in range(begin, begin + length):
            values[at] += rng.expovariate(1 / delay)
    return values


@pytest.mark.parametrize("percentile", ["med", "p(95)", "p(99)"])
@pytest.mark.parametrize("samples", [1600, 9600])
def test_independent_samples_are_worth_themselves(documents: Any, percentile: str, samples: int) -> None:
    """Nearly: how much stretches vary is known only from the few there are."""
    assert median(worth(documents.lognormal(seed, samples=samples), percentile) for seed in range(15)) > 0.7


@pytest.mark.parametrize("percentile", ["p(95)", "p(99)"])
def test_samples_of_a_few_bursts_are_worth_little(documents: Any, percentile: str) -> None:
    """All that is slow was slow together."""
    rng = Random(1)
    found = [worth(documents.of(bursts(rng, 1600, delay=15, length=60, number=3)), percentile) for _ in range(9)]
    assert median(found) < 0.25


def test_one_slow_second_is_worth_one_sample(documents: Any) -> None:
    """Nearly, whatever the number of iterations in it; also when they are all equal, so that none is above the quantile."""
    values = [20.0 + at % 7 for at in range(1600)]
    values[800:900] = [500.0] * 100
    assert worth(documents.of(values), "p(95)") < 0.05


def test_what_varies_smoothly_is_seen_too(documents: Any) -> None:
    """A machine that is slower and faster in turn, for seconds at a time."""
    values = [20 * (1.3 if at // 240 % 2 else 1.0) * Random(at).lognormvariate(0, 0.1) for at in range(1600)]
    assert worth(documents.of(values), "med") < 0.2


def test_one_stretch_says_nothing(documents: Any) -> None:
    """There is none to compare it with."""
    part = Part.whole(documents.of([20.0] * 5))
    assert part is not None
    assert inflation(part, 20.0, 0.95) is None


def test_the_warmup_counts_for_nothing(documents: Any) -> None:
    """A slow start that is not measured is none."""
    doc = documents.lognormal(3)
    slow = {**doc["timeline"], "response": {name: [9000.0] * 20 + column[20:] for name, column in doc["timeline"]["response"].items()}}
    assert worth({**doc, "timeline": slow}, "p(95)") < 0.1
    assert worth({**doc, "timeline": {**slow, "warmup": 4.0}}, "p(95)") > 0.5


def test_values_that_are_all_equal_or_nought(documents: Any) -> None:
    """Nothing is above the quantile then, and nothing varies."""
    for value in (0.0, 50.0):
        assert worth(documents.of([value] * 400), "p(95)") == 1.0


def test_intervals_without_a_sample_are_left_out(documents: Any) -> None:
    """Nothing was due in them."""
    doc = documents.lognormal(3, rate=10, samples=100)
    assert None in doc["timeline"]["response"]["p95"] or min(doc["timeline"]["due"]) >= 1
    assert worth(doc, "med") > 0.3
