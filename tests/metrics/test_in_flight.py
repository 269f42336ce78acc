"""How many ran at once: against counting at every moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.metrics import in_flight
from pytest_cio_load.metrics.in_flight import InFlight

STEP, INTERVALS = 10, 12
spans = st.lists(st.tuples(st.integers(0, 119), st.integers(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=60)


def interval_of(moment: int) -> int:
    """The last of 12 intervals of 10 µs takes the rest."""
    return min(moment // STEP, INTERVALS - 1)


def found(told: list[tuple[int, int]], *, at_once: int = 3) -> list[int]:
    """The peaks, of iterations that are told in the order in which they ended."""
    counting = InFlight(interval_of, lambda interval: interval * STEP)
    in_order = sorted(told, key=lambda span: span[1])
    for at in range(0, len(in_order), at_once):
        began, ended = zip(*in_order[at : at + at_once], strict=True)
        counting.add(began, ended, map(interval_of, began), map(interval_of, ended))
    return counting.peaks(INTERVALS)


def counted(told: list[tuple[int, int]]) -> list[int]:
    """The same by counting at every moment at which something begins; what ends then has ended, unless it begins then too."""
    peaks = []
    for interval in range(INTERVALS):
        first = interval * STEP
        # What runs up to the interval's beginning is in it, as what runs up to its end is.
        running = [sum(start < first <= end for start, end in told)]
        moments = {start for start, _ in told if interval_of(start) == interval}
        running += [sum(start <= moment < end for start, end in told) or 1 for moment in moments]
        peaks.append(max(running))
    return peaks


@given(spans)
def test_peaks_are_exact(told: list[tuple[int, int]]) -> None:
    """While all events are kept."""
    assert found(told) == counted(told)


@given(spans, st.integers(1, 8), st.integers(1, 5))
def test_peaks_are_never_too_high(told: list[tuple[int, int]], kept: int, at_once: int) -> None:
    """Where few events are kept, and iterations outlast them; and at the edges of intervals they are right all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_flight, "_KEPT", kept)
        seen = found(told, at_once=at_once)
    exact = counted(told)
    for interval in range(INTERVALS):
        edges = [sum(start < moment <= end for start, end in told) for moment in (interval * STEP, (interval + 1) * STEP)]
        least = max(edges) if interval < INTERVALS - 1 else edges[0]
        assert least <= seen[interval] <= exact[interval]


def test_short_iterations_are_exact_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of these outlasts what is kept: 3 at once, all the time."""
    monkeypatch.setattr(in_flight, "_KEPT", 8)
    told = [(at, at + 3) for at in range(110)]
    assert found(told)[:11] == [3] * 11


def test_one_that_outlasts_everything_counts_all_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the short ones."""
    monkeypatch.setattr(in_flight, "_KEPT", 4)
    told = [(0, 119), *((at, at + 2) for at in range(0, 110, 2))]
    assert found(told)[1:11] == [2] * 10


def test_nothing_ran() -> None:
    """Nothing is in flight."""
    assert found([]) == [0] * INTERVALS
