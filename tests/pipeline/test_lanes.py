"""Every person's jobs one after the other: properties of any sequence of jobs, in any order of ending."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.operations import people
from pytest_cio_load.pipeline.engines.engine import Delivery
from pytest_cio_load.pipeline.jobs import Job
from pytest_cio_load.pipeline.lanes import Lanes

OPERATION = people.delete("anybody")
keys = st.lists(st.sampled_from("abcd"), max_size=3, unique=True).map(tuple)


def job(*keys: str, name: str = "") -> Job:
    return Job(Delivery(name, "delete", "{}"), OPERATION, keys)


def lanes_of(*jobs: Job) -> Lanes:
    lanes = Lanes()
    for each in jobs:
        lanes.add(each)
    return lanes


def names(jobs: list[Job]) -> str:
    return "".join(each.delivery.id for each in jobs)


@given(st.lists(keys, max_size=25), st.integers(0, 2**32))
def test_a_job_starts_only_when_it_is_first(wanted: list[tuple[str, ...]], seed: int) -> None:
    """Whoever ends first: a job has nothing ahead only once all before it of each of its keys are gone, and is said to be free then."""
    jobs = [job(*each) for each in wanted]
    lanes, rng, left = lanes_of(*jobs), Random(seed), list(jobs)
    free = [each for each in jobs if not lanes.ahead(each)]
    while left:
        for place, each in enumerate(left):
            before = [other for other in left[:place] if set(other.keys) & set(each.keys)]
            assert bool(lanes.ahead(each)) is bool(before)
            assert any(each is one for one in free) is not bool(before)
        ending = rng.choice([each for each in left if not lanes.ahead(each)])
        left = [each for each in left if each is not ending]
        freed = [each for each in lanes.remove(ending) if not lanes.ahead(each)]
        assert not [each for each in freed if any(each is one for one in free)]
        free += freed
        assert len(lanes) == len(left)
        assert all(map(_same, lanes.taken(), left))
    assert len(free) == len(jobs)


def _same(one: Job, other: Job) -> bool:
    return one is other


@given(st.lists(keys, min_size=1, max_size=25), st.integers(0, 24))
def test_what_is_behind(wanted: list[tuple[str, ...]], which: int) -> None:
    """What shares a key with a job, or with what is behind it: in the order taken."""
    jobs = [job(*each) for each in wanted]
    place = which % len(jobs)
    reached, expected = set(jobs[place].keys), []
    for each in jobs[place + 1 :]:
        if reached & set(each.keys):
            reached |= set(each.keys)
            expected.append(each)
    found = lanes_of(*jobs).behind(jobs[place])
    assert len(found) == len(expected)
    assert all(map(_same, found, expected))


@given(st.lists(keys, max_size=15), st.integers(0, 2**32))
def test_any_job_may_be_taken_out(wanted: list[tuple[str, ...]], seed: int) -> None:
    """Also one in the middle of a lane: those around it are neighbours then."""
    jobs = [job(*each) for each in wanted]
    lanes, left = lanes_of(*jobs), list(jobs)
    Random(seed).shuffle(jobs)
    for each in jobs:
        lanes.remove(each)
        left = [one for one in left if one is not each]
        for place, one in enumerate(left):
            nearest = {id(other) for key in one.keys for other in [o for o in left[:place] if key in o.keys][-1:]}
            assert {id(other) for other in lanes.ahead(one)} == nearest
            assert all(any(one is again for again in lanes.ahead(other)) for other in lanes.next(one))
    assert not len(lanes)
    assert not lanes._last


def test_right_ahead_and_right_behind() -> None:
    """One neighbour in each lane; what is next is named once, though it is so in two lanes."""
    first, second, both = job("a", name="1"), job("b", name="2"), job("a", "b", name="3")
    last = job("b", "a", name="4")
    lanes = lanes_of(first, second, both, last)
    assert (names(lanes.ahead(both)), names(lanes.next(both)), names(lanes.next(first))) == ("12", "4", "3")


def test_freed_by_a_removal() -> None:
    """Each once, and only what stood behind the first one."""
    first, middle, last = job("a", "b", name="1"), job("a", "b", name="2"), job("a", name="3")
    lanes = lanes_of(first, middle, last)
    assert names(lanes.remove(middle)) == ""
    assert names(lanes.remove(first)) == "3"


def test_about_nobody() -> None:
    """It waits for nothing, and nothing for it."""
    lanes = lanes_of(alone := job(), other := job())
    assert (lanes.ahead(other), lanes.behind(alone), lanes.remove(alone)) == ([], [], [])


def test_equal_jobs_are_two() -> None:
    """A job is itself, not its content."""
    lanes = lanes_of(first := job("a"))
    assert first in lanes
    assert job("a") not in lanes


def test_unknown_jobs_are_an_error() -> None:
    """Whoever removes one twice has a mistake, which must not be hidden."""
    lanes = lanes_of(first := job("a"))
    lanes.remove(first)
    with pytest.raises(KeyError):
        lanes.remove(first)
