"""Whose credentials they are, by what Customer.io answers: almost right is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.errors import CustomerIOError, Refused, ServerFailed, Unauthorized, Unreachable
from pytest_cio_load.safety import identity
from pytest_cio_load.safety.allowlist import Entry
from pytest_cio_load.safety.guard import Standing
from pytest_cio_load.safety.identity import Heard

ENTRY = Entry("0" * 64, 1001, "us", None, date(2026, 11, 24))
HOST = "track.customer.io"
RIGHT = {"url": f"https://{HOST}", "region": "us", "environment_id": 1001}


def heard(said: object) -> Heard:
    """An answer of 200."""
    return Heard(200, json.dumps(said).encode())


def without(name: str) -> dict[str, object]:
    """The right answer but for one field."""
    return {key: value for key, value in RIGHT.items() if key != name}


@pytest.mark.parametrize(
    "said",
    [
        RIGHT,
        {**RIGHT, "more": [1]},
        {**RIGHT, "url": f"https://{HOST}/"},
        {**RIGHT, "url": f"https://{HOST.upper()}:443/api/v1"},
        {**without("region"), "data_center": "us"},
        {**RIGHT, "data_center": "us"},
    ],
)
def test_the_right_workspace(said: object) -> None:
    """By its number, its region and its host; the region's older name will do."""
    assert identity.region(ENTRY, HOST, heard(said)) == Standing("region", "met", "workspace 1001, region us, https://track.customer.io")


WRONG = [
    (RIGHT | {"environment_id": 1}, "workspace 1", "perhaps production's"),
    (RIGHT | {"environment_id": -1001}, "workspace -1001", "perhaps production's"),
    (RIGHT | {"environment_id": "1001"}, "environment_id '1001' in accounts/region", "check that the server is Customer.io"),
    (RIGHT | {"environment_id": 1001.0}, "environment_id 1001.0 in accounts/region", "check that the server is Customer.io"),
    (RIGHT | {"environment_id": True}, "environment_id True in accounts/region", "check that the server is Customer.io"),
    (RIGHT | {"environment_id": None}, "environment_id None in accounts/region", "check that the server is Customer.io"),
    (RIGHT | {"environment_id": [1001]}, "environment_id [1001] in accounts/region", "check that the server is Customer.io"),
    (without("environment_id"), "no environment_id in accounts/region", "check that the server is Customer.io"),
    (without("region"), "no region in accounts/region", "check that the server is Customer.io"),
    (without("url"), "no url in accounts/region", "check that the server is Customer.io"),
    ({}, "no environment_id in accounts/region", "check that the server is Customer.io"),
    (RIGHT | {"region": 1}, "region 1 in accounts/region", "check that the server is Customer.io"),
    (RIGHT | {"region": ""}, "region '' in accounts/region", "check that the server is Customer.io"),
    (RIGHT | {"url": None}, "url None in accounts/region", "check that the server is Customer.io"),
    (RIGHT | {"data_center": None}, "data_center None in accounts/region", "check that the server is Customer.io"),
    (RIGHT | {"region": "eu"}, "region 'eu'", "allow it anew, with the right --region and --replace"),
    (RIGHT | {"region": "US"}, "region 'US'", "allow it anew, with the right --region and --replace"),
    (RIGHT | {"data_center": "eu"}, "data_center 'eu'", "allow it anew, with the right --region and --replace"),
    (without("region") | {"data_center": "eu"}, "data_center 'eu'", "allow it anew, with the right --region and --replace"),
    (RIGHT | {"url": "https://track-eu.customer.io"}, "url 'https://track-eu.customer.io'", "--region and --replace"),
    (RIGHT | {"url": f"http://{HOST}"}, f"url 'http://{HOST}'", "--region and --replace"),
    (RIGHT | {"url": HOST}, f"url '{HOST}'", "--region and --replace"),
    (RIGHT | {"url": f"https://{HOST}.example.com"}, f"url 'https://{HOST}.example.com'", "--region and --replace"),
    (RIGHT | {"url": f"https://{HOST}@example.com"}, f"url 'https://{HOST}@example.com'", "--region and --replace"),
    (RIGHT | {"url": f"https://me@{HOST}"}, f"url 'https://me@{HOST}'", "--region and --replace"),
    (RIGHT | {"url": f"https://{HOST}:8443"}, f"url 'https://{HOST}:8443'", "--region and --replace"),
    (RIGHT | {"url": f"https://{HOST}:x"}, f"url 'https://{HOST}:x'", "--region and --replace"),
    (
        {"url": "https://track-eu.customer.io", "region": "eu", "environment_id": 1001},
        "region 'eu', url 'https://track-eu.customer.io'",
        "--region and --replace",
    ),
    ([RIGHT], "JSON that is no object but list (accounts/region)", "check that the server is Customer.io"),
    ("us", "JSON that is no object but str (accounts/region)", "check that the server is Customer.io"),
    (None, "JSON that is no object but NoneType (accounts/region)", "check that the server is Customer.io"),
]


