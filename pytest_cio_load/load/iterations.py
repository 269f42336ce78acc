"""One run's iterations, each the current one of its task or thread while its body runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cio_load.load.iteration import CURRENT, Iteration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token
    from types import TracebackType

    from pytest_cio_load.load.iteration import Book
    from pytest_cio_load.load.schedule import Arrival
    from pytest_cio_load.safety.ledger import User


class Iterations:
    """Makes the iterations of one run. What they have in common is found once.

    Args:
        arguments: the body's, by name.
        stand_in: whichever of them is this one is the iteration itself, in each.
        book, now, user, seed, instrument: as ``Iteration`` has them.
        began: told of each as it becomes the current one, or None.
    """

    def __init__(
        self,
        arguments: Mapping[str, Any],
        stand_in: object,
        *,
        book: Book,
        now: Callable[[], int],
        user: Callable[[int], User],
        seed: int,
        instrument: Callable[[Any], Any],
        began: Callable[[Arrival], object] | None,
    ) -> None:
        self._arguments = dict(arguments)
        self._names = [name for name, value in arguments.items() if value is stand_in]
        self._book, self._now, self._user, self._seed, self._instrument = book, now, user, seed, instrument
        self._began = began

    def __call__(self, arrival: Arrival) -> Held:
        """The iteration of *arrival*, to be entered."""
        iteration = Iteration(arrival, self._book, now=self._now, user=self._user, seed=self._seed, instrument=self._instrument)
        arguments = self._arguments
        if self._names:
            arguments = arguments.copy()
            for name in self._names:
                arguments[name] = iteration
        return Held(iteration, arguments, self._began)


class Held:
    """A context manager in which one iteration is the current one; gives its body's arguments."""

    __slots__ = ("_arguments", "_began", "_iteration", "_token")

    def __init__(self, iteration: Iteration, arguments: dict[str, Any], began: Callable[[Arrival], object] | None) -> None:
        self._iteration, self._arguments, self._began = iteration, arguments, began

    def __enter__(self) -> dict[str, Any]:
        self._token: Token[Iteration | None] = CURRENT.set(self._iteration)
        if self._began is not None:
            self._began(self._iteration.arrival)
        return self._arguments

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        CURRENT.reset(self._token)
