"""One partition as its owner sees it: which jobs may be taken, and that none overtakes another, whatever is killed when."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.pipeline.engines.kafka.offsets import Offsets
from pytest_cio_load.pipeline.engines.kafka.parked import MOST_PARKED, Parking
from pytest_cio_load.pipeline.engines.kafka.part import Part
from pytest_cio_load.pipeline.engines.kafka.picks import Desk, Move, Place, Source
from pytest_cio_load.pipeline.engines.kafka.wire import Record


def record(offset: int, id: str, **more: object) -> Record:
    """A job; its id says whose it is."""
    return Record(offset, id.partition("-")[0].encode(), id, "track", "{}", 0.0, **more)


@dataclass
class World:
    """Two topics of one partition, what was committed, and its owner; jobs are written and moved at once."""

    main: list[Record] = field(default_factory=list)
    retry: list[Record] = field(default_factory=list)
    dead: list[tuple[str, str]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.committed = ((0, ""), (0, ""))
        self.own()

    def put(self, *ids: str) -> None:
        """Store jobs."""
        self.main += [record(len(self.main) + step, id) for step, id in enumerate(ids)]

    def own(self) -> None:
        """Somebody else's from now on; the owner before was killed, if it has not left."""
        made = [Offsets(*mark, len(log)) for mark, log in zip(self.committed, (self.main, self.retry), strict=True)]
        self.part = Part(0, *made, Desk())
        self.read = {Source.MAIN: made[0].position, Source.RETRY: made[1].position}
        self.hand: list[Place] = []

    def look(self) -> None:
        """Read all there is."""
        for source, log in ((Source.MAIN, self.main), (Source.RETRY, self.retry)):
            for each in log[self.read[source] :]:
                self.part.read(source, each)
            self.read[source] = len(log)
            self.part.ended(source, len(log))

    def commit(self) -> None:
        """Commit."""
        marks = self.part.marks()
        self.part.keep(marks)
        self.committed = tuple((mark.position, mark.note) for mark in marks)

    def take(self, most: int = 100) -> list[str]:
        """Take what may be taken, after the commits that are asked for."""
        found: list[Place] = []
        for _ in range(3):
            self.look()
            picked = self.part.pick(most - len(found), self.now)
            found += picked.places
            self.move(picked.moves)
            if picked.commit:
                self.commit()
        self.hand += found
        return [place.record.id for place in found]

    def move(self, moves: list[Move]) -> None:
        """Write jobs to the other topics."""
        for move in moves:
            if move.reason is None:
                self.retry.append(
                    record(
                        len(self.retry), move.record.id, attempts=move.record.attempts, not_before=move.not_before, kills=move.record.kills
                    )
                )
                self.part.moved(move, len(self.retry) - 1)
            else:
                self.dead.append((move.record.id, move.reason))
                self.part.moved(move, len(self.dead) - 1)

    def of(self, id: str) -> Place:
        """The job, among those that were taken."""
        return next(place for place in self.hand if place.record.id == id and self.part.has(place))

    def done(self, *ids: str) -> None:
        """Jobs are sent."""
        for id in ids:
            self.sent.append(id)
            assert self.part.settle(self.of(id))

    def again(self, id: str, delay: float = 1.0, *, counts: bool = True) -> None:
        """A job is to be tried again."""
        self.move(self.part.park(self.of(id), self.now + delay, counts=counts))


@pytest.fixture
def world() -> World:
    """An empty one."""
    return World()


def test_jobs_are_taken_in_order(world: World) -> None:
    """Of all people, as they were stored."""
    world.put("a-0", "b-0", "a-1")
    assert world.take() == ["a-0", "b-0", "a-1"]


def test_what_was_parked_comes_before_what_follows(world: World) -> None:
    """Jobs of the same person that were under way, and later ones, go behind it, and come one at a time; others' go on."""
    world.put("a-0", "b-0", "a-1")
    world.take()
    world.again("a-0")
    world.put("a-2", "b-1")
    assert world.take() == ["b-1"]
    world.now = 2.0
    for id in ("a-0", "a-1", "a-2"):
        assert world.take() == [id]
        world.done(id)
    world.put("a-3")
    assert world.take() == ["a-3"]


def test_parking_takes_away_what_is_behind(world: World) -> None:
    """A job of the same key that was taken later is not the worker's to send any more."""
    world.put("a-0", "b-0", "a-1")
    world.take()
    behind, other = world.of("a-1"), world.of("b-0")
    world.again("a-0")
    assert not world.part.has(behind)
    assert not world.part.settle(behind)
    assert world.part.has(other)


