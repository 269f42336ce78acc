"""Asking about the credentials themselves."""

from __future__ import annotations

from pytest_cio_load.customerio.operations.operation import Operation


def account_region() -> Operation:
    """Ask where the account's data is kept, and which workspace the credentials belong to. Either region's host answers."""
    return Operation("account_region", "GET", "/api/v1/accounts/region", None, repeatable=True)


def auth() -> Operation:
    """Ask whether the credentials are right. Other clients use this path; Customer.io does not document it (any more)."""
    return Operation("auth", "GET", "/auth", None, repeatable=True)
