"""Which operation a request asks for, by its method, host and path."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from pytest_cio_load.customerio.api import CUSTOMERS


class Route(NamedTuple):
    """What a request asks for.

    Attributes:
        operation: one of ``tally.OPERATIONS``; events are ``track`` until their type has been read.
        identifier: of a person or a thing, from the path, decoded; "" for none.
        extra: a second one, such as a device's; "" for none.
        query: as it came, without the question mark.
        app: whether it is a request to the App API.
    """

    operation: str
    identifier: str = ""
    extra: str = ""
    query: str = ""
    app: bool = False

    def parameters(self) -> dict[str, str]:
        """The query, decoded; the last of several of one name."""
        return {name: values[-1] for name, values in parse_qs(self.query, keep_blank_values=True).items()}


OPEN = frozenset({"report_metric", "report_push", "unsubscribe"})
"""Operations that need no credentials."""

_CUSTOMER = {
    ("PUT", ""): "identify",
    ("DELETE", ""): "delete",
    ("POST", "events"): "track",
    ("PUT", "devices"): "add_device",
    ("POST", "suppress"): "suppress",
    ("POST", "unsuppress"): "unsuppress",
}
_TRACK = {
    ("POST", "/api/v1/events"): "track_anonymous",
    ("POST", "/api/v1/merge_customers"): "merge_customers",
    ("POST", "/api/v1/metrics"): "report_metric",
    ("POST", "/api/v1/push/events"): "report_push",
    ("GET", "/api/v1/accounts/region"): "account_region",
    ("GET", "/auth"): "auth",
    ("POST", "/api/v2/entity"): "entity",
    ("POST", "/api/v2/batch"): "batch",
}
_APP = {
    ("GET", "/v1/customers"): "customers_by_email",
    ("POST", "/v1/customers"): "customers_by_filter",
    ("POST", "/v1/customers/attributes"): "customers_attributes",
    ("GET", "/v1/activities"): "activities",
    ("GET", "/v1/workspaces"): "workspaces",
    ("GET", "/v1/segments"): "segments",
    ("POST", "/v1/segments"): "create_segment",
}
_PATTERNS = [
    (method, re.compile(pattern), operation, app)
    for method, pattern, operation, app in (
        ("POST", r"/api/v1/forms/([^/]+)/submit", "submit_form", False),
        ("POST", r"/api/v1/segments/([^/]+)/add_customers", "add_customers_to_segment", False),
        ("POST", r"/api/v1/segments/([^/]+)/remove_customers", "remove_customers_from_segment", False),
        ("POST", r"/unsubscribe/([^/]+)", "unsubscribe", False),
        ("GET", r"/v1/customers/([^/]+)/attributes", "customer_attributes", True),
        ("GET", r"/v1/customers/([^/]+)/segments", "customer_segments", True),
        ("GET", r"/v1/customers/([^/]+)/messages", "customer_messages", True),
        ("GET", r"/v1/customers/([^/]+)/activities", "customer_activities", True),
        ("GET", r"/v1/segments/([^/]+)", "segment", True),
        ("DELETE", r"/v1/segments/([^/]+)", "delete_segment", True),
        ("GET", r"/v1/segments/([^/]+)/customer_count", "segment_count", True),
        ("GET", r"/v1/segments/([^/]+)/membership", "segment_membership", True),
    )
]


def find(method: str, path: str, host: str = "") -> Route:
    """What *method* on *path*, percent-encoded and with its query, asks for.

    Args:
        method: of the request.
        path: as it came.
        host: one of Customer.io's own hosts serves its own API only; by any other the path alone decides.
    """
    path, _, query = path.partition("?")
    app = path.startswith("/v1/")
    if (app and host.startswith("track")) or (not app and host.startswith("api") and host.partition(":")[0].endswith(".customer.io")):
        return Route("unknown", app=app)
    if path.startswith(CUSTOMERS):
        encoded, _, rest = path[len(CUSTOMERS) :].partition("/")
        extra = ""
        operation = _CUSTOMER.get((method, rest), "unknown")
        if rest.startswith("devices/") and method == "DELETE" and "/" not in rest[8:]:
            operation, extra = "delete_device", unquote(rest[8:])
        return Route(operation, unquote(encoded), extra, query)
    if operation := (_APP if app else _TRACK).get((method, path), ""):
        return Route(operation, query=query, app=app)
    for verb, pattern, operation, is_app in _PATTERNS:
        if verb == method and is_app is app and (found := pattern.fullmatch(path)):
            return Route(operation, unquote(found[1]), "", query, app)
    return Route("unknown", query=query, app=app)


def metric_of(method: str, path: str, host: str) -> str:
    """The metric that a request is recorded under: its operation, or ``http`` for one that Customer.io does not know."""
    operation = find(method, path, host).operation
    return "http" if operation == "unknown" else operation
