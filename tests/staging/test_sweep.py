"""Cleaning up: everyone is deleted, and "clean" is said only when that was seen. All in virtual time, against the fake in process."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.client import AppClient, Client
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.wire import HttpxWire
from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.fake.account import FakeAccount
from pytest_cio_load.fake.answering import Answering
from pytest_cio_load.fake.transport import async_transport
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply
from pytest_cio_load.load.clock import VirtualClock
from pytest_cio_load.safety.header import new_header
from pytest_cio_load.safety.ledger import Ledger
from pytest_cio_load.safety.ledgers import begin, read, resume
from pytest_cio_load.staging.aside import run_aside
from pytest_cio_load.staging.blocking import sweep_blocking
from pytest_cio_load.staging.patience import Patience
from pytest_cio_load.staging.sweep import MARK, WITNESS, Pace, Swept, sweep

T = TypeVar("T")
RUN, PREFIX = "20261124-142501-3f9a1c", "cio-load-3f9a1c07"
TRACK = {"authorization": "Basic " + b64encode(b"fake-site-id:fake-api-key").decode(), "content-type": "application/json"}
Look = Callable[[str, str, bytes, float], Reply | None]


class Book(Ledger):
    """A ledger in memory, on whose disk everything is at once."""

    class Ticket:
        done, error = True, None

        def wait(self) -> None:
            pass

    def note(self, identifier: str, *, capped: bool = True) -> Any:
        assert not capped
        self.name(identifier)
        return self.Ticket()

    def name(self, identifier: str) -> None:
        with self._lock:
            self._enter(identifier)


def book(count: int = 0, *named: str) -> Book:
    made = Book(PREFIX)
    for index in range(count):
        made.user(index)
    for name in named:
        made.name(name)
    return made


class Way:
    """A workspace, and somebody who may answer in its place."""

    def __init__(self, there: Answering, look: Look) -> None:
        self._there, self._look = there, look

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        own = self._look(method, path, body, now)
        return self._there.answer(method, path, headers, body, now) if own is None else own


def reply(status: int, said: Any = None, **headers: str) -> Reply:
    return Reply(status, headers, json.dumps(said if said is not None else {}).encode(), 0.005)


class Play:
    """One sweep in virtual time; times are seconds since its beginning."""

    def __init__(self, fake: Any = None, **settings: Any) -> None:
        self.fake: FakeWorkspace = fake or FakeWorkspace(latency="5ms", **settings)
        self.app_key = "fake-app-key"
        self.on_track: Look = lambda *_: None
        self.on_app: Look = lambda *_: None
        self.later: list[tuple[float, Callable[[float], object]]] = []
        self.lasted = 0.0

    def put(self, identifier: str, *, now: float = 0.0, **attributes: Any) -> None:
        """Somebody is identified, by the run unless *attributes* say otherwise."""
        said = {"cio_load_run": RUN, **attributes}
        assert self.fake.answer("PUT", f"/api/v1/customers/{identifier}", TRACK, json.dumps(said).encode(), now).status == 200

    def event(self, identifier: str, now: float) -> None:
        """An event arrives, and makes who is not there."""
        assert self.fake.answer("POST", f"/api/v1/customers/{identifier}/events", TRACK, b'{"name":"late"}', now).status == 200

    def fill(self, count: int) -> Book:
        for index in range(count):
            self.put(f"{PREFIX}-{index}", email=f"{PREFIX}-{index}@example.com")
        return book(count)

    @property
    def ours(self) -> list[str]:
        """Who of the run is there."""
        return [name for name in self.fake.people if name.startswith(PREFIX)]

    def sweep(self, ledger: Any, **how: Any) -> Swept:
        return virtually(lambda: self.play(ledger, **how))

    async def play(self, ledger: Any, *, run: str = RUN, **how: Any) -> Swept:
        loop = asyncio.get_running_loop()
        began = loop.time()

        def clock() -> float:
            return loop.time() - began

        async def happens(at: float, what: Callable[[float], object]) -> None:
            await asyncio.sleep(at)
            what(clock())

        happening = [asyncio.create_task(happens(at, what)) for at, what in self.later]
        track_way = async_transport(Way(self.fake, lambda *asked: self.on_track(*asked)), now=clock)
        app_way = async_transport(Way(self.fake, lambda *asked: self.on_app(*asked)), now=clock)
        workspace, access = api.Workspace("fake-site-id", "fake-api-key"), api.AppAccess(self.app_key)
        track = Client(workspace, HttpxWire(workspace, transport=track_way), bucket=Bucket(100), rng=Random(1))
        app = AppClient(access, HttpxWire(access, transport=app_way), bucket=Bucket(10, 1), rng=Random(2))
        try:
            async with track, app:
                return await sweep(track, app, ledger, run=run, **how)
        finally:
            self.lasted = clock()
            for task in happening:
                task.cancel()
            await asyncio.gather(*happening, return_exceptions=True)


def virtually(main: Callable[[], Awaitable[T]]) -> T:
    async def inside() -> T:
        with VirtualClock(asyncio.get_running_loop()):
            return await main()

    return asyncio.run(inside())


# What is clean.


@pytest.mark.parametrize("lag", ["0s", "2s", "30s"])
def test_clean(lag: str) -> None:
    """Everyone is gone, the witness too, nobody else was touched, nobody was suppressed; however long processing takes."""
    play = Play(processing_lag=lag)
    ledger = play.fill(20)
    play.put("customer-1", cio_load_run="another")
    swept = play.sweep(ledger)
    assert (swept.outcome, swept.noted, swept.deleted, swept.recreated, swept.left, swept.reason) == ("clean", 20, 20, 0, 0, "")
    assert list(play.fake.people) == ["customer-1"]
    assert play.fake.received("suppress") == 0
    assert set(play.fake.deletions) == {*(f"{PREFIX}-{index}" for index in range(20)), f"{PREFIX}-{WITNESS}"}


def test_nobody() -> None:
    """Who made nobody up asks for nothing."""
    play = Play()
    assert play.sweep(book()) == Swept(0, 0, 0, 0, True)
    assert play.fake.requests == 0


def test_three_thousand() -> None:
    """In few requests, within the App API's budget."""
    play = Play(processing_lag="1s")
    swept = play.sweep(play.fill(3_000))
    assert (swept.outcome, swept.deleted) == ("clean", 3_000)
    assert not play.fake.people
    assert play.fake.received("batch") <= 10
    assert play.lasted < 30


