"""How long the fake takes: text that is read, samples that are drawn."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.fake.latency import Constant, Latency, Lognormal, Uniform, parse
from pytest_cio_load.units import UnitError


@pytest.mark.parametrize(
    ("text", "latency"),
    [
        ("40ms", Constant(40_000)),
        ("0ms", Constant(0)),
        ("1.5s", Constant(1_500_000)),
        ("250us", Constant(250)),
        (40, Constant(40_000)),
        (0.5, Constant(500)),
        ("uniform(10ms,50ms)", Uniform(10_000, 50_000)),
        (" Uniform( 10ms , 0.05s ) ", Uniform(10_000, 50_000)),
        ("lognormal(p50=40ms,p99=180ms)", Lognormal(40_000, 180_000)),
        ("lognormal(p99 = 180ms, p50 = 40ms)", Lognormal(40_000, 180_000)),
    ],
)
def test_what_is_read(text: str | float, latency: Latency) -> None:
    """Spaces, case, order and units are free; a bare number is milliseconds."""
    assert parse(text) == latency


@pytest.mark.parametrize(
    ("text", "expected", "nearest"),
    [
        ("40", "a latency such as '40ms'", "did you mean '40ms'?"),
        ("", "a latency such as '40ms'", ""),
        ("fast", "a latency such as '40ms'", ""),
        (-5, "a latency such as '40ms'", "did you mean 5?"),
        (True, "a latency such as '40ms'", ""),
        ("lognorm(p50=40ms,p99=180ms)", "'lognormal(p50=40ms,p99=180ms)'", "did you mean lognormal?"),
        ("unifrom(10ms,50ms)", "'uniform(10ms,50ms)'", "did you mean uniform?"),
        ("gauss(1,2)", "a latency such as", ""),
        ("uniform(10ms)", "two times, the least and the most", "try 'uniform(10ms,50ms)'"),
        ("uniform(10,50)", "a latency such as", "did you mean '10ms'?"),
        ("uniform(50ms,10ms)", "the least time before the most", "did you mean 'uniform(10ms,50ms)'?"),
        ("lognormal(40ms,180ms)", "p50= and p99=, each once", "try 'lognormal(p50=40ms,p99=180ms)'"),
        ("lognormal(p50=40ms)", "p50= and p99=, each once", "try 'lognormal(p50=40ms,p99=180ms)'"),
        ("lognormal(p50=40ms,p50=180ms)", "p50= and p99=, each once", ""),
        ("lognormal(p50=40ms,p9=180ms)", "p50= and p99=, each once", "did you mean p99?"),
        ("lognormal(p50=40,p99=180ms)", "a latency such as", "did you mean '40ms'?"),
        ("lognormal(p50=0ms,p99=180ms)", "a p50 above 0", "for no latency at all write '0ms'"),
        ("lognormal(p50=180ms,p99=40ms)", "p50 below p99", "did you mean 'lognormal(p50=40ms,p99=180ms)'?"),
        ("lognormal(p50=40ms,p99=40ms)", "p50 below p99", "for a constant latency write '40ms'"),
    ],
)
def test_what_is_not_read(text: str | float, expected: str, nearest: str) -> None:
    """Each with what was got, what was expected and the nearest fix."""
    with pytest.raises(UnitError) as caught:
        parse(text)
    message = str(caught.value)
    assert message.startswith(f"got {text!r}, expected ")
    assert expected in message
    assert nearest in message


micros = st.integers(0, 10**10)
latencies = st.one_of(
    st.builds(Constant, micros),
    st.tuples(micros, micros).map(lambda pair: Uniform(*sorted(pair))),
    st.tuples(st.integers(1, 10**10), st.integers(1, 10**10)).map(lambda pair: Lognormal(min(pair), max(pair) + 1)),
)


@given(latencies)
def test_str_reads_back(latency: Latency) -> None:
    """What is printed is read as an equal latency."""
    assert parse(str(latency)) == latency


@given(latencies, st.integers())
def test_samples_are_whole_microseconds_and_seeded(latency: Latency, seed: int) -> None:
    """The same seed draws the same, never below 0."""
    samples = [latency.sample(Random(seed)) for _ in range(2)]
    assert samples[0] == samples[1] == round(samples[0] * 1e6) / 1e6 >= 0


def drawn(latency: Latency, count: int = 20_000) -> list[float]:
    rng = Random(1)
    return sorted(latency.sample(rng) for _ in range(count))


def test_a_constant_is_constant() -> None:
    """Always the same."""
    assert set(drawn(parse("40ms"), 10)) == {0.04}


def test_uniform_is_even_between_its_ends() -> None:
    """Its quartiles, and nothing outside."""
    samples = drawn(parse("uniform(10ms,50ms)"))
    assert samples[0] >= 0.01
    assert samples[-1] <= 0.05
    assert [samples[5_000], samples[10_000], samples[15_000]] == pytest.approx([0.02, 0.03, 0.04], rel=0.03)


def test_lognormal_has_its_two_percentiles() -> None:
    """p50 and p99 as asked, within a few per cent; p90 where a lognormal has it."""
    samples = drawn(parse("lognormal(p50=40ms,p99=180ms)"))
    assert samples[10_000] == pytest.approx(0.040, rel=0.03)
    assert samples[18_000] == pytest.approx(0.040 * (180 / 40) ** (1.2816 / 2.3263), rel=0.03)
    assert samples[19_800] == pytest.approx(0.180, rel=0.06)


def test_a_draw_of_exactly_zero_is_sampled() -> None:
    """A generator may return 0.0, where the inverse of the distribution has no value."""

    class Zero(Random):
        def random(self) -> float:
            return 0.0

    assert parse("lognormal(p50=40ms,p99=180ms)").sample(Zero()) == 0.04
