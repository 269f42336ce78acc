"""What may be asked of Customer.io, as values: regions, workspaces, and every operation; all names in one place.

An operation is made by a function that checks it, so that what Customer.io would refuse is refused here, before it is sent.
"""

from __future__ import annotations

from pytest_cio_load.customerio.operations.account import account_region, auth
from pytest_cio_load.customerio.operations.deliveries import report_metric, report_push, unsubscribe
from pytest_cio_load.customerio.operations.devices import add_device, delete_device
from pytest_cio_load.customerio.operations.entities import batch, entity
from pytest_cio_load.customerio.operations.events import page, screen, track, track_anonymous
from pytest_cio_load.customerio.operations.forms import submit_form
from pytest_cio_load.customerio.operations.operation import CUSTOMERS, Auth, Host, Operation, Ulids, person_path
from pytest_cio_load.customerio.operations.people import delete, identify, merge_customers, suppress, unsuppress
from pytest_cio_load.customerio.operations.reads import (
    activities,
    customer_activities,
    customer_attributes,
    customers_attributes,
    customers_by_email,
    customers_by_filter,
    workspaces,
)
from pytest_cio_load.customerio.operations.segments import add_customers_to_segment, remove_customers_from_segment
from pytest_cio_load.customerio.workspaces import APP_BUDGET, HOUSE_BUDGET, Access, AppAccess, Region, Workspace

TRACK_OPERATIONS = (
    "identify",
    "delete",
    "suppress",
    "unsuppress",
    "merge_customers",
    "track",
    "page",
    "screen",
    "track_anonymous",
    "add_device",
    "delete_device",
    "add_customers_to_segment",
    "remove_customers_from_segment",
    "report_metric",
    "report_push",
    "unsubscribe",
    "submit_form",
    "account_region",
    "auth",
    "entity",
    "batch",
)
"""Operations of the Track API, by name; each is a method of the client and a metric."""

APP_OPERATIONS = (
    "customers_by_email",
    "customer_attributes",
    "customers_attributes",
    "customer_activities",
    "activities",
    "customers_by_filter",
    "workspaces",
)
"""Operations of the App API, by name."""

__all__ = [
    "APP_BUDGET",
    "APP_OPERATIONS",
    "CUSTOMERS",
    "HOUSE_BUDGET",
    "TRACK_OPERATIONS",
    "Access",
    "AppAccess",
    "Auth",
    "Host",
    "Operation",
    "Region",
    "Ulids",
    "Workspace",
    "account_region",
    "activities",
    "add_customers_to_segment",
    "add_device",
    "auth",
    "batch",
    "customer_activities",
    "customer_attributes",
    "customers_attributes",
    "customers_by_email",
    "customers_by_filter",
    "delete",
    "delete_device",
    "entity",
    "identify",
    "merge_customers",
    "page",
    "person_path",
    "remove_customers_from_segment",
    "report_metric",
    "report_push",
    "screen",
    "submit_form",
    "suppress",
    "track",
    "track_anonymous",
    "unsubscribe",
    "unsuppress",
    "workspaces",
]
