"""One limiter per workspace for all clients of a process, and never one for two clocks."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable

import pytest

from pytest_cio_load.customerio import api, buckets
from pytest_cio_load.customerio.buckets import WALL, Axis, axis_of, bucket_for, clock_of
from pytest_cio_load.customerio.client import AppClient, Client, SyncAppClient, SyncClient
from pytest_cio_load.customerio.pacing import Bucket
from pytest_cio_load.customerio.workspaces import AppAccess, Workspace


@pytest.fixture
def axis() -> Axis:
    """A time axis of the test's own, so that tests do not share limiters."""
    return Axis()


def test_one_workspace_has_one_limiter(axis: Axis) -> None:
    """Whichever of its keys is used, and however often it is described anew."""
    assert bucket_for(Workspace("s", "k"), axis) is bucket_for(Workspace("s", "rotated"), axis)


@pytest.mark.parametrize(
    "other",
    [Workspace("t", "k"), Workspace("s", "k", api.Region.EU), Workspace("s", "k", url="http://127.0.0.1:8080"), AppAccess("s")],
)
def test_other_workspaces_servers_and_apis_have_their_own(axis: Axis, other: Workspace | AppAccess) -> None:
    """Site id and server tell them apart; the App API has a budget of its own."""
    assert bucket_for(other, axis) is not bucket_for(Workspace("s", "k"), axis)


def test_clocks_do_not_mix(axis: Axis) -> None:
    """Moments of two clocks cannot be compared."""
    assert bucket_for(Workspace("s", "k"), axis) is not bucket_for(Workspace("s", "k"), Axis())


def test_the_pace_is_that_of_whoever_asks(axis: Axis) -> None:
    """A run at another pace does not inherit the one before."""
    shared = bucket_for(Workspace("s", "k", limit=50), axis)
    assert bucket_for(Workspace("s", "k", limit=100), axis) is shared
    assert shared.rate == 100
    assert bucket_for(Workspace("s", "k", limit=100, pace=20), axis).rate == 20


def test_another_pace_spaces_what_comes_after() -> None:
    """Slots already taken stay."""
    bucket = Bucket(100, burst=1)
    bucket.reserve(0.0)
    bucket.keep_to(10)
    assert [bucket.reserve(0.0) for _ in range(3)] == [0.01, 0.11, 0.21]
    with pytest.raises(ValueError, match="rate: got 0; expected requests per second"):
        bucket.keep_to(0)


def test_limiters_go_with_their_clock() -> None:
    """A run that has ended leaves nothing."""
    gc.collect()
    axis = Axis()
    before = len(buckets._buckets)
    bucket_for(Workspace("s", "k"), axis)
    assert len(buckets._buckets) == before + 1
    del axis
    gc.collect()
    assert len(buckets._buckets) == before


def test_an_app_budget_has_no_burst(axis: Axis) -> None:
    """A hard limit is hard from the first moment."""
    bucket = bucket_for(AppAccess("k"), axis)
    assert [bucket.reserve(0.0) for _ in range(3)] == [0.0, 0.1, 0.2]


def test_all_clients_of_a_workspace_share_a_limiter() -> None:
    """Async and blocking ones, in any loop that runs by the wall clock."""
    workspace = Workspace("shared by all clients", "k")

    async def bucket() -> Bucket:
        return Client(workspace, None).bucket  # type: ignore[arg-type]

    found = {id(asyncio.run(bucket())), id(asyncio.run(bucket())), id(SyncClient(workspace, None).bucket)}  # type: ignore[arg-type]
    assert found == {id(bucket_for(workspace))}


def test_all_app_clients_of_a_key_share_a_limiter() -> None:
    """Which is not that of the Track API."""
    access = AppAccess("shared-by-all-app-clients")
    assert AppClient(access, None).bucket is SyncAppClient(access, None).bucket is bucket_for(access)  # type: ignore[arg-type]


def test_a_clock_of_ones_own_has_a_limiter_of_its_own() -> None:
    """Unless one is given."""
    workspace = Workspace("own clock", "k")
    client = SyncClient(workspace, None, now=lambda: 0.0)  # type: ignore[arg-type]
    assert client.bucket is client.bucket
    assert client.bucket is not bucket_for(workspace)
    given = Bucket(5)
    assert SyncClient(workspace, None, bucket=given, now=lambda: 0.0).bucket is given  # type: ignore[arg-type]


def test_a_limiter_can_be_replaced() -> None:
    """Between two runs, which have clocks of their own."""
    client = SyncClient(Workspace("replaced", "k"), None)  # type: ignore[arg-type]
    client.bucket = fresh = Bucket(5)
    assert client.bucket is fresh


@pytest.mark.parametrize(
    "shift",
    [lambda loop: setattr(loop, "time", lambda: 5.0), lambda loop: setattr(loop, "time", type(loop).time.__get__(loop))],
)
def test_a_loop_whose_clock_was_replaced_is_its_own_axis(shift: Callable[[asyncio.AbstractEventLoop], None]) -> None:
    """From the first moment, though it may still read as the wall does."""
    loop = asyncio.new_event_loop()
    try:
        assert axis_of(loop) is WALL
        shift(loop)
        assert axis_of(loop) is loop
    finally:
        loop.close()


def test_a_loop_that_reads_otherwise_is_its_own_axis() -> None:
    """Also when it is of a class of its own."""

    class Late(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return super().time() + 60.0

    loop = Late()
    try:
        assert axis_of(loop) is loop
    finally:
        loop.close()


def test_on_the_wall_the_machines_clock_is_read_and_else_the_loops() -> None:
    """uvloop's clock stands still within a turn and has whole milliseconds: calls would be timed by these."""
    loop = asyncio.new_event_loop()
    try:
        assert clock_of(loop) is time.monotonic
        loop.time = lambda: 5.0  # type: ignore[method-assign]
        assert clock_of(loop)() == 5.0
    finally:
        loop.close()
