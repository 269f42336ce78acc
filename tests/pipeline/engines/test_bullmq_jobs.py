"""A job in BullMQ's form: names, options, and what is read of them, without a server."""

from __future__ import annotations

import json
import math

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.pipeline.engines.bullmq.held import Held, Place, Spans
from pytest_cio_load.pipeline.engines.bullmq.jobs import Keeping, Names, Terms, delivery, fields, number, stored, terms
from pytest_cio_load.pipeline.engines.bullmq.marker import seconds_until
from pytest_cio_load.pipeline.engines.bullmq.settling import in_order, place_of, written
from pytest_cio_load.pipeline.engines.engine import Again, Back, Dead, Delivery, Done, Parcel, shard_of

KEEPING = Keeping(10, 20, 5, 2.0)
SPANS = Spans(5.0, 6.0)


def taken(turn: int = 1, held: Held | None = None, term: Terms | None = None) -> Delivery:
    held = held or Held(0, "bull:q:")
    place = Place(held, f"j{turn}", "w:1", turn, 0.0, 0, term or Terms({"count": 10}, {"count": 20}, 0, ours=True))
    held.taken[place.id] = place
    return Delivery(place.id, "track", "{}", place=place)


def test_names_of_the_plain_form():
    """One queue, of the name itself; no leases."""
    names = Names("q", "bull", 1)
    assert (names.bases, names.leases()) == (("bull:q:",), [])


def test_names_of_the_ordered_form_carry_the_hash_tag():
    """Ours too, so that a cluster keeps them together."""
    names = Names("q", "{bull}", 2)
    assert names.bases == ("{bull}:q-0:", "{bull}:q-1:")
    assert names.leases() == ["cio-load:{bull}:q:lease:0", "cio-load:{bull}:q:lease:1"]
    assert names.own("totals") == "cio-load:{bull}:q:totals"


@pytest.mark.parametrize(
    ("parcel", "kind", "options"),
    [
        pytest.param(Parcel("a", "track", "{}"), 0, {}, id="standard"),
        pytest.param(Parcel("a", "track", "{}", delay=1.5), 1, {"delay": 1500}, id="delayed"),
        pytest.param(Parcel("a", "track", "{}", delay=0.0001), 1, {"delay": 1}, id="delayed by less than a ms"),
        pytest.param(Parcel("a", "track", "{}", priority=3), 2, {"priority": 3}, id="prioritized"),
        pytest.param(Parcel("a", "track", "{}", delay=1, priority=3), 1, {"delay": 1000, "priority": 3}, id="both"),
    ],
)
def test_a_parcel_is_stored_by_its_kind(parcel, kind, options):
    """With the options that Node's workers read."""
    base, id, got, arguments, data, packed, at = stored(Names("q", "bull", 1), KEEPING, parcel, 12.3456)
    assert (base, id, got, data, at) == ("bull:q:", "a", kind, "{}", 12346)
    assert msgpack.unpackb(arguments) == ["bull:q:", "a", "track", 12346, None, None, None, None, None]
    assert {key: value for key, value in msgpack.unpackb(packed).items() if key in ("delay", "priority")} == options


@given(st.text(max_size=20), st.integers(2, 64))
def test_a_parcel_is_stored_in_its_persons_shard(key, shards):
    """By the key, or by the id when it is about nobody."""
    base = stored(Names("q", "bull", shards), KEEPING, Parcel("a-id", "track", "{}", key), 1.0)[0]
    assert base == f"bull:q-{shard_of(key or 'a-id', shards)}:"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param("", Terms({"count": 10}, {"count": 20}, 0, ours=False), id="none"),
        pytest.param("nonsense", Terms({"count": 10}, {"count": 20}, 0, ours=False), id="no JSON"),
        pytest.param("[1]", Terms({"count": 10}, {"count": 20}, 0, ours=False), id="no object"),
        pytest.param({"attempts": 0}, Terms({"count": 10}, {"count": 20}, 0, ours=False), id="Node's default"),
        pytest.param({"attempts": 3}, Terms({"count": 10}, {"count": 20}, 3, ours=False), id="tries"),
        pytest.param({"attempts": "3"}, Terms({"count": 10}, {"count": 20}, 0, ours=False), id="tries that are no number"),
        pytest.param({"by": "cio-load", "attempts": 5}, Terms({"count": 10}, {"count": 20}, 5, ours=True), id="ours"),
        pytest.param(
            {"removeOnComplete": True, "removeOnFail": False},
            Terms({"count": 0}, {"count": -1}, 0, ours=False),
            id="remove at once, and never",
        ),
        pytest.param({"removeOnComplete": 7, "removeOnFail": 8}, Terms({"count": 7}, {"count": 8}, 0, ours=False), id="counts"),
        pytest.param(
            {"removeOnComplete": {"age": 60, "count": 5, "x": 1}, "removeOnFail": {"age": "60"}},
            Terms({"count": 5, "age": 60}, {"count": 20}, 0, ours=False),
            id="ages",
        ),
    ],
)
def test_options_are_read(options, expected):
    """Whatever a producer wrote."""
    assert terms(options if isinstance(options, str) else json.dumps(options), KEEPING) == expected


@given(
    st.one_of(st.text(), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda each: st.dictionaries(st.text(), each)))
)
def test_no_options_break_the_reading(value):
    """Not even hostile ones."""
    assert terms(value if isinstance(value, str) else json.dumps(value), KEEPING).attempts >= 0


@pytest.mark.parametrize(
    ("term", "limit"),
    [
        (Terms({}, {}, 3, ours=False), 3),
        (Terms({}, {}, 3, ours=True), None),
        (Terms({}, {}, 0, ours=False), None),
    ],
)
def test_the_limit_is_a_foreign_producers(term, limit):
    """Ours follow the worker's own rule."""
    assert delivery("a", {}, term, None).limit == limit


