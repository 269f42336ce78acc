"""Which offset may be committed, and what a commit says of the jobs behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.pipeline.engines.kafka.offsets import NOTE_BYTES, STRETCHES, Note, Offsets, read_note

LEVELS = st.integers(0, 40)


def after(offsets: Offsets, end: int) -> Offsets:
    """The next owner's, when this one was killed right after a commit."""
    mark = offsets.mark()
    return Offsets(mark.position, mark.note, end)


def taking(offsets: Offsets, *wanted: int) -> None:
    """Read up to the last of them, and take them, each after a commit that says so."""
    for offset in range(offsets.seen, max(wanted) + 1):
        offsets.read(offset)
    for offset in wanted:
        offsets.want(offset)
        offsets.committed(offsets.mark())
        assert offsets.may_take(offset)
        offsets.take(offset)


@given(st.lists(st.integers(1, 3), max_size=60), st.data())
def test_never_past_an_unsettled_one(steps: list[int], data: st.DataObject) -> None:
    """Whatever is settled in whatever order, with gaps between offsets: the committed offset is the lowest that is not settled."""
    offsets, unsettled, offset = Offsets(0), set(), 0
    for step in steps:
        offset += step
        assert offsets.read(offset)
        unsettled.add(offset)
        if data.draw(st.booleans()):
            chosen = data.draw(st.sampled_from(sorted(unsettled)))
            offsets.settle(chosen)
            unsettled.discard(chosen)
        assert offsets.position == (min(unsettled) if unsettled else offset + 1)
        assert offsets.unsettled == len(unsettled)


@given(st.integers(0, 1000), st.lists(st.booleans(), max_size=120), LEVELS, LEVELS)
def test_the_next_owner_knows_what_was_settled(start: int, settled: list[bool], read: int, more: int) -> None:
    """It passes over exactly that, also when the owner between them had not read it all."""
    offsets = Offsets(start)
    for step, _ in enumerate(settled):
        offsets.read(start + step)
    for step, done in enumerate(settled):
        if done:
            offsets.settle(start + step)
    end = start + len(settled)
    between = after(offsets, end)
    for offset in range(offsets.position, min(end, offsets.position + read)):
        between.read(offset)
    last = after(between, end)
    unsettled = [start + step for step, done in enumerate(settled) if not done]
    assert last.left(end + more) == len(unsettled) + more
    assert [offset for offset in range(last.position, end) if last.read(offset)] == unsettled


NUMBERS = st.integers(0, 999_999)


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), max_size=400),
    NUMBERS,
    st.dictionaries(NUMBERS, st.integers(1, 9), max_size=300),
    st.none() | NUMBERS,
    st.dictionaries(NUMBERS, st.integers(1, 99), max_size=300),
)
def test_a_note_has_room_for_what_matters(
    gaps: list[tuple[int, int]], claim: int, suspects: dict[int, int], alone: int | None, tries: dict[int, int]
) -> None:
    """It is short enough for a broker; what is left out is left out from the end; the rest is read as it was written."""
    done, edge = [], 0
    for gap, length in gaps:
        done.append((edge + gap, edge + gap + length))
        edge += gap + length
    done = [pair for pair in done if pair[1] <= 1_000_000]
    note = Note(tuple(done), claim, suspects, alone, tries)
    text = note.text()
    assert len(text.encode()) <= NOTE_BYTES
    found = read_note(text)
    assert found.done == note.done[: len(found.done)]
    assert len(found.done) >= min(len(done), STRETCHES)
    assert (found.claim, found.alone) == (claim, alone)
    assert found.suspects.items() <= suspects.items()
    assert found.tries.items() <= tries.items()


@pytest.mark.parametrize("text", ["", "2;h=4", "hello", "1;h", "1;h=x", "1;d=1", "1;s=1.2", "1;h=-4", "1;d=9999999999.1", '{"v":1}'])
def test_a_note_of_another_hand_is_none(text: str) -> None:
    """What somebody else put there is passed over."""
    assert read_note(text) == Note()