@pytest.mark.parametrize(("said", "got", "remedy"), WRONG)
def test_an_answer_that_is_not_the_right_one(said: object, got: str, remedy: str) -> None:
    """Almost right is wrong."""
    found = identity.region(ENTRY, HOST, heard(said))
    assert found.state == "not met"
    assert found.said == f"got {got}; expected workspace 1001, region us, https://track.customer.io"
    assert remedy in found.remedy


UNHEARD = [
    (
        Unauthorized("account_region", "Unauthorized; expected X", status=401),
        "401 Unauthorized",
        "check CIO_LOAD_SITE_ID and CIO_LOAD_API_KEY",
    ),
    (Refused("account_region", "Forbidden; expected 2xx", status=403), "403 Forbidden", "check CIO_LOAD_SITE_ID and CIO_LOAD_API_KEY"),
    (Refused("account_region", "wrong datacenter; x", status=301), "301 wrong datacenter", "no redirect is followed"),
    (Refused("account_region", "gone; x", status=404), "404 gone", "try again later; nothing was sent"),
    (ServerFailed("account_region", "down; x", status=503), "503 down", "try again later; nothing was sent"),
    (Unreachable("account_region", "no answer: no answer within 5 s; x"), "no answer: no answer within 5 s", "check the network"),
    (ServerFailed("account_region", "a\x1b[31mb", status=500), "500 a?[31mb", "try again later"),
    (Heard(204, b""), "204", "check that the server is Customer.io"),
    (Heard(203, json.dumps(RIGHT).encode()), "203", "check that the server is Customer.io"),
    (Heard(200, b""), "a body that is no JSON", "check that the server is Customer.io"),
    (Heard(200, b"<html>"), "a body that is no JSON", "check that the server is Customer.io"),
    (Heard(200, json.dumps(RIGHT).encode()[:-1]), "a body that is no JSON", "check that the server is Customer.io"),
    (Heard(200, b"\xff\xfe\xff"), "a body that is no JSON", "check that the server is Customer.io"),
    (Heard(200, b"[" * 200_000), "a body that is no JSON", "check that the server is Customer.io"),
    (Heard(200, b'{"environment_id": ' + b"9" * 5_000 + b"}"), "a body that is no JSON", "check that the server is Customer.io"),
]


@pytest.mark.parametrize(("answer", "got", "remedy"), UNHEARD, ids=[got[:20] for _, got, _ in UNHEARD])
def test_no_answer_that_can_be_read(answer: Heard | CustomerIOError, got: str, remedy: str) -> None:
    """However it fails, nothing is let through."""
    found = identity.region(ENTRY, HOST, answer)
    assert found.state == "not met"
    assert found.said == f"got {got} (accounts/region); expected workspace 1001, region us, https://track.customer.io"
    assert remedy in found.remedy


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
    | st.fixed_dictionaries(
        {},
        optional={
            "url": st.sampled_from([f"https://{HOST}", f"https://{HOST}.", "", 1]),
            "region": st.sampled_from(["us", "eu", None]),
            "data_center": st.sampled_from(["us", "eu"]),
            "environment_id": st.sampled_from([1001, 1, True, "1001", 1001.0]),
        },
    )
)
def test_only_the_right_answer_is_right(said: object) -> None:
    """Whatever else a server answers, the rule is not met, and nothing is raised."""
    found = identity.region(ENTRY, HOST, heard(said))
    if found.state == "met":
        assert isinstance(said, dict)
        assert said["environment_id"] == 1001
        assert "us" in (said.get("region"), said.get("data_center"))
        assert "eu" not in (said.get("region"), said.get("data_center"))


@pytest.mark.parametrize("said", [None, "us"])
def test_the_region_that_an_option_says(said: str | None) -> None:
    """The declared one, or none."""
    assert identity.declared_region(ENTRY, said) is None


def test_an_option_that_says_another_region() -> None:
    """Is a contradiction, whatever Customer.io would answer."""
    found = identity.declared_region(ENTRY, "eu")
    assert found == Standing(
        "region",
        "not met",
        "got cio_region 'eu'; expected 'us', as the allow-list has it",
        "set cio_region to us, or allow it anew with --region eu --replace",
    )


def workspaces(*listed: tuple[object, object]) -> Heard:
    """An answer that lists workspaces."""
    return heard({"workspaces": [{"id": number, "name": name} for number, name in listed]})


