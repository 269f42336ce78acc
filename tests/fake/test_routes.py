"""Which operation a request asks for."""

from __future__ import annotations

import pytest

from pytest_cio_load.fake.routes import find
from pytest_cio_load.fake.tally import OPERATIONS

ROUTES = [
    ("PUT", "/api/v1/customers/u1", "identify"),
    ("DELETE", "/api/v1/customers/u1", "delete"),
    ("POST", "/api/v1/customers/u1/events", "track"),
    ("PUT", "/api/v1/customers/u1/devices", "add_device"),
    ("DELETE", "/api/v1/customers/u1/devices/t1", "delete_device"),
    ("POST", "/api/v1/customers/u1/suppress", "suppress"),
    ("POST", "/api/v1/customers/u1/unsuppress", "unsuppress"),
    ("POST", "/api/v1/events", "track_anonymous"),
    ("POST", "/api/v1/merge_customers", "merge_customers"),
    ("POST", "/api/v1/metrics", "report_metric"),
    ("POST", "/api/v1/push/events", "report_push"),
    ("POST", "/api/v1/forms/f1/submit", "submit_form"),
    ("POST", "/api/v1/segments/7/add_customers", "add_customers_to_segment"),
    ("POST", "/api/v1/segments/7/remove_customers", "remove_customers_from_segment"),
    ("GET", "/api/v1/accounts/region", "account_region"),
    ("POST", "/unsubscribe/d1", "unsubscribe"),
    ("GET", "/auth", "auth"),
    ("POST", "/api/v2/entity", "entity"),
    ("POST", "/api/v2/batch", "batch"),
    ("GET", "/v1/customers?email=a%40b.c", "customers_by_email"),
    ("POST", "/v1/customers", "customers_by_filter"),
    ("POST", "/v1/customers/attributes", "customers_attributes"),
    ("GET", "/v1/customers/u1/attributes", "customer_attributes"),
    ("GET", "/v1/customers/u1/segments", "customer_segments"),
    ("GET", "/v1/customers/u1/messages", "customer_messages"),
    ("GET", "/v1/customers/u1/activities", "customer_activities"),
    ("GET", "/v1/activities?type=event", "activities"),
    ("GET", "/v1/workspaces", "workspaces"),
    ("GET", "/v1/segments", "segments"),
    ("POST", "/v1/segments", "create_segment"),
    ("GET", "/v1/segments/7", "segment"),
    ("DELETE", "/v1/segments/7", "delete_segment"),
    ("GET", "/v1/segments/7/customer_count", "segment_count"),
    ("GET", "/v1/segments/7/membership", "segment_membership"),
]


@pytest.mark.parametrize(("method", "path", "operation"), ROUTES)
def test_every_path_of_customer_io(method: str, path: str, operation: str) -> None:
    """Found on a host of ours, and on Customer.io's own host of that API, but not on the other one's."""
    app = path.startswith("/v1/")
    track, own = (("api.customer.io", "track.customer.io"), ("track-eu.customer.io", "api-eu.customer.io"))[app]
    assert find(method, path).operation == find(method, path, "127.0.0.1:80").operation == operation
    assert find(method, path, own if not app else "api.customer.io:443").operation == operation
    assert find(method, path, track).operation == "unknown"
    assert operation in OPERATIONS


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/customers/u1"),
        ("POST", "/api/v1/customers/u1/devices"),
        ("DELETE", "/api/v1/customers/u1/devices/t1/x"),
        ("GET", "/api/v2/batch"),
        ("POST", "/v1/activities"),
        ("POST", "/api/v1/segments/7/8/add_customers"),
        ("GET", "/v2/customers"),
        ("GET", "/"),
        ("GET", ""),
    ],
)
def test_no_other_path_exists(method: str, path: str) -> None:
    """It is ``unknown``."""
    assert find(method, path).operation == "unknown"


def test_what_is_in_a_path_is_decoded() -> None:
    """Identifiers, devices and parameters; a slash in one splits nothing."""
    route = find("DELETE", "/api/v1/customers/a%2Fb%40c%2B%25/devices/t%2F1?x=1&y=a%26b&x=2")
    assert (route.operation, route.identifier, route.extra) == ("delete_device", "a/b@c+%", "t/1")
    assert route.parameters() == {"x": "2", "y": "a&b"}
