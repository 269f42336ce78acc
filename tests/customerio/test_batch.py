"""Splitting operations into batches, and reading what became of each: nothing lost, order kept, sizes exact."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio import api
from pytest_cio_load.customerio.batch import Batch, Filling, Outcome, outcomes, read_outcomes, split
from pytest_cio_load.customerio.operations.items import entity_of
from pytest_cio_load.customerio.replies import ItemRefusal
from pytest_cio_load.customerio.wire import Answer
from pytest_cio_load.errors import CustomerIOError, InvalidOperation, Refused

WORKSPACE = api.Workspace("site-77", "key-88-secret")

people = st.sampled_from(["a", "b", "c@example.com", "cio_04", "ü/+@"])
operations = st.lists(
    st.one_of(
        st.builds(lambda who, size: api.identify(who, {"x": "y" * size}), people, st.integers(0, 1000)),
        st.builds(lambda who, size: api.track(who, "e", {"x": "ü" * size}), people, st.integers(0, 15_000)),
        st.builds(api.delete, people),
        st.builds(lambda who, token: api.delete_device(who, token), people, st.sampled_from(["t", "t/2"])),
    ),
    max_size=80,
)


def sent(batch: Batch) -> list[dict[str, object]]:
    """The items in the body of a batch."""
    return list(json.loads(batch.operation().body or b"")["batch"])


@given(operations, st.integers(1, 30))
def test_nothing_is_lost_and_the_order_is_kept(asked: list[api.Operation], items: int) -> None:
    """All batches after each other are what was given; none is too large or has too many items, or none."""
    batches = list(split(asked, items=items))
    assert [item for batch in batches for item in sent(batch)] == [entity_of(operation) for operation in asked]
    assert [item.index for batch in batches for item in batch.items] == list(range(len(asked)))
    for batch in batches:
        assert 1 <= len(batch.items) <= items
        assert batch.size == len(batch.operation().body or b"") <= 500_000


@given(operations)
def test_batches_are_filled_as_far_as_they_go(asked: list[api.Operation]) -> None:
    """The first item of a batch would not have fitted into the one before."""
    batches = list(split(asked))
    for before, after in pairwise(batches):
        assert before.size + 1 + len(after.items[0].body) > 500_000


@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_of_a_batch_is_exact(over: int) -> None:
    """500,000 bytes travel together, 500,001 do not."""
    each = [api.track("u", "e", {"a": "x" * 31_000}) for _ in range(15)]
    room = 500_000 - next(iter(split([*each, api.track("u", "e", {"a": ""})]))).size
    last = [api.track("u", "e", {"a": "x" * (room // 2)}), api.track("u", "e", {"a": ""})]
    left = 500_000 - next(iter(split([*each, *last]))).size
    last[1] = api.track("u", "e", {"a": "x" * (left + over)})
    sizes = [batch.size for batch in split([*each, *last])]
    assert sizes[0] == 500_000 if not over else sizes[0] < 500_000
    assert len(sizes) == 1 + over


def test_no_operation_is_no_batch() -> None:
    """Nothing is sent for nothing."""
    assert list(split([])) == []


def test_splitting_is_lazy() -> None:
    """An endless stream is split as it comes."""

    def endless() -> object:
        while True:
            yield api.delete("u")

    assert len(next(split(endless(), items=3)).items) == 3  # type: ignore[arg-type]


def test_what_has_no_form_in_a_batch_stops_the_split() -> None:
    """With its name and what to do instead."""
    with pytest.raises(InvalidOperation, match="unsubscribe: got an operation without a form in a batch"):
        list(split([api.delete("u"), api.unsubscribe("d")]))


def test_a_batch_of_no_items_is_refused() -> None:
    """As a setting."""
    with pytest.raises(ValueError, match="items: got 0; expected at least 1 operation per batch; try 1000"):
        Filling(0)


def test_a_batch_shows_no_items() -> None:
    """Its repr is its size."""
    (batch,) = split([api.delete("bob")])
    assert repr(batch) == f"Batch(size={batch.size})"


def one_batch(count: int = 3) -> Batch:
    (batch,) = split([api.identify(f"bob-{number}", {"phone": "555-1234"}) for number in range(count)])
    return batch


def test_200_accepts_all() -> None:
    """Whatever its body."""
    assert [outcome.accepted for outcome in read_outcomes(WORKSPACE, one_batch(), Answer(200, {}, b"no json"))] == [True] * 3


@given(st.sets(st.integers(0, 19)))
def test_207_refuses_what_it_lists_and_accepts_everything_else(listed: set[int]) -> None:
    """Each by its place."""
    body = json.dumps({"errors": [{"batch_index": n, "reason": "invalid", "field": "f", "message": "m"} for n in sorted(listed)]})
    found = read_outcomes(WORKSPACE, one_batch(20), Answer(207, {}, body.encode()))
    assert {outcome.index for outcome in found if not outcome.accepted} == listed
    assert [outcome.index for outcome in found] == list(range(20))


def test_a_refusal_says_why_and_shows_nobody() -> None:
    """Field and message are Customer.io's, cleaned of what was sent and of keys."""
    message = "cannot take 555-1234 of bob-1 with key-88-secret"
    _, refused, _ = outcomes(WORKSPACE, one_batch(), [ItemRefusal(1, "invalid", "attributes.phone", message)])
    assert isinstance(refused.error, Refused)
    assert (refused.error.operation, refused.error.status, refused.field) == ("identify", 207, "attributes.phone")
    assert refused.reason == "cannot take [hidden] of [hidden] with [hidden]; expected acceptance; mend the operation"
    assert "bob-1" not in repr(refused)


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (ItemRefusal(0, "required", "", ""), "required; expected acceptance"),
        (ItemRefusal(0, "", "", ""), "refused, without a reason; expected acceptance"),
    ],
)
def test_a_refusal_without_a_message(refusal: ItemRefusal, reason: str) -> None:
    """Its reason is enough; none at all is said."""
    assert outcomes(WORKSPACE, one_batch(1), [refusal])[0].reason.startswith(reason)


def test_an_accepted_outcome_has_no_reason() -> None:
    """Nor an error."""
    assert Outcome(0, api.delete("u")).reason == ""


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"errors":[{"batch_index":0', b'{"errors":[{"reason":"x"}]}', b'{"errors":[{"batch_index":3}]}'],
)
def test_a_207_that_cannot_be_read_accepts_nothing(body: bytes) -> None:
    """Which were refused is unknown, so none is taken for accepted."""
    found = read_outcomes(WORKSPACE, one_batch(), Answer(207, {}, body))
    assert [outcome.accepted for outcome in found] == [False] * 3
    assert all(isinstance(outcome.error, CustomerIOError) and outcome.error.status == 207 for outcome in found)
