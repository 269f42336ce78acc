"""Reading answers that are no acceptance: class, reason, hint, and nothing of what was sent."""

from __future__ import annotations

import json

import pytest

from pytest_cio_load.customerio.answers import failure, reason_of
from pytest_cio_load.customerio.api import Operation, Region, Workspace, identify
from pytest_cio_load.customerio.wire import Answer
from pytest_cio_load.errors import CustomerIOError, RateLimited, Refused, ServerFailed, Unauthorized, Unreachable

WORKSPACE = Workspace("site-77", "key-88-secret")
OPERATION = identify("bob/smith@example.com", {"phone": "555-1234", "note": "likes tea", "ssn": 123456, "tags": ["vip-tag"], "ok": True})


def failed(
    status: int, body: bytes = b"", workspace: Workspace = WORKSPACE, operation: Operation = OPERATION, **headers: str
) -> CustomerIOError:
    answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    return failure(workspace, operation, answer, "", 1, 0.0)


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (301, Refused, "expected no redirect, and none is followed; is the account in the other region? try Region.EU"),
        (308, Refused, "try Region.EU"),
        (400, Refused, "expected 2xx; mend the operation"),
        (401, Unauthorized, "expected the site id and API key of a workspace in region us; check all three"),
        (403, Refused, "expected 2xx; mend the operation"),
        (404, Refused, "expected 2xx; mend the operation"),
        (408, Refused, "expected 2xx; the request took too long to arrive: try again later"),
        (429, RateLimited, "expected room for 100 requests/s; lower the pace, or ask for a higher limit"),
        (500, ServerFailed, "expected 2xx; the server is at fault: try again later"),
        (503, ServerFailed, "the server is at fault"),
    ],
)
def test_the_status_decides_the_class_and_the_hint(status: int, kind: type[CustomerIOError], hint: str) -> None:
    """One class per kind of failure, with the nearest fix."""
    error = failed(status)
    assert type(error) is kind
    assert error.status == status
    assert hint in str(error)


def test_a_redirect_in_the_eu_points_to_the_us() -> None:
    """The hint names the region that was not tried."""
    assert "try Region.US" in str(failed(301, workspace=Workspace("s", "k", Region.EU)))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"meta": {"error": "name cannot be blank"}}, "name cannot be blank"),
        ({"meta": {"errors": ["one", "two"]}}, "one; two"),
        ({"errors": [{"detail": "rate limited", "status": "429"}]}, "rate limited"),
        ({"errors": [{"reason": "invalid", "field": "id", "message": "id is wrong"}]}, "id is wrong"),
        ({"errors": [{"reason": "invalid"}, "plain", {}]}, "invalid; plain"),
        ({"meta": {"error": "two\n lines"}}, "two lines"),
        ({"meta": "x", "errors": 3}, ""),
        ({"meta": {"error": 5, "errors": "x"}}, ""),
        ([1], ""),
    ],
)
def test_the_reason_is_customer_ios_own(body: object, reason: str) -> None:
    """From each of the shapes it uses."""
    assert reason_of(Answer(400, {}, json.dumps(body).encode())) == reason


@pytest.mark.parametrize("body", [b"", b"<html>bob/smith@example.com</html>", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_is_not_shown(body: bytes) -> None:
    """It may hold anything; the status is named instead."""
    assert str(failed(502, body)).startswith("identify: 502 (Bad Gateway, without a reason); expected 2xx")


def test_a_status_without_a_name() -> None:
    """HTTP names only some."""
    assert "599 (a status HTTP does not name, without a reason)" in str(failed(599))


@pytest.mark.parametrize(
    "secret",
    ["bob/smith@example.com", "bob%2Fsmith%40example.com", "555-1234", "likes tea", "123456", "vip-tag", "key-88-secret", "site-77"],
)
def test_a_reason_that_echoes_what_was_sent_is_cleaned(secret: str) -> None:
    """Neither identifier, nor attribute, nor credential survives in the error."""
    error = failed(400, json.dumps({"meta": {"error": f"cannot take '{secret}' now"}}).encode())
    assert secret not in str(error) + repr(error) + error.reason
    assert error.reason.startswith("cannot take '[hidden]' now; expected")


def test_words_that_only_contain_a_value_are_left_alone() -> None:
    """An attribute ``pro`` does not garble ``property``."""
    operation = identify("u1", {"plan": "pro"})
    error = failed(400, b'{"meta":{"error":"property pro is unknown"}}', operation=operation)
    assert error.reason.startswith("property [hidden] is unknown;")


def test_a_long_reason_is_cut() -> None:
    """An error is a line, not a page."""
    error = failed(400, json.dumps({"meta": {"error": "x" * 5_000}}).encode())
    assert len(error.reason) < 400
    assert "x…; expected 2xx" in error.reason


@pytest.mark.parametrize(("headers", "seconds"), [({}, None), ({"retry_after": "3"}, 3.0)])
def test_the_error_carries_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """In seconds."""
    assert failed(429, **headers).retry_after == seconds


def test_no_answer_names_the_server_and_the_fix() -> None:
    """The network's words, the address, what to look at; the number of attempts."""
    error = failure(WORKSPACE, OPERATION, None, "connection refused", 4, 0.0)
    assert isinstance(error, Unreachable)
    expected = "identify: no answer: connection refused; expected one from https://track.customer.io; check that it is up after 4 attempts"
    assert str(error) == expected
