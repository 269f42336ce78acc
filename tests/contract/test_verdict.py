"""The three verdicts: kept, broken, and inconclusive, which is said whenever the run cannot tell."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cio_load.contract.contract import Contract, build
from pytest_cio_load.contract.verdict import UNTOLD, Outcome, State, Verdict, judge
from pytest_cio_load.metrics.failures import Failure
from pytest_cio_load.metrics.kinds import BUILTIN
from pytest_cio_load.metrics.measured import Counter, Rate, Trend
from pytest_cio_load.metrics.summary import Summary, Warmup

KEPT, BROKEN, INCONCLUSIVE = Outcome.KEPT, Outcome.BROKEN, Outcome.INCONCLUSIVE
TO_ITS_END = "let it run to its end"


def trend(*ms: float) -> Trend:
    """A trend of these."""
    made = Trend()
    for value in ms:
        made.add(value)
    return made


def rate(true: int, of: int) -> Rate:
    """So many true ones."""
    made = Rate()
    for index in range(of):
        made.add(index < true)
    return made


def counter(total: float) -> Counter:
    """One sample of so much."""
    made = Counter()
    made.add(total)
    return made


def summary(
    iterations: int = 100,
    ms: float = 50.0,
    *,
    failed: int = 0,
    dropped: int = 0,
    late: int = 0,
    metrics: dict[str, Any] | None = None,
    **how: Any,
) -> Summary:
    """A run of so many iterations that took so long each, unless said otherwise."""
    filled = {
        "response": trend(*[ms] * iterations),
        "lag": trend(*[250.0] * late, *[0.0] * (iterations - late)),
        "errors": rate(failed, iterations),
        "dropped": rate(dropped, iterations),
        "on_time": rate(iterations - late, iterations),
    } | (metrics or {})
    given = {"planned": iterations, "seen": iterations, "end": "complete", "reason": "", "warmup": Warmup(0, ())} | how
    elapsed = given.pop("elapsed", 60.0)
    return Summary(metrics=filled, kinds=BUILTIN, waited=0, elapsed=elapsed, measured=elapsed, failures=(), **given)


def promised(**keywords: Any) -> Contract:
    """80/s for 60 s, and what is promised about it."""
    return build({"rate": 80, "duration": 60} | keywords)


def states(verdict: Verdict) -> dict[str, State]:
    """By clause."""
    return {f"{finding.threshold.metric} {finding.threshold.text}": finding.state for finding in verdict.findings}


def reasons(verdict: Verdict) -> list[str]:
    """Why it is inconclusive."""
    return [reason.what for reason in verdict.reasons]


# Kept and broken.


def test_a_contract_is_kept_when_every_clause_is_and_the_run_can_tell() -> None:
    """Each promise counts, those that every contract makes too."""
    verdict = judge(promised(p95=500), summary())
    assert (verdict.outcome, verdict.reasons, verdict.broken) == (KEPT, (), ())
    assert states(verdict) == dict.fromkeys(["response p(95)<500", "errors count==0", "dropped count==0", "on_time rate>=99%"], State.OK)
    assert verdict.headline == "contract kept: 4 of 4 promises"


@pytest.mark.parametrize(
    ("keywords", "run", "headline"),
    [
        ({"p95": 500}, summary(ms=612), "contract broken: response p(95) was 612.0 ms, promised p(95)<500"),
        ({"max": "2s"}, summary(ms=7_088), "contract broken: response max was 7,088 ms, promised max<2s"),
        ({}, summary(failed=1), "contract broken: errors count was 1, promised count==0"),
        ({}, summary(dropped=3), "contract broken: dropped count was 3, promised count==0"),
        ({"errors": "1%"}, summary(failed=2), "contract broken: errors rate was 2%, promised rate<=1%"),
        ({"p95": 40, "max": 45}, summary(failed=1), "contract broken: response p(95) was 50.0 ms, promised p(95)<40, and 2 more"),
    ],
)
def test_a_contract_is_broken_by_any_clause(keywords: dict[str, Any], run: Summary, headline: str) -> None:
    """The headline names the first, says what was measured and what was promised, and counts the others."""
    verdict = judge(promised(**keywords), run)
    assert verdict.outcome is BROKEN
    assert verdict.headline == headline


@pytest.mark.parametrize(
    ("keywords", "run"),
    [
        ({"errors": 2}, {"failed": 2}),
        ({"errors": "2%"}, {"failed": 2}),
        ({"dropped": 5}, {"dropped": 5}),
        ({"thresholds": {"on_time": "rate>=50%"}}, {"late": 40}),
        ({"thresholds": {"errors": "count<50"}}, {"failed": 49}),
    ],
)
def test_what_the_author_loosens_by_name_is_loosened(keywords: dict[str, Any], run: dict[str, Any]) -> None:
    """Each of the promises of every contract, the guard included; and broken by one more."""
    assert judge(promised(**keywords), summary(**run)).outcome is KEPT
    (name, number), *_ = run.items()
    verdict = judge(promised(**keywords), summary(**{name: number + 11}))
    assert verdict.outcome is (INCONCLUSIVE if name == "late" else BROKEN)


# Inconclusive.


def test_a_clause_without_samples_is_never_green() -> None:
    """Whoever promises something of a metric must record it."""
    verdict = judge(promised(thresholds={"identify": "p(95)<500"}), summary())
    assert verdict.outcome is INCONCLUSIVE
    assert verdict.headline == "inconclusive: identify p(95)<500: no samples"
    assert verdict.reasons[0].remedy == "let the body record 'identify', or take the promise out"


def test_a_clause_on_what_the_engine_does_not_tell_names_one_that_does() -> None:
    """A body cannot record what a connection cost."""
    verdict = judge(promised(thresholds={"pool_wait": "max<5"}), summary())
    assert verdict.headline == "inconclusive: pool_wait max<5: no samples"
    assert verdict.reasons[0].remedy == f"{UNTOLD}, or take the promise out"
    assert "--cio-wire=direct" in UNTOLD


def test_too_few_samples_are_inconclusive_even_when_they_look_broken() -> None:
    """Nineteen samples say nothing of p(95); the remedy is named."""
    for ms in (50, 900):
        verdict = judge(promised(p95=500), summary(19, ms))
        assert verdict.outcome is INCONCLUSIVE
        assert reasons(verdict) == ["response p(95)<500: 19 samples cannot support p(95), which needs 20"]
        assert verdict.reasons[0].remedy == "run longer or at a higher rate, or promise a lower percentile or max"


def test_a_broken_clause_breaks_the_contract_though_another_cannot_be_judged() -> None:
    """One promise broken on enough evidence is enough; the other is told as well."""
    verdict = judge(promised(thresholds={"identify": "p(95)<500"}), summary(failed=1))
    assert verdict.outcome is BROKEN
    assert reasons(verdict) == ["identify p(95)<500: no samples"]
    assert verdict.headline == "contract broken: errors count was 1, promised count==0"


@pytest.mark.parametrize("ms", [50, 7_000])
def test_a_saturated_generator_is_inconclusive_whatever_it_measured(ms: float) -> None:
    """It was not the promised load, so neither "kept" nor "Customer.io is slow" may be concluded."""
    verdict = judge(promised(p95=500), summary(ms=ms, late=2))
    assert verdict.outcome is INCONCLUSIVE
    assert verdict.headline == (
        "inconclusive: the load generator was saturated: 98% of the iterations began within 50.0 ms of when they were due, "
        "rate>=99% is needed (lag p(99) 250.0 ms)"
    )
    assert verdict.reasons[0].remedy == (
        "what was measured is this process as much as the target: lower the rate, take CPU work out of the body, "
        "or spread the load over more processes"
    )


def test_one_late_iteration_in_a_hundred_is_not_saturation() -> None:
    """99 % on time is what every contract demands."""
    assert judge(promised(p95=500), summary(late=1)).outcome is KEPT


def test_a_run_that_was_cut_short_is_inconclusive_even_if_it_looks_broken() -> None:
    """Ctrl-C: whatever was measured by then."""
    for failed in (0, 5):
        verdict = judge(promised(), summary(failed=failed, end="cut short", reason="Ctrl-C"))
        assert (verdict.outcome, verdict.headline) == (INCONCLUSIVE, "inconclusive: the run was cut short: Ctrl-C")
        assert verdict.reasons[0].remedy == TO_ITS_END


def test_a_run_that_did_not_get_through_its_schedule_is_inconclusive() -> None:
    """Even if it ended of itself."""
    verdict = judge(promised(), summary(planned=4_800))
    assert verdict.outcome is INCONCLUSIVE
    assert reasons(verdict) == ["the run did not get through its schedule: 4,700 of 4,800 planned iterations never fell due"]


def test_dropped_iterations_belong_to_the_schedule() -> None:
    """They fell due; the run got through it, and is broken for another reason."""
    assert judge(promised(), summary(90, dropped=10, planned=100, seen=100)).outcome is BROKEN


def test_a_run_without_an_iteration_is_inconclusive() -> None:
    """Nothing was measured: the first reason is that, and not each clause's lack of samples."""
    verdict = judge(promised(p95=500), summary(0, planned=10, seen=10))
    assert verdict.outcome is INCONCLUSIVE
    assert verdict.headline == "inconclusive: no iteration was measured"
    assert verdict.reasons[0].remedy == "raise max_in_flight, the rate or the duration, until at least one iteration begins"


