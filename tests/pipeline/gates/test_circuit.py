"""Whether the service is up, by tables, without a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.pipeline.gates.circuit import LONGEST_RETRY_AFTER, Circuit
from pytest_cio_load.pipeline.gates.gate import Failure, Kind, Phase, Rules
from pytest_cio_load.pipeline.gates.slots import SECOND

KINDS = list(Kind)


def fail(
    circuit: Circuit,
    kind: Kind,
    now: float = 0,
    *,
    era: int | None = None,
    key: str = "a",
    previous: int | None = None,
    chance: float = 0.0,
    retry_after: float | None = None,
) -> bool:
    """A failure of something granted in *era*, now unless told otherwise."""
    era = circuit.opened if era is None else era
    return circuit.failed(now, Failure(kind, retry_after), era, key=key, previous=previous, chance=chance)


@pytest.mark.parametrize(
    ("kind", "retry_after", "chance", "seconds", "uncounted"),
    [
        (Kind.OUTAGE, None, 0.0, 0.5, True),
        (Kind.OUTAGE, None, 1.0, 0.625, True),
        (Kind.OUTAGE, 20.0, 1.0, 20, True),
        (Kind.LIMITED, None, 0.0, 0.5, True),
        (Kind.LIMITED, 7.0, 1.0, 7, True),
        (Kind.LIMITED, 0.0, 0.0, 0.5, True),
        (Kind.LIMITED, -3.0, 0.0, 0.5, True),
        (Kind.LIMITED, 1e9, 0.0, LONGEST_RETRY_AFTER / SECOND, True),
        (Kind.LIMITED, float("inf"), 0.0, LONGEST_RETRY_AFTER / SECOND, True),
        (Kind.LIMITED, float("nan"), 0.0, 0.5, True),
        (Kind.UNAUTHORIZED, None, 0.0, 30, False),
        (Kind.UNAUTHORIZED, None, 1.0, 37.5, False),
    ],
)
def test_what_opens_at_once(kind: Kind, retry_after: float | None, chance: float, seconds: float, uncounted: bool) -> None:
    """For how long, and whether the try counts."""
    circuit = Circuit()
    assert fail(circuit, kind, 100, chance=chance, retry_after=retry_after) is uncounted
    assert (circuit.phase(100), circuit.refuses(100)) == (Phase.OPEN, seconds * SECOND)


@pytest.mark.parametrize(
    ("story", "opened", "counted"),
    [
        (["a", "b"], 0, 2),
        (["a", "b", "c"], 1, 2),
        (["a", "a", "a", "a"], 0, 4),
        (["a", "b", "a", "b", "c"], 1, 4),
        (["a", "b", "+", "c", "d"], 0, 4),
        (["a", "b", "+", "c", "d", "e"], 1, 4),
    ],
)
def test_when_server_failures_are_an_outage(story: list[str], opened: int, counted: int) -> None:
    """At the third operation in a row, with no success (+) in between."""
    circuit, tries = Circuit(), 0
    for step in story:
        if step == "+":
            circuit.succeeded(circuit.opened)
        else:
            tries += not fail(circuit, Kind.SERVER, key=step)
    assert (circuit.opened, tries) == (opened, counted)


def test_the_cool_down_doubles_while_probes_fail() -> None:
    """Up to the longest one."""
    circuit, now, pauses = Circuit(), 0.0, []
    for _ in range(9):
        fail(circuit, Kind.OUTAGE, now)
        pauses.append((circuit.until - now) / SECOND)
        now = circuit.until
        circuit.probing(now)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_doubling_never_overflows() -> None:
    """Days of outage end as minutes of it do."""
    circuit = Circuit()
    for _ in range(2_000):
        fail(circuit, Kind.OUTAGE)
    assert circuit.until == 30 * SECOND


def test_a_success_starts_over() -> None:
    """The next outage begins with the shortest cool-down."""
    circuit = Circuit()
    for _ in range(4):
        fail(circuit, Kind.OUTAGE)
    circuit.succeeded(circuit.opened)
    assert circuit.phase(0) is Phase.CLOSED
    fail(circuit, Kind.OUTAGE)
    assert circuit.until == 0.5 * SECOND


@pytest.mark.parametrize("kind", KINDS)
def test_what_failed_together_opens_once(kind: Kind) -> None:
    """The others were granted before it opened, and do not stretch the pause."""
    circuit = Circuit()
    fail(circuit, Kind.OUTAGE, 0)
    assert fail(circuit, kind, 0.1 * SECOND, era=0) is (kind is not Kind.UNAUTHORIZED)
    assert (circuit.opened, circuit.until) == (1, 0.5 * SECOND)


def test_a_429_stretches_a_pause_for_what_it_asks() -> None:
    """Though its request was granted before the circuit opened."""
    circuit = Circuit()
    fail(circuit, Kind.OUTAGE)
    fail(circuit, Kind.LIMITED, era=0, retry_after=9)
    assert (circuit.opened, circuit.until) == (1, 9 * SECOND)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_of_before_the_outage_does_not_open_it_again(kind: Kind) -> None:
    """It hung, while a probe has found the service well."""
    circuit = Circuit()
    fail(circuit, Kind.OUTAGE)
    circuit.succeeded(1)
    assert fail(circuit, kind, era=0) is (kind is not Kind.UNAUTHORIZED)
    assert circuit.phase(0) is Phase.CLOSED


def test_a_success_of_before_the_outage_does_not_close_it() -> None:
    """Only a probe does; it counts as a success all the same."""
    circuit = Circuit()
    fail(circuit, Kind.LIMITED, retry_after=9)
    circuit.succeeded(0)
    assert (circuit.phase(0), circuit.successes) == (Phase.OPEN, 1)


@pytest.mark.parametrize("kind", [Kind.OUTAGE, Kind.SERVER])
def test_an_operation_that_fails_while_others_succeed(kind: Kind) -> None:
    """Counts, and opens nothing."""
    circuit = Circuit()
    circuit.succeeded(0)
    assert not fail(circuit, kind, previous=0)
    assert circuit.phase(0) is Phase.CLOSED


@pytest.mark.parametrize("kind", [Kind.LIMITED, Kind.UNAUTHORIZED])
def test_what_is_never_the_operation_s_own(kind: Kind) -> None:
    """The budget and the credentials are everybody's."""
    circuit = Circuit()
    circuit.succeeded(0)
    fail(circuit, kind, previous=0)
    assert circuit.phase(0) is Phase.OPEN


