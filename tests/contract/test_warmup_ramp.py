"""``warmup_ramp=True``: a ramp from 10 % of the rate in front of the promised load, which then comes whole and unchanged."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.contract.contract import Contract, build, merge, parse_spec
from pytest_cio_load.contract.profile import Profile, Stage
from pytest_cio_load.contract.ramp import iterations, ramped
from pytest_cio_load.contract.verdict import judge
from pytest_cio_load.errors import ContractError
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import schedule
from pytest_cio_load.measurement import arrivals_of, count_planned
from pytest_cio_load.metrics.recorder import Recorder

SECOND = 1_000_000
FLAT: dict[str, object] = {"rate": 80, "duration": 60}
RAMP: dict[str, object] = {"start_rate": 10, "stages": [("30s", 50), ("60s", 80), ("30s", 10)]}
STEP: dict[str, object] = {"stages": [("0s", 50), ("1m", 50)]}
TRUE: dict[str, object] = {"warmup_ramp": True}


def dues(contract: Contract, seed: int = 7) -> list[int]:
    """When everything falls due, in microseconds; the indexes are checked in passing."""
    arrivals = list(arrivals_of(contract, seed))
    assert [arrival.index for arrival in arrivals] == list(range(len(arrivals)))
    return [arrival.due for arrival in arrivals]


def promised(keywords: dict[str, object], seed: int = 7) -> list[int]:
    """When the promised load falls due, where no ramp stands in front of it."""
    contract = build(keywords)
    return [arrival.due for arrival in schedule(contract.profile, arrivals=contract.arrivals, seed=seed)]


@pytest.mark.parametrize(
    ("keywords", "ramp", "warm", "measured"),
    [
        (FLAT | TRUE, Profile(Fraction(8), (Stage(Fraction(10), Fraction(80)),), constant=False), 439, 4800),
        (FLAT | TRUE | {"warmup": "5s"}, Profile(Fraction(8), (Stage(Fraction(5), Fraction(80)),), constant=False), 219, 4800),
        (FLAT | TRUE | {"rate": 15}, Profile(Fraction(3, 2), (Stage(Fraction(10), Fraction(15)),), constant=False), 82, 900),
        (FLAT | TRUE | {"rate": "1/h"}, Profile(Fraction(1, 36000), (Stage(Fraction(10), Fraction(1, 3600)),), constant=False), 0, 1),
        (RAMP | TRUE, Profile(Fraction(1), (Stage(Fraction(10), Fraction(10)),), constant=False), 54, 6150),
        (STEP | TRUE | {"warmup": 20}, Profile(Fraction(5), (Stage(Fraction(20), Fraction(50)),), constant=False), 549, 3000),
    ],
)
def test_the_ramp(keywords: dict[str, object], ramp: Profile, warm: int, measured: int) -> None:
    """From 10 % of the first rate up to it, over warmup or 10 s; what falls due in it is warmup, and all that was promised is measured."""
    contract = build(keywords)
    assert contract.profile.ramp == ramp
    assert contract.warmup_ramp
    assert contract.warmup == ramp.duration
    due = dues(contract)
    assert (iterations(ramp), count_planned(contract, 7)) == (warm, warm + measured)
    assert sum(each < contract.warmup * SECOND for each in due) == warm
    assert len(due) == warm + measured


@pytest.mark.parametrize("arrivals", ["even", "poisson"])
@pytest.mark.parametrize("load", [FLAT, RAMP, STEP, {"rate": "7/m", "duration": "2m"}], ids=["flat", "ramp", "step", "slow"])
def test_the_promised_load_follows_unchanged(load: dict[str, object], arrivals: str) -> None:
    """To the microsecond, moved by what the ramp takes."""
    load = load | {"arrivals": arrivals}
    contract = build(load | TRUE | {"warmup": "1.5s"})
    measured = [due - 1_500_000 for due in dues(contract) if due >= 1_500_000]
    assert measured == promised(load)
    assert count_planned(contract, 7) == len(dues(contract))


def test_a_poisson_ramp_is_no_copy_of_what_follows() -> None:
    """Its chance is its own, and comes from the same seed every time."""
    contract = build(FLAT | TRUE | {"arrivals": "poisson"})
    warm = [due for due in dues(contract) if due < 10 * SECOND]
    assert warm == [due for due in dues(contract) if due < 10 * SECOND]
    assert warm != [arrival.due for arrival in schedule(contract.profile.ramp or contract.profile, arrivals="poisson", seed=7)]
    assert 330 < len(warm) < 550


def test_the_run_lasts_as_long_as_both() -> None:
    """Whoever asks how long it takes is told so; the rate that counts for a cap is that of the promised load."""
    profile = build(FLAT | TRUE).profile
    assert (profile.duration, profile.peak, profile.area) == (70, 80, 4800)


@given(
    rate=st.fractions(Fraction(1, 10), 200, max_denominator=12),
    seconds=st.fractions(Fraction(1, 7), 15, max_denominator=7),
)
def test_nothing_of_a_ramp_is_due_once_it_is_over(rate: Fraction, seconds: Fraction) -> None:
    """Whatever rate and length, rounding included: it would be measured, and is not planned to be."""
    contract = Contract(ramped(Profile.flat(rate, Fraction(3)), seconds), warmup=seconds)
    due, lasts = dues(contract), round(seconds * SECOND)
    assert due == sorted(due)
    assert sum(each < lasts for each in due) == iterations(contract.profile.ramp or contract.profile)
    assert lasts in due


@pytest.mark.parametrize("keywords", [FLAT, FLAT | {"warmup_ramp": False}, RAMP | {"warmup_ramp": False}])
def test_false_is_the_same_as_left_out(keywords: dict[str, object]) -> None:
    """No ramp, and nothing else changes."""
    contract = build(keywords)
    assert not contract.warmup_ramp
    assert contract == build({name: value for name, value in keywords.items() if name != "warmup_ramp"})
    assert dues(contract) == promised(keywords)


def test_the_closest_marker_decides() -> None:
    """A class may ramp, and a test of it may not."""
    assert not build(merge([{"warmup_ramp": False}, FLAT, TRUE])).warmup_ramp
    assert build(merge([{"rate": 5}, FLAT | TRUE])).profile.describe() == "5/s for 1m after 0.5/s → 5/s in 10s"


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        (FLAT | TRUE, "80/s for 1m after 8/s → 80/s in 10s; warmup ramp of 439 iterations, not measured; errors count==0 (default)"),
        (
            FLAT | TRUE | {"arrivals": "poisson"},
            "80/s for 1m after 8/s → 80/s in 10s; poisson arrivals; warmup ramp of about 439 iterations, not measured; errors",
        ),
        ({"rate": 1, "duration": 5, "warmup": "3.5s"} | TRUE, "1/s for 5s after 0.1/s → 1/s in 3.5s; warmup ramp of 1 iteration, not"),
        (STEP | TRUE, "0/s → 50/s at once → 50/s in 1m after 5/s → 50/s in 10s; warmup ramp of 274 iterations, not measured"),
    ],
)
def test_a_contract_tells_of_its_ramp(keywords: dict[str, object], text: str) -> None:
    """What comes first, and that none of it is measured."""
    assert build(keywords).describe().startswith(text)


NOT_NEEDED = (
    "warmup_ramp=True with stages that begin at 0/s: expected a load that begins at a rate of its own; "
    "leave it out: they are a ramp already"
)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"stages": [("30s", 50)]} | TRUE, NOT_NEEDED),
        ({"stages": [("0s", 50), ("0s", 0), ("30s", 50)]} | TRUE, NOT_NEEDED),
        (
            FLAT | TRUE | {"warmup": 0},
            "warmup=0 with warmup_ramp=True: expected more than 0 s, which the ramp lasts; "
            "leave out warmup for 10s, or leave out warmup_ramp",
        ),
        (FLAT | {"warmup_ramp": "true"}, "warmup_ramp='true': expected True or False; did you mean True?"),
        (FLAT | {"warmup_ramp": None}, "warmup_ramp=None: expected True or False"),
        (FLAT | {"warmup_ramps": True}, "warmup_ramps=True: expected a keyword of cio_load; did you mean warmup_ramp?"),
        (FLAT | {"ramp_up": True}, "ramp_up=True: expected a keyword of cio_load; did you mean warmup_ramp?"),
    ],
)
def test_what_makes_no_sense_is_refused(keywords: dict[str, object], message: str) -> None:
    """With the other problems of the marker, at collection."""
    with pytest.raises(ContractError) as caught:
        build(keywords)
    assert str(caught.value) == message


def test_a_ramp_may_be_longer_than_the_promised_load() -> None:
    """It stands in front of it, and takes nothing away."""
    assert build({"rate": 10, "duration": 5, "warmup": "20s"} | TRUE).profile.duration == 25


def test_a_spec_may_ask_for_it() -> None:
    """On the command line."""
    assert build(parse_spec("80/s,60s,warmup_ramp=true,warmup=5s")) == build(FLAT | TRUE | {"warmup": "5s"})


SUITE = """
    import asyncio
    import pytest

    {mark}
    async def test_it(cio_load):
        with open("dues.txt", "a") as file:
            print(cio_load.due, file=file)
        await asyncio.sleep(0.01)
