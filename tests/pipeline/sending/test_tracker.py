"""Which lines have an outcome: none is ever skipped without one, whatever order they come in and wherever it is broken off."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.pipeline.sending.sources import Line
from pytest_cio_load.pipeline.sending.tracker import Place, Tracker, ranges


def line(number: int) -> Line:
    """A line that begins ten bytes after the one before."""
    return Line(number, (number - 1) * 10, None)


def test_before_anything() -> None:
    """The beginning."""
    assert Tracker().place() == Place(1, 0, 0, ())


def test_lines_under_way() -> None:
    """It goes on at the first of them, and knows which ones behind it are done."""
    tracker = Tracker()
    for number in range(1, 7):
        assert tracker.look(line(number))
        tracker.hold(number - 1, line(number))
    assert len(tracker) == 6
    for key in (0, 2, 5):
        assert tracker.settle(key) == line(key + 1)
    assert tracker.place() == Place(2, 10, 6, ((2, 2), (4, 5)))
    again = Tracker(tracker.place())
    assert [number for number in range(2, 9) if again.look(line(number))] == [2, 4, 5, 7, 8]


def test_broken_off_again_before_it_has_caught_up() -> None:
    """What is open and not yet come to stays open."""
    tracker = Tracker(Place(2, 10, 9, ((2, 3), (5, 8))))
    assert tracker.place() == Place(2, 10, 9, ((2, 3), (5, 8)))
    for number in (2, 3, 4, 5, 6):
        if tracker.look(line(number)):
            tracker.hold(number, line(number))
    for key in (2, 3, 5):
        tracker.settle(key)
    assert tracker.place() == Place(6, 50, 9, ((6, 6), (7, 8)))


@pytest.mark.parametrize(
    ("numbers", "found"),
    [([], ()), ([3], ((3, 3),)), ([1, 2, 3, 5, 7, 8], ((1, 3), (5, 5), (7, 8)))],
)
def test_ranges(numbers: list[int], found: tuple[tuple[int, int], ...]) -> None:
    """Consecutive numbers are one range."""
    assert ranges(numbers) == found


@given(seed=st.integers(0, 2**32), count=st.integers(0, 60), breaks=st.lists(st.integers(1, 40), max_size=5))
def test_every_line_gets_an_outcome(seed: int, count: int, breaks: list[int]) -> None:
    """Broken off any number of times, with outcomes in any order: a line noted as done is done, and in the end all are."""
    rng, done, noted = Random(seed), [0] * (count + 1), Place()
    for steps in [*breaks, None]:
        tracker, held, key, known = Tracker(noted), dict[int, int](), 0, dict.fromkeys(_open(noted, count))
        unread = iter([line(number) for number in range(noted.number, count + 1)])
        assert (noted.number - 1) * 10 == noted.offset
        while steps is None or steps > 0:
            steps = None if steps is None else steps - 1
            if held and rng.random() < 0.6:
                which = rng.choice(list(held))
                assert tracker.settle(which).number == held[which]
                done[held.pop(which)] += 1
            elif (read := next(unread, None)) is not None:
                assert tracker.look(read) is (read.number in known)
                if read.number in known:
                    tracker.hold(key, read)
                    held[key] = read.number
                    key += 1
            elif not held:
                break
            if rng.random() < 0.3:
                noted = tracker.place()
                assert all(done[number] for number in range(1, count + 1) if number not in _open(noted, count))
    assert all(done[1:])


def _open(place: Place, count: int) -> set[int]:
    """The lines that a place says have no outcome."""
    return {*range(place.last + 1, count + 1), *(number for first, last in place.open for number in range(first, last + 1))}