def test_a_run_that_was_all_warmup_is_told_so() -> None:
    """The remedy is another one."""
    verdict = judge(promised(), summary(0, planned=10, seen=10, warmup=Warmup(10, ())))
    assert verdict.reasons[0].remedy == "every iteration fell due in the warmup: make it shorter, or the run longer"


def test_failures_in_the_warmup_break_nothing() -> None:
    """They are told, and count for nothing."""
    failed = Failure("OSError", "", "refused", 3, 0, 0.0, "")
    assert judge(promised(), summary(warmup=Warmup(10, (failed,)))).outcome is KEPT


def test_dropping_everything_is_inconclusive_rather_than_kept() -> None:
    """No response time was measured, though drops were counted."""
    everything = {"response": Trend(), "errors": Rate(), "on_time": Rate(), "lag": Trend(), "dropped": rate(10, 10)}
    assert judge(promised(), summary(0, metrics=everything, planned=10, seen=10)).outcome is INCONCLUSIVE


def test_a_virtual_run_in_which_nothing_took_time_is_inconclusive() -> None:
    """A body that waits for nothing shows nothing in virtual time; on the wall clock it is merely fast."""
    verdict = judge(promised(p95=500), summary(ms=0), clock="virtual")
    assert verdict.outcome is INCONCLUSIVE
    assert verdict.headline == (
        "inconclusive: in virtual time every iteration took 0 ms: nothing it did waits, and CPU time does not count there"
    )
    assert verdict.reasons[0].remedy == "use clock='wall' to measure CPU work, or give the mock a latency"
    assert judge(promised(p95=500), summary(ms=0), clock="wall").outcome is KEPT


