"""For how long a consumer's partitions are its own for sure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.pipeline.engines.kafka.membership import Membership


def test_nothing_is_sure_before_it_was_shown() -> None:
    """Not even that we are a member."""
    membership = Membership(6.0)
    assert not membership.is_sure(0.0)
    assert not membership.is_fresh(0.0)


@pytest.mark.parametrize(
    ("after", "fresh", "sure"), [(0.0, True, True), (0.9, True, True), (1.1, False, True), (4.4, False, True), (4.6, False, False)]
)
def test_it_wears_off(after: float, fresh: bool, sure: bool) -> None:
    """To be shown again after a sixth of a session, unsure after three quarters."""
    membership = Membership(6.0)
    membership.show(100.0)
    assert (membership.is_fresh(100.0 + after), membership.is_sure(100.0 + after)) == (fresh, sure)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1e6), st.floats(1, 60))
def test_never_sure_for_longer_than_a_session(shown: list[float], now: float, session: float) -> None:
    """Counted from the last commit that was accepted, in whatever order the answers come."""
    membership = Membership(session)
    for at in shown:
        membership.show(at)
    assert membership.is_sure(now) == (now - max(shown) < 0.75 * session)
    assert membership.is_sure(now) or not membership.is_fresh(now)
