"""Several batches under way: every person's order is kept, nothing is lost, little is held."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.batch import Batch
from pytest_cio_load.customerio.lanes import Lanes
from pytest_cio_load.customerio.operations.items import Item, item_of


def deletion(who: str, index: int = 0) -> Item:
    return item_of(api.delete(who), index)


def merge(first: str, second: str, index: int = 0) -> Item:
    return item_of(api.merge_customers("id", first, "id", second), index)


class Journey:
    """Sends items through lanes: batches land in an order that chance decides."""

    def __init__(self, lanes: Lanes, rng: Random) -> None:
        self.lanes, self.rng = lanes, rng
        self.flying: list[Batch] = []
        self.started: list[Batch] = []
        self.most_flying = 0
        self.together: list[set[str]] = []

    def start(self) -> bool:
        batch = self.lanes.ready()
        if batch is None:
            return False
        keys = {key for item in batch.items for key in item.keys}
        # What is under way at the same time must not be about the same person.
        assert not any(keys & {key for item in other.items for key in item.keys} for other in self.flying)
        self.flying.append(batch)
        self.started.append(batch)
        self.most_flying = max(self.most_flying, len(self.flying))
        return True

    def land(self) -> None:
        self.lanes.settle(self.flying.pop(self.rng.randrange(len(self.flying))))

    def run(self, items: list[Item]) -> None:
        for item in items:
            while not self.lanes.put(item):
                if not self.start():
                    self.land()
        self.lanes.close()
        while self.lanes.busy:
            if not self.start():
                self.land()


stream = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=120)


@given(stream, st.integers(1, 4), st.integers(1, 7), st.integers())
def test_order_is_kept_and_nothing_lost(pairs: list[tuple[str, str]], count: int, most: int, seed: int) -> None:
    """Whatever lands when: each person's operations start in order, all of them once, no more batches under way than allowed."""
    items = [merge(a, b, n) if a < b else deletion(a, n) for n, (a, b) in enumerate(pairs)]
    journey = Journey(Lanes(count, most), Random(seed))
    journey.run(items)
    started = [item for batch in journey.started for item in batch.items]
    assert sorted(item.index for item in started) == list(range(len(items)))
    for key in "abcdef":
        indexes = [item.index for item in started if key in item.keys]
        assert indexes == sorted(indexes)
    assert journey.most_flying <= count


def test_people_who_do_not_meet_do_not_wait_for_each_other() -> None:
    """Four full batches are under way at once, and the fifth waits."""
    lanes = Lanes(4, 10)
    flying = []
    for number in range(50):
        while not lanes.put(deletion(f"u{number}")):
            batch = lanes.ready()
            if batch is None:
                break
            flying.append(batch)
    assert lanes.in_flight == 4
    assert [len(batch.items) for batch in flying] == [10] * 4


def test_a_person_waits_for_their_own_batch() -> None:
    """What comes while it is under way goes into the same lane's next one."""
    lanes = Lanes(2, 1)
    assert lanes.put(deletion("a"))
    assert not lanes.put(deletion("a"))
    first = lanes.ready()
    assert first is not None
    assert lanes.put(deletion("a"))
    assert not lanes.put(deletion("a"))
    assert lanes.ready() is None
    lanes.settle(first)
    assert lanes.ready() is not None


def test_a_merge_waits_until_both_people_are_in_one_lane() -> None:
    """Otherwise it could overtake what was sent about one of them before."""
    lanes = Lanes(2, 2)
    assert lanes.put(deletion("a"))
    assert lanes.put(deletion("x"))
    assert not lanes.put(deletion("b"))
    first = lanes.ready()
    assert first is not None
    assert lanes.put(deletion("b"))
    assert not lanes.put(merge("a", "b"))
    second = lanes.ready()
    assert second is not None
    lanes.settle(second)
    assert lanes.put(merge("a", "b"))


def test_batches_travel_full() -> None:
    """Mixed operations of many people take hardly more requests than they have to."""
    rng = Random(3)
    items = [deletion(f"u{rng.randrange(3_000)}", n) for n in range(10_000)]
    journey = Journey(Lanes(4, 100), Random(4))
    journey.run(items)
    assert len(journey.started) <= 110


def test_only_so_much_is_held() -> None:
    """Two batches per lane, however long the stream."""
    lanes = Lanes(2, 5)
    taken = 0
    for number in range(1_000):
        if not lanes.put(deletion(f"u{number}")):
            lanes.ready()
            if not lanes.put(deletion(f"u{number}")):
                break
        taken += 1
    assert taken == 2 * 2 * 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "in_flight: got 0; expected at least 1 batch under way; try 4"), ((4, 0), "items: got 0; expected at least 1 operation per")],
)
def test_bad_settings_are_refused(arguments: tuple[int, ...], message: str) -> None:
    """With the nearest that would do."""
    with pytest.raises(ValueError, match=message):
        Lanes(*arguments)
