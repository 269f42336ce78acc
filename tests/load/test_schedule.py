"""When iterations fall due: exact counts, exact times, and arrivals that chance spreads as it should."""

from __future__ import annotations

from collections import deque
from decimal import Decimal, getcontext
from fractions import Fraction
from itertools import pairwise
from math import exp, floor, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.contract.profile import Profile, Stage
from pytest_cio_load.load.schedule import Arrival, planned, schedule

MICROSECONDS = 1_000_000


def ramp(start: Fraction | int, *stages: tuple[Fraction | int, Fraction | int]) -> Profile:
    """A profile of (seconds, rate) stages, fractions and all."""
    return Profile(Fraction(start), tuple(Stage(Fraction(lasts), Fraction(target)) for lasts, target in stages), constant=False)


def flat(rate: Fraction | int, duration: Fraction | int) -> Profile:
    """A constant rate."""
    return Profile.flat(Fraction(rate), Fraction(duration))


def dues(profile: Profile, **how: object) -> list[int]:
    """Every due moment, in microseconds."""
    return [arrival.due for arrival in schedule(profile, **how)]  # type: ignore[arg-type]


def last(profile: Profile) -> Arrival:
    """The last arrival, after really going through all of them."""
    return deque(schedule(profile), maxlen=1)[0]


SCENARIO = ramp(10, (30, 50), (60, 80), (30, 10))

profiles = st.builds(
    lambda start, stages: ramp(start, *stages),
    st.fractions(0, 90, max_denominator=12),
    st.lists(st.tuples(st.fractions(0, 8, max_denominator=6), st.fractions(0, 90, max_denominator=12)), min_size=1, max_size=5),
)


@pytest.mark.parametrize("rates", [range(low, low + 10) for low in range(1, 81, 10)], ids=lambda rates: f"{rates[0]}-{rates[-1]}/s")
def test_a_constant_rate_holds_exactly_rate_times_duration(rates: range) -> None:
    """Every whole rate from 1 to 80/s over every whole duration from 1 to 55 s; floats miss some, such as 11/s for 5 s."""
    for rate in rates:
        for seconds in range(1, 56):
            end = last(flat(rate, seconds))
            assert end.index + 1 == rate * seconds == planned(flat(rate, seconds))
            assert end.due == round(Fraction(rate * seconds - 1, rate) * MICROSECONDS) < seconds * MICROSECONDS


@pytest.mark.parametrize("rates", [range(low, low + 10) for low in range(1, 81, 10)], ids=lambda rates: f"{rates[0]}-{rates[-1]}/s")
def test_a_level_stage_of_a_ramp_holds_exactly_rate_times_duration(rates: range) -> None:
    """The same rates and durations as the stage of a ramp, where the last arrival falls due at its very end."""
    for rate in rates:
        for seconds in range(1, 56):
            end = last(ramp(rate, (seconds, rate)))
            assert (end.index + 1, end.due) == (rate * seconds, seconds * MICROSECONDS)
            assert planned(ramp(rate, (seconds, rate))) == rate * seconds


def test_a_ramp_from_nothing_holds_exactly_the_area_under_it() -> None:
    """Every ramp 0 → 1–60/s over 1–28 s: half of rate times duration, rounded down."""
    for rate in range(1, 61):
        for seconds in range(1, 29):
            profile, area = ramp(0, (seconds, rate)), rate * seconds // 2
            assert len(dues(profile)) == planned(profile) == area


def test_the_scenario_holds_6150_iterations() -> None:
    """10/s → 50/s in 30 s → 80/s in 60 s → 10/s in 30 s: 900 + 3,900 + 1,350."""
    assert planned(SCENARIO) == 6_150
    found = dues(SCENARIO)
    assert len(found) == 6_150
    assert sum(due <= 30 * MICROSECONDS for due in found) == 900
    assert sum(30 * MICROSECONDS < due <= 90 * MICROSECONDS for due in found) == 3_900
    assert found[-1] == 120 * MICROSECONDS


@given(profiles)
@settings(max_examples=150, deadline=None)
def test_any_ramp_holds_the_whole_part_of_its_area(profile: Profile) -> None:
    """Counted against an area summed by trapezia, as exact fractions that carry over from stage to stage."""
    rate, area = profile.start_rate, Fraction(0)
    for stage in profile.stages:
        area += stage.duration * min(rate, stage.target) + stage.duration * abs(rate - stage.target) / 2
        rate = stage.target
    assert len(dues(profile)) == planned(profile) == floor(area)


