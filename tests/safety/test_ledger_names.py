"""Names of the author's own in the ledger on disk, how many people there may be, and how a ledger ends."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_cio_load.errors import GuardRefused, LedgerError
from pytest_cio_load.safety.journal import read
from pytest_cio_load.safety.ledger import DurableLedger, User, is_made_up

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., DurableLedger]

PREFIX = "cio-load-3f9a1c07"


class Gate(Protocol):
    """A disk that hangs until the gate is opened."""

    opened: Event
    reached: Event


def _entries(ledger: DurableLedger) -> list[dict[str, object]]:
    return list(read(ledger.journal.path).entries)


def test_a_name_of_the_authors_own(make: Make) -> None:
    """Is on disk once its ticket is done."""
    ledger = make()
    ticket = ledger.note(f"{PREFIX}-mother")
    ticket.wait()
    assert _entries(ledger) == [{"named": f"{PREFIX}-mother"}]
    assert ledger.noted == [User(f"{PREFIX}-mother", f"{PREFIX}-mother@example.com")]


def test_a_name_is_not_done_before(make: Make, gate: Callable[[], Gate]) -> None:
    """Noting does not wait."""
    ledger, held = make(), gate()
    ticket = ledger.note(f"{PREFIX}-mother")
    assert held.reached.wait(30)
    assert not ticket.done
    held.opened.set()
    ticket.wait()
    assert ticket.done


def test_a_name_is_noted_once(make: Make) -> None:
    """Asked again, it has the same ticket."""
    ledger = make()
    tickets = {ledger.note(f"{PREFIX}-mother") for _ in range(3)}
    tickets.pop().wait()
    assert not tickets
    assert len(_entries(ledger)) == 1


def test_an_email_is_somebody_else_than_the_id(make: Make) -> None:
    """A person that is identified by email has no other id, and is deleted by it."""
    ledger = make()
    for identifier in (f"{PREFIX}-0", f"{PREFIX}-0@example.com"):
        ledger.note(identifier).wait()
    assert ledger.noted == [User(f"{PREFIX}-0", f"{PREFIX}-0@example.com"), User(f"{PREFIX}-0@example.com", f"{PREFIX}-0@example.com")]
    assert [0, 1000] in [entry.get("emails") for entry in _entries(ledger)]


def test_people_by_email_are_reserved_in_blocks_too(make: Make) -> None:
    """A test that knows people by their email alone costs no entry for each of them either."""
    ledger = make(block=10)
    for index in range(12):
        ledger.note(ledger.user(index).email).wait()
    assert [entry["emails"] for entry in _entries(ledger) if "emails" in entry] == [[0, 10], [10, 20]]


def test_the_id_of_a_person_by_index_is_in_their_block(make: Make) -> None:
    """So noting whom every call is about takes no entries."""
    ledger = make(block=10)
    ledger.user(3)
    assert ledger.note(f"{PREFIX}-3").done
    ledger.note(f"{PREFIX}-12").wait()
    assert _entries(ledger) == [{"reserved": [0, 10]}, {"reserved": [10, 20]}]
    assert len(ledger.noted) == 2


@pytest.mark.parametrize("index", ["007", "-1", "+1", "1.0", "٣", "1" * 19])
def test_what_is_no_index_is_a_name(make: Make, index: str) -> None:
    """Only one spelling of a number is the person of that index."""
    ledger = make()
    ledger.note(f"{PREFIX}-{index}").wait()
    assert _entries(ledger) == [{"named": f"{PREFIX}-{index}"}]


def test_a_settled_name_that_is_noted_again(make: Make) -> None:
    """They will exist again."""
    ledger = make()
    ledger.note(f"{PREFIX}-mother").wait()
    ledger.settle(f"{PREFIX}-mother")
    assert ledger.noted == []
    assert ledger.note(f"{PREFIX}-mother").done
    assert len(ledger.noted) == 1


def test_a_name_on_a_full_disk(make: Make, full: Callable[[], None]) -> None:
    """Its ticket says so."""
    ledger = make()
    full()
    ticket = ledger.note(f"{PREFIX}-mother")
    with pytest.raises(LedgerError, match="No space left on device"):
        ticket.wait()
    assert (ticket.done, type(ticket.error)) == (False, LedgerError)


NOT_OURS = [
    "",
    "somebody",
    "somebody@example.com",
    PREFIX,
    f"{PREFIX}-",
    f"{PREFIX}x-1",
    f"x{PREFIX}-1",
    f" {PREFIX}-1",
    f"{PREFIX}-1 ",
    f"{PREFIX}-1\n",
    f"{PREFIX}-@example.com",
    f"{PREFIX}-1@example.org",
    f"{PREFIX}-1@somebody.com",
    f"{PREFIX}-1@x@example.com",
    f"{PREFIX}-1@",
    f"{PREFIX.upper()}-1",
]


@pytest.mark.parametrize("identifier", NOT_OURS)
def test_whom_a_run_did_not_make_up(make: Make, identifier: str) -> None:
    """Is never noted, for whoever is noted is deleted. Got, expected, nearest, and not the name: it may be a real person's."""
    ledger = make()
    assert not ledger.is_ours(identifier)
    with pytest.raises(ValueError, match="expected a name of this run") as caught:
        ledger.note(identifier)
    message = f"identifier: got one that does not begin with '{PREFIX}-', or an email outside example.com; expected a name of this run; "
    assert str(caught.value) == message + "try cio_load.user.id, or f'{cio_load.user.id}-friend'"
    assert ledger.noted == []


