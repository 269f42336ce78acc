"""The three credentials, from names of their own, and never the application's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.errors import GuardRefused, Problem
from pytest_cio_load.safety.credentials import Credentials, look, others, problem_with_site_id, read

SITE, KEY, APP = "5f1c0aa7d2b94e38", "9be27d416f0c53aa", "e0d4b7719c2f4a6b8d35"
GOOD = {"CIO_LOAD_SITE_ID": SITE, "CIO_LOAD_API_KEY": KEY, "CIO_LOAD_APP_KEY": APP}
KNOWN = Credentials(SITE, KEY, APP)


def refused(environment: dict[str, str]) -> str:
    """What is said of an environment that will not do."""
    with pytest.raises(GuardRefused) as raised:
        read(environment)
    return str(raised.value)


def test_all_three_are_read() -> None:
    """As they are."""
    assert read({**GOOD, "PATH": "/bin"}) == KNOWN


def test_none_of_them_is_shown() -> None:
    """Nor is anything of them."""
    assert repr(KNOWN) == "Credentials()"


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"CIO_LOAD_SITE_ID": None}, "nothing in CIO_LOAD_SITE_ID;"),
        ({"CIO_LOAD_API_KEY": None}, "nothing in CIO_LOAD_API_KEY;"),
        ({"CIO_LOAD_APP_KEY": None}, "nothing in CIO_LOAD_APP_KEY;"),
        ({"CIO_LOAD_SITE_ID": None, "CIO_LOAD_APP_KEY": None}, "nothing in CIO_LOAD_SITE_ID and CIO_LOAD_APP_KEY;"),
        (dict.fromkeys(GOOD), "nothing in CIO_LOAD_SITE_ID, CIO_LOAD_API_KEY and CIO_LOAD_APP_KEY;"),
        ({"CIO_LOAD_API_KEY": ""}, "nothing in CIO_LOAD_API_KEY;"),
        ({"CIO_LOAD_API_KEY": " \n"}, "nothing in CIO_LOAD_API_KEY;"),
        ({"CIO_LOAD_SITE_ID": f" {SITE}"}, "spaces or line ends around CIO_LOAD_SITE_ID;"),
        ({"CIO_LOAD_API_KEY": f"{KEY}\r\n"}, "spaces or line ends around CIO_LOAD_API_KEY;"),
        ({"CIO_LOAD_APP_KEY": f"{APP}\t"}, "spaces or line ends around CIO_LOAD_APP_KEY;"),
        ({"CIO_LOAD_SITE_ID": f'"{SITE}"'}, "quotes around CIO_LOAD_SITE_ID;"),
        ({"CIO_LOAD_API_KEY": f"'{KEY}'"}, "quotes around CIO_LOAD_API_KEY;"),
        ({"CIO_LOAD_APP_KEY": f"“{APP}”"}, "quotes around CIO_LOAD_APP_KEY;"),
        ({"CIO_LOAD_API_KEY": f"{KEY}é"}, "letters that are not ASCII in CIO_LOAD_API_KEY;"),
        ({"CIO_LOAD_APP_KEY": "Bearer x"}, "spaces or control characters in CIO_LOAD_APP_KEY;"),
        ({"CIO_LOAD_APP_KEY": "a\x1bb"}, "spaces or control characters in CIO_LOAD_APP_KEY;"),
        ({"CIO_LOAD_SITE_ID": f"{SITE}:{KEY}"}, "a colon in CIO_LOAD_SITE_ID;"),
        ({"CIO_LOAD_API_KEY": SITE}, "the same text in CIO_LOAD_SITE_ID and CIO_LOAD_API_KEY;"),
        ({"CIO_LOAD_APP_KEY": KEY}, "the same text in CIO_LOAD_APP_KEY and CIO_LOAD_API_KEY;"),
        ({"CIO_LOAD_APP_KEY": SITE}, "the same text in CIO_LOAD_SITE_ID and CIO_LOAD_APP_KEY;"),
        ({"CIO_LOAD_SITE_ID": None, "CIO_LOAD_API_KEY": f"'{KEY}'"}, "nothing in CIO_LOAD_SITE_ID, and quotes around CIO_LOAD_API_KEY;"),
    ],
)
def test_what_will_not_do(changes: dict[str, str | None], got: str) -> None:
    """Each fault is named with its variable; no value is shown."""
    environment = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    said = refused(environment)
    assert said.startswith(f"the guard refuses staging, rule 'credentials': got {got} expected three different credentials")
    assert "copy them from the test workspace's API credentials" in said
    assert not any(secret in said for secret in (SITE, KEY, APP))


def test_what_is_missing_is_said_with_what_it_is() -> None:
    """The remedy tells which credential belongs where."""
    assert "set CIO_LOAD_API_KEY to its Track API key" in refused({**GOOD, "CIO_LOAD_API_KEY": ""})


@pytest.mark.parametrize("name", ["CIO_SITE_ID", "CUSTOMERIO_SITE_ID", "CIO_TRACK_API_KEY", "cio_load_site_id"])
def test_the_applications_own_names_are_never_read(name: str) -> None:
    """Whatever they hold."""
    environment = {key: value for key, value in GOOD.items() if key != "CIO_LOAD_SITE_ID"}
    assert isinstance(look({**environment, name: SITE}), Problem)


@pytest.mark.parametrize(
    ("name", "value", "holds"),
    [
        ("CUSTOMERIO_SITE_ID", SITE, "the same site id as CIO_LOAD_SITE_ID"),
        ("CIO_SITE_ID", f" {SITE}\n", "the same site id as CIO_LOAD_SITE_ID"),
        ("CIO_SITE_ID", f"other,{SITE}", "the same site id as CIO_LOAD_SITE_ID"),
        ("CIO_AUTH", f'"{SITE}:{KEY}"', "the same site id as CIO_LOAD_SITE_ID"),
        ("CIO_URL", f"https://{SITE}:{KEY}@track.customer.io", "the same site id as CIO_LOAD_SITE_ID"),
        ("SETTINGS", f'{{"site_id": "{SITE}"}}', "the same site id as CIO_LOAD_SITE_ID"),
        ("CUSTOMERIO_API_KEY", KEY, "the same API key as CIO_LOAD_API_KEY"),
        ("CUSTOMERIO_SITE_ID", KEY, "the same API key as CIO_LOAD_API_KEY"),
        ("CIOLOAD_SITE_ID", SITE, "the same site id as CIO_LOAD_SITE_ID"),
        ("APP", APP, "the same App key as CIO_LOAD_APP_KEY"),
        ("CUSTOMERIO_AUTH", f"Bearer {APP}", "the same App key as CIO_LOAD_APP_KEY"),
    ],
)
def test_a_variable_of_the_application_with_the_same_credentials(name: str, value: str, holds: str) -> None:
    """Then they may be production's. The variable is named, the value is not shown."""
    problem = others({**GOOD, name: value}, KNOWN)
    assert problem is not None
    assert problem.where == "own credentials"
    assert problem.got == f"{name}, which holds {holds}"
    assert "no other variable leads to" in problem.expected
    assert "or unset the other variable" in problem.nearest
    assert not any(secret in str(problem) for secret in (SITE, KEY, APP))