def test_more_than_a_page_carries_the_run() -> None:
    """People who are not in the ledger are found by the run's id, all pages of them."""
    play = Play()
    for index in range(2_500):
        play.put(f"{PREFIX}-{index}")
    swept = play.sweep(book(1))
    assert (swept.outcome, swept.left) == ("clean", 0)
    assert not play.ours


def test_twice() -> None:
    """Doing it again does no harm."""
    play = Play(processing_lag="1s")
    ledger = play.fill(5)
    assert [play.sweep(ledger).outcome for _ in range(2)] == ["clean", "clean"]
    assert not play.fake.people


def test_people_who_are_known_by_their_email_alone() -> None:
    """They are deleted by it, and found by it when they are there again."""
    play, mail = Play(), f"{PREFIX}-7@example.com"
    play.put(mail)
    play.later = [(4.0, lambda now: play.event(mail, now))]
    swept = play.sweep(book(0, mail))
    assert (swept.outcome, swept.noted, swept.recreated) == ("clean", 1, 1)
    assert not play.fake.people


# People who come back.


@pytest.mark.parametrize("lag", [0.0, 2.0])
@pytest.mark.parametrize("at", [0.5, 1.5, 2.5, 4.0, 5.0])
def test_recreated_by_a_late_event(at: float, lag: float) -> None:
    """They carry no run's id, and are found all the same. What arrives before the witness is seen comes before the deletions."""
    play = Play(processing_lag=lag)
    ledger = play.fill(3)
    play.later = [(at, lambda now: play.event(f"{PREFIX}-1", now))]
    swept = play.sweep(ledger)
    assert (swept.outcome, swept.left) == ("clean", 0)
    assert not play.fake.people
    assert swept.recreated == (at > lag)