def test_a_virtual_run_in_which_one_iteration_took_time_can_tell() -> None:
    """It is the longest that must not be 0."""
    run = summary(metrics={"response": trend(*[0.0] * 99, 0.001)})
    assert judge(promised(p95=500), run, clock="virtual").outcome is KEPT


# Aborted.


def test_an_aborted_run_is_broken_by_what_aborted_it() -> None:
    """Though the schedule was not gone through, and though the clause would hold by now."""
    contract = promised(p95=500, abort_on_fail=True)
    verdict = judge(contract, summary(planned=4_800, end="aborted", reason="…"), aborted_by=contract.thresholds[0])
    assert verdict.outcome is BROKEN
    assert [finding.aborted for finding in verdict.findings] == [True, False, False, False]


def test_an_aborted_run_of_a_saturated_generator_is_inconclusive() -> None:
    """The generator's lateness may be all that broke the clause."""
    contract = promised(p95=500, abort_on_fail=True)
    run = summary(ms=900, late=50, planned=4_800, end="aborted", reason="…")
    assert judge(contract, run, aborted_by=contract.thresholds[0]).outcome is INCONCLUSIVE


# Precedence, in one table: what is wrong with the run goes before what is broken, and that before what cannot be judged.


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("unfinished", [False, True])
@pytest.mark.parametrize("saturated", [False, True])
@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("no_samples", [False, True])
def test_the_order_of_the_verdicts(cut: bool, unfinished: bool, saturated: bool, broken: bool, no_samples: bool) -> None:
    """Kept is only what nothing speaks against."""
    contract = promised(p95=500, **({"thresholds": {"identify": "max<1"}} if no_samples else {}))
    run = summary(
        ms=900 if broken else 50,
        late=5 if saturated else 0,
        planned=200 if unfinished else 100,
        end="cut short" if cut else "complete",
    )
    expected = INCONCLUSIVE if cut or unfinished or saturated else BROKEN if broken else INCONCLUSIVE if no_samples else KEPT
    verdict = judge(contract, run)
    assert verdict.outcome is expected
    assert len(verdict.reasons) == (cut or unfinished) + saturated + no_samples
    assert all(reason.what and reason.remedy for reason in verdict.reasons)
