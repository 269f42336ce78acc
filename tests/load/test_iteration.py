"""`cio_load`: what the body of a test holds while it runs."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any

import pytest

from pytest_cio_load.load.iteration import CURRENT, CurrentIteration, Iteration
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.safety.ledger import Ledger

SECOND = 1_000_000


class Ticking:
    """A clock that each reading moves on by a ms."""

    def __init__(self) -> None:
        self.micros = 0

    def __call__(self) -> int:
        self.micros += 1_000
        return self.micros


def recorder(warmup: int = 0) -> Recorder:
    """An empty one."""
    return Recorder({}, warmup=warmup, lag_tolerance=20_000, home=__file__)


def iteration(book: Recorder, index: int = 0, due: int = 0, seed: int = 7) -> Iteration:
    """One iteration that writes into *book*."""
    return Iteration(Arrival(index, due), book, now=Ticking(), user=Ledger("run").user, seed=seed)


def read(book: Recorder, name: str, aggregation: str) -> float:
    """One value of one metric that has samples."""
    metric = book.read(name)
    assert metric is not None
    return metric.read(aggregation, None, 1.0)


def test_it_knows_its_place() -> None:
    """Its index, and its due moment in seconds."""
    one = iteration(recorder(), index=12, due=1_500_000)
    assert (one.index, one.due) == (12, 1.5)


def test_now_is_seconds_since_the_start() -> None:
    """On the run's own clock."""
    assert iteration(recorder()).now() == 0.001


def test_its_user_is_its_own_and_always_the_same() -> None:
    """Made up when first asked for, by index."""
    one = iteration(recorder(), index=3)
    assert one.user.id == "run-3"
    assert one.user is one.user


def test_nobody_is_made_up_unless_asked_for() -> None:
    """An iteration that needs no person leaves none to clean up."""
    ledger = Ledger("run")
    Iteration(Arrival(0, 0), recorder(), now=Ticking(), user=ledger.user, seed=1).check("fine", True)
    assert ledger.noted == []


def test_random_numbers_are_the_same_for_the_same_seed_and_index() -> None:
    """Whatever else ran meanwhile; another index or another seed has others."""
    numbers = {(index, seed): iteration(recorder(), index, seed=seed).rng.random() for index in (1, 11) for seed in (1, 11)}
    assert numbers == {key: iteration(recorder(), key[0], seed=key[1]).rng.random() for key in numbers}
    assert len(set(numbers.values())) == 4


def test_random_numbers_go_on_within_an_iteration() -> None:
    """Asking for rng again does not begin anew."""
    one = iteration(recorder())
    assert one.rng.random() != one.rng.random()


@pytest.mark.parametrize(("ok", "held"), [(True, True), (False, False), (1, True), ("", False), (None, False), ([0], True)])
def test_a_check_counts_and_says_whether_it_held(ok: object, held: bool) -> None:
    """Under its own name and among all checks, without failing the iteration."""
    book = recorder()
    assert iteration(book).check("status is 200", ok) is held
    assert read(book, "checks", "rate") == read(book, "check:status is 200", "rate") == held


def test_a_group_is_timed_in_ms() -> None:
    """From its beginning to its end, on the run's clock."""
    book = recorder()
    with iteration(book).group("signup"):
        pass
    assert read(book, "group:signup", "max") == 1.0


def test_groups_nest() -> None:
    """The inner one's name holds the outer one's, and after it the outer one goes on."""
    book, one = recorder(), iteration(recorder())
    one = iteration(book)
    with one.group("signup"):
        with one.group("confirm"):
            pass
        with one.group("welcome"):
            pass
    with one.group("after"):
        pass
    names = ("group:signup/confirm", "group:signup/welcome", "group:signup", "group:after")
    assert [read(book, name, "count") for name in names] == [1, 1, 1, 1]


def test_a_group_that_raises_is_timed_and_left() -> None:
    """The exception passes, and the next group is not inside the broken one."""
    book = recorder()
    one = iteration(book)
    with pytest.raises(ZeroDivisionError), one.group("broken"):
        raise ZeroDivisionError
    with one.group("next"):
        pass
    assert [read(book, name, "count") for name in ("group:broken", "group:next")] == [1, 1]