def test_recreated_again_and_again() -> None:
    """It ends all the same, and is not clean."""
    play = Play()
    ledger = play.fill(3)
    play.later = [(float(second), lambda now: play.event(f"{PREFIX}-1", now)) for second in range(1, 300)]
    swept = play.sweep(ledger)
    assert (swept.outcome, swept.recreated, swept.left, swept.verified) == ("left", 1, 1, False)
    assert "got people who are there again and again, in 12 looks; expected nobody twice in a row; stop what sends" in swept.reason
    assert play.lasted < 120


# Never a false "clean".


def unverified(swept: Swept, reason: str, *, left: int = 0) -> None:
    """Nobody says that it is clean, and why not."""
    assert not swept.verified
    assert swept.outcome == ("left" if left else "unverified")
    assert swept.left == left
    assert reason in swept.reason
    assert not any(secret in swept.reason for secret in ("fake-app-key", "fake-api-key", PREFIX))


def test_the_app_key_of_another_workspace() -> None:
    """There, of course, nobody of the run is to be seen."""
    here, there = FakeWorkspace(latency="5ms"), FakeWorkspace(latency="5ms", site_id="other", app_key="other-app-key")
    play = Play(FakeAccount([here, there]))
    ledger = play.fill(5)
    play.app_key = "other-app-key"
    swept = play.sweep(ledger)
    unverified(swept, "the App API: got no sight of a person made up 2m before; expected everything processed by then, in the workspace of")
    assert swept.deleted == 5
    assert not here.people


@pytest.mark.parametrize("key", ["wrong", "fake-api-key"])
def test_a_wrong_app_key(key: str) -> None:
    """Asking again does not mend it; people are deleted all the same."""
    play = Play()
    ledger = play.fill(5)
    play.app_key = key
    unverified(play.sweep(ledger), "401")
    assert not play.fake.people
    assert play.lasted < 10


def test_processing_that_takes_too_long() -> None:
    """Deleted, and not verified."""
    play = Play(processing_lag="10m")
    unverified(play.sweep(play.fill(5)), "got no sight of a person made up 2m before")
    assert not play.fake.people


def test_deletions_that_are_not_processed() -> None:
    """Accepted is not applied: who is still to be seen is left."""
    play = Play()
    ledger = play.fill(5)
    play.on_track = lambda method, path, body, now: reply(200) if path.endswith("batch") else None
    swept = play.sweep(ledger)
    unverified(swept, "got a deletion not processed within 2m; try again later", left=6)
    assert swept.deleted == 5


def test_a_witness_of_an_earlier_sweep() -> None:
    """It proves nothing of this one."""
    play = Play()
    ledger = play.fill(2)
    play.put(f"{PREFIX}-{WITNESS}", **{MARK: "0123456789abcdef"})
    play.on_track = lambda method, path, body, now: reply(200) if method == "PUT" else None
    unverified(play.sweep(ledger), "got no sight of a person made up 2m before")


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/customers/attributes"])
def test_one_of_the_two_ways_of_looking_shows_nobody(path: str) -> None:
    """The witness has to be seen in both before either counts."""
    play = Play()
    ledger = play.fill(2)
    nothing = {"identifiers": [], "next": "", "customers": []}
    play.on_app = lambda method, asked, body, now: reply(200, nothing) if asked.partition("?")[0] == path else None
    unverified(play.sweep(ledger), "got no sight of a person made up 2m before")