def test_a_parked_job_is_repeated_before_the_next(world: World) -> None:
    """However often; its tries are counted."""
    world.put("a-0", "a-1")
    world.take()
    world.again("a-0")
    for attempts in (1, 2, 3):
        world.now += 1.0
        assert world.take() == ["a-0"]
        place = world.of("a-0")
        assert max(place.record.attempts, world.part.offsets[Source.RETRY].tries(place.record.offset)) == attempts
        world.again("a-0")
    world.now += 1.0
    world.take()
    world.done("a-0")
    assert world.take() == ["a-1"]


def test_nothing_is_taken_before_who_is_parked_is_known(world: World) -> None:
    """The retry topic is read to its end first."""
    world.put("a-0")
    world.part.read(Source.MAIN, world.main[0])
    world.part.offsets[Source.MAIN].want(0)
    world.commit()
    assert world.part.pick(9, 0.0).places == []
    world.part.ended(Source.RETRY, 0)
    assert [place.record.id for place in world.part.pick(9, 0.0).places] == ["a-0"]


def test_what_was_not_tried_goes_back(world: World) -> None:
    """To where it was, in order."""
    world.put("a-0", "b-0", "a-1", "c-0")
    world.take(3)
    world.part.give_back([world.of("a-1"), world.of("a-0")])
    assert world.take() == ["a-0", "a-1", "c-0"]


def test_a_delayed_job_keeps_nobody_waiting(world: World) -> None:
    """Until it is due."""
    world.retry.append(record(0, "a-9", not_before=5.0, delayed=True))
    world.put("a-0")
    assert world.take() == ["a-0"]
    world.done("a-0")
    assert world.part.due() == 5.0
    world.now = 5.0
    assert world.take() == ["a-9"]


def test_a_delayed_job_that_is_due_takes_its_turn_behind_parked_ones(world: World) -> None:
    """Jobs of a key are never two at a time."""
    world.retry.append(record(0, "a-9", not_before=1.0, delayed=True))
    world.put("a-0")
    world.take()
    world.again("a-0", 2.0)
    world.now = 1.0
    assert world.take() == []
    world.now = 2.0
    assert world.take() == ["a-0"]
    world.done("a-0")
    assert world.take() == ["a-9"]


def test_a_job_that_kills_three_times_is_buried(world: World) -> None:
    """And nothing else is: suspects are taken one at a time."""
    world.put("a-0", "b-0", "c-0", "d-0")
    world.take()
    for _ in range(2):
        world.own()
        assert world.take() == ["a-0"]
    world.own()
    assert world.take() == ["b-0"]
    assert [id for id, _ in world.dead] == ["a-0"]
    for id in ("b-0", "c-0", "d-0"):
        world.done(id)
        world.take()
    assert world.sent == ["b-0", "c-0", "d-0"]


def test_of_all_suspects_of_a_consumer_one_is_taken(world: World) -> None:
    """Those of its other partitions wait, too."""
    world.put("a-0", "b-0")
    world.take()
    desk = Desk()
    parts = [Part(number, Offsets(0, world.committed[0][1], 2), Offsets(0), desk) for number in range(2)]
    taken = 0
    for _ in range(3):
        for part in parts:
            part.read(Source.MAIN, world.main[0])
            part.ended(Source.RETRY, 0)
            taken += len(part.pick(9, 0.0).places)
            part.keep(part.marks())
    assert taken == 1
    parts[0].leave()
    parts[1].pick(9, 0.0)
    parts[1].keep(parts[1].marks())
    assert len(parts[1].pick(9, 0.0).places) == 1


def test_a_partition_that_has_gone_takes_no_settlement(world: World) -> None:
    """Its next owner does it again."""
    world.put("a-0", "b-0")
    world.take()
    places = [world.of("a-0"), world.of("b-0")]
    world.part.leaving = True
    assert not world.part.has(places[0])
    assert world.part.settle(places[0])
    world.part.leave()
    assert not world.part.settle(places[1])
    assert world.part.bury(places[1], "bad", 1) is None
    assert world.part.park(places[1], 0.0, counts=True) == []
    assert not world.part.failed(places[1], 1)


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


class Ordered:
    """Whether each person's jobs were sent in order: some may be repeated, with all that follow, but none is left out on the way."""

    def __init__(self, sent: list[str]) -> None:
        self.last: dict[str, int] = {}
        for id in sent:
            person, number = id.split("-")
            assert int(number) <= self.last.get(person, -1) + 1, sent
            self.last[person] = int(number)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=25), st.data())
def test_whatever_happens_nothing_is_lost_or_overtaken(people: list[str], data: st.DataObject) -> None:
    """Jobs are taken, sent, parked, handed back and committed, owners killed: all is sent, and each person's last word is the last."""
    world = World()
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