def named(text: str | None) -> Entry:
    """The entry with a text that the name must have in it."""
    return Entry("0" * 64, 1001, "us", text, date(2026, 11, 24))


@pytest.mark.parametrize(
    ("answer", "text", "name"),
    [
        (workspaces((1001, "Acme Staging")), None, "Acme Staging"),
        (workspaces((1, "Production"), (1001, "Acme Staging")), None, "Acme Staging"),
        (workspaces((1001, "Acme Staging")), "staging", "Acme Staging"),
        (workspaces((1001, "STAGING")), "Staging", "STAGING"),
        (workspaces((1001, "Acme")), "acme", "Acme"),
        (workspaces((1001, "Delivery tests")), None, "Delivery tests"),
        (workspaces((1001, "Product team, alive")), "team", "Product team, alive"),
    ],
)
def test_a_name_and_an_app_key_that_will_do(answer: Heard, text: str | None, name: str) -> None:
    """The workspace is found by its number, among others."""
    by_name, by_key, called = identity.names(named(text), answer)
    assert (by_name.state, by_key.state, called) == ("met", "met", name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Production", "production"),
        ("prod", "prod"),
        ("acme-PROD-eu", "prod"),
        ("prod2", "prod"),
        ("my_prod_copy", "prod"),
        ("AcmeProd", "prod"),
        ("EUProd", "prod"),
        ("USProd test", "prod"),
        ("ACMEProduction", "production"),
        ("acmeprod", "acmeprod"),
        ("ACMEPROD", "acmeprod"),
        ("ProdEU", "prod"),
        ("Prod2", "prod"),
        ("prd", "prd"),
        ("staging-prd1", "prd"),
        ("acmeprd", "acmeprd"),
        ("Nonproduction", "nonproduction"),
        ("Production-like staging", "production"),
        ("Productions", "productions"),
        ("EULive", "live"),
        ("go-live test", "live"),
        ("acmeLive", "live"),
        ("Live", "live"),
        ("pre-prod", "prod"),
        ("Staging (was production)", "production"),
        ("\uff30\uff32\uff2f\uff24", "prod"),
    ],
)
def test_a_name_of_production(name: str, word: str) -> None:
    """Is refused always, in any spelling; parts of other words are no such word."""
    by_name, by_key, _ = identity.names(named(None), workspaces((1001, name)))
    assert by_key.state == "met"
    assert by_name.state == "not met"
    assert by_name.said == f"got {name!r}, with {word!r} in it; expected no name with prod, production, prd or live in it"
    assert by_name.remedy == "use a test workspace; if this is one, rename it"


@pytest.mark.parametrize("text", ["Acme", "Production", "prod"])
@pytest.mark.parametrize("name", ["Acme Production", "AcmeProd"])
def test_a_declared_text_is_no_way_round(name: str, text: str) -> None:
    """A name of production is refused whatever the list says of it."""
    by_name, _, _ = identity.names(named(text), workspaces((1001, name)))
    assert (by_name.state, "use a test workspace" in by_name.remedy) == ("not met", True)


@pytest.mark.parametrize("name", ["Product", "Delivery", "alive", "prodigy", "deliver", "Prduct"])
def test_words_that_only_look_like_it(name: str) -> None:
    """Are none of production."""
    assert identity.production_word(name) is None


@pytest.mark.parametrize("word", sorted(identity.TESTS))
@pytest.mark.parametrize("shape", ["{}", "Acme {}", "acme-{}-2", "{}2", "acme_{}", "({})"])
def test_a_word_that_marks_a_workspace_for_tests(word: str, shape: str) -> None:
    """Is one in any case, and set apart by anything that is no letter."""
    for written in (word, word.upper(), word.title()):
        by_name, by_key, _ = identity.names(named(None), workspaces((1001, shape.format(written))))
        assert (by_name.state, by_key.state) == ("met", "met")


@pytest.mark.parametrize("name", ["AcmeStaging", "ACMEStaging", "EUQa", "loadTests", "Acme2Dev", "\uff32\uff21 \uff31\uff21"])
def test_capitals_and_digits_part_words(name: str) -> None:
    """As people write names that have no spaces."""
    assert identity.names(named(None), workspaces((1001, name)))[0].state == "met"


@pytest.mark.parametrize("name", ["Acme", "EU", "Main", "Latest", "Contest", "Acme devices", "Default", "Workload", "Precise", "4711"])
@pytest.mark.parametrize(("region", "option"), [("us", ""), ("eu", " --region eu")])
def test_a_name_that_does_not_say_tests(name: str, region: str, option: str) -> None:
    """Is that of a workspace of which nobody knows what it is for; the remedy keeps its region."""
    by_name, by_key, _ = identity.names(replace(ENTRY, region=region), workspaces((1001, name)))
    assert (by_name.state, by_key.state) == ("not met", "met")
    assert by_name.said == f"got {name!r}; expected a name with a word such as test, staging or sandbox in it"
    assert by_name.remedy == (
        "if it is a workspace for tests, declare a text of its name: "
        f"cio-load allow --environment-id 1001{option} --name TEXT --replace"
    )
    assert identity.names(replace(ENTRY, name=name[1:]), workspaces((1001, name)))[0].state == "met"


