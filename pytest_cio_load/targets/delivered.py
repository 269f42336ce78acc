"""What became of what was sent, as the fake tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_cio_load.fake.account import FakeAccount
    from pytest_cio_load.fake.served import ServedFake
    from pytest_cio_load.fake.workspace import FakeWorkspace


def counted(fake: FakeWorkspace | FakeAccount | ServedFake) -> dict[str, int]:
    """What arrived at *fake*, and what it did with it."""
    return {
        "requests": fake.requests,
        "received": fake.received(),
        "applied": fake.applied(),
        "rejected": fake.rejected(),
        "dropped": fake.dropped(),
        "duplicates": fake.duplicates(),
        "out_of_order": fake.delivery().out_of_order,
    }
