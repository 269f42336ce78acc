"""Whose event loop a load runs on, where nobody else has made one."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_cio_load.load import loops
from pytest_cio_load.load.loops import loop_factory, new_uvloop, why_missing


def test_in_virtual_time_it_is_asyncios_own() -> None:
    """Made as it always is."""
    assert loop_factory(wall=False) is None


def test_on_the_wall_clock_it_is_uvloops_where_it_is_installed() -> None:
    """The faster one."""
    uvloop = pytest.importorskip("uvloop")
    assert loop_factory(wall=True) is uvloop.new_event_loop


def test_without_uvloop_it_is_asyncios_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra, and nothing is said about it."""
    monkeypatch.setattr(loops, "find_spec", lambda _: None)
    assert loop_factory(wall=True) is None


@pytest.fixture
def policy_of_their_own() -> Iterator[None]:
    """One that somebody has set."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        before: Any = asyncio.get_event_loop_policy()

        class Policy(type(before)):  # type: ignore[misc]
            """Theirs."""

        asyncio.set_event_loop_policy(Policy())
        yield
        asyncio.set_event_loop_policy(before)


@pytest.mark.usefixtures("policy_of_their_own")
def test_who_has_set_a_policy_has_chosen() -> None:
    """It makes the loop, as it did before."""
    assert loop_factory(wall=True) is None


@pytest.mark.usefixtures("policy_of_their_own")
def test_who_asks_for_uvloop_gets_it() -> None:
    """Whatever the policy; never in virtual time."""
    uvloop = pytest.importorskip("uvloop")
    assert loop_factory(wall=True, always=True) is uvloop.new_event_loop
    assert loop_factory(wall=False, always=True) is None


def test_a_loop_to_hand_on() -> None:
    """One of uvloop's, for plugins that ask for what makes it."""
    uvloop = pytest.importorskip("uvloop")
    loop = new_uvloop()
    try:
        assert isinstance(loop, uvloop.Loop)
    finally:
        loop.close()


def test_why_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not installed, or broken; nothing when it is there."""
    pytest.importorskip("uvloop")
    assert why_missing() == ""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert why_missing() == "it is not installed"
    monkeypatch.setattr(loops, "find_spec", lambda _: object())
    assert why_missing().startswith("it cannot be imported (")
    assert loop_factory(wall=True, always=True) is None


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_what_runs_is_named(kind: str) -> None:
    """By the package that made the loop; threads where there is none."""
    if kind == "uvloop":
        pytest.importorskip("uvloop")

    async def ask() -> str:
        return loops.running()

    with asyncio.Runner(loop_factory=new_uvloop if kind == "uvloop" else None) as runner:
        assert runner.run(ask()) == kind
    assert loops.running() == "threads"