def test_every_such_variable_is_named() -> None:
    """In order."""
    problem = others({**GOOD, "B": KEY, "A": SITE}, KNOWN)
    assert problem is not None
    assert problem.got.startswith("A, which")
    assert ", and B, which" in problem.got


@pytest.mark.parametrize(
    "more", [{}, {"CIO_SITE_ID": "another"}, {"CIO_LOAD_COPY": SITE}, {"X": SITE + "0"}, {"APP": APP + "0"}, {"EMPTY": ""}]
)
def test_other_values_are_nobodys_business(more: dict[str, str]) -> None:
    """A longer text is another one; our own variables are ours."""
    assert others({**GOOD, **more}, KNOWN) is None


@pytest.mark.parametrize(
    ("value", "got"),
    [(None, "nothing in"), ("  ", "nothing in"), ("a:b", "a colon in"), ("'a'", "quotes around"), ("é", "letters that are not ASCII in")],
)
def test_the_site_id_alone(value: str | None, got: str) -> None:
    """Held to the same."""
    problem = problem_with_site_id({} if value is None else {"CIO_LOAD_SITE_ID": value})
    assert problem == Problem(
        "credentials",
        f"{got} CIO_LOAD_SITE_ID",
        "the Site ID of the test workspace as bare text",
        "set CIO_LOAD_SITE_ID; copy it from its API credentials",
    )


def test_a_sound_site_id_needs_no_keys() -> None:
    """To be listed, it is enough."""
    assert problem_with_site_id({"CIO_LOAD_SITE_ID": SITE}) is None


def test_credentials_are_hidden_in_others_texts() -> None:
    """A server may repeat what it was sent, as it is or as basic authentication writes it."""
    basic = "NWYxYzBhYTdkMmI5NGUzODo5YmUyN2Q0MTZmMGM1M2Fh"
    assert KNOWN.hide(f"no {SITE}, {KEY}, {APP} nor {basic}!") == "no [hidden], [hidden], [hidden] nor [hidden]!"


@given(st.dictionaries(st.sampled_from(list(GOOD)), st.text(max_size=12)))
def test_whatever_is_set(environment: dict[str, str]) -> None:
    """It is either good, and can be sent in a header, or a problem with every part of a message."""
    found = look(environment)
    if isinstance(found, Problem):
        assert found.got
        assert found.nearest
    else:
        assert all(value.isascii() and value.isprintable() and " " not in value for value in environment.values())
        assert len({found.site_id, found.api_key, found.app_key}) == 3
