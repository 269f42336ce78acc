"""The preflight: at most two questions, to the declared region, and nothing else, whatever is answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.customerio.workspaces import Region
from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.safety import allowlist, permit
from pytest_cio_load.safety.allowlist import Entry
from pytest_cio_load.safety.guard import RULES, Caps, Plan, Standing
from pytest_cio_load.staging import preflight
from pytest_cio_load.staging.preflight import ALLOWED, Way, approve, grounds, stand

SITE, KEY, APP = "5f1c0aa7d2b94e38", "9be27d416f0c53aa", "e0d4b7719c2f4a6b8d35"
SECRETS = (SITE, KEY, APP)
ENVIRONMENT = {"CIO_LOAD_SITE_ID": SITE, "CIO_LOAD_API_KEY": KEY, "CIO_LOAD_APP_KEY": APP, "CIO_LOAD_LIVE": "1"}
IMPATIENT = 0.4
"""Seconds for a server that keeps silent, and only for one."""


def way(fake: ServedFake, **more: Any) -> Way:
    """To the fake, for both APIs."""
    return replace(Way(track_url=fake.url, app_url=fake.url), **more)


def asked_of(fake: ServedFake) -> dict[str, int]:
    """The requests that arrived, by operation. Fails when one of them is none of the two questions."""
    found = {name: fake.received(name) for name in ("account_region", "workspaces") if fake.received(name)}
    assert fake.requests == sum(found.values())
    assert fake.people == {}
    return found


def states(asked: preflight.Asked | preflight.Grounds) -> list[str]:
    """How every rule stands, in order."""
    assert [standing.rule for standing in asked.standings] == list(RULES)
    return [standing.state for standing in asked.standings]


@pytest.mark.parametrize("engine", ["pyreqwest", "aiohttp", "httpx", "auto", None])
def test_a_workspace_that_may_get_load(fake: ServedFake, listed: Path, engine: str | None, entry: Entry) -> None:
    """By every engine, with two requests."""
    approved = approve(ENVIRONMENT, listed, plan=Plan(80, 1_000, 1_000, 60), way=way(fake, engine=engine))
    assert (approved.entry, approved.workspace_name, approved.region) == (entry, "Acme Staging", Region.US)
    assert approved.credentials.app_key == APP
    assert asked_of(fake) == {"account_region": 1, "workspaces": 1}


def test_what_is_approved_shows_no_secret(fake: ServedFake, listed: Path) -> None:
    """Nor does what is asked."""
    asked = stand(ENVIRONMENT, listed, way=way(fake))
    assert states(asked) == ["met"] * 8
    for shown in (repr(asked), repr(asked.approved), "\n".join(standing.describe() for standing in asked.standings)):
        assert not any(secret in shown for secret in SECRETS)


def test_rules_that_are_met_without_an_answer() -> None:
    """Approve nothing."""
    asked = preflight.Asked(tuple(Standing(rule, "met", "so they say") for rule in RULES))
    with pytest.raises(GuardRefused, match=r"rule 'region': got no answer; expected one from Customer.io; run: cio-load check"):
        asked.approved  # noqa: B018


def _with(**changes: str | None) -> dict[str, str]:
    return {name: value for name, value in {**ENVIRONMENT, **changes}.items() if value is not None}


OFFLINE = [
    ({"environment": _with(CIO_LOAD_LIVE=None)}, "opt-in"),
    ({"environment": _with(CIO_LOAD_LIVE="0")}, "opt-in"),
    *(({"environment": _with(**{name: None})}, "credentials") for name in list(ENVIRONMENT)[:3]),
    ({"environment": _with(CIO_LOAD_API_KEY=f"'{KEY}'")}, "credentials"),
    ({"environment": _with(CUSTOMERIO_SITE_ID=SITE)}, "own credentials"),
    ({"environment": _with(CUSTOMERIO_API_KEY=KEY)}, "own credentials"),
    ({"environment": _with(CIO_LOAD_SITE_ID="unknown")}, "allow-list"),
    ({"environment": _with(CIO_LOAD_SITE_ID=KEY, CIO_LOAD_API_KEY=SITE)}, "allow-list"),
    ({"content": None}, "allow-list"),
    ({"content": b"{}"}, "allow-list"),
    ({"content": b"\xff\xfe"}, "allow-list"),
    ({"plan": Plan(101, 1, 1, 1)}, "caps"),
    ({"plan": Plan(1, 11, 1, 1), "caps": Caps(max_calls=10)}, "caps"),
    ({"plan": Plan(1, 1, 11, 1), "caps": Caps(max_people=10)}, "caps"),
    ({"region": "eu"}, "region"),
]


@pytest.mark.parametrize(("change", "rule"), OFFLINE, ids=[f"{rule}-{number}" for number, (_, rule) in enumerate(OFFLINE)])
def test_a_rule_that_needs_no_network(fake: ServedFake, listed: Path, change: dict[str, Any], rule: str) -> None:
    """Nothing is asked when it is not met."""
    settings = dict(change)
    environment = settings.pop("environment", ENVIRONMENT)
    if "content" in settings:
        content = settings.pop("content")
        listed.unlink() if content is None else listed.write_bytes(content)
    asked = stand(environment, listed, way=way(fake), **settings)
    assert asked_of(fake) == {}
    assert states(asked)[5:] == ["not met" if rule == "region" else "not asked", "not asked", "not asked"]
    with pytest.raises(GuardRefused, match=f"^the guard refuses staging, rule '{rule}': got .*; expected .*; .+") as raised:
        asked.approved  # noqa: B018
    assert not any(secret in str(raised.value) for secret in SECRETS)


def test_every_rule_is_looked_at_without_the_network(tmp_path: Path) -> None:
    """So that all that is wrong can be mended at once."""
    found = grounds({}, tmp_path / "none", plan=Plan(1e9, 1, 1, 1))
    assert states(found) == ["not met", "not met", "not asked", "not met", "not met", *["not asked"] * 3]
    assert (found.credentials, found.entry, found.are_met) == (None, None, False)


def test_credentials_and_entry_are_known_without_the_network(listed: Path, entry: Entry) -> None:
    """For those who need no answer."""
    found = grounds(ENVIRONMENT, listed)
    assert states(found) == [*["met"] * 5, *["not asked"] * 3]
    assert (found.entry, found.are_met) == (entry, True)


def _refused(fake: ServedFake, listed: Path, rule: str, **more: Any) -> str:
    with pytest.raises(GuardRefused, match=f"^the guard refuses staging, rule '{rule}': got ") as raised:
        approve(ENVIRONMENT, listed, way=way(fake, **more))
    said = str(raised.value)
    assert not any(secret in said for secret in SECRETS)
    return said


@pytest.mark.parametrize(
    ("change", "rule", "said"),
    [
        ({"environment_id": 1, "name": "Production"}, "region", "got workspace 1; expected workspace 1001"),
        ({"region": "eu"}, "region", "got region 'eu', url 'https://track-eu.customer.io'; expected workspace 1001, region us"),
        ({"api_key": "another"}, "region", "got 401 Unauthorized"),
        ({"app_key": "another"}, "app key", "got 401 unauthorized (workspaces); expected 200"),
        ({"name": "Acme production (staging)"}, "name", "with 'production' in it"),
        ({"name": "Acme QA"}, "name", "got 'Acme QA'; expected a name with 'staging' in it"),
        ({"name": "Staging EUProd"}, "name", "got 'Staging EUProd', with 'prod' in it"),
        ({"name": f"staging {APP}"}, None, ""),
        ({"name": f"live {APP}"}, "name", "got 'live [hidden]', with 'live' in it"),
    ],
)
def test_another_workspace(listed: Path, change: dict[str, Any], rule: str | None, said: str, settings: dict[str, Any]) -> None:
    """Is told by its own answers; whatever it repeats of the credentials is hidden."""
    with ServedFake([settings | change]) as other:
        if rule is None:
            assert approve(ENVIRONMENT, listed, way=way(other)).workspace_name == "staging [hidden]"
        else:
            assert said in _refused(other, listed, rule)
        assert set(asked_of(other)) <= ({"account_region"} if rule == "region" else {"account_region", "workspaces"})


def test_an_app_key_of_another_account(fake: ServedFake, listed: Path, settings: dict[str, Any]) -> None:
    """It does not list the workspace."""
    with ServedFake([{**settings, "environment_id": 7, "name": "Elsewhere"}]) as other:
        said = _refused(fake, listed, "name", app_url=other.url)
        assert "got no name, for the App key lists 1 workspaces, 1001 not among them; expected workspace 1001 once" in said
        assert asked_of(other) == {"workspaces": 1}
    assert asked_of(fake) == {"account_region": 1}


@pytest.mark.parametrize(
    ("fault", "said", "requests"),
    [
        (("unauthorized",), "got 401 Unauthorized", 1),
        (("fail", 400), "got 400", 1),
        (("fail", 403), "got 403", 1),
        (("fail", 404), "got 404", 1),
        (("fail", 429), "got 429", 2),
        (("fail", 500), "got 500", 2),
        (("fail", 503), "got 503", 2),
        (("reset_connections",), "got no answer: connection lost", 2),
    ],
)
def test_a_region_that_is_not_told(fake: ServedFake, listed: Path, fault: tuple[Any, ...], said: str, requests: int) -> None:
    """Tried twice where that may help; the App API is not asked then."""
    kind, *arguments = fault
    fake.begin()
    getattr(fake.at("0s"), kind)(*arguments)
    assert said in _refused(fake, listed, "region")
    assert fake.requests == requests
    assert fake.received("workspaces") == 0
    assert fake.people == {}


def test_a_server_that_keeps_silent(fake: ServedFake, listed: Path) -> None:
    """Is not waited for."""
    fake.at("0s").times_out()
    assert f"got no answer: no answer within {IMPATIENT:g} s (accounts/region)" in _refused(fake, listed, "region", timeout=IMPATIENT)


def test_nobody_listens(fake: ServedFake, listed: Path, unused_tcp_port: int) -> None:
    """Nor is nobody."""
    said = _refused(fake, listed, "region", track_url=f"http://127.0.0.1:{unused_tcp_port}")
    assert "got no answer: connection refused" in said
    assert said.endswith("check the network; nothing was sent")
    assert fake.requests == 0


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("carrier-pigeon", "got no request: wire: got 'carrier-pigeon', expected one of auto"),
        ("httpx", "got no request: SSL_CERT_FILE: got '/none.pem' (No such file or directory), expected a file of certificates"),
    ],
)
def test_settings_that_keep_a_request_from_being_made(listed: Path, monkeypatch: pytest.MonkeyPatch, engine: str, said: str) -> None:
    """Are told under the rule that could not be asked about."""
    monkeypatch.setenv("SSL_CERT_FILE", "/none.pem")
    asked = stand(ENVIRONMENT, listed, way=Way(engine=engine, track_url="https://127.0.0.1:9"))
    assert states(asked)[5:] == ["not met", "not asked", "not asked"]
    assert said in asked.standings[5].said.replace("; ", ", ")


Granted = list[tuple[Any, Any, permit.Permit]]


@pytest.fixture
def granted(monkeypatch: pytest.MonkeyPatch) -> Granted:
    """Every permit that is granted, with what it was granted for."""
    kept: Granted = []

    def grant(credentials: Any, *, only: Any = None) -> permit.Permit:
        kept.append((credentials, only, permit.grant(credentials, only=only)))
        return kept[-1][2]

    monkeypatch.setattr(preflight, "grant", grant)
    return kept


@pytest.mark.parametrize("region", ["us", "eu"])
def test_the_permit(listed: Path, granted: Granted, region: str, entry: Entry, settings: dict[str, Any]) -> None:
    """Is for the declared region's hosts, for two questions, and over when they are answered."""
    allowlist.write(listed, [replace(entry, region=region)])
    with ServedFake([settings | {"region": region}]) as fake:
        assert approve(ENVIRONMENT, listed, way=way(fake)).region is Region(region)
    [(credentials, only, held)] = granted
    suffix = "-eu" if region == "eu" else ""
    assert credentials == {(f"track{suffix}.customer.io", SITE), (f"api{suffix}.customer.io", APP)}
    assert only == ALLOWED == {("GET", "/api/v1/accounts/region"), ("GET", "/v1/workspaces")}
    assert not held.is_in_force


