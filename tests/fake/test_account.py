"""Several workspaces behind one door: whose a request is, and what is asked of all of them together."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from pytest_cio_load.fake.account import FakeAccount
from pytest_cio_load.fake.workspace import FakeWorkspace, Reply

NAMES = ("a", "b", "c")


def workspace(name: str, **options: Any) -> FakeWorkspace:
    return FakeWorkspace(**{"site_id": name, "api_key": "key", "app_key": f"app-{name}", "name": name, "latency": 0, **options})


@pytest.fixture
def account() -> FakeAccount:
    return FakeAccount([workspace(name) for name in NAMES])


def basic(site_id: str, key: str = "key") -> str:
    return "Basic " + b64encode(f"{site_id}:{key}".encode()).decode()


def put(account: FakeAccount, site_id: str, person: str, now: float = 0.0, **attributes: object) -> Reply:
    body = json.dumps(attributes).encode()
    return account.answer("PUT", f"/api/v1/customers/{person}", {"authorization": basic(site_id)}, body, now)


@pytest.mark.parametrize("number", range(3))
def test_credentials_decide_whose_a_request_is(account: FakeAccount, number: int) -> None:
    """It arrives there, and nowhere else."""
    assert put(account, NAMES[number], "u1").status == 200
    assert [each.requests for each in account.workspaces] == [int(each == number) for each in range(3)]


@pytest.mark.parametrize("name", NAMES)
def test_the_app_api_by_its_own_key(account: FakeAccount, name: str) -> None:
    """A bearer token tells workspaces apart as well."""
    reply = account.answer("GET", "/v1/workspaces", {"authorization": f"Bearer app-{name}", "host": "api.customer.io"}, b"", 0.0)
    assert (reply.status, [each["name"] for each in json.loads(reply.body)["workspaces"]]) == (200, [name])


def test_a_shared_app_key_is_the_first_ones() -> None:
    """Which workspace it reads must not depend on how many there are."""
    account = FakeAccount([workspace(name, app_key="shared") for name in NAMES])
    reply = account.answer("GET", "/v1/workspaces", {"authorization": "Bearer shared", "host": "api.customer.io"}, b"", 0.0)
    assert json.loads(reply.body)["workspaces"][0]["name"] == "a"


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, {"authorization": basic("d")}, {"authorization": basic("b", "other")}])
def test_nobodys_credentials(account: FakeAccount, headers: dict[str, str]) -> None:
    """Are refused, by the first workspace, which counts them."""
    assert account.answer("PUT", "/api/v1/customers/u1", headers, b"{}", 0.0).status == 401
    assert [each.rejected() for each in account.workspaces] == [1, 0, 0]


def test_everyone_in_any_of_them(account: FakeAccount) -> None:
    """People of all workspaces; the same identifier in two is two people, and the last is shown."""
    for name, person in (("a", "u1"), ("b", "u2"), ("b", "both"), ("c", "both")):
        put(account, name, person, of=name)
    assert account.people == {
        "u1": {"id": "u1", "of": "a"},
        "u2": {"id": "u2", "of": "b"},
        "both": {"id": "both", "of": "c"},
    }


def make_traffic(account: FakeAccount) -> None:
    """Of everything something: applied, dropped, rejected and twice the same."""
    account.workspaces[2].at(0).drop()
    event = b'{"name":"bought","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}'
    for name in ("a", "b", "b", "c", "nobody"):
        put(account, name, "u1")
        account.answer("POST", "/api/v1/customers/u1/events", {"authorization": basic(name)}, event, 1.0)


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("received", (4, 4, 2)),
        ("applied", (2, 3, 0)),
        ("rejected", (2, 0, 0)),
        ("dropped", (0, 0, 2)),
        ("duplicates", (0, 1, 0)),
    ],
)
def test_questions_are_answered_for_all(account: FakeAccount, question: str, answers: tuple[int, ...]) -> None:
    """The sum of what each workspace says; narrowed as theirs are."""
    make_traffic(account)
    assert tuple(getattr(each, question)() for each in account.workspaces) == answers
    assert getattr(account, question)() == sum(answers)
    for operation in ("identify", "track"):
        assert getattr(account, question)(operation) == sum(getattr(each, question)(operation) for each in account.workspaces)


def test_what_was_received_is_narrowed(account: FakeAccount) -> None:
    """By person and by the name of the event."""
    make_traffic(account)
    assert (account.received(person="u1"), account.received(person="u2")) == (10, 0)
    assert (account.received("track", name="bought"), account.received("track", name="sold")) == (
        sum(each.received("track", name="bought") for each in account.workspaces),
        0,
    )
    assert account.requests == 10


def test_delivery_of_all(account: FakeAccount) -> None:
    """Adds up, field by field, and says what the questions say."""
    make_traffic(account)
    parts, whole = [each.delivery() for each in account.workspaces], account.delivery()
    for field in type(whole).__dataclass_fields__:
        assert getattr(whole, field) == sum(getattr(part, field) for part in parts)


def test_an_unknown_operation(account: FakeAccount) -> None:
    """Has the nearest named, as by a workspace."""
    with pytest.raises(ValueError, match="did you mean identify"):
        account.applied("identfy")


def test_a_fault_everywhere(account: FakeAccount) -> None:
    """Strikes each workspace; the script goes on with the account."""
    assert account.at(0).fail(503, lasting="10s").at("20s").unauthorized() is account
    account.begin(0.0)
    for now, status in ((5.0, 503), (15.0, 200), (25.0, 401)):
        assert {put(account, name, "u1", now).status for name in NAMES} == {status}


def test_a_fault_in_one_alone(account: FakeAccount) -> None:
    """Leaves the others as they were."""
    account.workspaces[1].at(0).fail(503)
    assert [put(account, name, "u1").status for name in NAMES] == [200, 503, 200]


def test_each_has_a_budget_of_its_own() -> None:
    """What one spends is not missing in another."""
    account = FakeAccount([workspace(name, limit=1, over_budget="reject") for name in NAMES])
    statuses = {name: [put(account, name, f"u{number}").status for number in range(9)] for name in NAMES}
    assert statuses == {name: [200] * 8 + [429] for name in NAMES}


def test_the_end_of_a_run_everywhere(account: FakeAccount) -> None:
    """No fault strikes any more."""
    account.at(0).fail(503)
    account.begin(0.0)
    account.end()
    assert {put(account, name, "u1", 1.0).status for name in NAMES} == {200}


def test_nothing_secret_is_shown(account: FakeAccount) -> None:
    """Not a key, and nobody's attributes."""
    put(account, "a", "u1", email="a@example.com")
    assert repr(account) == "FakeAccount(3 workspaces)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (list, "workspaces: got none; expected at least one; try [FakeWorkspace()]"),
        (
            lambda: [workspace("a"), workspace("b"), workspace("a", app_key="other")],
            "workspaces: got two with the site id 'a' and one key; expected credentials that tell them apart; "
            "give each a site_id of its own",
        ),
    ],
)
def test_workspaces_that_cannot_be_told_apart(make: Callable[[], list[FakeWorkspace]], message: str) -> None:
    """Got, expected, nearest; and no key."""
    with pytest.raises(ValueError) as caught:
        FakeAccount(make())
    assert str(caught.value) == message


def test_one_site_id_with_two_keys() -> None:
    """Is told apart."""
    account = FakeAccount([workspace("a"), workspace("a", api_key="other")])
    account.answer("PUT", "/api/v1/customers/u1", {"authorization": basic("a", "other")}, b"{}", 0.0)
    assert [each.requests for each in account.workspaces] == [0, 1]