def test_its_own_failures_are_no_part_of_a_row() -> None:
    """Three operations that fail among many that succeed are no outage."""
    circuit = Circuit()
    circuit.succeeded(0)
    for key in "abc":
        fail(circuit, Kind.SERVER, key=key, previous=0)
    assert circuit.opened == 0


def test_a_probe_that_fails_on_its_own_is_no_verdict() -> None:
    """Its try counts, and another one may probe at once."""
    circuit = Circuit()
    circuit.succeeded(0)
    fail(circuit, Kind.OUTAGE)
    circuit.probing(SECOND)
    assert not fail(circuit, Kind.OUTAGE, 2 * SECOND, previous=0)
    assert (circuit.opened, circuit.phase(2 * SECOND), circuit.refuses(2 * SECOND)) == (1, Phase.HALF_OPEN, None)


@pytest.mark.parametrize(("kind", "seconds"), [(Kind.OUTAGE, 1), (Kind.SERVER, 1), (Kind.LIMITED, 1), (Kind.UNAUTHORIZED, 30)])
def test_a_probe_that_fails(kind: Kind, seconds: float) -> None:
    """Opens it again at once, whatever the failure."""
    circuit = Circuit()
    fail(circuit, Kind.OUTAGE)
    circuit.probing(SECOND)
    assert fail(circuit, kind, 2 * SECOND) is (kind is not Kind.UNAUTHORIZED)
    assert circuit.refuses(2 * SECOND) == seconds * SECOND


def test_one_probes_at_a_time() -> None:
    """The others ask again soon, and at last when its lease ends."""
    circuit = Circuit(Rules(lease=1))
    fail(circuit, Kind.OUTAGE)
    now = circuit.until
    assert circuit.refuses(now) is None
    circuit.probing(now)
    waits = [circuit.refuses(now + seconds * SECOND) for seconds in (0, 0.7, 0.9, 1)]
    assert waits == [250_000, 250_000, pytest.approx(100_000), None]


@pytest.mark.parametrize("verdict", ["success", "failure"])
def test_a_probe_that_outlives_its_lease_is_still_a_verdict(verdict: str) -> None:
    """Though another one probes by then: what answers slowly works, or does not."""
    circuit = Circuit(Rules(lease=1))
    fail(circuit, Kind.OUTAGE)
    circuit.probing(SECOND)
    circuit.probing(3 * SECOND)
    if verdict == "success":
        circuit.succeeded(1)
    else:
        fail(circuit, Kind.OUTAGE, 4 * SECOND, era=1)
    assert circuit.phase(4 * SECOND) is (Phase.CLOSED if verdict == "success" else Phase.OPEN)


moments = st.lists(st.tuples(st.integers(0, 3_000_000), st.sampled_from([*KINDS, None]), st.integers(0, 1)), max_size=60)


@given(moments)
def test_a_pause_always_ends(story: list[tuple[int, Kind | None, int]]) -> None:
    """Whatever happened: after the longest pause somebody may ask, and is a probe at most."""
    circuit, now = Circuit(), 0.0
    for gap, kind, late in story:
        now += gap
        if kind is None:
            circuit.succeeded(circuit.opened - late)
        else:
            fail(circuit, kind, now, era=circuit.opened - late)
        assert 0 <= (circuit.refuses(now) or 0.0) <= 37.5 * SECOND


@given(st.integers(1, 5), st.integers(1, 20))
def test_no_operation_hides_behind_the_circuit(tries: int, others: int) -> None:
    """One that never gets an answer is out of tries after one pause, as long as others get through in between."""
    circuit, previous, counted = Circuit(), None, 0
    for _ in range(tries + 1):
        counted += not fail(circuit, Kind.OUTAGE, previous=previous)
        previous = circuit.successes
        for _ in range(others):
            circuit.succeeded(circuit.opened)
    assert (circuit.opened, counted) == (1, tries)
