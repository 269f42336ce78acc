"""Whose jobs wait in the retry topic, and for how long their people's later ones go behind them."""

from __future__ import annotations

from pytest_cio_load.pipeline.engines.kafka.parked import MOST_PARKED, Parking


def test_no_more_is_parked_than_has_room() -> None:
    """The main topic waits then."""
    parking = Parking()
    for offset in range(MOST_PARKED):
        parking.read(offset, "a", 0.0, delayed=False)
    assert parking.full
    parking.settle(0)
    assert not parking.full


def test_a_key_is_held_from_the_decision_on() -> None:
    """While its job is being written, and until it has been read again; the reading may be faster than the report."""
    parking = Parking()
    parking.moving("a", 1)
    parking.moving("b", 2)
    parking.moved("a", 1, 7)
    assert parking.holds("a")
    parking.read(7, "a", 0.0, delayed=False)
    parking.read(8, "b", 0.0, delayed=False)
    parking.moved("b", 2, 8)
    parking.settle(7)
    parking.settle(8)
    assert not parking.holds("a")
    assert not parking.holds("b")
    assert len(parking) == 0