def test_a_real_person_who_carries_the_runs_id() -> None:
    """Is never deleted, and somebody has to look at it."""
    play = Play()
    ledger = play.fill(2)
    play.put("customer-1", email=f"{PREFIX}-0-friend@example.com")
    swept = play.sweep(ledger)
    unverified(swept, "got 1 who carry the run's id under names that it did not make up; expected nobody; look at them yourself", left=1)
    assert list(play.fake.people) == ["customer-1"]


def test_pages_that_lead_in_circles() -> None:
    """No look ever ends: not clean."""
    play = Play()
    ledger = play.fill(2)

    def circle(method: str, path: str, body: bytes, now: float) -> Reply | None:
        return reply(200, {"identifiers": [], "next": "1"}) if b'"and"' not in body and path.startswith("/v1/customers?") else None

    play.on_app = circle
    unverified(play.sweep(ledger), "got pages that lead back to an earlier one; expected a last one; try again later")


def test_a_disk_that_takes_no_witness(tmp_path: Path) -> None:
    """Nobody is made up who is not on disk; the others are deleted all the same."""
    ledger = begin(tmp_path, new_header(test="t", site="0" * 64, environment_id=1, region="us"))
    play, name = Play(), ledger.user(0).id
    play.put(name)
    ledger.close()
    unverified(play.sweep(ledger), "after it was closed")
    assert not play.fake.people
    assert play.fake.received("identify") == 1


# Trouble.


def down(status: int, until: float, since: float = 0.0, **headers: str) -> Look:
    return lambda method, path, body, now: reply(status, {"errors": [{"detail": "busy"}]}, **headers) if since <= now < until else None


@pytest.mark.parametrize(("status", "headers"), [(503, {}), (500, {}), (429, {}), (429, {"retry-after": "2"}), (408, {})])
@pytest.mark.parametrize("since", [0.0, 1.0, 4.0])
def test_the_app_api_is_down_for_a_while(status: int, headers: dict[str, str], since: float) -> None:
    """It is waited for."""
    play = Play(processing_lag="1s")
    ledger = play.fill(250)
    play.on_app = down(status, since + 60.0, since, **headers)
    assert play.sweep(ledger).outcome == "clean"
    assert not play.fake.people


@pytest.mark.parametrize("since", [0.0, 3.0])
def test_the_app_api_is_down_for_good(since: float) -> None:
    """People are deleted, nothing is verified, and it ends."""
    play = Play()
    ledger = play.fill(5)
    play.on_app = down(503, 1e9, since)
    unverified(play.sweep(ledger), "the App API gave no good answer for")
    assert not play.fake.people
    assert play.lasted < 400


def test_answers_that_are_none() -> None:
    """A proxy's page with status 200 is no look."""
    play = Play()
    ledger = play.fill(5)
    play.on_app = lambda *_: Reply(200, {}, b"<html>", 0.005)
    unverified(play.sweep(ledger), "the App API gave no good answer for")


@pytest.mark.parametrize("since", [0.0, 0.05])
def test_the_track_api_is_dead(since: float) -> None:
    """Given up in bounded time; everyone is left, and said to be."""
    play = Play()
    ledger = play.fill(1_000)
    play.on_track = down(503, 1e9, since)
    swept = play.sweep(ledger)
    assert (swept.outcome, swept.deleted, swept.verified) == ("left", 0, False)
    assert swept.left in (1_000, 1_001)
    assert "the Track API gave no good answer for" in swept.reason
    assert play.lasted < 3_600


def test_the_track_api_is_down_for_a_while() -> None:
    """It is waited for."""
    play = Play()
    ledger = play.fill(500)
    play.on_track = down(503, 60.0)
    assert play.sweep(ledger).outcome == "clean"
    assert not play.fake.people


def test_track_credentials_that_are_not_taken() -> None:
    """Nothing is deleted, and that is said at once."""
    play = Play()
    ledger = play.fill(3)
    play.on_track = down(401, 1e9)
    unverified(play.sweep(ledger), "401", left=3)
    assert play.lasted < 60


