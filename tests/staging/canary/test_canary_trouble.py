"""What was accepted and not applied, and what the canary survives or ends with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from pytest_cio_load.customerio.wire import Answer, Request
from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.ledger import User
from pytest_cio_load.staging.sightings import NOT_APPLIED

NOTHING = dict.fromkeys(NOT_APPLIED, 0)


async def _merge(stage: Any, person: User) -> None:
    """Accepted, and cannot be applied: there is nobody to merge with. It is the person's own activity."""
    await stage.track.merge_customers("id", person.id, "id", f"{person.id}-nobody")


async def _failing(stage: Any, *, times: int) -> None:
    """Somebody of this run, somebody else and the canary's person fail; one of this run changes nothing."""
    await asyncio.sleep(1)
    ours, theirs = stage.ours, User("somebody", "somebody@example.com")
    for person in (ours, theirs):
        await stage.track.identify(person.id, email=person.email)
    for _ in range(times):
        await _merge(stage, ours)
    await _merge(stage, theirs)
    await _merge(stage, stage.person)
    for person in (ours, ours, theirs):
        await stage.track.identify(person.id, email=person.email)


@pytest.mark.parametrize("times", [1, 3, 250])
def test_what_was_accepted_and_not_applied_is_counted(watch: Any, times: int) -> None:
    """Each once, over all pages, of this run's people only."""
    seen, _ = watch(6, {"processing_lag": "1s"}, meanwhile=partial(_failing, times=times))
    assert seen.not_applied == {**NOTHING, "failed_attribute_change": times, "skipped_update": 2}


def test_what_fails_at_the_very_end_is_counted(watch: Any) -> None:
    """After the last canary was seen everything is looked through once more."""

    async def late(stage: Any) -> None:
        await stage.track.identify(stage.ours.id)
        await asyncio.sleep(4.8)
        await _merge(stage, stage.ours)

    seen, _ = watch(5, {"processing_lag": "3s"}, meanwhile=late)
    assert seen.not_applied["failed_attribute_change"] == 1


def test_what_others_did_before_is_not_read_through(watch: Any) -> None:
    """A workspace with a long history: one page of it tells that the run has not begun there."""
    older = ",".join(f'{{"id":"old{n}","type":"failed_event","timestamp":1,"customer_id":"them"}}' for n in range(100))

    def history(request: Request) -> Answer | None:
        return Answer(200, {}, f'{{"activities":[{older}],"next":"older"}}'.encode()) if "type=failed_event" in request.path else None

    seen, stage = watch(10, instead=history)
    assert (seen.reason, seen.not_applied) == ("", NOTHING)
    assert not stage.asked_by("start=older")


FAULTS: list[Any] = [
    pytest.param(lambda stage: stage.fake.at("3s").fail(503, lasting="4s"), id="503"),
    pytest.param(lambda stage: stage.fake.at("3s").fail(429, lasting="4s", retry_after="1s"), id="429"),
    pytest.param(lambda stage: stage.fake.at("3s").reset_connections(lasting="4s"), id="disconnected"),
    pytest.param(lambda stage: stage.fake.at("3s").freeze("4s"), id="frozen"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_trouble_is_counted_and_survived(watch: Any, fault: Callable[[Any], object]) -> None:
    """What was accepted before and after is followed all the same; the resolution tells of the gap."""

    async def trouble(stage: Any) -> None:
        fault(stage)

    seen, _ = watch(19.5, {"processing_lag": "500ms"}, meanwhile=trouble)
    assert seen.reason == ""
    assert seen.applied == seen.sent >= 15
    assert (seen.sent + seen.unsent, seen.unseen) == (20, 0)
    assert (seen.trouble > 0) is (seen.unsent > 0)
    assert seen.resolution < 12
    assert set(seen.measured()) == {"processing_lag", "applied", "unseen", *NOT_APPLIED}


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/v1/activities", 401, "activities: 401 "),
        ("/v1/activities", 403, "activities: 403 "),
        ("/api/v1/customers/", 401, "identify: 401 "),
        ("/events", 400, "track: 400 "),
    ],
)
def test_what_waiting_cannot_mend_ends_the_canary(watch: Any, path: str, status: int, reason: str) -> None:
    """With the reason; nothing is asked after it, and nothing is measured: half a run proves no promise."""

    def refuse(request: Request) -> Answer | None:
        return Answer(status, {}, b"{}") if path in request.path else None

    seen, stage = watch(30, instead=refuse)
    assert seen.reason.startswith(reason)
    assert seen.measured() == {}
    assert max(stage.asked_by("/")) < 1


def test_a_wrong_app_key_says_what_is_right(watch: Any) -> None:
    """And shows none."""
    seen, _ = watch(5, app_key="wrong-key")
    assert seen.reason.endswith("expected an App API key of an account in region us, not a Track API key; check both")
    assert "wrong-key" not in seen.reason


def test_a_ledger_that_lets_nothing_out_ends_the_canary(watch: Any) -> None:
    """As nothing can be sent any more."""

    def admit(_: Any) -> Any:
        raise LedgerError("ledger: got a full disk; expected room; free some")

    seen, stage = watch(5, admit=admit)
    assert (seen.reason, seen.sent) == ("ledger: got a full disk; expected room; free some", 0)
    assert stage.sends.asked == []


def test_an_app_api_that_answers_no_more_is_given_up(watch: Any) -> None:
    """After the patience, and not before: canaries that nobody could look for are not called unseen."""
    expected = "the App API: got no answer for 15s; expected what it had seen of the run; the last of it: activities: 503 "

    def down(request: Request) -> Answer | None:
        return Answer(503, {}, b"{}") if request.path.startswith("/v1/") else None

    seen, stage = watch(3.5, canary={"patience": 15.0}, instead=down)
    assert seen.reason.startswith(expected)
    assert (seen.sent, seen.unseen, seen.measured()) == (4, 0, {})
    assert seen.trouble > 5
    assert 3.5 + 15 - 10 < max(stage.asked_by("/v1/")) < 3.5 + 15 + 10


def test_more_than_can_be_read_is_given_up(watch: Any) -> None:
    """A workspace in which others fail faster than the App API tells: no count is better than a wrong one."""
    number = iter(range(1_000_000))

    def flood(request: Request) -> Answer | None:
        if "type=failed_event" not in request.path:
            return None
        entry = '{"id":"%d","type":"failed_event","timestamp":1,"customer_id":"cio-load-1a2b3c4d-9"}'
        entries = ",".join(entry % next(number) for _ in range(3))
        return Answer(200, {}, f'{{"activities":[{entries}],"next":"more"}}'.encode())

    seen, _ = watch(2, canary={"patience": 10.0}, instead=flood)
    assert seen.reason == (
        "the App API: got more activities than can be read in 20s; expected fewer; keep others off this workspace, or load it less"
    )
    assert seen.measured() == {}
