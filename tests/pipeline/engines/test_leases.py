"""Who works on which shard: the rule, without a server."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.pipeline.engines.bullmq.leases import Plan, plan


@pytest.mark.parametrize(
    ("owners", "alive", "leaving", "expected"),
    [
        pytest.param("----", "a", (), Plan(acquire=(0, 1, 2, 3)), id="alone: all of it"),
        pytest.param("aaaa", "a", (), Plan(), id="alone, with all of it: nothing to do"),
        pytest.param("aaaa", "ab", (), Plan(give_back=(2, 3)), id="another one joined: half goes back"),
        pytest.param("aaaa", "ab", (2, 3), Plan(), id="what is going back already is not given back again"),
        pytest.param("aa--", "ab", (), Plan(), id="the other half is the other one's"),
        pytest.param("bb--", "ab", (), Plan(acquire=(2, 3)), id="the free half is mine"),
        pytest.param("bbbb", "ab", (), Plan(), id="nothing is free yet"),
        pytest.param("aabb", "abc", (), Plan(), id="two of four, one has to give: not the first by name"),
        pytest.param("bbaa", "bac", (), Plan(), id="the order of places does not matter"),
        pytest.param("--b", "ab", (), Plan(acquire=(0, 1)), id="one more than half, when nobody has it"),
        pytest.param("-bb", "ab", (), Plan(acquire=(0,)), id="half, when somebody has one more"),
        pytest.param("b-", "abc", (), Plan(acquire=(1,)), id="fewer shards than workers: one, while there are some"),
        pytest.param("bc", "abc", (), Plan(), id="fewer shards than workers: none left"),
        pytest.param("----", "", (), Plan(acquire=(0, 1, 2, 3)), id="not yet among the living: counted all the same"),
        pytest.param("xxaa", "a", (), Plan(), id="the dead one's lease has not lapsed"),
    ],
)
def test_plan(owners, alive, leaving, expected):
    """What worker a does."""
    assert plan("a", ["" if each == "-" else each for each in owners], alive, leaving) == expected


def test_the_last_by_name_gives_one_back():
    """8 shards, 5 workers, 2-2-2-2-0: four have one more than the least, three may."""
    owners = list("aabbccdd")
    assert [plan(me, owners, "abcde") for me in "abc"] == [Plan()] * 3
    assert plan("d", owners, "abcde") == Plan(give_back=(7,))


@given(st.integers(1, 12), st.lists(st.sampled_from(["join", "leave", "die"]), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_every_shard_is_worked_on_and_nobody_has_two_more_than_another(shards, events, rng):
    """Whatever workers do, after a few rounds the shards are shared evenly, and nothing moves any more."""
    owners, alive, names = [""] * shards, [], iter("abcdefgh")
    for event in ["join", *events]:
        if event == "join":
            alive.append(next(names))
        elif len(alive) > 1:
            gone = alive.pop(rng.randrange(len(alive)))
            owners = ["" if each == gone else each for each in owners]
        moved = True
        for _ in range(4 * shards + 4):
            moved = False
            for me in rng.sample(alive, len(alive)):
                todo = plan(me, owners, alive)
                moved = moved or todo != Plan()
                for shard in todo.acquire:
                    owners[shard] = owners[shard] or me
                for shard in todo.give_back:
                    assert owners[shard] == me
                    owners[shard] = ""
            if not moved:
                break
        assert not moved
        counts = Counter(owners)
        assert "" not in counts
        held = [counts[worker] for worker in alive]
        assert max(held) - min(held) <= 1