@given(st.fractions(Fraction(1, 5), 90, max_denominator=50), st.fractions(Fraction(1, 10), 20, max_denominator=50))
@settings(max_examples=100, deadline=None)
def test_any_constant_rate_holds_every_position_below_its_area(rate: Fraction, seconds: Fraction) -> None:
    """0, 1, 2, … below rate × duration, each at its exact time rounded to the microsecond."""
    expected = []
    while Fraction(len(expected)) < rate * seconds:
        expected.append(len(expected) / rate * MICROSECONDS)
    found = dues(flat(rate, seconds))
    assert len(found) == len(expected)
    assert all(abs(due - exact) <= Fraction(1, 2) for due, exact in zip(found, expected, strict=True))


@given(profiles)
@settings(max_examples=150, deadline=None)
def test_arrivals_ascend_within_the_duration(profile: Profile) -> None:
    """Due moments never go back, none lies outside the profile, and indices count from 0."""
    found = list(schedule(profile))
    assert [arrival.index for arrival in found] == list(range(len(found)))
    times = [arrival.due for arrival in found]
    assert times == sorted(times)
    assert all(0 <= due <= round(profile.duration * MICROSECONDS) for due in times)


def area_until(profile: Profile, moment: Decimal) -> Decimal:
    """The area under the rate line from 0 to *moment*, by its definition."""
    rate, begins, area = _decimal(profile.start_rate), Decimal(0), Decimal(0)
    for stage in profile.stages:
        lasts, target = _decimal(stage.duration), _decimal(stage.target)
        inside = min(max(moment - begins, Decimal(0)), lasts)
        if lasts:
            area += inside * (rate + rate + (target - rate) * inside / lasts) / 2
        rate, begins = target, begins + lasts
    return area


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


