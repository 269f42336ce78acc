"""One partition as its owner sees it: which jobs may be taken, and in which order."""

from __future__ import annotations

from typing import Any

from pytest_cio_load.pipeline.engines.kafka.offsets import Offsets
from pytest_cio_load.pipeline.engines.kafka.part import Part
from pytest_cio_load.pipeline.engines.kafka.picks import Desk, Source

World = Any


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
    world.retry.append(world.record(0, "a-9", not_before=5.0, delayed=True))
    world.put("a-0")
    assert world.take() == ["a-0"]
    world.done("a-0")
    assert world.part.due() == 5.0
    world.now = 5.0
    assert world.take() == ["a-9"]


def test_a_delayed_job_that_is_due_takes_its_turn_behind_parked_ones(world: World) -> None:
    """Jobs of a key are never two at a time."""
    world.retry.append(world.record(0, "a-9", not_before=1.0, delayed=True))
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


def test_what_goes_back_takes_along_what_is_behind(world: World) -> None:
    """A job of the same person must not be sent before it; one of others', and one ahead of it, may."""
    world.put("a-0", "b-0", "a-1", "a-2")
    world.take()
    found = world.part.behind(world.of("a-1"))
    assert [place.record.id for place in found] == ["a-1", "a-2"]
    world.part.give_back(found)
    assert [id for id in ("a-0", "b-0", "a-1", "a-2") if any(world.part.has(each) and each.record.id == id for each in world.hand)] == [
        "a-0",
        "b-0",
    ]
    assert world.take() == ["a-1", "a-2"]


def test_a_job_of_the_retry_topic_goes_back_alone(world: World) -> None:
    """What is behind it has not been taken."""
    world.put("a-0", "a-1")
    world.take()
    world.again("a-0", 0.0)
    assert world.take() == ["a-0"]
    assert world.part.behind(world.of("a-0")) == [world.of("a-0")]


def test_one_that_follows_what_was_not_put_aside_goes_back(world: World) -> None:
    """In the retry topic it would be overtaken by nobody, but be before the one that it follows, should that be put aside later."""
    world.put("a-0", "a-1", "a-2")
    world.take()
    world.again("a-1", 0.0, counts=False)
    assert world.retry == []
    assert world.take() == ["a-1", "a-2"]


def test_what_no_retry_topic_takes_is_given_up(world: World) -> None:
    """And its person is not held up by it."""
    world.put("a-0", "b-0")
    world.take()
    (move,) = world.part.park(world.of("a-0"), 1.0, counts=True)
    world.move([world.part.condemn(move, "too large")])
    world.put("a-1")
    assert world.dead == [("a-0", "too large")]
    assert world.take() == ["a-1"]
