"""The App API: what is asked, access to it, and reading what it and the Track API answer with."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest

from pytest_cio_load.customerio import api, replies
from pytest_cio_load.customerio.answers import failure
from pytest_cio_load.customerio.client import CallRecord, SyncAppClient
from pytest_cio_load.customerio.pacing import Retry
from pytest_cio_load.customerio.replies import AccountRegion, Activity, CustomerNames, Unreadable
from pytest_cio_load.customerio.wire import Answer, Request
from pytest_cio_load.errors import CustomerIOError, InvalidOperation, RateLimited

SECRET = "very-secret-value"
FILTER = {"attribute": {"field": "plan", "operator": "exists"}}


@pytest.mark.parametrize(
    ("build", "method", "path", "body"),
    [
        (partial(api.customers_by_email, "a+b@example.com"), "GET", "/v1/customers?email=a%2Bb%40example.com", None),
        (partial(api.customer_attributes, "u/1"), "GET", "/v1/customers/u%2F1/attributes?id_type=id", None),
        (partial(api.customer_attributes, "03", id_type="cio_id"), "GET", "/v1/customers/03/attributes?id_type=cio_id", None),
        (partial(api.customers_attributes, ["a", "b"]), "POST", "/v1/customers/attributes", {"ids": ["a", "b"]}),
        (
            partial(api.customer_activities, "u1", type="event", name="bought", limit=5, start="x"),
            "GET",
            "/v1/customers/u1/activities?id_type=id&type=event&name=bought&limit=5&start=x",
            None,
        ),
        (api.activities, "GET", "/v1/activities", None),
        (
            partial(api.activities, customer_id="u1", deleted=True, type="failed_event"),
            "GET",
            "/v1/activities?type=failed_event&customer_id=u1&deleted=true",
            None,
        ),
        (partial(api.customers_by_filter, FILTER, limit=2, start="n"), "POST", "/v1/customers?limit=2&start=n", {"filter": FILTER}),
        (api.workspaces, "GET", "/v1/workspaces", None),
    ],
)
def test_what_is_asked(build: Callable[[], api.Operation], method: str, path: str, body: object) -> None:
    """With a bearer key, of the App API's host, and as often as one likes."""
    operation = build()
    assert (operation.method, operation.path) == (method, path)
    assert (None if operation.body is None else json.loads(operation.body)) == body
    assert (operation.auth, operation.host, operation.repeatable) == (api.Auth.BEARER, api.Host.APP, True)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (partial(api.customers_by_email, ""), "customers_by_email: email: got blank text; expected the email; pass it"),
        (partial(api.customers_by_email, "\ud800"), "customers_by_email: email: got text with a lone surrogate"),
        (partial(api.customer_attributes, ""), "customer_attributes: id attribute cannot be an empty string"),
        (partial(api.customer_attributes, SECRET, id_type="phone"), "id_type: got 'phone'; expected id, email, cio_id; try 'id'"),
        (partial(api.customers_attributes, SECRET), "customers_attributes: ids: got str; expected several people; write [id]"),
        (partial(api.customers_attributes, []), "customers_attributes: ids: got 0; expected 1 to 100; pass some"),
        (partial(api.customers_attributes, ["a"] * 101), "ids: got 101; expected 1 to 100; ask for the rest in a second call"),
        (partial(api.activities, limit=101), "activities: limit: got 101; expected 1 to 100; ask for the rest by start"),
        (partial(api.customer_activities, "u", limit="5"), "customer_activities: limit: got str; expected 1 to 100"),
        (partial(api.customers_by_filter, FILTER, limit=0), "customers_by_filter: limit: got 0; expected 1 to 1000"),
        (partial(api.customers_by_filter, {}), "customers_by_filter: filter: got an empty one; expected and, or, not, segment"),
        (partial(api.customers_by_filter, SECRET), "customers_by_filter: filter: got str; expected and, or, not"),
        (partial(api.customers_by_filter, {"and": {SECRET}}), "customers_by_filter 'filter' 'and': got set"),
    ],
)
def test_what_is_refused(build: Callable[[], api.Operation], message: str) -> None:
    """Before it is sent; never with a value."""
    with pytest.raises(InvalidOperation) as caught:
        build()
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