def refusing(times: int) -> Look:
    """The first deletion of every batch is refused, so many times."""
    left = [times]

    def look(method: str, path: str, body: bytes, now: float) -> Reply | None:
        if not path.endswith("batch") or not left[0]:
            return None
        left[0] -= 1
        return reply(207, {"errors": [{"batch_index": 0, "reason": "invalid", "field": "", "message": ""}]})

    return look


def test_a_deletion_that_is_refused_is_tried_again() -> None:
    """Alone."""
    play = Play()
    ledger = play.fill(3)
    play.on_track = refusing(2)
    swept = play.sweep(ledger)
    assert (swept.outcome, swept.deleted) == ("clean", 3)
    assert not play.fake.people


def test_a_deletion_that_is_always_refused() -> None:
    """Somebody is left."""
    play = Play()
    ledger = play.fill(1)
    play.on_track = refusing(1_000_000)
    swept = play.sweep(ledger, patience=20.0)
    assert (swept.outcome, swept.verified) == ("left", False)
    assert "deletions refused, 3 times; expected them accepted; run the cleanup again" in swept.reason


def test_a_refusal_of_nobody_knows_whom() -> None:
    """Then nobody's deletion counts as accepted."""
    play = Play()
    ledger = play.fill(2)
    said = {"errors": [{"batch_index": 99, "reason": "invalid"}]}
    play.on_track = lambda method, path, body, now: reply(207, said) if path.endswith("batch") else None
    swept = play.sweep(ledger, patience=10.0, pace=Pace(looks=2))
    assert (swept.deleted, swept.left) == (0, 3)


def test_who_may_send_nothing_hears_it() -> None:
    """The guard's refusal is not taken for trouble that passes."""

    async def refused() -> None:
        raise GuardRefused("the guard refuses it")

    with pytest.raises(GuardRefused):
        virtually(lambda: Patience("the App API", 120.0, lambda: 0.0, asyncio.sleep).ask(refused))


@given(
    lag=st.sampled_from([0.0, 0.3, 1.0, 2.0]),
    late=st.lists(st.tuples(st.floats(0.0, 2.5), st.integers(0, 4)), max_size=5),
    app=st.tuples(st.sampled_from([429, 500, 503]), st.floats(0.0, 30.0), st.floats(0.0, 150.0)),
    track=st.tuples(st.sampled_from([429, 500, 503]), st.floats(0.0, 5.0), st.floats(0.0, 150.0)),
    refusals=st.integers(0, 3),
)
@settings(max_examples=40, deadline=None)
def test_clean_is_true(
    lag: float, late: list[tuple[float, int]], app: tuple[int, float, float], track: tuple[int, float, float], refusals: int
) -> None:
    """Whatever goes wrong: when it says that nobody is left, nobody is."""
    play = Play(processing_lag=lag)
    ledger = play.fill(5)
    play.on_app = down(app[0], app[1] + app[2], app[1])
    outage, refuses = down(track[0], track[1] + track[2], track[1]), refusing(refusals)
    play.on_track = lambda *asked: outage(*asked) or refuses(*asked)
    play.later = [(at, lambda now, who=who: play.event(f"{PREFIX}-{who}", now)) for at, who in late]  # type: ignore[misc]
    swept = play.sweep(ledger)
    assert swept.outcome != "clean" or not play.ours
    assert swept.verified == (swept.reason == "")
    assert play.lasted < 1_500


# Broken off, and done again.