@pytest.mark.parametrize("identifier", [f"{PREFIX}-1", f"{PREFIX}-mother", f"{PREFIX}-1@example.com", f"{PREFIX}-ü", f"{PREFIX}--"])
def test_whom_a_run_made_up(make: Make, identifier: str) -> None:
    """By the name alone."""
    assert make().is_ours(identifier)


@pytest.mark.parametrize("identifier", [None, 7, b"cio-load-3f9a1c07-1", [f"{PREFIX}-1"]])
def test_what_is_no_text_is_nobody(identifier: object) -> None:
    """Nor an error."""
    assert not is_made_up(identifier, PREFIX)


# The cap.

OVER = (
    "the guard refuses staging, rule 'caps': got one more person than the 3 that cio_max_people allows; expected at most 3; "
    "raise cio_max_people, or make up fewer"
)


def test_more_people_than_there_may_be(make: Make) -> None:
    """Got, expected, nearest; those there are can be had as before."""
    ledger = make(most=3)
    for index in (0, 7, 2):
        ledger.user(index)
    with pytest.raises(GuardRefused) as caught:
        ledger.user(1)
    assert str(caught.value) == OVER
    assert ledger.user(7).id == f"{PREFIX}-7"
    assert len(ledger.noted) == 3


def test_names_count_as_people(make: Make) -> None:
    """Whatever they are called."""
    ledger = make(most=3)
    for name in ("a", "a", "b@example.com", "5"):
        ledger.note(f"{PREFIX}-{name}").wait()
    with pytest.raises(GuardRefused) as caught:
        ledger.note(f"{PREFIX}-c")
    assert str(caught.value) == OVER


def test_how_many_were_made_up(make: Make) -> None:
    """Each once, by index or by name; not who is only reserved."""
    ledger = make()
    ledger.reserve(0).wait()
    assert ledger.made == 0
    ledger.settle(ledger.user(0).id)
    for name in ("0", "mother", "mother", "mother@example.com"):
        ledger.note(f"{PREFIX}-{name}").wait()
    assert ledger.made == 3


def test_the_deleted_count_as_well(make: Make) -> None:
    """They were made up, and are on the bill."""
    ledger = make(most=1)
    ledger.settle(ledger.user(0).id)
    with pytest.raises(GuardRefused):
        ledger.user(1)
    assert ledger.user(0).id == f"{PREFIX}-0"


def test_the_cap_does_not_hold_up_the_cleaning_up(make: Make) -> None:
    """It may need one more."""
    ledger = make(most=1)
    ledger.user(0)
    ledger.note(f"{PREFIX}-witness", capped=False).wait()
    assert len(ledger.noted) == 2


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"most": 0}, "most: got 0; expected 1 or more; try 1000"),
        ({"block": -2}, "block: got -2; expected 1 or more; try 1000"),
    ],
)
def test_numbers_that_make_no_sense(make: Make, said: dict[str, int], message: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match=message):
        make(**said)


def test_a_negative_index_of_a_durable_ledger(make: Make) -> None:
    """Got, expected, nearest."""
    with pytest.raises(ValueError, match="index: got -3; expected 0 or more; try 3"):
        make().user(-3)


# The end.


def test_what_the_cleaning_up_came_to_is_the_last_entry(make: Make) -> None:
    """On disk when it returns."""
    ledger = make()
    ledger.user(0)
    ledger.cleaned({"left": 0, "verified": True, "deleted": 1})
    last = _entries(ledger)[-1]
    assert last["cleaned"] == {"left": 0, "verified": True, "deleted": 1}
    assert str(last["at"]).endswith("+00:00")


@pytest.mark.parametrize(
    ("outcome", "got"),
    [
        ({}, "left=None and verified=None"),
        ({"left": 0}, "left=0 and verified=None"),
        ({"left": -1, "verified": True}, "left=-1 and verified=True"),
        ({"left": False, "verified": True}, "left=False and verified=True"),
        ({"left": 0, "verified": 1}, "left=0 and verified=1"),
    ],
)
def test_an_outcome_that_does_not_say_whether_anyone_is_left(make: Make, outcome: dict[str, object], got: str) -> None:
    """Got, expected, nearest; nothing is written."""
    ledger = make()
    with pytest.raises(ValueError) as caught:
        ledger.cleaned(outcome)
    assert str(caught.value) == f"outcome: got {got}; expected a number from 0 up, and True or False; try left=0, verified=True"
    assert _entries(ledger) == []


def test_an_outcome_that_cannot_be_written(make: Make, full: Callable[[], None]) -> None:
    """So the ledger stays one to clean up."""
    ledger = make()
    full()
    with pytest.raises(LedgerError, match="No space left on device"):
        ledger.cleaned({"left": 0, "verified": True})


def test_whom_a_ledger_held_before(make: Make) -> None:
    """They are noted, and are not written again."""
    ledger = make(most=None, known=[f"{PREFIX}-5", f"{PREFIX}-mother"])
    assert [user.id for user in ledger.noted] == [f"{PREFIX}-5", f"{PREFIX}-mother"]
    assert ledger.note(f"{PREFIX}-5").done
    assert ledger.note(f"{PREFIX}-mother").done
    assert _entries(ledger) == []
