"""The iterations of one run: the right one is the current one, and each body gets its own."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from pytest_cio_load.load.iteration import CURRENT, CurrentIteration, Iteration, Unmeasured
from pytest_cio_load.load.iterations import Iterations
from pytest_cio_load.load.schedule import Arrival

STAND_IN = [CurrentIteration()]  # in a list: what collects tests would ask it for attributes


def iterations(arguments: dict[str, Any], began: Any = None) -> Iterations:
    """Of a run in which nothing is measured."""
    made: Any = Iterations
    return made(arguments, STAND_IN[0], book=Unmeasured(), now=lambda: 0, user=lambda _: None, seed=1, instrument=None, began=began)


def test_within_it_is_the_current_one_and_afterwards_what_was_before() -> None:
    """Also after an exception."""
    make = iterations({})
    with make(Arrival(0, 0)):
        outer = CURRENT.get()
        with suppress(ZeroDivisionError), make(Arrival(1, 0)):
            assert CURRENT.get() is not outer
            raise ZeroDivisionError
        assert CURRENT.get() is outer
    assert CURRENT.get() is None


@pytest.mark.parametrize("names", [(), ("cio_load",), ("cio_load", "again")])
def test_the_iteration_stands_where_the_stand_in_stood(names: tuple[str, ...]) -> None:
    """Under whatever names, the other arguments as they are; the next one has its own."""
    other = object()
    make = iterations({"other": other, **dict.fromkeys(names, STAND_IN[0])})
    for index in range(2):
        with make(Arrival(index, 0)) as arguments:
            current = CURRENT.get()
            assert current is not None
            assert (current.index, arguments) == (index, {"other": other, **dict.fromkeys(names, current)})


def test_an_argument_that_is_merely_equal_is_left_alone() -> None:
    """A mock that equals everything is not the stand-in."""

    class Equal:
        __hash__ = object.__hash__

        def __eq__(self, other: object) -> bool:
            return True

    argument = Equal()
    with iterations({"mock": argument})(Arrival(0, 0)) as arguments:
        assert arguments["mock"] is argument


def test_who_watches_is_told_within() -> None:
    """Of the arrival, once the iteration is the current one."""
    told: list[tuple[Arrival, Any]] = []
    arrival = Arrival(3, 5)
    with iterations({}, lambda arrival: told.append((arrival, CURRENT.get())))(arrival):
        current = CURRENT.get()
    assert told == [(arrival, current)]


def test_an_iteration_carries_nothing_but_its_own() -> None:
    """A name set on it by mistake is an error, not lost with the iteration."""
    with iterations({"one": STAND_IN[0]})(Arrival(0, 0)) as arguments:
        one = arguments["one"]
    assert isinstance(one, Iteration)
    with pytest.raises(AttributeError):
        one.idnex = 3  # type: ignore[attr-defined]
