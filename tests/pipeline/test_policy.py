"""How often a job is tried, and when again, by tables and properties, without a clock."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.errors import CustomerIOError, Refused, ServerFailed, Unreachable
from pytest_cio_load.pipeline.policy import Policy, given_up, together


@pytest.mark.parametrize(("failed", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 16), (8, 256), (9, 300), (10_000, 300)])
def test_waits_double(failed: int, seconds: float) -> None:
    """From the base up to the cap."""
    assert Policy(jitter=0).delay(failed, Random(1)) == seconds


@given(st.integers(1, 100), st.floats(0, 60), st.floats(0, 600), st.floats(0, 1), st.integers(0, 2**32))
def test_jitter_only_shortens(failed: int, base: float, cap: float, jitter: float, seed: int) -> None:
    """By its share at most; whole microseconds."""
    whole = Policy(base=base, cap=cap, jitter=0).delay(failed, Random(seed))
    delay = Policy(base=base, cap=cap, jitter=jitter).delay(failed, Random(seed))
    assert whole * (1 - jitter) - 1e-6 <= delay <= whole + 1e-6
    assert delay == round(delay * 1e6) / 1e6


def test_jitter_scatters() -> None:
    """What failed together comes back one by one."""
    rng = Random(1)
    assert len({Policy().delay(1, rng) for _ in range(100)}) > 90


@pytest.mark.parametrize(("asked", "limit"), [(None, 5), (0, 5), (-1, 5), (1, 1), (9, 9)])
def test_the_limit(asked: int | None, limit: int) -> None:
    """A producer's wish counts, when it makes sense."""
    assert Policy().limit(asked) == limit


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"attempts": 0}, "attempts: got 0; expected at least 1, the first try itself; try 5"),
        ({"base": -1.0}, "base: got -1.0; expected seconds, 0 or more; try 2.0"),
        ({"base": float("nan")}, "base: got nan; expected seconds, 0 or more; try 2.0"),
        ({"cap": float("inf")}, "cap: got inf; expected seconds, 0 or more; try 300.0"),
        ({"jitter": 1.1}, "jitter: got 1.1; expected a share, 0 to 1; try 0.5"),
        ({"jitter": float("nan")}, "jitter: got nan; expected a share, 0 to 1; try 0.5"),
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, Any], says: str) -> None:
    """Each with the nearest fix."""
    with pytest.raises(ValueError) as caught:
        Policy(**wrong)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("error", "tries", "says"),
    [
        (Refused("track", "event name must not be blank", status=400), 1, "400 event name must not be blank"),
        (ServerFailed("track", "Internal Server Error", status=500), 5, "500 Internal Server Error (5 tries)"),
        (Unreachable("track", "reset by peer"), 2, "reset by peer (2 tries)"),
    ],
)
def test_what_a_dead_letter_says(error: CustomerIOError, tries: int, says: str) -> None:
    """The last answer, and how often it was tried."""
    assert given_up(error, tries) == says


@pytest.mark.parametrize(
    ("most", "kills", "allowed"),
    [(10, 0, 10), (10, 1, 1), (10, 2, 1), (3_000, 0, 3_000), (3_000, 1, 93), (3_000, 2, 1), (3_000, 7, 1), (1, 1, 1)],
)
def test_suspects_run_few_together(most: int, kills: int, allowed: int) -> None:
    """Fewer with every kill, and never none."""
    assert together(most, kills) == allowed