@pytest.mark.parametrize(
    ("note", "kills"),
    [
        ("1", {0: 0, 5: 0}),
        ("1;h=3", {0: 1, 2: 1, 3: 0}),
        ("1;h=3;c=999999", {0: 1, 2: 1, 3: 0}),
        ("1;h=3;d=1.1", {0: 1, 1: 0, 2: 1}),
        ("1;h=2;s=0.2.1", {0: 1, 1: 1}),
        ("1;s=0.3.1;u=1", {0: 1, 1: 2, 2: 1}),
        ("1;h=9;s=0.3.2;u=0", {0: 3, 1: 2, 3: 1, 4: 1}),
        ("1;h=99", {49: 1, 50: 0}),
    ],
)
def test_who_is_charged(note: str, kills: dict[int, int]) -> None:
    """What may have been under way once more, of suspects only the one that was; never what came after the kill, at 50."""
    offsets = Offsets(100, note, 150)
    assert {offset: offsets.kills(100 + offset) for offset in kills} == kills


def test_nothing_is_taken_before_a_commit_says_so() -> None:
    """A job may be under way only when a next owner would know."""
    offsets = Offsets(0)
    offsets.read(0)
    assert not offsets.may_take(0)
    offsets.want(0)
    mark = offsets.mark()
    assert not offsets.may_take(0)
    offsets.committed(mark)
    assert offsets.may_take(0)


@given(st.sets(st.integers(0, 60), min_size=1), st.sets(st.integers(0, 60)))
def test_a_killed_owner_leaves_suspects(taken: set[int], settled: set[int]) -> None:
    """Everything that was taken and not settled is one."""
    offsets = Offsets(0)
    taking(offsets, *sorted(taken))
    for offset in settled & taken:
        offsets.settle(offset)
    following = after(offsets, 1000)
    assert all(following.kills(offset) == 1 for offset in taken - settled)
    assert all(following.kills(offset) == 0 for offset in settled & taken)


def test_suspects_are_taken_one_at_a_time() -> None:
    """The commit names the one; the others are not charged when it kills."""
    offsets = Offsets(0, "1;h=4", 10)
    taking(offsets, 0)
    assert not offsets.may_take(1)
    following = after(offsets, 10)
    assert [following.kills(offset) for offset in range(5)] == [2, 1, 1, 1, 0]


def test_a_suspect_that_was_settled_is_none() -> None:
    """It did not kill."""
    offsets = Offsets(0, "1;h=2", 10)
    taking(offsets, 0)
    offsets.settle(0)
    assert offsets.mark().note == "1;s=0.1.1"


def test_who_leaves_in_order_leaves_no_suspects() -> None:
    """What was under way is redone without a charge."""
    offsets = Offsets(0)
    taking(offsets, 0, 1)
    mark = offsets.mark(leaving=True)
    assert Offsets(mark.position, mark.note, 10).kills(0) == 0


def test_a_review_asks_for_less_when_less_is_taken() -> None:
    """After a second of 300 jobs for 300 ahead, after an idle one for 16."""
    offsets = Offsets(0)
    taking(offsets, *range(300))
    offsets.review()
    assert offsets.mark().claim == 600
    offsets.review()
    assert offsets.mark().claim == 316


def test_a_smaller_claim_holds_at_once() -> None:
    """Nothing beyond it is taken, whether or not its commit arrives."""
    offsets = Offsets(0)
    taking(offsets, *range(300))
    offsets.committed(offsets.mark())
    for offset in range(300, 500):
        offsets.read(offset)
    before = next(offset for offset in range(300, 600) if not offsets.may_take(offset))
    offsets.review()
    offsets.review()
    assert before > 316
    assert not offsets.may_take(316)
    assert offsets.may_take(315)


def test_tries_are_known_to_the_next_owner() -> None:
    """Until the job is settled."""
    offsets = Offsets(5)
    taking(offsets, 5, 6)
    offsets.failed(6, 3)
    following = after(offsets, 10)
    following.read(5)
    following.read(6)
    assert (following.tries(5), following.tries(6)) == (0, 3)
    following.settle(6)
    assert following.mark().note.count("t=") == 0


def test_no_room_for_more_stretches() -> None:
    """A partition with so many settled out of order takes only its first job, until a note has room again."""
    offsets = Offsets(0)
    for offset in range(2 * STRETCHES + 10):
        offsets.read(offset)
    for offset in range(1, 2 * STRETCHES, 2):
        assert offsets.roomy
        offsets.settle(offset)
    offsets.mark()
    assert not offsets.roomy
    offsets.settle(0)
    offsets.mark()
    assert offsets.roomy


def test_an_end_without_messages_settles_what_is_before_it() -> None:
    """Markers of transactions and compacted offsets hold nothing to wait for."""
    offsets = Offsets(0)
    offsets.ended(7)
    assert offsets.position == 7
    assert not offsets.read(3)
