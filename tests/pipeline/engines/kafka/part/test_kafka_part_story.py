"""One partition: that nothing is lost and nothing overtakes another, whatever is done and whoever is killed when."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.pipeline.engines.kafka.picks import Place, Source

World = Any


class Ordered:
    """Whether each person's jobs were sent in order: some may be repeated, with all that follow, but none is left out on the way."""

    def __init__(self, sent: list[str]) -> None:
        self.last: dict[str, int] = {}
        for id in sent:
            person, number = id.split("-")
            assert int(number) <= self.last.get(person, -1) + 1, sent
            self.last[person] = int(number)


@settings(max_examples=300, deadline=None)
@given(people=st.lists(st.sampled_from("abc"), min_size=1, max_size=25), data=st.data())
def test_whatever_happens_nothing_is_lost_or_overtaken(worlds: type[World], people: list[str], data: st.DataObject) -> None:
    """Jobs are taken, sent, parked, handed back and committed, owners killed: all is sent, and each person's last word is the last."""
    world = worlds()
    counts: dict[str, int] = {}
    for person in people:
        world.put(f"{person}-{counts.setdefault(person, 0)}")
        counts[person] += 1
    for _ in range(data.draw(st.integers(0, 40))):
        world.now += 0.3
        step = data.draw(st.sampled_from(["take", "done", "done", "again", "back", "commit", "kill", "leave"]))
        ours = [place for place in world.hand if world.part.has(place)]
        first = [place for place in ours if not any(_before(other, place, world) for other in ours)]
        if step == "take":
            world.take(data.draw(st.integers(1, 8)))
        elif step == "commit":
            world.commit()
        elif step == "leave" or (step == "kill" and data.draw(st.integers(0, 2)) == 0 and not world.dead):
            if step == "leave":
                world.committed = tuple((mark.position, mark.note) for mark in world.part.marks(leaving=True))
            world.own()
        elif step == "back":
            world.part.give_back(ours)
        elif first and step in ("done", "again"):
            chosen = data.draw(st.sampled_from(first)).record.id
            world.done(chosen) if step == "done" else world.again(chosen, data.draw(st.floats(0, 2)))
    _finish(world)
    buried = {id for id, _ in world.dead}
    assert set(world.sent) | buried >= {each.id for each in world.main}
    Ordered([id for id in world.sent if id.split("-")[0] not in {each.split("-")[0] for each in buried}])
    if not buried:
        assert all(
            max(index for index, id in enumerate(world.sent) if id.startswith(person)) == _last(world.sent, person, counts)
            for person in counts
        )


def _last(sent: list[str], person: str, counts: dict[str, int]) -> int:
    return max(index for index, id in enumerate(sent) if id == f"{person}-{counts[person] - 1}")


def _before(other: Place, place: Place, world: World) -> bool:
    """Whether a worker has to send *other* first: of the same person, and taken before."""
    return other.record.lane == place.record.lane and world.hand.index(other) < world.hand.index(place)


def _finish(world: World) -> None:
    for _ in range(400):
        world.now += 3.0
        world.take()
        for place in [each for each in world.hand if world.part.has(each)]:
            world.done(place.record.id)
        world.commit()
        if world.part.offsets[Source.MAIN].left(len(world.main)) == world.part.offsets[Source.RETRY].left(len(world.retry)) == 0:
            return
    raise AssertionError("it does not end")
