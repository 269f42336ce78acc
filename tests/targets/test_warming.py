"""Connections opened before a run: how many, and that nothing of it is the run's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.contract.contract import build
from pytest_cio_load.contract.profile import Profile
from pytest_cio_load.customerio.client import Client
from pytest_cio_load.customerio.engines import DirectWire
from pytest_cio_load.customerio.workspaces import Region, Workspace
from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety.permit import grant
from pytest_cio_load.targets import warming
from pytest_cio_load.targets.warming import connections_for, warm


def profile(**keywords: Any) -> Profile:
    """The profile that a marker describes."""
    return build(keywords).profile


FLAT = profile(rate=100, duration=60)


class Asked:
    """Stands for a client: notes how many connections were asked for, and does what it is told to do."""

    def __init__(self, site_id: str = "site", *, pace: float = 1_000.0, does: Callable[[], Any] | None = None) -> None:
        self.workspace = Workspace(site_id, "secret-key", pace=pace, url="http://127.0.0.1:1")
        self.counts: list[int] = []
        self._does = does

    async def warm(self, count: int) -> int:
        self.counts.append(count)
        if self._does is not None:
            await self._does()
        return count


def warmed(*asked: Asked, load: Profile = FLAT) -> list[list[int]]:
    """What each was asked for."""
    asyncio.run(warm(cast("list[Client]", list(asked)), load))
    return [each.counts for each in asked]


@pytest.mark.parametrize(
    ("keywords", "pace", "share", "count"),
    [
        ({"rate": 1, "duration": 60}, 1_000, 1, 1),
        ({"rate": 20, "duration": 60}, 1_000, 1, 1),
        ({"rate": 80, "duration": 60}, 1_000, 1, 4),
        ({"rate": 1_000, "duration": 60}, 10_000, 1, 50),
        ({"rate": 1_000, "duration": 60}, 100, 1, 5),
        ({"rate": 1_000, "duration": 60}, 10_000, 5, 10),
        ({"start_rate": 10, "stages": [("30s", 1_000)]}, 10_000, 1, 1),
        ({"start_rate": 10, "stages": [("0s", 400), ("30s", 10)]}, 10_000, 1, 20),
        ({"stages": [("30s", 1_000)]}, 10_000, 1, 1),
        ({"rate": 400, "duration": 60, "warmup": "5s", "warmup_ramp": True}, 10_000, 1, 2),
    ],
    ids=["slow", "one", "80/s", "fast", "paced", "shared", "ramp", "step", "from nothing", "ramp of the warmup"],
)
def test_as_many_as_are_due_while_an_answer_is_awaited(keywords: dict[str, Any], pace: float, share: int, count: int) -> None:
    """Of the load's first moments; no more than our own limiter lets through."""
    assert connections_for(profile(**keywords), pace, share) == count


@given(rate=st.integers(1, 10_000), pace=st.floats(0.1, 10_000), share=st.integers(1, 20))
def test_idle_connections_are_all_in_use_within_a_moment(rate: int, pace: float, share: int) -> None:
    """At least one; and of what is due within that time, one each at most, but for the one that is begun."""
    count = connections_for(profile(rate=rate, duration=60), pace, share)
    assert 1 <= count <= min(rate / share, pace) * warming.ANSWERED + 1


def test_every_workspace_gets_its_share() -> None:
    """Those of a test's client and of its workers alike."""
    assert warmed(Asked("a"), Asked("b", pace=20), Asked("a"), Asked("b")) == [[3], [1], [3], [3]]


def test_without_a_client_there_is_nothing_to_open() -> None:
    """A test may hold the fake alone."""
    assert warmed() == []


@pytest.mark.parametrize("error", [OSError("no way"), RuntimeError("closed"), ValueError("host")])
def test_what_fails_is_left_to_the_calls(error: Exception) -> None:
    """They will meet it, and tell."""

    async def fails() -> None:
        raise error

    assert warmed(Asked(does=fails)) == [[5]]


def test_it_does_not_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers a connection."""
    monkeypatch.setattr(warming, "PATIENCE", 0.01)
    assert warmed(Asked(does=asyncio.Event().wait)) == [[5]]


def test_the_guards_refusal_is_told() -> None:
    """As it would be by every call: the permit was revoked after the wire was made."""
    real = Workspace("site", "secret-key", Region.EU)

    async def main() -> None:
        with grant({(Region.EU.track_host, "site")}):
            client = Client(real, DirectWire(real))
        async with client:
            await warm([client], FLAT)

    with pytest.raises(GuardRefused, match="expected a permit in force"):
        asyncio.run(main())


def test_whoever_ends_the_test_is_heard() -> None:
    """Ctrl-C while connections are opened."""

    async def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warmed(Asked(does=interrupted))
