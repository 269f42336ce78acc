"""What passes is waited for, what is about the lines fails them, and what dooms every batch stops the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.pacing import Retry
from pytest_cio_load.customerio.replies import nothing
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.errors import CustomerIOError, InvalidOperation, RateLimited, Refused, ServerFailed, Unauthorized, Unreachable
from pytest_cio_load.pipeline.sending.outage import LONGEST, SHORTEST, Halt, Judgement, Outage, PatientClient, Unsettled, judge

WORKSPACE = api.Workspace("site", "key", limit=1_000_000)


@pytest.mark.parametrize(
    ("error", "judgement"),
    [
        (Unreachable("batch", "x"), Judgement.OUTAGE),
        (RateLimited("batch", "x", status=429), Judgement.OUTAGE),
        (ServerFailed("batch", "x", status=503), Judgement.OUTAGE),
        (Refused("batch", "x", status=408), Judgement.OUTAGE),
        (Refused("batch", "x", status=400), Judgement.LINES),
        (Refused("batch", "x", status=413), Judgement.LINES),
        (InvalidOperation("batch", "x"), Judgement.LINES),
        (Unauthorized("batch", "x", status=401), Judgement.STOP),
        (Refused("batch", "x", status=404), Judgement.STOP),
        (Refused("batch", "x", status=301), Judgement.STOP),
        (CustomerIOError("batch", "x", status=207), Judgement.STOP),
    ],
)
def test_what_a_failure_means(error: CustomerIOError, judgement: Judgement) -> None:
    """Only what is about the content of a batch says anything of its lines."""
    assert judge(error) is judgement


@pytest.mark.parametrize(
    ("lasted", "asked", "wait"),
    [
        (0, None, 0.5),
        (0.4, None, 0.5),
        (3, None, 3),
        (100, None, 30),
        (3, 8.0, 8),
        (3, 500.0, 30),
        (595, None, 5),
        (600, None, None),
        (700, 1.0, None),
    ],
)
def test_how_long_to_wait(lasted: float, asked: float | None, wait: float | None) -> None:
    """As long again as it has lasted, or as asked; the last try is at the end of patience."""
    outage = Outage(600)
    outage.lost(1_000.0)
    assert outage.lost(1_000.0 + lasted, asked) == wait


def test_an_answer_ends_it() -> None:
    """The next one begins anew."""
    outage = Outage(10)
    outage.lost(0.0)
    outage.over()
    assert (outage.since, outage.lost(100.0), outage.since) == (None, SHORTEST, 100.0)


@given(patience=st.floats(1, 3_600), late=st.floats(0, 1))
def test_it_tries_seldom_and_gives_up_in_time(patience: float, late: float) -> None:
    """However late it wakes up: no wait is longer than the longest, and all of them together are as long as patience."""
    outage, now, tries = Outage(patience), 0.0, 0
    while (wait := outage.lost(now)) is not None:
        assert 0 < wait <= LONGEST
        now += wait + late
        tries += 1
    assert patience <= now <= patience + late + 1e-6
    assert tries <= 12 + patience / LONGEST


class Wire:
    """Answers as told, then with 200."""

    def __init__(self, answers: Sequence[int | None]) -> None:
        self.answers, self.sent = list(answers), 0

    async def send(self, request: Request) -> Answer:
        self.sent += 1
        status = self.answers.pop(0) if self.answers else 200
        if status is None:
            raise NoAnswer("connection refused")
        return Answer(status, {}, b"{}")

    async def aclose(self) -> None:
        """Nothing is open."""


def outcome_of(
    answers: Sequence[int | None], patience: float = 600, before: Callable[[Halt], None] = lambda halt: None
) -> tuple[str, Wire, Halt]:
    """How a batch ends: the class of its error or "accepted"."""
    wire = Wire(answers)

    async def run() -> tuple[str, Halt]:
        halt = Halt()
        before(halt)
        client = PatientClient(WORKSPACE, wire, halt=halt, outage=Outage(patience), retry=Retry(attempts=1))
        try:
            await client._drive("batch", lambda: api.batch([api.identify("u1", {})]), nothing)
        except CustomerIOError as error:
            return type(error).__name__, halt
        return "accepted", halt

    ended, halt = asyncio.run(run())
    return ended, wire, halt


@pytest.mark.parametrize("answers", [[], [None], [503], [429, None]])
def test_what_passes_is_waited_for(answers: list[int | None]) -> None:
    """Nothing fails because of it."""
    ended, wire, halt = outcome_of(answers)
    assert (ended, wire.sent, halt.asked) == ("accepted", len(answers) + 1, False)


def test_patience_ends() -> None:
    """The run stops, and the lines have no outcome."""
    ended, wire, halt = outcome_of([503] * 9, patience=0.5)
    assert (ended, wire.sent) == ("Unsettled", 2)
    assert halt.reason.startswith("gave up after 500ms without an acceptance: batch: 503 (Service Unavailable, without a reason); expected")


def test_a_wrong_key_stops_at_once() -> None:
    """Every other batch would fare the same."""
    ended, wire, halt = outcome_of([401])
    assert (ended, wire.sent) == ("Unsettled", 1)
    assert halt.reason.startswith("batch: 401 (Unauthorized, without a reason); expected the site id and API key of a workspace")


def test_what_is_about_the_lines_fails_them() -> None:
    """And the run goes on."""
    ended, _, halt = outcome_of([400])
    assert (ended, halt.asked) == ("Refused", False)


def test_after_the_end_nothing_is_begun() -> None:
    """What has not been sent is not sent any more, and the first reason counts."""

    def stop(halt: Halt) -> None:
        halt.ask("first")
        halt.ask("second")

    ended, wire, halt = outcome_of([], before=stop)
    assert (ended, wire.sent, halt.reason) == ("Unsettled", 0, "first")


def test_what_a_line_without_an_outcome_says() -> None:
    """It is nobody's failure; whoever reads it knows how to go on."""
    with pytest.raises(Unsettled, match="batch: got the end of the run before an answer; expected one; go on with --resume"):
        asyncio.run(_stopped())


async def _stopped() -> None:
    halt = Halt()
    halt.ask("x")
    client = PatientClient(WORKSPACE, Wire([]), halt=halt, outage=Outage(1))
    await client._drive("batch", lambda: api.batch([api.identify("u1", {})]), nothing)


def test_an_end_cuts_a_wait_short() -> None:
    """Ctrl-C need not wait for an outage."""

    async def run() -> None:
        told: list[str] = []
        halt = Halt(lambda: told.append("told"))
        asyncio.get_running_loop().call_soon(halt.ask, "x")
        await asyncio.wait_for(halt.within(3_600), 60)
        halt.ask("again")
        assert told == ["told"]

    asyncio.run(run())