def test_the_permit_is_over_after_a_refusal(fake: ServedFake, listed: Path, granted: Granted) -> None:
    """As after an approval."""
    fake.at("0s").unauthorized()
    _refused(fake, listed, "region")
    assert [held.is_in_force for _, _, held in granted] == [False]


def test_no_permit_without_the_rules_before_it(fake: ServedFake, listed: Path, granted: Granted) -> None:
    """Nothing could be reached even by mistake."""
    with pytest.raises(GuardRefused, match="rule 'opt-in'"):
        approve(_with(CIO_LOAD_LIVE=None), listed, way=way(fake))
    assert granted == []


@pytest.mark.parametrize("name", ["track_url", "app_url"])
@pytest.mark.parametrize("url", ["https://track.customer.io", "http://127.example.com", "http://10.0.0.1"])
def test_a_server_elsewhere(name: str, url: str) -> None:
    """Would be given the credentials."""
    with pytest.raises(ValueError, match=f"{name}: got a server elsewhere; expected one on loopback; leave it out"):
        Way(**{name: url})


def test_an_option_of_the_caller_is_an_opt_in(fake: ServedFake, listed: Path, entry: Entry) -> None:
    """As good as the environment's."""
    assert approve(_with(CIO_LOAD_LIVE=None), listed, live=True, way=way(fake)).entry == entry


def _break(*_: object, **__: object) -> None:
    raise RuntimeError("broken")


@pytest.mark.parametrize("case", ["refused by a rule", "refused by Customer.io", "broken"])
def test_no_frame_shows_a_secret(fake: ServedFake, listed: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """pytest prints the locals of every frame when it is told to."""
    fake.at("0s").unauthorized()
    if case == "broken":
        monkeypatch.setattr(preflight, "make_wire", _break)
    with pytest.raises((GuardRefused, RuntimeError)) as raised:
        approve(_with(CIO_LOAD_LIVE=None if case.endswith("rule") else "1"), listed, way=way(fake))
    frames = [each.frame.f_locals for each in raised.traceback[1:]]
    assert frames
    assert not any(secret in repr(each) for each in frames for secret in SECRETS)