def test_groups_of_concurrent_iterations_do_not_mix() -> None:
    """Each task has its own path."""
    book = recorder()

    async def body(index: int) -> None:
        with iteration(book, index).group(f"outer {index}"):
            await asyncio.sleep(0)
            with iteration(book, index).group("inner"):
                await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*map(body, range(3)))

    asyncio.run(main())
    assert [read(book, f"group:outer {index}/inner", "count") for index in range(3)] == [1, 1, 1]


def test_own_metrics_of_every_kind() -> None:
    """trend, counter, rate and gauge, each with its values."""
    book = recorder()
    one = iteration(book)
    one.trend("payload").add(512)
    one.counter("bytes").add(120)
    one.counter("bytes").add()
    one.rate("cached").add(True)
    one.rate("cached").add(0)
    one.gauge("backlog").add(-17)
    found = [read(book, "payload", "max"), read(book, "bytes", "count"), read(book, "cached", "rate"), read(book, "backlog", "value")]
    assert found == [512, 121, 0.5, -17]


def test_a_trend_may_be_in_ms() -> None:
    """Its unit is kept, for thresholds and reports."""
    book = recorder()
    iteration(book).trend("render", unit="ms").add(3)
    kinds = book.summary(planned=1, elapsed=1, end="complete", reason="").kinds
    assert (kinds["render"].kind, kinds["render"].unit) == (Kind.TREND, "ms")


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_value_that_is_none_is_refused(value: float) -> None:
    """Where it is added, so that the traceback shows the author's line."""
    with pytest.raises(ValueError, match="a trend was given"):
        iteration(recorder()).trend("payload").add(value)


def test_one_name_has_one_kind() -> None:
    """Using it as another is refused at once."""
    book = recorder()
    iteration(book).trend("payload").add(1)
    with pytest.raises(ValueError, match="metric 'payload' is a trend, used here as a counter: expected one kind for one name"):
        iteration(book, 1).counter("payload")


def test_a_name_that_every_run_has_is_refused() -> None:
    """With a name that would do."""
    with pytest.raises(ValueError, match="metric 'errors' is one that every run has: expected a name of your own, such as 'my_errors'"):
        iteration(recorder()).counter("errors")


def test_in_the_warmup_nothing_is_recorded_and_everything_works() -> None:
    """Checks still say whether they held, groups still nest, and names are still checked."""
    book = recorder(warmup=SECOND)
    one = iteration(book, due=SECOND - 1)
    assert one.check("fine", True) is True
    assert one.check("fine", False) is False
    with one.group("signup"):
        one.trend("payload").add(1)
        one.counter("bytes").add(1)
        one.rate("cached").add(True)
        one.gauge("backlog").add(1)
    with pytest.raises(ValueError, match="one kind for one name"):
        one.gauge("payload")
    names = ("checks", "check:fine", "group:signup", "payload", "bytes", "cached", "backlog")
    assert [book.read(name) for name in names] == [None] * 7


def test_what_is_due_when_the_warmup_ends_is_measured() -> None:
    """The boundary belongs to the measured part."""
    book = recorder(warmup=SECOND)
    iteration(book, due=SECOND).check("fine", True)
    assert read(book, "checks", "rate") == 1


def test_fixtures_hold_whichever_iteration_uses_them() -> None:
    """One object for all: within a task or thread it stands for the iteration that runs there."""
    current: Any = CurrentIteration()
    book = recorder()

    async def body(index: int) -> int:
        CURRENT.set(iteration(book, index))
        await asyncio.sleep(0)
        return int(current.index)

    async def main() -> list[int]:
        return await asyncio.gather(*map(body, range(5)))

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def test_outside_an_iteration_it_says_so() -> None:
    """In a fixture's set-up, or in a thread that the body started itself: what was asked, and what to do."""
    current: Any = CurrentIteration()
    messages: list[str] = []

    def elsewhere() -> None:
        with suppress(AttributeError):
            try:
                _ = current.user
            except RuntimeError as error:
                messages.append(str(error))

    token = CURRENT.set(iteration(recorder()))
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    CURRENT.reset(token)
    assert messages == [
        "cio_load.user was used outside an iteration: expected the body of a test, where each iteration has its own; "
        "in a fixture, keep cio_load and ask it from the body"
    ]


def test_a_name_it_does_not_have_is_an_attribute_error() -> None:
    """The stand-in is as strict as what it stands for."""
    current: Any = CurrentIteration()
    token = CURRENT.set(iteration(recorder()))
    with pytest.raises(AttributeError, match="indexx"):
        _ = current.indexx
    CURRENT.reset(token)