"""
QUIET = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
MARK = '@pytest.mark.cio_load(rate=80, duration=3, warmup="9s", warmup_ramp=True, p95="10s", clock="virtual")'
SPEC = "--cio-load=80/s,3s,warmup=9s,warmup_ramp=true,p(95)<10s,clock=virtual"


@pytest.mark.parametrize(("mark", "options"), [(MARK, []), ("", [SPEC])], ids=["marker", "command line"])
def test_a_run_begins_at_a_tenth_of_its_rate(pytester: pytest.Pytester, mark: str, options: list[str]) -> None:
    """11 of 80 in the first second, while the rate goes from 8/s to 16/s; then the promise, held by what came after the ramp alone."""
    pytester.makepyfile(SUITE.format(mark=mark))
    result = pytester.runpytest_inprocess(*QUIET, *options, "-rA")
    result.assert_outcomes(passed=1)
    by_second = _by_second(pytester)
    assert by_second == [11, 20, 28, 36, 44, 52, 60, 68, 76, 80, 80, 80]
    result.stdout.fnmatch_lines(
        [
            "*635 iterations planned in 1 contract*",
            "80/s for 3s after 8/s → 80/s in 9s, 240 planned, *",
            "240 iterations measured, 80/s achieved*",
            "*395 iterations of the warmup ran, and count for nothing above*",
        ]
    )


def _by_second(pytester: pytest.Pytester) -> list[int]:
    seconds = [int(float(line)) for line in (pytester.path / "dues.txt").read_text(encoding="utf-8").split()]
    return [seconds.count(second) for second in range(max(seconds) + 1)]


def test_the_plan_tells_both_parts(pytester: pytest.Pytester) -> None:
    """How many are planned in all, and how many of them are not measured."""
    pytester.makepyfile(SUITE.format(mark=MARK))
    result = pytester.runpytest_inprocess(*QUIET, "--collect-only")
    result.stdout.fnmatch_lines(["*::test_it: 635 iterations, 80/s for 3s after 8/s → 80/s in 9s; warmup ramp of 395 iterations, not *"])


@pytest.mark.parametrize(("late", "outcome"), [("ramp", "kept"), ("promised load", "inconclusive")])
def test_only_a_late_promised_load_is_inconclusive(late: str, outcome: str) -> None:
    """What the generator could not begin on time within the ramp decides nothing; within the promised load it does."""
    contract = build({"rate": 10, "duration": 10, "p95": "10s"} | TRUE)
    book = Recorder({}, warmup=round(contract.warmup * SECOND), lag_tolerance=50_000, home="")
    for arrival in arrivals_of(contract, 7):
        is_late = (arrival.due < 10 * SECOND) is (late == "ramp")
        began = arrival.due + 500_000 * is_late
        book.finished(Sample(arrival, began, began + 1_000, 0, Outcome.OK))
    found = book.summary(planned=count_planned(contract, 7), elapsed=20.0, end="complete", reason="")
    assert judge(contract, found).outcome.value == outcome
    assert (found.planned, found.warmup.iterations, found.read("iterations", "count"), found.measured) == (154, 54, 100, 10)