def test_a_name_without_the_text_that_was_declared() -> None:
    """Is another workspace's, whatever else it says."""
    by_name, _, _ = identity.names(named("Staging"), workspaces((1001, "Acme QA")))
    assert by_name.state == "not met"
    assert by_name.said == "got 'Acme QA'; expected a name with 'Staging' in it, as the allow-list has it"


@pytest.mark.parametrize("text", [None, "Staging"])
def test_an_app_key_that_lists_no_workspace(text: str | None) -> None:
    """Is taken; but a name that nobody knows is no name that is met."""
    by_name, by_key, name = identity.names(named(text), workspaces())
    assert (by_name.state, by_key.state, name) == ("not met", "met", "")
    assert by_name.said == "got no name, for the App key lists no workspace; expected workspace 1001 once"
    assert by_name.remedy == "set CIO_LOAD_APP_KEY to an App API key of the account that the workspace is in"


BAD_KEYS = [
    (Unauthorized("workspaces", "unauthorized; x", status=401), "401 unauthorized (workspaces)", "check CIO_LOAD_APP_KEY, and the region"),
    (ServerFailed("workspaces", "down; x", status=500), "500 down (workspaces)", "try again later; nothing was sent"),
    (Unreachable("workspaces", "no answer: lost; x"), "no answer: lost (workspaces)", "check the network"),
    (Heard(204, b""), "204 (workspaces)", "check that the server is Customer.io"),
    (Heard(200, b"no"), "a body that is no JSON (workspaces)", "check that the server is Customer.io"),
    (heard([]), "JSON that is no object but list (workspaces)", "check that the server is Customer.io"),
    (heard({}), "no list of workspaces (workspaces)", "check that the server is Customer.io"),
    (heard({"workspaces": {}}), "no list of workspaces (workspaces)", "check that the server is Customer.io"),
    (workspaces((1001, "A"), ("2", "B")), "a workspace without a whole-numbered id or a name (workspaces)", "check that the server"),
    (workspaces((True, "A")), "a workspace without a whole-numbered id or a name (workspaces)", "check that the server"),
    (workspaces((1001, None)), "a workspace without a whole-numbered id or a name (workspaces)", "check that the server"),
    (heard({"workspaces": [1]}), "a workspace without a whole-numbered id or a name (workspaces)", "check that the server"),
]


@pytest.mark.parametrize(("answer", "got", "remedy"), BAD_KEYS, ids=[got[:20] for _, got, _ in BAD_KEYS])
def test_an_app_key_that_is_not_taken(answer: Heard | CustomerIOError, got: str, remedy: str) -> None:
    """The name is then not known, and that is no name that is met."""
    by_name, by_key, name = identity.names(ENTRY, answer)
    assert (by_name.state, by_key.state, name) == ("not asked", "not met", "")
    assert by_key.said == f"got {got}; expected 200 with the workspaces of an account in region us"
    assert remedy in by_key.remedy


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (workspaces((1, "Production"), (2, "QA")), "2 workspaces, 1001 not among them"),
        (workspaces((1001, "Staging"), (1001, "Production")), "2 workspaces, 1001 twice"),
    ],
)
def test_an_app_key_of_another_account(answer: Heard, got: str) -> None:
    """It could not find again what was made up, and nobody knows the name."""
    by_name, by_key, _ = identity.names(ENTRY, answer)
    assert (by_name.state, by_key.state) == ("not met", "not met")
    assert by_name.said == f"got no name, for the App key lists {got}; expected workspace 1001 once"
    assert "the account that the workspace is in" in by_name.remedy
    assert by_key.said == f"got {got}; expected workspace 1001 once"
    assert "the account that the workspace is in" in by_key.remedy


@given(st.text())
def test_a_name_with_the_word_is_found_whatever_is_around(text: str) -> None:
    """Set apart by anything that is no letter."""
    assert identity.production_word(f"{text} live") is not None


@given(st.text(), st.sampled_from(["prod", "production", "prd"]), st.sampled_from(["", "2", " ", "-eu", "EU"]))
def test_a_word_that_ends_like_production_is_found(before: str, word: str, after: str) -> None:
    """Whatever stands before it, in whatever case."""
    assert identity.production_word(f"{before}{word}{after}") is not None
    assert identity.production_word(f"{before}{word.upper()} {after}") is not None
