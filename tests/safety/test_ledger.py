"""Made-up people: unique, noted, and struck off once deleted."""

from __future__ import annotations

from threading import Thread

import pytest

from pytest_cio_load.safety.ledger import Ledger, User


def test_a_person_has_a_unique_id_and_email() -> None:
    """Both are made of the prefix and the index."""
    assert Ledger("run-7").user(3) == User("run-7-3", "run-7-3@example.com")


def test_every_index_is_somebody_else() -> None:
    """Neither ids nor emails repeat."""
    ledger = Ledger("p")
    users = [ledger.user(index) for index in range(1_000)]
    assert len({user.id for user in users}) == len({user.email for user in users}) == 1_000


def test_nobody_is_noted_before_they_are_asked_for() -> None:
    """A new ledger is empty."""
    assert Ledger("p").noted == []


def test_everybody_is_noted_once_in_order() -> None:
    """Asking again notes nobody twice."""
    ledger = Ledger("p")
    asked = [ledger.user(index) for index in (2, 0, 2, 1, 0)]
    assert ledger.noted == [asked[0], asked[1], asked[3]]


def test_the_deleted_are_struck_off() -> None:
    """What is left may still exist."""
    ledger = Ledger("p")
    first, second = ledger.user(0), ledger.user(1)
    ledger.settle(first.id)
    assert ledger.noted == [second]


def test_settling_twice_is_no_error() -> None:
    """Nor is settling somebody unknown."""
    ledger = Ledger("p")
    user = ledger.user(0)
    ledger.settle(user.id)
    ledger.settle(user.id)
    ledger.settle("somebody else")
    assert ledger.noted == []


def test_somebody_asked_for_after_their_deletion_is_noted_again() -> None:
    """They will exist again."""
    ledger = Ledger("p")
    user = ledger.user(0)
    ledger.settle(user.id)
    assert ledger.user(0) == user
    assert ledger.noted == [user]


def test_what_noted_gives_is_a_copy() -> None:
    """People can be settled while the list is gone through."""
    ledger = Ledger("p")
    for index in range(10):
        ledger.user(index)
    for user in ledger.noted:
        ledger.settle(user.id)
    assert ledger.noted == []


def test_threads_share_one_ledger() -> None:
    """Nobody is lost and nobody is noted twice."""
    ledger = Ledger("p")
    threads = [Thread(target=lambda: [ledger.user(index) for index in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger.noted) == 500


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("", "prefix: got ''; expected 1 to 40 letters, digits, '.', '_' or '-', with a letter or digit at both ends; try 'load-test'"),
        ("my run", "prefix: got 'my run'; expected 1 to 40 letters"),
        ("my run", "try 'my-run'"),
        ("a@b", "try 'a-b'"),
        ("-x-", "try 'x'"),
        ("x" * 41, f"try '{'x' * 40}'"),
    ],
)
def test_a_prefix_that_makes_no_email(prefix: str, message: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match="expected") as caught:
        Ledger(prefix)
    assert message in str(caught.value)


def test_a_negative_index() -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match="index: got -3; expected 0 or more; try 3"):
        Ledger("p").user(-3)