@given(profiles, st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_an_arrival_falls_due_where_the_area_reaches_its_number(profile: Profile, where: float) -> None:
    """Checked by area alone: a microsecond and a half before it is not reached yet, as much after it is."""
    getcontext().prec = 50
    found = dues(profile)
    if not found:
        return
    number = min(int(where * len(found)), len(found) - 1)
    due, slack = Decimal(found[number]), Decimal("1.5")
    assert area_until(profile, (due - slack) / MICROSECONDS) < number + 1
    assert area_until(profile, (due + slack) / MICROSECONDS) >= number + 1 - Decimal("1e-30")


@pytest.mark.parametrize(
    ("profile", "number"),
    [(SCENARIO, 1), (SCENARIO, 900), (SCENARIO, 901), (SCENARIO, 6_149), (ramp(0, (28, 60)), 1), (ramp(60, (28, 0)), 840)],
)
def test_times_agree_with_a_slow_bisection(profile: Profile, number: int) -> None:
    """Halving the interval a hundred times over finds the same microsecond as the closed form."""
    getcontext().prec = 50
    low, high = Decimal(0), _decimal(profile.duration)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if area_until(profile, middle) < number else (low, middle)
    assert abs(dues(profile)[number - 1] - float(high) * MICROSECONDS) <= 1


def test_a_constant_rate_begins_at_once() -> None:
    """The first of a constant rate is due at 0, the others evenly after it."""
    assert dues(flat(4, 1)) == [0, 250_000, 500_000, 750_000]


def test_a_ramp_begins_where_its_area_reaches_one() -> None:
    """k6's rule: a level ramp's first is due after a whole interval."""
    assert dues(ramp(4, (1, 4))) == [250_000, 500_000, 750_000, 1_000_000]


def test_fractions_carry_over_stages() -> None:
    """Half an iteration of one stage and half of the next make one, due in the second."""
    assert dues(ramp(1, (Fraction(1, 2), 1), (Fraction(1, 2), 1))) == [1_000_000]
    assert planned(ramp(1, (Fraction(1, 2), 1), (0, 3), (Fraction(1, 2), 3))) == 2


def test_a_stage_of_no_length_is_a_step() -> None:
    """The rate jumps: a second at 2/s, and from there on 10/s."""
    found = dues(ramp(2, (1, 2), (0, 10), (1, 10)))
    assert found == [500_000, 1_000_000, *range(1_100_000, 2_000_001, 100_000)]


def test_a_step_at_the_very_start_and_end_changes_only_the_rate() -> None:
    """The start rate of a ramp whose first stage is a step is never held; nor is the rate of a step at the end."""
    assert dues(ramp(99, (0, 2), (1, 2), (0, 99))) == [500_000, 1_000_000]


def test_a_ramp_to_nothing_ends_at_its_end() -> None:
    """2/s down to 0 in 4 s hold 4 iterations, the last at the very end."""
    found = dues(ramp(2, (4, 0)))
    assert found[-1] == 4_000_000
    assert found == [round((4 - sqrt(16 - 4 * number)) * MICROSECONDS) for number in range(1, 5)]


def test_a_ramp_from_nothing_begins_slowly() -> None:
    """0 up to 2/s in 4 s: the area t²/4 reaches 1, 2, 3, 4 at twice the square roots."""
    assert dues(ramp(0, (4, 2))) == [round(2 * sqrt(number) * MICROSECONDS) for number in range(1, 5)]


def test_a_stretch_without_load_holds_nothing() -> None:
    """Down to 0, nothing for 3 s, and up again."""
    found = dues(ramp(2, (1, 2), (0, 0), (3, 0), (0, 2), (1, 2)))
    assert found == [500_000, 1_000_000, 4_500_000, 5_000_000]


def test_a_profile_without_area_holds_nothing() -> None:
    """A rate of 0 all along is no iteration, not an endless loop."""
    assert dues(ramp(0, (5, 0))) == [] == dues(ramp(0, (5, 0)), arrivals="poisson")


def test_a_schedule_is_lazy() -> None:
    """A profile of a year gives its first arrivals at once."""
    arrivals = schedule(flat(1_000, 365 * 24 * 3600))
    assert [next(arrivals).due for _ in range(3)] == [0, 1_000, 2_000]


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_poisson_is_the_same_for_the_same_seed(seed: int) -> None:
    """A seed fixes the whole schedule."""
    assert dues(SCENARIO, arrivals="poisson", seed=seed) == dues(SCENARIO, arrivals="poisson", seed=seed)


def test_poisson_is_another_for_another_seed() -> None:
    """Ten seeds give ten schedules."""
    assert len({tuple(dues(flat(20, 5), arrivals="poisson", seed=seed)) for seed in range(10)}) == 10


def test_an_even_schedule_takes_no_notice_of_the_seed() -> None:
    """Only chance needs one."""
    assert dues(SCENARIO, seed=1) == dues(SCENARIO, seed=2)


def test_poisson_gaps_are_exponential() -> None:
    """Kolmogorov–Smirnov over 4,800 seeded gaps: the greatest distance stays below the 1 % critical value."""
    rate = 80
    found = [0, *dues(flat(rate, 60), arrivals="poisson", seed=7)]
    gaps = sorted((after - before) / MICROSECONDS for before, after in pairwise(found))
    size = len(gaps)
    expected = [1 - exp(-rate * gap) for gap in gaps]
    distance = max(max((i + 1) / size - value, value - i / size) for i, value in enumerate(expected))
    assert distance < 1.63 / sqrt(size)


@pytest.mark.parametrize("seed", range(10))
def test_poisson_counts_stay_within_bounds(seed: int) -> None:
    """4,800 expected, a standard deviation of 69: four of them either way."""
    assert abs(len(dues(flat(80, 60), arrivals="poisson", seed=seed)) - 4_800) < 4 * sqrt(4_800)


def test_poisson_follows_the_ramp() -> None:
    """Each stage of the scenario gets its own share, within four standard deviations."""
    found = dues(SCENARIO, arrivals="poisson", seed=3)
    assert found == sorted(found)
    assert 0 <= found[0] <= found[-1] <= 120 * MICROSECONDS
    for begins, ends, expected in ((0, 30, 900), (30, 90, 3_900), (90, 120, 1_350)):
        number = sum(begins * MICROSECONDS < due <= ends * MICROSECONDS for due in found)
        assert abs(number - expected) < 4 * sqrt(expected)


def test_poisson_is_the_unit_process_stretched_by_the_rate() -> None:
    """The same seed at twice the rate falls due in half the time: one process, two clocks."""
    slow, fast = dues(flat(10, 60), arrivals="poisson", seed=5), dues(flat(20, 30), arrivals="poisson", seed=5)
    assert len(slow) == len(fast)
    assert all(abs(due - 2 * other) <= 2 for due, other in zip(slow, fast, strict=True))