def test_a_delivery_is_read_from_its_hash():
    """With empty fields for those that are missing."""
    job = {"name": "track", "data": "{}", "atm": "2", "stc": "1", "timestamp": "1500"}
    term = Terms({}, {}, 0, ours=True)
    assert delivery("a", job, term, None) == Delivery("a", "track", "{}", 2, 1, 1.5)
    assert delivery("a", {"atm": "-1", "stc": "x"}, term, None) == Delivery("a", "", "")


@pytest.mark.parametrize(("text", "value"), [("1.5", 1.5), ("", 7.0), (None, 7.0), ("x", 7.0), ("inf", 7.0), ("nan", 7.0)])
def test_numbers_are_read(text, value):
    """Or are what they are otherwise."""
    assert number(text, 7.0) == value


def test_fields_are_paired():
    """As HGETALL gives them."""
    assert fields(["a", "1", "b", "2"]) == {"a": "1", "b": "2"}


def test_settlements_are_written():
    """Each with what its script needs."""
    one = taken()
    head = ["bull:q:", "j1", "w:1"]
    assert written(Done(one, 0.0123456), 5) == ["done", *head, {"count": 10}, 12300]
    assert written(Dead(one, "no", 2), 5) == ["dead", *head, {"count": 20}, "no", 2, 5]
    assert written(Dead(one, "", 2), 5)[5] == "no reason given"
    assert written(Dead(taken(term=Terms({}, {}, 3, ours=False)), "no", 2), 5)[-1] == 3
    assert written(Again(one, 0.0001, "500"), 5) == ["again", *head, 1, "500"]
    assert written(Again(one, -3, "500"), 5)[4] == 0
    assert written(Back(one), 5) == ["back", *head]


def test_what_goes_back_is_last_and_the_newest_first():
    """Each is put before the one that was put back before it."""
    held = Held(0, "bull:q:")
    one, two, three, four = (taken(turn, held) for turn in range(1, 5))
    given_ = [Back(two), Done(four, 1), Back(three), Done(one, 1)]
    assert in_order(given_) == [Done(four, 1), Done(one, 1), Back(three), Back(two)]


def test_a_job_of_another_engine_is_refused():
    """Its place means nothing here."""
    with pytest.raises(
        TypeError, match=r"settle: got a job of another engine \(str\); expected one that was taken here; give it to its own"
    ):
        place_of(Done(Delivery("a", "track", "{}", place="elsewhere"), 1))


@pytest.mark.parametrize(
    ("lease_age", "lock_age", "lease", "expected"),
    [
        pytest.param(0, 0, "key", True, id="both fresh"),
        pytest.param(3.9, 0, "key", True, id="lease nearly over"),
        pytest.param(4.0, 0, "key", False, id="lease over but for its margin"),
        pytest.param(0, 4.7, "key", True, id="lock nearly over"),
        pytest.param(0, 4.9, "key", False, id="lock over but for its margin"),
        pytest.param(100, 0, "", True, id="no lease in the plain form"),
    ],
)
def test_what_is_held_for_certain(lease_age, lock_age, lease, expected):
    """By the last renewals that succeeded."""
    held = Held(0, "bull:q:", lease, renewed=100 - lease_age)
    place = taken(1, held).place
    place.renewed = 100 - lock_age
    assert SPANS.holds(place, 100.0) is expected
    held.lost = True
    assert not SPANS.holds(place, 100.0)


def test_what_was_settled_is_not_held():
    """Nor what was taken again since."""
    held = Held(0, "bull:q:")
    old = taken(1, held).place
    taken(1, held)
    assert not SPANS.holds(old, 0.0)


@pytest.mark.parametrize(
    ("leaving", "lost", "age", "expected"),
    [(None, False, 0, True), (None, False, 4.0, False), (1.0, False, 0, False), (None, True, 0, False)],
)
def test_what_may_be_taken_from(leaving, lost, age, expected):
    """What is ours for certain, and to stay."""
    assert SPANS.may_take(Held(0, "b", "lease", 100.0 - age, leaving, lost), 100.0) is expected


def test_what_is_released_when():
    """At once when nothing is under way; with its jobs when that takes too long; not while something may have been taken unseen."""
    empty, busy, late, doubtful, stays = (Held(at, "b", "lease", leaving=99.0) for at in range(5))
    for held in (busy, late):
        taken(1, held)
    late.leaving, doubtful.doubtful, stays.leaving = 100 - SPANS.patience, True, None
    assert SPANS.to_release([empty, busy, late, doubtful, stays], 100.0) == ([empty], [late])


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ((0.1, 6.0), r"lease: got 0.1; expected seconds, 0.5 to 3600; try 5.0"),
        ((5.0, math.inf), r"lock: got inf; expected seconds, 0.5 to 3600; try 6.0"),
        ((math.nan, 6.0), r"lease: got nan; expected seconds, 0.5 to 3600; try 5.0"),
    ],
)
def test_spans_that_make_no_sense(spans, expected):
    """Shorter than a busy machine's pauses, or endless."""
    with pytest.raises(ValueError, match=expected):
        Spans(*spans)


@given(st.floats(0.5, 3600), st.floats(0.5, 3600))
def test_there_are_several_beats_in_every_margin(lease, lock):
    """One that is late does no harm."""
    spans = Spans(lease, lock)
    assert spans.beat * 2 < 0.8 * min(lease, lock)


@pytest.mark.parametrize(("due", "seconds"), [(0, 0.0), (99_000, 0.0), (100_250, 0.25)])
def test_time_until_something_is_due(due, seconds):
    """Never below none."""
    assert seconds_until(due, 100.0) == pytest.approx(seconds)
