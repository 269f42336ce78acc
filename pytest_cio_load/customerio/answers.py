"""Reading an answer that is no acceptance: which error it is, why, and the nearest fix; never showing what was sent."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from pytest_cio_load.customerio.pacing import retry_after
from pytest_cio_load.errors import CustomerIOError, RateLimited, Refused, ServerFailed, Unauthorized, Unreachable
from pytest_cio_load.safety.secrets import HIDDEN, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cio_load.customerio.operations.operation import Operation
    from pytest_cio_load.customerio.wire import Answer
    from pytest_cio_load.customerio.workspaces import Access

_REASON_LENGTH = 300
_PATH_WORDS = frozenset(
    {
        "",
        "api",
        "v1",
        "v2",
        "customers",
        "events",
        "devices",
        "suppress",
        "unsuppress",
        "merge_customers",
        "metrics",
        "push",
        "forms",
        "submit",
        "segments",
        "add_customers",
        "remove_customers",
        "id_type",
        "id",
        "email",
        "cio_id",
        "accounts",
        "region",
        "unsubscribe",
        "auth",
        "entity",
        "batch",
        "attributes",
        "activities",
        "workspaces",
        "type",
        "name",
        "limit",
        "start",
        "deleted",
        "customer_id",
        "true",
        "false",
    }
)
"""What paths say themselves; everything else in one is somebody's."""


def failure(workspace: Access, operation: Operation, answer: Answer | None, lost: str, attempts: int, today: float) -> CustomerIOError:
    """The error for a call whose last attempt failed.

    Args:
        workspace: names the server, the region and the budget in the hint.
        operation: what was asked; only its name is shown.
        answer: to the last attempt, or None when there was none.
        lost: how the network failed, when there was no answer.
        attempts: requests that went out.
        today: unix seconds, to read a Retry-After date by.
    """
    if answer is None:
        reason = f"no answer: {scrub(lost, workspace, operation)}; expected one from {workspace.base_url}; check that it is up"
        return Unreachable(operation.name, reason, attempts=attempts)
    kind, hint = _kind(answer.status, workspace)
    said = scrub(reason_of(answer), workspace, operation) or f"({_phrase(answer.status)}, without a reason)"
    waits = retry_after(answer.headers, today)
    return kind(operation.name, f"{said}; {hint}", status=answer.status, attempts=attempts, retry_after=waits)


def _kind(status: int, workspace: Access) -> tuple[type[CustomerIOError], str]:
    """The class of the error, and what was expected with the nearest fix."""
    if 300 <= status < 400:
        other = workspace.region.other.name
        return Refused, f"expected no redirect, and none is followed; is the account in the other region? try Region.{other}"
    if status == 401:
        return Unauthorized, f"expected {workspace.expected}"
    if status == 429:
        return RateLimited, f"expected room for {workspace.rate:g} requests/s; lower the pace, or ask for a higher limit"
    if status >= 500:
        return ServerFailed, "expected 2xx; the server is at fault: try again later"
    if status == 408:
        return Refused, "expected 2xx; the request took too long to arrive: try again later"
    return Refused, "expected 2xx; mend the operation"


def unreadable(operation: Operation, answer: Answer, why: str, attempts: int) -> CustomerIOError:
    """The error for a call that was accepted, and whose answer cannot be read."""
    reason = f"{why}; check that the server is Customer.io"
    return CustomerIOError(operation.name, reason, status=answer.status, attempts=attempts)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "a status HTTP does not name"


def reason_of(answer: Answer) -> str:
    """Customer.io's own words, from ``meta.error``, ``meta.errors`` or ``errors[]``; "" when it gives none.

    Only these places are read: a body of another shape (a proxy's page, a stack trace) may hold anything.
    """
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    text = "; ".join(_reasons(said))
    return " ".join(text.split())


def _reasons(said: object) -> Iterator[str]:
    if not isinstance(said, dict):
        return
    meta = said.get("meta")
    if isinstance(meta, dict):
        if isinstance(meta.get("error"), str):
            yield meta["error"]
        if isinstance(meta.get("errors"), list):
            yield from (each for each in meta["errors"] if isinstance(each, str))
    errors = said.get("errors")
    for each in errors if isinstance(errors, list) else ():
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            words = [each[key] for key in ("detail", "message", "reason") if isinstance(each.get(key), str)]
            if words:
                yield words[0]


def scrub(text: str, workspace: Access, operation: Operation) -> str:
    """Hide whatever *text* repeats of the credentials or of what was sent, and cut it to a line's length."""
    if not text:
        return ""
    # A batch holds thousands of values: only those that the text repeats are worth a pattern.
    found = {secret for secret in _secrets(workspace, operation) if secret and secret in text}
    for secret in sorted(found, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    return text if len(text) <= _REASON_LENGTH else text[: _REASON_LENGTH - 1] + "…"


def _secrets(workspace: Access, operation: Operation) -> Iterator[str]:
    yield from workspace.secrets
    yield from operation.people
    for part in re.split("[/?&=]", operation.path):
        if part not in _PATH_WORDS:
            yield from (part, unquote_plus(part))
    if operation.body is not None:
        yield from leaves(json.loads(operation.body))
