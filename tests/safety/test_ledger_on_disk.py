"""People by index: on disk before they are given out, and given out without a look at the disk."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_cio_load.errors import LedgerError
from pytest_cio_load.safety.journal import read
from pytest_cio_load.safety.ledger import DurableLedger, Ledger, User

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., DurableLedger]

PREFIX = "cio-load-3f9a1c07"


class Gate(Protocol):
    """A disk that hangs until the gate is opened."""

    opened: Event
    reached: Event


def _entries(ledger: DurableLedger) -> list[dict[str, object]]:
    return list(read(ledger.journal.path).entries)


def _reserved(ledger: DurableLedger) -> list[object]:
    """Once all that was asked for is there."""
    ledger.note(f"{PREFIX}-last").wait()
    return [entry["reserved"] for entry in _entries(ledger) if "reserved" in entry]


def test_a_durable_ledger_gives_the_same_people(make: Make) -> None:
    """As the one in memory."""
    ledger = make()
    assert [ledger.user(index) for index in (3, 0, 3)] == [Ledger(PREFIX).user(index) for index in (3, 0, 3)]
    assert [user.id for user in ledger.noted] == [f"{PREFIX}-3", f"{PREFIX}-0"]


def test_a_person_is_on_disk_when_they_are_given_out(make: Make) -> None:
    """Their whole block is."""
    ledger = make()
    ledger.user(0)
    assert _entries(ledger) == [{"reserved": [0, 1_000]}]


def test_a_person_is_not_given_out_before(make: Make, gate: Callable[[], Gate]) -> None:
    """Whoever asks waits for the disk."""
    ledger, held = make(), gate()
    given: list[User] = []
    asking = Thread(target=lambda: given.append(ledger.user(0)))
    asking.start()
    assert held.reached.wait(30)
    assert given == []
    held.opened.set()
    asking.join()
    assert given == [ledger.user(0)]


def test_a_second_one_of_the_block_is_not_given_out_before_either(make: Make, gate: Callable[[], Gate]) -> None:
    """Nor the same one to somebody else, though they are noted by now."""
    ledger, held = make(), gate()
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ledger.user, index) for index in (0, 0, 1)]
        assert held.reached.wait(30)
        assert not any(each.done() for each in asked)
        held.opened.set()
    assert all(each.done() for each in asked)


@pytest.mark.parametrize(
    ("asked", "reserved"),
    [
        (range(5), [[0, 10]]),
        (range(6), [[0, 10], [10, 20]]),
        (range(10), [[0, 10], [10, 20]]),
        (range(16), [[0, 10], [10, 20], [20, 30]]),
        ([42], [[40, 50]]),
        ([47, 3], [[40, 50], [50, 60], [0, 10]]),
        ([9, 8, 5, 9], [[0, 10], [10, 20]]),
    ],
    ids=["half", "past-half", "all", "two", "far", "backwards", "again"],
)
def test_people_are_reserved_ahead(make: Make, asked: list[int], reserved: list[list[int]]) -> None:
    """The next block is asked for when half of the present one is used, and each block once."""
    ledger = make(block=10)
    for index in asked:
        ledger.user(index)
    assert _reserved(ledger) == reserved


def test_no_more_is_reserved_than_there_may_be(make: Make) -> None:
    """Neither in a block nor ahead."""
    ledger = make(most=7)
    for index in range(6):
        ledger.user(index)
    assert _reserved(ledger) == [[0, 7]]


def test_nobody_waits_while_the_next_block_is_on_its_way(make: Make, gate: Callable[[], Gate]) -> None:
    """Not even when the disk hangs."""
    ledger = make(block=10)
    ledger.user(0)
    held = gate()
    assert [ledger.user(index).id for index in range(10)] == [f"{PREFIX}-{index}" for index in range(10)]
    assert held.reached.wait(30)
    held.opened.set()


def test_a_block_can_be_reserved_before_the_run(make: Make) -> None:
    """So that its first iteration waits for nothing."""
    ledger = make()
    ledger.reserve(0).wait()
    assert _entries(ledger) == [{"reserved": [0, 1_000]}]
    assert ledger.noted == []


def test_when_the_disk_is_full_what_is_reserved_can_be_used_up(make: Make, full: Callable[[], None]) -> None:
    """Then nobody is made up any more."""
    ledger = make(block=10)
    ledger.user(0)
    full()
    for index in range(10):
        ledger.user(index)
    for _ in range(2):
        with pytest.raises(LedgerError, match=r"got 'No space left on device' while writing .*; expected every made-up person on disk"):
            ledger.user(10)


def test_after_it_was_closed(make: Make) -> None:
    """Nobody new is made up. Closing twice is no error."""
    ledger = make(block=10)
    ledger.user(0)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match=r"got an entry for 0\.jsonl after it was closed"):
        ledger.user(10)


def test_coroutines_share_a_durable_ledger(make: Make) -> None:
    """Each gets somebody else, and everyone is on disk."""
    ledger = make(block=10)

    async def run() -> list[User]:
        async def one(index: int) -> User:
            return ledger.user(index)

        return list(await asyncio.gather(*(one(index) for index in range(100))))

    assert len(set(asyncio.run(run()))) == 100
    assert [0, 10] in _reserved(ledger)
    assert [90, 100] in _reserved(ledger)


def test_threads_share_a_durable_ledger(make: Make) -> None:
    """Each block is reserved once."""
    ledger = make(block=10)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ledger.user, [index % 500 for index in range(4_000)]))
    assert sorted(_reserved(ledger)) == [[first, first + 10] for first in range(0, 510, 10)]
    assert len(ledger.noted) == 501