def test_access_to_the_app_api() -> None:
    """A host of its own, a budget of its own without a burst, a bearer key that is never shown."""
    access = api.AppAccess(SECRET, api.Region.EU)
    assert (access.base_url, access.rate, access.burst) == ("https://api-eu.customer.io", 10, 1)
    assert access.authorization == f"Bearer {SECRET}"
    assert SECRET not in repr(access) + str(access)
    assert api.AppAccess("k", pace=5, url="http://127.0.0.1:9/").base_url == "http://127.0.0.1:9"
    assert api.AppAccess("k", pace=5).rate == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"app_key": ""}, "app_key: got an empty one; expected the workspace's App API key"),
        ({"app_key": f"{SECRET}\n"}, "app_key: got text a header cannot carry; expected the workspace's App API key"),
        ({"app_key": "k", "limit": 0}, "limit: got 0; expected requests per second, more than 0"),
        ({"app_key": "k", "url": "x"}, "url: got 'x'; expected scheme, host and port"),
    ],
)
def test_bad_access_is_refused(arguments: dict[str, object], message: str) -> None:
    """Without the key."""
    with pytest.raises(ValueError, match="expected") as caught:
        api.AppAccess(**arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_wrong_app_key_points_to_the_right_kind_of_key() -> None:
    """The App API answers 401 also in the wrong region."""
    error = failure(api.AppAccess("k"), api.workspaces(), Answer(401, {}, b""), "", 1, 0.0)
    assert str(error).endswith("expected an App API key of an account in region us, not a Track API key; check both")


def test_an_error_hides_what_a_path_and_a_query_said() -> None:
    """An email in a query is a person's as much as one in a body."""
    operation = api.customers_by_email("bob+x@example.com")
    body = json.dumps({"errors": [{"detail": f"no bob+x@example.com for {SECRET}", "status": "400"}]}).encode()
    text = str(failure(api.AppAccess(SECRET), operation, Answer(400, {}, body), "", 1, 0.0))
    assert text.startswith("customers_by_email: 400 no [hidden] for [hidden];")


class Script:
    """A wire that gives the next answer."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def send(self, request: Request) -> Answer:
        return self.answers.pop(0)

    def close(self) -> None:
        pass


LIMITED = Answer(429, {"retry-after": "0"}, b'{"errors":[{"detail":"rate limited to 10 requests per 1s","status":"429"}]}')


def test_the_hard_limit_is_waited_out_and_told() -> None:
    """A 429 is retried as Retry-After says; the last one is an error with the limit in it."""
    records: list[CallRecord] = []
    access = api.AppAccess("app-key", limit=1_000)
    found = SyncAppClient(access, Script(LIMITED, Answer(200, {}, b'{"workspaces":[]}')), on_call=records.append).workspaces()
    assert (found, records[0].attempts) == ((), 2)
    with pytest.raises(RateLimited, match="rate limited to 10 requests per 1s; expected room for 10 requests/s"):
        SyncAppClient(api.AppAccess("k"), Script(LIMITED), retry=Retry(attempts=1)).workspaces()


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"workspaces":[', b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_an_error_of_the_call(body: bytes) -> None:
    """It was accepted and cannot be read; the record says so as well."""
    records: list[CallRecord] = []
    with pytest.raises(CustomerIOError) as caught:
        SyncAppClient(api.AppAccess("k", limit=1_000), Script(Answer(200, {}, body)), on_call=records.append).workspaces()
    expected = "workspaces: 200 answer: got a body that is no JSON; expected a JSON object; check that the server is Customer.io"
    assert str(caught.value) == expected
    assert records[0].error is caught.value
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("read", "body", "message"),
    [
        (replies.account_region, [], "answer: got list; expected a JSON object"),
        (replies.account_region, {}, "region: got none that is known; expected us or eu"),
        (replies.account_region, {"region": "mars"}, "region: got none that is known; expected us or eu"),
        (replies.customers_found, {"results": SECRET}, "results: got str; expected a list"),
        (replies.customers_found, {"results": [5]}, "identifiers: got int; expected a JSON object"),
        (replies.customer, {}, "customer: got nothing; expected a JSON object"),
        (replies.customers, {}, "customers: got nothing; expected a list"),
        (replies.customers_page, {}, "identifiers: got nothing; expected a list"),
        (replies.activities_page, {"activities": [{"timestamp": SECRET}]}, "timestamp: got str; expected a whole number"),
        (replies.workspaces, {"workspaces": [{"id": None}]}, "id: got nothing; expected a whole number"),
    ],
)
def test_an_answer_of_another_shape_is_unreadable(read: Callable[[Answer], object], body: object, message: str) -> None:
    """What was got and expected, and nothing of it."""
    with pytest.raises(Unreadable) as caught:
        read(Answer(200, {}, json.dumps(body).encode()))
    assert str(caught.value) == message


@pytest.mark.parametrize("errors", [[{"reason": "x"}], [{"batch_index": "0"}], [{"batch_index": True}], ["x"], None])
def test_a_207_that_does_not_say_which_is_unreadable(errors: object) -> None:
    """An accepted operation is never guessed."""
    with pytest.raises(Unreadable):
        replies.refusals(Answer(207, {}, json.dumps({"errors": errors}).encode()))


def test_older_answers_call_the_region_a_data_center() -> None:
    """Both are read."""
    answer = Answer(200, {}, b'{"url":"https://track-eu.customer.io","data_center":"eu"}')
    assert replies.account_region(answer) == AccountRegion("https://track-eu.customer.io", api.Region.EU, None)


def test_fields_that_are_missing_or_new_do_not_matter() -> None:
    """Only what is used has to be there."""
    body = {"activities": [{"timestamp": 5, "customer_id": "u1", "brand_new": 1}], "next": None}
    page = replies.activities_page(Answer(200, {}, json.dumps(body).encode()))
    assert page.items == (Activity("", "", "", 5, CustomerNames("u1", None, None), {}),)
    assert page.next == ""
    person = replies.customer(Answer(200, {}, b'{"customer":{"id":"u1","attributes":{"email":"a@b","cio_id":"03"}}}'))
    assert person.names == CustomerNames("u1", "a@b", "03")