@pytest.mark.parametrize("at", [0.001, 0.02, 0.3, 1.5, 6.0])
def test_broken_off_and_done_again(tmp_path: Path, at: float) -> None:
    """Whoever cancels it leaves a ledger that is not cleaned, and the next sweep brings it to its end."""
    header = new_header(test="t", site="0" * 64, environment_id=1, region="us")
    ledger, play = begin(tmp_path, header), Play(processing_lag="1s")
    for index in range(5):
        play.put(ledger.user(index).id, cio_load_run=header.run)

    async def broken() -> None:
        task = asyncio.create_task(play.play(ledger, run=header.run))
        await asyncio.sleep(at)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtually(broken)
    ledger.close()
    path = ledger.journal.path
    assert not read(path).is_cleaned
    again = resume(path)
    swept = play.sweep(again, run=header.run)
    again.cleaned(swept.as_values())
    again.close()
    assert swept.outcome == "clean"
    assert not play.fake.people
    assert read(path).is_cleaned


def test_the_witness_is_on_disk_before_it_is_sent(tmp_path: Path) -> None:
    """As everyone else."""
    header = new_header(test="t", site="0" * 64, environment_id=1, region="us")
    ledger, play, seen = begin(tmp_path, header), Play(), []
    play.put(ledger.user(0).id, cio_load_run=header.run)

    def look(method: str, path: str, body: bytes, now: float) -> None:
        seen.append(read(ledger.journal.path).named)

    play.on_track = look
    assert play.sweep(ledger, run=header.run).outcome == "clean"
    ledger.close()
    assert seen[0] == (f"{header.prefix}-{WITNESS}",)


# From a thread.


@pytest.fixture
def there() -> tuple[Play, Book, Callable[[], tuple[Client, AppClient]]]:
    play = Play()
    ledger = play.fill(2)

    def open_clients() -> tuple[Client, AppClient]:
        workspace, access = api.Workspace("fake-site-id", "fake-api-key"), api.AppAccess("fake-app-key")
        way = async_transport(Way(play.fake, lambda *asked: play.on_track(*asked)))
        return (
            Client(workspace, HttpxWire(workspace, transport=way), bucket=Bucket(100), retry=Retry(attempts=1)),
            AppClient(access, HttpxWire(access, transport=async_transport(play.fake)), bucket=Bucket(1_000)),
        )

    return play, ledger, open_clients


def test_blocking_inside_of_a_loop(there: tuple[Play, Book, Callable[[], tuple[Client, AppClient]]]) -> None:
    """For a sync test, or a fixture inside of a running loop."""
    play, ledger, open_clients = there

    async def test() -> Swept:
        return sweep_blocking(open_clients, ledger, run=RUN, pace=Pace(apart=0.05, poll=0.05))

    assert asyncio.run(test()).outcome == "clean"
    assert not play.fake.people


def test_blocking_is_ended_with_its_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C cancels what runs in the thread, and is raised when that has ended."""
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    results = [0]
    real = Future.result

    def result(self: Future[Any], timeout: float | None = None) -> Any:
        results[0] += 1
        if results[0] == 1:
            raise KeyboardInterrupt
        return real(self, timeout)

    monkeypatch.setattr(Future, "result", result)
    with pytest.raises(KeyboardInterrupt):
        run_aside(forever)
    assert ended == ["cancelled"]


def test_blocking_raises_what_was_raised() -> None:
    """As it is."""

    async def fails() -> None:
        raise GuardRefused("the guard refuses it")

    with pytest.raises(GuardRefused, match="the guard refuses it"):
        run_aside(fails)


# What is said.


@pytest.mark.parametrize(
    ("swept", "says"),
    [
        (Swept(80, 80, 0, 0, True), "clean: 80 of 80 made-up people deleted"),
        (Swept(80, 80, 3, 0, True), "clean: 80 of 80 made-up people deleted, 3 of them again"),
        (Swept(2_000, 1_000, 0, 1_000, False, "why"), "left: 1,000 of 2,000 made-up people deleted; 1,000 may be left; why"),
        (Swept(80, 80, 0, 0, False, "why"), "unverified: 80 of 80 made-up people deleted; why"),
        (Swept(80, 80, 0, 1, True), "left: 80 of 80 made-up people deleted; 1 may be left"),
    ],
)
def test_what_is_said(swept: Swept, says: str) -> None:
    """One line."""
    assert swept.describe() == says
