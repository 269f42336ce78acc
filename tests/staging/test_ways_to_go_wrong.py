"""Every way we know to point a load at a workspace that must not get it.

Each is played whole: a process of its own that runs pytest, real host names, TLS, four workspaces. In each the run is not green, what it
prints names the rule and the remedy and shows no secret, and the fake saw no write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cio_load.fake.workspace import Reply

if TYPE_CHECKING:
    Stage = Played = Any

Key = Callable[..., str]
"""``key("SITE_ID")`` of staging; ``key("SITE_ID", "production")`` of another."""

REGION = "/api/v1/accounts/region"
SOURCE = """
    import pytest

    PLAN = "-".join(("nobody", "may", "read", "this"))  # whole it stands nowhere but in what is sent

    @pytest.mark.cio_load(rate=20, duration=0.5)
    async def test_identify(cio, cio_load):
        await cio.identify(cio_load.user.id, email=cio_load.user.email, plan=PLAN)
"""
SYNC = SOURCE.replace("async def", "def").replace("await cio.", "cio_sync.").replace("(cio,", "(cio_sync,")
LONG = SOURCE.replace("duration=0.5", "duration=3600")
FAST = SOURCE.replace("rate=20", "rate=500")
THRICE = "@pytest.mark.parametrize('n', (1, 2, 3))\n    @pytest.mark.cio_load"
SEVERAL = SOURCE.replace("@pytest.mark.cio_load", THRICE).replace("(cio,", "(n, cio,")
MARKED = SOURCE.replace("duration=0.5", "duration=0.5, target='staging'")


def nothing(_: Key) -> dict[str, str | None]:
    """As the stage is."""
    return {}


def standard(stage: Stage, folder: Path) -> None:
    """The list as a team that does everything right has it."""
    stage.allow(folder, "staging")


def listing(*listed: str, **otherwise: Any) -> Callable[[Stage, Path], None]:
    """A list of other workspaces, or one that says something else of the last of them."""

    def write(stage: Stage, folder: Path) -> None:
        stage.allow(folder, *listed[:-1], stage.entry(listed[-1], **otherwise))

    return write


def content(text: str) -> Callable[[Stage, Path], None]:
    """A file with this in it."""

    def write(stage: Stage, folder: Path) -> None:
        stage.allow(folder, "staging").write_text(text, encoding="utf-8")

    return write


def no_list(stage: Stage, folder: Path) -> None:
    """No file."""


def folder_for_list(stage: Stage, folder: Path) -> None:
    """A folder where the file should be."""
    (folder / ".cio-load" / "allow.json").mkdir(parents=True)


def ledger_is_a_file(stage: Stage, folder: Path) -> None:
    """Where no ledger can be written, not even by root."""
    standard(stage, folder)
    (folder / ".cio-load" / "ledger").write_text("", encoding="utf-8")


def region(status: int = 200, body: object = b"", action: Any = "answer", **headers: str) -> Reply:
    """An answer to ``accounts/region``."""
    return Reply(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode(), 0.0, action)


def said(**otherwise: object) -> dict[str, object]:
    """What ``accounts/region`` says of staging, but for this; None leaves a field out."""
    right = {"url": "https://track.customer.io", "region": "us", "environment_id": 1001, **otherwise}
    return {name: value for name, value in right.items() if value is not None}


@dataclass(frozen=True)
class Way:
    """One way to go wrong.

    Attributes:
        says: what must be read in what the run prints: the rule, what was got, the remedy.
        environment: what differs in it.
        options: of pytest.
        listed: writes the allow-list.
        answer: in place of ``accounts/region``'s.
        source: the suite.
        target: what ``--cio-target`` says.
        seen: whether the fake sees the reads of the preflight; else nothing may get there at all.
    """

    says: tuple[str, ...]
    environment: Callable[[Key], Mapping[str, str | None]] = nothing
    options: tuple[str, ...] = ()
    listed: Callable[[Stage, Path], None] = standard
    answer: Reply | None = field(default=None, repr=False)
    source: str = SOURCE
    target: str | None = "staging"
    seen: bool = False


SITE, API, APP = "CIO_LOAD_SITE_ID", "CIO_LOAD_API_KEY", "CIO_LOAD_APP_KEY"
OPT_IN = ("rule 'opt-in'", "CIO_LOAD_LIVE=1, or --cio-live")
LIST = "rule 'allow-list'"
CREDENTIALS = "rule 'credentials'"
ALLOW = "cio-load allow --environment-id"
MEND = "mend it, or take it back from version control"

BEFORE: dict[str, Way] = {
    "no opt-in": Way(OPT_IN, lambda key: {"CIO_LOAD_LIVE": None}),
    "an opt-in that says no": Way((*OPT_IN, "CIO_LOAD_LIVE='0'"), lambda key: {"CIO_LOAD_LIVE": "0"}),
    "an opt-in nobody understands": Way((*OPT_IN, "CIO_LOAD_LIVE='maybe'"), lambda key: {"CIO_LOAD_LIVE": "maybe"}),
    "the marker alone": Way(OPT_IN, lambda key: {"CIO_LOAD_LIVE": None}, source=MARKED, target=None),
    "no opt-in, in workers": Way(OPT_IN, lambda key: {"CIO_LOAD_LIVE": None}, ("-n", "2")),
    "no opt-in, once": Way(OPT_IN, lambda key: {"CIO_LOAD_LIVE": None}, ("--cio-load-mode=once",)),
    "no opt-in, blocking": Way(OPT_IN, lambda key: {"CIO_LOAD_LIVE": None}, source=SYNC),
    "no opt-in, fresh credentials": Way(OPT_IN, lambda key: {"CIO_LOAD_LIVE": None, SITE: None, API: None, APP: None}),
    "no credentials": Way(
        (CREDENTIALS, f"nothing in {SITE}, {API} and {APP}", "copy them"), lambda key: {SITE: None, API: None, APP: None}
    ),
    "no site id": Way((CREDENTIALS, f"nothing in {SITE}", f"set {SITE}"), lambda key: {SITE: None}),
    "no API key": Way((CREDENTIALS, f"nothing in {API}", f"set {API}"), lambda key: {API: None}),
    "no App key": Way((CREDENTIALS, f"nothing in {APP}", f"set {APP}"), lambda key: {APP: None}),
    "a blank API key": Way((CREDENTIALS, f"nothing in {API}", f"set {API}"), lambda key: {API: "  \t"}),
    "quotes around the site id": Way((CREDENTIALS, f"quotes around {SITE}", "copy"), lambda key: {SITE: f'"{key("SITE_ID")}"'}),
    "a line end after the App key": Way((CREDENTIALS, f"around {APP}", "copy"), lambda key: {APP: key("APP_KEY") + "\n"}),
    "both halves in one": Way(
        (CREDENTIALS, f"a colon in {SITE}", "copy"), lambda key: {SITE: f"{key('SITE_ID')}:{key('API_KEY')}", API: key("API_KEY")}
    ),
    "one key twice": Way((CREDENTIALS, f"the same text in {APP} and {API}"), lambda key: {APP: key("API_KEY")}),
    "site id and API key swapped": Way((LIST, f"swap {SITE} and {API}"), lambda key: {SITE: key("API_KEY"), API: key("SITE_ID")}),
    "site id and App key swapped": Way((LIST, f"swap {SITE} and {APP}"), lambda key: {SITE: key("APP_KEY"), APP: key("SITE_ID")}),
    "production's credentials": Way(
        (LIST, "a site id that is not among the 1 listed", f"check {SITE}", ALLOW),
        lambda key: {name: key(name.removeprefix("CIO_LOAD_"), "production") for name in (SITE, API, APP)},
    ),
    "the application's own site id": Way(
        ("rule 'own credentials'", f"CUSTOMERIO_SITE_ID, which holds the same site id as {SITE}", "of a workspace of its own"),
        lambda key: {"CUSTOMERIO_SITE_ID": key("SITE_ID")},
    ),
    "the application's own API key": Way(
        ("rule 'own credentials'", f"CUSTOMERIO_URL, which holds the same API key as {API}", "of a workspace of its own"),
        lambda key: {"CUSTOMERIO_URL": f"https://x:{key('API_KEY')}@track.customer.io"},
    ),
    "the application's own App key": Way(
        ("rule 'own credentials'", f"CUSTOMERIO_APP_KEY, which holds the same App key as {APP}", "of a workspace of its own"),
        lambda key: {"CUSTOMERIO_APP_KEY": key("APP_KEY")},
    ),
    "no allow-list": Way((LIST, "no file", ALLOW), listed=no_list),
    "an allow-list that is a folder": Way((LIST, "a folder at", ALLOW), listed=folder_for_list),
    "an allow-list in another place": Way((LIST, "no file", ALLOW), options=("--cio-allow-file=other.json",)),
    "an allow-list that is no JSON": Way((LIST, "no JSON in", MEND), listed=content("{")),
    "an empty file": Way((LIST, "nothing in", MEND), listed=content("")),
    "an unsettled merge": Way((LIST, "an unsettled merge", MEND), listed=content("{\n<<<<<<< HEAD\n}")),
    "a newer allow-list": Way((LIST, "version 2", "update pytest-cio-load"), listed=content('{"version": 2, "workspaces": []}')),
    "a list of nobody": Way((LIST, "an empty list", ALLOW), listed=content('{"version": 1, "workspaces": []}')),
    "a list of others": Way((LIST, "not among the 2 listed", ALLOW), listed=listing("production", "other")),
    "too high a rate": Way(("rule 'caps'", "at most 100/s (cio_max_rate)", "lower the rate"), source=FAST),
    "too many calls": Way(("rule 'caps'", "cio_max_calls", "lower the rate or the duration"), options=("--cio-max-calls=5",)),
    "too many people": Way(("rule 'caps'", "cio_max_people", "lower the rate or the duration"), options=("--cio-max-people=5",)),
    "too long": Way(("rule 'caps'", "72,000 people", "cio_max_people"), source=LONG),
    "too many in all tests together": Way(("rule 'caps'", "cio_max_people"), options=("--cio-max-people=25",), source=SEVERAL),
    "too many in all workers together": Way(("rule 'caps'", "cio_max_people"), options=("--cio-max-people=25", "-n", "2"), source=SEVERAL),
    "a cap that is none": Way(("cio_max_people='lots'", "a whole number"), options=("--cio-max-people=lots",)),
    "another region is said": Way(("rule 'region'", "cio_region 'eu'", "set cio_region to us"), options=("--cio-region=eu",)),
    "there is no target production": Way(("there is no such target, and there never will be",), target="production"),
    "the real host as a URL": Way(("load goes to this machine, or past the guard",), target="https://track.customer.io"),
    "a virtual clock": Way(("clock", "a server answers in real time"), options=("--cio-clock=virtual",)),
}
"""Known without asking anybody: nothing leaves."""

ASKED: dict[str, Way] = {
    "another API key": Way(("rule 'region'", "401", f"check {SITE} and {API}"), lambda key: {API: key("API_KEY", "production")}),
    "production, allowed as staging": Way(
        ("rule 'region'", "got workspace 1;", "perhaps production's"),
        lambda key: {name: key(name.removeprefix("CIO_LOAD_"), "production") for name in (SITE, API, APP)},
        listed=listing("production", environment_id=1001),
        seen=True,
    ),
    "production, allowed as such": Way(
        ("rule 'name'", "'Production'", "use a test workspace"),
        lambda key: {name: key(name.removeprefix("CIO_LOAD_"), "production") for name in (SITE, API, APP)},
        listed=listing("production"),
        seen=True,
    ),
    "a name that was not declared": Way(("rule 'name'", "'Staging'", "--name"), listed=listing("staging", name="load test"), seen=True),
    "allowed in the wrong region": Way(("rule 'region'", "region 'us'", "--region"), listed=listing("staging", region="eu"), seen=True),
    "a workspace of the other region": Way(
        ("rule 'region'", "region 'eu'", "--region"),
        lambda key: {name: key(name.removeprefix("CIO_LOAD_"), "europe") for name in (SITE, API, APP)},
        listed=listing("europe", region="us"),
        seen=True,
    ),
    "an App key that is none": Way(("rule 'app key'", "401", f"check {APP}"), lambda key: {APP: "not-an-app-key"}, seen=True),
    "an App key of another workspace": Way(
        ("rule 'name'", "1001 not among them", f"set {APP}"), lambda key: {APP: key("APP_KEY", "other")}, seen=True
    ),
    "403": Way(("rule 'region'", "got 403", f"check {SITE} and {API}"), answer=region(403, {"meta": {"error": "forbidden"}})),
    "500": Way(("rule 'region'", "got 500"), answer=region(500)),
    "429": Way(("rule 'region'", "got 429"), answer=region(429)),
    "a redirect": Way(
        ("rule 'region'", "got 301", "no redirect is followed"), answer=region(301, location="https://track-eu.customer.io/api/v1")
    ),
    "no content": Way(("rule 'region'", "accounts/region"), answer=region(204)),
    "a page": Way(("rule 'region'", "no JSON"), answer=region(200, b"<html>welcome to the hotel</html>")),
    "a list": Way(("rule 'region'", "no object but list"), answer=region(200, [said()])),
    "no environment_id": Way(("rule 'region'", "no environment_id"), answer=region(200, said(environment_id=None))),
    "an environment_id that is text": Way(("rule 'region'", "environment_id '1001'"), answer=region(200, said(environment_id="1001"))),
    "an environment_id that is true": Way(("rule 'region'", "environment_id True"), answer=region(200, said(environment_id=True))),
    "no region": Way(("rule 'region'", "no region"), answer=region(200, said(region=None))),
    "no url": Way(("rule 'region'", "no url"), answer=region(200, said(url=None))),
    "the other url": Way(
        ("rule 'region'", "url 'https://track-eu.customer.io'"), answer=region(200, said(url="https://track-eu.customer.io"))
    ),
    "the other region": Way(("rule 'region'", "region 'eu'", "--region"), answer=region(200, said(region="eu"))),
    "never an answer": Way(("rule 'region'", "no answer within 5 s"), answer=region(0, action="never")),
    "a connection that is reset": Way(("rule 'region'", "accounts/region"), answer=region(0, action="reset")),
    "no place for the ledger": Way(("ledger", "expected"), listed=ledger_is_a_file, seen=True),
    "a disk that is full": Way(("ledger", "File too large"), lambda key: {"STAGE_LARGEST_FILE": "64"}, ("-s",), seen=True),
}
"""Found out by asking, at most twice, and only to read."""


def play(stage: Stage, pytester: pytest.Pytester, way: Way) -> Played:
    """The run, with this one thing wrong."""

    def key(name: str, whose: str = "staging") -> str:
        return str(stage.credentials(whose)[f"CIO_LOAD_{name}"])

    pytester.makepyfile(way.source)
    way.listed(stage, pytester.path)
    if way.answer is not None:
        stage.fake.answer_by_hand("GET", REGION, way.answer)
    return stage.pytest(pytester, *way.options, target=way.target, **way.environment(key))


@pytest.mark.parametrize("name", BEFORE)
def test_refused_without_asking(stage: Stage, pytester: pytest.Pytester, name: str) -> None:
    """Nothing leaves the process: no request, no connection, no look-up."""
    played = play(stage, pytester, BEFORE[name])
    played.assert_refused(*BEFORE[name].says)
    assert (played.reads, played.tunnels, played.lookups) == ({}, [], [])


@pytest.mark.parametrize("name", ASKED)
def test_refused_after_asking(stage: Stage, pytester: pytest.Pytester, name: str) -> None:
    """By two requests that only read, from the hosts of the region that is declared, and nothing more."""
    way = ASKED[name]
    played = play(stage, pytester, way)
    played.assert_refused(*way.says)
    asked = [sum(stage.workspace(whose).received(name) for name in ("account_region", "workspaces")) for whose in played.reads]
    assert (asked, sum(asked) <= 2) == (list(played.reads.values()), True)
    assert bool(played.reads) == (way.seen or way.answer is None)
    assert {was_given for _, was_given in played.tunnels} == {True}
    assert played.lookups == []


FIXTURES = {
    "cio": "async def test_it(cio, cio_load):\n        await cio.track(cio_load.user.id, 'opened')",
    "cio_sync": "def test_it(cio_sync, cio_load):\n        cio_sync.track(cio_load.user.id, 'opened')",
    "cio_app": "async def test_it(cio_app, cio_load):\n        await cio_app.customer_attributes(cio_load.user.id)",
    "cio_batch": "async def test_it(cio_batch, cio_load):\n        [one async for one in cio_batch.send([identify(cio_load.user.id, {})])]",
    "cio_queue": "async def test_it(cio_queue, cio_load):\n        await cio_queue.track(cio_load.user.id, 'opened')",
}


@pytest.mark.parametrize("wrong", ["no opt-in", "an App key of another workspace"])
def test_no_fixture_is_a_way_round(stage: Stage, pytester: pytest.Pytester, wrong: str) -> None:
    """Each that reaches the workspace is refused, with the same words; after the first, nobody is asked again."""
    marked = "@pytest.mark.cio_load(rate=5, duration=0.2)\n    "
    tests = (marked + text.replace("test_it", f"test_{name}") for name, text in FIXTURES.items())
    begin = "\n    import pytest\n    from pytest_cio_load.customerio.operations.people import identify\n\n    "
    way = (BEFORE | ASKED)[wrong]
    played = play(stage, pytester, replace(way, source=begin + "\n\n    ".join(tests) + "\n"))
    played.assert_refused(*way.says)
    assert f"{len(FIXTURES)} errors" in played.text
    assert sum(played.reads.values()) == (0 if wrong == "no opt-in" else 2)
