"""What each operation asks of Customer.io: method and path, with names in braces where somebody's data would stand."""

from __future__ import annotations

_PERSON = "/api/v1/customers/{identifier}"
_SEGMENT = "/api/v1/segments/{segment_id}"

REQUESTS = {
    "identify": f"PUT {_PERSON}",
    "delete": f"DELETE {_PERSON}",
    "suppress": f"POST {_PERSON}/suppress",
    "unsuppress": f"POST {_PERSON}/unsuppress",
    "merge_customers": "POST /api/v1/merge_customers",
    "track": f"POST {_PERSON}/events",
    "page": f"POST {_PERSON}/events",
    "screen": f"POST {_PERSON}/events",
    "track_anonymous": "POST /api/v1/events",
    "add_device": f"PUT {_PERSON}/devices",
    "delete_device": f"DELETE {_PERSON}/devices/{{device_id}}",
    "add_customers_to_segment": f"POST {_SEGMENT}/add_customers",
    "remove_customers_from_segment": f"POST {_SEGMENT}/remove_customers",
    "report_metric": "POST /api/v1/metrics",
    "report_push": "POST /api/v1/push/events",
    "unsubscribe": "POST /unsubscribe/{delivery_id}",
    "submit_form": "POST /api/v1/forms/{form_id}/submit",
    "account_region": "GET /api/v1/accounts/region",
    "auth": "GET /auth",
    "entity": "POST /api/v2/entity",
    "batch": "POST /api/v2/batch",
    "customers_by_email": "GET /v1/customers",
    "customer_attributes": "GET /v1/customers/{identifier}/attributes",
    "customers_attributes": "POST /v1/customers/attributes",
    "customer_activities": "GET /v1/customers/{identifier}/activities",
    "activities": "GET /v1/activities",
    "customers_by_filter": "POST /v1/customers",
    "workspaces": "GET /v1/workspaces",
}
"""By operation: ``PUT /api/v1/customers/{identifier}``."""


def request_of(operation: str) -> str:
    """The request that *operation* makes, or "" of one that makes none of Customer.io's."""
    return REQUESTS.get(operation, "")
