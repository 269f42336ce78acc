"""What a test body holds while it runs: `cio_load`, its own iteration of the load."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pytest_cio_load.metrics.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cio_load.load.schedule import Arrival
    from pytest_cio_load.safety.ledger import User

MICROSECONDS = 1_000_000


class Book(Protocol):
    """Where an iteration writes: the recorder."""

    def measures(self, due: int) -> bool: ...
    def add(self, name: str, kind: Kind, value: float, unit: str = "") -> None: ...
    def declare(self, name: str, kind: Kind, unit: str = "") -> None: ...


ClientT = TypeVar("ClientT")


def _as_it_is(client: Any) -> Any:
    """Where nothing is measured, nothing is instrumented."""
    return client


class Iteration:
    """One run of the test body."""

    __slots__ = ("_book", "_instrument", "_now", "_person", "_random", "_seed", "_user", "arrival")

    def __init__(
        self,
        arrival: Arrival,
        book: Book,
        *,
        now: Callable[[], int],
        user: Callable[[int], User],
        seed: int,
        instrument: Callable[[Any], Any] = _as_it_is,
    ) -> None:
        self.arrival = arrival
        self._book, self._now, self._user, self._seed, self._instrument = book, now, user, seed, instrument
        self._person: User | None = None
        self._random: Random | None = None

    def __repr__(self) -> str:
        # No address: this stands in the texts of failed assertions, which must be the same in every run.
        return f"<cio_load: iteration {self.index}>"

    @property
    def index(self) -> int:
        """0, 1, 2, … in due order; unique within the run."""
        return self.arrival.index

    @property
    def due(self) -> float:
        """When the schedule says it begins, in seconds after the start of the run."""
        return self.arrival.due / MICROSECONDS

    @property
    def user(self) -> User:
        """A made-up person, this iteration's own: unique id, unique email; deleted from the target after the run."""
        if self._person is None:
            self._person = self._user(self.arrival.index)
        return self._person

    @property
    def rng(self) -> Random:
        """Random numbers of this iteration alone: the same in every run with the same seed, whatever else ran meanwhile."""
        if self._random is None:
            self._random = Random(f"iteration:{self._seed}:{self.arrival.index}")
        return self._random

    def now(self) -> float:
        """Seconds since the start of the run, on the run's clock: in virtual time, virtual seconds."""
        return self._now() / MICROSECONDS

    def check(self, name: str, ok: object) -> bool:
        """Count whether something held, without failing the iteration: metrics ``checks`` and ``check:NAME``. Returns ``bool(ok)``."""
        held = bool(ok)
        if self._measured:
            self._book.add("checks", Kind.RATE, held)
            self._book.add(f"check:{name}", Kind.RATE, held)
        return held

    @contextmanager
    def group(self, name: str) -> Iterator[None]:
        """Time a part of the body, ``async`` code too: metric ``group:NAME``, in ms. Groups nest: ``group:signup/confirm``.

        A part that raises is timed all the same.
        """
        outer = _GROUP.get()
        path = f"{outer}/{name}" if outer else name
        token, began = _GROUP.set(path), self._now()
        try:
            yield
        finally:
            _GROUP.reset(token)
            if self._measured:
                self._book.add(f"group:{path}", Kind.TREND, (self._now() - began) / 1000, "ms")

    def instrument(self, client: ClientT) -> ClientT:
        """Record every request of an httpx, httpx2 or requests client as a call, by its Customer.io operation, others as ``http``.

        The client is changed, once, and given back. Raises TypeError when it is no such client.
        """
        instrumented: ClientT = self._instrument(client)
        return instrumented

    def trend(self, name: str, unit: str = "") -> Own:
        """A metric of your own whose values have a distribution: ``cio_load.trend("payload").add(512)``. *unit*: "ms" or ""."""
        return self._own(name, Kind.TREND, unit)

    def counter(self, name: str) -> Own:
        """A metric of your own that adds up: ``cio_load.counter("bytes").add(120)``."""
        return self._own(name, Kind.COUNTER)

    def rate(self, name: str) -> Own:
        """A metric of your own that counts how often something is true: ``cio_load.rate("cached").add(hit)``."""
        return self._own(name, Kind.RATE)

    def gauge(self, name: str) -> Own:
        """A metric of your own that has a current value: ``cio_load.gauge("backlog").add(17)``."""
        return self._own(name, Kind.GAUGE)

    def _own(self, name: str, kind: Kind, unit: str = "") -> Own:
        self._book.declare(name, kind, unit)
        return Own(self._book, name, kind, unit, measured=self._measured)

    @property
    def _measured(self) -> bool:
        return self._book.measures(self.arrival.due)


class Own:
    """A metric of the author's own, within one iteration."""

    __slots__ = ("_book", "_kind", "_measured", "_name", "_unit")

    def __init__(self, book: Book, name: str, kind: Kind, unit: str, *, measured: bool) -> None:
        self._book, self._name, self._kind, self._unit, self._measured = book, name, kind, unit, measured

    def add(self, value: float = 1) -> None:
        """Add one value. Nothing is recorded while the run is in its warmup.

        Raises:
            ValueError: the value is none for this kind of metric: negative, NaN, infinite.
        """
        if self._measured:
            self._book.add(self._name, self._kind, value, self._unit)


_GROUP: ContextVar[str] = ContextVar("cio_load_group", default="")
CURRENT: ContextVar[Iteration | None] = ContextVar("cio_load_iteration", default=None)
"""The iteration that the running task or thread belongs to."""


class CurrentIteration:
    """The `cio_load` that fixtures hold: built once per test, it stands for whichever iteration uses it.

    Raises:
        RuntimeError: it was used outside an iteration: while a fixture was set up, say.
    """

    def __getattr__(self, name: str) -> object:
        iteration = CURRENT.get()
        if iteration is None:
            msg = (
                f"cio_load.{name} was used outside an iteration: expected the body of a test, where each iteration has its own; "
                "in a fixture, keep cio_load and ask it from the body"
            )
            raise RuntimeError(msg)
        return getattr(iteration, name)


class Unmeasured:
    """Where an iteration writes when nothing is measured: the body runs once, as the functional test it also is."""

    def measures(self, due: int) -> bool:
        """Nothing is."""
        return False

    def add(self, name: str, kind: object, value: float, unit: str = "") -> None:
        """Nothing."""

    def declare(self, name: str, kind: object, unit: str = "") -> None:
        """Nothing."""
